package page

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/result"
)

// A page of trials says whether they were sound, and has their figures.
func TestTrials(t *testing.T) {
	info := infos()[0]
	r := &result.Results{
		Suites: []result.Suite{{Name: info.Name, ID: result.Code(info.ID)}},
		Trials: []result.Trial{
			{
				Suite: info.Name, ID: result.Code(info.ID), Workload: "team", Groups: 5, GroupSize: 1010, Clients: 10, Messages: 1234,
				Latency: result.Times{Count: 1234, P50: 81.5e6, P99: 1.25e9}, Commits: result.Commits{Won: 50, Lost: 3, Superseded: 4}, PerMinute: 987,
				Up: 45670, Check: result.Checked{Lists: 50, Entries: 1}, Chaos: &result.Chaos{Clients: 1, Services: 2},
				ServiceUse: &result.ServiceUse{Stored: result.Growth{Before: 1000, After: 7543}}, CatchUp: &result.CatchUp{Seconds: 0.345}, Move: &result.Moves{Seconds: 6.789},
			},
			{Suite: info.Name, ID: result.Code(info.ID), Workload: "agency", GroupSize: 1010, Check: result.Checked{Lost: 3, Doubled: 2}, Chaos: &result.Chaos{Clients: 7, Services: 1}},
			{Suite: "no such suite"},
		},
	}
	page := written(t, wholeInput(t, File{"trial.json", r}))
	for _, want := range []string{
		"Trials of real clients", "in 50 lists with 1 entry.", "Meanwhile 1 client was killed, and the service was restarted 2 times.",
		"Not sound: 3 lost, 2 doubled, 0 out of order, 0 that nobody sent.", "Meanwhile 7 clients were killed, and the service was restarted 1 time.",
		">1,234</td>", ">81.5</td>", ">1,250</td>", ">987</td>", ">7</td>", ">4,567</td>", ">6,543</td>", ">345</td>", ">6,789</td>", `<option selected>1,010</option>`,
	} {
		require.Contains(t, page, want)
	}
	require.Contains(t, page, "<dd>mlstrial</dd>", "the command that repeats it")
	require.NotContains(t, written(t, one(t)), "Trials of real clients")
}
