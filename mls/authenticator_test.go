package mls

import (
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// clerk keeps what it was asked, call by call, and refuses one identity.
type clerk struct {
	calls   [][]event.Change
	refused string
	fails   error
}

func (c *clerk) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	c.calls = append(c.calls, changes)
	verdicts := make([]error, len(changes))
	for i, ch := range changes {
		if c.refused != "" && string(ch.Credential.Content) == c.refused {
			verdicts[i] = errRefused
		}
	}
	return verdicts, c.fails
}

func (c *clerk) SameClient(old, next message.Credential) bool { return true }

func (c *clerk) config(cfg *Config) {
	publicHandshake(cfg)
	cfg.Authenticator = c
}

// asked returns the identities of the only call since the last one, or none if there
// was no call.
func (c *clerk) asked(t *testing.T) []string {
	t.Helper()
	require.LessOrEqual(t, len(c.calls), 1)
	var names []string
	for _, call := range c.calls {
		require.NotEmpty(t, call, "a call about nothing")
		for _, ch := range call {
			names = append(names, string(ch.Credential.Content))
		}
	}
	c.calls = nil
	return names
}

func sendersExtension(t *testing.T, names ...string) message.Extension {
	t.Helper()
	var senders message.ExternalSenders
	for _, name := range names {
		cfg := client(t, 0x0001, name)
		senders = append(senders, message.ExternalSender{SignatureKey: cfg.Signer.PublicKey(), Credential: cfg.Credential})
	}
	data, err := message.Marshal(&senders)
	require.NoError(t, err)
	return message.Extension{Type: message.ExtensionExternalSenders, Data: data}
}

// Each commit and each join asks the application once, about all that changes.
func TestApplicationIsAskedOnce(t *testing.T) {
	c := new(clerk)
	groups := clique(t, 0x0001, 4, c.config)
	require.Len(t, c.calls, 1+3, "a commit of three Adds, and three joins")
	c.calls = nil
	committer, other := groups[0], groups[1]
	info, err := other.GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	public, err := NewPublicGroup(t.Context(), insiderTime, Config{Suites: committer.cfg.Suites, Authenticator: c}, info, nil)
	require.NoError(t, err)
	require.Len(t, c.asked(t), 4)

	// Proposals of members arrive, and are not judged before they are to be committed,
	// except what is new, which the proposer's application judges.
	propose := func(by int, p message.Proposal, names ...string) {
		m, err := groups[by].Propose(t.Context(), insiderTime, p, nil)
		require.NoError(t, err)
		require.Equal(t, names, c.asked(t))
		deliver(t, m, groups, by, public)
	}
	first, second := ownKeyPackage(t, 0x0001, "first", c.config), ownKeyPackage(t, 0x0001, "second", c.config)
	propose(1, message.Add{KeyPackage: first.KeyPackage}, "first")
	groups[2].cfg.Credential = message.BasicCredential([]byte("renamed"))
	update, err := groups[2].ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
	require.NoError(t, err)
	deliver(t, update, groups, 2, public)
	own, err := committer.ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
	require.NoError(t, err)
	deliver(t, own, groups, 0, public)
	propose(3, message.GroupContextExtensions{Extensions: message.Extensions{sendersExtension(t, "gate", "door")}}, "gate", "door")
	require.Empty(t, c.asked(t))

	all := []string{"first", "renamed", "gate", "door", "second"}
	candidate, err := committer.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: second.KeyPackage})
	require.NoError(t, err)
	require.Equal(t, all, c.asked(t), "the own Update is not for this commit")
	require.Len(t, candidate.Proposals(), 4)

	received, err := other.Process(t.Context(), insiderTime, candidate.Message)
	require.NoError(t, err)
	require.ElementsMatch(t, all, c.asked(t))
	_, err = public.Process(t.Context(), insiderTime, candidate.Message)
	require.NoError(t, err)
	require.ElementsMatch(t, all, c.asked(t))
	_, err = adopted(first.Join(t.Context(), insiderTime, candidate.Welcome, JoinOptions{}))
	require.NoError(t, err)
	require.Len(t, c.asked(t), 6+2, "members and external senders")

	// What stays is not judged again.
	follow(t, groups, 0, candidate)
	c.calls = nil
	senders, _ := groups[0].GroupContext().Extensions.Find(message.ExtensionExternalSenders)
	again, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{},
		message.GroupContextExtensions{Extensions: message.Extensions{{Type: message.ExtensionExternalSenders, Data: senders}}})
	require.NoError(t, err)
	_, err = groups[1].Process(t.Context(), insiderTime, again.Message)
	require.NoError(t, err)
	_, err = groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Empty(t, c.asked(t))
	require.NotNil(t, received.Commit)

	// Who joins from outside judges the members once, and each of them the joiner.
	info, err = groups[1].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	outside, err := ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "outside", c.config), info, ExternalJoinOptions{})
	require.NoError(t, err)
	require.Len(t, c.asked(t), 6+2)
	_, err = groups[1].Process(t.Context(), insiderTime, outside.Message)
	require.NoError(t, err)
	require.Equal(t, []string{"outside"}, c.asked(t))

	// The first commit of a branch.
	branch := ownKeyPackage(t, 0x0001, "member 1", c.config)
	_, err = groups[0].Branch(t.Context(), insiderTime, *groups[0].cfg, nil, nil, []*message.KeyPackage{branch.KeyPackage}, FollowUpOptions{})
	require.NoError(t, err)
	require.Equal(t, []string{"member 1"}, c.asked(t))
}

// deliver hands a proposal to all but its sender, and to who follows in public.
func deliver(t *testing.T, message []byte, groups []*Group, by int, public *PublicGroup) {
	t.Helper()
	for i, g := range groups {
		if i != by {
			_, err := g.Process(t.Context(), insiderTime, message)
			require.NoError(t, err)
		}
	}
	_, err := public.Process(t.Context(), insiderTime, message)
	require.NoError(t, err)
}

// External senders come into a group with its creator and with a commit, and a joiner
// finds them there: each asks the application (RFC 9420, Section 5.3.1).
func TestExternalSendersAreJudged(t *testing.T) {
	c := &clerk{refused: "mallory"}
	mallory := sendersExtension(t, "gate", "mallory")
	refused := fault.Violation("5.3.1", "authentication service refuses the credential")
	_, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", c.config), nil, mallory)
	requireRefused(t, refused, err)
	require.ErrorIs(t, err, errRefused)
	require.Equal(t, event.ExternalSender, c.calls[0][1].Reason)
	require.Equal(t, ratchettree.NoLeaf, c.calls[0][1].Leaf)
	require.Len(t, c.calls[0][1].SignatureKey, 32)
	_, err = CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", c.config), nil, sendersExtension(t, "gate"))
	require.NoError(t, err)

	groups := clique(t, 0x0001, 3, c.config)
	m, g := insider{t, groups[1]}, groups[2]
	replace := message.GroupContextExtensions{Extensions: message.Extensions{mallory}}
	requireUnmoved(t, g, fault.Violation("5.3.1", "authentication service refuses the credential").AtProposal(0), func() error {
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, replace)
		return err
	})
	requireUnprocessed(t, g, refused, m.commit(forgery{proposals: m.byValue(replace), withPath: true}).message)
	malformed := message.GroupContextExtensions{Extensions: message.Extensions{{Type: message.ExtensionExternalSenders, Data: []byte{9}}}}
	requireUnprocessed(t, g, message.ErrMalformed, m.commit(forgery{proposals: m.byValue(malformed), withPath: true}).message)
	requireUnmoved(t, g, message.ErrMalformed, func() error {
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, malformed)
		return err
	})

	// A proposal of a sender that is refused is left out.
	msg, _ := m.propose(replace)
	_, err = g.Process(t.Context(), insiderTime, msg)
	require.NoError(t, err)
	candidate, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Empty(t, candidate.Proposals())

	// A joiner judges those who are there.
	k := ownKeyPackage(t, 0x0001, "joiner", c.config)
	f := m.commit(forgery{proposals: m.byValue(message.Add{KeyPackage: k.KeyPackage}, replace), withPath: true})
	_, err = k.Join(t.Context(), insiderTime, f.welcome(welcomeForgery{}), JoinOptions{})
	requireRefused(t, refused, err)
	c.refused = ""
	_, err = adopted(k.Join(t.Context(), insiderTime, f.welcome(welcomeForgery{}), JoinOptions{}))
	require.NoError(t, err)
}

// Without a verdict there is no commit of what wants one, and a commit of what wants
// none.
func TestApplicationWithoutVerdict(t *testing.T) {
	c := new(clerk)
	groups := clique(t, 0x0001, 3, c.config)
	msg, err := groups[1].Propose(t.Context(), insiderTime, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "first").KeyPackage}, nil)
	require.NoError(t, err)
	g := groups[0]
	_, err = g.Process(t.Context(), insiderTime, msg)
	require.NoError(t, err)
	c.fails = errors.New("service is down")
	requireUnmoved(t, g, c.fails, func() error {
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
		return err
	})
	candidate, err := g.Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true}, message.Remove{Removed: 2})
	require.NoError(t, err)
	require.Len(t, candidate.Proposals(), 1)
}

// A commit may bring tens of thousands of external senders into a group that has as
// many: they are not compared each with each.
func TestChangedSenders(t *testing.T) {
	const n = 30000
	extension := func(from, to int, more ...message.ExternalSender) *check.GroupExtensions {
		var all message.ExternalSenders
		for i := from; i < to; i++ {
			all = append(all, message.ExternalSender{
				SignatureKey: binary.BigEndian.AppendUint32(nil, uint32(i)), Credential: message.BasicCredential([]byte("sender")),
			})
		}
		all = append(all, more...)
		data, err := message.Marshal(&all)
		require.NoError(t, err)
		return readExtensions(t, message.Extension{Type: message.ExtensionExternalSenders, Data: data})
	}
	require.Empty(t, changedSenders(nil, extension(0, n), extension(0, n)))
	changes := changedSenders(nil, extension(0, n), extension(n, 2*n))
	require.Len(t, changes, n)

	one := message.ExternalSender{SignatureKey: binary.BigEndian.AppendUint32(nil, 1)}
	otherName, otherType := one, one
	otherName.Credential = message.BasicCredential([]byte("another"))
	otherType.Credential = message.Credential{Type: 0xF000, Content: []byte("sender")}
	changes = changedSenders(nil, extension(0, 2), extension(0, 2, otherName, otherType))
	change := func(s message.ExternalSender) event.Change {
		return event.Change{Leaf: ratchettree.NoLeaf, Credential: s.Credential, SignatureKey: s.SignatureKey, Reason: event.ExternalSender}
	}
	require.Equal(t, []event.Change{change(otherName), change(otherType)}, changes)
}
