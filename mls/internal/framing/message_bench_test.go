package framing

import (
	"context"
	"crypto/fips140"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// unsigned is a suite whose signatures cost nothing, and prove nothing.
type unsigned struct{ suite.Suite }

func (unsigned) Verify(pub, message, sig []byte) error { return nil }

type unsignedSigner struct{ suite.Signer }

func (unsignedSigner) Sign(context.Context, []byte) ([]byte, error) { return make([]byte, 64), nil }

// stream is a sender and a receiver of messages of 1 KiB that arrive in order.
type stream struct {
	*epochOfFour
	content          FramedContent
	sender, receiver *secrettree.Tree
}

func newStream(t testing.TB, s suite.Suite) *stream {
	e := newEpochOfFour(t, s)
	content := e.content(1, message.ContentApplication)
	content.ApplicationData = make([]byte, 1024)
	return &stream{e, content, e.tree(), e.tree()}
}

func (s *stream) protect(t testing.TB, signer suite.Signer) *PrivateMessage {
	c, err := SignContent(context.Background(), signer, message.WireFormatPrivateMessage, &s.content, s.GroupContext)
	require.NoError(t, err)
	m, err := s.ProtectPrivate(s.sender, c, nil)
	require.NoError(t, err)
	return m
}

func (s *stream) unprotect(t testing.TB, m *PrivateMessage) {
	_, key, err := s.UnprotectPrivate(s.receiver.Finder(new(sync.Mutex), testLimits), m)
	require.NoError(t, err)
	require.NoError(t, key.Commit())
}

// Beside its signature, a message of 1 KiB costs few allocations.
func TestPrivateMessageAllocations(t *testing.T) {
	limit := 12
	if fips140.Enabled() {
		limit = 80 // five HKDF-Expand of crypto/hkdf are 60 of them
	}
	if !allocated.Exact {
		t.Skip("the race detector allocates more")
	}
	s := newStream(t, unsigned{mlstest.Suite(t, 1)})
	var messages []*PrivateMessage
	protect := testing.AllocsPerRun(100, func() { messages = append(messages, s.protect(t, unsignedSigner{})) })
	unprotect := testing.AllocsPerRun(len(messages)-1, func() {
		s.unprotect(t, messages[0])
		messages = messages[1:]
	})
	t.Logf("protect %v, unprotect %v allocations", protect, unprotect)
	require.Less(t, protect, float64(limit))
	require.Less(t, unprotect, float64(limit))
}

// BenchmarkPrivateMessage compares the CPU time of messages of 1 KiB with that of
// the AEAD and the signature alone.
func BenchmarkPrivateMessage(b *testing.B) {
	for _, id := range []suite.ID{1, 2, 7} {
		s := mlstest.Suite(b, id)
		key, nonce := make([]byte, s.Info().AEAD.Nk), make([]byte, s.Info().AEAD.Nn)
		plaintext := make([]byte, 1024)
		aead, err := s.NewAEAD(key)
		require.NoError(b, err)
		sealed := aead.Seal(nil, nonce, plaintext, nil)
		m := newStream(b, s)
		signer := m.signers[1]
		signature, err := signer.Sign(context.Background(), plaintext)
		require.NoError(b, err)

		b.Run("protect/"+s.Info().Name, func(b *testing.B) {
			compare(b, func(int) { m.protect(b, signer) }, nil, func(int) {
				_, err := signer.Sign(context.Background(), plaintext)
				require.NoError(b, err)
				aead, err := s.NewAEAD(key)
				require.NoError(b, err)
				aead.Seal(nil, nonce, plaintext, nil)
			})
		})
		b.Run("unprotect/"+s.Info().Name, func(b *testing.B) {
			var m *stream
			var messages []*PrivateMessage
			prepare := func(n int) error {
				m, messages = newStream(b, s), nil
				for range n {
					messages = append(messages, m.protect(b, m.signers[1]))
				}
				return nil
			}
			compare(b, func(i int) { m.unprotect(b, messages[i]) }, prepare, func(int) {
				require.NoError(b, s.Verify(signer.PublicKey(), plaintext, signature))
				aead, err := s.NewAEAD(key)
				require.NoError(b, err)
				_, err = aead.Open(nil, nonce, sealed, nil)
				require.NoError(b, err)
			})
		})
	}
}

// compare reports what do costs, and how many times the CPU time of bare.
func compare(b *testing.B, do func(i int), prepare func(n int) error, bare func(i int)) {
	run := func(do func(i int), prepare func(n int) error) measure.Sample {
		samples, err := measure.Run(b.Context(), measure.Plan{Count: 5, Time: 100 * time.Millisecond},
			measure.Operation{Prepare: prepare, Do: func(i int) error { do(i); return nil }})
		require.NoError(b, err)
		return measure.Median(samples)
	}
	for b.Loop() {
		message, alone := run(do, prepare), run(bare, nil)
		b.ReportMetric(message.CPU/alone.CPU, "x-bare")
		b.ReportMetric(message.CPU, "cpu-ns/message")
		b.ReportMetric(message.Allocs, "allocs/message")
		b.ReportMetric(message.AllocBytes, "B/message")
	}
	b.ReportMetric(0, "ns/op")
}
