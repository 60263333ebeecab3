package mls

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// requireRefusal checks that a partial member refuses something by a rule, and is as it was.
func requireRefusal(t *testing.T, p *PartialGroup, want error, run func() error) {
	t.Helper()
	requireUnmoved(t, p.member, want, run)
}

// populatedMixedGroup has seven members in a tree without blanks, of whom the last, the
// receiver, is partial.
func populatedMixedGroup(t *testing.T, adjust ...func(*Config)) (*mixedGroup, *PartialGroup) {
	m := newMixedGroup(t, 1, 6, adjust...)
	p := m.joinPartially(0, adjust...)
	for by := range message.LeafIndex(6) {
		m.commit(by, CommitOptions{})
	}
	p = m.partial[p.OwnLeaf()]
	require.Equal(t, message.LeafIndex(6), p.OwnLeaf())
	return m, p
}

// proofOf returns a copy of a proof in a tree, which may be changed.
func proofOf(t testing.TB, g *Group, leaf message.LeafIndex) *ratchettree.MembershipProof {
	t.Helper()
	b, err := g.MembershipProof(leaf)
	require.NoError(t, err)
	p, err := wire.ParseNew(b, "MembershipProof", (*ratchettree.MembershipProof).Unmarshal)
	require.NoError(t, err)
	return p
}

func TestPartialMembersRefuseFalseAnnotations(t *testing.T) {
	m, p := populatedMixedGroup(t, publicHandshake)
	with := m.annotatedFor(1, 6, CommitOptions{})
	without := m.annotatedFor(1, 6, CommitOptions{}, message.GroupContextExtensions{})
	require.NotNil(t, with.ResolutionIndex)
	require.NotNil(t, without.ResolutionIndex) // GroupContextExtensions need a path
	add := ownKeyPackage(t, 1, "added", publicHandshake)
	without = m.annotatedFor(1, 6, CommitOptions{}, message.Add{KeyPackage: add.KeyPackage})
	require.Nil(t, without.ResolutionIndex)
	zero, one := uint32(0), uint32(1)
	now := m.full[0]
	violation := func(section, rule string, leaf int64) error {
		v := fault.Violation(section, "%s", rule)
		v.Leaf = leaf
		return v
	}
	for _, c := range []struct {
		name   string
		from   *framing.AnnotatedCommit
		change func(a *framing.AnnotatedCommit)
		want   error
	}{
		{"no proof of the sender", with, func(a *framing.AnnotatedCommit) { a.Sender = nil }, violation(partialCommit, "sender_membership_proof of a member is missing", 1)},
		{"proof of another sender", with, func(a *framing.AnnotatedCommit) { a.Sender = proofOf(t, now, 2) }, violation(partialMessages, "is not of the sender, but of leaf 2", 1)},
		{"proof of the sender in the tree afterwards", with, func(a *framing.AnnotatedCommit) { a.Sender = a.SenderAfter }, violation(partialMessages, "is not valid for the tree hash of epoch", 1)},
		{"proofs of two trees", with, func(a *framing.AnnotatedCommit) { a.ReceiverAfter = proofOf(t, now, 6) }, violation(partialCommit, "not of the same tree", -1)},
		{"proofs of the tree before", with, func(a *framing.AnnotatedCommit) {
			a.SenderAfter, a.ReceiverAfter = proofOf(t, now, 1), proofOf(t, now, 6)
		}, violation(partialCommit, "not valid for tree_hash_after", -1)},
		{"tree of the epoch before", with, func(a *framing.AnnotatedCommit) {
			a.SenderAfter, a.ReceiverAfter, a.TreeHashAfter = proofOf(t, now, 1), proofOf(t, now, 6), now.public.tree.Hash()
		}, violation("7.6", "leaf of the path is not the one that the sender's membership proof shows", 1)},
		{"another tree hash", with, func(a *framing.AnnotatedCommit) { a.TreeHashAfter = mlstest.Flipped(a.TreeHashAfter, 3) }, violation(partialCommit, "not valid for tree_hash_after", -1)},
		{"proof of another receiver", with, func(a *framing.AnnotatedCommit) { a.ReceiverAfter = a.SenderAfter }, violation(partialCommit, "receiver_membership_proof_after is of leaf 1", 6)},
		{"proof of another committer", with, func(a *framing.AnnotatedCommit) { a.SenderAfter = a.ReceiverAfter }, violation(partialCommit, "is not of the committer, but of leaf 6", 1)},
		{"no resolution index", with, func(a *framing.AnnotatedCommit) { a.ResolutionIndex = nil }, violation(partialCommit, "resolution_index is there without a path, or a path without it", -1)},
		{"resolution index without a path", without, func(a *framing.AnnotatedCommit) { a.ResolutionIndex = &zero }, violation(partialCommit, "resolution_index is there without a path, or a path without it", -1)},
		{"resolution index of nobody", with, func(a *framing.AnnotatedCommit) { a.ResolutionIndex = &one }, violation("7.5", "resolution_index 1 is beyond the path secrets", 1)},
		{"hash of another length", with, func(a *framing.AnnotatedCommit) { a.SenderAfter.Copath[0] = a.SenderAfter.Copath[0][1:] }, violation("7.8", "copath hash 0", 1)},
		{"tree that the confirmation tag does not cover", without, func(a *framing.AnnotatedCommit) {
			a.SenderAfter, a.ReceiverAfter, a.TreeHashAfter = proofOf(t, now, 1), proofOf(t, now, 6), now.public.tree.Hash()
		}, violation("6.1", "confirmation tag does not match", 1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			again := func() *framing.AnnotatedCommit {
				b, err := wire.Marshal(c.from.Marshal)
				require.NoError(t, err)
				a, err := framing.ParseAnnotatedCommit(b, message.CodePoints{}.Complete())
				require.NoError(t, err)
				return a
			}
			a := again()
			c.change(a)
			forged, err := wire.Marshal(a.Marshal)
			require.NoError(t, err)
			requireRefusal(t, p, c.want, func() error {
				_, err := p.ProcessCommit(t.Context(), insiderTime, forged)
				return err
			})
			good, err := wire.Marshal(again().Marshal)
			require.NoError(t, err)
			next, err := p.ProcessCommit(t.Context(), insiderTime, good)
			require.NoError(t, err)
			next.Discard()
		})
	}
}

// TestPartialMembersRefuseFalseTrees has annotations that go together, of trees to which the
// commit does not lead. Only their maker can be at fault, as the commit is good.
func TestPartialMembersRefuseFalseTrees(t *testing.T) {
	m, p := populatedMixedGroup(t, publicHandshake)
	add := message.Add{KeyPackage: ownKeyPackage(t, 1, "added", publicHandshake).KeyPackage}
	for _, c := range []struct {
		name   string
		list   []message.Proposal
		change func(sender, receiver *ratchettree.MembershipProof)
		rule   string
	}{
		{"another leaf of the committer without a path", []message.Proposal{add}, func(sender, _ *ratchettree.MembershipProof) {
			sender.Node = bytes.Clone(m.full[2].public.tree.Leaf(2))
		}, "committer has another leaf after a commit without a path"},
		{"another leaf of the receiver", nil, func(_, receiver *ratchettree.MembershipProof) {
			receiver.Node = bytes.Clone(m.full[2].public.tree.Leaf(2))
		}, "does not have this member's leaf"},
		{"another node on the path", nil, func(sender, receiver *ratchettree.MembershipProof) {
			root := len(sender.Parents) - 1
			changed := *sender.Parents[root]
			changed.EncryptionKey = mlstest.Flipped(changed.EncryptionKey, 0)
			sender.Parents[root], receiver.Parents[root] = &changed, &changed
		}, "node 2 of the path is not the one that the sender's membership proof shows"},
		{"a node missing on the path", nil, func(sender, receiver *ratchettree.MembershipProof) {
			root := len(sender.Parents) - 1
			sender.Parents[root], receiver.Parents[root] = nil, nil
		}, "filtered direct path has 2 nodes, but the path has 3"},
		{"a node of which the receiver has no key", nil, func(_, receiver *ratchettree.MembershipProof) {
			changed := *receiver.Parents[1]
			changed.EncryptionKey = mlstest.Flipped(changed.EncryptionKey, 0)
			receiver.Parents[1] = &changed
		}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := m.annotatedFor(1, 6, CommitOptions{}, c.list...)
			c.change(a.SenderAfter, a.ReceiverAfter)
			reconcile(t, p.member.public.suite, a)
			forged, err := wire.Marshal(a.Marshal)
			require.NoError(t, err)
			before := fingerprint(p.member)
			_, err = p.ProcessCommit(t.Context(), insiderTime, forged)
			require.ErrorIs(t, err, message.ErrInvalid)
			require.ErrorContains(t, err, c.rule)
			require.Equal(t, before, fingerprint(p.member))
		})
	}
}

// reconcile makes the proofs of a commit by leaf 1 for leaf 6 of one tree again, after one of
// them was changed below the root.
func reconcile(t *testing.T, s suite.Suite, a *framing.AnnotatedCommit) {
	t.Helper()
	of := func(p *ratchettree.MembershipProof, left bool) []byte {
		slice, err := p.Slice(s)
		require.NoError(t, err)
		if left {
			return slice.Root.Left.Hash(slice.HashSize)
		}
		return slice.Root.Right.Hash(slice.HashSize)
	}
	top := len(a.SenderAfter.Copath) - 1
	a.ReceiverAfter.Copath[top], a.SenderAfter.Copath[top] = of(a.SenderAfter, true), of(a.ReceiverAfter, false)
	slice, err := a.ReceiverAfter.Slice(s)
	require.NoError(t, err)
	a.TreeHashAfter = slice.Hash()
}

func TestPartialMembersRefuseFalseProofsOfSenders(t *testing.T) {
	for _, format := range []func(*Config){publicHandshake, privateHandshake} {
		m, p := populatedMixedGroup(t, format)
		sender := m.full[2]
		msg, err := sender.Propose(t.Context(), insiderTime, message.Remove{Removed: 3}, nil)
		require.NoError(t, err)
		with := func(proof *ratchettree.MembershipProof) []byte {
			one, err := framing.ParseGroupMessage(msg, message.CodePoints{}.Complete())
			require.NoError(t, err)
			b, err := wire.Marshal(func(w *wire.Writer) {
				(&framing.SenderAuthenticated[framing.GroupMessage]{Message: *one, Sender: proof}).Marshal(w, (*framing.GroupMessage).Marshal)
			})
			require.NoError(t, err)
			return b
		}
		forged := proofOf(t, sender, 2)
		forged.Node = bytes.Clone(sender.public.tree.Leaf(1))
		for _, c := range []struct {
			proof *ratchettree.MembershipProof
			want  *fault.Violated
		}{
			{proofOf(t, sender, 3), fault.Violation(partialMessages, "is not of the sender, but of leaf 3").AtLeaf(2)},
			{forged, fault.Violation(partialMessages, "is not valid for the tree hash of epoch").AtLeaf(2)},
		} {
			requireRefusal(t, p, c.want, func() error {
				_, err := p.Process(t.Context(), insiderTime, with(c.proof))
				return err
			})
		}
		r, err := p.Process(t.Context(), insiderTime, with(proofOf(t, sender, 2)))
		require.NoError(t, err)
		require.Equal(t, message.Remove{Removed: 3}, r.Proposal.Proposal)

		_, err = p.Process(t.Context(), insiderTime, msg) // without a proof
		require.ErrorIs(t, err, message.ErrMalformed)
		c, err := m.full[1].Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true})
		require.NoError(t, err)
		annotated, err := m.full[1].AnnotateMessage(c.Message, 1)
		require.NoError(t, err)
		_, err = p.Process(t.Context(), insiderTime, annotated)
		require.ErrorIs(t, err, message.ErrUnsupported)
		_, err = p.ProcessCommit(t.Context(), insiderTime, annotated)
		requireRefused(t, fault.Violation(partialCommit, "annotations say otherwise than the commit whether it removes this member").AtLeaf(6), err)
		_, err = p.ProcessCommit(t.Context(), insiderTime, with(proofOf(t, sender, 2)))
		require.ErrorIs(t, err, message.ErrMalformed)
	}
}

func TestPartialMembersVerifySignatures(t *testing.T) {
	m, p := populatedMixedGroup(t, publicHandshake)
	i := insider{t, m.full[1]}
	content := i.public.content(i.sender(), message.ContentProposal, nil)
	content.Proposal = message.Remove{Removed: 3}
	ac, err := framing.SignContent(t.Context(), client(t, 1, "somebody else").Signer, message.WireFormatPublicMessage, content, i.public.contextBytes)
	require.NoError(t, err)
	c := i.seal(ac)
	annotated, err := m.full[0].AnnotateMessage(c, 1)
	require.NoError(t, err)
	requireRefusal(t, p, fault.Violation("6.1", "signature does not verify").AtLeaf(1), func() error {
		_, err := p.Process(t.Context(), insiderTime, annotated)
		return err
	})
}

// forgedFor returns the annotations, for a receiver, of a commit that the member at by signs
// and would not make. Its list of proposals is by value, and its path that of another commit.
func (m *mixedGroup) forgedFor(by, receiver message.LeafIndex, path bool, list ...message.Proposal) []byte {
	m.t.Helper()
	i := insider{m.t, m.full[by]}
	content := i.public.content(i.sender(), message.ContentCommit, nil)
	content.Commit = &framing.Commit{}
	for _, proposal := range list {
		content.Commit.Proposals = append(content.Commit.Proposals, framing.ProposalOrRef{Proposal: proposal})
	}
	annotated := m.annotatedFor(by, receiver, CommitOptions{})
	if path {
		content.Commit.Path = annotated.Commit.Public.Content.Commit.Path
	} else {
		annotated.ResolutionIndex = nil
		annotated.SenderAfter, annotated.ReceiverAfter = proofOf(m.t, m.full[by], by), proofOf(m.t, m.full[by], receiver)
		annotated.TreeHashAfter = i.public.tree.Hash()
	}
	ac := i.signed(content)
	ac.Auth.ConfirmationTag = make([]byte, 32)
	msg, err := framing.ParseGroupMessage(i.seal(ac), message.CodePoints{}.Complete())
	require.NoError(m.t, err)
	annotated.Commit = *msg
	b, err := wire.Marshal(annotated.Marshal)
	require.NoError(m.t, err)
	return b
}

// TestPartialMembersHaveRules has what a partial member checks of proposals and their list.
func TestPartialMembersHaveRules(t *testing.T) {
	for _, c := range []struct {
		name string
		path bool
		list []message.Proposal
		want error
	}{
		{"two extensions", true, []message.Proposal{message.GroupContextExtensions{}, message.GroupContextExtensions{}}, fault.Violation("12.2", "commit has more than one GroupContextExtensions").AtProposal(1)},
		{"committer removes itself", true, []message.Proposal{message.Remove{Removed: 1}}, fault.Violation("12.2", "committer removes itself").AtLeaf(1).AtProposal(0)},
		{"PSK with a short nonce", false, []message.Proposal{message.PreSharedKey{PSK: message.PreSharedKeyID{ID: []byte("psk"), Nonce: []byte{1}}}}, fault.Violation("12.1.4", "psk_nonce does not have").AtProposal(0)},
		{"unknown PSK", false, []message.Proposal{message.PreSharedKey{PSK: message.PreSharedKeyID{ID: []byte("psk"), Nonce: make([]byte, 32)}}}, ErrUnknownPSK},
		{"extensions without the required path", false, []message.Proposal{message.GroupContextExtensions{}}, fault.Violation("12.4", "commit lacks the required path").AtLeaf(1)},
	} {
		t.Run(c.name, func(t *testing.T) {
			m, p := populatedMixedGroup(t, publicHandshake)
			b := m.forgedFor(1, 6, c.path, c.list...)
			requireRefusal(t, p, c.want, func() error {
				_, err := p.ProcessCommit(t.Context(), insiderTime, b)
				return err
			})
		})
	}
}

// TestPartialMembersEndWithTheGroup has a commit after the one by which the group ends.
func TestPartialMembersEndWithTheGroup(t *testing.T) {
	m, p := populatedMixedGroup(t, publicHandshake)
	m.commit(0, CommitOptions{}, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001})
	p = m.partial[p.OwnLeaf()]
	i := insider{t, m.full[1]}
	content := i.public.content(i.sender(), message.ContentCommit, nil)
	content.Commit = &framing.Commit{}
	ac := i.signed(content)
	ac.Auth.ConfirmationTag = make([]byte, 32)
	commit, err := framing.ParseGroupMessage(i.seal(ac), message.CodePoints{}.Complete())
	require.NoError(t, err)
	b, err := wire.Marshal((&framing.AnnotatedCommit{
		Commit: *commit, Sender: proofOf(t, m.full[1], 1), TreeHashAfter: i.public.tree.Hash(),
		SenderAfter: proofOf(t, m.full[1], 1), ReceiverAfter: proofOf(t, m.full[1], 6),
	}).Marshal)
	require.NoError(t, err)
	requireRefusal(t, p, ErrReInit, func() error {
		_, err := p.ProcessCommit(t.Context(), insiderTime, b)
		return err
	})
}

func TestPartialJoinersRefuse(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(a *framing.AnnotatedWelcome, proof, before func(message.LeafIndex) *ratchettree.MembershipProof)
		want   *fault.Violated
	}{
		{"proofs of two trees", func(a *framing.AnnotatedWelcome, _, _ func(message.LeafIndex) *ratchettree.MembershipProof) {
			a.Welcome.Sender.Copath[0][0] ^= 1
		},
			fault.Violation(partialWelcome, "not of the same tree")},
		{"proofs of another tree", func(a *framing.AnnotatedWelcome, _, before func(message.LeafIndex) *ratchettree.MembershipProof) {
			a.Welcome.Sender, a.Joiner = before(1), before(2)
		}, fault.Violation(partialWelcome, "is not the GroupContext's")},
		{"proof of another signer", func(a *framing.AnnotatedWelcome, proof, _ func(message.LeafIndex) *ratchettree.MembershipProof) {
			a.Welcome.Sender = proof(2)
		},
			fault.Violation(partialWelcome, "not of the GroupInfo's signer, but of leaf 2").AtLeaf(1)},
		{"proof of another joiner", func(a *framing.AnnotatedWelcome, proof, _ func(message.LeafIndex) *ratchettree.MembershipProof) {
			a.Joiner = proof(2)
		},
			fault.Violation(partialWelcome, "does not have the leaf of the key package").AtLeaf(2)},
		{"Welcome without a proof of the group's tree", func(a *framing.AnnotatedWelcome, _, _ func(message.LeafIndex) *ratchettree.MembershipProof) {
			a.Joiner.Copath[0] = nil
		},
			fault.Violation("7.8", "copath hash 0").AtLeaf(4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			groups := clique(t, 1, 4)
			earlier := []*ratchettree.MembershipProof{nil, proofOf(t, groups[0], 1), proofOf(t, groups[0], 2)}
			k := ownKeyPackage(t, 1, "joiner")
			made, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{WithoutTree: true}, message.Add{KeyPackage: k.KeyPackage})
			require.NoError(t, err)
			follow(t, groups, 1, made)
			good, err := groups[0].AnnotateWelcome(made.Welcome, 1, 4)
			require.NoError(t, err)
			a, err := framing.ParseAnnotatedWelcome(good)
			require.NoError(t, err)
			c.change(a,
				func(leaf message.LeafIndex) *ratchettree.MembershipProof { return proofOf(t, groups[1], leaf) },
				func(leaf message.LeafIndex) *ratchettree.MembershipProof { return earlier[leaf] })
			forged, err := wire.Marshal(a.Marshal)
			require.NoError(t, err)
			_, err = k.JoinPartial(t.Context(), insiderTime, forged, JoinOptions{})
			require.Error(t, err)
			requireRefused(t, c.want, err)
			joined, err := k.JoinPartial(t.Context(), insiderTime, good, JoinOptions{})
			require.NoError(t, err)
			_, err = joined.Adopt()
			require.NoError(t, err)
			_, err = k.JoinPartial(t.Context(), insiderTime, good, JoinOptions{})
			require.ErrorIs(t, err, ErrKeyPackageUsed)
		})
	}
}

func TestAnnotatorsRefuse(t *testing.T) {
	m, _ := populatedMixedGroup(t, publicHandshake)
	g := m.full[1]
	added := ownKeyPackage(t, 1, "added", publicHandshake)
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: added.KeyPackage})
	require.NoError(t, err)
	other, err := m.full[2].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	proposal, err := m.full[2].Propose(t.Context(), insiderTime, message.Remove{Removed: 3}, nil)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		annotate func() ([]byte, error)
		want     error
	}{
		"another commit":              {func() ([]byte, error) { return c.AnnotateCommit(other.Message, 6) }, message.ErrInvalid},
		"no commit":                   {func() ([]byte, error) { return c.AnnotateCommit(proposal, 6) }, message.ErrMalformed},
		"a Welcome as a commit":       {func() ([]byte, error) { return c.AnnotateCommit(c.Welcome, 6) }, message.ErrMalformed},
		"for nobody":                  {func() ([]byte, error) { return c.AnnotateCommit(c.Message, 40) }, message.ErrInvalid},
		"for a joiner":                {func() ([]byte, error) { return c.AnnotateCommit(c.Message, 7) }, message.ErrInvalid},
		"for the committer":           {func() ([]byte, error) { return c.AnnotateCommit(c.Message, 1) }, message.ErrInvalid},
		"message of another sender":   {func() ([]byte, error) { return g.AnnotateMessage(proposal, 3) }, message.ErrInvalid},
		"message of nobody":           {func() ([]byte, error) { return g.AnnotateMessage(proposal, 7) }, message.ErrInvalid},
		"Welcome of nobody":           {func() ([]byte, error) { return c.AnnotateWelcome(c.Welcome, 40, 7) }, message.ErrInvalid},
		"Welcome to nobody":           {func() ([]byte, error) { return c.AnnotateWelcome(c.Welcome, 1, 40) }, message.ErrInvalid},
		"commit as a Welcome":         {func() ([]byte, error) { return c.AnnotateWelcome(c.Message, 1, 7) }, message.ErrUnsupported},
		"message of the epoch before": {func() ([]byte, error) { return c.AnnotateMessage(proposal, 2) }, ErrPastEpoch},
		"proof of nobody":             {func() ([]byte, error) { return g.MembershipProof(7) }, message.ErrInvalid},
		"what is no message":          {func() ([]byte, error) { return g.AnnotateMessage([]byte{1}, 1) }, message.ErrMalformed},
		"what is no Welcome":          {func() ([]byte, error) { return g.AnnotateWelcome([]byte{1}, 1, 2) }, message.ErrMalformed},
	} {
		_, err := c.annotate()
		require.ErrorIs(t, err, c.want, name)
	}
	joined, err := added.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
	require.NoError(t, err)
	_, err = joined.AnnotateCommit(c.Message, 6)
	require.ErrorIs(t, err, message.ErrUnsupported, "a joiner does not have the tree before")
	b, err := c.AnnotateWelcome(c.Welcome, 1, 7)
	require.NoError(t, err)
	_, err = framing.ParseAnnotatedWelcome(b)
	require.NoError(t, err)
}

// TestPartialMembersFollowNewMembers has the commit of a joiner, for which there is no proof of
// the sender before it.
func TestPartialMembersFollowNewMembers(t *testing.T) {
	m, p := populatedMixedGroup(t, publicHandshake)
	info, err := m.full[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	c, err := ExternalJoin(t.Context(), insiderTime, client(t, 1, "outside", publicHandshake), info, ExternalJoinOptions{})
	require.NoError(t, err)
	good, err := c.AnnotateCommit(c.Message, 6)
	require.NoError(t, err)
	a, err := framing.ParseAnnotatedCommit(good, message.CodePoints{}.Complete())
	require.NoError(t, err)
	require.Nil(t, a.Sender)
	a.Sender = proofOf(t, m.full[0], 1)
	forged, err := wire.Marshal(a.Marshal)
	require.NoError(t, err)
	requireRefusal(t, p, fault.Violation(partialCommit, "sender_membership_proof is beside the commit of a new member"), func() error {
		_, err := p.ProcessCommit(t.Context(), insiderTime, forged)
		return err
	})
	next, err := p.ProcessCommit(t.Context(), insiderTime, good)
	require.NoError(t, err)
	require.Equal(t, message.SenderNewMemberCommit, next.Committer().Type)
	_, err = next.Adopt()
	require.NoError(t, err)
}
