package bench

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/perf/benchfmt"

	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry/all"
)

// quick measures each operation once.
var quick = []string{"run", "--rounds", "1", "--budget", "0s", "--sample", "0s"}

// Every suite has a commit and a process at both sizes, with a cost of each kind.
func TestJSONOfAllSuites(t *testing.T) {
	out, stderr, exit := call(t, append(quick, "--suites", "all", "--sizes", "2,16", "--format", "json")...)
	require.Zero(t, exit, stderr)
	require.Empty(t, stderr)

	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	var r result.Results
	require.NoError(t, decoder.Decode(&r))
	require.Equal(t, result.Schema, r.Schema)
	require.Equal(t, []string{"run", "--budget=0s", "--format=json", "--rounds=1", "--sample=0s", "--sizes=2,16", "--suites=all"}, r.Command)
	require.NotEmpty(t, r.Machine.OS)
	require.Positive(t, r.Machine.Cores)
	require.Regexp(t, `^go1\.`, r.Machine.GoVersion)
	require.Equal(t, "github.com/mlsuite/mlsuite", r.Modules[0].Path)
	require.Equal(t, measure.Clock, r.Measurement.Clock)
	require.Equal(t, 1, r.Measurement.Rounds)

	type key struct {
		suite string
		id    result.Code
		size  int
		op    string
	}
	found := map[key]bool{}
	for _, x := range r.Cells {
		found[key{x.Suite, x.ID, x.GroupSize, x.Op}] = true
		require.Equal(t, "steady", x.Tree)
		require.Positive(t, x.CPU.Value, x)
		require.Positive(t, x.Limit.Value, x)
		require.Positive(t, x.Ratio.Value, x)
		require.Positive(t, x.Allocs, x)
		require.Positive(t, x.AllocBytes, x)
		require.Positive(t, x.Bytes, x)
		require.Len(t, x.Samples, 1)
		require.False(t, x.Resolved, "one round resolves nothing")
		require.Zero(t, x.Rank)
	}
	want := map[key]bool{}
	for i := range all.Registry().All() {
		for _, size := range []int{2, 16} {
			for _, op := range []string{"commit", "process"} {
				want[key{i.Name, result.Code(i.ID), size, op}] = true
			}
		}
	}
	require.Len(t, want, 18*2*2)
	require.Equal(t, want, found)
	require.Len(t, r.Cells, len(want))
	require.Len(t, r.Suites, 18)
	for _, s := range r.Suites {
		require.Len(t, s.Prices, len(limit.Prices{}))
		require.Positive(t, s.Prices["Sign"].Value, s.Name)
	}
}

func TestEveryOperationInEveryTree(t *testing.T) {
	out, stderr, code := call(t, append(quick, "--suites", "0x0001", "--sizes", "2,3,9", "--ops", "all", "--tree", "all", "--format", "csv")...)
	require.Zero(t, code, stderr)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"suite", "id", "group_size", "op", "tree", "cpu_ns"}, rows[0][:6])
	number := func(row []string, title string) float64 {
		n, err := strconv.ParseFloat(row[slices.Index(rows[0], title)], 64)
		require.NoError(t, err)
		return n
	}
	want := map[string]bool{}
	for _, size := range []int{2, 3, 9} {
		for _, op := range within(size, operations()) {
			for _, tree := range trees() {
				want[fmt.Sprint(size, op, tree)] = true
			}
		}
	}
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		seen[strings.Join(row[2:5], " ")] = true
		for _, title := range []string{"cpu_ns", "allocs", "alloc_bytes", "bytes"} {
			require.Positive(t, number(row, title), row)
		}
		primitives := !strings.HasPrefix(row[3], "save") && !slices.ContainsFunc(partialOperations(), func(o operation) bool { return o.name == row[3] })
		require.Equal(t, primitives, number(row, "limit_ns") > 0, row)
		require.Equal(t, primitives, number(row, "ratio") > 0, row)
	}
	require.Equal(t, want, seen)
	require.Len(t, rows[1:], len(want))
}

// benchstat takes every line, groups by the parts of the name, and knows the units.
func TestGoBench(t *testing.T) {
	out, stderr, code := call(t, "run", "--suites", "1,2", "--sizes", "2,4", "--rounds", "11", "--budget", "1ms", "--sample", "0s", "--format", "gobench")
	require.Zero(t, code, stderr)
	reader := benchfmt.NewReader(strings.NewReader(out), "costs")
	lines, prices := map[string]int{}, map[string]int{}
	for reader.Scan() {
		r, ok := reader.Result().(*benchfmt.Result)
		require.True(t, ok, "%v", reader.Result())
		if string(r.Name.Base()) == "Price" {
			require.Len(t, r.Values, 1) // of a byte it may be nothing, in so short a sample
			prices[string(r.Name.Full())]++
			continue
		}
		lines[string(r.Name.Full())]++
		for _, unit := range []string{"sec/op", "limit-sec/op", "raw-sec/op", "B/op", "allocs/op", "message-bytes/op"} {
			value, ok := r.Value(unit)
			require.True(t, ok, "%s: %v", unit, r.Values)
			require.Positive(t, value)
		}
		require.Equal(t, measure.Clock, r.GetConfig("clock"))
		require.NotEmpty(t, r.GetConfig("goos"))
	}
	require.NoError(t, reader.Err())
	require.Len(t, lines, 2*2*2)
	require.Equal(t, leastGoBench, lines["Process/suite=MLS_128_DHKEMP256_AES128GCM_SHA256_P256/n=4/tree=steady"], "whatever the budget")
	require.Len(t, prices, 2*len(limit.Prices{}))
	require.Equal(t, leastGoBench, prices["Price/suite=MLS_128_DHKEMP256_AES128GCM_SHA256_P256/primitive=Sign"])

	_, stderr, code = call(t, "run", "--rounds", "9", "--format", "gobench")
	require.Equal(t, 1, code)
	require.Contains(t, stderr, "9 rounds; benchstat wants 10 or more")
}

// Prices are times, as the median of them is that prices_ns has.
func TestGoBenchPrices(t *testing.T) {
	r := &result.Results{
		Measurement: result.Measurement{LoopNS: 2000},
		Suites:      []result.Suite{{Name: "MLS_X", PriceSamples: map[string][]float64{"Sign": {1.5, 2}, "HashedByte": {0.0004}}}},
	}
	var b strings.Builder
	require.NoError(t, writeGoBench(&b, r))
	require.Contains(t, b.String(), `
BenchmarkPrice/suite=MLS_X/primitive=Sign	1	3000.0000 ns/op
BenchmarkPrice/suite=MLS_X/primitive=Sign	1	4000.0000 ns/op
BenchmarkPrice/suite=MLS_X/primitive=HashedByte	1	0.8000 ns/op
`)
}

// fewResults are made up, with names that are hard to show.
func fewResults() *result.Results {
	of := func(id result.Code, size int, op string, ms float64, rank, bytes int) result.Cell {
		return result.Cell{
			Suite: "MLS_X", ID: id, GroupSize: size, Op: op, Tree: "steady", Bytes: bytes,
			CPU:   result.Figure{Value: ms * 1e6, Low: ms * 0.97e6, High: ms * 1.01e6},
			Ratio: result.Figure{Value: 1.254, Low: 1.25, High: 1.26}, Samples: make([]result.Sample, 1), Resolved: rank > 0, Rank: rank,
		}
	}
	once := func(c result.Cell) result.Cell {
		c.Samples, c.CPU, c.Ratio = nil, result.Figure{}, result.Figure{}
		return c
	}
	return &result.Results{
		Machine:     host.Machine{OS: "plan9", Arch: "mips", Cores: 2, GoVersion: "go1.26.8"},
		Measurement: result.Measurement{Clock: "process CPU time", Rounds: 20, Precision: 0.05, Instructions: "it is a test"},
		Warnings:    []string{"the machine is made up"},
		Suites: []result.Suite{
			{ID: 0xF001, KEM: "MLKEM768-P256", Signature: "P-256"}, {ID: 0x0001, KEM: "X25519", Signature: "ed25519"},
		},
		Cells: []result.Cell{
			of(0xF001, 2, "commit", 1.25, 0, 500), of(0xF001, 2, "process", 0.03, 1, 500),
			of(0x0001, 2, "commit", 0.5, 1, 400), once(of(0x0001, 2, "join", 1, 0, 900)), once(of(0x0001, 2, "keypackage", 1, 0, 300)),
			of(0x0001, 32, "commit", 0.001, 1, 12345),
		},
	}
}

// The summary of made-up results, to the letter.
func TestSummary(t *testing.T) {
	r := fewResults()
	var b strings.Builder
	require.NoError(t, writeSummary(&b, r))
	text, _, found := strings.Cut(b.String(), "\nCOMMIT is")
	require.True(t, found)
	require.Equal(t, `unknown CPU, 2 cores, go1.26.8, plan9/mips
process CPU time, median of 20 rounds beside a fixed loop; 1 of 4 figures not resolved to 5 %
load not available, because nothing was measured
instructions: not counted, because it is a test
warning: the machine is made up

2 members, steady tree
 RANK  ID      KEM            SIGNATURE  COMMIT  ±    x  PROCESS  ±    x  BYTES  WELCOME  KEYPKG
    1  0x0001  X25519         ed25519     0.500  3 1.25        -  -    -    400      900     300
    -  0xF001  MLKEM768-P256  P-256       1.250 3? 1.25    0.030  3 1.25    500        -       -

32 members, steady tree
 RANK  ID      KEM     SIGNATURE  COMMIT  ±    x  PROCESS  ±  x  BYTES  WELCOME  KEYPKG
    1  0x0001  X25519  ed25519     0.001  3 1.25        -  -  -  12345        -       -
`, text)

	// With other providers priced there is a column more.
	r.Cells = r.Cells[:1]
	r.Cells[0].RatioFastest = &result.Figure{Value: 2.5}
	b.Reset()
	require.NoError(t, writeSummary(&b, r))
	require.Contains(t, b.String(), `
 RANK  ID      KEM            SIGNATURE  COMMIT  ±    x  xfast  PROCESS  ±  x  BYTES  WELCOME
    -  0xF001  MLKEM768-P256  P-256       1.250 3? 1.25   2.50        -  -  -    500        -
`)
	require.Contains(t, b.String(), "\nxfast is x, ")
}

// What is not optional stays, however narrow the screen.
func TestTablesFit(t *testing.T) {
	for _, width := range []int{100, 80, 60} {
		x := table{titles: []string{"NAME", " A", " B"}, optional: []string{" B", "NAME"}}
		x.add(strings.Repeat("n", 50), strings.Repeat("1", 20), strings.Repeat("2", 20))
		fit(width, &x)
		require.LessOrEqual(t, x.width(), width)
	}
	x := table{titles: []string{"NAME"}}
	x.add(strings.Repeat("n", 50))
	fit(10, &x)
	require.Equal(t, 50, x.width())

	// Of two columns with one title the last goes, and tables lose the same.
	y, z := table{titles: []string{"A", "B", "A"}, optional: []string{"A"}}, table{titles: []string{"A", "B", "A"}, optional: []string{"A"}}
	y.add("first", "b", strings.Repeat("n", 50))
	z.add("first", "b", "last")
	fit(20, &y, &z)
	require.Equal(t, [][]string{{"first", "b"}}, y.rows)
	require.Equal(t, [][]string{{"first", "b"}}, z.rows)
}

// Markdown is a table for each operation, and text is shown as it is.
func TestMarkdown(t *testing.T) {
	r := fewResults()
	r.Warnings = append(r.Warnings, "a|b *c*\nd")
	r.Cells[1].Suite = "MLS|`X`"
	r.Suites[0].KEM = "<b>"
	var b strings.Builder
	require.NoError(t, writeMarkdown(&b, r))
	text, _, found := strings.Cut(b.String(), "\nCPU ms is")
	require.True(t, found)
	require.Equal(t, `- unknown CPU, 2 cores, go1.26.8, plan9/mips
- process CPU time, median of 20 rounds beside a fixed loop; 1 of 4 figures not resolved to 5 %
- load not available, because nothing was measured
- instructions: not counted, because it is a test
- **Warning:** the machine is made up
- **Warning:** a\|b \*c\* d

### commit, 2 members, steady tree

| Rank | ID | Suite | KEM | Signature | CPU ms | ± % | x | ± % | Bytes | Allocations |
| ---: | --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| 1 | 0x0001 | `+"`MLS_X`"+` | X25519 | ed25519 | 0.500 | 3 | 1.25 | 0.5 | 400 | 0 |
| - | 0xF001 | `+"`MLS_X`"+` | \<b\> | P-256 | 1.250 | 3? | 1.25 | 0.5 | 500 | 0 |

### process, 2 members, steady tree

| Rank | ID | Suite | KEM | Signature | CPU ms | ± % | x | ± % | Bytes | Allocations |
| ---: | --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| 1 | 0xF001 | `+"`MLS\\|'X'`"+` | \<b\> | P-256 | 0.030 | 3 | 1.25 | 0.5 | 500 | 0 |

### commit, 32 members, steady tree

| Rank | ID | Suite | KEM | Signature | CPU ms | ± % | x | ± % | Bytes | Allocations |
| ---: | --- | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |
| 1 | 0x0001 | `+"`MLS_X`"+` | X25519 | ed25519 | 0.001 | 3 | 1.25 | 0.5 | 12345 | 0 |
`, text)
}

func TestSuitesFormats(t *testing.T) {
	out, stderr, code := call(t, "suites", "--format", "json")
	require.Zero(t, code, stderr)
	var described struct{ Suites []description }
	require.NoError(t, json.Unmarshal([]byte(out), &described))
	require.Len(t, described.Suites, 18)

	out, _, code = call(t, "suites", "--format", "csv")
	require.Zero(t, code)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 1+18)
	for i, d := range described.Suites {
		require.Equal(t, d.Suite, rows[i+1][0])
		require.Equal(t, d.ID.String(), rows[i+1][1])
		for _, positive := range []int{
			int(d.KEMID), int(d.KDFID), int(d.AEADID), int(d.SignatureScheme), d.KEMSecret, d.KEMEncapsulated,
			d.KEMPublicKey, d.KEMPrivateKey, d.SignatureKey, d.SignaturePrivateKey, d.SignatureSize,
		} {
			require.Positive(t, positive, d.Suite)
		}
		require.NotEmpty(t, d.Providers)
	}
	require.Equal(t, "0xF00B", described.Suites[17].ID.String())
	require.Equal(t, "TBD11", described.Suites[17].Draft)
	require.Equal(t, "full", described.Suites[17].postQuantum())
	require.Equal(t, "confidentiality", described.Suites[14].postQuantum())
}
