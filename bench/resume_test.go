package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

func smallRun() Config {
	return Config{
		Registry: all.Registry(), Suites: []suite.ID{1, 2}, Sizes: []int{2, 3}, Rounds: 2, SizesOnly: []string{"keypackage"},
		Sample: 1, // the shortest that is not the default
	}
}

// throughJSON returns results as a file holds them.
func throughJSON(t *testing.T, r *result.Results) *result.Results {
	t.Helper()
	text, err := json.Marshal(r)
	require.NoError(t, err)
	back, err := result.Read(bytes.NewReader(text))
	require.NoError(t, err)
	return back
}

// A run goes on from a file: the rounds that it has stay as they are, and those that it lacks
// are added, of the prices of primitives too.
func TestRunGoesOn(t *testing.T) {
	c := smallRun()
	first, err := Run(t.Context(), c)
	require.NoError(t, err)
	before := throughJSON(t, first)
	c.Rounds, c.Earlier = 5, throughJSON(t, first)
	second, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(before, c.Earlier, cmp.Exporter(func(reflect.Type) bool { return true })), "the earlier results are left alone")

	require.Equal(t, 5, second.Measurement.Rounds)
	require.Len(t, second.Cells, len(first.Cells))
	for i, x := range second.Cells {
		old := first.Cells[i]
		require.Equal(t, old.Op, x.Op)
		if old.Samples == nil {
			require.Nil(t, x.Samples)
			continue
		}
		require.Len(t, x.Samples, 5)
		require.Equal(t, old.Samples, x.Samples[:2])
		for _, s := range x.Samples {
			require.Positive(t, s.Limit)
			require.Positive(t, s.Loop)
			require.Positive(t, s.Allocs)
		}
	}
	for i, s := range second.Suites {
		require.Len(t, s.PriceSamples, len(limit.Prices{}))
		for name, prices := range s.PriceSamples {
			require.Len(t, prices, 5, name)
			require.Equal(t, first.Suites[i].PriceSamples[name], prices[:2])
		}
	}

	loops := second.Measurement.Loops
	require.Greater(t, len(loops), len(first.Measurement.Loops))
	require.Equal(t, first.Measurement.Loops, loops[:len(first.Measurement.Loops)])

	// What came before is told apart.
	require.Len(t, second.Parts, 1)
	require.Equal(t, 2, second.Parts[0].Rounds)
	c.Rounds, c.Earlier = 6, throughJSON(t, second)
	third, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Len(t, third.Parts, 2)
	require.Equal(t, []int{2, 5}, []int{third.Parts[0].Rounds, third.Parts[1].Rounds})
}

// The prices of other providers go on with those of the suite, in the rounds that had them.
func TestAlternativesGoOn(t *testing.T) {
	priced := func(x float64) (p limit.Prices) {
		for i := range p {
			p[i] = x
		}
		return p
	}
	before := []limit.Prices{priced(2), unpriced(), priced(3)}
	samples := priceSamples([]limit.Prices{before[0], before[2]})
	a := alternative{set: "fast"}
	a.resume([]result.Alternative{{Set: "slow"}, {Set: "fast", PriceSamples: samples, PricedIn: []int{0, 2, 99}}}, 3)
	require.Empty(t, cmp.Diff(before, a.prices, cmpopts.EquateNaNs()))
	a.resume(nil, 2)
	require.Empty(t, cmp.Diff([]limit.Prices{unpriced(), unpriced()}, a.prices, cmpopts.EquateNaNs()))
}

// Enough rounds are enough: nothing is added.
func TestRunGoesOnUpToItsRounds(t *testing.T) {
	c := smallRun()
	first, err := Run(t.Context(), c)
	require.NoError(t, err)
	c.Earlier = throughJSON(t, first)
	second, err := Run(t.Context(), c)
	require.NoError(t, err)
	require.Equal(t, 2, second.Measurement.Rounds)

	// An interrupted run that went on has at least what it began with.
	ctx, stop := context.WithCancel(t.Context())
	c.Rounds = 4
	c.Progress = func(_ float64, what string) {
		if strings.HasPrefix(what, "round ") {
			stop()
		}
	}
	third, err := Run(ctx, c)
	require.ErrorIs(t, err, ErrInterrupted)
	require.Equal(t, 2, third.Measurement.Rounds)
	require.Equal(t, first.Cells[0].Samples, third.Cells[0].Samples)
}

// Results of another machine, program or setting are refused by the name of the difference.
func TestRunRefusesToGoOn(t *testing.T) {
	c := smallRun()
	r, err := Run(t.Context(), c)
	require.NoError(t, err)
	for want, change := range map[string]func(*Config, *result.Results){
		"their system is plan9/":                           func(_ *Config, r *result.Results) { r.Machine.OS = "plan9" },
		"their CPU is Z80, and here it is":                 func(_ *Config, r *result.Results) { r.Machine.CPU = host.Available("Z80") },
		"their number of cores is 99,":                     func(_ *Config, r *result.Results) { r.Machine.Cores = 99 },
		"their memory is 1.0 KiB,":                         func(_ *Config, r *result.Results) { r.Machine.Memory = host.Available[host.Bytes](1024) },
		"their Go version is go1.1,":                       func(_ *Config, r *result.Results) { r.Machine.GoVersion = "go1.1" },
		"their clock is sundial,":                          func(_ *Config, r *result.Results) { r.Measurement.Clock = "sundial" },
		"their sample time is 1ns, and here it is 1ms":     func(c *Config, _ *result.Results) { c.Sample = time.Millisecond },
		"their size of messages is 1024, and here it is 7": func(c *Config, _ *result.Results) { c.Message = 7 },
		"their module is github.com/mlsuite/mlsuite v9,":   func(_ *Config, r *result.Results) { r.Modules[0].Version = "v9" },
		"their module is m v1, and here it is none": func(_ *Config, r *result.Results) {
			r.Modules = append(r.Modules, result.Module{Path: "m", Version: "v1"})
		},
		"their set of providers of MLS_128_DHKEMX25519_AES": func(_ *Config, r *result.Results) { r.Suites[0].Providers = []string{"X25519: me"} },
		"they lack the suite 0x0003 MLS_128_":               func(c *Config, _ *result.Results) { c.Suites = []suite.ID{1, 2, 3} },
		"they lack commit in a steady group of 4 with MLS_": func(c *Config, _ *result.Results) { c.Sizes = []int{2, 3, 4} },
		"they lack commit in a blank group of 2 with MLS_":  func(c *Config, _ *result.Results) { c.Trees = []string{"blank"} },
		"they have commit in a steady group of 3 with MLS_": func(c *Config, _ *result.Results) { c.Sizes = []int{2} },
		"they have process in a steady group of 2 with ":    func(c *Config, _ *result.Results) { c.Operations = []string{"commit"} },
		"MLS_128_DHKEMP256_AES128GCM_SHA256_P256, which":    func(c *Config, _ *result.Results) { c.Suites = []suite.ID{1} },
		"they have 1 samples of commit in a steady group":   func(_ *Config, r *result.Results) { r.Cells[0].Samples = r.Cells[0].Samples[:1] },
		"they have no times of the fixed loop":              func(_ *Config, r *result.Results) { r.Measurement.Loops = nil },
		"prices of Sign in MLS_128_DHKEMX25519_AES128GCM_":  func(_ *Config, r *result.Results) { delete(r.Suites[0].PriceSamples, "Sign") },
	} {
		c := smallRun()
		c.Earlier = throughJSON(t, r)
		change(&c, c.Earlier)
		_, err := Run(t.Context(), c)
		require.ErrorContains(t, err, want, want)
		require.ErrorContains(t, err, "bench: no going on from the earlier results: ")
	}
}

// The default run has no name, and run goes on from it.
func TestResumedBy(t *testing.T) {
	root := suites().root()
	require.Equal(t, "run", resumedBy(root))
	for _, name := range []string{"run", "parties"} {
		cmd, _, err := root.Find([]string{name})
		require.NoError(t, err)
		require.Equal(t, name, resumedBy(cmd))
	}
}
