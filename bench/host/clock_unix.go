//go:build linux || darwin

package host

import (
	"time"

	"golang.org/x/sys/unix"
)

// threadTime returns the CPU time of the calling thread.
func threadTime() time.Duration { return clockTime(unix.CLOCK_THREAD_CPUTIME_ID) }

// processTime returns the CPU time of all threads of this process, those that ended among
// them.
func processTime() (time.Duration, error) { return clockTime(unix.CLOCK_PROCESS_CPUTIME_ID), nil }

func clockTime(id int32) time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(id, &t); err != nil {
		panic("host: the CPU clock of the own process: " + err.Error())
	}
	return time.Duration(t.Nano())
}
