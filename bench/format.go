package bench

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// formats returns the forms of a report.
func formats() []format {
	return []format{
		{"table", writeTable}, {"summary", writeSummary}, {"json", writeJSON[report]},
		{"csv", writeCSV}, {"gobench", writeGoBench},
	}
}

func writeJSON[T any](w io.Writer, value T) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(value)
}

// writeCSV writes the results under the names that JSON has for their fields.
func writeCSV(w io.Writer, r report) error {
	rows := [][]string{{
		"suite", "id", "group_size", "op", "tree",
		"cpu_ns", "limit_ns", "allocs", "alloc_bytes", "bytes",
	}}
	for _, x := range r.Results {
		row := []string{x.Suite, x.ID.String(), strconv.Itoa(x.GroupSize), x.Op, x.Tree}
		for _, n := range []int64{x.CPU, x.Limit, x.Allocs, x.AllocBytes, int64(x.Bytes)} {
			row = append(row, strconv.FormatInt(n, 10))
		}
		rows = append(rows, row)
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// writeGoBench writes the Go benchmark data format, a line for each sample:
// https://golang.org/design/14313-benchmark-format. Its ns/op are CPU time.
func writeGoBench(w io.Writer, r report) error {
	header := [][2]string{
		{"goos", r.Machine.OS}, {"goarch", r.Machine.Arch}, {"pkg", "github.com/mlsuite/mlsuite/cmd/suitebench"},
		{"cpu", r.Machine.CPU}, {"go", r.GoVersion}, {"clock", r.Measurement.Clock},
	}
	var b strings.Builder
	for _, line := range header {
		if line[1] != "" {
			fmt.Fprintf(&b, "%s: %s\n", line[0], line[1])
		}
	}
	b.WriteString("\n")
	for _, x := range r.Results {
		name := fmt.Sprintf("Benchmark%s%s/suite=%s/n=%d/tree=%s", strings.ToUpper(x.Op[:1]), x.Op[1:], x.Suite, x.GroupSize, x.Tree)
		for _, s := range x.samples {
			fmt.Fprintf(&b, "%s\t1\t%.0f ns/op\t%d limit-ns/op\t%.0f B/op\t%.0f allocs/op\t%d message-bytes/op\n",
				name, s.CPU, x.Limit, s.AllocBytes, s.Allocs, x.Bytes)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
