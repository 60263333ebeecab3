package host

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"slices"
	"time"
)

// State is what the machine did while a benchmark ran. Times of the machine are those of
// all its cores together, which may be more than the process may use.
type State struct {
	Elapsed time.Duration `json:"elapsed_ns"` // of the run
	Cores   int           `json:"cores"`      // of the machine if the system says so; else that the process may use

	LoadBefore Value[float64] `json:"load_before"` // average of a minute, when the run began
	LoadAfter  Value[float64] `json:"load_after"`  // the same when the state was taken; holds the run itself

	Own    Value[time.Duration] `json:"own_ns"`    // CPU time of this process
	Busy   Value[time.Duration] `json:"busy_ns"`   // CPU time of all processes and the kernel
	Others Value[time.Duration] `json:"others_ns"` // Busy without Own
	Steal  Value[time.Duration] `json:"steal_ns"`  // a hypervisor ran something else meanwhile

	Governor         Value[string] `json:"governor"`             // of the frequency; names in order if cores differ
	Frequency        Value[Hertz]  `json:"frequency_hz"`         // of the fastest core, when the state was taken
	MaximumFrequency Value[Hertz]  `json:"maximum_frequency_hz"` // of the fastest core

	Quota     Value[float64]       `json:"quota_cores"`  // of the process's control groups, the smallest
	Throttled Value[time.Duration] `json:"throttled_ns"` // because of it, of all cores together

	Calibration Calibration `json:"calibration"`
}

// Share returns the share of a time in the time that all cores had.
func (s State) Share(t Value[time.Duration]) Value[Share] {
	d, err := t.value, t.Err()
	if err == nil && (s.Elapsed <= 0 || s.Cores < 1) {
		err = errors.New("no time passed")
	}
	if err != nil {
		return NotAvailable[Share](err)
	}
	return Available(Share(d) / (Share(s.Elapsed) * Share(s.Cores)))
}

// roundsAtEnds is the number of calibration rounds before and after a run.
const roundsAtEnds = 5

// Watch watches the machine from [Start] on. Its methods are for one goroutine at a time.
type Watch struct {
	source      source
	before      reading
	calibration Calibration
}

// source is where a Watch takes its readings from.
type source struct {
	files   fs.FS
	clock   Clock
	process func() (time.Duration, error) // CPU time of this process
}

// reading is what counters stand at.
type reading struct {
	wall  time.Duration
	load  Value[float64]
	own   Value[time.Duration]
	times Value[cpuTimes]
	quota quota
}

// Start reads the machine's state, then runs five rounds of the calibration loop, which take
// about two milliseconds.
func Start() *Watch {
	return start(source{files: systemFiles(), clock: SystemClock(), process: processTime})
}

func start(s source) *Watch {
	w := &Watch{source: s, before: s.read()}
	w.calibration = Calibrate(s.clock, roundsAtEnds)
	return w
}

func (s source) read() reading {
	return reading{
		wall:  s.clock.Wall(),
		load:  readLoad(s.files),
		own:   valueOf(s.process()),
		times: valueOf(readCPUTimes(s.files)),
		quota: readQuota(s.files),
	}
}

// Round runs one more round of the calibration loop, between the measurements of a run: the
// spread of rounds then says how steady the machine was all the time.
func (w *Watch) Round() { w.calibration.round(w.source.clock) }

// State runs five rounds of the calibration loop, then returns the state from Start until now.
// It may be called again, as the run goes on.
func (w *Watch) State() State {
	for range roundsAtEnds {
		w.Round()
	}
	frequency := readFrequencies(w.source.files)
	after := w.source.read()
	s := State{
		Elapsed:    after.wall - w.before.wall,
		Cores:      runtime.NumCPU(),
		LoadBefore: w.before.load, LoadAfter: after.load,
		Own:      difference(w.before.own, after.own),
		Governor: frequency.governor, Frequency: frequency.current, MaximumFrequency: frequency.maximum,
		Quota:     after.quota.cores,
		Throttled: difference(w.before.quota.throttled, after.quota.throttled),
		Calibration: Calibration{
			CPU: slices.Clone(w.calibration.CPU), Wall: slices.Clone(w.calibration.Wall),
		},
	}
	s.setTimes(w.before.times, after.times)
	return s
}

// minRun is the shortest run of which ticks say something: ten of them.
const minRun = 10 * tick

// setTimes sets what the ticks of the machine say.
func (s *State) setTimes(before, after Value[cpuTimes]) {
	err := before.Err()
	if err == nil {
		err = after.Err()
	}
	if err == nil {
		s.Cores = after.value.cores
		if s.Elapsed < minRun {
			err = fmt.Errorf("the run took %v, and the kernel counts in steps of %v", s.Elapsed.Round(time.Millisecond), tick)
		}
	}
	if err != nil {
		none := NotAvailable[time.Duration](err)
		s.Busy, s.Steal, s.Others = none, none, none
		return
	}
	s.Busy = difference(Available(before.value.busy), Available(after.value.busy))
	s.Steal = difference(Available(before.value.steal), Available(after.value.steal))
	s.Others = s.Busy
	if busy, ok := s.Busy.Get(); ok {
		s.Others = s.Own
		if own, ok := s.Own.Get(); ok { // ticks may lag behind the finer clock of the process
			s.Others = Available(max(0, busy-own))
		}
	}
}

// difference returns after without before.
func difference(before, after Value[time.Duration]) Value[time.Duration] {
	if before.Err() != nil {
		return before
	}
	if after.Err() != nil {
		return after
	}
	if after.value < before.value {
		return NotAvailable[time.Duration](errors.New("the kernel's counter went back"))
	}
	return Available(after.value - before.value)
}
