package secrettree

import (
	"bytes"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

func newTestExporter(t testing.TB) *Exporter {
	s := mlstest.Suite(t, 1)
	return NewExporter(s, exportSecret(s))
}

func exportSecret(s suite.Suite) []byte { return bytes.Repeat([]byte{9}, s.Info().KDF.Nh) }

// exported derives the secret of a component as the draft writes it, from the root down.
func exported(t testing.TB, s suite.Suite, secret []byte, component uint16) []byte {
	for bit := 15; bit >= 0; bit-- {
		side := "left"
		if component>>bit&1 == 1 {
			side = "right"
		}
		var err error
		secret, err = label.Expand(s, secret, "tree", []byte(side), s.Info().KDF.Nh)
		require.NoError(t, err)
	}
	return secret
}

// Every component's secret is that of its leaf, whatever was taken before it.
func TestExporterFollowsTheTree(t *testing.T) {
	e := newTestExporter(t)
	for _, component := range []uint16{6, 0, 7, 0xFFFF, 1, 0x8000, 0x7FFF} {
		got, err := e.Take(component)
		require.NoError(t, err)
		require.Equal(t, exported(t, e.tree.Suite, exportSecret(e.tree.Suite), component), got)
	}
}

// What was taken is gone, with everything above it; all else can still be taken.
func TestExporterForgetsWhatItGave(t *testing.T) {
	e := newTestExporter(t)
	root := e.tree.Untouched()
	taken := map[uint16]bool{}
	for _, component := range []uint16{6, 4, 5, 0xFFFF, 7} {
		before := maps.Clone(e.tree.Nodes)
		_, err := e.Take(component)
		require.NoError(t, err)
		taken[component] = true
		require.LessOrEqual(t, len(e.tree.Nodes)-len(before), 15, "16 more, one less")
		for n, secret := range before {
			if e.tree.Nodes[n] == nil {
				require.Equal(t, make([]byte, len(secret)), secret, "overwritten")
			}
		}
		for component := range taken {
			require.False(t, e.tree.covered(treemath.NodeIndex(component)<<1))
			_, err := e.Take(component)
			require.ErrorIs(t, err, fault.ErrConsumed)
		}
		require.NoError(t, e.Check())
	}
	require.Equal(t, make([]byte, len(root)), root)
	leaves := 0
	for n := range e.tree.Nodes {
		leaves += 1 << n.Level()
	}
	require.Equal(t, components-len(taken), leaves, "no other component lost its secret")
}

// All secrets differ, and the last one leaves nothing.
func TestExporterOfAllComponents(t *testing.T) {
	e := newTestExporter(t)
	seen := make(map[string]bool, components)
	for component := range components {
		secret, err := e.Take(uint16(component))
		require.NoError(t, err)
		seen[string(secret)] = true
	}
	require.Len(t, seen, components)
	require.Empty(t, e.tree.Nodes)
	_, err := e.Take(1)
	require.ErrorIs(t, err, fault.ErrConsumed)
}

// A failed derivation changes nothing.
func TestExporterOutlivesAFailure(t *testing.T) {
	e := newTestExporter(t)
	_, err := e.Take(6)
	require.NoError(t, err)
	before, good := maps.Clone(e.tree.Nodes), e.tree.Suite
	for n, secret := range before {
		before[n] = bytes.Clone(secret)
	}
	e.tree.Suite = failingSuite{good}
	_, err = e.Take(9)
	require.ErrorIs(t, err, suite.ErrEnvironment)
	require.Equal(t, before, e.tree.Nodes)
	e.tree.Suite = good
	_, err = e.Take(9)
	require.NoError(t, err)
}

// failingSuite has an environment that refuses every derivation.
type failingSuite struct{ suite.Suite }

func (failingSuite) Expand(_, _ []byte, _ []byte) error { return suite.ErrEnvironment }

func TestExporterDestroyed(t *testing.T) {
	e := newTestExporter(t)
	_, err := e.Take(6)
	require.NoError(t, err)
	held := slices.Collect(maps.Values(e.tree.Nodes))
	e.Destroy()
	for _, secret := range held {
		require.Equal(t, make([]byte, len(secret)), secret)
	}
	_, err = e.Take(7)
	require.ErrorIs(t, err, label.ErrRetired)
}

// savedPages returns the records of an exporter tree.
func savedPages(t testing.TB, e *Exporter) map[uint32][]byte {
	pages := map[uint32][]byte{}
	for page := range e.Pages() {
		pages[page] = savedPage(t, e, page)
	}
	return pages
}

// savedPage returns one record, or nil.
func savedPage(t testing.TB, e *Exporter, page uint32) (value []byte) {
	var w *wire.Writer
	e.Write(page, func(size int) *wire.Writer {
		w = wire.WriterAfter(make([]byte, 0, size))
		return w
	})
	if w == nil {
		return nil
	}
	value, err := w.Finish()
	require.NoError(t, err)
	return value
}

func restoredExporter(s suite.Suite, pages map[uint32][]byte) (*Exporter, error) {
	e := EmptyExporter(s)
	for page, value := range pages {
		if err := e.Restore(page, value); err != nil {
			return nil, err
		}
	}
	return e, e.Check()
}

// What changed since the last save is at most four records for each secret taken, and makes
// the saved tree the same as the live one.
func TestExporterIsSavedInDeltas(t *testing.T) {
	e := newTestExporter(t)
	saved := savedPages(t, e)
	require.Len(t, saved, 1, "the root")
	e.Saved()
	for _, component := range []uint16{6, 7, 0x8000, 0x8001, 9, 0xABCD} {
		_, err := e.Take(component)
		require.NoError(t, err)
		changed := slices.Collect(e.Changed())
		require.LessOrEqual(t, len(changed), 4)
		for _, page := range changed {
			if value := savedPage(t, e, page); value != nil {
				require.LessOrEqual(t, len(value), 16*(4+e.tree.Suite.Info().KDF.Nh))
				saved[page] = value
			} else {
				delete(saved, page)
			}
		}
		e.Saved()
		require.Equal(t, savedPages(t, e), saved)
		again, err := restoredExporter(e.tree.Suite, saved)
		require.NoError(t, err)
		require.Equal(t, e.tree.Nodes, again.tree.Nodes)
	}
}

// A record that does not fit the others, or is none, is refused.
func TestForgedExportersAreRefused(t *testing.T) {
	e := newTestExporter(t)
	s, nh := e.tree.Suite, e.tree.Suite.Info().KDF.Nh
	whole := savedPages(t, e)
	_, err := e.Take(6)
	require.NoError(t, err)
	pages := savedPages(t, e)
	root := uint32(treemath.Root(components))
	for name, forge := range map[string]func(map[uint32][]byte){
		"the root beside its descendants": func(p map[uint32][]byte) { p[root] = append(whole[root], p[root]...) },
		"half a secret":                   func(p map[uint32][]byte) { p[root] = p[root][:nh] },
		"an empty page":                   func(p map[uint32][]byte) { p[root] = nil },
		"a page under another name":       func(p map[uint32][]byte) { p[root-1] = p[root] },
		"a secret twice":                  func(p map[uint32][]byte) { p[root] = append(p[root][:4+nh:4+nh], p[root]...) },
		"a node outside the tree":         func(p map[uint32][]byte) { p[root] = append([]byte{0xFF, 0xFF, 0xFF, 0xFF}, p[root][4:]...) },
	} {
		t.Run(name, func(t *testing.T) {
			forged := maps.Clone(pages)
			forge(forged)
			_, err := restoredExporter(s, forged)
			require.Error(t, err)
		})
	}
}
