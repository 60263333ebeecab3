package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/bench/result"
)

// read reads results. It returns an error for an operation and for a tree that this program
// does not know.
func read(from io.Reader) (*result.Results, error) {
	r, err := result.Read(from)
	if err != nil {
		return nil, err
	}
	for i := range r.Cells {
		c := &r.Cells[i]
		known := append(withBatches([]string{c.Op}), sizesOnly()...)
		if _, err := choose("operation", c.Op, known); err != nil {
			return nil, fmt.Errorf("cell %d, %s: this program knows no operation %q", i+1, c.Title(), c.Op)
		}
		if _, err := choose("tree", c.Tree, trees()); err != nil {
			return nil, fmt.Errorf("cell %d, %s: this program knows no tree %q", i+1, c.Title(), c.Tree)
		}
	}
	return r, nil
}

// fact is what differs between two runs.
type fact struct{ what, was, is string }

// differences returns in what the machines, the settings and the providers of two runs differ.
func differences(was, is *result.Results) []fact {
	facts := []fact{
		{"system", was.Machine.OS + "/" + was.Machine.Arch, is.Machine.OS + "/" + is.Machine.Arch},
		{"CPU", was.Machine.CPU.String(), is.Machine.CPU.String()},
		{"number of cores", fmt.Sprint(was.Machine.Cores), fmt.Sprint(is.Machine.Cores)},
		{"memory", was.Machine.Memory.String(), is.Machine.Memory.String()},
		{"Go version", was.Machine.GoVersion, is.Machine.GoVersion},
		{"clock", was.Measurement.Clock, is.Measurement.Clock},
		{"sample time", time.Duration(was.Measurement.SampleNS).String(), time.Duration(is.Measurement.SampleNS).String()},
		{"size of messages", fmt.Sprint(was.Measurement.MessageBytes), fmt.Sprint(is.Measurement.MessageBytes)},
		{"list of reachable suites", fmt.Sprint(was.Measurement.Reachable), fmt.Sprint(is.Measurement.Reachable)},
	}
	for _, s := range is.Suites {
		same := func(o result.Suite) bool { return o.Name == s.Name && o.ID == s.ID }
		if i := slices.IndexFunc(was.Suites, same); i >= 0 {
			facts = append(facts, fact{"set of providers of " + s.Name, strings.Join(was.Suites[i].Providers, "; "), strings.Join(s.Providers, "; ")})
		}
	}
	return slices.DeleteFunc(facts, func(f fact) bool { return f.was == f.is })
}
