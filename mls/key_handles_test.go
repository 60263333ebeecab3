package mls_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// handled is a world in which the provider of each member keeps its HPKE private keys, and
// gives handles alone.
type handled struct {
	*stateWorld
	vaults map[string]*vault
}

func newHandled(t *testing.T, names ...string) *handled {
	h := &handled{vaults: map[string]*vault{}}
	h.stateWorld = newStateWorld(t, 0x0001, func(cfg *mls.Config) {
		name, _ := cfg.Credential.Identity()
		v := newVault()
		h.vaults[string(name)] = v
		cfg.Suites = newVaultSuites(t, v)
		cfg.PublicHandshake = true // a message can be processed again
	}, names...)
	return h
}

// refersTo returns which keys a saved state refers to.
func refersTo(keys []string, states ...mls.Snapshot) []string {
	return slices.DeleteFunc(slices.Clone(keys), func(key string) bool {
		return !slices.ContainsFunc(slices.Concat(states...), func(r mls.Record) bool { return bytes.Contains(r.Value, []byte(key)) })
	})
}

// check saves all groups. Each provider then has the keys to which the member's saved state
// refers, and no others; and a member that has left has none.
func (h *handled) check() {
	h.t.Helper()
	h.save()
	for name, v := range h.vaults {
		alive := v.alive()
		if h.groups[name] == nil {
			require.Empty(h.t, alive, name)
			continue
		}
		require.NotEmpty(h.t, alive)
		require.Equal(h.t, alive, refersTo(alive, h.states[name]), name)
	}
}

// A group lives, moves and ends, and no provider keeps a key to which no saved state refers:
// not after a commit, an Update, a removal, a lost commit, a restart, a join from outside, or
// a move to the group that follows.
func TestALifeByHandlesLeavesNone(t *testing.T) {
	h := newHandled(t, "a", "b", "c", "d")
	ctx := t.Context()
	h.check()
	h.talk()
	for _, by := range []string{"a", "b", "c", "d"} {
		h.commit(by)
		h.check()
	}
	update, err := h.groups["a"].ProposeUpdate(ctx, testTime, mls.LeafOptions{}, nil)
	require.NoError(t, err)
	h.propose("a", update)
	h.check()
	h.restart()
	h.check()
	h.commit("b")
	h.check()

	lost, err := h.groups["a"].Commit(ctx, testTime, mls.CommitOptions{})
	require.NoError(t, err)
	r, err := h.groups["c"].Process(ctx, testTime, lost.Message)
	require.NoError(t, err)
	require.NotNil(t, r.Commit)
	h.commit("b")
	h.check()

	h.commit("a", message.Remove{Removed: h.groups["d"].OwnLeaf()})
	require.NotContains(t, h.groups, "d")
	h.check()
	h.add("c", "d")
	h.check()
	info, err := h.groups["b"].GroupInfo(ctx, testTime, true)
	require.NoError(t, err)
	cfg := h.config("e")
	outside, err := mls.ExternalJoin(ctx, testTime, cfg, info, mls.ExternalJoinOptions{})
	require.NoError(t, err)
	h.adopt("", outside)
	h.groups["e"], err = outside.Adopt()
	require.NoError(t, err)
	h.agree()
	h.check()
	h.restart()
	h.check()

	h.commit("a", message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001})
	h.check()
	h.move("a")
	h.check()
	h.talk()
	for name, g := range h.groups {
		g.Destroy()
		delete(h.groups, name)
	}
	h.check()
}

// move takes all to the group that follows a ReInit, which one of them makes.
func (h *handled) move(by string) {
	h.t.Helper()
	ctx := h.t.Context()
	own := map[string]*mls.OwnKeyPackage{}
	var others []*message.KeyPackage
	for _, name := range slices.Sorted(maps.Keys(h.groups)) {
		if name == by {
			continue
		}
		k, err := mls.NewKeyPackage(ctx, testTime, h.configs[name], mls.KeyPackageOptions{Follows: h.groups[name]})
		require.NoError(h.t, err)
		state, err := k.Save()
		require.NoError(h.t, err)
		alive := h.vaults[name].alive()
		require.Equal(h.t, alive, refersTo(alive, h.states[name], state))
		own[name], others = k, append(others, k.KeyPackage)
	}
	c, err := h.groups[by].Reinitialize(ctx, testTime, h.configs[by], others, mls.FollowUpOptions{})
	require.NoError(h.t, err)
	for name, old := range h.groups {
		next := c
		if name != by {
			next, err = own[name].Join(ctx, testTime, c.Welcome, mls.JoinOptions{Follows: old})
			require.NoError(h.t, err)
		}
		g, err := next.Adopt()
		require.NoError(h.t, err)
		old.Destroy()
		h.groups[name] = g
		delete(h.states, name)
	}
	h.agree()
}

var errVault = fmt.Errorf("the vault is gone: %w", suite.ErrUnavailable)

// walk fails each operation of a vault in a call in turn, until the call has no further one.
// Whatever fails, the vault has the same keys as before; and so it has after what undo takes
// back.
func (v *vault) walk(t *testing.T, call func() (undo func(), err error)) {
	t.Helper()
	before := v.alive()
	for n := 1; ; n++ {
		var steps atomic.Int64 // on all cores
		v.step = func() error {
			if steps.Add(1) == int64(n) {
				return errVault
			}
			return nil
		}
		undo, err := call()
		v.step = nil
		if err == nil {
			undo()
		}
		require.Equal(t, before, v.alive(), "operation %d: %v", n, err)
		if steps.Load() < int64(n) {
			require.NoError(t, err)
			require.Greater(t, n, 1, "the vault has no part in it")
			return
		}
		require.ErrorIs(t, err, errVault)
	}
}

// Whatever fails in a provider, at whichever step, it has the keys afterwards that it had
// before, and the group goes on.
func TestFailuresLeaveTheHandlesAsTheyWere(t *testing.T) {
	h := newHandled(t, "a", "b", "c")
	h.commit("a")
	h.commit("b")
	h.check()
	ctx := t.Context()
	a, v := h.groups["a"], h.vaults["a"]
	discard := func(c *mls.Candidate, err error) (func(), error) {
		if err != nil {
			return nil, err
		}
		return c.Discard, nil
	}
	process := func(message []byte) func() (func(), error) {
		return func() (func(), error) {
			r, err := a.Process(ctx, testTime, message)
			if err != nil {
				return nil, err
			}
			return r.Commit.Discard, nil
		}
	}
	theirs, err := h.groups["b"].Commit(ctx, testTime, mls.CommitOptions{})
	require.NoError(t, err)
	cfg := h.configs["a"]
	k, err := mls.NewKeyPackage(ctx, testTime, cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	host, err := mls.CreateGroup(ctx, testTime, config(t, 0x0001, "host"), nil)
	require.NoError(t, err)
	invitation, err := host.Commit(ctx, testTime, mls.CommitOptions{ForcePath: true}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	info, err := host.GroupInfo(ctx, testTime, true)
	require.NoError(t, err)
	for name, call := range map[string]func() (func(), error){
		"Commit": func() (func(), error) { return discard(a.Commit(ctx, testTime, mls.CommitOptions{})) },
		"Commit of a Remove": func() (func(), error) {
			return discard(a.Commit(ctx, testTime, mls.CommitOptions{}, message.Remove{Removed: h.groups["c"].OwnLeaf()}))
		},
		"Process": process(theirs.Message),
		"ProposeUpdate": func() (func(), error) {
			_, err := a.ProposeUpdate(ctx, testTime, mls.LeafOptions{}, nil)
			return func() { require.NoError(t, a.ForgetProposals()) }, err
		},
		"Join": func() (func(), error) { return discard(k.Join(ctx, testTime, invitation.Welcome, mls.JoinOptions{})) },
		"ExternalJoin": func() (func(), error) {
			return discard(mls.ExternalJoin(ctx, testTime, cfg, info, mls.ExternalJoinOptions{}))
		},
		"CreateGroup": func() (func(), error) {
			g, err := mls.CreateGroup(ctx, testTime, cfg, nil)
			return func() { g.Destroy() }, err
		},
		"NewKeyPackage": func() (func(), error) {
			k, err := mls.NewKeyPackage(ctx, testTime, cfg, mls.KeyPackageOptions{})
			return func() { k.Destroy() }, err
		},
		"Save": func() (func(), error) {
			_, err := a.Save()
			return func() {}, err
		},
		"RestoreGroup": func() (func(), error) {
			_, err := mls.RestoreGroup(testTime, cfg, h.states["a"])
			return func() {}, err
		},
	} {
		t.Run(name, func(t *testing.T) { v.walk(t, call) })
	}
	k.Destroy()
	h.commit("c")
	h.check()
}

// A process that ends between an Adopt and the store of what came of it comes back from the
// state before, and adopts again: a provider keeps the keys to which that state refers until
// the store has the next one. A Delta of the state before that is stored late changes nothing.
func TestHandlesOutliveACrashAfterAdopt(t *testing.T) {
	for name, c := range map[string]struct {
		by      string
		options mls.CommitOptions
	}{
		"own commit":                          {by: "a"},
		"another's commit":                    {by: "b"},
		"commit that covers an own Update":    {by: "c"},
		"commit that leaves an Update out":    {by: "b", options: mls.CommitOptions{WithoutPending: true}},
		"own commit, in place of own Updates": {by: "a", options: mls.CommitOptions{ForcePath: true}},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHandled(t, "a", "b", "c")
			h.commit("a")
			h.commit("c")
			if name != "own commit" && name != "another's commit" {
				update, err := h.groups["a"].ProposeUpdate(t.Context(), testTime, mls.LeafOptions{}, nil)
				require.NoError(t, err)
				h.propose("a", update)
			}
			h.check()
			h.crashAfterAdopt(c.by, c.options)
			h.agree()
			h.check()
			h.talk()
			h.commit("b")
			h.check()
		})
	}
}

// crashAfterAdopt lets all adopt a commit. The process of a ends after that, and another one
// begins with what was stored before.
func (h *handled) crashAfterAdopt(by string, options mls.CommitOptions) {
	t := h.t
	t.Helper()
	h.save()
	c, err := h.groups[by].Commit(t.Context(), testTime, options)
	require.NoError(t, err)
	theirs := map[string]*mls.Candidate{by: c}
	for name, g := range h.groups {
		if name != by {
			r, err := g.Process(t.Context(), testTime, c.Message)
			require.NoError(t, err)
			theirs[name] = r.Commit
		}
	}
	candidate, err := theirs["a"].Save()
	require.NoError(t, err)
	late, err := h.groups["a"].Delta()
	require.NoError(t, err)
	h.states["a"] = h.states["a"].Apply(late)
	lost, err := theirs["a"].Adopt()
	require.NoError(t, err)
	late.Stored()
	require.NotNil(t, lost)

	g, err := mls.RestoreGroup(testTime, h.configs["a"], h.states["a"])
	require.NoError(t, err)
	theirs["a"], err = g.RestoreCandidate(testTime, candidate)
	require.NoError(t, err)
	for name, next := range theirs {
		h.groups[name], err = next.Adopt()
		require.NoError(t, err)
	}
}

// A process that ends between a join and the store of the group joins again by the stored key
// package. Once the group is stored, the provider has the init key no more.
func TestHandlesOutliveACrashAfterJoin(t *testing.T) {
	h := newHandled(t, "a", "b")
	cfg := h.config("c")
	k, err := mls.NewKeyPackage(t.Context(), testTime, cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	stored, err := k.Save()
	require.NoError(t, err)
	c := h.commit("a", message.Add{KeyPackage: k.KeyPackage})
	lost, err := adopted(k.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
	require.NoError(t, err)
	require.NotNil(t, lost) // and the process ends

	k, err = mls.RestoreKeyPackage(testTime, cfg, stored)
	require.NoError(t, err)
	h.groups["c"], err = adopted(k.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
	require.NoError(t, err)
	h.agree()
	h.check()
	h.commit("c")
	h.check()
	for name, g := range h.groups {
		g.Destroy()
		delete(h.groups, name)
	}
	h.check()
}
