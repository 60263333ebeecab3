package day_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// thousand is a group of 1,000 whose members only renew their keys.
func thousand() day.Day {
	return day.Day{Members: 1000, Committers: 20, Speakers: 200, Renewals: 1000, Size: 1000}
}

func infoOf(t *testing.T, id suite.ID) suite.Info {
	t.Helper()
	s, err := all.Registry().Suite(id)
	require.NoError(t, err)
	return s.Info()
}

// combiner is 0x0001 with TBD6; a PQ primitive is priced at ten times one of T.
func combiner(t *testing.T) day.Combiner {
	p := prices()
	pq := p
	for i := range pq.Value {
		pq.Value[i] *= 10
		pq.Low[i] *= 10
		pq.High[i] *= 10
	}
	return day.Combiner{
		T: day.Pricing{Suite: infoOf(t, 0x0001), Prices: p}, PQ: day.Pricing{Suite: infoOf(t, 0xF006), Prices: pq},
	}
}

// The longer the interval, the nearer a commit comes to one of the T group alone, in bytes and
// CPU, and the price at every commit is that of the formulas.
func TestPriceFallsWithTheInterval(t *testing.T) {
	d, c := thousand(), combiner(t)
	plain := d.Plain(c.T)
	require.Equal(t, 1576.0, plain.Bytes, "as docs/price.md has it")
	last := day.Price{Bytes: 1e9}
	for _, every := range []int{1, 2, 5, 10, 100, 1000, 1_000_000} {
		p := d.Combined(c, every)
		require.Less(t, p.Bytes, last.Bytes)
		if every > 1 {
			require.Less(t, p.Commit.Value, last.Commit.Value)
			require.Less(t, p.Process.Value, last.Process.Value)
			require.Less(t, p.Of(day.Member).Down, last.Of(day.Member).Down)
			require.Less(t, p.Of(day.Service).CPU.Value, last.Of(day.Service).CPU.Value)
		}
		require.Greater(t, p.Bytes, plain.Bytes)
		require.Greater(t, p.Of(day.Member).Down, plain.Of(day.Member).Down)
		last = p
	}
	require.InDelta(t, plain.Bytes, last.Bytes, 60, "what a leaf lists for the combiner")
	every, often := d.Combined(c, 1), d.Combined(c, 2)
	require.InDelta(t, last.Bytes, 2*often.Bytes-every.Bytes, 1, "one FULL and one PARTIAL")
	require.InDelta(t, last.Commit.Value, 2*often.Commit.Value-every.Commit.Value, last.Commit.Value*1e-4)
}

// A member of a group that nobody joins or leaves receives each commit once, and of a FULL one
// both parts.
func TestDayOfRenewalsIsThatOfItsCommits(t *testing.T) {
	d, c := thousand(), combiner(t)
	for _, every := range []int{1, 10} {
		p := d.Combined(c, every)
		require.InEpsilon(t, p.Bytes*(1000-1), p.Of(day.Member).Down, 1e-3)
		require.InEpsilon(t, p.Bytes, p.Of(day.Member).Up, 1e-2)
		require.InEpsilon(t, p.Bytes*1000*(1000-1), p.Of(day.Service).Up, 1e-3)
	}
}

// What changes the membership is FULL, however rare FULL renewals are, and messages cost
// what they cost in T alone.
func TestMembershipIsFull(t *testing.T) {
	c := combiner(t)
	quiet := thousand()
	quiet.Renewals, quiet.Joins, quiet.Removes = 0, 5, 5
	require.Equal(t, quiet.Combined(c, 1), withBytes(quiet.Combined(c, 100), quiet.Combined(c, 1)))
	joins, none := quiet, quiet
	joins.Removes, none.Joins, none.Removes = 0, 0, 0
	member := func(p day.Price) day.Cost { return p.Of(day.Member) }
	require.Greater(t, member(joins.Combined(c, 100)).Down, 5*20_000.0, "the path and the KeyPackage in PQ")
	require.Greater(t, member(joins.Combined(c, 100)).Down, 4*member(joins.Plain(c.T)).Down)
	require.Zero(t, member(none.Combined(c, 100)).Down)

	talk := none
	talk.Messages = 2000
	pair, plain := member(talk.Combined(c, 100)), member(talk.Plain(c.T))
	require.Equal(t, plain.Down, pair.Down)
	require.Equal(t, plain.Up, pair.Up)
	require.InEpsilon(t, plain.CPU.Value, pair.CPU.Value, 0.1, "the longer GroupContext is signed")

	joiner := joins.Combined(c, 10).Of(day.Joiner)
	require.Greater(t, joiner.Down, joins.Plain(c.PQ).Of(day.Joiner).Down, "both trees")
}

// withBytes returns p with what is of single renewals as other has it.
func withBytes(p, other day.Price) day.Price {
	p.Bytes, p.Commit, p.Process = other.Bytes, other.Commit, other.Process
	return p
}

// The interval that is named is the least that is enough.
func TestReaches(t *testing.T) {
	d, c := thousand(), combiner(t)
	for _, times := range []float64{10, 2, 1.5, 1.2, 1.1, 1.05} {
		every := d.Reaches(c, times)
		require.LessOrEqual(t, d.Combined(c, every).Bytes, times*d.Plain(c.T).Bytes)
		require.Greater(t, d.Combined(c, every-1).Bytes, times*d.Plain(c.T).Bytes)
	}
	require.Equal(t, 1, d.Reaches(c, 1000))
	require.Zero(t, d.Reaches(c, 1.01), "a leaf lists more")
	require.Zero(t, d.Reaches(c, 0.5))
	require.Less(t, d.Reaches(c, 1.5), d.Reaches(c, 1.2))
}

// Intervals add up, and what has no upper bound in one group has none in both.
func TestPricesOfPairsHaveIntervals(t *testing.T) {
	d, c := thousand(), combiner(t)
	p := d.Combined(c, 10)
	require.Less(t, p.Commit.Low, p.Commit.Value)
	require.Greater(t, p.Commit.High, p.Commit.Value)
	c.PQ.Overhead = day.Overhead{"commit": result.Figure{Value: 2, Low: 1.5}}
	over := d.Combined(c, 10)
	require.Zero(t, over.Commit.High)
	require.Greater(t, over.Commit.Value, p.Commit.Value)
	require.Equal(t, p.Process, over.Process)
	pq := c.PQ.Prices.Of(limit.Cost{limit.Sign: 1})
	require.Equal(t, 10.0, pq.Value/c.T.Prices.Of(limit.Cost{limit.Sign: 1}).Value)
	require.Zero(t, p.Of("nobody"))
}
