//go:build unix

package measure

import (
	"syscall"
	"time"
)

// Clock names what CPU times are on this system.
const Clock = "process CPU time"

// cpuTime returns the user and system time that all threads of this process have
// taken so far, in microseconds at best.
func cpuTime() time.Duration {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic("measure: getrusage of the own process: " + err.Error())
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
