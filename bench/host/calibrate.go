package host

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/bench/measure"
)

// Iterations is the number of steps of one round of the calibration loop. A round takes
// about a third of a millisecond on a server's core of today.
const Iterations = 1 << 17

// Clock tells the times since some moment in the past.
type Clock struct {
	// CPU returns the CPU time of the calling thread. It is nil where the system has no
	// such clock, or none that is fine enough.
	CPU func() time.Duration
	// Wall returns the time that passed, monotonic.
	Wall func() time.Duration
}

// SystemClock returns the clock of this machine. It has a CPU clock on Linux, Android and
// macOS.
func SystemClock() Clock {
	start := time.Now()
	return Clock{CPU: threadTime, Wall: func() time.Duration { return time.Since(start) }}
}

// Calibration holds the times of rounds of a loop that is always the same: [Iterations] steps
// of [measure.Work], which is integer arithmetic without memory. Where rounds differ, the
// machine differed.
type Calibration struct {
	CPU  []time.Duration `json:"cpu_ns"`  // thread CPU time of each round; none without a CPU clock
	Wall []time.Duration `json:"wall_ns"` // elapsed time of each round
}

// Calibrate runs rounds of the loop.
func Calibrate(clock Clock, rounds int) Calibration {
	c := Calibration{CPU: []time.Duration{}, Wall: []time.Duration{}}
	for range rounds {
		c.round(clock)
	}
	return c
}

func (c *Calibration) round(clock Clock) {
	runtime.LockOSThread() // the CPU clock is that of the thread
	defer runtime.UnlockOSThread()
	wall := clock.Wall()
	var cpu time.Duration
	if clock.CPU != nil {
		cpu = clock.CPU()
	}
	if measure.Work(1, Iterations) == 0 {
		panic("host: the calibration loop reached zero, which it cannot")
	}
	if clock.CPU != nil {
		c.CPU = append(c.CPU, clock.CPU()-cpu)
	}
	c.Wall = append(c.Wall, clock.Wall()-wall)
}

// minRounds is the number of rounds from which a spread says something.
const minRounds = 5

// errNoCPUClock says why there is no CPU time.
var errNoCPUClock = fmt.Errorf("this program knows no fine CPU clock of %s", runtime.GOOS)

// CPUSpread returns by which share the median of the rounds' CPU times exceeds the least.
// It grows if neighbours take the caches, the memory or the other half of a core, and if
// the frequency changes. It is not available for less than five rounds, or without a CPU
// clock.
func (c Calibration) CPUSpread() Value[Share] {
	if len(c.CPU) == 0 && len(c.Wall) > 0 {
		return NotAvailable[Share](errNoCPUClock)
	}
	return valueOf(spread(c.CPU))
}

// WallSpread returns by which share the median of the rounds' elapsed times exceeds the
// least. It grows too if something else takes the core. It is not available for less than
// five rounds.
func (c Calibration) WallSpread() Value[Share] { return valueOf(spread(c.Wall)) }

func spread(times []time.Duration) (Share, error) {
	if len(times) < minRounds {
		return 0, fmt.Errorf("there are %d rounds, and it takes %d", len(times), minRounds)
	}
	sorted := slices.Sorted(slices.Values(times))
	if sorted[0] <= 0 {
		return 0, errors.New("the clock is too coarse")
	}
	n := len(sorted)
	median := (sorted[(n-1)/2] + sorted[n/2]) / 2
	return Share(median)/Share(sorted[0]) - 1, nil
}

// Waited returns the share of the elapsed time of all rounds in which the loop did not run.
func (c Calibration) Waited() Value[Share] {
	if len(c.CPU) == 0 && len(c.Wall) > 0 {
		return NotAvailable[Share](errNoCPUClock)
	}
	var cpu, wall time.Duration
	for i := range c.CPU {
		cpu += c.CPU[i]
		wall += c.Wall[i]
	}
	if wall <= 0 {
		return NotAvailable[Share](errors.New("no time passed"))
	}
	return Available(max(0, 1-Share(cpu)/Share(wall)))
}
