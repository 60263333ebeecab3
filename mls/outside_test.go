package mls

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// outsideOf is somebody who proposes to a group from outside.
func outsideOf(g *Group) ExternalProposer {
	return ExternalProposer{Suite: g.public.suite, GroupID: g.GroupID(), Epoch: g.Epoch()}
}

// bySender makes proposals of the first external sender of a group.
func bySender(t *testing.T, g *Group, sender Config) func(message.Proposal) []byte {
	return func(p message.Proposal) []byte {
		m, err := outsideOf(g).Propose(t.Context(), sender.Signer, 0, p)
		require.NoError(t, err)
		return m
	}
}

// asksToJoin is a proposal of a client of that name to add it.
func asksToJoin(t *testing.T, g *Group, name string, adjust ...func(*Config)) []byte {
	t.Helper()
	m, err := outsideOf(g).ProposeJoin(t.Context(), ownKeyPackage(t, 0x0001, name, adjust...))
	require.NoError(t, err)
	return m
}

// encrypts sends application data, or returns why it may not.
func encrypts(t *testing.T, g *Group) error {
	t.Helper()
	_, err := g.Encrypt(t.Context(), insiderTime, []byte("data"), nil)
	return err
}

// What outsiders propose is shown to the application when it arrives, and what it
// refuses is not kept (RFC 9420, Section 5.3.1).
func TestProposalsFromOutsideAreJudged(t *testing.T) {
	c := &clerk{}
	authority := client(t, 0x0001, "authority")
	data, err := message.Marshal(&message.ExternalSenders{{SignatureKey: authority.Signer.PublicKey(), Credential: authority.Credential}})
	require.NoError(t, err)
	g0, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", c.config), nil,
		message.Extension{Type: message.ExtensionExternalSenders, Data: data})
	require.NoError(t, err)
	groups := gather(t, g0, 3, c.config)
	g := groups[2]
	byAuthority := bySender(t, g, authority)
	mallory := message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "mallory").KeyPackage}
	refused := fault.Violation("5.3.1", "authentication service refuses the credential")
	c.refused = "mallory"
	for name, message := range map[string][]byte{
		"new member":                     asksToJoin(t, g, "mallory"),
		"external sender":                byAuthority(mallory),
		"external senders of one's kind": byAuthority(message.GroupContextExtensions{Extensions: message.Extensions{sendersExtension(t, "mallory")}}),
	} {
		t.Run(name, func(t *testing.T) {
			requireUnprocessed(t, g, refused, message)
			require.NoError(t, encrypts(t, g))
		})
	}

	// No verdict is no approval, and the proposal is good once there is one.
	innocent := asksToJoin(t, g, "innocent")
	c.fails = errors.New("down")
	requireUnprocessed(t, g, c.fails, innocent)
	c.fails, c.calls = nil, nil
	_, err = g.Process(t.Context(), insiderTime, innocent)
	require.NoError(t, err)
	require.Equal(t, []string{"innocent"}, c.asked(t))
	require.ErrorIs(t, encrypts(t, g), ErrPendingProposals)

	// A member is asked about what it proposes itself, too.
	for _, p := range []message.Proposal{mallory, message.GroupContextExtensions{Extensions: message.Extensions{sendersExtension(t, "mallory")}}} {
		requireUnmoved(t, g, refused, func() error {
			_, err := g.Propose(t.Context(), insiderTime, p, nil)
			return err
		})
	}
}

// A proposal from outside that a member could not commit keeps none of its data back,
// in a restored group neither (RFC 9420, Section 12.4).
func TestOutsidersMakeNoGroupSilent(t *testing.T) {
	required, err := message.Marshal(&message.RequiredCapabilities{Proposals: []message.ProposalType{strangeProposal}})
	require.NoError(t, err)
	authority := client(t, 0x0001, "authority")
	senders, err := message.Marshal(&message.ExternalSenders{{SignatureKey: authority.Signer.PublicKey(), Credential: authority.Credential}})
	require.NoError(t, err)
	g0, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", strange, publicHandshake), nil,
		message.Extension{Type: message.ExtensionExternalSenders, Data: senders}, message.Extension{Type: message.ExtensionRequiredCapabilities, Data: required})
	require.NoError(t, err)
	groups := gather(t, g0, 3, strange, publicHandshake)
	g := groups[2]
	byAuthority := bySender(t, g, authority)
	for _, m := range [][]byte{
		asksToJoin(t, g, "lacks what is required"),
		byAuthority(message.GroupContextExtensions{Extensions: message.Extensions{{Type: 0xF0AB}}}),
		byAuthority(message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "lacks it too").KeyPackage}),
		byAuthority(externalPSK("nobody has it")),
		byAuthority(message.Remove{Removed: g.leaf}),
	} {
		_, err := g.Process(t.Context(), insiderTime, m)
		require.NoError(t, err)
		require.NoError(t, encrypts(t, g))
	}
	require.Len(t, g.inbox.pending(), 5, "a commit of another may refer to them")
	state, err := storeAll(g)
	require.NoError(t, err)
	restored, err := RestoreGroup(insiderTime, *g.cfg, state)
	require.NoError(t, err)
	require.ErrorIs(t, encrypts(t, restored), ErrUnsaved, "nothing else keeps it back")

	for name, m := range map[string][]byte{
		"new member":      asksToJoin(t, groups[0], "able", strange),
		"external sender": byAuthority(message.Remove{Removed: 1}),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := groups[0].Process(t.Context(), insiderTime, m)
			require.NoError(t, err)
			require.ErrorIs(t, encrypts(t, groups[0]), ErrPendingProposals)
		})
	}
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Empty(t, c.Proposals())
	_, err = groups[1].Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
}

// What a member authenticates beside a proposal is for those who receive it, in a
// restored group too.
func TestProposalsHaveTheirData(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	data := []byte("left the company")
	m, err := groups[0].Propose(t.Context(), insiderTime, message.Remove{Removed: 2}, data)
	require.NoError(t, err)
	require.Equal(t, data, groups[0].inbox.pending()[0].AuthenticatedData)
	r, err := groups[1].Process(t.Context(), insiderTime, m)
	require.NoError(t, err)
	require.Equal(t, data, r.Proposal.AuthenticatedData)
	state, err := storeAll(groups[1])
	require.NoError(t, err)
	g, err := RestoreGroup(insiderTime, *groups[1].cfg, state)
	require.NoError(t, err)
	require.Equal(t, data, g.inbox.pending()[0].AuthenticatedData)
}

// Who joins by an external commit can be seen before it is adopted, and by whoever
// follows in public; a client that takes the place of its earlier leaf is told from one
// that is new, and can be refused.
func TestExternalJoinersAreSeen(t *testing.T) {
	for name, resync := range map[string]bool{"new": false, "resync": true} {
		t.Run(name, func(t *testing.T) {
			c := &clerk{}
			groups := clique(t, 0x0001, 4, c.config)
			g := groups[2]
			public := inPublic(t, g)
			info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
			require.NoError(t, err)
			options := ExternalJoinOptions{AuthenticatedData: []byte("by the door")}
			who := "outside"
			if resync {
				who, options.Remove = "member 1", new(message.LeafIndex(1))
			}
			cfg := client(t, 0x0001, who, c.config)
			joining, err := ExternalJoin(t.Context(), insiderTime, cfg, info, options)
			require.NoError(t, err)
			joined := event.Change{Leaf: 4, Credential: cfg.Credential, SignatureKey: cfg.Signer.PublicKey(), Reason: event.Added}
			want := []event.Change{joined}
			if resync {
				joined.Leaf, joined.Reason, joined.Old = 1, event.Resynced, &cfg.Credential
				want = []event.Change{change(1, nil, g.public.tree.Leaf(1), event.Removed), joined}
			}
			c.calls = nil
			r, err := g.Process(t.Context(), insiderTime, joining.Message)
			require.NoError(t, err)
			require.Equal(t, [][]event.Change{{joined}}, c.calls)
			inPublic, err := public.Process(t.Context(), insiderTime, joining.Message)
			require.NoError(t, err)
			for _, got := range [][]event.Change{joining.Changes(), r.Commit.Changes(), inPublic.Commit.Changes()} {
				require.Equal(t, want, got)
			}
			require.Equal(t, options.AuthenticatedData, r.Commit.AuthenticatedData())

			state, err := storeAll(g)
			require.NoError(t, err)
			saved, err := r.Commit.Save()
			require.NoError(t, err)
			restored, err := RestoreGroup(insiderTime, *g.cfg, state)
			require.NoError(t, err)
			again, err := restored.RestoreCandidate(insiderTime, saved)
			require.NoError(t, err)
			require.Equal(t, want, again.Changes())
			saved, err = joining.Save()
			require.NoError(t, err)
			alone, err := RestoreCandidate(insiderTime, cfg, saved)
			require.NoError(t, err)
			require.Nil(t, alone.Changes())

			g.cfg.Authenticator = strangerJudge{}
			_, err = g.Process(t.Context(), insiderTime, joining.Message)
			if !resync {
				require.NoError(t, err)
				return
			}
			requireRefused(t, fault.Violation("5.3.1", "acceptable successor").AtLeaf(1), err)
		})
	}
}

// strangerJudge takes nobody for a client that it knows.
type strangerJudge struct{}

func (strangerJudge) SameClient(message.Credential, message.Credential) bool { return false }

func (strangerJudge) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	return make([]error, len(changes)), nil
}
