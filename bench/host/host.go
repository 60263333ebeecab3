// Package host describes the machine on which a benchmark runs: what it is, and
// whether it was busy with something else meanwhile.
//
// [ThisMachine] says what the machine is. [Start] begins to watch it, and
// [Watch.State] says what was seen since: load, steal time, CPU time of other
// processes, the frequency governor, throttling by a container's quota, and the
// times of a fixed loop that should all be the same. [State.Warnings] puts in
// plain sentences which of these make the figures of a run doubtful.
// [OpenCounter] counts instructions, which do not depend on neighbours at all.
//
// A figure that the system does not give is a [Value] that says why; it is never
// a zero. Most figures come from /proc and /sys of Linux and Android. Elsewhere the
// package builds and works, and says that they are not available.
package host

import (
	"fmt"
	"io/fs"
	"runtime"
	"strings"

	"github.com/klauspost/cpuid/v2"
)

// Machine is what does not change while a program runs.
type Machine struct {
	OS        string        `json:"os"`         // as GOOS
	Arch      string        `json:"arch"`       // as GOARCH
	CPU       Value[string] `json:"cpu"`        // as it calls itself
	Cores     int           `json:"cores"`      // that this process may use, as [runtime.NumCPU] counts them
	GoVersion string        `json:"go_version"` // that built the program
	Memory    Value[Bytes]  `json:"memory_bytes"`
}

// ThisMachine returns the machine that the program runs on.
func ThisMachine() Machine {
	return newMachine(systemFiles(), strings.TrimSpace(cpuid.CPU.BrandName))
}

func newMachine(files fs.FS, brand string) Machine {
	m := Machine{
		OS: runtime.GOOS, Arch: runtime.GOARCH,
		CPU:   Available(brand),
		Cores: runtime.NumCPU(), GoVersion: runtime.Version(),
		Memory: readMemory(files),
	}
	if brand == "" {
		m.CPU = readProcessor(files)
	}
	return m
}

// Bytes is a size in bytes.
type Bytes uint64

// String returns the size with a binary unit.
func (b Bytes) String() string {
	if b < 1<<10 {
		return fmt.Sprintf("%d B", uint64(b))
	}
	size, unit := float64(b)/(1<<10), 0
	for size >= 1024 && unit < len("KMGTPE")-1 {
		size /= 1024
		unit++
	}
	return fmt.Sprintf("%.1f %ciB", size, "KMGTPE"[unit])
}

// Hertz is a frequency in hertz.
type Hertz uint64

// String returns the frequency in GHz or, below one of them, in MHz.
func (h Hertz) String() string {
	if h >= 1e9 {
		return fmt.Sprintf("%.2f GHz", float64(h)/1e9)
	}
	return fmt.Sprintf("%.0f MHz", float64(h)/1e6)
}

// Share is a part of a whole, where 1 is the whole. A share by which something grew
// may be more.
type Share float64

// String returns the share in per cent.
func (s Share) String() string { return fmt.Sprintf("%.1f %%", 100*float64(s)) }
