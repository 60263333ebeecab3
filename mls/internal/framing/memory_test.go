package framing

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/scratch"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// remoteSuite verifies, and remoteSigner signs, over a network that has given up, while the
// message is still being sent.
type remoteSuite struct {
	suite.Suite
	reading *[]byte
}

func (r remoteSuite) Verify(_, message, _ []byte) error {
	*r.reading = message
	return suite.ErrUnavailable
}

type remoteSigner struct {
	suite.Signer
	reading *[]byte
}

func (r remoteSigner) Sign(_ context.Context, message []byte) ([]byte, error) {
	*r.reading = message
	return nil, context.DeadlineExceeded
}

// What is signed of a message is lent to nobody else while somebody may read it.
func TestProvidersThatGaveUpMayReadOn(t *testing.T) {
	e := newEpochOfFour(t, mlstest.Suite(t, 1))
	content := e.content(1, message.ContentApplication)
	var reading []byte
	_, err := SignContent(t.Context(), remoteSigner{reading: &reading}, message.WireFormatPrivateMessage, &content, e.GroupContext)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.NotEmpty(t, reading)
	mlstest.RequireNotLent(t, reading)

	reading = nil
	require.ErrorIs(t, verifyContent(remoteSuite{e.Suite, &reading}, message.Author{}, e.private(t, 1, message.ContentApplication), e.GroupContext), suite.ErrUnavailable)
	require.NotEmpty(t, reading)
	mlstest.RequireNotLent(t, reading)
}

// What members say is in no memory that is lent to somebody else.
func TestBorrowedMemoryIsErased(t *testing.T) {
	s := newStream(t, mlstest.Suite(t, 1))
	s.content.ApplicationData = bytes.Repeat([]byte("secret"), 100)
	lent := func() (found bool) {
		for range 10 {
			m := scratch.Borrow(len(s.content.ApplicationData))
			defer m.Return()
			found = found || bytes.Contains(m.Bytes[:cap(m.Bytes)], []byte("secret"))
		}
		return found
	}
	m := s.protect(t, s.signers[1])
	require.False(t, lent(), "after signing")
	s.unprotect(t, m)
	require.False(t, lent(), "after verifying")
}
