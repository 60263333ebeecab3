package mls

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

// A message that is not authentic and names a far generation makes a member go there
// once: as long as it lasts, another costs about as much as one in order. No key of a
// generation between is derived for it, and the tree stays as it was.
func TestGarbageGenerationsAreDerivedOnce(t *testing.T) {
	limits := ratchetLimits{MaxForward: 1000, MaxKept: 1000}
	tree, serial := newTestSecretTree(t, 4), newTestSecretTree(t, 4)
	open(t, tree, 1, 0, limits)
	open(t, serial, 1, 0, limits)
	counting := &countingSuite{Suite: tree.suite}
	tree.suite = counting
	before := stateOf(tree)
	refused := func(generation uint32) int {
		counting.expands = 0
		p, err := tree.find(1, ContentApplication, generation, limits)
		require.NoError(t, err)
		p.discard()
		require.Empty(t, cmp.Diff(before, stateOf(tree)))
		return counting.expands
	}
	const inOrder = 3 // key, nonce, and the next secret
	require.LessOrEqual(t, refused(1000), 1000+inOrder)
	for _, generation := range []uint32{1000, 999, 500, 17, 16, 15, 1} {
		require.LessOrEqual(t, refused(generation), aheadStride+inOrder, "generation %d", generation)
	}

	held := tree.ahead.of[ratchetID{1, applicationRatchet}][0].secret
	for _, generation := range []uint32{40, 3, 700, 699} {
		open(t, tree, 1, generation, limits)
		open(t, serial, 1, generation, limits)
		require.Empty(t, cmp.Diff(stateOf(serial), stateOf(tree)), "generation %d", generation)
	}
	require.Equal(t, make([]byte, len(held)), held, "overwritten with the ratchet that leads there")
	for _, s := range tree.ahead.of[ratchetID{1, applicationRatchet}] {
		require.Greater(t, s.generation, uint64(700))
	}
	last := tree.ahead.of[ratchetID{1, applicationRatchet}][0].secret
	tree.forget(1)
	require.Equal(t, make([]byte, len(last)), last)
	require.Empty(t, tree.ahead.of)
}

// Who names many senders makes a member keep no more than it keeps of some.
func TestGarbageOfManySendersIsBounded(t *testing.T) {
	tree := newTestSecretTree(t, 1024)
	for leaf := range LeafIndex(aheadRatchets + 10) {
		p, err := tree.find(leaf, ContentApplication, 20, ratchetLimits{MaxForward: 20})
		require.NoError(t, err)
		p.discard()
	}
	require.Len(t, tree.ahead.of, aheadRatchets)
	require.Empty(t, tree.ratchets)
	tree.destroy()
	require.Empty(t, tree.ahead.of)
}
