package suitetest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fips"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/suitetest"
)

func testRegistry(t *testing.T, r *registry.Registry, count int) {
	suites := r.Suites(suite.Start, time.Time{})
	require.Len(t, suites, count)
	for _, s := range suites {
		t.Run(s.Info().Name, func(t *testing.T) {
			t.Parallel()
			suitetest.TestSuite(t, s)
		})
	}
}

func TestAllSuites(t *testing.T) { testRegistry(t, all.Registry(), 18) }

func TestVectorised(t *testing.T) {
	r, err := all.New(all.Vectorised())
	require.NoError(t, err)
	testRegistry(t, r, 18)
}

func TestFIPS(t *testing.T) {
	r, err := fips.New()
	require.NoError(t, err)
	testRegistry(t, r, 9)
}
