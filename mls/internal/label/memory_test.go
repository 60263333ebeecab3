package label

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/suite"
)

// remote is a provider over a network that has given up, while what it was given is still
// being sent.
type remote struct {
	err     error
	reading []byte
}

func (r *remote) send(b []byte) error {
	r.reading = b
	return r.err
}

type remoteSuite struct {
	suite.Suite
	*remote
}

func (remoteSuite) CheckSignatureKey([]byte) error { return nil }

func (r remoteSuite) Verify(_, message, _ []byte) error { return r.send(message) }

func (r remoteSuite) PrepareSeal(info []byte) (suite.Sealer, error) { return nil, r.send(info) }

type remoteKey struct {
	suite.PrivateKey
	*remote
}

func (r remoteKey) Open(_, info, _, _ []byte) ([]byte, error) { return nil, r.send(info) }

type remoteSigner struct {
	suite.Signer
	*remote
}

func (r remoteSigner) Sign(_ context.Context, message []byte) ([]byte, error) {
	return nil, r.send(message)
}

// What a provider was given that returned an error is lent to nobody else.
func TestProvidersThatGaveUpMayReadOn(t *testing.T) {
	content := bytes.Repeat([]byte("content"), 100)
	for name, call := range map[string]func(r *remote) error{
		"Verify":      func(r *remote) error { return Verify(remoteSuite{remote: r}, nil, "label", content, nil) },
		"VerifyFirst": func(r *remote) error { return VerifyFirst(remoteSuite{remote: r}, nil, "label", content, nil) },
		"PrepareSeal": func(r *remote) error { _, err := PrepareSeal(remoteSuite{remote: r}, "label", content); return err },
		"Open":        func(r *remote) error { _, err := Open(remoteKey{remote: r}, "label", content, nil, nil); return err },
		"Sign": func(r *remote) error {
			_, err := Sign(t.Context(), remoteSigner{remote: r}, "label", content)
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, err := range []error{suite.ErrUnavailable, suite.ErrDestroyed, errors.New("another")} {
				r := &remote{err: err}
				require.Error(t, call(r))
				require.True(t, bytes.HasSuffix(r.reading, content))
				mlstest.RequireNotLent(t, r.reading)
			}
		})
	}
}

// What is encoded for a provider costs no memory once the provider has answered, be it by a
// refusal: garbage costs no more than what is accepted.
func TestEncodingIsInBorrowedMemory(t *testing.T) {
	if !allocated.Exact {
		t.Skip("the race detector takes borrowed memory away at random")
	}
	s := mlstest.Suite(t, 1)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	key, err := s.DeriveKey(make([]byte, 32))
	require.NoError(t, err)
	enc, garbage := make([]byte, s.Info().KEM.Nenc), make([]byte, 64)
	enc[0] = 9
	for name, call := range map[string]func(content []byte) error{
		"PrepareSeal": func(content []byte) error { _, err := PrepareSeal(s, "label", content); return err },
		"VerifyFirst": func(content []byte) error { // which keeps nothing of a key
			return refused(VerifyFirst(s, signer.PublicKey(), "label", content, garbage), suite.ErrVerify)
		},
		"Open": func(content []byte) error {
			_, err := Open(key, "label", content, enc, garbage)
			return refused(err, ErrDecrypt)
		},
	} {
		of := func(content []byte) float64 {
			return testing.AllocsPerRun(100, func() { require.NoError(t, call(content)) })
		}
		require.Equal(t, of(nil), of(make([]byte, 3000)), name)
	}
}

// refused returns nil if err is the refusal that is wanted.
func refused(err, want error) error {
	if errors.Is(err, want) {
		return nil
	}
	return fmt.Errorf("%w, not %w", err, want)
}
