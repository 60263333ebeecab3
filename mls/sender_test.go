package mls

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// registrar knows whose credential has lapsed, and keeps what it was asked.
type registrar struct {
	clerk
	lapsed    map[string]*event.Lapse // by identity
	silent    error                   // no verdict
	occasions []event.Occasion
	senders   []string
}

func (r *registrar) Authenticate(ctx context.Context, now time.Time, on event.Occasion, changes []event.Change) ([]error, error) {
	r.occasions = append(r.occasions, on)
	return r.clerk.Authenticate(ctx, now, on, changes)
}

func (r *registrar) JudgeSender(_ context.Context, _ time.Time, on event.Occasion, sender message.Author) (*event.Lapse, error) {
	r.occasions, r.senders = append(r.occasions, on), append(r.senders, string(sender.Credential.Content))
	return r.lapsed[string(sender.Credential.Content)], r.silent
}

func (r *registrar) config(cfg *Config) { cfg.Authenticator = r }

// on returns the only occasion since the last one.
func (r *registrar) on(t *testing.T) event.Occasion {
	t.Helper()
	require.Len(t, r.occasions, 1)
	on := r.occasions[0]
	r.occasions, r.senders = nil, nil
	return on
}

// told keeps events.
type told []event.Event

func (o *told) Observe(e event.Event) { *o = append(*o, e) }

// refusing refuses what lapsed senders send in messages of some kinds.
func refusing(kinds ...string) suite.Policy {
	return suite.PolicyFunc(func(q suite.Question) error {
		s, ok := q.Subject.(suite.SenderInfo)
		for _, kind := range kinds {
			if ok && q.Use == suite.Receive && s == (suite.SenderInfo{Message: kind, Lapse: "revoked"}) {
				return errDenied
			}
		}
		return nil
	})
}

var (
	errDenied = errors.New("denied by the mandate")
	errList   = errors.New("serial 7 is on the list")
)

// The Authenticator learns the group and the epoch that each question is about, and the
// use for which the policy is asked.
func TestAuthenticatorLearnsTheGroup(t *testing.T) {
	r := new(registrar)
	cfg := client(t, 0x0001, "alice", r.config, publicHandshake)
	g, err := CreateGroup(t.Context(), insiderTime, cfg, []byte("group"), sendersExtension(t, "gate"))
	require.NoError(t, err)
	of := func(epoch uint64, leaf int64, use suite.Use) event.Occasion {
		state := g.state()
		state.Epoch, state.Leaf = epoch, leaf
		return event.Occasion{Group: state, Use: use}
	}
	require.Equal(t, of(0, 0, suite.Start), r.on(t), "a new group")

	kp := ownKeyPackage(t, 0x0001, "bob", r.config, publicHandshake)
	refusals, err := CheckKeyPackages(t.Context(), insiderTime, cfg, nil, kp.KeyPackage, kp.KeyPackage)
	require.NoError(t, err)
	require.Equal(t, []error{nil, nil}, refusals)
	require.Equal(t, event.Occasion{Group: event.GroupState{Suite: g.Suite().Info(), Leaf: -1}, Use: suite.Start}, r.on(t), "no group yet")

	_, err = g.Propose(t.Context(), insiderTime, message.Add{KeyPackage: kp.KeyPackage}, nil)
	require.NoError(t, err)
	require.Equal(t, of(0, 0, suite.Start), r.on(t), "a proposal")
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Equal(t, of(0, 0, suite.Start), r.on(t), "a commit")
	bob, err := adopted(kp.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
	require.NoError(t, err)
	require.Equal(t, of(1, -1, suite.Start), r.on(t), "a join")
	g, err = c.Adopt()
	require.NoError(t, err)

	public := inPublic(t, g)
	public.cfg.Authenticator = r
	renamed := message.BasicCredential([]byte("bob's"))
	update, err := bob.ProposeUpdate(t.Context(), insiderTime, LeafOptions{Credential: &renamed}, nil)
	require.NoError(t, err)
	require.Equal(t, of(1, 1, suite.Start), r.on(t), "an update")
	_, err = g.Process(t.Context(), insiderTime, update)
	require.NoError(t, err)
	require.Equal(t, of(1, 0, suite.Receive), r.on(t), "the sender of a proposal")
	carol := ownKeyPackage(t, 0x0001, "carol", r.config)
	c, err = bob.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: carol.KeyPackage})
	require.NoError(t, err)
	require.Equal(t, of(1, 1, suite.Start), r.on(t))
	_, err = g.Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	require.Equal(t, []event.Occasion{of(1, 0, suite.Receive), of(1, 0, suite.Receive)}, r.occasions, "the sender and the changes of a commit")
	r.occasions = nil
	_, err = public.Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	require.Equal(t, []event.Occasion{of(1, -1, suite.Receive), of(1, -1, suite.Receive)}, r.occasions, "a delivery service")
}

// What a sender whose credential has lapsed sends is read, and told with the reason, unless
// the policy refuses it. A refused message changes nothing, and is read when the credential
// is good again.
func TestLapsedSenders(t *testing.T) {
	lapse := &event.Lapse{Kind: event.Revoked, Err: errList}
	for name, handshake := range map[string]func(*Config){"private": privateHandshake, "public": publicHandshake} {
		t.Run(name, func(t *testing.T) {
			r, o := &registrar{lapsed: map[string]*event.Lapse{}}, new(told)
			groups := clique(t, 0x0001, 3, handshake)
			eve, reader := groups[2], groups[0]
			reader.cfg.Authenticator, reader.cfg.Observer = r, o
			author := eve.author()
			identity := string(author.Credential.Content)

			application, another := encrypted(t, eve), encrypted(t, eve)
			proposal, err := eve.Propose(t.Context(), insiderTime, message.Remove{Removed: 1}, nil)
			require.NoError(t, err)
			commit, err := eve.Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true})
			require.NoError(t, err)
			for _, m := range []struct {
				kind    string
				content message.ContentType
				msg     []byte
			}{{"application", message.ContentApplication, application}, {"proposal", message.ContentProposal, proposal}, {"commit", message.ContentCommit, commit.Message}} {
				found := event.SenderLapsed{Group: reader.state(), Sender: eve.sender(), Author: author, Content: m.content, Lapse: lapse}
				r.lapsed[identity] = lapse
				before := fingerprint(reader)

				reader.cfg.Policy = refusing("application", "proposal", "commit")
				_, err := reader.Process(t.Context(), insiderTime, m.msg)
				var denied *suite.PolicyError
				require.ErrorAs(t, err, &denied)
				require.Equal(t, int64(eve.leaf), denied.Leaf)
				require.Equal(t, m.kind+" of a sender whose credential is revoked", denied.Subject)
				require.ErrorIs(t, err, errDenied)
				require.ErrorIs(t, err, errList)
				why, ok := errors.AsType[*event.SenderLapsed](err)
				require.True(t, ok)
				require.Equal(t, &found, why)
				removal, ok := why.Removal()
				require.True(t, ok)
				require.Equal(t, message.Remove{Removed: eve.leaf}, removal)
				require.Equal(t, before, fingerprint(reader))
				require.Len(t, *o, 1)
				require.Equal(t, err, (*o)[0].(event.MessageRefused).Err)
				*o = nil

				r.silent = errRefused
				_, err = reader.Process(t.Context(), insiderTime, m.msg)
				require.ErrorIs(t, err, errRefused, "no verdict")
				require.Equal(t, before, fingerprint(reader))
				r.silent, *o = nil, nil

				reader.cfg.Policy = nil
				if m.content == message.ContentProposal {
					reader.cfg.Policy = refusing("application", "commit")
				}
				received, err := reader.Process(t.Context(), insiderTime, m.msg)
				require.NoError(t, err)
				require.Equal(t, &found, received.Lapsed)
				require.Equal(t, told{found}, *o)
				*o = nil
			}
			r.lapsed[identity] = nil
			received, err := reader.Process(t.Context(), insiderTime, another)
			require.NoError(t, err)
			require.Nil(t, received.Lapsed)
			require.Empty(t, *o)
		})
	}
}

func encrypted(t *testing.T, g *Group) []byte {
	t.Helper()
	msg, err := g.Encrypt(t.Context(), insiderTime, []byte("hello"), nil)
	require.NoError(t, err)
	return msg
}

// A delivery service with the same rule refuses the same commits and proposals.
func TestLapsedSendersInPublic(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake)
	eve := groups[2]
	public := inPublic(t, groups[0])
	r, o := &registrar{lapsed: map[string]*event.Lapse{string(eve.author().Credential.Content): {Kind: event.Revoked, Err: errList}}}, new(told)
	public.cfg.Authenticator, public.cfg.Observer = r, o
	proposal, err := eve.Propose(t.Context(), insiderTime, message.Remove{Removed: 1}, nil)
	require.NoError(t, err)
	commit, err := eve.Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true})
	require.NoError(t, err)
	for _, msg := range [][]byte{proposal, commit.Message} {
		before := publicFingerprint(public)
		public.cfg.Policy = refusing("proposal", "commit")
		_, err = public.Process(t.Context(), insiderTime, msg)
		require.ErrorIs(t, err, errDenied)
		require.Equal(t, before, publicFingerprint(public))
		require.IsType(t, event.MessageRefused{}, (*o)[0])
		public.cfg.Policy, *o = nil, nil
		received, err := public.Process(t.Context(), insiderTime, msg)
		require.NoError(t, err)
		require.ErrorIs(t, received.Lapsed, errList)
		require.Equal(t, told{*received.Lapsed}, *o)
		*o = nil
	}
}

// A commit is its committer's: it is followed even if it covers what somebody proposed whose
// messages are refused by themselves. Or those who have a list of revocations would stay
// behind.
func TestCommitsCoverWhatLapsedSendersProposed(t *testing.T) {
	for name, handshake := range map[string]func(*Config){"private": privateHandshake, "public": publicHandshake} {
		t.Run(name, func(t *testing.T) {
			groups := clique(t, 0x0001, 4, handshake)
			eve, reader := groups[2], groups[0]
			reader.cfg.Authenticator = &registrar{lapsed: map[string]*event.Lapse{string(eve.author().Credential.Content): {Kind: event.Revoked, Err: errList}}}
			reader.cfg.Policy = refusing("application", "proposal", "commit")
			proposal, err := eve.Propose(t.Context(), insiderTime, message.Remove{Removed: 3}, nil)
			require.NoError(t, err)
			_, err = groups[1].Process(t.Context(), insiderTime, proposal)
			require.NoError(t, err)
			_, err = reader.Process(t.Context(), insiderTime, proposal)
			require.ErrorIs(t, err, errDenied)
			c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
			require.NoError(t, err)
			_, err = reader.Process(t.Context(), insiderTime, c.Message)
			var missing *MissingProposalsError
			require.ErrorAs(t, err, &missing)
			received, err := reader.Process(t.Context(), insiderTime, c.Message, proposal)
			require.NoError(t, err)
			require.Nil(t, received.Lapsed)
			require.Len(t, received.Commit.Proposals(), 1)
		})
	}
}

// Those who send from outside are asked about if the group names them; who joins is judged
// by Authenticate.
func TestLapsedOutsiders(t *testing.T) {
	r := &registrar{lapsed: map[string]*event.Lapse{"gate": {Kind: event.Revoked, Err: errList}}}
	groups := clique(t, 0x0001, 2, publicHandshake)
	gate := client(t, 0x0001, "gate")
	senders := message.ExternalSenders{{SignatureKey: gate.Signer.PublicKey(), Credential: gate.Credential}}
	data, err := message.Marshal(&senders)
	require.NoError(t, err)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{},
		message.GroupContextExtensions{Extensions: message.Extensions{{Type: message.ExtensionExternalSenders, Data: data}}})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	reader := groups[0]
	reader.cfg.Authenticator, reader.cfg.Policy = r, refusing("proposal")
	_, err = reader.Process(t.Context(), insiderTime, bySender(t, reader, gate)(message.Remove{Removed: 1}))
	var denied *suite.PolicyError
	require.ErrorAs(t, err, &denied)
	require.Equal(t, int64(-1), denied.Leaf)
	why, ok := errors.AsType[*event.SenderLapsed](err)
	require.True(t, ok)
	_, ok = why.Removal()
	require.False(t, ok, "the sender is no member")
	require.Equal(t, []string{"gate"}, r.senders)
	r.senders, r.occasions = nil, nil
	_, err = reader.Process(t.Context(), insiderTime, asksToJoin(t, reader, "stranger"))
	require.NoError(t, err)
	require.Empty(t, r.senders)
}

// The sender of a late message is judged by the credential of its epoch, and its leaf may be
// another member's by now.
func TestLapsedSendersOfLateMessages(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	eve := groups[2]
	late, identity := encrypted(t, eve), string(eve.author().Credential.Content)
	epoch := eve.Epoch()
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: eve.leaf})
	require.NoError(t, err)
	reader, err := c.Adopt()
	require.NoError(t, err)
	r := &registrar{lapsed: map[string]*event.Lapse{identity: {Kind: event.Expired, Err: errList}}}
	reader.cfg.Authenticator = r
	received, err := reader.Process(t.Context(), insiderTime, late)
	require.NoError(t, err)
	require.Equal(t, []string{identity}, r.senders)
	require.Equal(t, epoch, r.on(t).Group.Epoch)
	require.Equal(t, epoch+1, received.Lapsed.Group.Epoch)
	_, ok := received.Lapsed.Removal()
	require.False(t, ok)
}
