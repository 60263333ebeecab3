package limit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/suite"
)

// counts are the primitives that dominate.
type counts struct{ derive, seal, open, sign, verify float64 }

func of(c limit.Cost) counts {
	return counts{c[limit.DeriveKey], c[limit.Seal], c[limit.Open], c[limit.Sign], c[limit.Verify] + c[limit.VerifyFirst]}
}

// The tree of six, whose node over leaves 4 to 7 is on the path of leaf 4 and not
// on its filtered path, for its right half is empty:
//
//	            R
//	      /           \
//	    0-3           4-7
//	   /    \        /
//	 0-1    2-3    4-5
//	 / \    / \    / \
//	0   1  2   3  4   5
func TestTreesByHand(t *testing.T) {
	level := func(first uint32, receivers, resolution int) limit.Level {
		return limit.Level{First: first, Receivers: receivers, Resolution: resolution}
	}
	type levels = []limit.Level
	for _, c := range []struct {
		name string
		got  limit.Tree
		want limit.Tree
	}{
		{"two", limit.Steady(2, 0), limit.Tree{2, 1, 1, levels{level(1, 1, 1)}}},
		{"three", limit.Steady(3, 0), limit.Tree{3, 2, 2, levels{level(1, 1, 1), level(2, 1, 1)}}},
		{"three, leaf 2", limit.Steady(3, 2), limit.Tree{3, 2, 2, levels{level(0, 2, 1)}}},
		{"six", limit.Steady(6, 0), limit.Tree{6, 3, 5, levels{level(1, 1, 1), level(2, 2, 1), level(4, 2, 1)}}},
		{"six, blank", limit.Blank(6, 0), limit.Tree{6, 3, 0, levels{level(1, 1, 1), level(2, 2, 2), level(4, 2, 2)}}},
		{"six, blank, leaf 4", limit.Blank(6, 4), limit.Tree{6, 3, 0, levels{level(5, 1, 1), level(0, 4, 4)}}},
		// 1, 3 and 5 are unmerged below 0-3 and R, and 4 and 5 have blank parents.
		{"six, unmerged", limit.Unmerged(6, 0), limit.Tree{6, 3, 2, levels{level(1, 1, 1), level(2, 2, 2), level(4, 2, 2)}}},
		// 4-7 is populated, with 5 and 7 unmerged.
		{"eight, unmerged", limit.Unmerged(8, 0), limit.Tree{8, 3, 3, levels{level(1, 1, 1), level(2, 2, 2), level(4, 4, 3)}}},
		// 0-7 of sixteen leaves is populated, with 1, 3, 5 and 7 unmerged.
		{"nine, unmerged, leaf 8", limit.Unmerged(9, 8), limit.Tree{9, 4, 4, levels{level(0, 8, 5)}}},
		// Leaves 0, 2 and 4 of six; 0-1 is not on the filtered path.
		{"three, sparse", limit.Sparse(3), limit.Tree{3, 3, 2, levels{level(2, 1, 1), level(4, 1, 1)}}},
		{"four, sparse", limit.Sparse(4), limit.Tree{4, 3, 2, levels{level(2, 1, 1), level(4, 2, 2)}}},
	} {
		require.Equal(t, c.want, c.got, c.name)
	}
}

// A blank tree's first commit seals to each other member; a steady one's to one
// node a level. Everybody receives it, whatever the tree.
func TestTreesOfEverySize(t *testing.T) {
	for members := 2; members <= 130; members++ {
		for leaf := range uint32(members) {
			blank, steady, unmerged := limit.Blank(members, leaf), limit.Steady(members, leaf), limit.Unmerged(members, leaf)
			receivers, sealed := 0, 0
			for i, level := range blank.Path {
				receivers += level.Receivers
				sealed += level.Resolution
				require.Equal(t, 1, steady.Path[i].Resolution)
				require.LessOrEqual(t, unmerged.Path[i].Resolution, level.Resolution)
				require.GreaterOrEqual(t, unmerged.Path[i].Resolution, 1)
			}
			require.Equal(t, members-1, receivers)
			require.Equal(t, members-1, sealed)
		}
	}
}

func TestCostsByHand(t *testing.T) {
	steady := func(members int) limit.Group { return limit.Group{Tree: limit.Steady(members, 0)} }
	blank := func(members int) limit.Group { return limit.Group{Tree: limit.Blank(members, 0)} }
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
		// k is 3 for one of five receivers, 2 for two and 1 for two.
		{"process, 6, mean", steady(6).MeanProcess(), counts{derive: 9.0 / 5, open: 1, verify: 2}},
		{"add to 3", steady(3).Add(), counts{seal: 1, sign: 2, verify: 2}},
		{"join 3", steady(3).Join(), counts{open: 1, verify: 3 + 1}},
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

// The bytes of operations at n = 1,000 in suite 0x0001, field by field.
func TestHashedBytesByHand(t *testing.T) {
	x25519 := suite.Info{
		KEM: suite.KEMInfo{Nenc: 32, Npk: 32}, AEAD: suite.AEADInfo{Nt: 16}, Hash: suite.HashInfo{Size: 32},
		Signature: suite.SignatureInfo{PublicKey: 32, Signature: 64},
	}
	g := limit.Group{Suite: x25519, Tree: limit.Steady(1000, 0)}
	const (
		leaf       = 32 + 32 + 64
		keyPackage = 32 + leaf + 64
		parent     = 32 + 32
		commit     = leaf + 10*(32+32+32+16)
		path       = 10*(parent+32) + leaf + 10*(parent+2*32)
		info       = 1001*leaf + 999*parent + 64 + 3*32
		context    = 32 + 32
		leafTBS    = leaf - 64
	)
	require.InDelta(t, path+commit, g.Commit()[limit.HashedByte], 0)
	require.InDelta(t, leafTBS+commit+context, g.Commit()[limit.SignedByte], 0)
	require.InDelta(t, leafTBS+commit+context, g.Process(0)[limit.VerifiedByte], 0)
	require.InDelta(t, 1000*leafTBS+info-64, g.Join()[limit.VerifiedByte], 0)
	require.InDelta(t, info-64+keyPackage+context, g.Add()[limit.SignedByte], 0)
	require.InDelta(t, leafTBS+keyPackage-64, g.Add()[limit.VerifiedByte], 0)
	require.InDelta(t, 10+1+10+2, g.Commit()[limit.Hash], 0)
	require.InDelta(t, commit+64, g.Commit()[limit.AEADByte], 0)
	require.InDelta(t, info, g.Join()[limit.AEADByte], 0)
	// 2,047 nodes, 999 parent hashes, the interim transcript.
	require.InDelta(t, 2047+999+1, g.Join()[limit.Hash], 0)
	// A leaf and ten parents, two transcripts, the reference.
	require.InDelta(t, 1+10+2+1, g.Add()[limit.Hash], 0)
	// Of the half that makes room for a ninth member, 15 nodes are hashed beside the root.
	nine := limit.Group{Suite: x25519, Tree: limit.Steady(8, 0)}
	require.InDelta(t, 15+1+2+1, nine.Add()[limit.Hash], 0)
	require.InDelta(t, keyPackage, g.KeyPackage()[limit.HashedByte], 0)
	require.InDelta(t, leafTBS+keyPackage-64, g.KeyPackage()[limit.SignedByte], 0)
	require.InDelta(t, 100+context, g.Encrypt(100)[limit.SignedByte], 0)
	require.InDelta(t, 100+context, g.Decrypt(100)[limit.VerifiedByte], 0)
	require.Zero(t, g.Encrypt(100)[limit.HashedByte])
}

func TestArithmetic(t *testing.T) {
	a := limit.Cost{limit.Seal: 1, limit.Sign: 2}
	b := limit.Cost{limit.Seal: 3}
	require.Equal(t, limit.Cost{limit.Seal: 4, limit.Sign: 2}, a.Plus(b))
	require.Equal(t, limit.Cost{limit.Seal: 2, limit.Sign: 4}, a.Times(2))
	require.Equal(t, limit.Cost{limit.Seal: 1, limit.Sign: 2}, a) // unchanged
	require.InDelta(t, 1*10+2*100, a.At(limit.Prices{limit.Seal: 10, limit.Sign: 100, limit.Open: 7}), 0)
	require.Equal(t, limit.Prices{limit.Seal: 3, limit.Sign: 6}, limit.Prices{limit.Seal: 1, limit.Sign: 2}.Times(3))
	require.Equal(t, "DeriveKey", limit.DeriveKey.String())
	require.Equal(t, "AEADByte", limit.AEADByte.String())
}
