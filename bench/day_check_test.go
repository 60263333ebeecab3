package bench

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/result"
)

// What no day can have is refused, by the name of the suite and the field.
func TestReportRefusesWhatNoDayHas(t *testing.T) {
	d, err := day.Example("team")
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "day.json")
	report := func(change func(*dayReport)) error {
		party := dayParty{Party: day.Member, Cost: day.Cost{CPU: result.Figure{Value: 5, Low: 4}, Up: 1, Down: 1}}
		of := func(scheme string) daySuite {
			return daySuite{Suite: "MLS_X", ID: 1, Scheme: scheme, Time: &result.Figure{Value: 6}, Parties: []dayParty{party}}
		}
		r := dayReport{
			Schema: daySchema, Day: d, Link: 1e7, Ranked: day.Member, Suites: []daySuite{of("MLS")}, Beside: []daySuite{of("sender keys"), of("MLS")},
			Crossovers: []dayCrossover{{Operation: "message"}},
		}
		alone := namedSuite{"MLS_X", 1}
		price := day.Price{Bytes: 100, Parties: []day.PartyCost{{Party: day.Member, Cost: party.Cost}}}
		r.Combiner = &dayCombiner{
			T: alone, PQ: namedSuite{"MLS_Y", 2}, Classical: combinerPrice{Suite: &alone, Price: price, Times: 1}, Hybrid: combinerPrice{Suite: &alone, Price: price, Times: 1},
			Intervals: []combinerPrice{{Every: 10, Price: price, Times: 2}}, Reached: []combinerReach{{2, 10}},
		}
		change(&r)
		text, err := json.Marshal(r)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(path, text, 0o600))
		_, _, err = readReported(path)
		return err
	}
	require.NoError(t, report(func(*dayReport) {}))
	for want, change := range map[string]func(*dayReport){
		"day.json: a day of schema 2; this program reads schema 1":         func(r *dayReport) { r.Schema = 2 },
		"day: members: -3 is out of range":                                 func(r *dayReport) { r.Day.Members = -3 },
		"a day with a link of -1 bits":                                     func(r *dayReport) { r.Link = -1 },
		"a day without suites":                                             func(r *dayReport) { r.Suites = nil },
		"a day in 0x0000 , : there is no name, code point or scheme":       func(r *dayReport) { r.Suites[0] = daySuite{} },
		"a day in 0x0001 MLS_X, MLS: there are no parties":                 func(r *dayReport) { r.Suites[0].Parties = nil },
		"a day in 0x0001 MLS_X, MLS: rank: -1 is out of range":             func(r *dayReport) { r.Suites[0].Rank = -1 },
		"a day in 0x0001 MLS_X, MLS: time_ns: value: -6 is out of range":   func(r *dayReport) { r.Suites[0].Time.Value = -6 },
		"a day in 0x0001 MLS_X, MLS: stored_bytes: value: -1":              func(r *dayReport) { r.Suites[0].Stored = -1 },
		"a day in 0x0001 MLS_X, MLS: member: cpu_ns: the value, 5, is not": func(r *dayReport) { r.Suites[0].Parties[0].CPU.Low = 6 },
		"a day in 0x0001 MLS_X, MLS: there is no \"dancer\", by whom":      func(r *dayReport) { r.Ranked = "dancer" },
		"a day in 0x0001 MLS_X, sender keys: member: bytes_up: value: -1":  func(r *dayReport) { r.Beside[0].Parties[0].Up = -1 },
		"a day in 0x0001 MLS_X, sender keys: is there twice":               func(r *dayReport) { r.Beside = append(r.Beside, r.Beside[0]) },
		"a crossover of message at fewer than 0 members":                   func(r *dayReport) { r.Crossovers[0].CPU = -1 },
		"combiner: there is no interval, classical or hybrid suite":        func(r *dayReport) { r.Combiner.Intervals = nil },
		"combiner: price 1: there is no suite and no interval":             func(r *dayReport) { r.Combiner.Intervals[0].Every = 0 },
		"combiner: FULL every 10: bytes or times are not above 0":          func(r *dayReport) { r.Combiner.Intervals[0].Bytes = 0 },
		"combiner: 0x0001 alone: value: -2":                                func(r *dayReport) { r.Combiner.Hybrid.Commit.Value = -2 },
		"combiner: FULL every 10: value: -3":                               func(r *dayReport) { r.Combiner.Intervals[0].DayTimes = -3 },
		"combiner: reached: 2 times at an interval of -1":                  func(r *dayReport) { r.Combiner.Reached[0].Every = -1 },
	} {
		require.ErrorContains(t, report(change), want)
	}
}
