package hpke_test

import (
	"bytes"
	"crypto/sha3"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/suite"
)

// derived returns the private key that kem derives in a way from ikm.
func derived(t *testing.T, kem hpke.KEM, derivation string, ikm []byte) []byte {
	t.Helper()
	other, err := hpke.WithDerivation(kem, derivation)
	require.NoError(t, err)
	info := kem.Info()
	info.Derivation = derivation
	require.Equal(t, info, other.Info(), "all but the derivation is the KEM's")
	key, err := other.DeriveKeyPair(ikm)
	require.NoError(t, err)
	seed, err := key.Bytes()
	require.NoError(t, err)
	again, err := kem.ParsePrivateKey(seed)
	require.NoError(t, err)
	require.Equal(t, again.PublicKey(), key.PublicKey())
	return seed
}

// How the private keys begin that hpke-rs 0.8 (labelled) and 0.7 (unlabelled) derive
// with X-Wing from 32 bytes of zero, and what ts-mls takes for one of ML-KEM.
func TestDerivations(t *testing.T) {
	zero := make([]byte, 32)
	xwing := hybrid.MLKEM768X25519()
	require.Equal(t, "e336a183", hex.EncodeToString(derived(t, xwing, suite.DerivationLabelled, zero)[:4]))
	require.Equal(t, "f5977c82", hex.EncodeToString(derived(t, xwing, suite.DerivationUnlabelled, zero)[:4]))
	for _, kem := range []hpke.KEM{xwing, hpke.MLKEM768(), hpke.MLKEM1024()} {
		n := kem.Info().Nsk
		require.Contains(t, kem.Info().Provenance.List(), suite.Provided{Primitive: "SHAKE256", Package: "crypto/sha3"})
		for _, length := range []int{0, 32, 48, 64, 100} {
			ikm := bytes.Repeat([]byte{7}, length)
			require.Equal(t, hpke.DeriveSeed(kem.Info().ID, ikm, n), derived(t, kem, suite.DerivationLabelled, ikm))
			require.Equal(t, sha3.SumSHAKE256(ikm, n), derived(t, kem, suite.DerivationUnlabelled, ikm))
			raw := sha3.SumSHAKE256(ikm, n)
			if length == n {
				raw = ikm
			}
			require.Equal(t, raw, derived(t, kem, suite.DerivationRaw, ikm))
		}
	}
}

func TestRawDerivationKeepsNothingOfItsArgument(t *testing.T) {
	kem, err := hpke.WithDerivation(hpke.MLKEM768(), suite.DerivationRaw)
	require.NoError(t, err)
	ikm := bytes.Repeat([]byte{7}, 64)
	key, err := kem.DeriveKeyPair(ikm)
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte{7}, 64), ikm)
	public := key.PublicKey()
	clear(ikm)
	require.Equal(t, public, key.PublicKey())
	seed, err := key.Bytes()
	require.NoError(t, err)
	require.Equal(t, bytes.Repeat([]byte{7}, 64), seed)
}

func TestDerivationKeepsDeterminism(t *testing.T) {
	for _, kem := range kems() {
		info := kem.Info()
		unlabelled, err := hpke.WithDerivation(kem, suite.DerivationUnlabelled)
		if info.PostQuantum == "" {
			require.ErrorContains(t, err, info.Name)
			continue
		}
		require.NoError(t, err)
		deterministic, ok := unlabelled.(hpke.DeterministicKEM)
		require.True(t, ok, info.Name)
		key, err := deterministic.DeriveKeyPair([]byte("ikm"))
		require.NoError(t, err)
		randomness := bytes.Repeat([]byte{1}, deterministic.RandomnessSize())
		secret, enc, err := deterministic.EncapDeterministic(key.PublicKey(), randomness)
		require.NoError(t, err)
		wantSecret, wantEnc, err := kem.EncapDeterministic(key.PublicKey(), randomness)
		require.NoError(t, err)
		require.Equal(t, wantSecret, secret)
		require.Equal(t, wantEnc, enc)

		_, err = hpke.WithDerivation(unlabelled, suite.DerivationRaw)
		require.ErrorContains(t, err, info.Name, "the KEM has another already")
		_, err = hpke.WithDerivation(kem, "mine")
		require.ErrorContains(t, err, `"mine"`)
	}
	foreign, err := hpke.WithDerivation(struct{ hpke.KEM }{hpke.MLKEM768()}, suite.DerivationUnlabelled)
	require.NoError(t, err)
	require.True(t, foreign.Info().Provenance.List()[0].SelfDeclared, "what wraps a foreign KEM is its own word")
	plain, err := hpke.WithDerivation(hpke.MLKEM768(), suite.DerivationUnlabelled)
	require.NoError(t, err)
	require.NotImplements(t, (*hpke.DeterministicKEM)(nil), plain)
}
