package mlstest

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/scratch"
)

// RequireNotLent checks that b, which somebody still reads, is in no memory that package
// scratch lends: it borrows some, as others do, and overwrites it.
func RequireNotLent(t testing.TB, b []byte) {
	t.Helper()
	before := bytes.Clone(b)
	for range 10 {
		lent := scratch.Borrow(len(b))
		defer lent.Return()
		clear(lent.Bytes[:cap(lent.Bytes)])
	}
	require.Equal(t, before, b)
}
