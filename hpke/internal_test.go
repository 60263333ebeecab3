package hpke

import (
	"bytes"
	"crypto/mlkem"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wycheproof"
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

func TestWycheproofHKDF(t *testing.T) {
	for file, row := range map[string]struct {
		kdf   KDF
		valid int
	}{
		"hkdf_sha256_test.json": {HKDFSHA256(), 83},
		"hkdf_sha384_test.json": {HKDFSHA384(), 80},
		"hkdf_sha512_test.json": {HKDFSHA512(), 80},
	} {
		h := row.kdf.(*hkdf)
		counts := wycheproof.HKDF(t, file, func(salt, ikm, info []byte, size int) ([]byte, error) {
			out := make([]byte, size)
			return out, h.expander(nil, h.extract(nil, salt, nil, ikm)).expand(out, info)
		})
		require.Equal(t, wycheproof.Counts{Valid: row.valid, Invalid: 3}, counts)
	}
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
	k := HKDFSHA256().(*hkdf)
	prk := make([]byte, 32)
	require.NoError(t, k.expander(nil, prk).expand(make([]byte, 255*32), nil))
	require.ErrorContains(t, k.expander(nil, prk).expand(make([]byte, 255*32+1), nil), "at most 8160 bytes")
}
