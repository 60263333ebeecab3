package suite_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wycheproof"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/chacha"
)

func TestAEADInfo(t *testing.T) {
	for _, c := range []struct {
		aead suite.AEAD
		id   uint16
		nk   int
	}{
		{suite.AES128GCM(), 0x0001, 16},
		{suite.AES256GCM(), 0x0002, 32},
		{chacha.ChaCha20Poly1305(), 0x0003, 32},
	} {
		info := c.aead.AEADInfo()
		t.Run(info.Name, func(t *testing.T) {
			require.Equal(t, c.id, info.ID)
			require.Equal(t, []int{c.nk, 12, 16}, []int{info.Nk, info.Nn, info.Nt})
			require.Equal(t, 1, info.Provenance.Len())
			for n := range 65 {
				cipher, err := c.aead.NewAEAD(make([]byte, n))
				if n != c.nk {
					require.Error(t, err)
					continue
				}
				require.NoError(t, err)
				require.Equal(t, info.Nn, cipher.NonceSize())
				require.Equal(t, info.Nt, cipher.Overhead())
			}
		})
	}
}

type aeadTest struct {
	Key, IV, AAD, Msg, CT, Tag vectors.Hex
}

// Wycheproof has keys and nonces of lengths that HPKE's AEADs do not have: such
// keys have to be refused, such nonces are not NonceSize long.
func testWycheproofAEAD(t *testing.T, file string, byKeySize map[int]suite.AEAD) (counts wycheproof.Counts, run int) {
	counts = wycheproof.Each(t, file, func(t *testing.T, c wycheproof.Case, _ struct{}, test aeadTest) {
		aead, ok := byKeySize[len(test.Key)]
		if !ok {
			for _, aead := range byKeySize {
				_, err := aead.NewAEAD(test.Key)
				require.Error(t, err, "case %d", c.ID)
			}
			return
		}
		cipher, err := aead.NewAEAD(test.Key)
		require.NoError(t, err, "case %d", c.ID)
		if len(test.IV) != cipher.NonceSize() {
			return
		}
		run++
		sealed := append(bytes.Clone(test.CT), test.Tag...)
		msg, err := cipher.Open(nil, test.IV, sealed, test.AAD)
		if c.Result == "invalid" {
			require.Error(t, err, "case %d", c.ID)
			return
		}
		require.NoError(t, err, "case %d", c.ID)
		require.True(t, bytes.Equal(test.Msg, msg), "case %d", c.ID)
		require.Equal(t, sealed, cipher.Seal(nil, test.IV, test.Msg, test.AAD), "case %d", c.ID)
	})
	return counts, run
}

func TestWycheproofAEAD(t *testing.T) {
	counts, run := testWycheproofAEAD(t, "aes_gcm_test.json",
		map[int]suite.AEAD{16: suite.AES128GCM(), 32: suite.AES256GCM()})
	require.Equal(t, wycheproof.Counts{Valid: 229, Invalid: 87}, counts)
	require.Equal(t, 133, run)

	counts, run = testWycheproofAEAD(t, "chacha20_poly1305_test.json",
		map[int]suite.AEAD{32: chacha.ChaCha20Poly1305()})
	require.Equal(t, wycheproof.Counts{Valid: 256, Invalid: 69}, counts)
	require.Equal(t, 316, run)
}

type hmacTest struct {
	Key, Msg, Tag vectors.Hex
}

func TestWycheproofHMAC(t *testing.T) {
	for file, hash := range map[string]crypto.Hash{
		"hmac_sha256_test.json": crypto.SHA256,
		"hmac_sha384_test.json": crypto.SHA384,
		"hmac_sha512_test.json": crypto.SHA512,
	} {
		s := withHash(t, hash)
		counts := wycheproof.Each(t, file, func(t *testing.T, c wycheproof.Case, _ struct{}, test hmacTest) {
			mac := s.MAC(test.Key, test.Msg)
			require.Len(t, mac, s.Info().Hash.Size)
			// Half of the tags are truncated; MLS truncates none.
			equal := hmac.Equal(mac[:len(test.Tag)], test.Tag)
			require.Equal(t, c.Result == "valid", equal, "%s, case %d", file, c.ID)
		})
		require.Equal(t, wycheproof.Counts{Valid: 66, Invalid: 108}, counts)
	}
}

func TestWycheproofHKDF(t *testing.T) {
	for file, row := range map[string]struct {
		hash  crypto.Hash
		valid int
	}{
		"hkdf_sha256_test.json": {crypto.SHA256, 83},
		"hkdf_sha384_test.json": {crypto.SHA384, 80},
		"hkdf_sha512_test.json": {crypto.SHA512, 80},
	} {
		s := withHash(t, row.hash)
		counts := wycheproof.HKDF(t, file, func(salt, ikm, info []byte, size int) ([]byte, error) {
			prk, err := s.Extract(salt, ikm)
			require.NoError(t, err)
			require.Len(t, prk, s.Info().KDF.Nh)
			okm := make([]byte, size)
			return okm, s.Expand(okm, prk, info)
		})
		require.Equal(t, wycheproof.Counts{Valid: row.valid, Invalid: 3}, counts)
	}
}

// Input keying material of fewer bytes than the provider accepts is refused as that,
// whatever the hash would do with it.
func TestExtractRefusesShortSecrets(t *testing.T) {
	p := someParts()
	p.MinIKM = 14
	s, err := suite.New(p)
	require.NoError(t, err)
	for n := range 33 {
		prk, err := s.Extract(make([]byte, 32), make([]byte, n))
		if n < p.MinIKM {
			require.ErrorIs(t, err, suite.ErrShortSecret, "%d bytes", n)
			continue
		}
		require.NoError(t, err, "%d bytes", n)
		require.Len(t, prk, 32)
	}
}

func TestHash(t *testing.T) {
	for _, h := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		s := withHash(t, h)
		want := h.New()
		want.Write([]byte("abc"))
		require.Equal(t, want.Sum(nil), s.Hash([]byte("abc")))
		require.Equal(t, h.Size(), s.Info().Hash.Size)
		require.Equal(t, h.Size(), s.Info().KDF.Nh)
		require.Equal(t, h, s.Info().Hash.Hash)
	}
}
