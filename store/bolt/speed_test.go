package bolt

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.etcd.io/bbolt"

	"github.com/mlsuite/mlsuite/internal/grouprecords"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/store"
)

// An epoch costs O(log n) bytes: of the group's state, and of pages of the file.
func BenchmarkEpoch(b *testing.B) {
	for b.Loop() {
		state, pages := map[int]int{}, map[int]int{}
		for _, n := range []int{100, 10_000} {
			state[n], pages[n] = epochBytes(b, n)
			b.ReportMetric(float64(state[n]), fmt.Sprintf("n=%d-state-bytes", n))
			b.ReportMetric(float64(pages[n]), fmt.Sprintf("n=%d-page-bytes", n))
		}
		// A hundred times the members have twice the levels. The whole state of the smaller
		// group is on a few pages.
		require.Less(b, state[10_000], 3*state[100])
		require.Less(b, pages[10_000], 6*pages[100])
	}
}

// epochBytes returns the bytes that a member of a group of n stores for an epoch that
// another member's commit begins, and those of the pages that bbolt writes for it.
func epochBytes(b *testing.B, n int) (state, pages int) {
	sim, err := mls.NewSimulation(b.Context(), time.Now(), mls.SimulationConfig{Suites: fast.Registry(), Suite: 0x0001, Members: n, Shape: "steady"})
	require.NoError(b, err)
	defer sim.Destroy()
	g, err := sim.Member(sim.Leaves()[n/2])
	require.NoError(b, err)
	s, err := Open(filepath.Join(b.TempDir(), "store"), testOptions(1))
	require.NoError(b, err)
	defer s.Close()
	save := func() (size int) {
		d, err := g.Delta()
		require.NoError(b, err)
		require.NoError(b, s.Update(b.Context(), func(w store.Writer) error { return grouprecords.Apply(w, store.Key([]byte("g")), d) }))
		d.Stored()
		for _, r := range d.Put {
			size += len(r.Key) + len(r.Value)
		}
		return size
	}
	save()
	const epochs = 20
	var before bbolt.TxStats
	for i := range epochs + 3 {
		if i == 3 { // the window of past epochs is full
			before = s.db.Stats().TxStats
			state = 0
		}
		committer := sim.Leaves()[i*n/(epochs+3)]
		if committer == g.OwnLeaf() {
			committer = sim.Leaves()[0]
		}
		c, err := sim.Commit(b.Context(), time.Now(), committer, mls.CommitOptions{})
		require.NoError(b, err)
		r, err := g.Process(b.Context(), time.Now(), c.Message)
		require.NoError(b, err)
		g, err = r.Commit.Adopt()
		require.NoError(b, err)
		state += save()
	}
	after := s.db.Stats().TxStats
	written := after.Sub(&before)
	return state / epochs, int(written.GetPageAlloc()) / epochs
}

// A store of 10,000 groups of a chat's size opens, and the client's index of them is read.
func BenchmarkOpen(b *testing.B) {
	const groups = 10_000
	path := filepath.Join(b.TempDir(), "store")
	s, err := Open(path, testOptions(1))
	require.NoError(b, err)
	require.NoError(b, s.Update(b.Context(), func(w store.Writer) error {
		for i := range groups {
			id := fmt.Appendf(nil, "group %d", i)
			if err := w.Put(store.Key([]byte("x"), id), make([]byte, 300)); err != nil {
				return err
			}
			for r := range 30 {
				if err := w.Put(append(store.Key([]byte("g"), id), byte(r)), make([]byte, 150)); err != nil {
					return err
				}
			}
		}
		return nil
	}))
	require.NoError(b, s.Close())
	for b.Loop() {
		s, err := Open(path, testOptions(1))
		require.NoError(b, err)
		read := 0
		require.NoError(b, s.View(b.Context(), func(r store.Reader) error {
			for _, err := range r.Scan(store.Key([]byte("x")), nil) {
				if err != nil {
					return err
				}
				read++
			}
			return nil
		}))
		require.Equal(b, groups, read)
		require.NoError(b, s.Close())
	}
}
