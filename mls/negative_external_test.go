package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// externalCommit makes a commit by which a client joins from outside, changes it
// and signs it anew.
func (a *attack) externalCommit(cfg Config, options ExternalJoinOptions, change func(*commit)) []byte {
	t := a.t
	t.Helper()
	info, err := a.groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	c, err := ExternalJoin(t.Context(), insiderTime, cfg, info, options)
	require.NoError(t, err)
	m := publicIn(t, c.Message)
	content := &m.content
	change(content.commit)
	ac, err := signContent(t.Context(), cfg.Signer, WireFormatPublicMessage, content, a.public.contextBytes)
	require.NoError(t, err)
	m.auth.signature = ac.auth.signature
	b, err := m.encode()
	require.NoError(t, err)
	return b
}

// Faults of external commits (RFC 9420, Sections 12.2 and 12.4.3.2).
func TestExternalCommitFaultsAreRefused(t *testing.T) {
	t.Parallel()
	add := func(p ...Proposal) func(*attack, *commit) {
		return func(_ *attack, c *commit) {
			for _, p := range p {
				c.proposals = append(c.proposals, proposalOrRef{proposal: p})
			}
		}
	}
	leaf := func(change func(*LeafNode)) func(*attack, *commit) {
		return func(_ *attack, c *commit) { change(c.path.leafNode) }
	}
	for _, c := range []struct {
		name   string
		change func(*attack, *commit)
		want   error
	}{
		{"no ExternalInit", func(_ *attack, c *commit) { c.proposals = nil },
			violation("12.2", "external commit has an ExternalInit")},
		{"two ExternalInits", func(_ *attack, c *commit) { c.proposals = slices.Repeat(c.proposals, 2) },
			violation("12.2", "external commit has one external_init").atProposal(1)},
		{"Remove of another", add(Remove{Removed: 0}),
			violation("12.2", "external commit removes an earlier leaf of the joiner").atLeaf(0)},
		{"Remove of nobody", add(Remove{Removed: 9}), violation("12.1.3", "Remove is of a member").atLeaf(9).atProposal(1)},
		{"two Removes", add(Remove{Removed: 0}, Remove{Removed: 3}), violation("12.2", "external commit has one remove").atProposal(2)},
		{"Add", add(Add{KeyPackage: ownKeyPackage(t, 0x0001, "friend").KeyPackage}),
			violation("12.2", "external commit has no add").atProposal(1)},
		{"GroupContextExtensions", add(GroupContextExtensions{}),
			violation("12.2", "external commit has no group_context_extensions").atProposal(1)},
		{"ReInit", add(ReInit{GroupID: []byte("next"), Version: VersionMLS10, CipherSuite: 0x0001}), violation("12.2", "external commit has no reinit").atProposal(1)},
		{"one PreSharedKey twice", func(a *attack, c *commit) { add(a.psk(32), a.psk(32))(a, c) },
			violation("12.2", "one PreSharedKey for each PreSharedKeyID").atProposal(2)},
		{"Update", func(a *attack, c *commit) {
			c.proposals = append(c.proposals, proposalOrRef{proposal: a.updateOf(3, nil)})
		}, violation("12.1.2", "Update is sent by a member").atProposal(1)},
		{"proposal by reference", func(a *attack, c *commit) {
			c.proposals = append(c.proposals, proposalOrRef{ref: a.received(3, Remove{Removed: 0}).Ref})
		}, violation("12.4.3.2", "external commit has its proposals by value").atProposal(1)},
		{"reference to nothing", func(_ *attack, c *commit) {
			c.proposals = append(c.proposals, proposalOrRef{ref: make([]byte, 32)})
		}, violation("12.4.3.2", "external commit has its proposals by value").atProposal(1)},
		{"no path", func(_ *attack, c *commit) { c.path = nil },
			violation("12.4.3.2", "an external commit without a path")},
		{"another's KEM output", func(_ *attack, c *commit) {
			init := c.proposals[0].proposal.(ExternalInit)
			c.proposals[0].proposal = ExternalInit{KEMOutput: flipped(init.KEMOutput, 0)}
		}, violation("6.1", "the confirmation tag does not match").atLeaf(4)},
		{"KEM output of low order", func(_ *attack, c *commit) {
			c.proposals[0].proposal = ExternalInit{KEMOutput: make([]byte, 32)}
		}, violation("8.3", "kem_output is one for the group's external key")},
		{"garbage leaf signature", leaf(func(n *LeafNode) { n.Signature = flipped(n.Signature, 0) }),
			violation("7.3", "LeafNode signature is valid").atLeaf(4)},
		{"leaf of an Update", leaf(func(n *LeafNode) { n.Source = LeafNodeUpdate }),
			violation("7.3", "leaf_node_source is commit").atLeaf(4)},
		{"missing path node", func(_ *attack, c *commit) { c.path.nodes = nil },
			violation("7.6", "path has one node for each").atLeaf(4)},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAttack(t)
			message := a.externalCommit(client(t, 0x0001, "outsider"), ExternalJoinOptions{}, func(e *commit) { c.change(a, e) })
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
	requireRefused(t, violation("7.3", "signature_key is unique").atLeaf(4), err)
	c, err := ExternalJoin(t.Context(), insiderTime, *a.cfg, info, ExternalJoinOptions{Remove: new(LeafIndex(1))})
	require.NoError(t, err)
	r, err := a.victim.Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	require.Equal(t, c.next.secrets.authenticator, r.Commit.next.secrets.authenticator)
}

// Proposals from outside are of those who may make them (RFC 9420, Section 12.1.8).
func TestProposalsOfOutsidersAreRefused(t *testing.T) {
	a := newAttack(t)
	outsider := ownKeyPackage(t, 0x0001, "outsider")
	p := ExternalProposer{Suite: a.public.suite, GroupID: a.GroupID(), Epoch: a.Epoch()}
	message, err := p.Propose(t.Context(), outsider.cfg.Signer, 0, Remove{Removed: 0})
	require.NoError(t, err)
	requireUnprocessed(t, a.victim, violation("12.1.8", "group has external_senders"), message)

	// A join that somebody else signs.
	join := func(signer Config, proposal Proposal) []byte {
		content := &framedContent{groupID: p.GroupID, epoch: p.Epoch, sender: Sender{Type: SenderNewMemberProposal},
			contentType: ContentProposal, proposal: proposal}
		ac, err := signContent(t.Context(), signer.Signer, WireFormatPublicMessage, content, nil)
		require.NoError(t, err)
		b, err := (&publicMessage{content: ac.content, auth: ac.auth}).encode()
		require.NoError(t, err)
		return b
	}
	requireUnprocessed(t, a.victim, violation("6.1", "the signature does not verify"),
		join(client(t, 0x0001, "another"), Add{KeyPackage: outsider.KeyPackage}))
	spoiled := *outsider.KeyPackage
	spoiled.Signature = flipped(spoiled.Signature, 0)
	requireUnprocessed(t, a.victim, violation("10.1", "KeyPackage signature is valid"), join(outsider.cfg, Add{KeyPackage: &spoiled}))
}
