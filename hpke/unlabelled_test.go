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

// The private keys that hpke-rs 0.7 and hpke-rs 0.8 derive from 32 bytes of zero.
func TestUnlabelledDerivation(t *testing.T) {
	ikm := make([]byte, 32)
	for _, c := range []struct {
		kem                  hpke.KEM
		unlabelled, labelled string // how the seed begins
	}{
		{hybrid.MLKEM768X25519(), "f5977c82", "e336a183"},
		{hpke.MLKEM768(), "f5977c82", ""},
		{hpke.MLKEM1024(), "f5977c82", ""},
	} {
		info := c.kem.Info()
		unlabelled, err := hpke.Unlabelled(c.kem)
		require.NoError(t, err)
		key, err := unlabelled.DeriveKeyPair(ikm)
		require.NoError(t, err)
		seed, err := key.Bytes()
		require.NoError(t, err)
		require.Equal(t, sha3.SumSHAKE256(ikm, info.Nsk), seed)
		require.Equal(t, c.unlabelled, hex.EncodeToString(seed[:4]), info.Name)
		again, err := c.kem.ParsePrivateKey(seed)
		require.NoError(t, err)
		require.Equal(t, again.PublicKey(), key.PublicKey())

		key, err = c.kem.DeriveKeyPair(ikm)
		require.NoError(t, err)
		labelled, err := key.Bytes()
		require.NoError(t, err)
		require.False(t, bytes.Equal(labelled, seed))
		require.Contains(t, hex.EncodeToString(labelled[:4]), c.labelled)

		info.Derivation = suite.DerivationUnlabelled
		require.Equal(t, info, unlabelled.Info(), "all but the derivation is the KEM's")
	}
}

func TestUnlabelledKeepsDeterminism(t *testing.T) {
	for _, kem := range kems() {
		info := kem.Info()
		unlabelled, err := hpke.Unlabelled(kem)
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

		_, err = hpke.Unlabelled(unlabelled)
		require.ErrorContains(t, err, info.Name, "there is no label left")
	}
	foreign, err := hpke.Unlabelled(struct{ hpke.KEM }{hpke.MLKEM768()})
	require.NoError(t, err)
	require.True(t, foreign.Info().Provenance.List()[0].SelfDeclared, "what wraps a foreign KEM is its own word")
	plain, err := hpke.Unlabelled(hpke.MLKEM768())
	require.NoError(t, err)
	require.NotImplements(t, (*hpke.DeterministicKEM)(nil), plain)
}
