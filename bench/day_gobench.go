package bench

import (
	"fmt"
	"io"
	"strings"

	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/result"
)

// writeDayGoBench writes the Go benchmark data format: a line for each party in each suite and
// scheme, whose ns/op are the CPU time of its day, and one for each price of the combiner, whose
// ns/op are those of processing a renewal. A day is one estimate, and no sample.
func writeDayGoBench(w io.Writer, r dayReport) error {
	var b strings.Builder
	cpu, _ := r.Device.Machine.CPU.Get()
	for _, line := range [][2]string{
		{"goos", r.Device.Machine.OS}, {"goarch", r.Device.Machine.Arch}, {"pkg", "github.com/mlsuite/mlsuite/bench"},
		{"cpu", cpu}, {"go", r.Device.Machine.GoVersion}, {"day", r.Day.Name},
	} {
		if line[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
		}
	}
	b.WriteString("\n")
	line := func(name string, cpu result.Figure, more string) {
		fmt.Fprintf(&b, "Benchmark%s\t1\t%.0f ns/op\t%.0f low-ns/op", name, cpu.Value, cpu.Low)
		if cpu.High >= cpu.Value {
			fmt.Fprintf(&b, "\t%.0f high-ns/op", cpu.High)
		}
		b.WriteString(more + "\n")
	}
	party := func(of, name string, c day.Cost) {
		line(fmt.Sprintf("Day/%s/n=%d/party=%s", of, r.Day.Members, name), c.CPU, fmt.Sprintf("\t%.0f up-bytes/op\t%.0f down-bytes/op", c.Up, c.Down))
	}
	for _, s := range append(r.Suites[:len(r.Suites):len(r.Suites)], r.Beside...) {
		for _, p := range s.Parties {
			party(fmt.Sprintf("suite=%s/scheme=%s", s.Suite, strings.ReplaceAll(s.Scheme, " ", "-")), p.Party, p.Cost)
		}
	}
	if c := r.Combiner; c != nil {
		for _, p := range c.prices() {
			of := fmt.Sprintf("t=%s/pq=%s/every=%d", c.T.Suite, c.PQ.Suite, p.Every)
			if p.Suite != nil {
				of = "suite=" + p.Suite.Suite + "/scheme=formats"
			}
			line(fmt.Sprintf("Renewal/%s/n=%d", of, r.Day.Members), p.Process,
				fmt.Sprintf("\t%.0f commit-ns/op\t%.0f message-bytes/op\t%.4f times-classical", p.Commit.Value, p.Bytes, p.Times))
			for _, one := range p.Parties {
				party(of, one.Party, one.Cost)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
