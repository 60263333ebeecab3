//go:build !unix

package measure

import "time"

// Clock names what CPU times are on this system.
const Clock = "wall time"

var start = time.Now()

// cpuTime returns the time since the start of the process: the CPU clocks of
// systems other than Unix tick too slowly.
func cpuTime() time.Duration { return time.Since(start) }
