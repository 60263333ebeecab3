package hpke

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	stdhkdf "crypto/hkdf"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"hash"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

// watched remembers the buffers of the secrets that a library returned.
type watched struct{ buffers [][]byte }

func (w *watched) see(secret []byte) []byte {
	w.buffers = append(w.buffers, secret[:cap(secret)])
	return secret
}

type watchedEncapsulator struct {
	crypto.Encapsulator
	*watched
}

func (w watchedEncapsulator) Encapsulate() (sharedSecret, ciphertext []byte) {
	sharedSecret, ciphertext = w.Encapsulator.Encapsulate()
	return w.see(sharedSecret), ciphertext
}

type watchedDecapsulator struct {
	mlkemDecapsulator
	*watched
}

func (w watchedDecapsulator) Decapsulate(ciphertext []byte) ([]byte, error) {
	secret, err := w.mlkemDecapsulator.Decapsulate(ciphertext)
	return w.see(secret), err
}

// TestLibrarySecretsAreErased looks at the memory of what crypto/mlkem returned, to its
// capacity: it is zero, and the secret is in a buffer of its own.
func TestLibrarySecretsAreErased(t *testing.T) {
	for _, kem := range []KEM{MLKEM768(), MLKEM1024()} {
		k, w := kem.(*mlkemKEM), new(watched)
		public, generate := k.public, k.generate
		k.public = func(b []byte) (crypto.Encapsulator, error) {
			key, err := public(b)
			return watchedEncapsulator{key, w}, err
		}
		k.generate = func() (mlkemDecapsulator, error) {
			key, err := generate()
			return watchedDecapsulator{key, w}, err
		}
		key, err := k.GenerateKey()
		require.NoError(t, err)
		sent, enc, err := k.Encap(key.PublicKey())
		require.NoError(t, err)
		received, err := key.Decap(enc)
		require.NoError(t, err)
		require.Equal(t, sent, received)
		require.NotEqual(t, make([]byte, len(sent)), sent)
		require.Equal(t, len(sent), cap(sent))
		require.Equal(t, len(received), cap(received))
		require.Len(t, w.buffers, 2)
		for _, b := range w.buffers {
			require.Equal(t, make([]byte, len(b)), b, "%s: of %d bytes", k.info.Name, len(b))
		}
	}
}

// TestLibrariesLeaveNothingBehindSecrets is why no more is copied: behind the length of
// what the standard library returns fresh there is nothing, save in crypto/mlkem.
func TestLibrariesLeaveNothingBehindSecrets(t *testing.T) {
	clean := func(what string, secret []byte, err error) {
		t.Helper()
		require.NoError(t, err)
		behind := secret[len(secret):cap(secret)]
		require.Zero(t, len(behind)-bytes.Count(behind, []byte{0}), "%s: %d bytes, capacity %d", what, len(secret), cap(secret))
	}
	for _, curve := range []ecdh.Curve{ecdh.X25519(), ecdh.P256(), ecdh.P384(), ecdh.P521()} {
		key, err := curve.GenerateKey(rand.Reader)
		require.NoError(t, err)
		secret, err := key.ECDH(key.PublicKey())
		clean("ECDH", secret, err)
		clean("private key", key.Bytes(), nil)
	}
	for _, h := range []func() hash.Hash{sha256.New, sha512.New384, sha512.New} {
		prk, err := stdhkdf.Extract(h, make([]byte, 32), make([]byte, 32))
		clean("Extract", prk, err)
		for _, n := range []int{12, 16, 32, 48, 64, 100} {
			okm, err := stdhkdf.Expand(h, prk, "info", n)
			clean("Expand", okm, err)
		}
		mac := hmac.New(h, make([]byte, 32))
		clean("HMAC", mac.Sum(nil), nil)
	}
	for _, n := range []int{32, 64, 96, 192} {
		clean("SHAKE256", sha3.SumSHAKE256([]byte("seed"), n), nil)
	}
	small, err := mlkem.GenerateKey768()
	require.NoError(t, err)
	clean("ML-KEM-768 seed", small.Bytes(), nil)
	large, err := mlkem.GenerateKey1024()
	require.NoError(t, err)
	clean("ML-KEM-1024 seed", large.Bytes(), nil)
	kems := 0
	for _, row := range suite.KEMs() {
		kem, err := hpke.NewKEM(row.Info.ID)
		if err != nil {
			continue // X448 and ML-KEM-512
		}
		kems++
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		private, err := key.Bytes()
		clean("crypto/hpke private key", private, err)
		enc, sender, err := hpke.NewSender(key.PublicKey(), hpke.HKDFSHA256(), hpke.AES128GCM(), nil)
		require.NoError(t, err)
		exported, err := sender.Export("context", 20)
		clean("crypto/hpke Export", exported, err)
		ciphertext, err := sender.Seal(nil, []byte("plaintext"))
		require.NoError(t, err)
		recipient, err := hpke.NewRecipient(enc, key, hpke.HKDFSHA256(), hpke.AES128GCM(), nil)
		require.NoError(t, err)
		plaintext, err := recipient.Open(nil, ciphertext)
		clean("crypto/hpke Open", plaintext, err)
	}
	require.Equal(t, 9, kems)
}
