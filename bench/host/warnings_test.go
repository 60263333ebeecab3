package host

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// quiet is the state of a machine that does nothing else, for ten seconds.
func quiet() State {
	times := []time.Duration{200, 201, 202, 200, 203}
	return State{
		Elapsed: 10 * time.Second, Cores: 2,
		LoadBefore: Available(0.2), LoadAfter: Available(1.1),
		Own: Available(10 * time.Second), Busy: Available(10500 * time.Millisecond), Others: Available(500 * time.Millisecond),
		Steal:    Available(100 * time.Millisecond),
		Governor: Available("performance"), Frequency: Available(Hertz(3e9)), MaximumFrequency: Available(Hertz(4e9)),
		Quota: Available(1.5), Throttled: Available(time.Duration(0)),
		Calibration: Calibration{CPU: times, Wall: times},
	}
}

func TestWarnings(t *testing.T) {
	slow := []time.Duration{200, 210, 210, 210, 200}
	unknown := NotAvailable[time.Duration](errors.New("no counter"))
	for _, c := range []struct {
		name   string
		change func(*State)
		want   []string
	}{
		{"quiet", func(*State) {}, nil},
		{"nothing is known", func(s *State) { *s = State{Elapsed: time.Second, Cores: 1} }, nil},
		{
			"load before", func(s *State) { s.LoadBefore, s.Others = Available(3.2), unknown },
			[]string{"the machine is busy: load 3.2 on 2 cores; figures may be some per cent too high"},
		},
		{
			"load after, and none known before", func(s *State) {
				s.LoadBefore, s.LoadAfter, s.Others, s.Cores = NotAvailable[float64](errors.New("")), Available(3.2), unknown, 1
				s.Elapsed *= 2 // half a core
			},
			[]string{"the machine is busy: load 2.7 on 1 core; figures may be some per cent too high"},
		},
		{"load of the run itself", func(s *State) { s.LoadBefore, s.LoadAfter, s.Others = Available(1.0), Available(2.0), unknown }, nil},
		{"load of what ended before the run", func(s *State) { s.LoadBefore = Available(3.2) }, nil},
		{
			"others", func(s *State) { s.Others = Available(3 * time.Second) },
			[]string{"other processes took 15.0 % of the time of the cores; figures may be some per cent too high"},
		},
		{
			"steal", func(s *State) { s.Steal = Available(900 * time.Millisecond) },
			[]string{"the hypervisor took 4.5 % of the time of the cores for other machines; figures may be too high"},
		},
		{
			"throttled", func(s *State) { s.Throttled = Available(250 * time.Millisecond) },
			[]string{"the container's quota of 1.50 cores stopped the run for 250ms; elapsed times are too high"},
		},
		{
			"throttled by a quota that is not known", func(s *State) {
				s.Throttled, s.Quota = Available(250*time.Millisecond), NotAvailable[float64](errNoQuota)
			},
			[]string{"the container's quota stopped the run for 250ms; elapsed times are too high"},
		},
		{"userspace", func(s *State) { s.Governor = Available("performance, userspace") }, nil},
		{
			"governor", func(s *State) { s.Governor = Available("performance, schedutil") },
			[]string{"the frequency governor is performance, schedutil: the clock of the cores follows the load, and times follow the clock"},
		},
		{
			"spread", func(s *State) { s.Calibration = Calibration{CPU: slow, Wall: slow} },
			[]string{"a loop that is always the same took 5.0 % more CPU time in the median than at best; figures allow for that as far as it slows them alike"},
		},
		{
			"spread without a CPU clock", func(s *State) { s.Calibration = Calibration{Wall: slow} },
			[]string{"a loop that is always the same took 5.0 % longer in the median than at best; figures allow for that as far as it slows them alike"},
		},
		{
			"waited", func(s *State) {
				s.Calibration.Wall = []time.Duration{200, 201, 202, 600, 203}
			},
			[]string{"a loop on one core waited for the core 28.4 % of the time; something else runs on it"},
		},
		{
			"several", func(s *State) { s.Others, s.Steal = Available(3*time.Second), Available(2*time.Second) },
			[]string{
				"other processes took 15.0 % of the time of the cores; figures may be some per cent too high",
				"the hypervisor took 10.0 % of the time of the cores for other machines; figures may be too high",
			},
		},
	} {
		s := quiet()
		c.change(&s)
		require.Equal(t, c.want, s.Warnings(), c.name)
	}
}
