package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

// externalCommit makes a commit by which a client joins from outside, changes it
// and signs it anew.
func (a *attack) externalCommit(cfg Config, options ExternalJoinOptions, change func(*framing.Commit)) []byte {
	t := a.t
	t.Helper()
	info, err := a.groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	c, err := ExternalJoin(t.Context(), insiderTime, cfg, info, options)
	require.NoError(t, err)
	m := publicIn(t, c.Message)
	content := &m.Content
	change(content.Commit)
	if path := content.Commit.Path; path != nil {
		path.Encoded = nil // the leaf may be another
	}
	ac, err := framing.SignContent(t.Context(), cfg.Signer, message.WireFormatPublicMessage, content, a.public.contextBytes)
	require.NoError(t, err)
	m.Auth.Signature = ac.Auth.Signature
	b, err := m.Encode()
	require.NoError(t, err)
	return b
}

// Faults of external commits (RFC 9420, Sections 12.2 and 12.4.3.2).
func TestExternalCommitFaultsAreRefused(t *testing.T) {
	t.Parallel()
	add := func(p ...message.Proposal) func(*attack, *framing.Commit) {
		return func(_ *attack, c *framing.Commit) {
			for _, p := range p {
				c.Proposals = append(c.Proposals, framing.ProposalOrRef{Proposal: p})
			}
		}
	}
	leaf := func(change func(*message.LeafNode)) func(*attack, *framing.Commit) {
		return func(_ *attack, c *framing.Commit) { change(c.Path.LeafNode) }
	}
	for _, c := range []struct {
		name   string
		change func(*attack, *framing.Commit)
		want   error
	}{
		{"no ExternalInit", func(_ *attack, c *framing.Commit) { c.Proposals = nil },
			fault.Violation("12.2", "external commit has no ExternalInit")},
		{"two ExternalInits", func(_ *attack, c *framing.Commit) { c.Proposals = slices.Repeat(c.Proposals, 2) },
			fault.Violation("12.2", "external commit has more than one external_init").AtProposal(1)},
		{"Remove of another", add(message.Remove{Removed: 0}),
			fault.Violation("12.2", "external commit removes a leaf of another client").AtLeaf(0)},
		{"Remove of nobody", add(message.Remove{Removed: 9}), fault.Violation("12.1.3", "removed leaf is not a member").AtLeaf(9).AtProposal(1)},
		{"two Removes", add(message.Remove{Removed: 0}, message.Remove{Removed: 3}), fault.Violation("12.2", "external commit has more than one remove").AtProposal(2)},
		{"Add", add(message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "friend").KeyPackage}),
			fault.Violation("12.2", "proposal type add is not allowed in an external commit").AtProposal(1)},
		{"GroupContextExtensions", add(message.GroupContextExtensions{}),
			fault.Violation("12.2", "proposal type group_context_extensions is not allowed in an external commit").AtProposal(1)},
		{"ReInit", add(message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0001}), fault.Violation("12.2", "proposal type reinit is not allowed in an external commit").AtProposal(1)},
		{"one PreSharedKey twice", func(a *attack, c *framing.Commit) { add(a.psk(32), a.psk(32))(a, c) },
			fault.Violation("12.2", "another PreSharedKey has the same PreSharedKeyID").AtProposal(2)},
		{"Update", func(a *attack, c *framing.Commit) {
			c.Proposals = append(c.Proposals, framing.ProposalOrRef{Proposal: a.updateOf(3, nil)})
		}, fault.Violation("12.1.2", "Update is not from a member").AtProposal(1)},
		{"proposal by reference", func(a *attack, c *framing.Commit) {
			c.Proposals = append(c.Proposals, framing.ProposalOrRef{Ref: a.received(3, message.Remove{Removed: 0}).Ref})
		}, fault.Violation("12.4.3.2", "external commit has a proposal by reference").AtProposal(1)},
		{"reference to nothing", func(_ *attack, c *framing.Commit) {
			c.Proposals = append(c.Proposals, framing.ProposalOrRef{Ref: make([]byte, 32)})
		}, fault.Violation("12.4.3.2", "external commit has a proposal by reference").AtProposal(1)},
		{"no path", func(_ *attack, c *framing.Commit) { c.Path = nil },
			fault.Violation("12.4.3.2", "external commit has no path")},
		{"another's KEM output", func(_ *attack, c *framing.Commit) {
			init := c.Proposals[0].Proposal.(message.ExternalInit)
			c.Proposals[0].Proposal = message.ExternalInit{KEMOutput: mlstest.Flipped(init.KEMOutput, 0)}
		}, fault.Violation("6.1", "confirmation tag does not match").AtLeaf(4)},
		{"KEM output of low order", func(_ *attack, c *framing.Commit) {
			c.Proposals[0].Proposal = message.ExternalInit{KEMOutput: make([]byte, 32)}
		}, fault.Violation("8.3", "kem_output does not decapsulate with the group's external key")},
		{"garbage leaf signature", leaf(func(n *message.LeafNode) { n.Signature = mlstest.Flipped(n.Signature, 0) }),
			fault.Violation("7.3", "LeafNode signature does not verify").AtLeaf(4)},
		{"leaf of an Update", leaf(func(n *message.LeafNode) { n.Source = codepoint.LeafNodeUpdate }),
			fault.Violation("7.3", "leaf_node_source is not commit").AtLeaf(4)},
		{"missing path node", func(_ *attack, c *framing.Commit) { c.Path.Nodes = nil },
			fault.Violation("7.6", "filtered direct path has").AtLeaf(4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAttack(t)
			message := a.externalCommit(client(t, 0x0001, "outsider"), ExternalJoinOptions{}, func(e *framing.Commit) { c.change(a, e) })
			requireUnprocessed(t, a.victim, c.want, message)
		})
	}
}

// An external commit with a key of a member's leaf, signed by that member's own
// client, is refused: it would be in the group twice.
func TestExternalCommitOfAMember(t *testing.T) {
	a := newAttack(t)
	info, err := a.groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	_, err = ExternalJoin(t.Context(), insiderTime, *a.cfg, info, ExternalJoinOptions{})
	requireRefused(t, fault.Violation("7.3", "signature_key is not unique").AtLeaf(4), err)
	c, err := ExternalJoin(t.Context(), insiderTime, *a.cfg, info, ExternalJoinOptions{Remove: new(message.LeafIndex(1))})
	require.NoError(t, err)
	r, err := a.victim.Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	require.Equal(t, c.next.secrets.Authenticator, r.Commit.next.secrets.Authenticator)
}

// Proposals from outside are of those who may make them (RFC 9420, Section 12.1.8).
func TestProposalsOfOutsidersAreRefused(t *testing.T) {
	a := newAttack(t)
	outsider := ownKeyPackage(t, 0x0001, "outsider")
	p := ExternalProposer{Suite: a.public.suite, GroupID: a.GroupID(), Epoch: a.Epoch()}
	msg, err := p.Propose(t.Context(), outsider.cfg.Signer, 0, message.Remove{Removed: 0})
	require.NoError(t, err)
	requireUnprocessed(t, a.victim, fault.Violation("12.1.8", "group has no external_senders"), msg)

	// A join that somebody else signs.
	join := func(signer Config, proposal message.Proposal) []byte {
		content := &framing.FramedContent{GroupID: p.GroupID, Epoch: p.Epoch, Sender: message.Sender{Type: message.SenderNewMemberProposal},
			ContentType: message.ContentProposal, Proposal: proposal}
		ac, err := framing.SignContent(t.Context(), signer.Signer, message.WireFormatPublicMessage, content, nil)
		require.NoError(t, err)
		b, err := (&framing.PublicMessage{Content: ac.Content, Auth: ac.Auth}).Encode()
		require.NoError(t, err)
		return b
	}
	requireUnprocessed(t, a.victim, fault.Violation("6.1", "signature does not verify"),
		join(client(t, 0x0001, "another"), message.Add{KeyPackage: outsider.KeyPackage}))
	spoiled := *outsider.KeyPackage
	spoiled.Signature = mlstest.Flipped(spoiled.Signature, 0)
	requireUnprocessed(t, a.victim, fault.Violation("10.1", "KeyPackage signature does not verify"), join(outsider.cfg, message.Add{KeyPackage: &spoiled}))
}
