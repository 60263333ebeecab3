package bench

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// pricedDay prices the day of a team in suite 0x0001 on a device, whose prices are 1,000 ns
// and up to 1,000 ns less.
func pricedDay(t *testing.T, low float64, change func(*device.Device)) dayReport {
	t.Helper()
	s, err := all.Registry().Suite(1)
	require.NoError(t, err)
	prices := map[string]result.Figure{}
	for p := range len(limit.Prices{}) {
		prices[limit.Primitive(p).String()] = result.Figure{Value: 1000, Low: low, High: 1000}
	}
	d := &device.Device{Rounds: 30, Suites: []device.Suite{{Name: s.Info().Name, ID: 1, Prices: prices}}}
	change(d)
	team, err := day.Example("team")
	require.NoError(t, err)
	p := pricing{device: d, link: 1e9}
	r := dayReport{Day: team, Device: dayDevice{Rounds: d.Rounds, Doubt: d.Doubt}, Link: p.link, Warnings: p.warnings(), pricing: p}
	require.NoError(t, r.price([]suite.Info{s.Info()}, nil))
	return r
}

func textOf(t *testing.T, r dayReport) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, writeDay(&b, r))
	return strings.Join(strings.Fields(b.String()), " ")
}

// A day at the prices of a busy machine says so, is wider by the doubt, and is not ranked.
func TestADayShowsTheDoubtOfItsPrices(t *testing.T) {
	quiet := textOf(t, pricedDay(t, 990, func(*device.Device) {}))
	require.Contains(t, quiet, "Take 0x0001 ")
	require.NotContains(t, quiet, "warning")
	require.NotContains(t, quiet, "may be off")

	r := pricedDay(t, 990, func(d *device.Device) {
		d.Doubt, d.Warnings = 0.08, []string{"other processes took 90 % of the time"}
	})
	require.Zero(t, r.Suites[0].Rank)
	require.InDelta(t, 0.08, r.Suites[0].Time.Width(), 0.015)
	text := textOf(t, r)
	require.Contains(t, text, "warning, prices: other processes took 90 % of the time")
	require.Contains(t, text, "Intervals allow for 8.0 % by which all prices may be off together.")
	require.Contains(t, text, "No suite is certainly the cheapest")
	require.Contains(t, text, "RANK is - where TIME is not resolved to 5 % in 15 rounds or more.")

	few := pricedDay(t, 1000, func(d *device.Device) { d.Rounds = 14 })
	require.Zero(t, few.Suites[0].Rank)
}

// Results of too few rounds have overheads without an upper bound, and so has the day.
func TestADayWithoutAnUpperBoundSaysSo(t *testing.T) {
	r := pricedDay(t, 1000, func(*device.Device) {})
	best := r.Suites[0]
	r.pricing.results = &result.Results{
		Measurement: result.Measurement{Rounds: 4},
		Warnings:    []string{"the machine is busy"},
		Cells: []result.Cell{{
			Suite: best.Suite, ID: 1, GroupSize: 10, Tree: "steady", Op: "commit", Ratio: result.Figure{Value: 1.5, Low: 1.4},
		}},
	}
	r.Warnings, r.Suites, r.Beside, r.Crossovers = r.pricing.warnings(), nil, nil, nil
	s, err := all.Registry().Suite(1)
	require.NoError(t, err)
	require.NoError(t, r.price([]suite.Info{s.Info()}, nil))
	require.Greater(t, r.Suites[0].Time.Low, 0.0)
	require.Zero(t, r.Suites[0].Time.High)
	require.Zero(t, r.Suites[0].Rank)
	text := textOf(t, r)
	require.Contains(t, text, " to ?), of which")
	require.Contains(t, text, "warning, results: the machine is busy")
}
