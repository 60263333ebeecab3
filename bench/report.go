package bench

import (
	"runtime"
	"runtime/debug"
	"slices"

	"github.com/klauspost/cpuid/v2"

	"github.com/mlsuite/mlsuite/bench/measure"
)

// report is everything that a run found, and on which machine. Its JSON form is a
// contract.
type report struct {
	Machine     machine     `json:"machine"`
	GoVersion   string      `json:"go_version"`
	Modules     []module    `json:"modules"` // this one first
	Measurement measurement `json:"measurement"`
	Policies    []string    `json:"policies,omitempty"` // that the run was restricted by
	With        []string    `json:"with,omitempty"`     // their parameters
	LeftOut     []omission  `json:"left_out,omitempty"`
	Results     []result    `json:"results"`
}

type machine struct {
	OS    string `json:"os"`
	Arch  string `json:"arch"`
	CPU   string `json:"cpu"` // as it calls itself, or ""
	Cores int    `json:"cores"`
}

type module struct {
	Path    string `json:"path"`
	Version string `json:"version"`
}

// measurement says how cpu_ns came about: the median of count samples on clock.
type measurement struct {
	Clock string `json:"clock"`
	Count int    `json:"count"`
	NS    int64  `json:"benchtime_ns"`
}

// result is the cost of one operation in one group.
type result struct {
	Suite      string `json:"suite"`
	ID         code   `json:"id"`
	GroupSize  int    `json:"group_size"`
	Op         string `json:"op"`
	Tree       string `json:"tree"`
	CPU        int64  `json:"cpu_ns"`
	Limit      int64  `json:"limit_ns"`
	Allocs     int64  `json:"allocs"`
	AllocBytes int64  `json:"alloc_bytes"`
	Bytes      int    `json:"bytes"`

	samples []measure.Sample
}

func newReport(s settings, results []result) report {
	r := report{
		Machine:   machine{OS: runtime.GOOS, Arch: runtime.GOARCH, CPU: cpuid.CPU.BrandName, Cores: runtime.NumCPU()},
		GoVersion: runtime.Version(),
		Measurement: measurement{
			Clock: measure.Clock, Count: s.plan.Count, NS: s.plan.Time.Nanoseconds(),
		},
		Modules:  []module{},
		Policies: s.policies,
		With:     s.with,
		LeftOut:  s.leftOut,
		Results:  results,
	}
	if build, ok := debug.ReadBuildInfo(); ok {
		for _, m := range slices.Concat([]*debug.Module{&build.Main}, build.Deps) {
			if m.Replace != nil {
				m = m.Replace
			}
			r.Modules = append(r.Modules, module{m.Path, m.Version})
		}
	}
	return r
}

// find returns the result of an operation in the same group as another result.
func (r report) find(of result, op string) (result, bool) {
	i := slices.IndexFunc(r.Results, func(x result) bool {
		return x.ID == of.ID && x.GroupSize == of.GroupSize && x.Tree == of.Tree && x.Op == op
	})
	if i < 0 {
		return result{}, false
	}
	return r.Results[i], true
}
