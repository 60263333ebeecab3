package secrettree

import (
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// A message that is not authentic and names a far generation makes a member go there
// once: as long as it lasts, another costs about as much as one in order. No key of a
// generation between is derived for it, and the tree stays as it was.
func TestGarbageGenerationsAreDerivedOnce(t *testing.T) {
	limits := RatchetLimits{MaxForward: 1000, MaxKept: 1000}
	tree, serial := newTestSecretTree(t, 4), newTestSecretTree(t, 4)
	open(t, tree, 1, 0, limits)
	open(t, serial, 1, 0, limits)
	counting := &countingSuite{Suite: tree.Suite}
	tree.Suite = counting
	before := stateOf(tree)
	refused := func(generation uint32) int {
		counting.expands = 0
		p, err := find(tree, 1, message.ContentApplication, generation, limits)
		require.NoError(t, err)
		p.Discard()
		require.Empty(t, cmp.Diff(before, stateOf(tree)))
		return counting.expands
	}
	const inOrder = 3 // key, nonce, and the next secret
	require.LessOrEqual(t, refused(1000), 1000+inOrder)
	for _, generation := range []uint32{1000, 999, 500, 17, 16, 15, 1} {
		require.LessOrEqual(t, refused(generation), AheadStride+inOrder, "generation %d", generation)
	}

	held := tree.ahead.of[ratchetID{1, ApplicationRatchet}][0].secret
	for _, generation := range []uint32{40, 3, 700, 699} {
		open(t, tree, 1, generation, limits)
		open(t, serial, 1, generation, limits)
		require.Empty(t, cmp.Diff(stateOf(serial), stateOf(tree)), "generation %d", generation)
	}
	require.Equal(t, make([]byte, len(held)), held, "overwritten with the ratchet that leads there")
	for _, s := range tree.ahead.of[ratchetID{1, ApplicationRatchet}] {
		require.Greater(t, s.generation, uint64(700))
	}
	last := tree.ahead.of[ratchetID{1, ApplicationRatchet}][0].secret
	tree.Forget(1)
	require.Equal(t, make([]byte, len(last)), last)
	require.Empty(t, tree.ahead.of)
}

// The steps to a generation are made once and without the mutex beyond the room for
// secrets too, to whichever of the far generations a message goes.
func TestStepsBeyondTheRoomKeepNobodyWaiting(t *testing.T) {
	limits := RatchetLimits{MaxForward: 2 * AheadStride * aheadPerRatchet, MaxKept: 10}
	tree := newTestSecretTree(t, 4)
	open(t, tree, 1, 0, limits)
	b := new(sync.Mutex)
	waiting := &lockedSuite{Suite: tree.Suite, mu: b}
	tree.Suite = waiting
	before := stateOf(tree)
	n := ratchetID{1, ApplicationRatchet}
	refused := func(generation uint32) {
		t.Helper()
		waiting.locked, waiting.free = 0, 0
		p := new(UnusedKey)
		err := tree.Finder(b, limits).Find(p, 1, message.ContentApplication, generation)
		require.NoError(t, err)
		p.Discard()
		require.LessOrEqual(t, waiting.locked, AheadStride+3, "generation %d", generation)
		require.LessOrEqual(t, len(tree.ahead.of[n]), aheadPerRatchet)
		require.True(t, slices.IsSortedFunc(tree.ahead.of[n], func(a, b aheadSecret) int { return int(a.generation) - int(b.generation) }))
	}
	far := limits.MaxForward
	refused(far)
	require.Greater(t, waiting.free, int(far)-2*AheadStride)
	require.Len(t, tree.ahead.of[n], aheadPerRatchet)
	require.Equal(t, aheadPerRatchet*tree.Suite.Info().KDF.Nh, bytesAhead(tree))
	for range 2 {
		refused(far)
		require.Zero(t, waiting.free, "once")
	}
	furthest := tree.ahead.of[n][aheadPerRatchet-1]
	require.EqualValues(t, far, furthest.generation)
	refused(far - 5000) // takes the place of the furthest
	require.Equal(t, make([]byte, len(furthest.secret)), furthest.secret, "overwritten")
	for _, generation := range []uint32{far - 5000, AheadStride * aheadPerRatchet, 17, 5000} {
		refused(generation)
	}
	refused(far)
	require.Equal(t, before, stateOf(tree))

	// What is behind the ratchet makes room before the furthest.
	open(t, tree, 1, 5000, limits)
	before = stateOf(tree)
	require.Less(t, len(tree.ahead.of[n]), aheadPerRatchet)
	for _, generation := range []uint32{far - 1000, far, far + 5000, far - 3000} {
		refused(generation)
		refused(generation)
		require.Zero(t, waiting.free, "generation %d", generation)
	}
	require.Equal(t, before, stateOf(tree))
}

// lockedSuite counts the derivations that are made with a mutex held, and those without.
type lockedSuite struct {
	suite.Suite
	mu           *sync.Mutex
	locked, free int
}

func (s *lockedSuite) Expand(out, prk, info []byte) error {
	if s.mu.TryLock() {
		s.mu.Unlock()
		s.free++
	} else {
		s.locked++
	}
	return s.Suite.Expand(out, prk, info)
}

// bytesAhead is how many bytes of secrets a tree keeps for garbage.
func bytesAhead(tree *Tree) int {
	n := 0
	for _, all := range tree.ahead.of {
		for _, s := range all {
			n += len(s.secret)
		}
	}
	return n
}

// Who names many senders makes a member keep no more than it keeps of some.
func TestGarbageOfManySendersIsBounded(t *testing.T) {
	tree := newTestSecretTree(t, 1024)
	for leaf := range message.LeafIndex(aheadRatchets + 10) {
		p, err := find(tree, leaf, message.ContentApplication, 20, RatchetLimits{MaxForward: 20})
		require.NoError(t, err)
		p.Discard()
	}
	require.Len(t, tree.ahead.of, aheadRatchets)
	require.Empty(t, tree.Ratchets)
	tree.Destroy()
	require.Empty(t, tree.ahead.of)
}
