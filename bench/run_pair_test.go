package bench

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
)

// measuredPair is a run of 0x0001 and TBD6 in groups of 100 whose figures are made up: each
// primitive takes a microsecond.
func measuredPair(t *testing.T) *result.Results {
	t.Helper()
	r := &result.Results{}
	for _, s := range []struct {
		id   string
		code result.Code
		ms   float64
	}{{"0x0001", 1, 1}, {"TBD6", 0xF006, 10}} {
		info, err := findSuite(suites().registry, s.id)
		require.NoError(t, err)
		priced := result.Suite{Name: info.Name, ID: s.code, Prices: map[string]result.Figure{}}
		for i := range len(limit.Prices{}) {
			priced.Prices[limit.Primitive(i).String()] = result.Figure{Value: 1000, Low: 1000, High: 1000}
		}
		r.Suites = append(r.Suites, priced)
		for _, op := range []string{"commit", "process"} {
			for _, tree := range []string{"steady", "blank"} {
				r.Cells = append(r.Cells, result.Cell{
					Suite: info.Name, ID: s.code, GroupSize: 100, Tree: tree, Op: op, Samples: make([]result.Sample, 1),
					CPU: result.Figure{Value: s.ms * 1e6, Low: s.ms * 0.9e6, High: s.ms * 1.1e6},
				})
			}
		}
	}
	return r
}

func pairOfRun(t *testing.T) *combined {
	t.Helper()
	pair, err := findPair(suites().registry, "1+TBD6")
	require.NoError(t, err)
	return &combined{pair: pair, every: []int{1, 10}}
}

// A renewal takes what was measured in T, and a share of what was in PQ and of the primitives
// beside, whose intervals add up.
func TestPairOfARun(t *testing.T) {
	pairs := pairOfRun(t).of(measuredPair(t))
	require.Len(t, pairs, 1, "steady groups alone")
	p := pairs[0]
	require.Equal(t, []any{result.Code(1), result.Code(0xF006), 100}, []any{p.TID, p.PQID, p.GroupSize})
	full, rare := p.Intervals[0], p.Intervals[1]
	// An exporter tree is a derivation, a secret of it 32, and a PSK and its identifier two; to
	// inject it takes two extractions and a derivation. The bytes of the proposals are hashed,
	// encrypted and signed too.
	beside := full.Commit.Value - 11e6
	require.Greater(t, beside, 38e3)
	require.InDelta(t, 1e6+(10e6+beside)/10, rare.Commit.Value, 1)
	require.InDelta(t, 0.9e6+(9e6+beside)/10, rare.Commit.Low, 1)
	require.InDelta(t, 1.1e6+(11e6+beside)/10, rare.Commit.High, 1)
	require.Greater(t, full.Process.Value, 11e6)
	require.InDelta(t, 1225, full.Bytes/full.Times, 1e-6, "the classical commit")
	require.Less(t, rare.Times, full.Times/5)

	open := measuredPair(t)
	for i := range open.Cells {
		open.Cells[i].CPU.High = 0
	}
	require.Zero(t, pairOfRun(t).of(open)[0].Intervals[0].Commit.High)
	missing := measuredPair(t)
	missing.Cells[len(missing.Cells)-2].Samples = nil // of process in PQ
	require.Empty(t, pairOfRun(t).of(missing))
	missing.Suites = missing.Suites[:1]
	require.Empty(t, pairOfRun(t).of(missing))
}

// The pair is shown below the tables and stands in the benchmark format.
func TestPairsAreWritten(t *testing.T) {
	r := measuredPair(t)
	r.Pairs = pairOfRun(t).of(r)
	var out bytes.Buffer
	nothing := func(io.Writer, *result.Results) error { return nil }
	require.NoError(t, withPairs(nothing)(&out, r))
	require.Contains(t, out.String(), "A pair of 0x0001 and 0xF006 (draft-ietf-mls-combiner), 100 members")
	require.Regexp(t, `(?m)^FULL every 10 +[0-9]+ +[0-9.]+ +2\.[0-9]+ ms +1[01] % `, out.String())
	out.Reset()
	require.NoError(t, writeGoBench(&out, r))
	require.Contains(t, out.String(), "BenchmarkRenewal/t="+r.Pairs[0].T+"/pq="+r.Pairs[0].PQ+"/every=10/n=100\t1\t")
	out.Reset()
	require.NoError(t, withPairs(nothing)(&out, measuredPair(t)))
	require.Empty(t, out.String())
}

// A pair is refused whose suites or operations are not measured; one in a file is checked.
func TestPairFlagsOfARun(t *testing.T) {
	least := []string{"run", "--rounds", "1", "--budget", "1ns", "--sizes", "2", "--sample", "0s", "--providers", "none"}
	for args, want := range map[string]string{
		"--pair 1+TBD2":            "has a hybrid KEM",
		"--pair 1":                 `--pair: "1" is no pair of groups`,
		"--pair 1+TBD6 --suites 1": "--pair: MLS_128_MLKEM768_AES256GCM_SHA384_Ed25519 is not among the suites that are measured",
		"--pair 1+TBD6 --suites 1,TBD6 --ops commit": "--pair: it wants commit and process among --ops",
		"--pair 1+TBD6 --suites 1,TBD6 --tree blank": "--pair: it wants steady among --tree",
		"--pair 1+TBD6 --suites 1,TBD6 --every 0":    `--every: "0" is no interval`,
		"--pair 1+TBD8:1 --suites 1,TBD8":            "has no post-quantum signatures",
		"--pair 1+TBD6:3 --suites 1,TBD6":            `"1+TBD6:3" is no pair`,
	} {
		_, stderr, code := call(t, append(least[:len(least):len(least)], strings.Fields(args)...)...)
		require.Equal(t, 1, code, args)
		require.Contains(t, stderr, want)
	}
	out, stderr, code := call(t, append(least, "--suites", "1,TBD6", "--pair", "1+TBD6", "--every", "3", "--format", "json")...)
	require.Zero(t, code, stderr)
	for want, change := range map[string]func(*result.Pair){
		"":                                     func(*result.Pair) {},
		"there is no suite, group or interval": func(p *result.Pair) { p.GroupSize = 1 },
		"interval 0 is out of range":           func(p *result.Pair) { p.Intervals[0].Every = 0 },
		"interval 3: value: -1":                func(p *result.Pair) { p.Intervals[0].Bytes = -1 },
	} {
		r, err := read(strings.NewReader(out))
		require.NoError(t, err)
		require.Len(t, r.Pairs, 1)
		require.Equal(t, 3, r.Pairs[0].Intervals[0].Every)
		change(&r.Pairs[0])
		var text bytes.Buffer
		require.NoError(t, writeJSON(&text, r))
		if _, err = read(&text); want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, want)
	}
}
