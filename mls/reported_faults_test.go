package mls

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Faults that were found in other implementations, each with what is right.

// A tree that lost its last leaves and grows again has none of them back: members 0 to
// 3, 2 is removed, and 3 comes back by an external commit that removes its old leaf.
// The tree shrinks to two leaves and grows to four, and leaf 3 stays blank.
func TestLeafThatWasCutOffStaysBlank(t *testing.T) {
	for name, prepare := range map[string]func(testing.TB, []*Group){
		"blank parents": func(testing.TB, []*Group) {}, "populated parents": populate,
	} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 4, publicHandshake)
			prepare(t, groups)
			c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 2})
			require.NoError(t, err)
			follow(t, groups, 0, c)
			old := groups[3].Leaf(3)
			groups = groups[:2]

			info, err := groups[1].GroupInfo(t.Context(), insiderTime, true)
			require.NoError(t, err)
			back := client(t, 0x0001, "member 3", publicHandshake)
			c, err = ExternalJoin(t.Context(), insiderTime, back, info, ExternalJoinOptions{Remove: new(message.LeafIndex(3))})
			require.NoError(t, err)
			public, err := inPublic(t, groups[0]).Process(t.Context(), insiderTime, c.Message)
			require.NoError(t, err)
			views := []publicView{public.Commit.Adopt().publicView}
			follow(t, groups, -1, c)
			joined, err := c.Adopt()
			require.NoError(t, err)
			groups = append(groups, joined)
			for _, g := range groups {
				state, err := storeAll(g)
				require.NoError(t, err)
				restored, err := RestoreGroup(insiderTime, *g.cfg, state)
				require.NoError(t, err)
				views = append(views, g.publicView, restored.publicView)
			}
			for _, v := range views {
				require.Nil(t, v.Leaf(3))
				require.Equal(t, back.Signer.PublicKey(), v.Leaf(2).SignatureKey)
				require.Equal(t, 3, v.Size())
				require.False(t, v.public.tree.HasEncryptionKey(old.EncryptionKey))
				_, held := v.public.tree.HasSignatureKey(old.SignatureKey)
				require.False(t, held)
				again, err := ratchettree.TreeFromNodes(v.public.suite, v.public.tree.Nodes().Sparse())
				require.NoError(t, err)
				require.NoError(t, again.Validate())
				require.Equal(t, again.Hash(), v.public.tree.Hash())
				require.Equal(t, again.Hash(), v.public.context.TreeHash)
			}
			k := ownKeyPackage(t, 0x0001, "fourth", publicHandshake)
			groups = admit(t, groups, k)
			require.Equal(t, message.LeafIndex(3), groups[3].OwnLeaf())
			populate(t, groups)
		})
	}
}

// Extensions inside extensions, a thousand deep, are one extension's data: nothing
// follows them, and where they are not what a known type is they are malformed.
func TestNestedExtensionsAreOpaque(t *testing.T) {
	const x = message.ExtensionType(0xF300)
	data := []byte{}
	for range 1000 {
		var err error
		data, err = message.Marshal(&message.Extensions{{Type: x, Data: data}})
		require.NoError(t, err)
	}
	lists := func(cfg *Config) {
		cfg.Extensions, cfg.LeafExtensions = []message.ExtensionType{x}, message.Extensions{{Type: x, Data: data}}
	}
	groups := clique(t, 0x0001, 3, publicHandshake, lists)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.GroupContextExtensions{Extensions: message.Extensions{{Type: x, Data: data}}})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	got, _ := groups[2].GroupContext().Extensions.Find(x)
	require.Equal(t, data, got)

	m := insider{t, groups[1]}
	for _, known := range []message.ExtensionType{message.ExtensionRequiredCapabilities, message.ExtensionExternalSenders} {
		list := m.byValue(message.GroupContextExtensions{Extensions: message.Extensions{{Type: known, Data: data}}})
		requireUnprocessed(t, groups[2], message.ErrMalformed, m.commit(forgery{proposals: list, withPath: true}).message)
	}
	_, err = ratchettree.ParseRatchetTree(data)
	require.ErrorIs(t, err, message.ErrMalformed)
	info := &message.GroupInfo{Extensions: message.Extensions{{Type: codepoint.ExtensionExternalPub, Data: data}}}
	_, err = check.ReadExternalPub(info, groups[0].public.suite)
	require.ErrorIs(t, err, message.ErrInvalid, "a vector of bytes, but no key")
}

// The data of a known extension is all that it says: bytes behind it are malformed.
func TestKnownExtensionsEndWhereTheySay(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake)
	populate(t, groups)
	m := insider{t, groups[1]}
	senders := sendersExtension(t, "authority")
	for _, x := range []message.Extension{requires(t, 1), senders} {
		c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.GroupContextExtensions{Extensions: message.Extensions{x}})
		require.NoError(t, err)
		requireFollowed(t, groups[2], c.Message)
		x.Data = append(bytes.Clone(x.Data), 0)
		list := m.byValue(message.GroupContextExtensions{Extensions: message.Extensions{x}})
		requireUnprocessed(t, groups[2], message.ErrMalformed, m.commit(forgery{proposals: list, withPath: true}).message)
	}
	tree, err := groups[0].RatchetTree()
	require.NoError(t, err)
	_, err = ratchettree.ParseRatchetTree(append(tree, 0))
	require.ErrorIs(t, err, message.ErrMalformed)
	pub, err := wire.Marshal((&check.ExternalPub{Key: groups[0].Leaf(0).EncryptionKey}).Marshal)
	require.NoError(t, err)
	info := func(pub []byte) *message.GroupInfo {
		return &message.GroupInfo{Extensions: message.Extensions{{Type: codepoint.ExtensionExternalPub, Data: pub}}}
	}
	_, err = check.ReadExternalPub(info(pub), groups[0].public.suite)
	require.NoError(t, err)
	_, err = check.ReadExternalPub(info(append(pub, 0)), groups[0].public.suite)
	require.ErrorIs(t, err, message.ErrMalformed)
}

// The length of an extension is right at each length at which its header grows.
func TestExtensionLengths(t *testing.T) {
	for n, header := range map[int][]byte{
		0x3e: {0x3e}, 0x3f: {0x3f}, 0x40: {0x40, 0x40},
		0x3ffe: {0x7f, 0xfe}, 0x3fff: {0x7f, 0xff}, 0x4000: {0x80, 0, 0x40, 0},
	} {
		x := message.Extension{Type: 0xF300, Data: make([]byte, n)}
		b, err := message.Marshal(&message.Extensions{x})
		require.NoError(t, err)
		front := len(b) - (2 + len(header) + n) // the length of the list
		require.Equal(t, append([]byte{0xF3, 0}, header...), b[front:front+2+len(header)])
		again, err := message.Parse[message.Extensions](b)
		require.NoError(t, err)
		require.Equal(t, message.Extensions{x}, *again)
		custom := message.Custom{ProposalType: 0xF100, Data: x.Data}
		b, err = message.Marshal(&message.TypedProposal{Proposal: custom})
		require.NoError(t, err)
		require.Equal(t, append([]byte{0xF1, 0}, header...), b[:2+len(header)])
	}
	_, err := wire.Marshal(func(w *wire.Writer) { w.Bytes(make([]byte, 1<<30)) })
	require.Error(t, err)
}

// Who replaces its signature key signs with the new one all that is of the next epoch:
// the GroupInfo of a Welcome, and the one beside the commit. A commit that does nothing
// else has a path, by which the key gets into the leaf.
func TestNewKeySignsTheNextEpoch(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake)
	next := client(t, 0x0001, "member 0")
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(next)})
	require.NoError(t, err)
	info, err := c.GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	follower, err := NewPublicGroup(t.Context(), insiderTime, Config{Suites: next.Suites}, info, nil)
	require.NoError(t, err)
	require.Equal(t, next.Signer.PublicKey(), follower.Leaf(0).SignatureKey)
	outside, err := ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "outside"), info, ExternalJoinOptions{})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	requireFollowed(t, groups[1], outside.Message)

	k := ownKeyPackage(t, 0x0001, "joiner")
	c, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(client(t, 0x0001, "member 1"))}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	_, err = adopted(k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
	require.NoError(t, err)
}

// A message of the next epoch that comes before its commit is refused, changes nothing,
// and is read after the commit, whatever the group keeps of its old epoch.
func TestEarlyMessageIsReadAfterItsCommit(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	early, err := groups[2].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	own, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{}) // which loses
	require.NoError(t, err)
	next, err := early.Adopt()
	require.NoError(t, err)
	var messages [][]byte
	for _, text := range []string{"first", "second"} {
		m, err := next.Encrypt(t.Context(), insiderTime, []byte(text), nil)
		require.NoError(t, err)
		messages = append(messages, m)
	}
	for range 2 {
		requireUnprocessed(t, groups[1], ErrFutureEpoch, messages[1])
	}
	r, err := groups[1].Process(t.Context(), insiderTime, early.Message)
	require.NoError(t, err)
	requireUnprocessed(t, groups[1], ErrFutureEpoch, messages[0])
	g, err := r.Commit.Adopt()
	require.NoError(t, err)
	_, err = own.Adopt()
	require.ErrorIs(t, err, ErrRetired)
	for i, want := range []string{"first", "second"} {
		r, err := g.Process(t.Context(), insiderTime, messages[i])
		require.NoError(t, err)
		require.Equal(t, want, string(r.Application.Data))
	}
}

// An external commit is followed though the member has a commit of its own that is not
// adopted, and proposals of its own.
func TestExternalCommitBesideOwnCandidate(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake)
	for _, g := range groups[:2] {
		_, err := g.Propose(t.Context(), insiderTime, message.Remove{Removed: 2}, nil)
		require.NoError(t, err)
		_, err = g.ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
		require.NoError(t, err)
		_, err = g.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
	}
	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	c, err := ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "joiner", publicHandshake), info, ExternalJoinOptions{})
	require.NoError(t, err)
	follow(t, groups, -1, c)
	joined, err := c.Adopt()
	require.NoError(t, err)
	populate(t, append(groups, joined))
}

// A PrivateMessage that opens and is refused for what it holds keeps its generation: it
// is taken once what it lacks has come, and then not again.
func TestRefusedContentKeepsItsGeneration(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	proposal, err := groups[0].Propose(t.Context(), insiderTime, message.GroupContextExtensions{}, nil)
	require.NoError(t, err)
	_, err = groups[1].Process(t.Context(), insiderTime, proposal)
	require.NoError(t, err)
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 1)
	for range 2 {
		requireUnprocessed(t, groups[2], fault.ErrMissingProposals, c.Message)
	}
	for _, message := range [][]byte{proposal, c.Message} {
		_, err = groups[2].Process(t.Context(), insiderTime, message)
		require.NoError(t, err)
	}
	requireUnprocessed(t, groups[2], ErrConsumed, c.Message)
}

// A commit or a proposal of a sender outside the tree is refused, although a member has
// signed it and knows the membership_key, and no computation with its index goes wrong.
func TestSendersOutsideTheTree(t *testing.T) {
	a := newAttack(t)
	for _, leaf := range []message.LeafIndex{4, 5, 1 << 30, 1 << 31, math.MaxUint32} {
		outside := func(c *framing.FramedContent) { c.Sender.Leaf = leaf }
		for _, withPath := range []bool{true, false} {
			list := a.byValue(message.Remove{Removed: 3})
			requireUnprocessed(t, a.victim, message.ErrInvalid, a.commit(forgery{proposals: list, withPath: withPath, content: outside}).message)
		}
		content := a.public.content(message.Sender{Type: message.SenderMember, Leaf: leaf}, message.ContentProposal, nil)
		content.Proposal = message.Remove{Removed: 3}
		requireUnprocessed(t, a.victim, message.ErrInvalid, a.seal(a.signed(content)))
	}
}
