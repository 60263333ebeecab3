package mls_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

var testTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// config returns the Config of a new client.
func config(t testing.TB, id suite.ID, name string) mls.Config {
	t.Helper()
	cfg := mls.Config{Suites: mlstest.AllSuites(), Suite: id, Credential: message.BasicCredential([]byte(name))}
	s, err := cfg.Suites.Suite(id)
	require.NoError(t, err)
	cfg.Signer, err = s.GenerateSigner()
	require.NoError(t, err)
	return cfg
}

// From fixtures_test.go.
var (
	externalPSK   = mls.ExternalPSK
	resumptionPSK = mls.ResumptionPSK
	adopted       = mls.Adopted

	ownKeyPackageFrom = mls.OwnKeyPackageFrom
	privateKeysOf     = mls.PrivateKeysOf
)

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
	var proposals []message.Proposal
	own := map[string]*mls.OwnKeyPackage{}
	for name, cfg := range configs {
		k, err := mls.NewKeyPackage(w.t.Context(), testTime, cfg, mls.KeyPackageOptions{})
		require.NoError(w.t, err)
		own[name] = k
		proposals = append(proposals, message.Add{KeyPackage: k.KeyPackage})
	}
	c := w.commit(by, proposals...)
	for name, k := range own {
		g, err := adopted(k.Join(w.t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
		require.NoError(w.t, err)
		w.groups[name] = g
	}
	w.agree()
	return c
}

// commit lets a member commit, and all others process and adopt it.
func (w *world) commit(by string, proposals ...message.Proposal) *mls.Candidate {
	w.t.Helper()
	return w.commitWith(by, mls.CommitOptions{}, proposals...)
}

func (w *world) commitWith(by string, options mls.CommitOptions, proposals ...message.Proposal) *mls.Candidate {
	w.t.Helper()
	c, err := w.groups[by].Commit(w.t.Context(), testTime, options, proposals...)
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

// forAllSuites runs a test in all suites, or in every third if samples are not wide.
func forAllSuites(t *testing.T, f func(t *testing.T, id suite.ID)) {
	for i, s := range mlstest.AllSuites().Suites() {
		if !vectors.Wide() && i%3 > 0 {
			continue
		}
		t.Run(s.Info().Name, func(t *testing.T) {
			t.Parallel()
			f(t, s.Info().ID)
		})
	}
}
