package hpke

import (
	"bytes"
	"crypto/mlkem"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

func TestMessageLimit(t *testing.T) {
	s := Suite{KEM: DHKEMX25519(), KDF: HKDFSHA256(), AEAD: suite.AES128GCM()}
	key, err := s.KEM.GenerateKey()
	require.NoError(t, err)
	enc, sender, err := s.NewSender(key.PublicKey(), nil)
	require.NoError(t, err)
	recipient, err := s.NewRecipient(enc, key, nil)
	require.NoError(t, err)
	sender.seq, recipient.seq = math.MaxUint64-1, math.MaxUint64-1
	ciphertext, err := sender.Seal(nil, []byte("last"))
	require.NoError(t, err)
	plaintext, err := recipient.Open(nil, ciphertext)
	require.NoError(t, err)
	require.Equal(t, "last", string(plaintext))
	for range 2 {
		_, err = sender.Seal(nil, nil)
		require.ErrorIs(t, err, ErrMessageLimit)
		_, err = recipient.Open(nil, ciphertext)
		require.ErrorIs(t, err, ErrMessageLimit)
	}
	_, err = sender.Export(nil, 32)
	require.NoError(t, err)
}

// FuzzMLKEMCheck compares the check of an encapsulation key with crypto/mlkem's
// expansion of it.
func FuzzMLKEMCheck(f *testing.F) {
	key, err := mlkem.GenerateKey768()
	require.NoError(f, err)
	pub := key.EncapsulationKey().Bytes()
	f.Add(pub)
	f.Add(pub[1:])
	f.Add(bytes.Repeat([]byte{0xFF}, len(pub)))
	f.Add(bytes.Repeat([]byte{0x00, 0x0D, 0xD0}, len(pub))[:len(pub)]) // every coefficient 3328 or 3329
	f.Fuzz(func(t *testing.T, b []byte) {
		_, want := mlkem.NewEncapsulationKey768(b)
		require.Equal(t, want == nil, CheckMLKEMKey(3, b) == nil)
	})
}

// HKDF-Expand refuses what its one octet of a counter cannot count to, and nothing less.
func TestExpandEndsAtItsCounter(t *testing.T) {
	k := HKDFSHA256().(*twoStage)
	prk := make([]byte, 32)
	require.NoError(t, k.labeledExpand(make([]byte, 255*32), nil, prk, "", nil))
	require.ErrorContains(t, k.labeledExpand(make([]byte, 255*32+1), nil, prk, "", nil), "at most 8160 bytes")
}
