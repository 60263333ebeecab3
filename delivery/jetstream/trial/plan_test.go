package trial

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/result"
)

func testRandom() *rand.Rand { return rand.New(rand.NewPCG(1, 1)) }

// All rounds together have the day of all groups, in the time of a round, in order.
func TestPlan(t *testing.T) {
	d := day.Day{Members: 4, Renewals: 1.5, Joins: 0.5, Removes: 0.1, Messages: 10}
	all := plan(testRandom(), d, 4, 35, 3, time.Minute)
	require.Len(t, all, 3)
	n, groups := map[deed]int{}, map[int]int{}
	for _, actions := range all {
		require.NotEmpty(t, actions)
		require.True(t, slices.IsSortedFunc(actions, func(a, b action) int { return int(a.at - b.at) }))
		for _, a := range actions {
			require.Less(t, a.at, time.Minute)
			n[a.do]++
			groups[a.group]++
		}
	}
	require.Equal(t, map[deed]int{send: 35, renew: 6, join: 2}, n, "messages are bounded, and 0.4 removals are none")
	require.Len(t, groups, 4)
	require.Equal(t, all, plan(testRandom(), d, 4, 35, 3, time.Minute))
}

// Who makes the groups and commits is a full member.
func TestPartiesBeginWithFullMembers(t *testing.T) {
	d := day.Day{Members: 5, Committers: 2}
	for range 20 {
		for _, p := range newParties(testRandom(), d, "t-1", 3, 8, 3) {
			require.Less(t, p.steady[0], 3)
			require.Less(t, p.steady[1], 3)
			require.Len(t, slices.Compact(slices.Sorted(slices.Values(append(p.steady, p.others...)))), 8)
		}
	}
}

// Who stays, stays; the others come and go, the one first that was there for the longest time.
func TestParties(t *testing.T) {
	d := day.Day{Members: 5, Joins: 1, Removes: 2}
	for _, p := range newParties(testRandom(), d, "t-1", 3, 8, 8) {
		require.Len(t, p.steady, 3)
		require.Len(t, p.members(), 5)
		require.Len(t, slices.Compact(slices.Sorted(slices.Values(append(p.members(), p.others[2:]...)))), 8)
		first := p.others[0]
		gone, ok := p.change(remove)
		require.True(t, ok)
		require.Equal(t, first, gone)
		require.Len(t, p.members(), 4)
		for range 4 {
			who, ok := p.change(join)
			require.True(t, ok)
			require.Contains(t, p.members(), who)
		}
		_, ok = p.change(join)
		require.False(t, ok, "all are in")
		for range 5 {
			_, ok = p.change(remove)
			require.True(t, ok)
		}
		_, ok = p.change(remove)
		require.False(t, ok)
		require.Equal(t, p.steady, p.members())
		require.Contains(t, p.steady[:2], p.actor(testRandom(), 2))
	}
}

func got(number int, epoch, position uint64) record {
	return record{Kind: gotMessage, From: "ann", Number: number, Epoch: epoch, Position: position}
}

func set(numbers ...int) map[int]bool {
	m := map[int]bool{}
	for _, n := range numbers {
		m[n] = true
	}
	return m
}

// The check finds each kind of fault, and none where there is none.
func TestCompare(t *testing.T) {
	m := got
	whole := []record{m(1, 1, 10), m(2, 1, 20), m(3, 2, 40)}
	visitor := []record{{Kind: gotJoined, Epoch: 2, Position: 30}, m(3, 2, 40)}
	for name, c := range map[string]struct {
		lists    [][]record
		steady   int
		accepted map[int]bool
		want     result.Checked
	}{
		"all is well":      {[][]record{whole, whole, visitor, nil}, 2, set(1, 2, 3), result.Checked{Lists: 3, Entries: 7}},
		"not accepted":     {[][]record{whole, whole}, 2, set(1, 2), result.Checked{Lists: 2, Entries: 6}},
		"lost for all":     {[][]record{whole, whole}, 2, set(1, 2, 3, 4), result.Checked{Lists: 2, Entries: 6, Lost: 1}},
		"lost for one":     {[][]record{whole, whole[:2]}, 2, set(1, 2, 3), result.Checked{Lists: 2, Entries: 5, Lost: 1}},
		"lost for a guest": {[][]record{whole, visitor[:1]}, 1, set(1, 2, 3), result.Checked{Lists: 2, Entries: 3, Lost: 1}},
		"doubled":          {[][]record{whole, append(whole[:3:3], m(3, 2, 40))}, 2, set(1, 2, 3), result.Checked{Lists: 2, Entries: 7, Doubled: 1}},
		"another place":    {[][]record{whole, {m(1, 1, 10), m(2, 1, 21), m(3, 2, 40)}}, 2, set(1, 2, 3), result.Checked{Lists: 2, Entries: 6, Disordered: 1}},
		"another order":    {[][]record{whole, {m(1, 1, 10), m(3, 2, 40), m(2, 1, 20)}}, 2, set(1, 2, 3), result.Checked{Lists: 2, Entries: 6, Disordered: 1}},
		"made up":          {[][]record{append(whole[:3:3], m(9, 2, 50)), append(whole[:3:3], m(9, 2, 50))}, 2, set(1, 2, 3), result.Checked{Lists: 2, Entries: 8, Strange: 1}},
		"who has left": {[][]record{whole, {{Kind: gotJoined, Epoch: 1, Position: 1}, m(1, 1, 10), m(2, 1, 20), {Kind: gotLeft, Position: 35}}}, 1, set(1, 2, 3),
			result.Checked{Lists: 2, Entries: 5}},
		"epochs begin anew": {[][]record{append(whole[:3:3], m(4, 1, 60)), append(visitor[:2:2], record{Kind: gotMoved, Epoch: 1, Position: 50})}, 1, set(1, 2, 3, 4),
			result.Checked{Lists: 2, Entries: 5, Lost: 1}},
	} {
		var found result.Checked
		compare(&found, c.lists, c.steady, c.accepted, set(1, 2, 3, 4))
		require.Equal(t, c.want, found, name)
		require.Equal(t, c.want.Lost+c.want.Doubled+c.want.Disordered+c.want.Strange == 0, found.Sound(), name)
	}
}

// Quantiles are right to a bucket, and never above the greatest value.
func TestHistogram(t *testing.T) {
	var h histogram
	require.Zero(t, h.quantile(0.5))
	for i := range 1000 {
		h.add(float64(i+1) * 1e6)
	}
	x := h.times()
	require.Equal(t, 1000, x.Count)
	require.InEpsilon(t, 500e6, x.P50, 0.01)
	require.InEpsilon(t, 990e6, x.P99, 0.01)
	require.Equal(t, 1000e6, x.Max)
	require.LessOrEqual(t, h.quantile(1), x.Max)
}

// A message is on its way until all have it, and nobody waits for what may never have been sent.
func TestTracker(t *testing.T) {
	tr, h := newTracker(), &histogram{}
	tr.expect(flight{"g", 1}, []string{"ann", "bob"}, h)
	one := record{Kind: gotMessage, Group: "g", Number: 1, Sent: 100, At: 300}
	tr.got("ann", one)
	tr.got("ann", one)
	open, _ := tr.open("")
	require.Equal(t, 1, open)
	open, _ = tr.open("bob")
	require.Zero(t, open, "bob is away")
	one.At = 200
	tr.got("bob", one)
	require.Equal(t, 1, tr.done())
	require.Equal(t, 200.0, tr.times(h).Max, "the last one had it at 300")
	tr.expect(flight{"g", 2}, []string{"ann", "bob"}, nil)
	tr.doubt(flight{"g", 2})
	open, _ = tr.open("")
	require.Zero(t, open)
	one.Number = 2
	tr.got("ann", one)
	open, _ = tr.open("")
	require.Equal(t, 1, open, "what one has, all must get")
	tr.expect(flight{"g", moveOf}, []string{"ann"}, nil)
	tr.got("ann", record{Kind: gotMoved, Group: "g"})
	require.NoError(t, tr.giveUp(""))
	open, _ = tr.open("")
	require.Zero(t, open)
	tr.expect(flight{leaver("g", "bob"), leavingOf}, []string{"bob"}, nil)
	tr.got("ann", record{Kind: gotLeft, Group: "g"})
	open, _ = tr.open("")
	require.Equal(t, 1, open, "another one has left")
	tr.got("bob", record{Kind: gotLeft, Group: "g"})
	open, _ = tr.open("")
	require.Zero(t, open)
	tr.expect(flight{"h", makingOf}, []string{"ann"}, nil)
	require.ErrorContains(t, tr.giveUp(""), "did not join")
}

func TestConfigIsChecked(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"no suites":         func(c *Config) { c.Suites = nil },
		"fewer than the 4":  func(c *Config) { c.Clients = 3 },
		"must be positive":  func(c *Config) { c.Groups = 0 },
		"members: 2 is out": func(c *Config) { c.Day.Members = 2 },
	} {
		cfg := small()
		change(&cfg)
		_, err := Run(t.Context(), cfg)
		require.ErrorContains(t, err, want)
	}
}

func TestLoopback(t *testing.T) {
	for url, want := range map[string]bool{
		"nats://127.0.0.1:4222": true, "localhost:4222": true, "tls://[::1]:4222": true, "nats://127.0.0.1:1,nats://127.0.0.1:2": true,
		"nats://10.0.0.1:4222": false, "example.org": false, "nats://127.0.0.1:1,example.org": false, "://": false,
	} {
		require.Equal(t, want, Loopback(url), url)
	}
}
