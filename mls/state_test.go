package mls_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/suite"
)

// bytesOf returns the encoding of a state, which parses as what it was.
func bytesOf(t testing.TB, state mls.Snapshot) []byte {
	t.Helper()
	b, err := state.Marshal()
	require.NoError(t, err)
	parsed, err := mls.ParseSnapshot(b)
	require.NoError(t, err)
	require.Equal(t, state, parsed)
	return b
}

// saved returns the saved state of a group, as bytes.
func saved(t testing.TB, g *mls.Group) []byte {
	t.Helper()
	state, err := g.Save()
	require.NoError(t, err)
	return bytesOf(t, state)
}

// restored returns the group that b is of, which saves as b again.
func restored(t testing.TB, cfg mls.Config, b []byte) *mls.Group {
	t.Helper()
	state, err := mls.ParseSnapshot(b)
	require.NoError(t, err)
	g, err := mls.RestoreGroup(testTime, cfg, state)
	require.NoError(t, err)
	require.Equal(t, b, saved(t, g), "a restored group saves as the same bytes")
	return g
}

// stateWorld is a world that knows its members' configurations.
type stateWorld struct {
	*world
	configs map[string]mls.Config
}

func newStateWorld(t testing.TB, id suite.ID, adjust func(*mls.Config), names ...string) *stateWorld {
	configs := map[string]mls.Config{}
	return &stateWorld{configs: configs, world: newWorld(t, id, func(cfg *mls.Config) {
		if adjust != nil {
			adjust(cfg)
		}
		name, _ := cfg.Credential.Identity()
		configs[string(name)] = *cfg
	}, names...)}
}

// restart saves and restores every member, and lets each of them send again.
func (w *stateWorld) restart() {
	w.t.Helper()
	for name, g := range w.groups {
		w.groups[name] = restored(w.t, w.configs[name], saved(w.t, g))
	}
	w.agree()
	for _, g := range w.groups {
		w.wake(g)
	}
}

// wake lets a restored group send: the first attempt tells it that it is to reserve.
func (w *stateWorld) wake(g *mls.Group) {
	w.t.Helper()
	_, err := g.Encrypt(w.t.Context(), testTime, nil, nil)
	require.ErrorIs(w.t, err, mls.ErrUnsaved)
	_, err = g.MessageDelta()
	require.NoError(w.t, err)
}

func stateSuites() []suite.ID { return []suite.ID{0x0001, 0x0002, 0x0004, 0xF002, 0xF00B} }

func TestRestoredGroupsGoOn(t *testing.T) {
	for _, id := range stateSuites() {
		t.Run(fmt.Sprint(id), func(t *testing.T) {
			w := newStateWorld(t, id, nil, "a", "b", "c")
			w.talk()
			w.restart()
			w.talk()
			w.commit("b")
			w.restart()
			w.talk()
		})
	}
}
