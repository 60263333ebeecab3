package mls_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// config returns the Config of a new client.
func config(t testing.TB, id suite.ID, name string) mls.Config {
	t.Helper()
	cfg := mls.Config{Suites: all.Registry(), Suite: id, Credential: mls.BasicCredential([]byte(name))}
	s, err := cfg.Suites.Suite(id, suite.Start, testTime)
	require.NoError(t, err)
	cfg.Signer, err = s.GenerateSigner()
	require.NoError(t, err)
	return cfg
}

// world is a group whose members all follow it.
type world struct {
	t      testing.TB
	id     suite.ID
	adjust func(*mls.Config)
	groups map[string]*mls.Group
	public *mls.PublicGroup // follows, unless nil

	publicState mls.Snapshot // of public
}

func newWorld(t testing.TB, id suite.ID, adjust func(*mls.Config), names ...string) *world {
	w := &world{t: t, id: id, adjust: adjust, groups: map[string]*mls.Group{}}
	g, err := mls.CreateGroup(t.Context(), testTime, w.config(names[0]), nil)
	require.NoError(t, err)
	w.groups[names[0]] = g
	if len(names) > 1 {
		w.add(names[0], names[1:]...)
	}
	return w
}

func (w *world) config(name string) mls.Config {
	cfg := config(w.t, w.id, name)
	if w.adjust != nil {
		w.adjust(&cfg)
	}
	return cfg
}

// add lets a member add others, who join by the Welcome.
func (w *world) add(by string, names ...string) *mls.Candidate {
	w.t.Helper()
	configs := map[string]mls.Config{}
	for _, name := range names {
		configs[name] = w.config(name)
	}
	return w.addClients(by, configs)
}

func (w *world) addClient(by, name string, cfg mls.Config) *mls.Candidate {
	w.t.Helper()
	return w.addClients(by, map[string]mls.Config{name: cfg})
}

func (w *world) addClients(by string, configs map[string]mls.Config) *mls.Candidate {
	w.t.Helper()
	var options []mls.CommitOption
	own := map[string]*mls.OwnKeyPackage{}
	for name, cfg := range configs {
		k, err := mls.NewKeyPackage(w.t.Context(), testTime, cfg)
		require.NoError(w.t, err)
		own[name] = k
		options = append(options, mls.Add(k.KeyPackage))
	}
	c := w.commit(by, options...)
	for name, k := range own {
		g, err := adopted(k.Join(w.t.Context(), testTime, c.Welcome))
		require.NoError(w.t, err)
		w.groups[name] = g
	}
	w.agree()
	return c
}

// commit lets a member commit, and all others process and adopt it.
func (w *world) commit(by string, options ...mls.CommitOption) *mls.Candidate {
	w.t.Helper()
	c, err := w.groups[by].Commit(w.t.Context(), testTime, options...)
	require.NoError(w.t, err)
	w.adopt(by, c)
	return c
}

func (w *world) adopt(by string, c *mls.Candidate) {
	w.t.Helper()
	if w.public != nil {
		w.adoptInPublic(c)
	}
	for name, g := range w.groups {
		next := c
		if name != by {
			r, err := g.Process(w.t.Context(), testTime, c.Message)
			require.NoError(w.t, err, name)
			require.NotNil(w.t, r.Commit)
			next = r.Commit
		}
		adopted, err := next.Adopt()
		if next.Removed() {
			require.ErrorIs(w.t, err, mls.ErrRemoved)
			delete(w.groups, name)
			continue
		}
		require.NoError(w.t, err)
		w.groups[name] = adopted
	}
}

// adopted is for a join that the client takes as it comes.
func adopted(c *mls.Candidate, err error) (*mls.Group, error) {
	if err != nil {
		return nil, err
	}
	return c.Adopt()
}

// agree checks that all members are in the same epoch with the same secrets.
func (w *world) agree() {
	w.t.Helper()
	var want []byte
	for name, g := range w.groups {
		got, err := g.EpochAuthenticator()
		require.NoError(w.t, err)
		if want == nil {
			want = got
		}
		require.Equal(w.t, want, got, name)
		exported, err := g.Export("test", []byte("context"), 40)
		require.NoError(w.t, err)
		require.Len(w.t, exported, 40)
	}
}

// talk lets every member send and all others read.
func (w *world) talk() {
	w.t.Helper()
	for name, g := range w.groups {
		text := fmt.Sprintf("from %s in epoch %d", name, g.Epoch())
		m, err := g.Encrypt(w.t.Context(), testTime, []byte(text), []byte("aad"))
		require.NoError(w.t, err)
		for other, h := range w.groups {
			if other == name {
				continue
			}
			r, err := h.Process(w.t.Context(), testTime, m)
			require.NoError(w.t, err)
			require.Equal(w.t, text, string(r.Application.Data))
			require.Equal(w.t, g.OwnLeaf(), r.Application.Sender)
			require.Equal(w.t, "aad", string(r.Application.AuthenticatedData))
			_, err = h.Process(w.t.Context(), testTime, m)
			require.ErrorIs(w.t, err, mls.ErrConsumed, "a message opens once")
		}
	}
}

func forAllSuites(t *testing.T, f func(t *testing.T, id suite.ID)) {
	for _, s := range all.Registry().Suites(suite.Start, testTime) {
		t.Run(s.Info().Name, func(t *testing.T) { f(t, s.Info().ID) })
	}
}

func TestGroupLife(t *testing.T) {
	forAllSuites(t, func(t *testing.T, id suite.ID) {
		for _, public := range []bool{false, true} {
			t.Run(fmt.Sprintf("public=%t", public), func(t *testing.T) {
				w := newWorld(t, id, func(c *mls.Config) { c.PublicHandshake = public }, "a", "b", "c")
				w.talk()
				w.commit("b") // an empty commit
				w.agree()
				w.add("c", "d", "e")
				w.commit("e")
				w.talk()

				// Proposals by reference: an Update, an Add and a Remove.
				m, err := w.groups["d"].ProposeUpdate(t.Context(), testTime, nil)
				require.NoError(t, err)
				w.propose("d", m)
				kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("f"))
				require.NoError(t, err)
				m, err = w.groups["c"].Propose(t.Context(), testTime, mls.Add(kp.KeyPackage), nil)
				require.NoError(t, err)
				w.propose("c", m)
				m, err = w.groups["a"].Propose(t.Context(), testTime, mls.Remove(w.groups["b"].OwnLeaf()), nil)
				require.NoError(t, err)
				w.propose("a", m)
				_, err = w.groups["a"].Encrypt(t.Context(), testTime, []byte("too early"), nil)
				require.ErrorIs(t, err, mls.ErrPendingProposals)
				c := w.commit("e")
				require.Len(t, c.Proposals(), 3)
				require.NotContains(t, w.groups, "b")
				w.groups["f"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome))
				require.NoError(t, err)
				w.agree()
				w.commit("d")
				w.commit("f", mls.Remove(w.groups["a"].OwnLeaf()))
				w.agree()
				w.talk()
			})
		}
	})
}

// propose delivers a proposal to all but its sender.
func (w *world) propose(by string, message []byte) {
	w.t.Helper()
	if w.public != nil {
		w.proposeInPublic(message)
	}
	for name, g := range w.groups {
		if name == by {
			continue
		}
		r, err := g.Process(w.t.Context(), testTime, message)
		require.NoError(w.t, err)
		require.NotNil(w.t, r.Proposal)
	}
}

func TestCandidatesUntilOneIsAdopted(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b", "c")
	a, b := w.groups["a"], w.groups["b"]
	before, err := a.EpochAuthenticator()
	require.NoError(t, err)
	lost, err := a.Commit(t.Context(), testTime)
	require.NoError(t, err)
	won, err := b.Commit(t.Context(), testTime)
	require.NoError(t, err)
	after, err := a.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, before, after, "a commit leaves the group as it was")

	r, err := a.Process(t.Context(), testTime, won.Message)
	require.NoError(t, err)
	want, err := won.EpochAuthenticator()
	require.NoError(t, err)
	got, err := r.Commit.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, want, got, "a candidate can be inspected")
	_, err = r.Commit.Adopt()
	require.NoError(t, err)
	_, err = lost.Adopt()
	require.ErrorIs(t, err, mls.ErrRetired, "the race is lost")
	_, err = a.Encrypt(t.Context(), testTime, []byte("late"), nil)
	require.ErrorIs(t, err, mls.ErrRetired)
	_, err = a.Export("label", nil, 32)
	require.ErrorIs(t, err, mls.ErrRetired)
}

func TestLateMessagesOfPastEpochs(t *testing.T) {
	w := newWorld(t, 0x0001, func(c *mls.Config) { c.Limits.PastEpochs = 2 }, "a", "b")
	send := func() []byte {
		m, err := w.groups["a"].Encrypt(t.Context(), testTime, fmt.Appendf(nil, "epoch %d", w.groups["a"].Epoch()), nil)
		require.NoError(t, err)
		return m
	}
	var late [][]byte
	for range 3 {
		late = append(late, send(), send())
		w.commit("b")
	}
	b := w.groups["b"]
	for i, m := range late {
		r, err := b.Process(t.Context(), testTime, m)
		if i < 2 {
			require.ErrorIs(t, err, mls.ErrWrongEpoch, "the window is two epochs")
			continue
		}
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("epoch %d", r.Application.Epoch), string(r.Application.Data))
		_, err = b.Process(t.Context(), testTime, m)
		require.ErrorIs(t, err, mls.ErrConsumed)
	}
	// What was opened stays opened when the window moves on.
	w.commit("a")
	_, err := w.groups["b"].Process(t.Context(), testTime, late[5])
	require.ErrorIs(t, err, mls.ErrConsumed)
}

func TestOwnMessagesAreNotForOneself(t *testing.T) {
	for _, public := range []bool{false, true} {
		w := newWorld(t, 0x0001, func(c *mls.Config) { c.PublicHandshake = public }, "a", "b")
		c, err := w.groups["a"].Commit(t.Context(), testTime)
		require.NoError(t, err)
		_, err = w.groups["a"].Process(t.Context(), testTime, c.Message)
		require.ErrorIs(t, err, mls.ErrOwnMessage)
		m, err := w.groups["b"].Encrypt(t.Context(), testTime, []byte("mine"), nil)
		require.NoError(t, err)
		_, err = w.groups["b"].Process(t.Context(), testTime, m)
		require.ErrorIs(t, err, mls.ErrOwnMessage)
	}
}

func TestWelcomeWithoutTree(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b")
	kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("c"))
	require.NoError(t, err)
	c := w.commit("a", mls.Add(kp.KeyPackage), mls.WithoutTree(), mls.ForcePath())
	_, err = kp.Join(t.Context(), testTime, c.Welcome)
	require.ErrorIs(t, err, mls.ErrUnsupported)
	tree, err := w.groups["a"].RatchetTree()
	require.NoError(t, err)
	early, err := c.RatchetTree()
	require.NoError(t, err)
	require.Equal(t, tree, early)
	w.groups["c"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.WithRatchetTree(tree)))
	require.NoError(t, err)
	w.agree()
	w.talk()
	_, err = kp.Join(t.Context(), testTime, c.Welcome, mls.WithRatchetTree(tree))
	require.ErrorIs(t, err, mls.ErrKeyPackageUsed, "a key package is used once")
}

// What a member proposes and does not fit stops nobody from committing.
func TestUnfitProposalsAreLeftOut(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b", "c")
	propose := func(by string, p mls.Proposal) {
		m, err := w.groups[by].Propose(t.Context(), testTime, p, nil)
		require.NoError(t, err)
		w.propose(by, m)
	}
	keyPackage := func(cfg mls.Config) *mls.KeyPackage {
		k, err := mls.NewKeyPackage(t.Context(), testTime, cfg)
		require.NoError(t, err)
		return k.KeyPackage
	}
	member := w.config("d")
	w.addClient("a", "d", member)
	stranger := w.config("e")
	propose("b", mls.Add(keyPackage(member)))   // is in the group
	propose("b", mls.Add(keyPackage(stranger))) // fits
	propose("b", mls.Add(keyPackage(stranger))) // the same client again
	propose("b", mls.Remove(w.groups["c"].OwnLeaf()))
	propose("c", mls.Remove(w.groups["c"].OwnLeaf())) // the same leaf again
	propose("b", mls.Remove(w.groups["a"].OwnLeaf())) // the committer
	m, err := w.groups["c"].ProposeUpdate(t.Context(), testTime, nil)
	require.NoError(t, err)
	w.propose("c", m) // loses to its Remove
	c := w.commit("a")
	require.Len(t, c.Proposals(), 2)
	require.Len(t, c.Added(), 1)
	require.NotContains(t, w.groups, "c")
	w.agree()
}

func TestErrorsNameTheCulprit(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b")
	_, err := w.groups["a"].Commit(context.Background(), testTime, mls.Remove(7))
	v, ok := errors.AsType[*mls.ValidationError](err)
	require.True(t, ok, err)
	require.Equal(t, "12.1.3", v.Section)
	require.EqualValues(t, 7, v.Leaf)
	require.Equal(t, 0, v.Proposal)
	require.ErrorIs(t, err, mls.ErrInvalid)
}
