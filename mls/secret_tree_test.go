package mls

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

func TestVectorsSecretTree(t *testing.T) {
	vectors.OfficialAndOwn(t, "secret-tree", func(t *testing.T, c *vectors.SecretTree) {
		s := testSuite(t, c.CipherSuite)
		key, nonce, err := senderDataKey(s, c.SenderData.Secret, c.SenderData.Ciphertext)
		require.NoError(t, err)
		require.Equal(t, []byte(c.SenderData.Key), key)
		require.Equal(t, []byte(c.SenderData.Nonce), nonce)

		tree := newSecretTree(s, uint32(len(c.Leaves)), bytes.Clone(c.EncryptionSecret))
		for leaf, generations := range c.Leaves {
			for _, g := range generations {
				open := func(contentType ContentType, key, nonce []byte) {
					p, err := tree.find(LeafIndex(leaf), contentType, g.Generation, ratchetLimits{MaxForward: 100})
					require.NoError(t, err)
					require.Equal(t, key, p.key)
					require.Equal(t, nonce, p.nonce)
					require.NoError(t, p.commit())
				}
				open(ContentCommit, g.HandshakeKey, g.HandshakeNonce)
				open(ContentApplication, g.ApplicationKey, g.ApplicationNonce)
			}
		}
	})
}

func newTestSecretTree(t testing.TB, leaves uint32) *secretTree {
	s := testSuite(t, 1)
	return newSecretTree(s, leaves, bytes.Repeat([]byte{7}, s.Info().KDF.Nh))
}

// treeState is all that a secretTree remembers, as plain data.
type treeState struct {
	Nodes    map[NodeIndex]string
	Ratchets map[LeafIndex][2]ratchetState
}

type ratchetState struct {
	Secret string
	Next   uint64
	Kept   map[uint32]string
}

func stateOf(t *secretTree) treeState {
	state := treeState{map[NodeIndex]string{}, map[LeafIndex][2]ratchetState{}}
	for n, secret := range t.nodes {
		state.Nodes[n] = string(secret)
	}
	one := func(r *ratchet) ratchetState {
		kept := map[uint32]string{}
		for _, k := range r.kept {
			kept[k.generation] = string(k.key) + string(k.nonce)
		}
		return ratchetState{string(r.secret), r.next, kept}
	}
	for leaf, l := range t.ratchets {
		state.Ratchets[leaf] = [2]ratchetState{one(&l.handshake), one(&l.application)}
	}
	return state
}

// secretsOf returns every secret that the tree can reach: the slices themselves.
func secretsOf(t *secretTree) [][]byte {
	var all [][]byte
	for _, secret := range t.nodes {
		all = append(all, secret)
	}
	for _, l := range t.ratchets {
		for _, r := range []*ratchet{&l.handshake, &l.application} {
			all = append(all, r.secret)
			for _, k := range r.kept[:cap(r.kept)] {
				all = append(all, k.key, k.nonce)
			}
		}
	}
	return slices.DeleteFunc(all, func(b []byte) bool { return b == nil })
}

// everySecret derives, without any of the code under test but ExpandWithLabel, the
// node secrets of the whole tree and the first generations of every ratchet.
func everySecret(t *testing.T, s suite.Suite, root []byte, leaves, generations uint32) map[string][]byte {
	info := s.Info()
	expand := func(secret []byte, name, context string, length int) []byte {
		out, err := label.Expand(s, secret, name, []byte(context), length)
		require.NoError(t, err)
		return out
	}
	all := map[string][]byte{}
	var walk func(name string, secret []byte, first, width uint32)
	walk = func(name string, secret []byte, first, width uint32) {
		all["node "+name] = secret
		if width > 1 {
			walk(name+"l", expand(secret, "tree", "left", info.KDF.Nh), first, width/2)
			walk(name+"r", expand(secret, "tree", "right", info.KDF.Nh), first+width/2, width/2)
			return
		}
		for _, label := range []string{"handshake", "application"} {
			r := expand(secret, label, "", info.KDF.Nh)
			for g := range generations {
				id := name + " " + label + " " + string('0'+rune(g))
				context := string([]byte{0, 0, 0, byte(g)})
				all["ratchet "+id] = r
				all["key "+id] = expand(r, "key", context, info.AEAD.Nk)
				all["nonce "+id] = expand(r, "nonce", context, info.AEAD.Nn)
				r = expand(r, "secret", context, info.KDF.Nh)
			}
		}
	}
	walk("", root, 0, leaves)
	return all
}

// The example of RFC 9420, Section 9.2: D's message of generation 1 arrives first.
func TestSecretTreeForgetsWhatIsConsumed(t *testing.T) {
	tree := newTestSecretTree(t, 4)
	root := tree.nodes[3]
	named := everySecret(t, tree.suite, bytes.Clone(root), 4, 4)
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
	limits := ratchetLimits{MaxForward: 10, MaxKept: 10}
	const D = LeafIndex(3)

	p, err := tree.find(D, ContentApplication, 1, limits)
	require.NoError(t, err)
	require.Equal(t, []string{"node "}, reachable(), "find keeps nothing")
	require.Equal(t, named["key rr application 1"], p.key)
	key, first := p.key, p.ratchets.application.secret
	require.NoError(t, p.commit())
	require.Equal(t, []string{
		"key rr application 0", // K0, N0
		"node l",               // E
		"node rl",              // C
		"nonce rr application 0",
		"ratchet rr application 2", // AR2
		"ratchet rr handshake 0",   // HR0
	}, reachable())
	for _, gone := range [][]byte{root, key, first} {
		require.Equal(t, make([]byte, len(gone)), gone, "overwritten")
	}

	kept := tree.ratchets[D].application.kept[0].key
	p, err = tree.find(D, ContentApplication, 0, limits)
	require.NoError(t, err)
	require.NoError(t, p.commit())
	require.Equal(t, make([]byte, len(kept)), kept, "overwritten")
	require.Equal(t, []string{"node l", "node rl", "ratchet rr application 2", "ratchet rr handshake 0"}, reachable())

	k, err := send(tree, 0, ContentProposal)
	require.NoError(t, err)
	require.Equal(t, named["key ll handshake 0"], k.key)
	require.Equal(t, []string{
		"node lr", "node rl", "ratchet ll application 0", "ratchet ll handshake 1",
		"ratchet rr application 2", "ratchet rr handshake 0",
	}, reachable())

	last := secretsOf(tree)
	tree.destroy()
	for _, secret := range last {
		require.Equal(t, make([]byte, len(secret)), secret, "overwritten")
	}
	require.Empty(t, secretsOf(tree))
	_, err = tree.find(D, ContentApplication, 2, limits)
	require.ErrorIs(t, err, ErrRetired)
	_, err = send(tree, 0, ContentProposal)
	require.ErrorIs(t, err, ErrRetired)
}

func TestSecretTreeFindChangesNothing(t *testing.T) {
	limits := ratchetLimits{MaxForward: 8, MaxKept: 4}
	tree := newTestSecretTree(t, 8)
	before := stateOf(tree)
	discard := func(leaf LeafIndex, generation uint32) {
		p, err := tree.find(leaf, ContentApplication, generation, limits)
		require.NoError(t, err)
		p.discard()
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
		leaf       LeafIndex
		generation uint32
		want       error
	}{
		{5, 6, ErrConsumed},
		{5, 1, ErrConsumed}, // only the last four are kept
		{5, 16, ErrGeneration},
		{4, 9, ErrGeneration},
		{4, math.MaxUint32, ErrGeneration},
		{8, 0, ErrInvalid},
		{math.MaxUint32, 0, ErrInvalid},
	} {
		_, err := tree.find(wrong.leaf, ContentApplication, wrong.generation, limits)
		require.ErrorIs(t, err, wrong.want, "%+v", wrong)
		require.Empty(t, cmp.Diff(before, stateOf(tree)))
	}
}

// A key ends with commit or discard, and nothing that is called after has an effect.
func TestSecretTreePendingKeyEnds(t *testing.T) {
	limits := ratchetLimits{MaxForward: 8, MaxKept: 4}
	tree := newTestSecretTree(t, 8)
	for _, generation := range []uint32{3, 1, 6} { // first use, kept, forward
		p, err := tree.find(5, ContentApplication, generation, limits)
		require.NoError(t, err)
		other, err := tree.find(5, ContentApplication, generation, limits)
		require.NoError(t, err)
		before := stateOf(tree)
		other.discard()
		require.ErrorIs(t, other.commit(), ErrConsumed)
		require.Empty(t, cmp.Diff(before, stateOf(tree)))

		require.NoError(t, p.commit())
		after := stateOf(tree)
		require.NotEmpty(t, cmp.Diff(before, after))
		p.discard()
		require.ErrorIs(t, p.commit(), ErrConsumed)
		require.Empty(t, cmp.Diff(after, stateOf(tree)))
	}
}

// open consumes a message key and returns a copy of it.
func open(t testing.TB, tree *secretTree, leaf LeafIndex, generation uint32, limits ratchetLimits) []byte {
	p, err := tree.find(leaf, ContentApplication, generation, limits)
	require.NoError(t, err)
	key := bytes.Clone(p.key)
	require.NoError(t, p.commit())
	return key
}

// send consumes the next key of a sender and returns a copy of it.
func send(tree *secretTree, leaf LeafIndex, contentType ContentType) (messageKey, error) {
	p, err := tree.next(leaf, contentType)
	if err != nil {
		return messageKey{}, err
	}
	k := messageKey{p.generation, bytes.Clone(p.key), bytes.Clone(p.nonce)}
	return k, p.commit()
}

func TestSecretTreeTooFarCostsNothing(t *testing.T) {
	tree := newTestSecretTree(t, 1<<20)
	counting := &countingSuite{Suite: tree.suite}
	tree.suite = counting
	_, err := tree.find(9, ContentApplication, math.MaxUint32, ratchetLimits{MaxForward: 1000, MaxKept: 1000})
	require.ErrorIs(t, err, ErrGeneration)
	require.Zero(t, counting.expands)
	_, err = tree.find(9, ContentApplication, 0, ratchetLimits{})
	require.NoError(t, err)
	require.Equal(t, 2*20+2+3, counting.expands, "20 levels, two ratchets, one generation")
}

type countingSuite struct {
	suite.Suite
	expands int
}

func (c *countingSuite) Expand(prk, info []byte, length int) ([]byte, error) {
	c.expands++
	return c.Suite.Expand(prk, info, length)
}

func TestSecretTreeKeptKeys(t *testing.T) {
	tree := newTestSecretTree(t, 2)
	limits := ratchetLimits{MaxForward: 100, MaxKept: 3}
	open(t, tree, 1, 2, limits) // keeps 0, 1
	oldest := tree.ratchets[1].application.kept[0].key
	open(t, tree, 1, 5, limits) // 3, 4 come: 0 goes
	require.Equal(t, make([]byte, len(oldest)), oldest, "overwritten")
	var kept []uint32
	for _, k := range tree.ratchets[1].application.kept {
		kept = append(kept, k.generation)
	}
	require.Equal(t, []uint32{1, 3, 4}, kept)
	require.Empty(t, tree.ratchets[1].handshake.kept)

	counting := &countingSuite{Suite: tree.suite}
	tree.suite = counting
	open(t, tree, 1, 106, limits)
	require.LessOrEqual(t, counting.expands, 100+2*3+3+aheadStride, "no key is derived that is not kept")
}

func TestSecretTreeLastGeneration(t *testing.T) {
	tree := newTestSecretTree(t, 1)
	_, err := send(tree, 0, ContentApplication)
	require.NoError(t, err)
	r := &tree.ratchets[0].application
	r.next = math.MaxUint32 - 1
	for want := uint32(math.MaxUint32 - 1); want != 0; want++ {
		k, err := send(tree, 0, ContentApplication)
		require.NoError(t, err)
		require.Equal(t, want, k.generation)
	}
	require.Empty(t, r.secret)
	before := stateOf(tree)
	_, err = send(tree, 0, ContentApplication)
	require.ErrorIs(t, err, ErrGeneration)
	_, err = tree.find(0, ContentApplication, math.MaxUint32, ratchetLimits{MaxForward: 9})
	require.ErrorIs(t, err, ErrConsumed)
	_, err = tree.find(0, ContentApplication, 0, ratchetLimits{MaxForward: 9})
	require.ErrorIs(t, err, ErrConsumed)
	require.Empty(t, cmp.Diff(before, stateOf(tree)))
	_, err = send(tree, 0, ContentProposal)
	require.NoError(t, err, "the other ratchet is separate")
}

// Keys found side by side may be committed in any order, each once.
func TestSecretTreeRaces(t *testing.T) {
	limits := ratchetLimits{MaxForward: 10, MaxKept: 10}
	type message struct {
		leaf       LeafIndex
		generation uint32
	}
	messages := []message{{0, 0}, {0, 4}, {0, 2}, {1, 0}, {3, 1}, {0, 4}, {2, 0}}
	for seed := range uint64(50) {
		rng := rand.New(rand.NewPCG(seed, 1))
		rng.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
		raced, serial := newTestSecretTree(t, 4), newTestSecretTree(t, 4)
		found := make([]*pendingKey, len(messages))
		for i, m := range messages {
			p, err := raced.find(m.leaf, ContentApplication, m.generation, limits)
			require.NoError(t, err)
			found[i] = p
		}
		for i, j := range rng.Perm(len(found)) {
			m := messages[j]
			errRaced := found[j].commit()
			p, err := serial.find(m.leaf, ContentApplication, m.generation, limits)
			require.Equal(t, err, errRaced, "seed %d, commit %d", seed, i)
			if err == nil {
				require.NoError(t, p.commit())
			}
			require.Empty(t, cmp.Diff(stateOf(serial), stateOf(raced)))
		}
	}
}

// Whatever the order of delivery, within the limits each key is found once, and is
// the one that the sender had.
func TestSecretTreeAnyOrder(t *testing.T) {
	const leaves, window = 8, 16
	limits := ratchetLimits{MaxForward: window, MaxKept: window}
	type message struct {
		leaf        LeafIndex
		contentType ContentType
		key         messageKey
	}
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 2))
		senders, receiver := newTestSecretTree(t, leaves), newTestSecretTree(t, leaves)
		var sent []message
		for range 200 {
			m := message{leaf: LeafIndex(rng.IntN(leaves)), contentType: ContentType(1 + rng.IntN(3))}
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
			p, err := receiver.find(m.leaf, m.contentType, m.key.generation, limits)
			if i >= len(sent) {
				require.ErrorIs(t, err, ErrConsumed)
				continue
			}
			require.NoError(t, err, "seed %d, message %d", seed, i)
			require.Equal(t, m.key, p.messageKey)
			if rng.IntN(3) == 0 { // a forgery under the same generation comes first
				p.discard()
				p, err = receiver.find(m.leaf, m.contentType, m.key.generation, limits)
				require.NoError(t, err)
			}
			require.NoError(t, p.commit())
		}
		require.Empty(t, cmp.Diff(stateOf(senders), stateOf(receiver)))
	}
}

// within is a keyFinder of a tree that nobody else uses.
func (t *secretTree) within(limits ratchetLimits) keyFinder {
	return func(leaf LeafIndex, contentType ContentType, generation uint32) (*pendingKey, error) {
		return t.find(leaf, contentType, generation, limits)
	}
}
