package mls

import (
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
)

// partially makes a client who asks the policies a partial member, and returns it.
func (p *policed) partially() *PartialGroup {
	k := p.keyPackage(p.newcomer())
	c := p.commit(0, message.Add{KeyPackage: k.KeyPackage})
	follow(p.T, p.groups, 0, c)
	annotated, err := p.groups[0].AnnotateWelcome(c.Welcome, 0, 3)
	require.NoError(p, err)
	joined, err := k.JoinPartial(p.Context(), p.q.now, annotated, JoinOptions{})
	require.NoError(p, err)
	g, err := joined.Adopt()
	require.NoError(p, err)
	p.state = func() any { return fingerprint(g.member) }
	return g
}

// annotated returns a message of a member with the proof of its sender.
func (p *policed) annotated(by message.LeafIndex, m []byte) []byte {
	annotated, err := p.groups[0].AnnotateMessage(m, by)
	require.NoError(p, err)
	return annotated
}

// partialEntries are those of partial members.
func partialEntries() []policyEntry {
	group := func(use string, more ...string) []string {
		return append([]string{"suite 0x0001 " + use, "partial member " + use, "credential basic " + use + ": leaf 3", "lifetime " + use + ": leaf 3"}, more...)
	}
	handshake := func(use string, more ...string) []string {
		return append(group(use, "format mls_public_message "+use), more...)
	}
	return []policyEntry{
		{"OwnKeyPackage.JoinPartial", "", func(p *policed) func() error {
			k := p.keyPackage(p.newcomer())
			c := p.commit(0, message.Add{KeyPackage: k.KeyPackage}, externalPSK("psk"))
			annotated, err := c.AnnotateWelcome(c.Welcome, 0, 3)
			require.NoError(p, err)
			return func() error {
				_, err := k.JoinPartial(p.Context(), p.q.now, annotated, JoinOptions{})
				return err
			}
		}, append([]string{"suite 0x0001 start", "format mls_public_message start", "psk external 11 start"}, group("start", "credential basic start: leaf 0")...)},
		{"PartialGroup.Encrypt", "", func(p *policed) func() error {
			g := p.partially()
			return func() error { _, err := g.Encrypt(p.Context(), p.q.now, nil, nil); return err }
		}, group("continue")},
		{"PartialGroup.SafeSignWithLabel", "", func(p *policed) func() error {
			g := p.partially()
			return func() error { _, err := g.SafeSignWithLabel(p.Context(), p.q.now, 6, "label", nil); return err }
		}, group("continue")},
		{"PartialGroup.Propose", "", func(p *policed) func() error {
			g, add := p.partially(), p.addOther()
			return func() error { _, err := g.Propose(p.Context(), p.q.now, add, nil); return err }
		}, handshake("continue", "credential 0xF001 start: key package", "lifetime start: key package")},
		{"PartialGroup.ProposeUpdate", "", func(p *policed) func() error {
			g := p.partially()
			return func() error { _, err := g.ProposeUpdate(p.Context(), p.q.now, LeafOptions{}, nil); return err }
		}, handshake("continue", "credential basic continue", "?list credential x509 start", "?list credential 0xF001 start", "?list suites start", "credential basic continue: leaf 3")},
		{"PartialGroup.Member", "", func(p *policed) func() error {
			g := p.partially()
			proof, err := p.groups[0].MembershipProof(2)
			require.NoError(p, err)
			return func() error { _, _, err := g.Member(p.Context(), p.q.now, proof); return err }
		}, group("receive", "credential 0xF001 receive: leaf 2")},
		{"PartialGroup.Upgrade", "", func(p *policed) func() error {
			g := p.partially()
			tree, err := p.groups[0].RatchetTree()
			require.NoError(p, err)
			return func() error { _, err := g.Upgrade(p.Context(), p.q.now, tree); return err }
		}, []string{"suite 0x0001 receive", "credential basic receive: leaf 0", "credential 0xF001 receive: leaf 2", "lifetime receive: leaf 0"}},
		{"RestorePartialGroup", "", func(p *policed) func() error {
			g := p.partially()
			delta, err := g.Delta()
			require.NoError(p, err)
			state := Snapshot(nil).Apply(delta)
			return func() error { _, err := RestorePartialGroup(p.q.now, *g.member.cfg, state); return err }
		}, group("receive")},
		{"PartialGroup.Process", "application message", func(p *policed) func() error {
			g := p.partially()
			m, err := p.groups[2].Encrypt(p.Context(), p.q.now, nil, nil)
			require.NoError(p, err)
			m = p.annotated(2, m)
			return func() error { _, err := g.Process(p.Context(), p.q.now, m); return err }
		}, group("receive", "credential 0xF001 receive: leaf 2")},
		{"PartialGroup.Process", "Update", func(p *policed) func() error {
			g := p.partially()
			m := p.annotated(2, p.update(2))
			return func() error { _, err := g.Process(p.Context(), p.q.now, m); return err }
		}, append([]string{"credential 0xF001 receive: leaf 2"}, handshake("receive", "credential 0xF001 receive: leaf 2")...)},
		{"PartialGroup.ProcessCommit", "of an Add", func(p *policed) func() error {
			g := p.partially()
			c := p.commitWith(0, CommitOptions{ForcePath: true}, p.addOther(), externalPSK("psk"))
			m, err := c.AnnotateCommit(c.Message, 3)
			require.NoError(p, err)
			return func() error { _, err := g.ProcessCommit(p.Context(), p.q.now, m); return err }
		}, handshake("receive", "credential 0xF001 receive: proposal 0, key package", "lifetime receive: proposal 0, key package",
			"credential basic receive: leaf 0", "psk external 11 receive")},
		{"PartialGroup.ProcessCommitWithPSKs", "", func(p *policed) func() error {
			g, psks := p.partially(), handed(6, "x", componentSecret)
			c, err := p.groups[0].Commit(p.Context(), p.q.now, CommitOptions{ApplicationPSKs: psks}, applicationPSK(6, "x"))
			require.NoError(p, err)
			m, err := c.AnnotateCommit(c.Message, 3)
			require.NoError(p, err)
			return func() error { _, err := g.ProcessCommitWithPSKs(p.Context(), p.q.now, psks, m); return err }
		}, handshake("receive", "psk application 32 receive")},
	}
}
