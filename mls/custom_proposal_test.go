package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

const (
	bareProposal = message.ProposalType(0xF101) // of which a commit needs no path
	openProposal = message.ProposalType(0xF102) // which external senders may send
)

// declares makes a client handle strangeProposal, bareProposal and openProposal.
func declares(cfg *Config) {
	cfg.Proposals = []CustomProposalType{
		{Type: strangeProposal}, {Type: bareProposal, NoPath: true}, {Type: openProposal, External: true},
	}
}

// requires is a required_capabilities extension of proposals.
func requires(t testing.TB, types ...message.ProposalType) message.Extension {
	data, err := message.Marshal(&message.RequiredCapabilities{Proposals: types})
	require.NoError(t, err)
	return message.Extension{Type: message.ExtensionRequiredCapabilities, Data: data}
}

// Proposals of a type that an application declares go through a group whose
// required_capabilities name it: by value and by reference, to members and to who
// follows in public, of whom each hands the same bytes over.
func TestDeclaredProposalsAreCarried(t *testing.T) {
	for name, format := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
		t.Run(name, func(t *testing.T) {
			seen := &seenTypes{}
			watch := func(cfg *Config) { cfg.Observer = seen }
			g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", declares, format, watch), nil,
				requires(t, strangeProposal))
			require.NoError(t, err)
			groups := gather(t, g, 3, declares, format, watch)
			first, second := message.Custom{ProposalType: strangeProposal, Data: []byte("first")}, message.Custom{ProposalType: strangeProposal, Data: []byte{}}

			msg, err := groups[1].Propose(t.Context(), insiderTime, first, nil)
			require.NoError(t, err)
			for _, i := range []int{0, 2} {
				r, err := groups[i].Process(t.Context(), insiderTime, msg)
				require.NoError(t, err)
				require.Equal(t, message.Proposal(first), r.Proposal.Proposal)
				require.ErrorIs(t, encrypts(t, groups[i]), ErrPendingProposals)
			}
			var byValue message.Proposal = second // any proposal is an option
			c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, byValue)
			require.NoError(t, err)

			want := []CommittedProposal{
				{Proposal: first, Sender: groups[1].sender()}, {Proposal: second, Sender: groups[0].sender()},
			}
			requireCovers(t, want, c.Proposals())
			if groups[2].cfg.PublicHandshake {
				r, err := inPublic(t, groups[2]).Process(t.Context(), insiderTime, c.Message)
				require.NoError(t, err)
				requireCovers(t, want, r.Commit.Proposals())
			}
			for _, i := range []int{1, 2} {
				r, err := groups[i].Process(t.Context(), insiderTime, c.Message)
				require.NoError(t, err)
				requireCovers(t, want, r.Commit.Proposals())
				groups[i], err = r.Commit.Adopt()
				require.NoError(t, err)
			}
			groups[0], err = c.Adopt()
			require.NoError(t, err)
			require.Equal(t, []message.ProposalType{strangeProposal, strangeProposal}, seen.last)
			for _, g := range groups {
				require.NoError(t, encrypts(t, g))
			}
		})
	}
}

// requireCovers checks what a commit covers, and who proposed it.
func requireCovers(t testing.TB, want, got []CommittedProposal) {
	t.Helper()
	require.Len(t, got, len(want))
	for i := range want {
		require.Equal(t, want[i].Proposal, got[i].Proposal)
		require.Equal(t, want[i].Sender, got[i].Sender)
	}
}

// seenTypes keeps the custom types of the last commit that was adopted.
type seenTypes struct{ last []message.ProposalType }

func (s *seenTypes) Observe(e event.Event) {
	if e, ok := e.(event.EpochAdopted); ok {
		s.last = e.Custom
	}
}

// A commit that covers a custom proposal has a path, unless all its types do without
// (RFC 9420, Section 12.4).
func TestCustomProposalsSayWhetherTheyNeedAPath(t *testing.T) {
	a := newAttack(t, declares)
	for name, c := range map[string]struct {
		list []message.Proposal
		path bool
	}{
		"needs one":    {[]message.Proposal{message.Custom{ProposalType: strangeProposal}}, true},
		"needs none":   {[]message.Proposal{message.Custom{ProposalType: bareProposal}}, false},
		"one needs it": {[]message.Proposal{message.Custom{ProposalType: bareProposal}, message.Custom{ProposalType: strangeProposal}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			list := a.byValue(c.list...)
			bare := a.commit(forgery{proposals: list}).message
			if c.path {
				want := fault.Violation("12.4", "commit lacks the required path").AtLeaf(1)
				requireUnprocessed(t, a.victim, want, bare)
			} else {
				requireFollowed(t, a.victim, bare)
			}
			requireFollowed(t, a.victim, a.commit(forgery{proposals: list, withPath: true}).message)

			var proposals []message.Proposal
			proposals = append(proposals, c.list...)
			own, err := a.Commit(t.Context(), insiderTime, CommitOptions{}, proposals...)
			require.NoError(t, err)
			require.Equal(t, c.path, publicIn(t, own.Message).Content.Commit.Path != nil)
		})
	}
}

// requireFollowed checks that a member and who follows in public take a commit.
func requireFollowed(t testing.TB, g *Group, message []byte) {
	t.Helper()
	_, err := inPublic(t, g).Process(t.Context(), insiderTime, message)
	require.NoError(t, err)
	r, err := g.Process(t.Context(), insiderTime, message)
	require.NoError(t, err)
	r.Commit.Discard()
}

// What an application does not declare is refused, and so is what nobody can support:
// the reserved value and GREASE (RFC 9420, Sections 12.2, 13.2 and 13.5).
func TestUndeclaredProposalsAreRefused(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake, declares)
	populate(t, groups)
	for _, undeclared := range []message.ProposalType{0, 0x000B, 0x0A0A, 0xF200} {
		t.Run(undeclared.String(), func(t *testing.T) {
			refuseProposal(t, groups, message.Custom{ProposalType: undeclared, Data: []byte("data")}, message.ErrUnsupported)
		})
	}
	t.Run("GREASE that everybody declares", func(t *testing.T) {
		const value = 0x0A0A
		groups := clique(t, 0x0001, 4, publicHandshake)
		listEverywhere(t, groups, value)
		m, g := insider{t, groups[1]}, groups[2]
		want := fault.Violation("12.2", "member does not support the proposal type 0x0A0A").AtLeaf(0).AtProposal(0)
		custom := message.Custom{ProposalType: value}
		requireUnmoved(t, g, want, func() error {
			_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, custom)
			return err
		})
		requireUnmoved(t, g, fault.Violation("12.2", "member does not support the proposal type 0x0A0A").AtLeaf(0), func() error {
			_, err := g.Propose(t.Context(), insiderTime, custom, nil)
			return err
		})
		requireUnprocessed(t, g, want, m.commit(forgery{proposals: m.byValue(custom), withPath: true}).message)
	})
	t.Run("type of RFC 9420", func(t *testing.T) {
		_, err := groups[2].Commit(t.Context(), insiderTime, CommitOptions{}, message.Custom{ProposalType: codepoint.ProposalRemove, Data: []byte{0, 0, 0, 1}})
		require.ErrorIs(t, err, message.ErrMalformed)
		_, err = message.Marshal(&message.TypedProposal{Proposal: message.Custom{ProposalType: codepoint.ProposalRemove}})
		require.ErrorIs(t, err, message.ErrMalformed)
	})
}

// A commit covers a custom proposal if all members support its type but those whom it
// removes, who follow it to learn that, and those whom it adds (RFC 9420, Section
// 12.2).
func TestMembersWhoStaySupportCustomProposals(t *testing.T) {
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", publicHandshake, declares), nil)
	require.NoError(t, err)
	groups := admit(t, []*Group{g}, ownKeyPackage(t, 0x0001, "lacks it", publicHandshake))
	for _, name := range []string{"b", "c"} {
		groups = admit(t, groups, ownKeyPackage(t, 0x0001, name, publicHandshake, declares))
	}
	m, victim := insider{t, groups[2]}, groups[3]
	custom := message.Custom{ProposalType: strangeProposal, Data: []byte("data")}
	want := func(at int) error {
		return fault.Violation("12.2", "member does not support the proposal type 0xF0F1").AtLeaf(1).AtProposal(at)
	}
	require.Equal(t, "0xF0F1", strangeProposal.String())

	requireUnmoved(t, victim, want(-1), func() error {
		_, err := victim.Propose(t.Context(), insiderTime, custom, nil)
		return err
	})
	requireUnmoved(t, victim, want(1), func() error {
		_, err := victim.Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 2}, custom)
		return err
	})
	requireUnprocessed(t, victim, want(1), m.commit(forgery{proposals: m.byValue(message.Remove{Removed: 0}, custom), withPath: true}).message)

	// One that arrived waits until whoever lacks it is removed.
	msg, _ := m.propose(custom)
	for _, i := range []int{0, 3} {
		_, err = groups[i].Process(t.Context(), insiderTime, msg)
		require.NoError(t, err)
	}
	c, err := victim.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Empty(t, c.Proposals())
	c.Discard()
	c, err = victim.Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 1})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 2)
	r, err := groups[0].Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	r.Commit.Discard()
	c.Discard()

	// By value, the removed member follows, too, who handles no such type.
	joiner := ownKeyPackage(t, 0x0001, "joiner lacks it", publicHandshake)
	c, err = victim.Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true}, message.Remove{Removed: 1}, message.Add{KeyPackage: joiner.KeyPackage}, custom)
	require.NoError(t, err)
	follow(t, groups, 3, c)
	_, err = joiner.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
	require.NoError(t, err)
}

// External senders send custom proposals of the types that are declared so, and keep
// nobody back by one that some member lacks (RFC 9420, Section 12.1.8).
func TestCustomProposalsFromOutside(t *testing.T) {
	authority := client(t, 0x0001, "authority")
	data, err := message.Marshal(&message.ExternalSenders{{SignatureKey: authority.Signer.PublicKey(), Credential: authority.Credential}})
	require.NoError(t, err)
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", publicHandshake, declares), nil,
		message.Extension{Type: message.ExtensionExternalSenders, Data: data})
	require.NoError(t, err)
	groups := gather(t, g, 3, publicHandshake, declares)
	sent := func(p message.ProposalType) []byte {
		outside := outsideOf(groups[0])
		m, err := outside.Propose(t.Context(), authority.Signer, 0, message.Custom{ProposalType: p, Data: []byte("from outside")})
		require.NoError(t, err)
		return m
	}
	requireUnprocessed(t, groups[0], message.ErrUnsupported, sent(0xF200))
	requireUnprocessed(t, groups[0], fault.Violation("12.1.8", "proposal type 0xF0F1 is not allowed from an external sender"),
		sent(strangeProposal))
	msg := sent(openProposal)
	for _, g := range groups {
		_, err := g.Process(t.Context(), insiderTime, msg)
		require.NoError(t, err)
		require.ErrorIs(t, encrypts(t, g), ErrPendingProposals)
	}
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Equal(t, message.Proposal(message.Custom{ProposalType: openProposal, Data: []byte("from outside")}), c.Proposals()[0].Proposal)
	follow(t, groups, 1, c)

	lacking := ownKeyPackage(t, 0x0001, "lacks it", publicHandshake)
	c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: lacking.KeyPackage})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	_, err = groups[2].Process(t.Context(), insiderTime, sent(openProposal))
	require.NoError(t, err)
	require.NoError(t, encrypts(t, groups[2]))

	a := newAttack(t, declares)
	msg = a.externalCommit(client(t, 0x0001, "joiner", declares), ExternalJoinOptions{}, func(c *framing.Commit) {
		c.Proposals = append(c.Proposals, framing.ProposalOrRef{Proposal: message.Custom{ProposalType: strangeProposal}})
	})
	requireUnprocessed(t, a.victim, fault.Violation("12.2", "proposal type 0xF0F1 is not allowed in an external commit").AtProposal(1), msg)
}

// A restored member, and who follows in public, commit the custom proposals that
// arrived before; with another configuration, they leave them out or refuse them.
func TestCustomProposalsAreSaved(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake, declares)
	custom := message.Custom{ProposalType: strangeProposal, Data: []byte("data")}
	msg, err := groups[1].Propose(t.Context(), insiderTime, custom, nil)
	require.NoError(t, err)
	for _, i := range []int{0, 2} {
		_, err := groups[i].Process(t.Context(), insiderTime, msg)
		require.NoError(t, err)
	}
	state, err := storeAll(groups[2])
	require.NoError(t, err)
	restored, err := RestoreGroup(insiderTime, *groups[2].cfg, state)
	require.NoError(t, err)
	c, err := restored.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Equal(t, message.Proposal(custom), c.Proposals()[0].Proposal)
	requireFollowed(t, groups[0], c.Message)

	forgetful := *groups[2].cfg
	forgetful.Proposals = nil
	restored, err = RestoreGroup(insiderTime, forgetful, state)
	require.NoError(t, err)
	c, err = restored.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Empty(t, c.Proposals())
	require.Empty(t, c.public.tree.Leaf(2).LeafNode().Capabilities.Proposals, "its new leaf lists what it declares")
	c, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 1)
	_, err = restored.Process(t.Context(), insiderTime, c.Message)
	require.ErrorIs(t, err, message.ErrUnsupported)
}

// What follows the type of an unknown proposal is one vector, and all of it comes back.
func TestUnknownProposalIsAVector(t *testing.T) {
	least := "0001 0001 0167" + "0000000000000001" + "01 00000000" + "00" + "02 F100"
	for form, whole := range map[string]bool{
		least + "00 00 00":                true, // data, signature, membership_tag
		least + "03 010203 00 00":         true,
		least + "00 00":                   false,
		least + "04 010203 00":            false,
		least + "4000 00 00":              false, // not the least length
		"0001 0001 0167 0000000000000000": false,
		least + "BFFFFFFF 00 00 00 00 ":   false,
	} {
		b := mlstest.Unhex(t, form)
		m, err := message.Parse[message.Message](b)
		if !whole {
			if err == nil { // the header is whole
				_, err = framing.ParsePublic(m.PublicMessage, message.CodePoints{})
			}
			require.ErrorIs(t, err, message.ErrMalformed, form)
			continue
		}
		require.NoError(t, err)
		public := publicIn(t, b)
		require.Equal(t, message.ProposalType(0xF100), message.TypeOf(public.Content.Proposal))
		again, err := public.Encode()
		require.NoError(t, err)
		require.Equal(t, b, again)
	}
	for _, form := range []string{"0000 00", "000B 01 ff", "0A0A 02 0102", "FFFF 00"} {
		var p message.TypedProposal
		require.NoError(t, wire.Parse(mlstest.Unhex(t, form), "proposal", func(r *wire.Reader) { message.Read(r, &p) }))
		again, err := message.Marshal(&p)
		require.NoError(t, err)
		require.Equal(t, mlstest.Unhex(t, form), again)
	}
}

// Lists of types have no default type, which RFC 9420, Section 7.2, forbids to list, no
// type twice, and no reserved value.
func TestConfigListsTypesThatItMay(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Config)
		text   string
	}{
		"default extension": {func(c *Config) { c.Extensions = []message.ExtensionType{0xF001, 3} },
			"Config.Extensions lists required_capabilities, a default type"},
		"default proposal": {func(c *Config) { c.Proposals = []CustomProposalType{{Type: 1}} },
			"Config.Proposals lists add, a default type"},
		"reserved extension":      {func(c *Config) { c.Extensions = []message.ExtensionType{0} }, "Config.Extensions lists 0"},
		"reserved proposal":       {func(c *Config) { c.Proposals = []CustomProposalType{{}} }, "Config.Proposals lists 0"},
		"reserved credential":     {func(c *Config) { c.Credentials = []message.CredentialType{message.CredentialBasic, 0} }, "Config.Credentials lists 0"},
		"GREASE extension":        {func(c *Config) { c.Extensions = []message.ExtensionType{0xF001, 0x0A0A} }, "Config.Extensions lists 0x0A0A, which is reserved"},
		"GREASE proposal":         {func(c *Config) { c.Proposals = []CustomProposalType{{Type: 0xEAEA}} }, "Config.Proposals lists 0xEAEA, which is reserved"},
		"GREASE credential":       {func(c *Config) { c.Credentials = []message.CredentialType{0x5A5A} }, "Config.Credentials lists 0x5A5A, which is reserved"},
		"extension twice":         {func(c *Config) { c.Extensions = []message.ExtensionType{0xF001, 0xF001} }, "lists 0xF001 twice"},
		"proposal in two manners": {func(c *Config) { c.Proposals = []CustomProposalType{{Type: 0xF008}, {Type: 0xF008, NoPath: true}} }, "lists 0xF008 twice"},
		"proposal of a draft":     {func(c *Config) { c.Proposals = []CustomProposalType{{Type: 8}} }, "lists app_data_update, a proposal of a draft"},
		"proposal renumbered": {func(c *Config) {
			c.Proposals, c.CodePoints.AppEphemeral = []CustomProposalType{{Type: 0xF009}}, 0xF009
		}, "lists 0xF009, a proposal of a draft"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := NewKeyPackage(t.Context(), insiderTime, client(t, 0x0001, "client", c.change), KeyPackageOptions{})
			require.ErrorContains(t, err, c.text)
			_, err = CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "client", c.change), nil)
			require.ErrorContains(t, err, c.text)

			g := clique(t, 0x0001, 2)[1]
			info, err := g.GroupInfo(t.Context(), insiderTime, true)
			require.NoError(t, err)
			follower := Config{Suites: g.cfg.Suites}
			c.change(&follower)
			_, err = NewPublicGroup(t.Context(), insiderTime, follower, info, nil)
			require.ErrorContains(t, err, c.text)
			_, err = RestorePublicGroup(insiderTime, follower, Snapshot{})
			require.ErrorContains(t, err, c.text)
		})
	}
}
