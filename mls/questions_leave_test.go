package mls

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// verdicts is a policy by a function: nil allows. It judges everything alike, but for the
// suites in other, which it allows, and moves, which it allows all.
type verdicts struct {
	judge func(what string, use suite.Use) error
	other []suite.ID
}

func (v verdicts) Judge(q suite.Question) error {
	switch s := q.Subject.(type) {
	case suite.Move:
		return nil
	case suite.Info:
		if slices.Contains(v.other, s.ID) {
			return nil
		}
	}
	return v.judge(inWords(q.Subject), q.Use)
}

var errVerdict = errors.New("no")

// leaveAlone lets nobody do anything but leave.
func leaveAlone(_ string, use suite.Use) error {
	if use != suite.Leave {
		return errVerdict
	}
	return nil
}

// judged makes members of a group come under policies.
func judged(groups []*Group, v verdicts, members ...int) {
	for _, i := range members {
		cfg := *groups[i].cfg
		cfg.Policy = v
		groups[i].cfg = &cfg
	}
}

// Who may do nothing else in a group can leave it, and take others along.
func TestNobodyIsLockedIn(t *testing.T) {
	p := newPoliced(t)
	judged(p.groups, verdicts{leaveAlone, []suite.ID{0x0003}}, 0, 1, 2)
	for name, run := range map[string]func() error{
		"send":    func() error { _, err := p.self().Encrypt(t.Context(), insiderTime, nil, nil); return err },
		"propose": p.proposing(externalPSK("psk")),
		"update": func() error {
			_, err := p.self().ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
			return err
		},
		"commit":         p.committing(),
		"commit a PSK":   p.committing(externalPSK("psk")),
		"commit and add": p.committing(message.Remove{Removed: 2}, externalPSK("psk")),
		"invite":         func() error { _, err := p.self().GroupInfo(t.Context(), insiderTime, true); return err },
	} {
		before := fingerprint(p.self())
		require.ErrorIs(t, run(), errVerdict, name)
		require.Equal(t, before, fingerprint(p.self()), name)
	}
	_, err := p.self().Export("label", nil, 32)
	require.NoError(t, err)
	saved := p.saved()
	_, err = RestoreGroup(insiderTime, *p.self().cfg, saved)
	require.ErrorIs(t, err, errVerdict)
	p.groups[1], err = RestoreToLeave(insiderTime, *p.self().cfg, saved)
	require.NoError(t, err)
	p.saved() // or it may not send

	// By a proposal to be removed, which another commits; all read both.
	p.deliver(2, p.propose(2, message.Remove{Removed: 2}))
	follow(p.T, p.groups, 1, p.commit(1))
	require.EqualValues(t, 2, p.self().Size())

	// By a ReInit, from the proposal to the group that follows.
	p.groups = p.groups[:2]
	p.deliver(0, p.propose(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003}))
	follow(p.T, p.groups, 1, p.commit(1))
	creator, other := p.again(1, 0x0003), p.again(0, 0x0003)
	creator.Policy, other.Policy = nil, nil
	other.PSKs = ownGroups{p.groups[0]}
	k := p.keyPackage(other)
	c, err := p.self().Reinitialize(t.Context(), insiderTime, creator, []*message.KeyPackage{k.KeyPackage}, FollowUpOptions{})
	require.NoError(t, err)
	_, err = adopted(k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
	require.NoError(t, err)
}

// Proposals that stay do not keep those from being committed that leave.
func TestLeavingGoesBeforeWhatStays(t *testing.T) {
	for _, run := range []struct {
		name      string
		proposals []message.Proposal
		want      []message.ProposalType
	}{
		{"by value", []message.Proposal{message.Remove{Removed: 2}}, []message.ProposalType{codepoint.ProposalRemove}},
		{"that arrived", nil, []message.ProposalType{codepoint.ProposalRemove}},
	} {
		t.Run(run.name, func(t *testing.T) {
			p := newPoliced(t)
			p.deliver(0, p.propose(0, p.addOther()))
			if run.proposals == nil {
				p.deliver(0, p.propose(0, message.Remove{Removed: 2}))
			}
			judged(p.groups, verdicts{leaveAlone, nil}, 1)
			var got []message.ProposalType
			for _, c := range p.commit(1, run.proposals...).Proposals() {
				got = append(got, message.TypeOf(c.Proposal))
			}
			require.Equal(t, run.want, got)
		})
	}
}

// A member leaves out of its commits what others proposed and its policies refuse,
// so that nobody can stop it from committing.
func TestRefusedProposalsAreLeftOut(t *testing.T) {
	for name, c := range map[string]struct {
		propose   func(*policed)
		questions int // about the proposal
	}{
		"Add":          {func(p *policed) { p.deliver(0, p.propose(0, p.addOther())) }, 2},
		"Update":       {func(p *policed) { p.deliver(2, p.update(2)) }, 1},
		"PreSharedKey": {func(p *policed) { p.deliver(0, p.propose(0, externalPSK("psk"))) }, 1},
		"GroupContextExtensions": {func(p *policed) {
			p.deliver(0, p.propose(0, message.GroupContextExtensions{Extensions: otherExtensions(p)}))
		}, 2},
		"ReInit": {func(p *policed) {
			p.deliver(0, p.propose(0, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003, Extensions: otherExtensions(p)}))
		}, 4},
	} {
		t.Run(name, func(t *testing.T) {
			for refuse := range c.questions {
				p := newPoliced(t)
				c.propose(p)
				require.Len(t, p.commit(1).Proposals(), 1)
				p.q.asked, p.q.refuse = nil, refuse
				require.Empty(t, p.commit(1).Proposals(), "question %d", refuse)
			}
		})
	}
}

// A client advertises no suite and no type of credential that its policies would not
// let begin, save for what its group has.
func TestCapabilitiesAreThoseAllowed(t *testing.T) {
	start := func(_ string, use suite.Use) error {
		if use == suite.Start {
			return errVerdict
		}
		return nil
	}
	p := newPoliced(t)
	judged(p.groups, verdicts{start, []suite.ID{0x0003}}, 1)
	got := publicIn(t, p.update(1)).Content.Proposal.(message.Update).LeafNode.Capabilities
	require.Equal(t, []suite.ID{0x0003, 0x0001}, got.CipherSuites)
	require.Equal(t, []message.CredentialType{message.CredentialBasic, credentialNew}, got.Credentials)

	cfg := p.config("new")
	v := verdicts{func(what string, _ suite.Use) error {
		if what == "credential x509" {
			return errVerdict
		}
		return nil
	}, nil}
	cfg.Policy = v
	require.Equal(t, []message.CredentialType{message.CredentialBasic, credentialNew}, p.keyPackage(cfg).KeyPackage.LeafNode.Capabilities.Credentials)
}

// What a group requires of all members is part of what a leaf of it advertises.
func TestRequiredCredentialIsAdvertised(t *testing.T) {
	required, err := message.Marshal(&message.RequiredCapabilities{Credentials: []message.CredentialType{message.CredentialX509}})
	require.NoError(t, err)
	p := newPoliced(t, message.Extension{Type: message.ExtensionRequiredCapabilities, Data: required})
	judged(p.groups, verdicts{func(_ string, use suite.Use) error {
		if use == suite.Start {
			return errVerdict
		}
		return nil
	}, nil}, 1)
	follow(p.T, p.groups, 1, p.commit(1))
	require.Contains(t, p.self().Leaf(1).Capabilities.Credentials, message.CredentialX509)
}

// A group that demands of its members, or lets send from outside, a type of credential
// that the policies refuse is refused as if a member had it.
func TestExtensionsOfAGroupAreJudged(t *testing.T) {
	required, err := message.Marshal(&message.RequiredCapabilities{Credentials: []message.CredentialType{message.CredentialX509}})
	require.NoError(t, err)
	const outside message.CredentialType = 0xF002
	senders, err := message.Marshal(&message.ExternalSenders{{SignatureKey: base25519, Credential: message.Credential{Type: outside}}})
	require.NoError(t, err)
	for _, refused := range []message.CredentialType{message.CredentialX509, outside} {
		p := newPoliced(t, message.Extension{Type: message.ExtensionRequiredCapabilities, Data: required}, message.Extension{Type: message.ExtensionExternalSenders, Data: senders})
		v := verdicts{func(what string, _ suite.Use) error {
			if what == "credential "+refused.String() {
				return errVerdict
			}
			return nil
		}, nil}
		k := p.keyPackage(p.config("new"))
		k.cfg.Policy = v
		added, info, saved := p.commit(0, message.Add{KeyPackage: k.KeyPackage}), p.info(), p.saved()
		judged(p.groups, v, 1)
		cfg := *p.self().cfg
		for name, run := range map[string]func() error{
			"send":   func() error { _, err := p.self().Encrypt(t.Context(), insiderTime, nil, nil); return err },
			"commit": p.committing(),
			"read":   p.reading(added.Message),
			"join":   func() error { _, err := k.Join(t.Context(), insiderTime, added.Welcome, JoinOptions{}); return err },
			"external": func() error {
				_, err := ExternalJoin(t.Context(), insiderTime, cfg, info, ExternalJoinOptions{})
				return err
			},
			"follow":  func() error { _, err := NewPublicGroup(t.Context(), insiderTime, cfg, info, nil); return err },
			"restore": func() error { _, err := RestoreGroup(insiderTime, cfg, saved); return err },
		} {
			err := run()
			var refusal *suite.PolicyError
			require.ErrorAs(t, err, &refusal, name)
			require.ErrorIs(t, err, errVerdict)
			require.Equal(t, "credential type "+refused.String()+" in the group's extensions", refusal.Subject)
		}
	}
}

// Extensions that a group has may stay where they could not begin.
func TestExtensionsThatStay(t *testing.T) {
	x := otherExtensions(t)
	p := newPoliced(t, x...)
	judged(p.groups, verdicts{func(what string, use suite.Use) error {
		if what == "credential 0xF001" && use == suite.Start {
			return errVerdict
		}
		return nil
	}, nil}, 1)
	p.commit(1, message.GroupContextExtensions{Extensions: message.Extensions{x[1]}})
	p.commit(1, message.GroupContextExtensions{Extensions: message.Extensions{x[0]}})
}

func TestPolicyErrorText(t *testing.T) {
	e := &suite.PolicyError{Subject: "lifetime", Use: suite.Start, Leaf: -1, Proposal: -1, Err: errVerdict}
	require.EqualError(t, e, "mls: lifetime is refused for start: no")
	e.Leaf, e.Proposal, e.KeyPackage = 3, 1, []byte{0xab, 0x01}
	require.EqualError(t, e, "mls: proposal 1: leaf 3: key package ab01: lifetime is refused for start: no")
	require.ErrorIs(t, e, errVerdict)
}
