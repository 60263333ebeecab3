package scale

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// x25519 is a suite with the sizes that are known.
func x25519(t *testing.T) suite.Info {
	t.Helper()
	s, err := all.Registry().Suite(0x0001)
	require.NoError(t, err)
	return s.Info()
}

// results have commits of the given ratios, by members, in a suite whose only price is that
// of a signature: a thousand nanoseconds, 900 to 1,100. A commit has two.
func results(s suite.Info, ratios map[int]float64) *result.Results {
	r := &result.Results{Suites: []result.Suite{{Name: s.Name, ID: result.Code(s.ID), Prices: map[string]result.Figure{
		limit.Sign.String(): {Value: 1000, Low: 900, High: 1100},
	}}}}
	for n, x := range ratios {
		bytes := int(sizesOf(s).commit(n))
		r.Cells = append(r.Cells, result.Cell{
			Suite: s.Name, ID: result.Code(s.ID), GroupSize: n, Tree: "steady", Op: "commit", Bytes: bytes, Resolved: true,
			CPU: result.Figure{Value: x * 2000}, Ratio: result.Figure{Value: x, Low: x - 0.1, High: x + 0.1},
		})
	}
	return r
}

func TestTheLargestOtherGroupTells(t *testing.T) {
	s := x25519(t)
	r := results(s, map[int]float64{100: 1.5, 1000: 1.25, 10_000: 1.2})
	// What another operation, tree or suite costs has no part in it.
	for _, change := range []func(c *result.Cell){
		func(c *result.Cell) { c.Tree = "blank" },
		func(c *result.Cell) { c.Op = "process" },
		func(c *result.Cell) { c.ID = 2 },
	} {
		c := r.Cells[0]
		c.GroupSize, c.Ratio.Value = 50_000, 9
		change(&c)
		r.Cells = append(r.Cells, c)
	}
	got, err := New(r, s, []string{"commit"}, []int{100, 10_000_000})
	require.NoError(t, err)
	require.Len(t, got.Operations, 1)
	o := got.Operations[0]
	require.Equal(t, []any{"commit", 10_000, 1.2}, []any{o.Name, o.FittedAt, o.Ratio.Value})
	require.Nil(t, o.PerByte)
	var members, fitted []int
	var times, errs []float64
	for _, p := range o.Points {
		members, fitted, times = append(members, p.Members), append(fitted, p.FittedAt), append(times, p.CPU.Value)
		require.InDelta(t, 2000, p.Limit, 1e-9)
		if p.Measured != nil {
			errs = append(errs, *p.Measured.Error)
			require.Zero(t, p.Measured.ErrorBytes)
		}
	}
	require.Equal(t, []int{100, 1000, 10_000, 10_000_000}, members)
	require.Equal(t, []int{10_000, 10_000, 1000, 10_000}, fitted, "no group tells of itself")
	require.InDeltaSlice(t, []float64{2400, 2400, 2500, 2400}, times, 1e-9)
	require.InDeltaSlice(t, []float64{1.2/1.5 - 1, 1.2/1.25 - 1, 1.25/1.2 - 1}, errs, 1e-9)
	require.InDelta(t, 0.2, *o.Error, 1e-9)
	require.Zero(t, *o.ErrorBytes)
	last := o.Points[3].CPU
	require.InDelta(t, 1.1*1800, last.Low, 1e-9)
	require.InDelta(t, 1.3*2200, last.High, 1e-9)
}

// What an add costs beyond its primitives grows with the bytes.
func TestAddsCostByTheByte(t *testing.T) {
	s := x25519(t)
	r := results(s, map[int]float64{100: 2, 10_000: 51})
	z := sizesOf(s)
	for i := range r.Cells {
		c := &r.Cells[i]
		c.Op, c.Bytes = "add", int(z.add()+z.welcome(c.GroupSize))
		c.Limit.Value = 2000
		c.CPU.Value = c.Ratio.Value * 2000
	}
	got, err := New(r, s, []string{"add"}, []int{1_000_000})
	require.NoError(t, err)
	o := got.Operations[0]
	require.Nil(t, o.Ratio)
	perByte := 50 * 2000 / (z.add() + z.welcome(10_000))
	require.InDelta(t, perByte, o.PerByte.Value, 1e-9)
	last := o.Points[2]
	require.InDelta(t, 2000+perByte*last.Bytes, last.CPU.Value, 1e-6)
	require.Less(t, last.CPU.Low, last.CPU.Value)
	require.Greater(t, last.CPU.High, last.CPU.Value)
	require.InDelta(t, (2000+perByte*o.Points[0].Bytes)/4000-1, *o.Points[0].Measured.Error, 1e-9)
}

// One group says what larger ones cost, and not how far that is off.
func TestOneGroupHasNoError(t *testing.T) {
	s := x25519(t)
	got, err := New(results(s, map[int]float64{100: 1.5}), s, []string{"commit"}, []int{100, 1000})
	require.NoError(t, err)
	o := got.Operations[0]
	require.Nil(t, o.Error)
	require.Nil(t, o.Points[0].CPU)
	require.Nil(t, o.Points[0].Measured.Error)
	require.InDelta(t, 3000, o.Points[1].CPU.Value, 1e-9)
	_, err = json.Marshal(got)
	require.NoError(t, err)
}

func TestNewRefuses(t *testing.T) {
	s := x25519(t)
	r := results(s, map[int]float64{100: 1.5})
	for want, try := range map[string]func() (*Scale, error){
		`there is no model of "dance"`:    func() (*Scale, error) { return New(r, s, []string{"dance"}, nil) },
		"no join in a steady group":       func() (*Scale, error) { return New(r, s, []string{"join"}, nil) },
		"a group of 1 is out of range":    func() (*Scale, error) { return New(r, s, []string{"commit"}, []int{1}) },
		"group of 10000001 is out":        func() (*Scale, error) { return New(r, s, []string{"commit"}, []int{10_000_001}) },
		"the results have no prices of X": func() (*Scale, error) { return New(r, suite.Info{Name: "X"}, []string{"commit"}, nil) },
	} {
		_, err := try()
		require.ErrorContains(t, err, want)
	}
}
