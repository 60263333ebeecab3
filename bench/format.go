package bench

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
)

// formats returns the forms of a report. A page shows the verdicts of the policies that
// restrict the run, or else those of the built-in profiles.
func (p program) formats(f policyFlags) []format {
	return []format{
		{"table", withPairs(writeTable)}, {summary, withPairs(writeSummary)}, {"markdown", withPairs(writeMarkdown)},
		{"html", func(w io.Writer, r *result.Results) error { return p.writePage(w, f, r) }},
		{"json", writeJSON[*result.Results]}, {"csv", writeCSV}, {goBench, writeGoBench},
	}
}

func writeJSON[T any](w io.Writer, value T) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// writeCSV writes the cells that were measured, a line each: figures with their bounds.
func writeCSV(w io.Writer, r *result.Results) error {
	rows := [][]string{{
		"suite", "id", "group_size", "op", "tree",
		"cpu_ns", "cpu_low_ns", "cpu_high_ns", "cpu_raw_median_ns", "cpu_p90_ns", "limit_ns", "ratio", "ratio_low", "ratio_high",
		"resolved", "rank", "instructions", "allocs", "alloc_bytes", "bytes",
		"limit_fastest_ns", "ratio_fastest", "ratio_fastest_low", "ratio_fastest_high",
	}}
	for _, c := range r.Cells {
		if c.Samples == nil {
			continue
		}
		row := []string{c.Suite, c.ID.String(), strconv.Itoa(c.GroupSize), c.Op, c.Tree}
		for _, ns := range []float64{c.CPU.Value, c.CPU.Low, c.CPU.High, c.CPU.RawMedian, c.CPU.P90, c.Limit.Value} {
			row = append(row, whole(ns))
		}
		for _, x := range []float64{c.Ratio.Value, c.Ratio.Low, c.Ratio.High} {
			row = append(row, strconv.FormatFloat(x, 'f', 4, 64))
		}
		instructions := ""
		if c.Instructions != nil {
			instructions = whole(c.Instructions.Value)
		}
		row = append(row, strconv.FormatBool(c.Resolved), strconv.Itoa(c.Rank), instructions,
			whole(c.Allocs), whole(c.AllocBytes), strconv.Itoa(c.Bytes))
		row = append(row, fastestColumns(&c)...)
		rows = append(rows, row)
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// fastestColumns returns the limit on the fastest providers, the ratio to it and its bounds.
func fastestColumns(c *result.Cell) []string {
	if c.LimitFastest == nil || c.RatioFastest == nil {
		return []string{"", "", "", ""}
	}
	columns := []string{whole(c.LimitFastest.Value)}
	for _, x := range []float64{c.RatioFastest.Value, c.RatioFastest.Low, c.RatioFastest.High} {
		columns = append(columns, strconv.FormatFloat(x, 'f', 4, 64))
	}
	return columns
}

func whole(x float64) string { return strconv.FormatFloat(x, 'f', 0, 64) }

const (
	summary      = "summary"
	goBench      = "gobench"
	leastGoBench = 10 // rounds, without which benchstat has no interval
)

// writeGoBench writes the Go benchmark data format, a line for each round of each cell and of
// each price: https://golang.org/design/14313-benchmark-format. Its ns/op are CPU time without
// disturbance, as in the other formats; raw-ns/op are as the clock had them.
func writeGoBench(w io.Writer, r *result.Results) error {
	cpu, _ := r.Machine.CPU.Get()
	header := [][2]string{
		{"goos", r.Machine.OS}, {"goarch", r.Machine.Arch}, {"pkg", "github.com/mlsuite/mlsuite/bench"},
		{"cpu", cpu}, {"go", r.Machine.GoVersion}, {"clock", r.Measurement.Clock},
	}
	var b strings.Builder
	for _, line := range header {
		if line[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
		}
	}
	b.WriteString("\n")
	for _, c := range r.Cells {
		name := fmt.Sprintf("Benchmark%s%s/suite=%s/n=%d/tree=%s", strings.ToUpper(c.Op[:1]), c.Op[1:], c.Suite, c.GroupSize, c.Tree)
		undisturbed := undisturbed(&c, r.Measurement.LoopNS)
		for i, s := range c.Samples {
			fmt.Fprintf(&b, "%s\t1\t%.0f ns/op\t%.0f limit-ns/op\t%.0f raw-ns/op\t%.0f B/op\t%.0f allocs/op\t%d message-bytes/op",
				name, undisturbed[i], s.Limit*undisturbed[i]/s.CPU, s.CPU, s.AllocBytes, s.Allocs, c.Bytes)
			if s.LimitFastest > 0 {
				fmt.Fprintf(&b, "\t%.0f limit-fastest-ns/op", s.LimitFastest*undisturbed[i]/s.CPU)
			}
			if s.Instructions > 0 {
				fmt.Fprintf(&b, "\t%.0f instructions/op", s.Instructions)
			}
			b.WriteString("\n")
		}
	}
	for _, s := range r.Suites {
		writeGoBenchPrices(&b, s, r.Measurement.LoopNS)
	}
	for _, p := range r.Pairs {
		for _, i := range p.Intervals {
			fmt.Fprintf(&b, "BenchmarkRenewal/t=%s/pq=%s/every=%d/n=%d\t1\t%.0f ns/op\t%.0f commit-ns/op\t%.0f message-bytes/op\t%.4f times-classical\n",
				p.T, p.PQ, i.Every, p.GroupSize, i.Process.Value, i.Commit.Value, i.Bytes, i.Times)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeGoBenchPrices writes the prices of a suite's primitives, given the time of the fixed loop
// without disturbance. A byte costs parts of a nanosecond.
func writeGoBenchPrices(b *strings.Builder, s result.Suite, loop float64) {
	for i := range len(limit.Prices{}) {
		p := limit.Primitive(i).String()
		for _, inLoops := range s.PriceSamples[p] {
			fmt.Fprintf(b, "BenchmarkPrice/suite=%s/primitive=%s\t1\t%.4f ns/op\n", s.Name, p, inLoops*loop)
		}
	}
}
