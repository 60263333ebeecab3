package circl_test

import (
	"bytes"
	"crypto"
	"testing"

	"github.com/cloudflare/circl/sign/ed448"
	"github.com/cloudflare/circl/sign/mldsa/mldsa44"
	"github.com/cloudflare/circl/sign/mldsa/mldsa65"
	"github.com/cloudflare/circl/sign/mldsa/mldsa87"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wycheproof"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/circl"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

func TestWycheproofSignatures(t *testing.T) {
	require.Equal(t, wycheproof.Counts{Valid: 17, Invalid: 70}, wycheproof.Verify(t, "ed448_test.json", circl.Ed448()))
	require.Equal(t, wycheproof.Counts{Valid: 77, Invalid: 103}, wycheproof.Verify(t, "mldsa_44_verify_test.json", circl.MLDSA44()))
	require.Equal(t, wycheproof.Counts{Valid: 79, Invalid: 131}, wycheproof.Verify(t, "mldsa_65_verify_test.json", circl.MLDSA65()))
	require.Equal(t, wycheproof.Counts{Valid: 71, Invalid: 170}, wycheproof.Verify(t, "mldsa_87_verify_test.json", circl.MLDSA87()))
	require.Equal(t, wycheproof.Counts{Valid: 101, Invalid: 4}, wycheproof.SignSeed(t, "mldsa_65_sign_seed_test.json", circl.MLDSA65()))
}

// kms is a key that lives elsewhere: it hides the type of the library's key.
type kms struct{ crypto.Signer }

func signatureSchemes() map[string]suite.SignatureScheme {
	return map[string]suite.SignatureScheme{
		"Ed448": circl.Ed448(), "ML-DSA-44": circl.MLDSA44(), "ML-DSA-65": circl.MLDSA65(), "ML-DSA-87": circl.MLDSA87(),
	}
}

func libraryKeys() map[string]crypto.Signer {
	_, key44 := mldsa44.NewKeyFromSeed(&[32]byte{1})
	_, key65 := mldsa65.NewKeyFromSeed(&[32]byte{2})
	_, key87 := mldsa87.NewKeyFromSeed(&[32]byte{3})
	return map[string]crypto.Signer{
		"Ed448":     ed448.NewKeyFromSeed(make([]byte, ed448.SeedSize)),
		"ML-DSA-44": key44, "ML-DSA-65": key65, "ML-DSA-87": key87,
	}
}

func TestSignatureInfo(t *testing.T) {
	for name, want := range map[string]suite.SignatureInfo{
		"Ed448":     {Scheme: 0x0808, Name: "ed448", Level: 224, Classical: "Ed448", Hash: "SHAKE256", PublicKey: 57, PrivateKey: 57, Signature: 114},
		"ML-DSA-44": {Scheme: 0x0904, Name: "mldsa44", Level: 128, PostQuantum: "ML-DSA-44", PublicKey: 1312, PrivateKey: 32, Signature: 2420},
		"ML-DSA-65": {Scheme: 0x0905, Name: "mldsa65", Level: 192, PostQuantum: "ML-DSA-65", PublicKey: 1952, PrivateKey: 32, Signature: 3309},
		"ML-DSA-87": {Scheme: 0x0906, Name: "mldsa87", Level: 256, PostQuantum: "ML-DSA-87", PublicKey: 2592, PrivateKey: 32, Signature: 4627},
	} {
		scheme := signatureSchemes()[name]
		info := scheme.SignatureInfo()
		require.Equal(t, 1, info.Provenance.Len())
		info.Provenance = suite.Providers{}
		require.Equal(t, want, info)

		s, err := scheme.GenerateSigner()
		require.NoError(t, err)
		b, err := s.Bytes()
		require.NoError(t, err)
		sig, err := s.Sign(t.Context(), nil)
		require.NoError(t, err)
		require.Equal(t, []int{want.PublicKey, want.PrivateKey, want.Signature}, []int{len(s.PublicKey()), len(b), len(sig)})
		require.NoError(t, scheme.Verify(s.PublicKey(), nil, sig))
		require.ErrorIs(t, scheme.Verify(s.PublicKey(), []byte{0}, sig), suite.ErrVerify)
		require.ErrorIs(t, scheme.Verify(s.PublicKey(), nil, sig[:len(sig)-1]), suite.ErrVerify)
		require.ErrorIs(t, scheme.Verify(s.PublicKey()[1:], nil, sig), suite.ErrInvalidKey)

		parsed, err := scheme.ParseSigner(b)
		require.NoError(t, err)
		require.Equal(t, s.PublicKey(), parsed.PublicKey())
		_, err = scheme.ParseSigner(b[1:])
		require.ErrorIs(t, err, suite.ErrInvalidKey)
	}
}

func TestNewSigner(t *testing.T) {
	keys := libraryKeys()
	for name, scheme := range signatureSchemes() {
		for keyName, key := range keys {
			s, err := scheme.NewSigner(kms{key})
			if keyName != name {
				require.ErrorIs(t, err, suite.ErrInvalidKey, "%s took %s", name, keyName)
				continue
			}
			require.NoError(t, err)
			sig, err := s.Sign(t.Context(), []byte("m"))
			require.NoError(t, err)
			require.NoError(t, scheme.Verify(s.PublicKey(), []byte("m"), sig))
			_, err = s.Bytes()
			require.ErrorIs(t, err, suite.ErrNotExportable)
		}
	}
	for name, scheme := range signatureSchemes() {
		_, err := scheme.NewSigner(kms{otherPublic{}})
		require.ErrorIs(t, err, suite.ErrInvalidKey)
		require.ErrorContains(t, err, "type string, want", name)
	}
	_, err := circl.MLDSA65().NewSigner(kms{nilPublic{}})
	require.ErrorIs(t, err, suite.ErrInvalidKey)
}

// otherPublic is a signer whose public key is none of any library.
type otherPublic struct{ crypto.Signer }

func (otherPublic) Public() crypto.PublicKey { return "key" }

// nilPublic is a signer without a public key.
type nilPublic struct{ crypto.Signer }

func (nilPublic) Public() crypto.PublicKey { return (*mldsa65.PublicKey)(nil) }

func TestEd448LongPrivateKey(t *testing.T) {
	key := ed448.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed448.SeedSize))
	_, err := circl.Ed448().ParseSigner(key)
	require.ErrorIs(t, err, suite.ErrInvalidKey)
	s, err := circl.Ed448().NewSigner(key)
	require.NoError(t, err)
	seed, err := s.Bytes()
	require.NoError(t, err)
	require.Equal(t, key.Seed(), seed)
	key[ed448.PrivateKeySize-1] ^= 0x80
	_, err = circl.Ed448().NewSigner(key)
	require.ErrorIs(t, err, suite.ErrInvalidKey)
	_, err = circl.Ed448().NewSigner(key[:9])
	require.ErrorIs(t, err, suite.ErrInvalidKey)
}

// circl and filippo.io/mldsa read each other's keys and signatures.
func TestMLDSADifferential(t *testing.T) {
	for _, pair := range [][2]suite.SignatureScheme{
		{circl.MLDSA44(), mldsa.MLDSA44()}, {circl.MLDSA65(), mldsa.MLDSA65()}, {circl.MLDSA87(), mldsa.MLDSA87()},
	} {
		for i := range 8 {
			from, to := pair[i%2], pair[1-i%2]
			s, err := from.GenerateSigner()
			require.NoError(t, err)
			b, err := s.Bytes()
			require.NoError(t, err)
			other, err := to.ParseSigner(b)
			require.NoError(t, err)
			require.Equal(t, s.PublicKey(), other.PublicKey())

			message := bytes.Repeat([]byte{byte(i)}, i*100)
			for _, signer := range []suite.Signer{s, other} {
				sig, err := signer.Sign(t.Context(), message)
				require.NoError(t, err)
				require.NoError(t, from.Verify(s.PublicKey(), message, sig))
				require.NoError(t, to.Verify(s.PublicKey(), message, sig))
				sig[i*50] ^= 1
				require.ErrorIs(t, from.Verify(s.PublicKey(), message, sig), suite.ErrVerify)
				require.ErrorIs(t, to.Verify(s.PublicKey(), message, sig), suite.ErrVerify)
			}
		}
	}
}

// circl and filippo.io/mldsa agree on contexts. A key of circl's own takes none, which Sign
// reports.
func TestMLDSAContexts(t *testing.T) {
	for _, pair := range [][2]suite.SignatureScheme{
		{circl.MLDSA44(), mldsa.MLDSA44()}, {circl.MLDSA65(), mldsa.MLDSA65()}, {circl.MLDSA87(), mldsa.MLDSA87()},
	} {
		var under [2]suite.SignatureScheme
		for i, s := range pair {
			var err error
			under[i], err = s.(suite.ContextScheme).WithContext("context")
			require.NoError(t, err)
			require.Equal(t, s.SignatureInfo(), under[i].SignatureInfo())
			require.Equal(t, s.SignatureInfo().Provenance, s.SignatureInfo().Provenance.SaidBy(under[i], "ML-DSA"))
		}
		for i, s := range under {
			signer, err := s.GenerateSigner()
			require.NoError(t, err)
			sig, err := signer.Sign(t.Context(), []byte("message"))
			require.NoError(t, err)
			for range 4 { // from the third time on with the expanded key, of all contexts
				require.NoError(t, under[1-i].Verify(signer.PublicKey(), []byte("message"), sig))
				require.NoError(t, s.Verify(signer.PublicKey(), []byte("message"), sig))
				require.ErrorIs(t, pair[i].Verify(signer.PublicKey(), []byte("message"), sig), suite.ErrVerify)
				require.ErrorIs(t, pair[1-i].Verify(signer.PublicKey(), []byte("message"), sig), suite.ErrVerify)
			}
		}
		own, err := under[0].NewSigner(libraryKeys()[pair[0].SignatureInfo().PostQuantum])
		require.NoError(t, err)
		_, err = own.Sign(t.Context(), nil)
		require.ErrorContains(t, err, "the signer returned no signature")
	}
}

func TestMLDSAIsHedged(t *testing.T) {
	for _, scheme := range []suite.SignatureScheme{circl.MLDSA44(), circl.MLDSA65(), circl.MLDSA87()} {
		s, err := scheme.GenerateSigner()
		require.NoError(t, err)
		first, err := s.Sign(t.Context(), nil)
		require.NoError(t, err)
		second, err := s.Sign(t.Context(), nil)
		require.NoError(t, err)
		require.NotEqual(t, first, second)
	}
}

// TestAnybodySignsForEd448KeysOfSmallOrder shows with one constant signature, R = (0, 1)
// and S = 0, why such keys are refused.
func TestAnybodySignsForEd448KeysOfSmallOrder(t *testing.T) {
	s := circl.Ed448()
	forgery := append([]byte{1}, make([]byte, 113)...)
	minusOne := append(append(bytes.Repeat([]byte{0xFF}, 28), 0xFE), append(bytes.Repeat([]byte{0xFF}, 27), 0)...)
	minusOne[0] = 0xFE
	half := make([]byte, 57) // (1, 0), and with the sign (-1, 0)
	other := append(make([]byte, 56), 0x80)
	for _, pub := range [][]byte{append([]byte{1}, make([]byte, 56)...), minusOne, half, other} {
		require.NoError(t, s.Verify(pub, []byte("anything"), forgery), "%x", pub)
		require.ErrorIs(t, s.CheckSignatureKey(pub), suite.ErrInvalidKey)
	}
	for range 50 {
		signer, err := s.GenerateSigner()
		require.NoError(t, err)
		require.NoError(t, s.CheckSignatureKey(signer.PublicKey()))
	}
}
