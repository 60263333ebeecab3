package hpke

import (
	"bytes"
	"crypto/mlkem"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
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
	for file, kdf := range map[string]KDF{
		"hkdf_sha256": HKDFSHA256(), "hkdf_sha384": HKDFSHA384(), "hkdf_sha512": HKDFSHA512(),
	} {
		var all struct {
			TestGroups []struct {
				Tests []struct {
					TcID            int `json:"tcId"`
					IKM, Salt, Info vectors.Hex
					OKM             vectors.Hex
					Size            int
					Result          string
				}
			}
		}
		vectors.Load(t, "wycheproof/"+file+"_test.json", &all)
		ran := 0
		for _, group := range all.TestGroups {
			for _, test := range group.Tests {
				ran++
				h := kdf.(*hkdf)
				prk := h.extract(nil, test.Salt, nil, test.IKM)
				out := make([]byte, test.Size)
				err := h.expander(nil, prk).expand(out, test.Info)
				if test.Result == "invalid" {
					require.Error(t, err, test.TcID)
					continue
				}
				require.NoError(t, err)
				require.EqualValues(t, test.OKM, out, test.TcID)
			}
		}
		require.Greater(t, ran, 80)
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
