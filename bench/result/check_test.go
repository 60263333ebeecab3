package result

import (
	"bytes"
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// ofTwo are results of a commit and its parties in a group of two.
func ofTwo() *Results {
	cpu := Figure{Value: 5, Low: 4, High: 6}
	return &Results{
		Schema: Schema, Measurement: Measurement{Rounds: 1, Loops: []float64{7}},
		Suites: []Suite{{
			Name: "MLS_X", ID: 1, Prices: map[string]Figure{"Seal": cpu}, PriceSamples: map[string][]float64{"Seal": {5}},
			Alternatives: []Alternative{{Set: "fast", Prices: map[string]Figure{"Seal": cpu}, Ratios: map[string]Figure{"Seal": {Value: 1}}}},
		}},
		Cells: []Cell{
			{Suite: "MLS_X", ID: 1, GroupSize: 2, Tree: "steady", Op: "commit", CPU: cpu, Samples: []Sample{{CPU: 5, Loop: 7}}},
			{Suite: "MLS_X", ID: 1, GroupSize: MaxMembers, Tree: "steady", Op: "commit", CPU: Figure{Value: 5, Low: 5}},
		},
		Parties: []Party{{Suite: "MLS_X", ID: 1, GroupSize: 2, Tree: "steady", Party: Committer, Op: "commit", CPU: cpu, Keeps: &Keeps{Stored: 1}}},
		Trials: []Trial{{
			Suite: "MLS_X", ID: 1, Workload: "team", Groups: 2, GroupSize: 3, Clients: 4, ServiceUse: &ServiceUse{}, CatchUp: &CatchUp{}, Move: &Moves{},
			Chaos: &Chaos{}, Heap: []Heap{{Seconds: 60, Bytes: 1e6}},
		}},
		Unmade: []Unmade{{Suite: "MLS_X", ID: 1, GroupSize: 3, Tree: "steady"}},
	}
}

// What no run can have found is refused, by the name of the cell and the field.
func TestReadRefusesWhatNoRunFound(t *testing.T) {
	const commit = "cell 1, commit in a steady group of 2 with MLS_X: "
	for want, change := range map[string]func(*Results){
		"no suites": func(r *Results) { r.Suites = nil },
		"measurement: rounds: -1 is out of range":  func(r *Results) { r.Measurement.Rounds = -1 },
		"measurement: loops_ns[0]: -7 is out of ":  func(r *Results) { r.Measurement.Loops[0] = -7 },
		"suite 0x0001 is there twice":              func(r *Results) { r.Suites = append(r.Suites, r.Suites[0]) },
		"suite 0x0000 : it has no name or no code": func(r *Results) { r.Suites = []Suite{{}} },
		"suite 0x0001 MLS_X: prices_ns: Seal: value: -5 is out of range: 0 to 1e+30": func(r *Results) {
			r.Suites[0].Prices["Seal"] = Figure{Value: -5}
		},
		"suite 0x0001 MLS_X: price_samples: Seal[0]: -5 is":             func(r *Results) { r.Suites[0].PriceSamples["Seal"][0] = -5 },
		"suite 0x0001 MLS_X: alternative fast: ratios: Seal: value: -1": func(r *Results) { r.Suites[0].Alternatives[0].Ratios["Seal"] = Figure{Value: -1} },
		"cell 2,  in a  group of 0 with : there is no suite 0x0000":     func(r *Results) { r.Cells[1] = Cell{} },
		"cell 3, commit in a steady group of 2 with MLS_X: is there tw": func(r *Results) { r.Cells = append(r.Cells, r.Cells[0]) },
		"cell 1, commit in a  group of 2 with MLS_X: tree: it has no ":  func(r *Results) { r.Cells[0].Tree = "" },
		"cell 1,  in a steady group of 2 with MLS_X: op: it has no na":  func(r *Results) { r.Cells[0].Op = "" },
		commit + "cpu_ns: low: -4 is out of range":                      func(r *Results) { r.Cells[0].CPU.Low = -4 },
		commit + "cpu_ns: high: 1e+300 is out of range":                 func(r *Results) { r.Cells[0].CPU.High = 1e300 },
		commit + "cpu_ns: the value, 5, is not within its interval, 6 ": func(r *Results) { r.Cells[0].CPU.Low = 6 },
		commit + "cpu_ns: the value, 5, is not within its interval, 4 ": func(r *Results) { r.Cells[0].CPU.High = 4.5 },
		commit + "ratio_fastest: value: -1 is out of range":             func(r *Results) { r.Cells[0].RatioFastest = &Figure{Value: -1} },
		commit + "samples[0]: loop_ns: -7 is out of range":              func(r *Results) { r.Cells[0].Samples[0].Loop = -7 },
		commit + "bytes: -3 is out of range":                            func(r *Results) { r.Cells[0].Bytes = -3 },
		commit + "rank: -1 is out of range":                             func(r *Results) { r.Cells[0].Rank = -1 },
		commit + "there is no suite 0x0002 MLS_X":                       func(r *Results) { r.Cells[0].ID = 2 },
		"cell 1, commit in a steady group of 2 with MLS_Y: there is no": func(r *Results) { r.Cells[0].Suite = "MLS_Y" },
		"of -3 with MLS_X: group_size: -3 is out of range: 2 to 1":      func(r *Results) { r.Cells[0].GroupSize = -3 },
		"group_size: 10000001 is out of range: 2 to 10000000":           func(r *Results) { r.Cells[0].GroupSize = MaxMembers + 1 },
		"party 1, committer: there is no suite 0x0002 MLS_X":            func(r *Results) { r.Parties[0].ID = 2 },
		"party 1, committer: stored: -1 is out of range":                func(r *Results) { r.Parties[0].Keeps.Stored = -1 },
		"trial 1: there is no suite 0x0002 MLS_X":                       func(r *Results) { r.Trials[0].ID = 2 },
		"trial 1: it has no groups or no clients":                       func(r *Results) { r.Trials[0].Groups = 0 },
		"trial 1: latency: -1 is out of range":                          func(r *Results) { r.Trials[0].Latency.P99 = -1 },
		"trial 1: catch_up: -1 is out of range":                         func(r *Results) { r.Trials[0].CatchUp.Seconds = -1 },
		"trial 1: move: -1 is out of range":                             func(r *Results) { r.Trials[0].Move.Latency.Max = -1 },
		"trial 1: read: -1 is out of range":                             func(r *Results) { r.Trials[0].ServiceUse.Read = -1 },
		"trial 1: chaos: -1 is out of range":                            func(r *Results) { r.Trials[0].Chaos.Clients = -1 },
		"trial 1: heap[0]: -1 is out of range":                          func(r *Results) { r.Trials[0].Heap[0].Bytes = -1 },
		"unmade group 1: group_size: 1 is out of range":                 func(r *Results) { r.Unmade[0].GroupSize = 1 },
	} {
		r := ofTwo()
		change(r)
		text, err := json.Marshal(r)
		require.NoError(t, err)
		_, err = Read(bytes.NewReader(text))
		require.ErrorContains(t, err, want)
	}
	text, err := json.Marshal(ofTwo())
	require.NoError(t, err)
	_, err = Read(bytes.NewReader(text))
	require.NoError(t, err)
}

func TestFiguresAreNumbersWithinTheirIntervals(t *testing.T) {
	for _, f := range []Figure{{}, {Value: 1}, {Value: 1, Low: 1, High: 1}, {Value: 1e30, Low: 1}, {High: 2}} {
		require.NoError(t, f.Check(), f)
	}
	for _, f := range []Figure{{Value: math.NaN()}, {Value: math.Inf(1)}, {Value: 1, High: math.Inf(1)}, {Value: 1, Low: math.Inf(-1)}, {Low: 1}, {P90: -1}} {
		require.Error(t, f.Check(), f)
	}
}
