package check

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// remote verifies over a network that gives up at a call, while the message is still being
// sent.
type remote struct {
	suite.Suite
	fails   int // the call, from 1 on
	reading []byte
}

func (r *remote) Verify(pub, message, sig []byte) error {
	if r.fails--; r.fails == 0 {
		r.reading = message
		return suite.ErrUnavailable
	}
	return r.Suite.Verify(pub, message, sig)
}

// What is signed of a key package is lent to nobody else while somebody may read it.
func TestProvidersThatGaveUpMayReadOn(t *testing.T) {
	c := newClient(t)
	kp := c.keyPackage(func(*message.KeyPackage) {})
	require.NoError(t, KeyPackage(kp, &remote{Suite: c.suite}))
	for call := 1; call <= 2; call++ { // the leaf and the rest
		r := &remote{Suite: c.suite, fails: call}
		require.ErrorIs(t, KeyPackage(kp, r), suite.ErrUnavailable)
		mlstest.RequireNotLent(t, r.reading)
	}
}
