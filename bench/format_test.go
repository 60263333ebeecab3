package bench

import (
	"encoding/csv"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/perf/benchfmt"

	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/registry/all"
)

// quick measures each operation once.
var quick = []string{"run", "--count", "1", "--benchtime", "0s"}

// The JSON form, as other programs read it.
type jsonReport struct {
	Machine struct {
		OS    string `json:"os"`
		Arch  string `json:"arch"`
		CPU   string `json:"cpu"`
		Cores int    `json:"cores"`
	} `json:"machine"`
	GoVersion string `json:"go_version"`
	Modules   []struct {
		Path    string `json:"path"`
		Version string `json:"version"`
	} `json:"modules"`
	Measurement struct {
		Clock string `json:"clock"`
		Count int    `json:"count"`
		NS    int64  `json:"benchtime_ns"`
	} `json:"measurement"`
	Results []jsonResult `json:"results"`
}

// UnmarshalText lets a test read a description back.
func (c *code) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 0, 16)
	*c = code(n)
	return err
}

type jsonResult struct {
	Suite      string `json:"suite"`
	ID         string `json:"id"`
	GroupSize  int    `json:"group_size"`
	Op         string `json:"op"`
	Tree       string `json:"tree"`
	CPU        int64  `json:"cpu_ns"`
	Limit      int64  `json:"limit_ns"`
	Allocs     int64  `json:"allocs"`
	AllocBytes int64  `json:"alloc_bytes"`
	Bytes      int    `json:"bytes"`
}

// Every suite has a commit and a process at both sizes, with a cost of each kind.
func TestJSONOfAllSuites(t *testing.T) {
	out, stderr, exit := call(t, append(quick, "--suites", "all", "--sizes", "2,16", "--format", "json")...)
	require.Zero(t, exit, stderr)
	require.Empty(t, stderr)

	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	var r jsonReport
	require.NoError(t, decoder.Decode(&r))
	require.NotEmpty(t, r.Machine.OS)
	require.Positive(t, r.Machine.Cores)
	require.Regexp(t, `^go1\.`, r.GoVersion)
	require.Equal(t, "github.com/mlsuite/mlsuite", r.Modules[0].Path)
	require.Equal(t, measure.Clock, r.Measurement.Clock)
	require.Equal(t, 1, r.Measurement.Count)

	type key struct {
		suite string
		id    string
		size  int
		op    string
	}
	found := map[key]bool{}
	for _, x := range r.Results {
		found[key{x.Suite, x.ID, x.GroupSize, x.Op}] = true
		require.Equal(t, "steady", x.Tree)
		require.Positive(t, x.CPU, x)
		require.Positive(t, x.Limit, x)
		require.Positive(t, x.Allocs, x)
		require.Positive(t, x.AllocBytes, x)
		require.Positive(t, x.Bytes, x)
	}
	want := map[key]bool{}
	for i := range all.Registry().All() {
		for _, size := range []int{2, 16} {
			for _, op := range []string{"commit", "process"} {
				want[key{i.Name, i.ID.String(), size, op}] = true
			}
		}
	}
	require.Len(t, want, 18*2*2)
	require.Equal(t, want, found)
	require.Len(t, r.Results, len(want))
}

func TestEveryOperationInEveryTree(t *testing.T) {
	out, stderr, code := call(t, append(quick, "--suites", "0x0001", "--sizes", "2,3,9", "--ops", "all", "--tree", "all", "--format", "csv")...)
	require.Zero(t, code, stderr)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{
		"suite", "id", "group_size", "op", "tree", "cpu_ns", "limit_ns", "allocs", "alloc_bytes", "bytes",
	}, rows[0])
	require.Len(t, rows[1:], 3*len(operations())*len(trees()))
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		seen[strings.Join(row[2:5], " ")] = true
		for _, cell := range row[5:] {
			n, err := strconv.Atoi(cell)
			require.NoError(t, err)
			require.Positive(t, n, row)
		}
	}
	require.Len(t, seen, len(rows)-1)
}

// benchstat takes every line, groups by the parts of the name, and knows the units.
func TestGoBench(t *testing.T) {
	out, stderr, code := call(t, "run", "--suites", "1,2", "--sizes", "2,4", "--count", "3", "--benchtime", "0s", "--format", "gobench")
	require.Zero(t, code, stderr)
	reader := benchfmt.NewReader(strings.NewReader(out), "costs")
	lines := map[string]int{}
	for reader.Scan() {
		r, ok := reader.Result().(*benchfmt.Result)
		require.True(t, ok, "%v", reader.Result())
		lines[string(r.Name.Full())]++
		for _, unit := range []string{"sec/op", "limit-sec/op", "B/op", "allocs/op", "message-bytes/op"} {
			value, ok := r.Value(unit)
			require.True(t, ok, "%s: %v", unit, r.Values)
			require.Positive(t, value)
		}
		require.Equal(t, measure.Clock, r.GetConfig("clock"))
		require.NotEmpty(t, r.GetConfig("goos"))
	}
	require.NoError(t, reader.Err())
	require.Len(t, lines, 2*2*2)
	require.Equal(t, 3, lines["Process/suite=MLS_128_DHKEMP256_AES128GCM_SHA256_P256/n=4/tree=steady"])
}

// The summary of a made-up report, to the letter.
func TestSummary(t *testing.T) {
	of := func(size int, op string, cpu, limit int64, bytes int) result {
		return result{Suite: "MLS_X", ID: 0xF001, GroupSize: size, Op: op, Tree: "steady", CPU: cpu, Limit: limit, Allocs: 7, Bytes: bytes}
	}
	r := report{
		Machine: machine{OS: "plan9", Arch: "mips", Cores: 2}, GoVersion: "go1.26.8",
		Measurement: measurement{Clock: "process CPU time", Count: 5},
		Results: []result{
			of(2, "commit", 1_250_000, 1_000_000, 500), of(2, "process", 30_000, 40_000, 500),
			of(2, "join", 1, 1, 900), of(2, "keypackage", 1, 1, 300), of(32, "commit", 1, 0, 12345),
		},
	}
	var b strings.Builder
	require.NoError(t, writeSummary(&b, r))
	require.Equal(t, `unknown CPU, 2 cores, go1.26.8, plan9/mips
process CPU time, median of 5; limit: the primitives alone, measured in the same run

2 members, steady tree
ID      SUITE   COMMIT ms   LIMIT     x   PROCESS ms   LIMIT     x   COMMIT B   WELCOME B   KEYPACKAGE B   ALLOCS COMMIT   PROCESS
0xF001  MLS_X       1.250   1.000  1.25        0.030   0.040  0.75        500         900            300               7         7

32 members, steady tree
ID      SUITE   COMMIT ms   LIMIT   x   PROCESS ms   LIMIT   x   COMMIT B   WELCOME B   KEYPACKAGE B   ALLOCS COMMIT   PROCESS
0xF001  MLS_X       0.000   0.000   -            -       -   -      12345           -              -               7         -
`, b.String())
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
