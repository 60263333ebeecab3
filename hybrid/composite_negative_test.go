package hybrid_test

import (
	"bytes"
	"crypto/sha512"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

// halves are the parts of a composite, and where they meet in keys and signatures.
type halves struct {
	whole, pq, classical suite.SignatureScheme
	key, sig             int
}

// representative is M' of a message without a context (Section 2.2), and labelled is ML-DSA as
// it signs it.
func (h halves) representative(t testing.TB, message []byte) (representative []byte, labelled suite.SignatureScheme) {
	t.Helper()
	label := "COMPSIG-" + h.whole.SignatureInfo().Name
	labelled, err := h.pq.(suite.ContextScheme).WithContext(label)
	require.NoError(t, err)
	digest := sha512.Sum512(message)
	return slices.Concat([]byte("CompositeAlgorithmSignatures2025"+label+"\x00"), digest[:]), labelled
}

func halvesOf(t testing.TB) map[string]halves {
	all := map[string]halves{}
	schemes := composites(t)
	for _, p := range hybrid.Composites() {
		for _, pq := range []suite.SignatureScheme{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()} {
			if i := pq.SignatureInfo(); i.PostQuantum == p.MLDSA {
				all[p.Name] = halves{schemes[p.Name], pq, p.Classical, i.PublicKey, i.Signature}
			}
		}
	}
	return all
}

func sign(t testing.TB, s suite.Signer, message []byte) []byte {
	t.Helper()
	sig, err := s.Sign(t.Context(), message)
	require.NoError(t, err)
	return sig
}

func generate(t testing.TB, s suite.SignatureScheme) suite.Signer {
	t.Helper()
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	return signer
}

// Both halves count: what has one half of another message, of another key or of nothing is
// no signature, whichever half that is.
func TestEachHalfOfASignatureCounts(t *testing.T) {
	for name, h := range halvesOf(t) {
		t.Run(name, func(t *testing.T) {
			signer, other, message := generate(t, h.whole), generate(t, h.whole), []byte("message")
			pub, sig := signer.PublicKey(), sign(t, signer, message)
			pq, classical := sig[:h.sig:h.sig], sig[h.sig:]
			require.NoError(t, h.whole.Verify(pub, message, sig))

			ofMessage, ofKey := sign(t, signer, []byte("another")), sign(t, other, message)
			for what, bad := range map[string][]byte{
				"ML-DSA of another message":        slices.Concat(ofMessage[:h.sig], classical),
				"classical of another message":     slices.Concat(pq, ofMessage[h.sig:]),
				"ML-DSA of another key":            slices.Concat(ofKey[:h.sig], classical),
				"classical of another key":         slices.Concat(pq, ofKey[h.sig:]),
				"ML-DSA of zeros":                  slices.Concat(make([]byte, h.sig), classical),
				"classical of zeros":               slices.Concat(pq, make([]byte, len(classical))),
				"swapped":                          slices.Concat(classical, pq),
				"ML-DSA alone":                     pq,
				"classical alone":                  classical,
				"ML-DSA twice":                     slices.Concat(pq, pq),
				"classical twice":                  slices.Concat(classical, classical),
				"a byte between":                   slices.Concat(pq, []byte{0}, classical),
				"a length before each":             slices.Concat([]byte{byte(h.sig >> 8), byte(h.sig)}, pq, classical),
				"one byte less of ML-DSA":          slices.Concat(pq[1:], classical),
				"one byte more of the classical":   slices.Concat(sig, []byte{0}),
				"one byte less of the classical":   sig[:len(sig)-1],
				"nothing":                          nil,
				"less than one half":               sig[:h.sig-1],
				"nothing of the classical but tag": slices.Concat(pq, classical[:1]),
			} {
				require.ErrorIs(t, h.whole.Verify(pub, message, bad), suite.ErrVerify, what)
				require.ErrorIs(t, suite.VerifyFirst(h.whole, pub, message, bad), suite.ErrVerify, what)
			}
		})
	}
}

// Halves of two signatures of one message by one key make a third: the composite is not
// strongly unforgeable, which its documentation says.
func TestHalvesOfTwoSignaturesMakeAThird(t *testing.T) {
	h := halvesOf(t)["MLDSA65-ECDSA-P256-SHA512"]
	signer := generate(t, h.whole)
	a, b := sign(t, signer, nil), sign(t, signer, nil)
	require.NotEqual(t, a, b)
	require.NoError(t, h.whole.Verify(signer.PublicKey(), nil, slices.Concat(a[:h.sig], b[h.sig:])))
}

// A half by itself is no signature of its part under the same message, and ML-DSA's is none
// under the message representative either: its context is the label (Section 9.2.3).
func TestHalvesAreNoSignaturesOfTheirParts(t *testing.T) {
	for name, h := range halvesOf(t) {
		signer, message := generate(t, h.whole), []byte("message")
		pub, sig := signer.PublicKey(), sign(t, signer, message)
		representative, labelled := h.representative(t, message)
		require.ErrorIs(t, h.pq.Verify(pub[:h.key], message, sig[:h.sig]), suite.ErrVerify, name)
		require.ErrorIs(t, h.pq.Verify(pub[:h.key], representative, sig[:h.sig]), suite.ErrVerify, name)
		require.ErrorIs(t, h.classical.Verify(pub[h.key:], message, sig[h.sig:]), suite.ErrVerify, name)
		// The classical half is one of the representative, which begins with the prefix.
		require.NoError(t, h.classical.Verify(pub[h.key:], representative, sig[h.sig:]), name)
		require.NoError(t, labelled.Verify(pub[:h.key], representative, sig[:h.sig]), name)
	}
}

// A signature of one composite is none of another with the same keys and sizes.
func TestTheLabelSeparatesComposites(t *testing.T) {
	p := hybrid.MLDSA65ECDSAP256Params()
	p.PQ = mldsa.MLDSA65()
	q := p
	q.Label = "COMPSIG-MLDSA65-P256-SHA512"
	one, err := hybrid.NewComposite(p)
	require.NoError(t, err)
	other, err := hybrid.NewComposite(q)
	require.NoError(t, err)
	signer := generate(t, one)
	b, err := signer.Bytes()
	require.NoError(t, err)
	same, err := other.ParseSigner(b)
	require.NoError(t, err)
	require.Equal(t, signer.PublicKey(), same.PublicKey())
	require.ErrorIs(t, other.Verify(signer.PublicKey(), nil, sign(t, signer, nil)), suite.ErrVerify)
	require.ErrorIs(t, one.Verify(signer.PublicKey(), nil, sign(t, same, nil)), suite.ErrVerify)
}

// The context of the application separates signatures, and is at most 255 bytes long.
func TestContextsOfACompositeSeparate(t *testing.T) {
	s := composites(t)["MLDSA44-Ed25519-SHA512"].(suite.ContextScheme)
	b, err := generate(t, s).Bytes()
	require.NoError(t, err)
	long := string(bytes.Repeat([]byte{'c'}, suite.MaxContext))
	for _, context := range []string{"", "c", "cc", long} {
		under, err := s.WithContext(context)
		require.NoError(t, err)
		signer, err := under.ParseSigner(b)
		require.NoError(t, err)
		sig := sign(t, signer, nil)
		for _, other := range []string{"", "c", "cc", long} {
			verifier, err := under.(suite.ContextScheme).WithContext(other)
			require.NoError(t, err)
			require.Equal(t, context == other, verifier.Verify(signer.PublicKey(), nil, sig) == nil)
		}
	}
	_, err = s.WithContext(long + "c")
	require.ErrorContains(t, err, "at most 255 bytes, not 256")
}

// A public key is refused if either half is none, and before anything is verified.
func TestEachHalfOfAPublicKeyCounts(t *testing.T) {
	for name, h := range halvesOf(t) {
		signer := generate(t, h.whole)
		pub, sig := signer.PublicKey(), sign(t, signer, nil)
		pq, classical := pub[:h.key:h.key], pub[h.key:]
		bad := map[string][]byte{
			"ML-DSA alone": pq, "classical alone": classical, "nothing": nil,
			"one byte more": slices.Concat(pub, []byte{0}), "one byte less": pub[:len(pub)-1],
		}
		if h.whole.SignatureInfo().Classical != "Ed25519" {
			compressed := slices.Concat([]byte{2 + classical[len(classical)-1]&1}, classical[1:len(classical)/2+1])
			bad["a compressed point"] = slices.Concat(pq, compressed)
			bad["swapped"] = slices.Concat(classical, pq)
			off := bytes.Clone(pub)
			off[len(off)-1] ^= 1
			bad["off the curve"] = off
			infinity := bytes.Clone(pub)
			clear(infinity[h.key:])
			bad["infinity"] = infinity
		}
		for what, key := range bad {
			for _, of := range [][]byte{sig, nil, sig[:h.sig], make([]byte, len(sig))} {
				require.ErrorIs(t, h.whole.Verify(key, nil, of), suite.ErrInvalidKey, "%s: %s", name, what)
				require.ErrorIs(t, suite.VerifyFirst(h.whole, key, nil, of), suite.ErrInvalidKey, "%s: %s", name, what)
			}
			require.ErrorIs(t, h.whole.CheckSignatureKey(key), suite.ErrInvalidKey, "%s: %s", name, what)
		}
	}
	// Of small order, so that anybody signs for this half: no signer's, though Ed25519 verifies.
	h := halvesOf(t)["MLDSA44-Ed25519-SHA512"]
	small := generate(t, h.whole).PublicKey()
	clear(small[h.key:])
	small[h.key] = 1
	require.ErrorIs(t, h.whole.CheckSignatureKey(small), suite.ErrInvalidKey)
	require.ErrorIs(t, suite.VerifyFirst(h.whole, small, nil, make([]byte, h.whole.SignatureInfo().Signature)), suite.ErrInvalidKey)
}

// refusing is somebody's ML-DSA that has reasons of its own to refuse every public key.
type refusing struct{ suite.SignatureScheme }

func (s refusing) WithContext(context string) (suite.SignatureScheme, error) {
	under, err := s.SignatureScheme.(suite.ContextScheme).WithContext(context)
	return refusing{under}, err
}

func (s refusing) CheckSignatureKey([]byte) error {
	return &suite.KeyError{Algorithm: "mldsa65", Rule: "refused"}
}

// The classical half is verified first. Whether it verifies or not, a key that the other part
// refuses is refused.
func TestAKeyThatMLDSARefusesIsRefused(t *testing.T) {
	p := hybrid.MLDSA65ECDSAP256Params()
	p.PQ = refusing{mldsa.MLDSA65()}
	s, err := hybrid.NewComposite(p)
	require.NoError(t, err)
	signer := generate(t, s)
	pub, sig := signer.PublicKey(), sign(t, signer, nil)
	require.ErrorIs(t, s.CheckSignatureKey(pub), suite.ErrInvalidKey)
	require.ErrorIs(t, suite.VerifyFirst(s, pub, nil, sig), suite.ErrInvalidKey)
	for _, verify := range []func() error{
		func() error { return suite.VerifyFirst(s, pub, []byte("another"), sig) },
		func() error { return s.Verify(pub, []byte("another"), sig) },
	} {
		err := verify()
		require.ErrorIs(t, err, suite.ErrInvalidKey)
		require.NotErrorIs(t, err, suite.ErrVerify)
	}
}

// A private key has one encoding.
func TestOtherEncodingsOfAPrivateKeyAreRefused(t *testing.T) {
	s := composites(t)["MLDSA65-ECDSA-P256-SHA512"]
	signer := generate(t, s)
	good, err := signer.Bytes()
	require.NoError(t, err)
	const seed = 32
	scalar := good[seed+7 : seed+7+32]
	changed := func(at int, to byte) []byte {
		b := bytes.Clone(good)
		b[at] = to
		return b
	}
	withScalar := func(scalar []byte) []byte {
		b := bytes.Clone(good)
		copy(b[seed+7:], scalar)
		return b
	}
	point := signer.PublicKey()[1952:]
	withPoint := slices.Concat(good, []byte{0xA1, 0x44, 0x03, 0x42, 0}, point)
	withPoint[seed+1] += byte(4 + 1 + len(point))
	for what, bad := range map[string][]byte{
		"the seed alone":              good[:seed],
		"ECDSA alone":                 good[seed:],
		"swapped":                     slices.Concat(good[seed:], good[:seed]),
		"a raw scalar":                slices.Concat(good[:seed], scalar),
		"a raw scalar, padded":        slices.Concat(good[:seed], scalar, make([]byte, 19)),
		"with the public key":         withPoint,
		"without the curve":           slices.Concat(good[:seed], []byte{0x30, 0x25}, good[seed+2:seed+39]),
		"of version 2":                changed(seed+4, 2),
		"of another curve":            changed(len(good)-1, 6),
		"a long length":               slices.Concat(good[:seed], []byte{0x30, 0x81, 0x31}, good[seed+2:]),
		"a SET":                       changed(seed, 0x31),
		"one byte more":               slices.Concat(good, []byte{0}),
		"one byte less":               good[:len(good)-1],
		"an expanded ML-DSA key":      slices.Concat(make([]byte, 4032), good[seed:]),
		"a scalar of zero":            withScalar(make([]byte, 32)),
		"a scalar beyond the order":   withScalar(bytes.Repeat([]byte{0xFF}, 32)),
		"a scalar of one byte less":   slices.Concat(good[:seed], []byte{0x30, 0x30, 2, 1, 1, 4, 31}, scalar[1:], good[seed+39:]),
		"nothing":                     nil,
		"the private key of P-384's":  make([]byte, 96),
		"of the right length, zeroed": make([]byte, len(good)),
	} {
		_, err := s.ParseSigner(bad)
		var keyErr *suite.KeyError
		require.ErrorAs(t, err, &keyErr, what)
		require.True(t, keyErr.Private, what)
	}
}
