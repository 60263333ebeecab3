package day_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/baseline"
	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/suite"
)

// x25519 has the sizes of suite 0x0001.
func x25519() suite.Info {
	return suite.Info{
		ID: 1, Name: "x25519",
		KEM: suite.KEMInfo{Nenc: 32, Npk: 32}, AEAD: suite.AEADInfo{Nt: 16}, KDF: suite.KDFInfo{Nh: 32}, Hash: suite.HashInfo{Size: 32},
		Signature: suite.SignatureInfo{PublicKey: 32, Signature: 64},
	}
}

// eight members, two of whom commit, four speak.
func eight() day.Day {
	return day.Day{
		Name: "eight", Members: 8, Committers: 2, Speakers: 4,
		Renewals: 16, Joins: 4, Removes: 2, Messages: 100, Size: 1000,
	}
}

func party(t *testing.T, d day.Day, name string) day.Party {
	t.Helper()
	for _, p := range d.Parties(baseline.MLS(), x25519(), baseline.Beyond{}) {
		if p.Name == name {
			return p
		}
	}
	require.Fail(t, "there is no such party", name)
	return day.Party{}
}

// times returns how often a party does what, in the order of its items.
func times(p day.Party) []float64 {
	var all []float64
	for _, i := range p.Items {
		all = append(all, i.Times)
	}
	return all
}

func TestWhoDoesWhatByHand(t *testing.T) {
	// Renewals, of oneself and of others; joins; removals; messages, sent and received. Each
	// member renews twice. Each committer adds two, removes one, and sends a fourth of the
	// messages; the other six send half of them together.
	require.Equal(t, []float64{2, 14, 2, 2, 1, 1, 25, 75}, times(party(t, eight(), day.Committer)))
	member := times(party(t, eight(), day.Member))
	require.InDeltaSlice(t, []float64{2, 14, 4, 2, 50.0 / 6, 100 - 50.0/6}, member, 1e-9)
	require.Equal(t, []float64{1}, times(party(t, eight(), day.Joiner)))
	require.Equal(t, []float64{16, 4, 2, 100}, times(party(t, eight(), day.Service)))
}

// All messages are sent by somebody, whoever speaks.
func TestEveryMessageIsSent(t *testing.T) {
	for _, speakers := range []int{1, 2, 3, 8} {
		d := eight()
		d.Speakers = speakers
		sent := 0.0
		for _, of := range []struct {
			party   string
			members float64
		}{{day.Committer, 2}, {day.Member, 6}} {
			for _, i := range party(t, d, of.party).Items {
				if i.Op == "encrypt" {
					sent += i.Times * of.members
				}
			}
		}
		require.InDelta(t, 100, sent, 1e-9, speakers)
	}
}

func TestPartiesThatAreNotThere(t *testing.T) {
	d := eight()
	d.Committers, d.Joins = 8, 0
	var names []string
	for _, p := range d.Parties(baseline.MLS(), x25519(), baseline.Beyond{}) {
		names = append(names, p.Name)
	}
	require.Equal(t, []string{day.Committer, day.Service}, names)
}

// prices are those of a device on which a signature costs 900 to 1,100, a verification 1,500
// to 2,500, and all else nothing.
func prices() device.Prices {
	return device.Prices{
		Low:   limit.Prices{limit.Sign: 900, limit.Verify: 1500},
		Value: limit.Prices{limit.Sign: 1000, limit.Verify: 2000},
		High:  limit.Prices{limit.Sign: 1100, limit.Verify: 2500},
	}
}

func TestCostsByHand(t *testing.T) {
	d := day.Day{Members: 8, Committers: 1, Speakers: 1, Renewals: 8, Messages: 10, Size: 1000}
	commit := 32 + 32 + 64 + 64 + 3*(32+32+32+16)
	message := 1000 + 64 + 2*16
	// One commit with 2 Sign and seven with 2 Verify each; ten messages with a Verify.
	require.Equal(t, day.Cost{
		CPU: result.Figure{Value: 2*1000 + 24*2000, Low: 2*900 + 24*1500, High: 2*1100 + 24*2500},
		Up:  float64(commit), Down: float64(7*commit + 10*message),
	}, party(t, d, day.Member).At(prices(), nil))
	// The committer sends them all.
	require.InDelta(t, 2*1000+14*2000+10*1000, party(t, d, day.Committer).At(prices(), nil).CPU.Value, 1e-9)
	service := party(t, d, day.Service).At(prices(), nil)
	require.InDelta(t, 8*2*2000, service.CPU.Value, 1e-9)
	require.InDelta(t, 8*commit+10*message, service.Down, 1e-9)
	require.InDelta(t, 7*(8*commit+10*message), service.Up, 1e-9)
}

func TestOverheadMultipliesItsOperation(t *testing.T) {
	d := day.Day{Members: 8, Committers: 1, Speakers: 1, Renewals: 8}
	c := party(t, d, day.Member).At(prices(), day.Overhead{"commit": {Value: 2, Low: 1.5, High: 3}})
	require.Equal(t, result.Figure{Value: 2*2*1000 + 14*2000, Low: 1.5*2*900 + 14*1500, High: 3*2*1100 + 14*2500}, c.CPU)
}

func TestOverheadIsOfTheNearestSteadyGroup(t *testing.T) {
	cell := func(size int, tree, op string, ratio float64) result.Cell {
		return result.Cell{Suite: "x25519", ID: 1, GroupSize: size, Tree: tree, Op: op, Ratio: result.Figure{Value: ratio}}
	}
	r := &result.Results{Cells: []result.Cell{
		cell(2, "steady", "commit", 1.2), cell(100, "steady", "commit", 1.4), cell(100, "steady", "process", 1.5),
		cell(1000, "steady", "commit", 1.6), cell(60, "blank", "commit", 9), cell(50, "steady", "commit", 0),
		{Suite: "other", ID: 2, GroupSize: 50, Tree: "steady", Op: "commit", Ratio: result.Figure{Value: 9}},
	}}
	d := eight()
	d.Members = 50
	require.Equal(t, day.Overhead{"commit": {Value: 1.4}, "process": {Value: 1.5}}, d.OverheadOf(r, x25519()))
	d.Members = 3
	require.Equal(t, day.Overhead{"commit": {Value: 1.2}}, d.OverheadOf(r, x25519()))
	require.Empty(t, d.OverheadOf(&result.Results{}, x25519()))
}

// Messages are longer than their least sizes by what those of the nearest steady group are.
func TestBytesBeyondLeastSizes(t *testing.T) {
	d, s := eight(), x25519()
	g := limit.Group{Suite: s, Tree: limit.Steady(10, 0)}
	cell := func(size int, op string, bytes float64) result.Cell {
		return result.Cell{Suite: "x25519", ID: 1, GroupSize: size, Tree: "steady", Op: op, Bytes: int(bytes)}
	}
	join := g.AddWelcomeBytes() * 3
	r := &result.Results{Cells: []result.Cell{
		cell(100, "commit", 1e6), cell(10, "commit", g.CommitBytes()+100), cell(10, "keypackage", g.KeyPackageBytes()+50),
		cell(10, "encrypt", g.MessageBytes(1024)+30), cell(10, "join", join), cell(10, "add", g.AddBytes()+join+70),
	}}
	b := d.BytesOf(r, s, 1024)
	require.Equal(t, baseline.Beyond{Commit: 100, Add: 70, KeyPackage: 50, Message: 30, Welcome: 2}, b)
	require.Zero(t, d.BytesOf(&result.Results{}, s, 1024))

	down := func(b baseline.Beyond, name string) float64 {
		for _, p := range d.Parties(baseline.MLS(), s, b) {
			if p.Name == name {
				return p.At(prices(), nil).Down
			}
		}
		return 0
	}
	eight := limit.Group{Suite: s, Tree: limit.Steady(8, 0)}
	require.InDelta(t, 2*eight.AddWelcomeBytes(), down(b, day.Joiner)-down(baseline.Beyond{}, day.Joiner), 1e-6)
	// Of 16 renewals and 2 removals, 4 joins and 100 messages a member makes 2 renewals and 50/6 messages.
	require.InDelta(t, (14+2)*100+4*70+(100-50.0/6)*30, down(b, day.Member)-down(baseline.Beyond{}, day.Member), 1e-6)
}

// Ciphertexts for blank and unmerged nodes are sealed once, and received by everybody.
func TestWearCostsEverybody(t *testing.T) {
	d := eight()
	d.Joins, d.Messages = 0, 0
	worn, sealed := d.Ciphertexts()-3, 32+32.0+16
	seal := device.Prices{Value: limit.Prices{limit.Seal: 1000}}
	steady := limit.Group{Suite: x25519(), Tree: limit.Steady(8, 0)}
	commit := steady.CommitBytes() + worn*sealed
	removal := limit.Group{Suite: x25519(), Tree: limit.Removed(8, 4)}.CommitBytes() + worn*sealed
	require.Greater(t, worn, 0.01)
	c := party(t, d, day.Member).At(seal, nil)
	require.InDelta(t, 2*(3+worn)*1000, c.CPU.Value, 1e-6)
	require.InDelta(t, 2*commit, c.Up, 1e-6)
	require.InDelta(t, 14*commit+2*removal, c.Down, 1e-6)
}

// The overhead of an add is so much for each byte of the tree, not so much for a primitive.
func TestOverheadOfAnAddGrows(t *testing.T) {
	d, s := eight(), x25519()
	small := limit.Group{Suite: s, Tree: limit.Steady(1000, 0)}
	r := &result.Results{
		Suites: []result.Suite{{Name: s.Name, ID: 1, Prices: map[string]result.Figure{limit.Sign.String(): {Value: 1000, Low: 1000, High: 1000}}}},
		Cells: []result.Cell{{
			Suite: s.Name, ID: 1, GroupSize: 1000, Tree: "steady", Op: "add", Bytes: int(small.AddWelcomeBytes()),
			Limit: result.Figure{Value: 2000}, Ratio: result.Figure{Value: 3, Low: 2, High: 5},
		}},
	}
	d.Members = 1000
	require.Equal(t, r.Cells[0].Ratio, d.OverheadOf(r, s)["add"], "of the very size")
	r.Cells[0].Ratio.High = 0
	d.Members = 100_000
	require.Zero(t, d.OverheadOf(r, s)["add"].High, "without an upper bound")
	r.Cells[0].Ratio.High = 5
	d.Members = 100_000
	x := d.OverheadOf(r, s)["add"]
	require.Greater(t, x.Value, 150.0, "a tree a hundred times as large")
	require.InDelta(t, (x.Value-1)/2, x.Low-1, 1e-9)
	require.InDelta(t, 2*(x.Value-1), x.High-1, 1e-9)
}

// cost is that of 1,000 bytes and a CPU time.
func cost(low, value, high float64) day.Cost {
	return day.Cost{CPU: result.Figure{Value: value, Low: low, High: high}, Up: 500, Down: 500}
}

// rankOf ranks suites 1, 2 and so on by estimates of 15 rounds, on a link on which the bytes
// take a millisecond.
func rankOf(costs ...day.Cost) []day.Ranked {
	suites := []suite.Info{{ID: 1, Name: "a"}, {ID: 2, Name: "b"}, {ID: 3, Name: "c"}, {ID: 4, Name: "d"}}
	return day.Rank(suites[:len(costs)], costs, 8e6, 15)
}

// order returns the suites and the ranks.
func order(ranked []day.Ranked) (ids []suite.ID, ranks []int) {
	for _, r := range ranked {
		ids, ranks = append(ids, r.Suite.ID), append(ranks, r.Rank)
	}
	return ids, ranks
}

func TestRanksPartWhereIntervalsDo(t *testing.T) {
	ranked := rankOf(cost(2.04e6, 2.1e6, 2.2e6), cost(1.9e6, 2e6, 2.1e6), cost(4.9e6, 5e6, 5.1e6))
	ids, ranks := order(ranked)
	require.Equal(t, []suite.ID{2, 1, 3}, ids)
	require.Equal(t, []int{1, 1, 3}, ranks)
	require.InDelta(t, 1e6, ranked[0].Wire, 1e-6)
	require.Equal(t, result.Figure{Value: 3e6, Low: 2.9e6, High: 3.1e6}, ranked[0].Time)

	require.Equal(t, "Take 0x0002 b: its figure is the least, but its interval does not part it from 0x0001. "+
		"A member's day takes 3.00 ms (2.90 ms to 3.10 ms), of which CPU time is 2.00 ms and the bytes on the link 1.00 ms: CPU time makes up 67 % of it. "+
		"That is 0.97 times what 0x0001 takes.",
		day.Recommend(ranked, "member", &ranked[1]))
	require.Equal(t, "Take 0x0003 c: it is the only one. "+
		"A member's day takes 6.00 ms (5.90 ms to 6.10 ms), of which CPU time is 5.00 ms and the bytes on the link 1.00 ms: CPU time makes up 83 % of it. "+
		"That is 2.00 times what 0x0002 takes; of the difference CPU time makes up 100 %.",
		day.Recommend(ranked[2:], "member", &ranked[0]))
	require.Contains(t, day.Recommend([]day.Ranked{ranked[0], ranked[2]}, "member", nil), "it is the cheapest, and its interval overlaps with no other. ")
	slow := day.Rank([]suite.Info{{ID: 1, Name: "a"}}, []day.Cost{cost(0, 0, 0)}, 8000, 15)
	require.Contains(t, day.Recommend(slow, "committer", nil), "A committer's day takes 1.00 s (1.00 s to 1.00 s), of which CPU time is 0.00 ns and the bytes on the link 1.00 s: bytes make up 100 % of it.")
}

// Intervals that part by less than two runs of one program differ leave a rank shared. Bytes
// are certain.
func TestRanksAllowForTheShiftOfRuns(t *testing.T) {
	_, ranks := order(rankOf(cost(1e6, 1e6, 1e6), cost(1.019e6, 1.019e6, 1.019e6), cost(1.021e6, 1.021e6, 1.021e6)))
	require.Equal(t, []int{1, 1, 1}, ranks, "the second connects the others")
	_, ranks = order(rankOf(cost(1e6, 1e6, 1e6), cost(1.021e6, 1.021e6, 1.021e6), cost(1.05e6, 1.05e6, 1.05e6)))
	require.Equal(t, []int{1, 2, 3}, ranks)
	longer := cost(1e6, 1e6, 1e6)
	longer.Up += 25
	_, ranks = order(rankOf(cost(1e6, 1e6, 1e6), longer))
	require.Equal(t, []int{1, 2}, ranks, "25 bytes take 25 µs, two per cent of the CPU time 20 µs")
}

// What is not resolved has no rank, counts for no other, and is never the cheapest.
func TestOnlyWhatIsResolvedIsRanked(t *testing.T) {
	ranked := rankOf(cost(0.5e6, 1e6, 1.5e6), cost(2e6, 2e6, 2e6), cost(0.9e6, 0.9e6, 0), cost(9e6, 10e6, 11e6))
	ids, ranks := order(ranked)
	require.Equal(t, []suite.ID{2, 3, 1, 4}, ids)
	require.Equal(t, []int{1, 0, 0, 0}, ranks)
	require.Contains(t, day.Recommend(ranked, "member", nil),
		"Take 0x0002 b: it is the cheapest of those that are resolved; not resolved, and perhaps cheaper: 0x0003, 0x0001. ")
	equal := rankOf(cost(0.5e6, 1e6, 1.5e6), cost(2e6, 2e6, 2e6), cost(2.01e6, 2.01e6, 2.01e6))
	require.Contains(t, day.Recommend(equal, "member", nil),
		"Take 0x0002 b: its figure is the least of those that are resolved, but its interval does not part it from 0x0003; not resolved, and perhaps cheaper: 0x0001. ")
	require.Contains(t, day.Recommend([]day.Ranked{ranked[0], ranked[3]}, "member", nil), "its interval overlaps with no other. ")
	require.Contains(t, day.Recommend(ranked[1:], "member", nil),
		"No suite is certainly the cheapest: no time is resolved to 5 % in 15 rounds or more. The least figure is that of 0x0003 c. A member's day takes 1.90 ms (1.90 ms to ?), ")
	require.Zero(t, ranked[1].Time.High)

	few := day.Rank([]suite.Info{{ID: 1}}, []day.Cost{cost(1e6, 1e6, 1e6)}, 8e6, 14)
	require.Zero(t, few[0].Rank)
}

// An overhead or a price without an upper bound leaves the day without one, and is no zero.
func TestWhatHasNoUpperBoundIsUnbounded(t *testing.T) {
	d := day.Day{Members: 8, Committers: 1, Speakers: 1, Renewals: 8}
	member := party(t, d, day.Member)
	c := member.At(prices(), day.Overhead{"commit": {Value: 2, Low: 1.5}})
	require.Equal(t, result.Figure{Value: 2*2*1000 + 14*2000, Low: 1.5*2*900 + 14*1500}, c.CPU)
	open := prices()
	open.High[limit.Verify] = 0
	require.Equal(t, result.Figure{Value: 2*1000 + 14*2000, Low: 2*900 + 14*1500}, member.At(open, nil).CPU)
	require.Positive(t, member.At(prices(), day.Overhead{"join": {Value: 2, Low: 1}}).CPU.High, "of what the party does not do")
}

func TestExamplesAreDays(t *testing.T) {
	members := 0
	for _, name := range day.Examples() {
		d, err := day.Example(name)
		require.NoError(t, err)
		require.Equal(t, name, d.Name)
		require.Greater(t, d.Members, members)
		members = d.Members
	}
	_, err := day.Example("party")
	require.ErrorContains(t, err, "choose from team, agency, channel")
}

func TestFaultyDaysAreRefused(t *testing.T) {
	const valid = "name: a\nmembers: 8\ncommitters: 2\nspeakers: 4\n"
	d, err := day.Read(strings.NewReader(valid))
	require.NoError(t, err)
	require.Equal(t, day.Day{Name: "a", Members: 8, Committers: 2, Speakers: 4}, d)
	for fault, text := range map[string]string{
		"speeches":               valid + "speeches: 5\n",
		"already":                valid + "members: 9\n",
		"more than one document": valid + "---\nname: b\n",
		"members: 2 is out":      "members: 2\n",
		"committers: 0 is out":   "members: 8\n",
		"renewals: -1 is out":    valid + "renewals: -1\n",
		"renewals: NaN is out":   valid + "renewals: .nan\n",
		"messages: +Inf is out":  valid + "messages: .inf\n",
		"day: ":                  "",
		"more than 65536 bytes":  valid + "# " + strings.Repeat("x", 1<<16),
	} {
		_, err := day.Read(strings.NewReader(text))
		require.ErrorContains(t, err, fault, text)
	}
}

func TestFiguresHaveThreeDigits(t *testing.T) {
	for want, ns := range map[string]float64{
		"0.00 ns": 0, "999 ns": 999.4, "1.00 µs": 999.6, "12.3 µs": 12_345, "556 ms": 556e6, "3.37 s": 3.37e9, "1234 s": 1234e9,
	} {
		require.Equal(t, want, day.Duration(ns))
	}
	for want, n := range map[string]float64{"0 B": 0, "5 B": 5, "1.00 kB": 999.6, "3.51 MB": 3.51e6, "4000 PB": 4e18} {
		require.Equal(t, want, day.Bytes(n))
	}
}
