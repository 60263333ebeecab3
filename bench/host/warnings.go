package host

import (
	"fmt"
	"strings"
	"time"
)

// Limits above which [State.Warnings] says that a machine is busy. They are
// chosen for figures that have to hold within five per cent.
const (
	// MaxLoad is the load average per core that others may cause, before a run or, without
	// the run's own share, after it, where the time that they took is not known.
	MaxLoad = 0.5
	// MaxOthers is the share of the cores' time that other processes may take.
	MaxOthers = Share(0.05)
	// MaxSteal is the share of the cores' time that the hypervisor may take.
	MaxSteal = Share(0.01)
	// MaxSpread bounds [Calibration.CPUSpread], and [Calibration.WallSpread] on a machine
	// without a CPU clock.
	MaxSpread = Share(0.03)
	// MaxWaited bounds [Calibration.Waited].
	MaxWaited = Share(0.05)
)

// Warnings returns a sentence for each reason to doubt the figures of a run, none for
// a quiet machine. It warns of what exceeds [MaxLoad], [MaxOthers], [MaxSteal],
// [MaxSpread] or [MaxWaited]; of any throttled time; and of a frequency governor
// other than performance and userspace. What is not available gives no warning.
func (s State) Warnings() []string {
	var warnings []string
	warn := func(format string, args ...any) { warnings = append(warnings, fmt.Sprintf(format, args...)) }

	// The load of a minute holds what compiled the program, and the run before.
	_, exact := s.Others.Get()
	if load, ok := s.foreignLoad(); ok && !exact && load > MaxLoad*float64(s.Cores) {
		warn("the machine is busy: load %.1f on %s; figures may be some per cent too high", load, plural(s.Cores, "core"))
	}
	if share, ok := s.Share(s.Others).Get(); ok && share > MaxOthers {
		warn("other processes took %v of the time of the cores; figures may be some per cent too high", share)
	}
	if share, ok := s.Share(s.Steal).Get(); ok && share > MaxSteal {
		warn("the hypervisor took %v of the time of the cores for other machines; figures may be too high", share)
	}
	if throttled, ok := s.Throttled.Get(); ok && throttled > 0 {
		quota := ""
		if cores, ok := s.Quota.Get(); ok {
			quota = fmt.Sprintf(" of %.2f cores", cores)
		}
		warn("the container's quota%s stopped the run for %v; elapsed times are too high", quota, throttled.Round(time.Millisecond))
	}
	if governor, ok := s.Governor.Get(); ok && !steady(governor) {
		warn("the frequency governor is %s: the clock of the cores follows the load, and times follow the clock", governor)
	}
	if spread, ok := s.Calibration.CPUSpread().Get(); ok && spread > MaxSpread {
		warn("a loop that is always the same took %v more CPU time in the median than at best; figures allow for that as far as it slows them alike", spread)
	} else if spread, known := s.Calibration.WallSpread().Get(); !ok && known && spread > MaxSpread {
		warn("a loop that is always the same took %v longer in the median than at best; figures allow for that as far as it slows them alike", spread)
	}
	if waited, ok := s.Calibration.Waited().Get(); ok && waited > MaxWaited {
		warn("a loop on one core waited for the core %v of the time; something else runs on it", waited)
	}
	return warnings
}

// foreignLoad returns the load that the run did not cause: that before it, or that after it
// without the cores that the run kept busy, if that is more.
func (s State) foreignLoad() (float64, bool) {
	before, ok1 := s.LoadBefore.Get()
	after, ok2 := s.LoadAfter.Get()
	own, ok3 := s.Own.Get()
	if !ok2 || !ok3 || s.Elapsed <= 0 {
		return before, ok1
	}
	after -= float64(own) / float64(s.Elapsed)
	if !ok1 {
		return after, true
	}
	return max(before, after), true
}

// steady reports whether governors keep the frequency where it is.
func steady(governors string) bool {
	for name := range strings.SplitSeq(governors, ", ") {
		if name != "performance" && name != "userspace" {
			return false
		}
	}
	return true
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
