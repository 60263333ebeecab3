package limit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/mls"
)

// An exporter tree costs whoever makes and whoever follows an epoch one derivation, and
// nothing where the configuration does not ask for it: TestEngineMeetsLimit is about groups
// without one.
func TestExporterTreeCostsOneDerivation(t *testing.T) {
	for _, members := range []int{2, 8, 100} {
		b := newBench(t, 0x0001, "steady", members, func(cfg *mls.Config) { cfg.SafeExporter = true })
		g := limit.Group{Suite: b.counter.Info(), Tree: limit.Steady(members, 0), Contents: b.contents(), SafeExporter: true}
		b.commitAndProcess(g, 0)
		plain := g
		plain.SafeExporter = false
		require.Equal(t, limit.Cost{limit.Expand: 1}, g.Commit().Plus(plain.Commit().Times(-1)))
		require.Equal(t, limit.Cost{limit.Expand: 1}, g.Process(0).Plus(plain.Process(0).Times(-1)))

		member := b.member(0)
		require.Equal(t, g.SafeExport(), b.calls(func() {
			_, err := member.SafeExportSecret(6)
			require.NoError(t, err)
		}))
		require.Less(t, b.calls(func() {
			_, err := member.SafeExportSecret(7)
			require.NoError(t, err)
		})[limit.Expand], g.SafeExport()[limit.Expand])
	}
}
