package secrettree

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

func TestVectorsSecretTree(t *testing.T) {
	vectors.OfficialAndOwn(t, "secret-tree", func(t *testing.T, c *vectors.SecretTree) {
		s := mlstest.Suite(t, c.CipherSuite)
		key, nonce, _, err := schedule.SenderDataKey(s, c.SenderData.Secret, c.SenderData.Ciphertext, nil)
		require.NoError(t, err)
		require.Equal(t, []byte(c.SenderData.Key), key)
		require.Equal(t, []byte(c.SenderData.Nonce), nonce)

		tree := New(s, uint32(len(c.Leaves)), bytes.Clone(c.EncryptionSecret))
		for leaf, generations := range c.Leaves {
			for _, g := range generations {
				open := func(contentType message.ContentType, key, nonce []byte) {
					p, err := find(tree, message.LeafIndex(leaf), contentType, g.Generation, RatchetLimits{MaxForward: 100})
					require.NoError(t, err)
					require.Equal(t, key, p.Key)
					require.Equal(t, nonce, p.Nonce)
					require.NoError(t, p.Commit())
				}
				open(message.ContentCommit, g.HandshakeKey, g.HandshakeNonce)
				open(message.ContentApplication, g.ApplicationKey, g.ApplicationNonce)
			}
		}
	})
}

func newTestSecretTree(t testing.TB, leaves uint32) *Tree {
	s := mlstest.Suite(t, 1)
	return New(s, leaves, bytes.Repeat([]byte{7}, s.Info().KDF.Nh))
}

// treeState is all that a Tree remembers, as plain data.
type treeState struct {
	Nodes    map[treemath.NodeIndex]string
	Ratchets map[message.LeafIndex][2]ratchetState
}

type ratchetState struct {
	Secret string
	Next   uint64
	Kept   map[uint32]string
}

func stateOf(t *Tree) treeState {
	state := treeState{map[treemath.NodeIndex]string{}, map[message.LeafIndex][2]ratchetState{}}
	for n, secret := range t.Nodes {
		state.Nodes[n] = string(secret)
	}
	one := func(r *Ratchet) ratchetState {
		kept := map[uint32]string{}
		for _, k := range r.Kept {
			kept[k.Generation] = string(k.Key) + string(k.Nonce)
		}
		return ratchetState{string(r.Secret), r.Next, kept}
	}
	for leaf, l := range t.Ratchets {
		state.Ratchets[leaf] = [2]ratchetState{one(&l.Handshake), one(&l.Application)}
	}
	return state
}

// secretsOf returns every secret that the tree can reach: the slices themselves.
func secretsOf(t *Tree) [][]byte {
	var all [][]byte
	for _, secret := range t.Nodes {
		all = append(all, secret)
	}
	for _, l := range t.Ratchets {
		for _, r := range []*Ratchet{&l.Handshake, &l.Application} {
			all = append(all, r.Secret)
			for _, k := range r.Kept[:cap(r.Kept)] {
				all = append(all, k.Key, k.Nonce)
			}
		}
	}
	return slices.DeleteFunc(all, func(b []byte) bool { return b == nil })
}

// The example of RFC 9420, Section 9.2: D's message of generation 1 arrives first.
func TestSecretTreeForgetsWhatIsConsumed(t *testing.T) {
	tree := newTestSecretTree(t, 4)
	root := tree.Nodes[3]
	named := mlstest.EverySecret(t, tree.Suite, bytes.Clone(root), 4, 4)
	reachable := func() []string {
		var names []string
		for _, secret := range secretsOf(tree) {
			for name, value := range named {
				if bytes.Equal(value, secret) {
					names = append(names, name)
				}
			}
		}
		slices.Sort(names)
		return names
	}
	limits := RatchetLimits{MaxForward: 10, MaxKept: 10}
	const D = message.LeafIndex(3)

	p, err := find(tree, D, message.ContentApplication, 1, limits)
	require.NoError(t, err)
	require.Equal(t, []string{"node "}, reachable(), "find keeps nothing")
	require.Equal(t, named["key rr application 1"], p.Key)
	key, first := p.Key, p.ratchets.Application.Secret
	require.NoError(t, p.Commit())
	require.Equal(t, []string{
		"key rr application 0", // K0, N0
		"node l",               // E
		"node rl",              // C
		"nonce rr application 0",
		"ratchet rr application 2", // AR2
		"ratchet rr handshake 0",   // HR0
	}, reachable())
	for _, gone := range [][]byte{root, key} {
		require.Equal(t, make([]byte, len(gone)), gone, "overwritten")
	}
	require.Equal(t, named["ratchet rr application 2"], first, "overwritten in place")

	kept := tree.Ratchets[D].Application.Kept[0].Key
	p, err = find(tree, D, message.ContentApplication, 0, limits)
	require.NoError(t, err)
	require.NoError(t, p.Commit())
	require.Equal(t, make([]byte, len(kept)), kept, "overwritten")
	require.Equal(t, []string{"node l", "node rl", "ratchet rr application 2", "ratchet rr handshake 0"}, reachable())

	k, err := send(tree, 0, message.ContentProposal)
	require.NoError(t, err)
	require.Equal(t, named["key ll handshake 0"], k.Key)
	require.Equal(t, []string{
		"node lr", "node rl", "ratchet ll application 0", "ratchet ll handshake 1",
		"ratchet rr application 2", "ratchet rr handshake 0",
	}, reachable())

	last := secretsOf(tree)
	tree.Destroy()
	for _, secret := range last {
		require.Equal(t, make([]byte, len(secret)), secret, "overwritten")
	}
	require.Empty(t, secretsOf(tree))
	_, err = find(tree, D, message.ContentApplication, 2, limits)
	require.ErrorIs(t, err, label.ErrRetired)
	_, err = send(tree, 0, message.ContentProposal)
	require.ErrorIs(t, err, label.ErrRetired)
}

func TestSecretTreeFindChangesNothing(t *testing.T) {
	limits := RatchetLimits{MaxForward: 8, MaxKept: 4}
	tree := newTestSecretTree(t, 8)
	before := stateOf(tree)
	discard := func(leaf message.LeafIndex, generation uint32) {
		p, err := find(tree, leaf, message.ContentApplication, generation, limits)
		require.NoError(t, err)
		p.Discard()
		require.Empty(t, cmp.Diff(before, stateOf(tree)))
	}
	discard(5, 0) // leaf never used
	discard(5, 8)
	open(t, tree, 5, 6, limits)
	before = stateOf(tree)
	discard(5, 7)  // forward
	discard(5, 15) // at the limit
	discard(5, 3)  // kept
	discard(4, 0)
	for _, wrong := range []struct {
		leaf       message.LeafIndex
		generation uint32
		want       error
	}{
		{5, 6, fault.ErrConsumed},
		{5, 1, fault.ErrConsumed}, // only the last four are kept
		{5, 16, fault.ErrGeneration},
		{4, 9, fault.ErrGeneration},
		{4, math.MaxUint32, fault.ErrGeneration},
		{8, 0, message.ErrInvalid},
		{math.MaxUint32, 0, message.ErrInvalid},
	} {
		_, err := find(tree, wrong.leaf, message.ContentApplication, wrong.generation, limits)
		require.ErrorIs(t, err, wrong.want, "%+v", wrong)
		require.Empty(t, cmp.Diff(before, stateOf(tree)))
	}
}

// A key ends with commit or discard, and nothing that is called after has an effect.
func TestSecretTreeUnusedKeyEnds(t *testing.T) {
	limits := RatchetLimits{MaxForward: 8, MaxKept: 4}
	tree := newTestSecretTree(t, 8)
	for _, generation := range []uint32{3, 1, 6} { // first use, kept, forward
		p, err := find(tree, 5, message.ContentApplication, generation, limits)
		require.NoError(t, err)
		other, err := find(tree, 5, message.ContentApplication, generation, limits)
		require.NoError(t, err)
		before := stateOf(tree)
		other.Discard()
		require.ErrorIs(t, other.Commit(), fault.ErrConsumed)
		require.Empty(t, cmp.Diff(before, stateOf(tree)))

		require.NoError(t, p.Commit())
		after := stateOf(tree)
		require.NotEmpty(t, cmp.Diff(before, after))
		p.Discard()
		require.ErrorIs(t, p.Commit(), fault.ErrConsumed)
		require.Empty(t, cmp.Diff(after, stateOf(tree)))
	}
}

// open consumes a message key and returns a copy of it.
func open(t testing.TB, tree *Tree, leaf message.LeafIndex, generation uint32, limits RatchetLimits) []byte {
	p, err := find(tree, leaf, message.ContentApplication, generation, limits)
	require.NoError(t, err)
	key := bytes.Clone(p.Key)
	require.NoError(t, p.Commit())
	return key
}

func find(tree *Tree, leaf message.LeafIndex, contentType message.ContentType, generation uint32, limits RatchetLimits) (*UnusedKey, error) {
	p := new(UnusedKey)
	return p, tree.Find(p, leaf, contentType, generation, limits)
}

func next(tree *Tree, leaf message.LeafIndex, contentType message.ContentType) (*UnusedKey, error) {
	p := new(UnusedKey)
	return p, tree.Next(p, leaf, contentType)
}

// send consumes the next key of a sender and returns a copy of it.
func send(tree *Tree, leaf message.LeafIndex, contentType message.ContentType) (MessageKey, error) {
	p, err := next(tree, leaf, contentType)
	if err != nil {
		return MessageKey{}, err
	}
	k := MessageKey{p.Generation, bytes.Clone(p.Key), bytes.Clone(p.Nonce)}
	return k, p.Commit()
}

func TestSecretTreeTooFarCostsNothing(t *testing.T) {
	tree := newTestSecretTree(t, 1<<20)
	counting := &countingSuite{Suite: tree.Suite}
	tree.Suite = counting
	_, err := find(tree, 9, message.ContentApplication, math.MaxUint32, RatchetLimits{MaxForward: 1000, MaxKept: 1000})
	require.ErrorIs(t, err, fault.ErrGeneration)
	require.Zero(t, counting.expands)
	_, err = find(tree, 9, message.ContentApplication, 0, RatchetLimits{})
	require.NoError(t, err)
	require.Equal(t, 2*20+2+3, counting.expands, "20 levels, two ratchets, one generation")
}

type countingSuite struct {
	suite.Suite
	expands int
}

func (c *countingSuite) Expand(out, prk, info []byte) error {
	c.expands++
	return c.Suite.Expand(out, prk, info)
}

func TestSecretTreeKeptKeys(t *testing.T) {
	tree := newTestSecretTree(t, 2)
	limits := RatchetLimits{MaxForward: 100, MaxKept: 3}
	open(t, tree, 1, 2, limits) // keeps 0, 1
	oldest := tree.Ratchets[1].Application.Kept[0].Key
	open(t, tree, 1, 5, limits) // 3, 4 come: 0 goes
	require.Equal(t, make([]byte, len(oldest)), oldest, "overwritten")
	var kept []uint32
	for _, k := range tree.Ratchets[1].Application.Kept {
		kept = append(kept, k.Generation)
	}
	require.Equal(t, []uint32{1, 3, 4}, kept)
	require.Empty(t, tree.Ratchets[1].Handshake.Kept)

	counting := &countingSuite{Suite: tree.Suite}
	tree.Suite = counting
	open(t, tree, 1, 106, limits)
	require.LessOrEqual(t, counting.expands, 100+2*3+3+AheadStride, "no key is derived that is not kept")
}

// A leaf that is opened at later generations goes on there, with the keys of the tree, for a
// few derivations, and leaves nothing that leads to the keys before them.
func TestSecretTreeOpens(t *testing.T) {
	const levels = 2
	plain, opened := newTestSecretTree(t, 1<<levels), newTestSecretTree(t, 1<<levels)
	counting := &countingSuite{Suite: opened.Suite}
	opened.Suite = counting
	opened.Saved()
	generations := [2]uint64{HandshakeRatchet: 3, ApplicationRatchet: 20}
	root := opened.Nodes[treemath.Root(1<<levels)]
	require.NoError(t, opened.Open(2, generations))
	require.Equal(t, 2*levels+2+3+20, counting.expands)
	require.Equal(t, make([]byte, len(root)), root)
	require.NoError(t, opened.Check(^message.LeafIndex(0)))
	require.Equal(t, map[SecretName]bool{
		opened.NameOfPage(1): true, // all nodes are on it
		nameOfRatchets(2):    false,
	}, opened.Unsaved)
	for _, contentType := range []message.ContentType{message.ContentApplication, message.ContentCommit} {
		begin := generations[RatchetKindOf(contentType)]
		_, err := find(opened, 2, contentType, uint32(begin)-1, RatchetLimits{MaxForward: 30})
		require.ErrorIs(t, err, fault.ErrConsumed)
		for generation := begin; generation < 25; generation++ {
			require.Equal(t, generation, opened.NextGeneration(2, RatchetKindOf(contentType)))
			want, err := find(plain, 2, contentType, uint32(generation), RatchetLimits{MaxForward: 30})
			require.NoError(t, err)
			got, err := next(opened, 2, contentType)
			require.NoError(t, err)
			require.Equal(t, want.MessageKey, got.MessageKey)
			want.Discard()
			require.NoError(t, got.Commit())
		}
	}
}

func TestSecretTreeLastGeneration(t *testing.T) {
	tree := newTestSecretTree(t, 1)
	_, err := send(tree, 0, message.ContentApplication)
	require.NoError(t, err)
	r := &tree.Ratchets[0].Application
	r.Next = math.MaxUint32 - 1
	for want := uint32(math.MaxUint32 - 1); want != 0; want++ {
		k, err := send(tree, 0, message.ContentApplication)
		require.NoError(t, err)
		require.Equal(t, want, k.Generation)
	}
	require.Empty(t, r.Secret)
	before := stateOf(tree)
	_, err = send(tree, 0, message.ContentApplication)
	require.ErrorIs(t, err, fault.ErrGeneration)
	_, err = find(tree, 0, message.ContentApplication, math.MaxUint32, RatchetLimits{MaxForward: 9})
	require.ErrorIs(t, err, fault.ErrConsumed)
	_, err = find(tree, 0, message.ContentApplication, 0, RatchetLimits{MaxForward: 9})
	require.ErrorIs(t, err, fault.ErrConsumed)
	require.Empty(t, cmp.Diff(before, stateOf(tree)))
	_, err = send(tree, 0, message.ContentProposal)
	require.NoError(t, err, "the other ratchet is separate")
}

// Keys found side by side may be committed in any order, each once.
func TestSecretTreeRaces(t *testing.T) {
	limits := RatchetLimits{MaxForward: 10, MaxKept: 10}
	type msg struct {
		leaf       message.LeafIndex
		generation uint32
	}
	messages := []msg{{0, 0}, {0, 4}, {0, 2}, {1, 0}, {3, 1}, {0, 4}, {2, 0}}
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		rng.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
		raced, serial := newTestSecretTree(t, 4), newTestSecretTree(t, 4)
		found := make([]*UnusedKey, len(messages))
		for i, m := range messages {
			p, err := find(raced, m.leaf, message.ContentApplication, m.generation, limits)
			require.NoError(t, err)
			found[i] = p
		}
		for i, j := range rng.Perm(len(found)) {
			m := messages[j]
			errRaced := found[j].Commit()
			p, err := find(serial, m.leaf, message.ContentApplication, m.generation, limits)
			require.Equal(t, err, errRaced, "seed %d, commit %d", seed, i)
			if err == nil {
				require.NoError(t, p.Commit())
			}
			require.Empty(t, cmp.Diff(stateOf(serial), stateOf(raced)))
		}
	}
}

// Whatever the order of delivery, within the limits each key is found once, and is
// the one that the sender had.
func TestSecretTreeAnyOrder(t *testing.T) {
	const leaves, window = 8, 16
	limits := RatchetLimits{MaxForward: window, MaxKept: window}
	type msg struct {
		leaf        message.LeafIndex
		contentType message.ContentType
		key         MessageKey
	}
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 2))
		senders, receiver := newTestSecretTree(t, leaves), newTestSecretTree(t, leaves)
		var sent []msg
		for range 200 {
			m := msg{leaf: message.LeafIndex(rng.IntN(leaves)), contentType: message.ContentType(1 + rng.IntN(3))}
			var err error
			m.key, err = send(senders, m.leaf, m.contentType)
			require.NoError(t, err)
			sent = append(sent, m)
		}
		for i := range sent { // no message overtakes more than window others
			j := min(i+rng.IntN(window/2), len(sent)-1)
			sent[i], sent[j] = sent[j], sent[i]
		}
		delivered := slices.Clone(sent)
		for i := range delivered { // duplicates
			if rng.IntN(4) == 0 {
				delivered = append(delivered, delivered[i])
			}
		}
		for i, m := range delivered {
			p, err := find(receiver, m.leaf, m.contentType, m.key.Generation, limits)
			if i >= len(sent) {
				require.ErrorIs(t, err, fault.ErrConsumed)
				continue
			}
			require.NoError(t, err, "seed %d, message %d", seed, i)
			require.Equal(t, m.key, p.MessageKey)
			if rng.IntN(3) == 0 { // a forgery under the same generation comes first
				p.Discard()
				p, err = find(receiver, m.leaf, m.contentType, m.key.Generation, limits)
				require.NoError(t, err)
			}
			require.NoError(t, p.Commit())
		}
		require.Empty(t, cmp.Diff(stateOf(senders), stateOf(receiver)))
	}
}
