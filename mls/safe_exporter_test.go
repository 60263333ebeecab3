package mls

import (
	"bytes"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

func safeExporter(cfg *Config) { cfg.SafeExporter = true }

// safeExporting is a Group or a Candidate.
type safeExporting interface {
	SafeExportSecret(message.ComponentID) ([]byte, error)
}

func requireExported(t testing.TB, want []byte, from safeExporting, component message.ComponentID) {
	t.Helper()
	got, err := from.SafeExportSecret(component)
	require.NoError(t, err)
	require.Equal(t, want, got)
	requireConsumed(t, from, component)
}

func requireConsumed(t testing.TB, from safeExporting, component message.ComponentID) {
	t.Helper()
	_, err := from.SafeExportSecret(component)
	require.ErrorIs(t, err, ErrConsumed)
}

// exportedSecret derives a component's secret from the application_export_secret, as the
// draft writes it: each bit of the number is a step to the left or the right.
func exportedSecret(t testing.TB, s suite.Suite, secret []byte, component message.ComponentID) []byte {
	t.Helper()
	for bit := 15; bit >= 0; bit-- {
		side := [...]string{"left", "right"}[component>>bit&1]
		var err error
		secret, err = label.Expand(s, secret, "tree", []byte(side), s.Info().KDF.Nh)
		require.NoError(t, err)
	}
	return secret
}

// All members have the same secrets in an epoch, by whichever way they came into it, each
// component another one, and none that the tree does not have.
func TestMembersExportTheSameSecrets(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0002, 0x0007} {
		t.Run(id.String(), func(t *testing.T) {
			groups := clique(t, id, 3, safeExporter)
			created, err := CreateGroup(t.Context(), insiderTime, client(t, id, "alone", safeExporter), nil)
			require.NoError(t, err)
			_, err = created.SafeExportSecret(6)
			require.NoError(t, err)

			k := ownKeyPackage(t, id, "joiner", safeExporter)
			c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{ForcePath: true}, message.Add{KeyPackage: k.KeyPackage})
			require.NoError(t, err)
			s, root := mlstest.Suite(t, id), bytes.Clone(c.next.secrets.ApplicationExport)
			follow(t, groups, 0, c)
			joined, err := k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
			require.NoError(t, err)
			for _, component := range []message.ComponentID{0, 6, 7, 0xFFFF} {
				want := exportedSecret(t, s, root, component)
				requireExported(t, want, joined, component)
				for _, g := range groups {
					requireExported(t, want, g, component)
				}
			}

			info, err := groups[1].GroupInfo(t.Context(), insiderTime, true)
			require.NoError(t, err)
			outside, err := ExternalJoin(t.Context(), insiderTime, client(t, id, "outside", safeExporter), info, ExternalJoinOptions{})
			require.NoError(t, err)
			follow(t, groups, -1, outside)
			want, err := outside.SafeExportSecret(6)
			require.NoError(t, err)
			requireExported(t, want, groups[2], 6)
		})
	}
}

// A candidate gives its own epoch's secrets. What it gave is gone from the group that adopts
// it, and is not gone from other candidates and members.
func TestCandidatesExportSafely(t *testing.T) {
	groups := clique(t, 0x0001, 2, safeExporter)
	g := groups[0]
	now, err := g.SafeExportSecret(6)
	require.NoError(t, err)
	first, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	other, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	want, err := first.SafeExportSecret(6)
	require.NoError(t, err)
	require.NotEqual(t, now, want)
	requireConsumed(t, first, 6)
	_, err = other.SafeExportSecret(6)
	require.NoError(t, err)

	received, err := groups[1].Process(t.Context(), insiderTime, first.Message)
	require.NoError(t, err)
	requireExported(t, want, received.Commit, 6)
	before, err := groups[1].SafeExportSecret(6)
	require.NoError(t, err)
	require.Equal(t, now, before, "the group is still in its epoch")

	g, err = first.Adopt()
	require.NoError(t, err)
	requireConsumed(t, g, 6)
	next, err := g.SafeExportSecret(7)
	require.NoError(t, err)
	joined, err := received.Commit.Adopt()
	require.NoError(t, err)
	requireExported(t, next, joined, 7)
	requireConsumed(t, joined, 6)

	for _, ended := range []safeExporting{groups[0], first, other, received.Commit} {
		_, err = ended.SafeExportSecret(8)
		require.ErrorIs(t, err, ErrRetired)
	}
}

// A candidate that removes the member exports nothing.
func TestRemovedMembersExportNothing(t *testing.T) {
	groups := clique(t, 0x0001, 2, safeExporter)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 1})
	require.NoError(t, err)
	r, err := groups[1].Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	_, err = r.Commit.SafeExportSecret(6)
	require.ErrorIs(t, err, ErrRemoved)
}

// When an epoch ends, and when a group or a candidate is given up, no secret of an exporter
// tree is left.
func TestExporterTreesAreErased(t *testing.T) {
	groups := clique(t, 0x0001, 2, safeExporter)
	g := groups[0]
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	lost, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	untouched, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	var held [][]byte
	for _, c := range []*Candidate{c, lost, untouched} {
		held = append(held, c.next.secrets.ApplicationExport)
	}
	require.NotEqual(t, make([]byte, 32), held[0])
	_, err = lost.SafeExportSecret(1)
	require.NoError(t, err)
	next, err := c.Adopt()
	require.NoError(t, err)
	require.NotEqual(t, make([]byte, 32), held[0])
	next.Destroy()
	for _, secret := range held {
		require.Equal(t, make([]byte, 32), secret)
	}

	// Within an epoch that goes on, a group's next epoch takes the tree away too.
	c, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	secret := c.next.secrets.ApplicationExport
	g, err = c.Adopt()
	require.NoError(t, err)
	c, err = g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	_, err = c.Adopt()
	require.NoError(t, err)
	require.Equal(t, make([]byte, 32), secret)
}

// A group whose configuration does not ask for it has no exporter tree, and saves none; in
// the epoch after it does, it has.
func TestGroupsWithoutExporterTree(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	g := groups[0]
	_, err := g.SafeExportSecret(6)
	require.ErrorIs(t, err, message.ErrUnsupported)
	state, err := storeAll(g)
	require.NoError(t, err)
	require.NotContains(t, kindsOf(state), recordExporter)
	cfg := *g.cfg
	cfg.SafeExporter = true
	g, err = RestoreGroup(insiderTime, cfg, state)
	require.NoError(t, err)
	_, err = g.SafeExportSecret(6)
	require.ErrorIs(t, err, message.ErrUnsupported, "the epoch_secret is gone")
	_, err = storeDelta(g)
	require.NoError(t, err)
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	_, err = c.SafeExportSecret(6)
	require.NoError(t, err)
	groups[0] = g
	follow(t, groups, 0, c)
	_, err = groups[1].SafeExportSecret(6)
	require.ErrorIs(t, err, message.ErrUnsupported, "members may differ")
}

// The stored state is that of the group, delta by delta: a secret that was taken is gone
// from it, each costs at most four records of 16 secrets, and the next epoch replaces all.
func TestExporterTreesAreSaved(t *testing.T) {
	groups := clique(t, 0x0001, 2, safeExporter)
	g := groups[0]
	cfg := *g.cfg
	d, err := storeDelta(g)
	require.NoError(t, err)
	state := Snapshot{}.Apply(d)
	store := func() *Delta {
		t.Helper()
		d, err := storeDelta(g)
		require.NoError(t, err)
		state = state.Apply(d).clone()
		requireWhole(t, g, state)
		return d
	}
	store()
	for _, component := range []message.ComponentID{6, 7, 0x8000} {
		want, err := g.SafeExportSecret(component)
		require.NoError(t, err)
		earlier, err := RestoreGroup(insiderTime, cfg, state)
		require.NoError(t, err)
		requireExported(t, want, earlier, component)
		d := madeDelta(t, g)
		records := slices.DeleteFunc(slices.Clone(d.Put), func(r Record) bool { return kindOfKey(r.Key) != recordExporter })
		require.NotEmpty(t, records)
		require.LessOrEqual(t, len(records)+len(d.Delete), 4)
		for _, r := range records {
			require.LessOrEqual(t, len(r.Value), 16*(4+32))
		}
		store()
		later, err := RestoreGroup(insiderTime, cfg, state)
		require.NoError(t, err)
		requireConsumed(t, later, component)
		requireExported(t, mustExport(t, earlier, 100+component), later, 100+component)
	}

	// A candidate's tree goes along with it.
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	want := mustExport(t, c, 6)
	saved, err := c.Save()
	require.NoError(t, err)
	g, err = RestoreGroup(insiderTime, cfg, state)
	require.NoError(t, err)
	c, err = g.RestoreCandidate(insiderTime, saved)
	require.NoError(t, err)
	requireConsumed(t, c, 6)
	r, err := groups[1].Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	requireExported(t, want, r.Commit, 6)
	old := kindsOf(state)[recordExporter]
	g, err = c.Adopt()
	require.NoError(t, err)
	store()
	requireConsumed(t, g, 6)
	requireExported(t, mustExport(t, r.Commit, 7), g, 7)
	require.NotEqual(t, old, kindsOf(state)[recordExporter])

	// Without the configuration, the next epoch has none, and neither has the state.
	cfg.SafeExporter = false
	g, err = RestoreGroup(insiderTime, cfg, state)
	require.NoError(t, err)
	_, err = g.SafeExportSecret(200)
	require.NoError(t, err, "the epoch has its tree")
	store()
	c, err = g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	g, err = c.Adopt()
	require.NoError(t, err)
	store()
	require.NotContains(t, kindsOf(state), recordExporter)
}

func mustExport(t testing.TB, from safeExporting, component message.ComponentID) []byte {
	t.Helper()
	secret, err := from.SafeExportSecret(component)
	require.NoError(t, err)
	return secret
}

// An external join that waits keeps its exporter tree.
func TestExporterTreesOfJoinsAreSaved(t *testing.T) {
	groups := clique(t, 0x0001, 2, safeExporter)
	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	cfg := client(t, 0x0001, "outside", safeExporter)
	c, err := ExternalJoin(t.Context(), insiderTime, cfg, info, ExternalJoinOptions{})
	require.NoError(t, err)
	want := mustExport(t, c, 6)
	state, err := c.Save()
	require.NoError(t, err)
	follow(t, groups, -1, c)
	requireExported(t, want, groups[0], 6)
	c, err = RestoreCandidate(insiderTime, cfg, state)
	require.NoError(t, err)
	requireConsumed(t, c, 6)
	g, err := c.Adopt()
	require.NoError(t, err)
	requireExported(t, mustExport(t, groups[0], 7), g, 7)

	key := state[slices.IndexFunc(state, func(r Record) bool { return kindOfKey(r.Key) == recordExporter })].Key
	_, err = RestoreCandidate(insiderTime, cfg, state.with(key, []byte{1}))
	require.ErrorContains(t, err, "exporter tree")
}
