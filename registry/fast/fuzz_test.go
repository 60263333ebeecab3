package fast_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

// verdict is the class of an error.
func verdict(err error) string {
	for _, class := range []error{suite.ErrVerify, suite.ErrInvalidKey, suite.ErrDecrypt} {
		if errors.Is(err, class) {
			return class.Error()
		}
	}
	if err != nil {
		return "another error"
	}
	return "none"
}

// FuzzSameVerdicts gives the same bytes to a suite of registry/all and of this package: as
// public and private keys, as messages with their signatures, and as ciphertexts. They give
// the same verdicts and the same results.
func FuzzSameVerdicts(f *testing.F) {
	standard, quick := all.Registry().Suites(), fast.Registry().Suites()
	for i, s := range standard {
		signer, err := s.GenerateSigner()
		require.NoError(f, err)
		seed, err := signer.Bytes()
		require.NoError(f, err)
		message := []byte("message")
		sig, err := signer.Sign(f.Context(), message)
		require.NoError(f, err)
		key, err := s.DeriveKey(message)
		require.NoError(f, err)
		private, err := key.Bytes()
		require.NoError(f, err)
		enc, ciphertext, err := s.Seal(key.PublicKey(), nil, nil, message)
		require.NoError(f, err)
		f.Add(byte(i), signer.PublicKey(), message, sig, seed, key.PublicKey(), private, enc, ciphertext)
	}
	f.Fuzz(func(t *testing.T, i byte, verifies, message, sig, seed, pub, private, enc, ciphertext []byte) {
		one, other := standard[int(i)%len(standard)], quick[int(i)%len(quick)]

		require.Equal(t, verdict(suite.VerifyFirst(one, verifies, message, sig)), verdict(suite.VerifyFirst(other, verifies, message, sig)))
		want := verdict(one.Verify(verifies, message, sig))
		for range 4 { // from the third time on with what was computed from the key
			require.Equal(t, want, verdict(other.Verify(verifies, message, sig)))
		}
		require.Equal(t, verdict(suite.VerifyFirst(one, verifies, message, sig)), verdict(suite.VerifyFirst(other, verifies, message, sig)))
		require.Equal(t, verdict(one.CheckSignatureKey(verifies)), verdict(other.CheckSignatureKey(verifies)))
		a, err := one.ParseSigner(seed)
		b, otherErr := other.ParseSigner(seed)
		require.Equal(t, verdict(err), verdict(otherErr))
		if err == nil {
			require.Equal(t, a.PublicKey(), b.PublicKey())
			sig, err := b.Sign(t.Context(), message)
			require.NoError(t, err)
			require.NoError(t, one.Verify(a.PublicKey(), message, sig))
		}

		derived, err := one.DeriveKey(private)
		require.NoError(t, err)
		sameKey, err := other.DeriveKey(private)
		require.NoError(t, err)
		require.Equal(t, derived.PublicKey(), sameKey.PublicKey())
		require.Equal(t, verdict(one.CheckPublicKey(pub)), verdict(other.CheckPublicKey(pub)))
		_, _, err = one.Seal(pub, nil, nil, message)
		theirEnc, theirCiphertext, otherErr := other.Seal(pub, nil, nil, message)
		require.Equal(t, verdict(err), verdict(otherErr))
		k, err := one.ParsePrivateKey(private)
		l, otherErr := other.ParsePrivateKey(private)
		require.Equal(t, verdict(err), verdict(otherErr))
		if err != nil {
			return
		}
		require.Equal(t, k.PublicKey(), l.PublicKey())
		plaintext, err := k.Open(enc, nil, nil, ciphertext)
		same, otherErr := l.Open(enc, nil, nil, ciphertext)
		require.Equal(t, verdict(err), verdict(otherErr))
		require.Equal(t, plaintext, same)
		secret, err := k.Export(enc, nil, nil, 32)
		same, otherErr = l.Export(enc, nil, nil, 32)
		require.Equal(t, verdict(err), verdict(otherErr))
		require.Equal(t, secret, same)
		if string(pub) == string(k.PublicKey()) {
			plaintext, err := k.Open(theirEnc, nil, nil, theirCiphertext)
			require.NoError(t, err)
			require.Equal(t, string(message), string(plaintext))
		}
	})
}
