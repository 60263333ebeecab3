package limit_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/limit"
	"github.com/mlsuite/mlsuite/internal/measure"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

func TestPrice(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0007, 0xF009} {
		s, err := all.Registry().Suite(id, suite.Start, time.Time{})
		require.NoError(t, err)
		prices, err := limit.Price(t.Context(), measure.Plan{Count: 3, Time: 3 * time.Millisecond}, s)
		require.NoError(t, err)
		for p, price := range prices {
			require.Positive(t, price, "%s of %s", limit.Primitive(p), id)
		}
		// What is hashed or encrypted by the byte is cheaper than a call on 64.
		require.Less(t, prices[limit.HashedByte], prices[limit.Hash])
		require.Less(t, prices[limit.AEADByte], prices[limit.AEAD])
		require.Less(t, prices[limit.Hash], prices[limit.Sign])
	}
}
