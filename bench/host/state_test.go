package host

import (
	"encoding/json"
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
)

// fakeSource is a source with files that a test changes, and a clock that stands still.
func fakeSource(texts map[string]string) (source, *time.Duration, *time.Duration) {
	var wall, own time.Duration
	return source{
		files:   files(texts),
		clock:   Clock{CPU: func() time.Duration { return own }, Wall: func() time.Duration { return wall }},
		process: func() (time.Duration, error) { return own, nil },
	}, &wall, &own
}

func write(s source, name, text string) {
	s.files.(fstest.MapFS)[name] = &fstest.MapFile{Data: []byte(text)}
}

func TestStateIsWhatChanged(t *testing.T) {
	s, wall, own := fakeSource(map[string]string{
		"proc/stat":                                   twoCores,
		"proc/loadavg":                                "0.25 0 0 1/1 1\n",
		"proc/self/cgroup":                            "0::/\n",
		cgroupFolder + "/cgroup.controllers":          "cpu\n",
		cgroupFolder + "/cpu.max":                     "150000 100000\n",
		cgroupFolder + "/cpu.stat":                    "throttled_usec 1000\n",
		frequencyFolder + "/policy0/scaling_governor": "performance\n",
	})
	w := start(s)
	w.Round()
	*wall, *own = 10*time.Second, 9*time.Second
	write(s, "proc/stat", "cpu  1900 250 350 4000 50 6 7 100 90 10\ncpu0 1\ncpu1 1\n")
	write(s, "proc/loadavg", "1.5 0 0 1/1 1\n")
	write(s, cgroupFolder+"/cpu.stat", "throttled_usec 251000\n")
	got := w.State()

	require.Len(t, got.Calibration.Wall, 2*roundsAtEnds+1)
	got.Calibration = Calibration{}
	const hidden = "the kernel does not show the frequency of the cores, as in most virtual machines"
	require.Equal(t, State{
		Elapsed: 10 * time.Second, Cores: 2,
		LoadBefore: Available(0.25), LoadAfter: Available(1.5),
		Own: Available(9 * time.Second), Busy: Available(10 * time.Second), Others: Available(time.Second),
		Steal:    Available(200 * time.Millisecond),
		Governor: Available("performance"), Frequency: NotAvailable[Hertz](errors.New(hidden)), MaximumFrequency: NotAvailable[Hertz](errors.New(hidden)),
		Quota: Available(1.5), Throttled: Available(250 * time.Millisecond),
	}, got)
	require.Equal(t, "5.0 %", got.Share(got.Others).String())
	require.Equal(t, "1.0 %", got.Share(got.Steal).String())
	require.Equal(t, hidden, State{}.Share(NotAvailable[time.Duration](errors.New(hidden))).Err().Error())
	require.EqualError(t, State{}.Share(Available(time.Second)).Err(), "no time passed")

	text, err := json.Marshal(got)
	require.NoError(t, err)
	var back State
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, got, back)
}

// A state may be taken again, and the first one does not change.
func TestStateWhileTheRunGoesOn(t *testing.T) {
	s, wall, _ := fakeSource(nil)
	w := start(s)
	*wall = time.Second
	first := w.State()
	rounds := len(first.Calibration.Wall)
	*wall = 2 * time.Second
	second := w.State()
	require.Equal(t, []time.Duration{time.Second, 2 * time.Second}, []time.Duration{first.Elapsed, second.Elapsed})
	require.Len(t, first.Calibration.Wall, rounds)
	require.Len(t, second.Calibration.Wall, rounds+roundsAtEnds)
}

func TestTicksOfTheMachine(t *testing.T) {
	times := func(busy, steal time.Duration) Value[cpuTimes] { return Available(cpuTimes{busy, steal, 4}) }
	none := NotAvailable[cpuTimes](errors.New("no file"))
	noClock := NotAvailable[time.Duration](errors.New("no clock"))
	for name, c := range map[string]struct {
		elapsed             time.Duration
		own                 Value[time.Duration]
		before, after       Value[cpuTimes]
		busy, steal, others string
	}{
		"busy":         {time.Second, Available(time.Second), times(5e9, 1e9), times(8e9, 2e9), "3s", "1s", "2s"},
		"lagging":      {time.Second, Available(time.Second), times(0, 0), times(9e8, 0), "900ms", "0s", "0s"},
		"no own clock": {time.Second, noClock, times(0, 0), times(9e8, 0), "900ms", "0s", noClock.String()},
		"steal back": {
			time.Second, Available(time.Second), times(0, 5e9), times(1e9, 4e9),
			"1s", "not available, because the kernel's counter went back", "0s",
		},
		"busy back": {
			time.Second, Available(time.Second), times(5, 0), times(4, 0),
			"not available, because the kernel's counter went back", "0s", "not available, because the kernel's counter went back",
		},
		"too short": {
			40 * time.Millisecond, Available(time.Second), times(0, 0), times(9e8, 0),
			"not available, because the run took 40ms, and the kernel counts in steps of 10ms",
			"not available, because the run took 40ms, and the kernel counts in steps of 10ms",
			"not available, because the run took 40ms, and the kernel counts in steps of 10ms",
		},
		"none before": {time.Second, noClock, none, times(0, 0), none.String(), none.String(), none.String()},
		"none after":  {time.Second, noClock, times(0, 0), none, none.String(), none.String(), none.String()},
	} {
		s := State{Elapsed: c.elapsed, Own: c.own}
		s.setTimes(c.before, c.after)
		require.Equal(t, []string{c.busy, c.steal, c.others}, []string{s.Busy.String(), s.Steal.String(), s.Others.String()}, name)
	}
}

func TestWatchWithoutFiles(t *testing.T) {
	s := source{files: noFiles{}, clock: SystemClock(), process: processTime}
	state := start(s).State()
	state.Calibration = Calibration{}
	require.Empty(t, state.Warnings())
	for _, err := range []error{
		state.LoadBefore.Err(), state.LoadAfter.Err(), state.Busy.Err(), state.Others.Err(), state.Steal.Err(),
		state.Governor.Err(), state.Frequency.Err(), state.MaximumFrequency.Err(), state.Quota.Err(), state.Throttled.Err(),
	} {
		require.EqualError(t, err, errNoFiles.Error())
	}
}

func TestWatchOfThisMachine(t *testing.T) {
	state := Start().State()
	require.GreaterOrEqual(t, state.Elapsed, time.Duration(0))
	require.Positive(t, state.Cores)
	require.Len(t, state.Calibration.Wall, 2*roundsAtEnds)
	text, err := json.MarshalIndent(state, "", "  ")
	require.NoError(t, err)
	t.Logf("%s\n%q", text, state.Warnings())
}
