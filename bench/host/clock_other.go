//go:build !linux && !darwin

package host

import "time"

// threadTime is nil: the CPU clocks of systems other than Linux and macOS are coarse, or
// not known here.
var threadTime func() time.Duration

// processTime returns an error.
func processTime() (time.Duration, error) { return 0, errNoCPUClock }
