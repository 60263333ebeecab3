package page

import (
	"html"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/result"
)

// madeDays are days of two suites that nobody priced.
func madeDays() []Day {
	party := func(name string, ms float64) DayParty {
		return DayParty{Name: name, CPU: result.Figure{Value: ms * 1e6, Low: ms * 0.98e6, High: ms * 1.02e6}, Up: 1000 * ms, Down: 2000 * ms}
	}
	in := func(name string, id result.Code, scheme string, rank int, ms float64) DaySuite {
		return DaySuite{
			Suite: name, ID: id, KEM: "X25519", Signature: "Ed25519", Scheme: scheme, Rank: rank,
			Time:    result.Figure{Value: ms * 2e6, Low: ms * 1.9e6, High: ms * 2.1e6},
			Parties: []DayParty{party("committer", 2*ms), party("member", ms), party("joiner", 3*ms), party("service", ms/2)}, Stored: 1e5,
		}
	}
	one, other := "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519"
	var days []Day
	for i, name := range []string{"team", "agency"} {
		ms := float64(1 + 10*i)
		days = append(days, Day{
			Name: name, About: []string{"a group of some members."}, Recommendation: "Take 0x0001.", Payer: "member",
			Suites: []DaySuite{in(one, 1, "MLS", 1, ms), in(other, 0xF002, "MLS", 2, 2*ms)},
			Beside: []DaySuite{in(one, 1, "pairwise sessions", 0, 20*ms), in(one, 1, "sender keys", 0, 5*ms)},
		})
	}
	return days
}

func madeBaselines() *Baselines {
	b := &Baselines{
		Suite: "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", ID: 1, Message: 500,
		Crossings: []Crossing{{"message", "sender", "pairwise sessions", 3, 4}, {"renew", "receiver", "sender keys", 0, 1200}},
	}
	for i, s := range schemes() {
		c := Curve{Operation: "renewing keys", Payer: "who renews", Scheme: s}
		for _, n := range []int{3, 100, 10_000} {
			v := float64(1+i*n) * 1e4
			c.Sizes, c.Bytes = append(c.Sizes, n), append(c.Bytes, v)
			c.CPU = append(c.CPU, result.Figure{Value: v, Low: v * 0.95, High: v * 1.05})
		}
		b.Curves = append(b.Curves, c)
	}
	return b
}

// withDays is a page with all its sections.
func withDays(t *testing.T) Input {
	in := wholeInput(t, File{"run.json", withParties()})
	in.Days, in.Baselines = madeDays(), madeBaselines()
	return in
}

// The figures of days stand in charts, with their intervals, and in tables beside them.
func TestDaysAreShown(t *testing.T) {
	page := html.UnescapeString(written(t, withDays(t)))
	for _, text := range []string{
		`<h2 id="days">What a day costs</h2>`, "<li>Take 0x0001.</li><li>a group of some members.</li>",
		"X25519 · Ed25519 · AES128 (0x0001), team: 2.00 ms ±5 %, rank 1", "member, agency: 11.0 ms ±2 %",
		"pairwise sessions in 0x0001, team: 20.0 ms ±2 %, 60,000 bytes",
		`<h2 id="baselines">MLS against sessions and sender keys</h2>`, "sender keys, 10,000 members: 200 ms ±5 %",
	} {
		require.Contains(t, page, text)
	}
	table := func(id string) string { return blockOf(t, page, id) }
	require.Equal(t, 4, strings.Count(table("day-table"), "<tr data-s"))
	require.Contains(t, table("day-table"), `<th scope="col" class="n"><button type="button">Day</button></th>`)
	require.Equal(t, 8, strings.Count(table("day-payers-table"), "<tr data-s"))
	require.Equal(t, 6, strings.Count(table("day-otherwise-table"), "<tr data-s"))
	require.Contains(t, table("baselines-table"), `<td class="n" data-v="1200">1,200</td>`)
	require.Contains(t, table("baselines-table"), `<td class="n open">never</td>`)
}

// What is not there leaves no trace.
func TestSectionsWithoutFiguresAreLeftOut(t *testing.T) {
	page := written(t, one(t))
	for _, absent := range []string{`id="days"`, `id="day-payers"`, `id="day-otherwise"`, `id="baselines"`, `id="f0-payers"`, `id="f0-providers"`} {
		require.NotContains(t, page, absent)
	}
	in := Input{Days: madeDays()[:1]}
	in.Days[0].Beside = nil
	page = written(t, in)
	require.Contains(t, page, `id="days"`)
	require.NotContains(t, page, `id="day-otherwise"`)
	require.NotContains(t, page, "There are no results.")
}
