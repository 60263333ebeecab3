package mls

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// testSuite returns the suite with the code point id, of all eighteen.
func testSuite(t testing.TB, id suite.ID) suite.Suite {
	t.Helper()
	s, err := all.Registry().Suite(id, suite.Continue, time.Time{})
	require.NoError(t, err)
	return s
}

// flipped returns b with one bit of the octet at i changed.
func flipped(b []byte, i int) []byte {
	c := bytes.Clone(b)
	c[i] ^= 1
	return c
}
