package credential_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/audit"
	"github.com/mlsuite/mlsuite/credential"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// mandate is the profile of the group's members, with a rule on senders.
const mandate = `profile: agency
title: Group messaging of an agency
extends: [cnsa-1.0]
sources:
  order: {document: Order 12/2026, section: "7", date: 2026-10-01, checked: 2026-11-21}
rules:
  - id: revoked
    source: order
    force: law
    wanted: %s
    allow: [{sender.lapse: {not: revoked}}%s]
`

// member is one of five, with what it knows of revocations and its log.
type member struct {
	name  string
	cfg   mls.Config
	pkix  *credential.PKIX
	group *mls.Group
	log   *bytes.Buffer
}

// revokedGroup is a group of five on P-384 whose certificates lead over an authority to a
// root, and a delivery service that follows it.
type revokedGroup struct {
	*testing.T
	pki
	policy   suite.Policy
	members  map[string]*member
	delivery *mls.PublicGroup
	service  *credential.PKIX
}

func newRevokedGroup(t *testing.T, wanted, also string) *revokedGroup {
	t.Helper()
	onP384 := func() crypto.Signer { return newKeyOn(t, elliptic.P384()) }
	w := &revokedGroup{T: t, members: map[string]*member{}}
	w.root = (*party)(nil).certify(t, "Root", onP384(), authority, crlSign)
	w.middle = w.root.certify(t, "Authority", onP384(), authority, crlSign)
	var err error
	w.policy, err = policy.Parse("agency.yaml", fmt.Appendf(nil, mandate, wanted, also))
	require.NoError(t, err)
	s, err := all.Registry().Suite(0x0007)
	require.NoError(t, err)
	for i, name := range []string{"alice", "bob", "carol", "dave", "eve"} {
		key := onP384()
		signer, err := s.NewSigner(key)
		require.NoError(t, err)
		m := &member{name: name, log: new(bytes.Buffer), pkix: w.pkix(t, func(o *credential.PKIXOptions) { o.Policy = w.policy })}
		l := logger(m.log)
		m.cfg = mls.Config{
			Suites: all.Registry(), Suite: 0x0007, Signer: signer, PublicHandshake: true, NoGREASE: true,
			Credential:    credentialOf(t, w.middle.certify(t, name, key, serial(int64(100+i))), w.middle, w.root),
			Authenticator: m.pkix, Policy: audit.Policy(w.policy, l), Observer: audit.Observer(l),
		}
		w.members[name] = m
	}
	alice := w.members["alice"]
	alice.group, err = mls.CreateGroup(t.Context(), testTime, alice.cfg, []byte("five"))
	require.NoError(t, err)
	var adds []message.Proposal
	kps := map[string]*mls.OwnKeyPackage{}
	for _, name := range []string{"bob", "carol", "dave", "eve"} {
		kps[name], err = mls.NewKeyPackage(t.Context(), testTime, w.members[name].cfg, mls.KeyPackageOptions{})
		require.NoError(t, err)
		adds = append(adds, message.Add{KeyPackage: kps[name].KeyPackage})
	}
	c, err := alice.group.Commit(t.Context(), testTime, mls.CommitOptions{}, adds...)
	require.NoError(t, err)
	for name, kp := range kps {
		joined, err := kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{})
		require.NoError(t, err)
		w.members[name].group, err = joined.Adopt()
		require.NoError(t, err)
	}
	alice.group, err = c.Adopt()
	require.NoError(t, err)
	info, err := alice.group.GroupInfo(t.Context(), testTime, true)
	require.NoError(t, err)
	w.service = w.pkix(t, func(o *credential.PKIXOptions) { o.Policy = w.policy })
	w.delivery, err = mls.NewPublicGroup(t.Context(), testTime,
		mls.Config{Suites: all.Registry(), Policy: w.policy, Authenticator: w.service}, info, nil)
	require.NoError(t, err)
	return w
}

// revoke hands the CRL that revokes eve to some.
func (w *revokedGroup) revoke(some ...*credential.PKIX) {
	list := w.middle.crl(w, 8, []int64{104})
	for _, p := range some {
		require.NoError(w, p.AddCRL(list, w.middle.cert))
	}
}

// follow has the members, and the delivery service, follow a commit.
func (w *revokedGroup) follow(by string, c *mls.Candidate, names ...string) {
	w.Helper()
	r, err := w.delivery.Process(w.Context(), testTime, c.Message)
	require.NoError(w, err)
	w.delivery = r.Commit.Adopt()
	for _, name := range names {
		m := w.members[name]
		candidate := c
		if name != by {
			received, err := m.group.Process(w.Context(), testTime, c.Message)
			require.NoError(w, err, name)
			candidate = received.Commit
		}
		m.group, err = candidate.Adopt()
		require.NoError(w, err, name)
	}
}

// removeRevoked has alice remove whom the CRL revokes, by one call.
func (w *revokedGroup) removeRevoked(others ...string) {
	w.Helper()
	alice := w.members["alice"]
	found, err := credential.Recheck(w.Context(), testTime, alice.group, alice.pkix)
	require.NoError(w, err)
	require.Len(w, found, 1)
	require.Equal(w, w.members["eve"].group.OwnLeaf(), found[0].Leaf)
	require.Equal(w, event.Revoked, found[0].Lapse.Kind)
	require.Equal(w, "leaf 4: credential is revoked: credential: certificate 0: certificate was revoked at 2026-11-22T11:59:00Z by CRL 8: keyCompromise", found[0].String())

	c, err := alice.group.Commit(w.Context(), testTime, mls.CommitOptions{}, credential.Removals(found, alice.group.OwnLeaf())...)
	require.NoError(w, err)
	received, err := w.members["eve"].group.Process(w.Context(), testTime, c.Message)
	require.NoError(w, err)
	_, err = received.Commit.Adopt()
	require.ErrorIs(w, err, mls.ErrRemoved)
	w.follow("alice", c, append(others, "alice")...)
	found, err = credential.Recheck(w.Context(), testTime, alice.group, alice.pkix)
	require.NoError(w, err)
	require.Empty(w, found)
}

// requireRefused has a member refuse a message of eve for its CRL, and change nothing.
func (w *revokedGroup) requireRefused(name string, msg []byte) {
	w.Helper()
	m := w.members[name]
	_, err := m.group.Process(w.Context(), testTime, msg)
	refusal, ok := errors.AsType[*policy.Refusal](err)
	require.True(w, ok, "%v", err)
	require.Equal(w, "revoked", refusal.Rule)
	why, ok := errors.AsType[*event.SenderLapsed](err)
	require.True(w, ok)
	removal, ok := why.Removal()
	require.True(w, ok)
	require.Equal(w, w.members["eve"].group.OwnLeaf(), removal.Removed)
}

// logger writes the records of a deployment's log, without what every call decides and
// allows, and without the hashes of keys, which are random.
func logger(w *bytes.Buffer) *slog.Logger {
	return slog.New(chosen{slog.NewJSONHandler(w, &slog.HandlerOptions{
		ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
			switch a.Key {
			case slog.TimeKey, "profiles":
				return slog.Attr{}
			case "credential", "signature_key", "fingerprint":
				if a.Value.Kind() == slog.KindString {
					return slog.String(a.Key, "random")
				}
			}
			return a
		},
	})})
}

// chosen handles records other than decisions that allow, except those on senders.
type chosen struct{ slog.Handler }

func (c chosen) Handle(ctx context.Context, r slog.Record) error {
	plain, sender := false, false
	r.Attrs(func(a slog.Attr) bool {
		plain = plain || a.Key == "verdict" && a.Value.String() == "allow"
		sender = sender || a.Key == "question" && a.Value.String() == "sender"
		return true
	})
	if plain && !sender {
		return nil
	}
	return c.Handler.Handle(ctx, r)
}

// requireLog compares the log of a member with a file. With UPDATE_GOLDEN set, it writes the
// file.
func requireLog(t *testing.T, m *member, file string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		require.NoError(t, os.WriteFile(file, m.log.Bytes(), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(strings.Split(string(want), "\n"), strings.Split(m.log.String(), "\n")))
}

// Five members have certificates of a chain of three on P-384. One is revoked. Those who have
// the CRL refuse her next message and follow her commit, as everybody else does. She is
// removed by one call, and the log tells all of it.
func TestRevokedMemberOfFive(t *testing.T) {
	w := newRevokedGroup(t, "no message of a revoked member but commits", ", {sender.message: commit}")
	alice, bob, carol, eve := w.members["alice"], w.members["bob"], w.members["carol"], w.members["eve"]
	w.revoke(alice.pkix, bob.pkix, w.service)
	for _, m := range w.members {
		m.log.Reset()
	}
	hello, err := eve.group.Encrypt(t.Context(), testTime, []byte("hello"), nil)
	require.NoError(t, err)
	w.requireRefused("alice", hello)
	w.requireRefused("bob", hello)
	received, err := carol.group.Process(t.Context(), testTime, hello)
	require.NoError(t, err, "carol has no CRL")
	require.Nil(t, received.Lapsed)

	remove, err := eve.group.Propose(t.Context(), testTime, message.Remove{Removed: carol.group.OwnLeaf()}, nil)
	require.NoError(t, err)
	w.requireRefused("alice", remove)
	c, err := eve.group.Commit(t.Context(), testTime, mls.CommitOptions{WithoutPending: true})
	require.NoError(t, err)
	w.follow("eve", c, "alice", "bob", "carol", "dave", "eve")
	w.removeRevoked("bob", "carol", "dave")
	for _, m := range w.members {
		if m != eve {
			require.Equal(t, alice.group.Epoch(), m.group.Epoch())
			require.Equal(t, 4, m.group.Size())
		}
	}
	requireLog(t, alice, "testdata/revoked_followed.jsonl")
}

// Where the profile refuses her commit too, those who have the CRL refuse it, and so does the
// delivery service, which has the same profile and the same CRL. So nobody follows it.
func TestRevokedCommitIsRefused(t *testing.T) {
	w := newRevokedGroup(t, "no message of a revoked member", "")
	alice, bob, eve := w.members["alice"], w.members["bob"], w.members["eve"]
	w.revoke(alice.pkix, bob.pkix, w.service)
	for _, m := range w.members {
		m.log.Reset()
	}
	hello, err := eve.group.Encrypt(t.Context(), testTime, []byte("hello"), nil)
	require.NoError(t, err)
	w.requireRefused("alice", hello)
	c, err := eve.group.Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	_, err = w.delivery.Process(t.Context(), testTime, c.Message)
	require.ErrorIs(t, err, policy.ErrRefused)
	w.requireRefused("alice", c.Message)
	w.requireRefused("bob", c.Message)
	received, err := w.members["carol"].group.Process(t.Context(), testTime, c.Message)
	require.NoError(t, err, "carol would follow it if it were delivered")
	received.Commit.Discard()
	w.removeRevoked("bob", "carol", "dave")
	requireLog(t, alice, "testdata/revoked_refused.jsonl")
}

// A member that refuses a commit which the others follow stays behind. It cannot enter while
// the revoked member is there, and comes back by an external commit once she is removed, in
// the place of its own leaf.
func TestMemberThatStayedBehindComesBack(t *testing.T) {
	w := newRevokedGroup(t, "no message of a revoked member", "")
	alice, dave, eve := w.members["alice"], w.members["dave"], w.members["eve"]
	w.revoke(dave.pkix)
	c, err := eve.group.Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	w.requireRefused("dave", c.Message)
	w.follow("eve", c, "alice", "bob", "carol", "eve")
	require.Less(t, dave.group.Epoch(), alice.group.Epoch())

	comeBack := func() (*mls.Candidate, error) {
		info, err := alice.group.GroupInfo(t.Context(), testTime, true)
		require.NoError(t, err)
		leaf := dave.group.OwnLeaf()
		return mls.ExternalJoin(t.Context(), testTime, dave.cfg, info, mls.ExternalJoinOptions{Remove: &leaf})
	}
	_, err = comeBack()
	lapse, ok := errors.AsType[*event.Lapse](err)
	require.True(t, ok)
	require.Equal(t, event.Revoked, lapse.Kind)

	w.revoke(alice.pkix)
	w.removeRevoked("bob", "carol")
	c, err = comeBack()
	require.NoError(t, err)
	w.follow("dave", c, "alice", "bob", "carol", "dave")
	require.Equal(t, alice.group.Epoch(), dave.group.Epoch())
	require.Equal(t, 4, dave.group.Size())
}

// Recheck names whoever expired, at the time that it is asked about, and nobody can be made
// to remove itself.
func TestRecheck(t *testing.T) {
	w := newRevokedGroup(t, "no message of a revoked member", "")
	alice := w.members["alice"]
	found, err := credential.Recheck(t.Context(), testTime, alice.group, alice.pkix)
	require.NoError(t, err)
	require.Empty(t, found)
	found, err = credential.Recheck(t.Context(), testTime.Add(2*time.Hour), alice.group, alice.pkix)
	require.NoError(t, err)
	require.Len(t, found, 5)
	for _, f := range found {
		require.Equal(t, event.Expired, f.Lapse.Kind)
		require.Equal(t, alice.group.Leaf(f.Leaf).Credential, f.Credential)
	}
	require.Len(t, credential.Removals(found, alice.group.OwnLeaf()), 4)
	require.NotContains(t, credential.Removals(found, alice.group.OwnLeaf()), message.Remove{Removed: alice.group.OwnLeaf()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = credential.Recheck(ctx, testTime, alice.group, alice.pkix)
	require.ErrorIs(t, err, context.Canceled)
	_, err = credential.Recheck(t.Context(), testTime, w.delivery, silent{})
	require.ErrorIs(t, err, errRefused)
}

// silent reaches no verdict.
type silent struct{}

func (silent) JudgeSender(context.Context, time.Time, event.Occasion, message.Author) (*event.Lapse, error) {
	return nil, errRefused
}
