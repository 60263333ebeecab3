package mls

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Whatever fails in a call, at whichever step, the private keys that were alive before
// it are alive after it, and no others; and when all handles are given up, none is.
func TestFailuresLeaveTheKeysAsTheyWere(t *testing.T) {
	ctx, now := t.Context(), insiderTime
	f := &frail{}
	groups := clique(t, 0x0001, 4, f.config)
	populate(t, groups)
	g, other := groups[0], groups[1]
	own := func(name string) *OwnKeyPackage { return ownKeyPackage(t, 0x0001, name, f.config) }
	discard := func(c *Candidate, err error) (func(), error) {
		if err != nil {
			return nil, err
		}
		return c.Discard, nil
	}
	destroy := func(g *Group, err error) (func(), error) {
		if err != nil {
			return nil, err
		}
		return g.Destroy, nil
	}
	forget := func(_ []byte, err error) (func(), error) {
		return func() { require.NoError(t, g.ForgetProposals()) }, err
	}
	process := func(g *Group, message []byte) func() (func(), error) {
		return func() (func(), error) {
			r, err := g.Process(ctx, now, message)
			if err != nil {
				return nil, err
			}
			return r.Commit.Discard, nil
		}
	}
	var kept []*Candidate // or the garbage collector deletes their keys when it pleases
	defer func() { runtime.KeepAlive(kept) }()
	commitOf := func(g *Group, options CommitOptions, proposals ...message.Proposal) *Candidate {
		c, err := g.Commit(ctx, now, options, proposals...)
		require.NoError(t, err)
		kept = append(kept, c)
		return c
	}
	ownCommit := func(options CommitOptions, proposals ...message.Proposal) func() (func(), error) {
		return func() (func(), error) { return discard(g.Commit(ctx, now, options, proposals...)) }
	}
	infoOf := func(info []byte, err error) []byte { require.NoError(t, err); return info }
	info := infoOf(g.GroupInfo(ctx, now, true))
	renewal := client(t, 0x0001, "renamed", f.config)
	joiner, lastResort := own("joiner"), own("last resort")
	lastResort.lastResort = true
	invited := commitOf(other, CommitOptions{ForcePath: true}, message.Add{KeyPackage: joiner.KeyPackage}, message.Add{KeyPackage: lastResort.KeyPackage})
	withPSK := ExternalJoinOptions{PSKs: []message.PreSharedKeyID{externalPSK("psk").PSK}}
	external, err := ExternalJoin(ctx, now, client(t, 0x0001, "outside", f.config), info, withPSK)
	require.NoError(t, err)
	injected := commitOf(other, CommitOptions{}, externalPSK("psk"), message.Remove{Removed: 2})
	kept = append(kept, external)
	externalState, err := external.Save()
	require.NoError(t, err)
	joinerState, err := joiner.Save()
	require.NoError(t, err)

	update, err := other.ProposeUpdate(ctx, now, LeafOptions{}, nil)
	require.NoError(t, err)
	_, err = g.Process(ctx, now, update)
	require.NoError(t, err)
	covering := commitOf(g, CommitOptions{})
	restored := client(t, 0x0001, "outside", f.config)
	restored.Signer, restored.Credential = external.cfg.Signer, external.cfg.Credential
	require.NoError(t, g.ForgetProposals())

	for name, call := range map[string]func() (func(), error){
		"CreateGroup": func() (func(), error) {
			return destroy(CreateGroup(ctx, now, client(t, 0x0001, "x", f.config), nil))
		},
		"NewKeyPackage": func() (func(), error) {
			k, err := NewKeyPackage(ctx, now, client(t, 0x0001, "x", f.config), KeyPackageOptions{})
			return func() { k.Destroy() }, err
		},
		"RestoreKeyPackage": func() (func(), error) {
			k, err := RestoreKeyPackage(now, joiner.cfg, joinerState)
			return func() { k.Destroy() }, err
		},
		"Join":                  func() (func(), error) { return discard(joiner.Join(ctx, now, invited.Welcome, JoinOptions{})) },
		"Join by a last resort": func() (func(), error) { return discard(lastResort.Join(ctx, now, invited.Welcome, JoinOptions{})) },
		"ExternalJoin": func() (func(), error) {
			return discard(ExternalJoin(ctx, now, client(t, 0x0001, "x", f.config), info, withPSK))
		},
		"RestoreCandidate":       func() (func(), error) { return discard(RestoreCandidate(now, restored, externalState)) },
		"Commit":                 ownCommit(CommitOptions{}),
		"Commit of an Add":       ownCommit(CommitOptions{ForcePath: true}, message.Add{KeyPackage: joiner.KeyPackage}),
		"Commit of an Add alone": ownCommit(CommitOptions{}, message.Add{KeyPackage: joiner.KeyPackage}),
		"Commit of a Remove":     ownCommit(CommitOptions{}, message.Remove{Removed: 3}),
		"Commit of a PSK":        ownCommit(CommitOptions{}, externalPSK("psk")),
		"Commit of another leaf": ownCommit(CommitOptions{Leaf: renewed(renewal)}),
		"Commit of extensions":   ownCommit(CommitOptions{}, message.GroupContextExtensions{}),
		"Commit of a ReInit":     ownCommit(CommitOptions{}, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001}),
		"ProposeUpdate":          func() (func(), error) { return forget(g.ProposeUpdate(ctx, now, LeafOptions{}, nil)) },
		"Propose an Add": func() (func(), error) {
			return forget(g.Propose(ctx, now, message.Add{KeyPackage: joiner.KeyPackage}, nil))
		},
		"GroupInfo":                   func() (func(), error) { _, err := g.GroupInfo(ctx, now, true); return func() {}, err },
		"Candidate.GroupInfo":         func() (func(), error) { _, err := invited.GroupInfo(ctx, now, true); return func() {}, err },
		"Process an Add":              process(g, invited.Message),
		"Process a PSK and a Remove":  process(g, injected.Message),
		"Process an external commit":  process(g, external.Message),
		"Process its removal":         process(groups[2], injected.Message),
		"Process an own Update":       process(other, covering.Message),
		"Save and RestoreGroup":       func() (func(), error) { return saveAndRestore(g, destroy) },
		"Save and RestoreCandidate":   func() (func(), error) { return saveAndRestoreCandidate(ctx, g, discard) },
		"RestoreGroup with an Update": func() (func(), error) { return saveAndRestore(other, destroy) },
		"Branch":                      func() (func(), error) { return discard(g.Branch(ctx, now, *g.cfg, nil, nil, nil, FollowUpOptions{})) },
		"Simulation": func() (func(), error) {
			s, err := NewSimulation(ctx, now, SimulationConfig{
				Suites: g.cfg.Suites, Suite: 0x0001, Members: 2, Shape: "steady", Adjust: f.config,
			})
			return func() { s.Destroy() }, err
		},
	} {
		t.Run(name, func(t *testing.T) { f.walk(t, call) })
	}

	c := commitOf(other, CommitOptions{WithoutPending: true}, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001})
	r, err := g.Process(ctx, now, c.Message)
	require.NoError(t, err)
	ended, err := r.Commit.Adopt()
	require.NoError(t, err)
	var others []*message.KeyPackage
	var following []*OwnKeyPackage
	for i := 1; i < 4; i++ {
		k, err := NewKeyPackage(ctx, now, *groups[i].cfg, KeyPackageOptions{})
		require.NoError(t, err)
		following, others = append(following, k), append(others, k.KeyPackage)
	}
	t.Run("Reinitialize", func(t *testing.T) {
		f.walk(t, func() (func(), error) {
			return discard(ended.Reinitialize(ctx, now, *g.cfg, others, FollowUpOptions{}))
		})
	})
	followed, err := ended.Reinitialize(ctx, now, *g.cfg, others, FollowUpOptions{})
	require.NoError(t, err)

	for _, k := range append(following, joiner, lastResort) {
		k.Destroy()
	}
	followed.Discard()
	external.Discard()
	ended.Destroy()
	for _, g := range groups {
		g.Destroy()
	}
	require.Empty(t, f.alive())
}

func saveAndRestore(g *Group, destroy func(*Group, error) (func(), error)) (func(), error) {
	state, err := storeAll(g)
	if err != nil {
		return nil, err
	}
	return destroy(RestoreGroup(insiderTime, *g.cfg, state))
}

func saveAndRestoreCandidate(ctx context.Context, g *Group, discard func(*Candidate, error) (func(), error)) (func(), error) {
	c, err := g.Commit(ctx, insiderTime, CommitOptions{})
	if err != nil {
		return nil, err
	}
	defer c.Discard()
	state, err := c.Save()
	if err != nil {
		return nil, err
	}
	return discard(g.RestoreCandidate(insiderTime, state))
}

// To discard one of two candidates that cover the same own Update leaves its private key
// to the other, even after the member has forgotten its proposals.
func TestCandidatesShareTheKeyOfAnUpdate(t *testing.T) {
	f := &frail{}
	groups := clique(t, 0x0001, 3, f.config)
	proposeUpdate(t, groups, 1, LeafOptions{})
	var candidates, received []*Candidate
	for range 2 {
		c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		r, err := groups[1].Process(t.Context(), insiderTime, c.Message)
		require.NoError(t, err)
		candidates, received = append(candidates, c), append(received, r.Commit)
	}
	require.NoError(t, groups[1].ForgetProposals())
	received[0].Discard()
	r, err := groups[2].Process(t.Context(), insiderTime, candidates[1].Message)
	require.NoError(t, err)
	for i, c := range []*Candidate{candidates[1], received[1], r.Commit} {
		groups[i], err = c.Adopt()
		require.NoError(t, err)
	}
	next, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	follow(t, groups, 0, next)
	for _, g := range groups {
		g.Destroy()
	}
	require.Empty(t, f.alive())
}

// A candidate that nobody adopts or discards leaves its keys to the end of the epoch, or
// to the garbage collector where it is of no epoch; but not those to which a saved state
// refers in a provider.
func TestDroppedCandidatesLeaveNoKeys(t *testing.T) {
	f := &frail{}
	groups := clique(t, 0x0001, 2, f.config)
	before := f.alive()
	func() {
		c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		require.NotEqual(t, before, f.alive())
		runtime.KeepAlive(c)
	}()
	groups[0].Destroy()
	groups[1].Destroy()
	require.Empty(t, f.alive())

	k := ownKeyPackage(t, 0x0001, "joiner", f.config)
	g := clique(t, 0x0001, 1)[0]
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	before = f.alive()
	func() {
		joined, err := k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
		require.NoError(t, err)
		require.Greater(t, len(f.alive()), len(before))
		between := len(f.alive())
		info, err := g.GroupInfo(t.Context(), insiderTime, true)
		require.NoError(t, err)
		outside, err := ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "outside", f.config), info, ExternalJoinOptions{})
		require.NoError(t, err)
		require.Greater(t, len(f.alive()), between)
		runtime.KeepAlive(joined)
		runtime.KeepAlive(outside)
	}()
	for range 1000 {
		if runtime.GC(); len(f.alive()) == len(before) {
			break
		}
		runtime.Gosched()
	}
	require.Equal(t, before, f.alive())
	k.Destroy()
	require.Empty(t, f.alive())
}

// A share that was released opens nothing; the last that is released deletes the key,
// and not while a call uses it.
func TestSharesOfAPrivateKey(t *testing.T) {
	f := &frail{}
	key, err := frailSuite{mlstest.Suite(t, 0x0001), f}.GenerateKey()
	require.NoError(t, err)
	first := ratchettree.NewPrivateKey(key)
	second := first.Share()
	require.True(t, first.Same(second))
	first.Release()
	first.Release()
	require.Len(t, f.alive(), 1)
	require.False(t, first.Same(second) || second.Same(first) || first.Share().Held())
	for _, err := range []error{
		func() error { _, err := first.Open(nil, nil, nil, nil); return err }(),
		func() error { _, err := first.Export(nil, nil, nil, 32); return err }(),
		func() error { _, err := first.Bytes(); return err }(),
		func() error { _, err := saveKey(first); return err }(),
	} {
		require.ErrorIs(t, err, suite.ErrDestroyed)
	}
	require.Equal(t, key.PublicKey(), first.PublicKey())
	_, err = second.Use(func(suite.PrivateKey) ([]byte, error) {
		second.Release()
		require.Len(t, f.alive(), 1, "it is in use")
		return nil, nil
	})
	require.NoError(t, err)
	require.Empty(t, f.alive())
	(*ratchettree.PrivateKey)(nil).Release()
	(*ratchettree.PrivateKey)(nil).Abandon()
}

// requireKeysOf checks that the keys that are alive are those of the groups' members.
func requireKeysOf(t testing.TB, f *frail, groups ...*Group) {
	t.Helper()
	keys := 0
	for _, g := range groups {
		for range g.self.keys() {
			keys++
		}
		keys += len(g.inbox.updates)
	}
	require.Len(t, f.alive(), keys)
}

// When a candidate is adopted, its own or another's, the keys are left that the next
// epoch uses, and a member that is removed has none; whatever candidates there were.
func TestLosersLeaveNoKeys(t *testing.T) {
	for name, committer := range map[string]int{"own commit": 0, "another's commit": 1} {
		t.Run(name, func(t *testing.T) {
			f := &frail{}
			groups := clique(t, 0x0001, 4, f.config)
			populate(t, groups)
			requireKeysOf(t, f, groups...)
			proposeUpdate(t, groups, 2, LeafOptions{})
			requireKeysOf(t, f, groups...)
			var lost []*Candidate
			for _, g := range groups[:3] {
				for range 2 {
					c, err := g.Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true})
					require.NoError(t, err)
					lost = append(lost, c)
				}
			}
			won, err := groups[committer].Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true}, message.Remove{Removed: 3})
			require.NoError(t, err)
			r, err := groups[3].Process(t.Context(), insiderTime, won.Message)
			require.NoError(t, err)
			out := groups[3]
			follow(t, groups[:3], committer, won)
			_, err = r.Commit.Adopt()
			require.ErrorIs(t, err, ErrRemoved)
			requireKeysOf(t, f, groups[:3]...)
			requireKeysOf(t, f, append(groups[:3:3], out)...)
			for _, c := range lost {
				_, err := c.Adopt()
				require.ErrorIs(t, err, ErrRetired)
				c.Discard()
			}
			for _, g := range groups[:3] {
				g.Destroy()
			}
			require.Empty(t, f.alive())
		})
	}
}

// Private keys are made and deleted in one file, by whoever holds a share.
func TestKeysAreMadeAndDeletedInOnePlace(t *testing.T) {
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	below, err := filepath.Glob("internal/*/*.go")
	require.NoError(t, err)
	require.NotEmpty(t, below)
	for _, name := range append(files, below...) {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		if strings.HasSuffix(name, "_test.go") || filepath.Base(name) == "private_key.go" {
			continue
		}
		for _, maker := range []string{"ratchettree.GenerateKey(", "ratchettree.DeriveKey("} {
			b = bytes.ReplaceAll(b, []byte(maker), nil)
		}
		for _, call := range []string{"suite.Destroy(", ".GenerateKey(", ".DeriveKey(", ".Destroyer"} {
			require.NotContains(t, string(b), call, name)
		}
	}
}
