package curve25519_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha512"
	"math/big"
	"slices"
	"testing"

	"filippo.io/edwards25519"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wycheproof"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/curve25519"
)

// often is a scheme that has seen a key so often that it verifies with a table.
type often struct{ suite.SignatureScheme }

func (s often) Verify(pub, message, sig []byte) error {
	for range 3 {
		s.SignatureScheme.Verify(pub, nil, nil)
	}
	return s.SignatureScheme.Verify(pub, message, sig)
}

func TestWycheproofEd25519(t *testing.T) {
	for _, scheme := range []suite.SignatureScheme{curve25519.Ed25519(), often{curve25519.Ed25519()}} {
		require.Equal(t, wycheproof.Counts{Valid: 88, Invalid: 63}, wycheproof.Verify(t, "ed25519_test.json", scheme))
	}
}

func TestSignaturesAreThoseOfTheStandardLibrary(t *testing.T) {
	scheme := curve25519.Ed25519()
	for i := range 64 {
		seed, message := bytes.Repeat([]byte{byte(i)}, 32), make([]byte, 7*i)
		signer, err := scheme.ParseSigner(seed)
		require.NoError(t, err)
		standard := ed25519.NewKeyFromSeed(seed)
		require.EqualValues(t, standard.Public(), signer.PublicKey())
		sig, err := signer.Sign(t.Context(), message)
		require.NoError(t, err)
		require.Equal(t, ed25519.Sign(standard, message), sig)
		b, err := signer.Bytes()
		require.NoError(t, err)
		require.Equal(t, seed, b)
		wrapped, err := scheme.NewSigner(standard)
		require.NoError(t, err)
		b, err = wrapped.Bytes()
		require.NoError(t, err, "a key of the library is none that lives elsewhere")
		require.Equal(t, seed, b)
	}
}

// smallOrder returns the points whose order divides 8.
func smallOrder(t *testing.T) []*edwards25519.Point {
	t.Helper()
	b := []byte("\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a")
	generator, err := new(edwards25519.Point).SetBytes(b)
	require.NoError(t, err)
	points := []*edwards25519.Point{edwards25519.NewIdentityPoint()}
	for range 7 {
		points = append(points, new(edwards25519.Point).Add(points[len(points)-1], generator))
	}
	require.Equal(t, 1, new(edwards25519.Point).Add(points[7], generator).Equal(points[0]))
	return points
}

// encodings returns all encodings of a point that crypto/ed25519 decodes: that of RFC 8032,
// and those with an unreduced coordinate or with a sign of zero.
func encodings(t *testing.T, p *edwards25519.Point) [][]byte {
	t.Helper()
	var all [][]byte
	prime := new(big.Int).Sub(new(big.Int).Lsh(big.NewInt(1), 255), big.NewInt(19))
	canonical := p.Bytes()
	y := slices.Clone(canonical)
	y[31] &= 0x7F
	slices.Reverse(y)
	for _, value := range []*big.Int{new(big.Int).SetBytes(y), new(big.Int).Add(new(big.Int).SetBytes(y), prime)} {
		if value.BitLen() > 255 {
			continue
		}
		for _, sign := range []byte{0, 0x80} {
			b := value.FillBytes(make([]byte, 32))
			slices.Reverse(b)
			b[31] |= sign
			if q, err := new(edwards25519.Point).SetBytes(b); err == nil && q.Equal(p) == 1 {
				all = append(all, b)
			}
		}
	}
	require.NotEmpty(t, all)
	return all
}

// Keys and R of small and mixed order, unreduced encodings, and S at and beyond the order:
// where the implementations of Ed25519 differ (Chalkias, Garillot and Nikolaenko, "Taming the
// many EdDSAs"), the verdict is that of crypto/ed25519, by a table and without.
func TestVerdictsOnEdgeCasesAreThoseOfTheStandardLibrary(t *testing.T) {
	small := smallOrder(t)
	var scalar [64]byte
	scalar[0] = 77
	a, err := edwards25519.NewScalar().SetUniformBytes(scalar[:])
	require.NoError(t, err)
	point := new(edwards25519.Point).ScalarBaseMult(a)
	order, ok := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	require.True(t, ok)
	var ss [][]byte
	for _, add := range []int64{-1, 0, 1, 77} {
		s := new(big.Int).Add(order, big.NewInt(add)).FillBytes(make([]byte, 32))
		slices.Reverse(s)
		ss = append(ss, s)
	}
	ss = append(ss, make([]byte, 32), bytes.Repeat([]byte{0xFF}, 32), append([]byte{1}, make([]byte, 31)...))

	scheme := curve25519.Ed25519()
	accepted, cases := 0, 0
	check := func(pub, message, sig []byte) {
		t.Helper()
		want := ed25519.Verify(pub, message, sig)
		for range 4 { // the later by a table
			require.Equal(t, want, scheme.Verify(pub, message, sig) == nil, "key %x, message %x, signature %x", pub, message, sig)
		}
		cases++
		if want {
			accepted++
		}
	}
	for _, torsion := range small {
		for _, key := range []*edwards25519.Point{torsion, new(edwards25519.Point).Add(point, torsion)} {
			for _, pub := range encodings(t, key) {
				for _, r := range small {
					for _, rBytes := range encodings(t, r) {
						for i, s := range ss {
							check(pub, []byte{byte(i)}, slices.Concat(rBytes, s))
						}
					}
				}
			}
		}
	}
	// Signatures by the key's own scalar under keys of mixed order.
	for _, torsion := range small {
		pub := new(edwards25519.Point).Add(point, torsion).Bytes()
		for i := range 32 {
			message := []byte{byte(i)}
			for _, r := range small {
				sig := signedBy(t, a, pub, message, r)
				check(pub, message, sig)
			}
		}
	}
	require.Greater(t, cases, 3000)
	require.Greater(t, accepted, 200)
	require.Less(t, accepted, cases/2)
}

// signedBy returns a signature by a scalar for a public key that need not be its product with
// the fixed point, with a point of small order added to R.
func signedBy(t *testing.T, a *edwards25519.Scalar, pub, message []byte, torsion *edwards25519.Point) []byte {
	t.Helper()
	var uniform [64]byte
	copy(uniform[:], message)
	uniform[63] = 1
	nonce, err := edwards25519.NewScalar().SetUniformBytes(uniform[:])
	require.NoError(t, err)
	r := new(edwards25519.Point).ScalarBaseMult(nonce)
	r.Add(r, torsion)
	k := challenge(t, r.Bytes(), pub, message)
	s := edwards25519.NewScalar().MultiplyAdd(k, a, nonce)
	return slices.Concat(r.Bytes(), s.Bytes())
}

func challenge(t *testing.T, parts ...[]byte) *edwards25519.Scalar {
	t.Helper()
	h := sha512.Sum512(slices.Concat(parts...))
	k, err := edwards25519.NewScalar().SetUniformBytes(h[:])
	require.NoError(t, err)
	return k
}

func TestKeysThatEncodeNoPointFailAsInTheStandardLibrary(t *testing.T) {
	scheme := curve25519.Ed25519()
	noPoint := append([]byte{2}, make([]byte, 31)...)
	for range 5 {
		require.ErrorIs(t, scheme.Verify(noPoint, nil, make([]byte, 64)), suite.ErrVerify)
	}
}

func TestOtherLengthsAreNoSignatures(t *testing.T) {
	scheme := curve25519.Ed25519()
	signer, err := scheme.GenerateSigner()
	require.NoError(t, err)
	sig, err := signer.Sign(t.Context(), nil)
	require.NoError(t, err)
	for range 4 {
		for n := range len(sig) {
			require.ErrorIs(t, scheme.Verify(signer.PublicKey(), nil, sig[:n]), suite.ErrVerify)
		}
		require.ErrorIs(t, scheme.Verify(signer.PublicKey(), nil, append(sig, 0)), suite.ErrVerify)
		require.NoError(t, scheme.Verify(signer.PublicKey(), nil, sig))
	}
}
