package mls

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// annotated returns the annotations of the commit for a receiver.
func (f *forged) annotated(receiver message.LeafIndex, list []CommittedProposal) []byte {
	f.t.Helper()
	f.applied.sender, f.applied.committer, f.applied.list = f.sender(), f.self.leaf, list
	tr := newTransition(f.public, f.next.public, f.applied, nil)
	b, err := tr.AnnotateCommit(f.message, receiver)
	require.NoError(f.t, err)
	return b
}

func badSignature(n *message.LeafNode) { n.Signature = mlstest.Flipped(n.Signature, 9) }

// TestPartialMembersVerifyTheLeafOfAPath has committers with leaves that a full member
// refuses (RFC 9420, Sections 7.3 and 12.4.2).
func TestPartialMembersVerifyTheLeafOfAPath(t *testing.T) {
	m, p := populatedMixedGroup(t, publicHandshake)
	i := insider{t, m.full[1]}
	old := i.public.tree.Leaf(1).EncryptionKey()
	for _, c := range []struct {
		name      string
		leaf      func(*message.LeafNode) // before its signature
		signed    func(*message.LeafNode) // after it
		proposals []message.Proposal
		want      error
	}{
		{"as it should be", nil, nil, nil, nil},
		{"signature", nil, badSignature, nil, fault.Violation("7.3", "LeafNode signature does not verify").AtLeaf(1)},
		{"source", func(n *message.LeafNode) { n.Source, n.ParentHash = codepoint.LeafNodeUpdate, nil }, nil, nil,
			fault.Violation("7.3", "leaf_node_source is not commit but update").AtLeaf(1)},
		{"old encryption key", func(n *message.LeafNode) { n.EncryptionKey = old }, nil, nil,
			fault.Violation("12.4.2", "encryption_key of the committer's leaf is not new").AtLeaf(1)},
		{"capabilities", func(n *message.LeafNode) { n.Capabilities.Credentials = nil }, nil, nil,
			fault.Violation("7.2", "capabilities do not list the credential type basic").AtLeaf(1)},
		{"parent hash", func(n *message.LeafNode) { n.ParentHash = mlstest.Flipped(n.ParentHash, 0) }, nil, nil,
			fault.Violation("7.9", "parent_hash of the committer's leaf is not that of its path").AtLeaf(1)},
		{"no parent hash", func(n *message.LeafNode) { n.ParentHash = nil }, nil, nil,
			fault.Violation("7.9", "parent_hash of the committer's leaf is not that of its path").AtLeaf(1)},
		{"what the group requires", nil, nil, []message.Proposal{message.GroupContextExtensions{Extensions: message.Extensions{requires(t, 0xF200)}}},
			fault.Violation("7.3", "capabilities do not list").AtLeaf(1)},
		{"of one who removes this member", nil, badSignature, []message.Proposal{message.Remove{Removed: 6}},
			fault.Violation("7.3", "LeafNode signature does not verify").AtLeaf(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := i.byValue(c.proposals...)
			made := i.commit(forgery{proposals: list, withPath: true, leaf: c.leaf, signedLeaf: c.signed})
			annotated := made.annotated(6, list)
			if c.want == nil {
				next, err := p.ProcessCommit(t.Context(), insiderTime, annotated)
				require.NoError(t, err)
				next.Discard()
				return
			}
			requireUnprocessed(t, m.full[2], c.want, made.message)
			requireRefusal(t, p, c.want, func() error {
				_, err := p.ProcessCommit(t.Context(), insiderTime, annotated)
				return err
			})
		})
	}
}

// TestPartialMembersVerifyTheLeafOfAJoiner has an external commit with a leaf whose signature
// does not verify.
func TestPartialMembersVerifyTheLeafOfAJoiner(t *testing.T) {
	m, p := populatedMixedGroup(t, publicHandshake)
	cfg := client(t, 1, "outside", publicHandshake)
	info, err := m.full[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	c, err := ExternalJoin(t.Context(), insiderTime, cfg, info, ExternalJoinOptions{})
	require.NoError(t, err)
	b, err := c.AnnotateCommit(c.Message, 6)
	require.NoError(t, err)
	a, err := framing.ParseAnnotatedCommit(b, message.CodePoints{}.Complete())
	require.NoError(t, err)
	bad := (&attack{insider{t, m.full[1]}, m.full, m.full[2]}).externalCommit(cfg, ExternalJoinOptions{}, func(e *framing.Commit) { badSignature(e.Path.LeafNode) })
	parsed, err := framing.ParseGroupMessage(bad, message.CodePoints{}.Complete())
	require.NoError(t, err)
	a.Commit = *parsed
	forged, err := wire.Marshal(a.Marshal)
	require.NoError(t, err)
	want := fault.Violation("7.3", "LeafNode signature does not verify").AtLeaf(7)
	requireUnprocessed(t, m.full[2], want, bad)
	requireRefusal(t, p, want, func() error {
		_, err := p.ProcessCommit(t.Context(), insiderTime, forged)
		return err
	})
}

// TestPartialMembersVerifyUpdates has Updates that arrive by themselves, and one that is
// handed over with its commit.
func TestPartialMembersVerifyUpdates(t *testing.T) {
	m, p := populatedMixedGroup(t, publicHandshake)
	i := insider{t, m.full[2]}
	forged := i.update(nil)
	badSignature(forged.LeafNode)
	kept := i.update(func(n *message.LeafNode) { n.EncryptionKey = i.public.tree.Leaf(2).EncryptionKey() })
	for _, c := range []struct {
		update message.Update
		want   error
	}{
		{forged, fault.Violation("7.3", "LeafNode signature does not verify").AtLeaf(2)},
		{kept, fault.Violation("7.3", "encryption_key of the Update is not new").AtLeaf(2)},
	} {
		msg, _ := i.propose(c.update)
		annotated, err := m.full[0].AnnotateMessage(msg, 2)
		require.NoError(t, err)
		requireUnprocessed(t, m.full[1], c.want, msg)
		requireRefusal(t, p, c.want, func() error {
			_, err := p.Process(t.Context(), insiderTime, annotated)
			return err
		})
	}
	msg, bad := i.propose(forged)
	list := []CommittedProposal{bad}
	by := insider{t, m.full[1]}
	annotated := by.commit(forgery{proposals: list, withPath: true}).annotated(6, list)
	requireRefusal(t, p, fault.Violation("7.3", "LeafNode signature does not verify").AtLeaf(2), func() error {
		_, err := p.ProcessCommit(t.Context(), insiderTime, annotated, msg)
		return err
	})

	msg, _ = i.propose(i.update(nil))
	good, err := m.full[0].AnnotateMessage(msg, 2)
	require.NoError(t, err)
	_, err = p.Process(t.Context(), insiderTime, good)
	require.NoError(t, err)
}

// TestPartialMembersMissNoKey has a committer and an annotator who agree on a tree in which a
// node above the receiver, not on the path, has another key: all that the commit covers goes
// with it, and the path secret opens.
func TestPartialMembersMissNoKey(t *testing.T) {
	m := newMixedGroup(t, 1, 7, publicHandshake)
	leaf := m.joinPartially(0).OwnLeaf()
	for by := range message.LeafIndex(7) {
		m.commit(by, CommitOptions{})
	}
	const above = 13 // leaves 6 and 7
	p, g := m.partial[leaf], m.full[1]
	require.Contains(t, p.member.self.pathKeys, ratchettree.NodeIndex(above))
	encoded, err := g.RatchetTree()
	require.NoError(t, err)
	nodes, err := ratchettree.ParseRatchetTree(encoded)
	require.NoError(t, err)
	for i := range nodes.Filled {
		if parent := nodes.Filled[i].Parent; parent != nil && bytes.Equal(parent.EncryptionKey, g.public.tree.Parent(above).EncryptionKey) {
			parent.EncryptionKey = mlstest.Flipped(parent.EncryptionKey, 0)
		}
	}
	public := *g.public
	public.tree, err = ratchettree.TreeFromNodes(public.suite, nodes)
	require.NoError(t, err)
	honest := g.publicView
	g.publicView = viewOf(&public)
	made := insider{t, g}.commit(forgery{withPath: true})
	g.publicView = honest
	annotated := made.annotated(leaf, nil)
	requireRefusal(t, p, fault.Violation("12.4.3.1", "member lacks the private key of node 13").AtLeaf(leaf), func() error {
		_, err := p.ProcessCommit(t.Context(), insiderTime, annotated)
		return err
	})
}
