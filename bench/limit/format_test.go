package limit

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

// The sizes of a commit at n = 2 in suite 0x0001, field by field (RFC 9420, Sections 5.1.2, 6,
// 7 and 8). Those from 64 bytes on have a length of two bytes.
func TestFormatsByHand(t *testing.T) {
	x25519 := suite.Info{
		KEM: suite.KEMInfo{Nenc: 32, Npk: 32}, AEAD: suite.AEADInfo{Nt: 16}, Hash: suite.HashInfo{Size: 32},
		Signature: suite.SignatureInfo{PublicKey: 32, Signature: 64},
	}
	const (
		contents   = (2 + 1 + 11) + (1 + 2) + (1 + 36) + 1 + 1 + (1 + 4) + 1 // basic; mls10; 18 suites; basic, X.509
		leaf       = (1 + 32) + (1 + 32) + contents + 1 + (1 + 32) + (2 + 64)
		sealed     = (1 + 32) + (1 + 48)
		node       = (1 + 32) + (2 + sealed)
		commit     = 1 + 1 + leaf + (2 + node)
		group      = 1 + 32
		framed     = group + 8 + (1 + 4) + 1 + 1
		context    = 2 + 2 + group + 8 + (1 + 32) + (1 + 32) + 1
		leafTBS    = (1 + 19) + 2 + leaf - (2 + 64) + group + 4
		tbs        = (1 + 24) + 2 + 2 + 2 + framed + commit + context
		transcript = 32 + 2 + framed + commit + (2 + 64)
		parentHash = (1 + 32) + 1 + (1 + 32)
		treeHashes = 1 + 4 + 1 + leaf + 1 + 1 + (1 + 32) + 1 + 1 + 2*(1+32)
	)
	require.Equal(t, contents, LeafContents(11, [5]int{1, 18, 0, 0, 2}))
	g := Group{Suite: x25519, Tree: Steady(2, 0), Contents: &Contents{GroupID: 32, Leaf: contents}}
	require.InDelta(t, leafTBS+tbs, g.Commit()[SignedByte], 0)
	require.InDelta(t, leafTBS+tbs, g.Process(0)[VerifiedByte], 0)
	require.InDelta(t, commit+(2+64)+12, g.Commit()[AEADByte], 0)
	require.InDelta(t, parentHash+treeHashes+transcript+(32+1+32)+2*context, g.Commit()[HashedByte], 0)
	require.InDelta(t, g.Commit()[HashedByte], g.Process(0)[HashedByte], 0)
}

func TestAVectorsLengthTakesOneTwoOrFourBytes(t *testing.T) {
	for n, size := range map[int]int{0: 1, 63: 64, 64: 66, 16383: 16385, 16384: 16388} {
		require.Equal(t, size, Vec(n))
	}
	require.Equal(t, 2+1+4, Extension(4))
}
