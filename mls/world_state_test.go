package mls_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
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
	requireSame(t, state, parsed, "a state parses as what it was")
	return b
}

// requireSame requires that two states have the same records, and says which are not.
func requireSame(t testing.TB, want, got mls.Snapshot, why string) {
	t.Helper()
	same := func(a, b mls.Record) bool { return bytes.Equal(a.Key, b.Key) && bytes.Equal(a.Value, b.Value) }
	if slices.EqualFunc(want, got, same) {
		return
	}
	contents := func(s mls.Snapshot) map[string]string {
		m := map[string]string{}
		for _, r := range s {
			m[fmt.Sprintf("%c %x", r.Key[0], r.Key[1:])] = fmt.Sprintf("%x", sha256.Sum256(r.Value))
		}
		return m
	}
	require.Equal(t, contents(want), contents(got), why)
	require.Fail(t, "the records are the same, in another order or twice", why)
}

// parsedState is the state of what bytesOf returned.
func parsedState(t testing.TB, b []byte) mls.Snapshot {
	t.Helper()
	state, err := mls.ParseSnapshot(b)
	require.NoError(t, err)
	return state
}

// storeAll stores the whole state of a group, and returns it.
func storeAll(g interface{ Save() (*mls.Delta, error) }) (mls.Snapshot, error) {
	d, err := g.Save()
	if err != nil {
		return nil, err
	}
	d.Stored()
	return mls.Snapshot{}.Apply(d), nil
}

// storeDelta says of a group's Delta that it is stored, and returns it.
func storeDelta(g interface{ Delta() (*mls.Delta, error) }) (*mls.Delta, error) {
	d, err := g.Delta()
	if err == nil {
		d.Stored()
	}
	return d, err
}

// saved returns the saved state of a group, as bytes.
func saved(t testing.TB, g *mls.Group) []byte {
	t.Helper()
	state, err := storeAll(g)
	require.NoError(t, err)
	return bytesOf(t, state)
}

// restored returns the group that b is of. It would save as b again, but for the own
// ratchets: it reserves other generations, and a restart derives them, in place of the secret
// that they follow from.
func restored(t testing.TB, cfg mls.Config, b []byte) *mls.Group {
	t.Helper()
	g, err := mls.RestoreGroup(testTime, cfg, parsedState(t, b))
	require.NoError(t, err)
	other, err := mls.RestoreGroup(testTime, cfg, parsedState(t, b))
	require.NoError(t, err)
	again := saved(t, other)
	ofEpoch := func(kind byte) []byte { return append(binary.BigEndian.AppendUint64([]byte("p"), g.Epoch()), kind) }
	ratchets := binary.BigEndian.AppendUint32(ofEpoch('v'), uint32(g.OwnLeaf()))
	underived := !slices.ContainsFunc(parsedState(t, b), func(r mls.Record) bool { return bytes.HasPrefix(r.Key, ratchets) })
	if underived {
		restored(t, cfg, again)
	}
	unreserved := func(b []byte) mls.Snapshot {
		without := [][]byte{ratchets, []byte("z")}
		if underived { // the epoch has what is reserved, and the secret of the root
			without = append(without, ofEpoch('s'), []byte("e"))
		}
		return parsedState(t, b).Apply(&mls.Delta{Delete: without})
	}
	requireSame(t, unreserved(b), unreserved(again), "a restored group saves the same")
	return g
}

// stateWorld is a world that knows its members' configurations, and keeps a saved
// state of each by the deltas of its group.
type stateWorld struct {
	*world
	configs map[string]mls.Config
	states  map[string]mls.Snapshot
}

func newStateWorld(t testing.TB, id suite.ID, adjust func(*mls.Config), names ...string) *stateWorld {
	configs := map[string]mls.Config{}
	w := &stateWorld{configs: configs, states: map[string]mls.Snapshot{}}
	w.world = newWorld(t, id, func(cfg *mls.Config) {
		if adjust != nil {
			adjust(cfg)
		}
		name, _ := cfg.Credential.Identity()
		configs[string(name)] = *cfg
	}, names...)
	return w
}

// save applies the deltas of all groups to their saved states, which are then what
// the groups save as a whole.
func (w *stateWorld) save() {
	w.t.Helper()
	for _, name := range slices.Sorted(maps.Keys(w.groups)) {
		g := w.groups[name]
		delta, err := storeDelta(g)
		require.NoError(w.t, err)
		w.states[name] = w.states[name].Apply(delta)
		whole, err := g.Save()
		require.NoError(w.t, err)
		requireSame(w.t, mls.Snapshot{}.Apply(whole), w.states[name], "a state is the sum of its deltas")
		whole.Stored()
		again, err := g.Delta()
		require.NoError(w.t, err)
		require.Empty(w.t, again.Put)
	}
}

// text lets a member send its name. It saves first if it has to.
func (w *stateWorld) text(by string) []byte {
	w.t.Helper()
	m, err := w.groups[by].Encrypt(w.t.Context(), testTime, []byte(by), nil)
	if errors.Is(err, mls.ErrUnsaved) {
		w.save()
		m, err = w.groups[by].Encrypt(w.t.Context(), testTime, []byte(by), nil)
	}
	require.NoError(w.t, err)
	return m
}

// restart replaces every group by one that is restored from its saved state.
func (w *stateWorld) restart() {
	w.t.Helper()
	w.save()
	for name, g := range w.groups {
		w.groups[name] = restored(w.t, w.configs[name], bytesOf(w.t, w.states[name]))
		require.Empty(w.t, cmp.Diff(g.GroupContext(), w.groups[name].GroupContext(), cmpopts.EquateEmpty()))
		require.Equal(w.t, g.OwnLeaf(), w.groups[name].OwnLeaf())
	}
	w.agree()
}

// stateSuites are the suites of tests that are not the same for all: with keys that
// are scalars and seeds, and with hashes of all sizes.
func stateSuites() []suite.ID {
	if !vectors.Wide() {
		return []suite.ID{0x0002, 0x0004, 0xF002}
	}
	return []suite.ID{0x0001, 0x0002, 0x0004, 0xF002, 0xF00B}
}

func forStateSuites(t *testing.T, f func(t *testing.T, id suite.ID)) {
	for _, id := range stateSuites() {
		t.Run(id.String(), func(t *testing.T) {
			t.Parallel()
			f(t, id)
		})
	}
}
