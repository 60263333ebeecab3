package apq

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// suites of a combined group.
type suites struct {
	t, pq suite.ID
	mode  Mode
}

// small are suites that tests take where it does not matter which.
var small = suites{0x0001, 0xF006, ConfidentialityOnly}

// client returns the Config of a new client.
func client(t testing.TB, s suites, name string, adjust ...func(*Config)) Config {
	t.Helper()
	leg := func(id suite.ID) mls.Config {
		cfg := mls.Config{Suites: mlstest.AllSuites(), Suite: id, Credential: message.BasicCredential([]byte(name))}
		var err error
		cfg.Signer, err = mlstest.Suite(t, id).GenerateSigner()
		require.NoError(t, err)
		return cfg
	}
	cfg := Config{T: leg(s.t), PQ: leg(s.pq), Mode: s.mode}
	for _, f := range adjust {
		f(&cfg)
	}
	return cfg
}

func publicHandshake(c *Config) { c.T.PublicHandshake, c.PQ.PublicHandshake = true, true }

// world is a combined group whose members all follow it.
type world struct {
	testing.TB
	suites suites
	adjust []func(*Config)
	groups map[string]*Group
}

func newWorld(t testing.TB, s suites, names []string, adjust ...func(*Config)) *world {
	t.Helper()
	w := &world{TB: t, suites: s, adjust: adjust, groups: map[string]*Group{}}
	g, err := Create(t.Context(), noon, w.config(names[0]), CreateOptions{})
	require.NoError(t, err)
	w.groups[names[0]] = g
	if len(names) > 1 {
		w.add(names[0], names[1:]...)
	}
	return w
}

func (w *world) config(name string) Config { return client(w, w.suites, name, w.adjust...) }

func (w *world) keyPackage(name string) *OwnKeyPackage {
	w.Helper()
	k, err := NewKeyPackage(w.Context(), noon, w.config(name), mls.KeyPackageOptions{})
	require.NoError(w, err)
	return k
}

// published returns the KeyPackages of k as others read them.
func (w *world) published(k *OwnKeyPackage) KeyPackages {
	w.Helper()
	both, err := ParseKeyPackages(k.Message, k.cfg.numbers())
	require.NoError(w, err)
	return both
}

// add lets a member add others, who join.
func (w *world) add(by string, names ...string) *Candidate {
	w.Helper()
	var options CommitOptions
	own := map[string]*OwnKeyPackage{}
	for _, name := range names {
		own[name] = w.keyPackage(name)
		options.Add = append(options.Add, w.published(own[name]))
	}
	c := w.commit(by, options)
	for name, k := range own {
		joined, err := k.Join(w.Context(), noon, c.Welcome, JoinOptions{})
		require.NoError(w, err)
		require.Equal(w, c.Info(), joined.Info())
		w.groups[name], err = joined.Adopt()
		require.NoError(w, err)
	}
	w.agree()
	return c
}

// make lets a member make a commit, which nobody has yet.
func (w *world) make(by string, options CommitOptions) *Candidate {
	w.Helper()
	c, err := w.groups[by].Commit(w.Context(), noon, options)
	require.NoError(w, err)
	return c
}

// commit lets a member commit, and all others process and adopt it.
func (w *world) commit(by string, options CommitOptions) *Candidate {
	w.Helper()
	c := w.make(by, options)
	w.adopt(by, c)
	return c
}

func (w *world) adopt(by string, c *Candidate) {
	w.Helper()
	for name, g := range w.groups {
		next := c
		if name != by {
			r, err := g.Process(w.Context(), noon, c.Message)
			require.NoError(w, err, name)
			next = r.Commit
			require.NotNil(w, next)
			require.Equal(w, c.Full(), next.Full())
		}
		adopted, err := next.Adopt()
		if next.Removed() {
			require.ErrorIs(w, err, mls.ErrRemoved)
			delete(w.groups, name)
			continue
		}
		require.NoError(w, err, name)
		w.groups[name] = adopted
	}
	if c.Welcome == nil { // or the joiners are not there yet
		w.agree()
	}
}

// agree checks that all members have the same secrets in both groups and the same Info,
// and that the groups have the same members.
func (w *world) agree() {
	w.Helper()
	var want [2][]byte
	var info *Info
	for name, g := range w.groups {
		for i, leg := range []*mls.Group{g.T(), g.PQ()} {
			got, err := leg.EpochAuthenticator()
			require.NoError(w, err)
			if want[i] == nil {
				want[i] = got
			}
			require.Equal(w, want[i], got, name)
			require.Equal(w, len(w.groups), leg.Size())
		}
		if info == nil {
			info = g.Info()
		}
		require.Equal(w, info, g.Info())
		require.Equal(w, info, g.pqInfo())
		pairs, err := g.Pairs()
		require.NoError(w, err)
		require.Len(w, pairs, len(w.groups))
	}
}

// talk lets a member send, and all others read.
func (w *world) talk(by string) {
	w.Helper()
	m, err := w.groups[by].Encrypt(w.Context(), noon, []byte("hello"), nil)
	require.NoError(w, err)
	for name, g := range w.groups {
		if name == by {
			continue
		}
		r, err := g.Process(w.Context(), noon, m)
		require.NoError(w, err)
		require.Equal(w, "hello", string(r.Application.Data))
	}
}

// requireRule shows that err is a RuleError of a section and a leg.
func requireRule(t testing.TB, err error, section string, leg Leg) {
	t.Helper()
	var rule *RuleError
	require.ErrorAs(t, err, &rule)
	require.ErrorIs(t, err, message.ErrInvalid)
	require.Equal(t, section, rule.Section, err)
	require.Equal(t, leg, rule.Leg, err)
}

// state is what must not change when a call fails.
func (w *world) state(name string) [2][]byte {
	w.Helper()
	var all [2][]byte
	for i, leg := range []*mls.Group{w.groups[name].T(), w.groups[name].PQ()} {
		var err error
		all[i], err = leg.EpochAuthenticator()
		require.NoError(w, err)
	}
	return all
}
