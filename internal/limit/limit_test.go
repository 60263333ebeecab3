package limit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/limit"
	"github.com/mlsuite/mlsuite/suite"
)

// counts are the primitives that dominate; the others of a limit are estimates.
type counts struct{ derive, seal, open, sign, verify float64 }

func of(c limit.Cost) counts {
	return counts{c[limit.DeriveKey], c[limit.Seal], c[limit.Open], c[limit.Sign], c[limit.Verify]}
}

// The paths of a tree of six: 4-7 is on the path of leaf 4 and not on its filtered
// path, for its right half is empty.
//
//	            R
//	      /           \
//	    0-3           4-7
//	   /    \        /
//	 0-1    2-3    4-5
//	 / \    / \    / \
//	0   1  2   3  4   5
func TestPaths(t *testing.T) {
	level := func(first uint32, receivers, resolution int) limit.Level {
		return limit.Level{First: first, Receivers: receivers, Resolution: resolution}
	}
	for _, c := range []struct {
		name string
		got  limit.Path
		want limit.Path
	}{
		{"two", limit.Steady(2, 0), limit.Path{Depth: 1, Levels: []limit.Level{level(1, 1, 1)}}},
		{"three, steady", limit.Steady(3, 0), limit.Path{Depth: 2, Levels: []limit.Level{level(1, 1, 1), level(2, 1, 1)}}},
		{"three, from the last", limit.Steady(3, 2), limit.Path{Depth: 2, Levels: []limit.Level{level(0, 2, 1)}}},
		{"six, steady, leaf 0", limit.Steady(6, 0), limit.Path{Depth: 3, Levels: []limit.Level{level(1, 1, 1), level(2, 2, 1), level(4, 2, 1)}}},
		{"six, blank, leaf 0", limit.Blank(6, 0), limit.Path{Depth: 3, Levels: []limit.Level{level(1, 1, 1), level(2, 2, 2), level(4, 2, 2)}}},
		{"six, blank, leaf 4", limit.Blank(6, 4), limit.Path{Depth: 3, Levels: []limit.Level{level(5, 1, 1), level(0, 4, 4)}}},
		{"two and a joiner: the tree grows", limit.Steady(2, 0).AddLeaf(2, 0), limit.Path{Depth: 2, Levels: []limit.Level{level(1, 1, 1), level(2, 1, 0)}}},
		{"three and a joiner", limit.Steady(3, 0).AddLeaf(3, 0), limit.Path{Depth: 2, Levels: []limit.Level{level(1, 1, 1), level(2, 2, 1)}}},
		{"five, blank, and a joiner", limit.Blank(5, 0).AddLeaf(5, 0), limit.Path{Depth: 3, Levels: []limit.Level{level(1, 1, 1), level(2, 2, 2), level(4, 2, 1)}}},
	} {
		require.Equal(t, c.want, c.got, c.name)
	}
}

// A blank tree's first commit seals to each other member; a steady one's to one
// node a level.
func TestPathsOfEverybody(t *testing.T) {
	for members := 2; members <= 130; members++ {
		for leaf := range uint32(members) {
			sealed, receivers := 0, 0
			for _, level := range limit.Blank(members, leaf).Levels {
				sealed += level.Resolution
				receivers += level.Receivers
			}
			require.Equal(t, members-1, sealed)
			require.Equal(t, members-1, receivers)
			for _, level := range limit.Steady(members, leaf).Levels {
				require.Equal(t, 1, level.Resolution)
			}
		}
	}
}

func TestCostsByHand(t *testing.T) {
	steady := func(members int) limit.Group {
		return limit.Group{Members: members, Parents: members - 1, Path: limit.Steady(members, 0)}
	}
	blank := func(members int) limit.Group {
		return limit.Group{Members: members, Path: limit.Blank(members, 0)}
	}
	for _, c := range []struct {
		name string
		got  limit.Cost
		want counts
	}{
		{"commit, 2", steady(2).Commit(), counts{derive: 2, seal: 1, sign: 2}},
		{"commit, 100", steady(100).Commit(), counts{derive: 8, seal: 7, sign: 2}},
		{"commit, 1000", steady(1000).Commit(), counts{derive: 11, seal: 10, sign: 2}},
		{"commit, 1000, blank", blank(1000).Commit(), counts{derive: 11, seal: 999, sign: 2}},
		{"process by the sibling, 100", steady(100).Process(0), counts{derive: 7, open: 1, verify: 2}},
		{"process by the far half, 100", steady(100).Process(6), counts{derive: 1, open: 1, verify: 2}},
		// 1 at k=3, 2 at k=2, 2 at k=1, of five receivers
		{"process, 6, mean", steady(6).MeanProcess(), counts{derive: 9.0 / 5, open: 1, verify: 2}},
		{"add to 3", steady(3).Add(), counts{derive: 3, seal: 2 + 1, sign: 3, verify: 2}},
		{"add to 4", steady(4).Add(), counts{derive: 4, seal: 2 + 1, sign: 3, verify: 2}},
		{"join 3", steady(3).Join(), counts{derive: 1, open: 1, verify: 4}},
		{"key package", steady(2).KeyPackage(), counts{derive: 2, sign: 2}},
		{"encrypt", steady(2).Encrypt(100), counts{sign: 1}},
		{"decrypt", steady(2).Decrypt(100), counts{verify: 1}},
	} {
		got := of(c.got)
		require.InDelta(t, c.want.derive, got.derive, 1e-9, c.name)
		got.derive = c.want.derive
		require.Equal(t, c.want, got, c.name)
	}
}

// The bytes of a steady commit at n = 1,000 in suite 0x0001, field by field.
func TestCommitHashesItsBytes(t *testing.T) {
	x25519 := suite.Info{
		KEM: suite.KEMInfo{Nenc: 32, Npk: 32}, AEAD: suite.AEADInfo{Nt: 16}, Hash: suite.HashInfo{Size: 32},
		Signature: suite.SignatureInfo{PublicKey: 32, Signature: 64},
	}
	g := limit.Group{Suite: x25519, Members: 1000, Parents: 999, Path: limit.Steady(1000, 0)}
	const leaf, commit = 32 + 32 + 64, 128 + 10*(32+32+32+16)
	const paths = 10*(32+32+32) + leaf + 10*(32+32+2*32)
	require.InDelta(t, leaf+paths+3*commit, g.Commit()[limit.HashedByte], 0)
	require.InDelta(t, 10+1+10+2, g.Commit()[limit.Hash], 0)

	g.Private = true
	require.InDelta(t, leaf+paths+2*commit, g.Commit()[limit.HashedByte], 0)
	require.InDelta(t, commit+64, g.Commit()[limit.AEADByte], 0)
}

func TestArithmetic(t *testing.T) {
	a := limit.Cost{limit.Seal: 1, limit.Sign: 2}
	b := limit.Cost{limit.Seal: 3}
	require.Equal(t, limit.Cost{limit.Seal: 4, limit.Sign: 2}, a.Plus(b))
	require.Equal(t, limit.Cost{limit.Seal: 2, limit.Sign: 4}, a.Times(2))
	require.Equal(t, limit.Cost{limit.Seal: 1, limit.Sign: 2}, a) // unchanged
	require.InDelta(t, 1*10+2*100, a.At(limit.Prices{limit.Seal: 10, limit.Sign: 100, limit.Open: 7}), 0)
	require.Equal(t, "DeriveKey", limit.DeriveKey.String())
	require.Equal(t, "AEADByte", limit.AEADByte.String())
}
