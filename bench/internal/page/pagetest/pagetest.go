// Package pagetest makes results to show on a page in tests.
package pagetest

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// Results returns results of suites that no machine measured: costs follow from the sizes of
// keys, and noise from the seed. Some cells are not resolved, and some share a rank.
func Results(infos []suite.Info, seed uint64, sizes []int, ops ...string) *result.Results {
	r := &result.Results{
		Schema: result.Schema, Command: []string{"run", "--ops", strings.Join(ops, ","), "--format", "json"},
		Modules:     []result.Module{{Path: "github.com/mlsuite/mlsuite", Version: "(devel)"}, {Path: "github.com/cloudflare/circl", Version: "v1.6.5"}},
		Measurement: result.Measurement{Clock: "process CPU time", Rounds: 12, SampleNS: 15e6, Precision: 0.05, Instructions: "perf_event_open: permission denied"},
		Warnings:    []string{"other processes took 12.5 % of the machine's CPU time"},
	}
	noise := rand.New(rand.NewPCG(seed, 1))
	for _, info := range infos {
		kem, signature := result.ShortNames(info)
		r.Suites = append(r.Suites, result.Suite{
			Name: info.Name, ID: result.Code(info.ID), KEM: kem, AEAD: info.AEAD.Name, Signature: signature,
			Providers: []string{"kem: crypto/hpke"},
		})
	}
	for _, op := range ops {
		for _, size := range sizes {
			first := len(r.Cells)
			for i, info := range infos {
				depth := math.Ceil(math.Log2(float64(size)))
				work := 2e5 + 300*float64(info.KEM.Npk+info.KEM.Nsk)*(1+depth) + 400*float64(info.Signature.Signature)
				bytes := float64(info.Signature.Signature) + (1+depth)*float64(info.KEM.Npk+info.KEM.Nenc)
				switch op {
				case "process":
					work /= 3
				case "join":
					work *= float64(size) / 4
					bytes *= float64(size)
				}
				cpu := work * (1 + 0.1*noise.Float64())
				width := 0.01 + 0.02*noise.Float64()
				if i%7 == 3 {
					width = 0.09
				}
				r.Cells = append(r.Cells, result.Cell{
					Suite: info.Name, ID: result.Code(info.ID), GroupSize: size, Tree: "steady", Op: op,
					CPU:      result.Figure{Value: cpu, Low: cpu * (1 - width/2), High: cpu * (1 + width), RawMedian: cpu * 1.01},
					Limit:    result.Figure{Value: cpu / 1.3, Low: cpu / 1.31, High: cpu / 1.29},
					Ratio:    result.Figure{Value: 1.3 + 0.2*noise.Float64(), Low: 1.25, High: 1.56},
					Bytes:    int(bytes),
					Allocs:   500,
					Resolved: width <= r.Measurement.Precision,
				})
			}
			setRanks(r.Cells[first:])
		}
	}
	return r
}

// Parties returns results that tell who pays for a group.
func Parties(infos []suite.Info, seed uint64, sizes []int) *result.Results {
	r := Results(infos, seed, sizes, "commit", "process", "process-best", "process-worst", "keypackage", "join", "follow", "save")
	for i := range r.Cells {
		if r.Cells[i].Op != "save" { // of which a run counts the bytes alone
			r.Cells[i].Samples = make([]result.Sample, 1)
		}
	}
	return r
}

// AddProviders adds sets of providers to results, one of which has other prices.
func AddProviders(r *result.Results) {
	r.ProviderSets = []result.ProviderSet{
		{Name: "own", About: "what the suites use"}, {Name: "fast", About: "code with vector instructions"},
		{Name: "gone", About: "not in this build", Missing: "it was left out"},
	}
	around := func(x, width float64) result.Figure {
		return result.Figure{Value: x, Low: x * (1 - width), High: x * (1 + width)}
	}
	for i := range r.Suites {
		s := &r.Suites[i]
		s.Prices = map[string]result.Figure{"Sign": around(2e5, 0.05)}
		s.Fastest = map[string]string{"Sign": "fast"}
		s.Alternatives = []result.Alternative{{
			Set: "fast", Prices: map[string]result.Figure{"Sign": around(1e5, 0.1)},
			Ratios: map[string]result.Figure{"Sign": around(0.5, 0.1), "Seal": around(1.25, 0.04), "Hash": around(0.9, 0.15)},
		}}
	}
}

// setRanks ranks the resolved cells; those whose intervals overlap that of the first share
// its rank.
func setRanks(cells []result.Cell) {
	var order []*result.Cell
	for i := range cells {
		if cells[i].Resolved {
			order = append(order, &cells[i])
		}
	}
	slices.SortFunc(order, func(a, b *result.Cell) int { return cmp.Compare(a.CPU.Value, b.CPU.Value) })
	top := 0
	for i, c := range order {
		if c.CPU.Low > order[top].CPU.High {
			top = i
		}
		c.Rank = top + 1
	}
}
