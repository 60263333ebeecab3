package circl_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	circlhpke "github.com/cloudflare/circl/hpke"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/internal/hpkevectors"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wycheproof"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/circl"
)

func kems() []hpke.DeterministicKEM {
	return []hpke.DeterministicKEM{circl.DHKEMX448(), circl.MLKEM512(), circl.MLKEM768(), circl.MLKEM1024()}
}

func eachKEM(t *testing.T, f func(t *testing.T, kem hpke.DeterministicKEM)) {
	for _, kem := range kems() {
		t.Run(kem.Info().Name, func(t *testing.T) { f(t, kem) })
	}
}

func TestKEMInfo(t *testing.T) {
	want := []suite.KEMInfo{
		{ID: 0x0021, Name: "DHKEM(X448, HKDF-SHA512)", Level: 224, Classical: "X448", KDF: "HKDF-SHA512", Nsecret: 64, Nenc: 56, Npk: 56, Nsk: 56},
		{ID: 0x0040, Name: "ML-KEM-512", Level: 128, PostQuantum: "ML-KEM-512", Derivation: suite.DerivationLabelled, KDF: "SHAKE256", Nsecret: 32, Nenc: 768, Npk: 800, Nsk: 64},
		{ID: 0x0041, Name: "ML-KEM-768", Level: 192, PostQuantum: "ML-KEM-768", Derivation: suite.DerivationLabelled, KDF: "SHAKE256", Nsecret: 32, Nenc: 1088, Npk: 1184, Nsk: 64},
		{ID: 0x0042, Name: "ML-KEM-1024", Level: 256, PostQuantum: "ML-KEM-1024", Derivation: suite.DerivationLabelled, KDF: "SHAKE256", Nsecret: 32, Nenc: 1568, Npk: 1568, Nsk: 64},
	}
	for i, kem := range kems() {
		info := kem.Info()
		require.True(t, slices.ContainsFunc(info.Provenance.List(), func(p suite.Provided) bool {
			return strings.HasPrefix(p.Package, "github.com/cloudflare/circl/")
		}))
		if info.PostQuantum != "" {
			require.Contains(t, info.Provenance.List(), suite.Provided{Primitive: "SHAKE256", Package: "crypto/sha3"}, "of seeds")
		}
		info.Provenance = suite.Providers{}
		require.Equal(t, want[i], info)
	}
}

func TestKEMRoundTrip(t *testing.T) {
	eachKEM(t, func(t *testing.T, kem hpke.DeterministicKEM) {
		info := kem.Info()
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		b, err := key.Bytes()
		require.NoError(t, err)
		argument := bytes.Clone(b)
		parsed, err := kem.ParsePrivateKey(argument)
		require.NoError(t, err)
		clear(argument) // which it must not keep
		require.Equal(t, key.PublicKey(), parsed.PublicKey())
		again, err := parsed.Bytes()
		require.NoError(t, err)
		require.Equal(t, b, again)
		require.NoError(t, kem.CheckPublicKey(key.PublicKey()))

		secret, enc, err := kem.Encap(key.PublicKey())
		require.NoError(t, err)
		require.Equal(t, []int{info.Nsecret, info.Nenc, info.Npk, info.Nsk},
			[]int{len(secret), len(enc), len(key.PublicKey()), len(b)})
		got, err := parsed.Decap(enc)
		require.NoError(t, err)
		require.Equal(t, secret, got)

		// What it returns is the caller's.
		clear(key.PublicKey())
		clear(again)
		got, err = parsed.Decap(enc)
		require.NoError(t, err)
		require.Equal(t, secret, got)
	})
}

func TestKEMDerivesFromAnyLength(t *testing.T) {
	eachKEM(t, func(t *testing.T, kem hpke.DeterministicKEM) {
		seen := map[string]bool{}
		for _, n := range []int{0, 1, 32, 56, 64, 65, 1000} {
			ikm := make([]byte, n)
			key, err := kem.DeriveKeyPair(ikm)
			require.NoError(t, err)
			same, err := kem.DeriveKeyPair(ikm)
			require.NoError(t, err)
			require.Equal(t, key.PublicKey(), same.PublicKey())
			require.False(t, seen[string(key.PublicKey())])
			seen[string(key.PublicKey())] = true
		}
	})
}

func TestKEMRefusesLengths(t *testing.T) {
	eachKEM(t, func(t *testing.T, kem hpke.DeterministicKEM) {
		info := kem.Info()
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		randomness := make([]byte, kem.RandomnessSize())
		for _, n := range []int{0, 1, info.Npk - 1, info.Npk + 1, 2 * info.Npk} {
			pub := make([]byte, n)
			require.ErrorIs(t, kem.CheckPublicKey(pub), suite.ErrInvalidKey)
			_, _, err := kem.Encap(pub)
			require.ErrorIs(t, err, suite.ErrInvalidKey)
			_, _, err = kem.EncapDeterministic(pub, randomness)
			require.ErrorIs(t, err, suite.ErrInvalidKey)
		}
		for _, n := range []int{0, info.Nsk - 1, info.Nsk + 1} {
			_, err := kem.ParsePrivateKey(make([]byte, n))
			require.ErrorIs(t, err, suite.ErrInvalidKey)
		}
		for _, n := range []int{0, info.Nenc - 1, info.Nenc + 1} {
			_, err := key.Decap(make([]byte, n))
			require.ErrorIs(t, err, suite.ErrDecrypt)
		}
		for _, n := range []int{0, len(randomness) - 1, len(randomness) + 1} {
			_, _, err := kem.EncapDeterministic(key.PublicKey(), make([]byte, n))
			require.Error(t, err)
		}
	})
}

func TestMLKEMRefusesUnreduced(t *testing.T) {
	for _, kem := range kems()[1:] {
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		for _, at := range []int{0, 384, kem.Info().Npk - 35} {
			pub := key.PublicKey()
			copy(pub[at:], []byte{0xff, 0xff, 0xff})
			require.ErrorIs(t, kem.CheckPublicKey(pub), suite.ErrInvalidKey)
			_, _, err = kem.Encap(pub)
			require.ErrorIs(t, err, suite.ErrInvalidKey)
		}
	}
}

func TestKEMDestroy(t *testing.T) {
	for _, kem := range kems()[1:] {
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		_, enc, err := kem.Encap(key.PublicKey())
		require.NoError(t, err)
		suite.Destroy(key)
		_, err = key.Bytes()
		require.ErrorIs(t, err, suite.ErrDestroyed)
		_, err = key.Decap(enc)
		require.ErrorIs(t, err, suite.ErrDestroyed)
	}
	key, err := circl.X448().ParsePrivateKey(bytes.Repeat([]byte{0xff}, 56))
	require.NoError(t, err)
	suite.Destroy(key)
	b, err := key.Bytes()
	require.NoError(t, err)
	require.Equal(t, append(make([]byte, 55), 128), b, "the secret is still there")
}

func TestX448SerializesClamped(t *testing.T) {
	key, err := circl.X448().ParsePrivateKey(append([]byte{0xff}, make([]byte, 55)...))
	require.NoError(t, err)
	b, err := key.Bytes()
	require.NoError(t, err)
	require.Equal(t, append(append([]byte{0xfc}, make([]byte, 54)...), 0x80), b)
	same, err := circl.X448().ParsePrivateKey(b)
	require.NoError(t, err)
	require.Equal(t, key.PublicKey(), same.PublicKey())
}

// Wycheproof calls every key on the twist or of low order acceptable. X448 takes
// those on the twist and unreduced ones; it refuses a shared secret of zero.
func TestWycheproofX448(t *testing.T) {
	type test struct{ Public, Private, Shared vectors.Hex }
	refused := 0
	counts := wycheproof.Each(t, "x448_test.json", func(t *testing.T, c wycheproof.Case, _ struct{}, test test) {
		key, err := circl.X448().ParsePrivateKey(test.Private)
		require.NoError(t, err, "case %d", c.ID)
		checked := circl.X448().CheckPublicKey(test.Public)
		shared, err := key.DH(test.Public)
		require.Equal(t, checked, err, "case %d: CheckPublicKey and DH disagree", c.ID)
		if c.Result == "invalid" || slices.Contains(c.Flags, "ZeroSharedSecret") {
			require.ErrorIs(t, err, suite.ErrInvalidKey, "case %d", c.ID)
			refused++
			return
		}
		require.NoError(t, err, "case %d", c.ID)
		require.Equal(t, []byte(test.Shared), shared, "case %d", c.ID)
	})
	require.Equal(t, wycheproof.Counts{Valid: 253, Acceptable: 245, Invalid: 12}, counts)
	require.Equal(t, 12+11, refused, "invalid, and with a shared secret of zero")
}

func TestX448RefusesEveryEncodingOfLowOrder(t *testing.T) {
	prime := append(bytes.Repeat([]byte{0xff}, 28), bytes.Repeat([]byte{0xff}, 28)...)
	prime[28] = 0xfe // 2^448 - 2^224 - 1, little endian
	key, err := circl.X448().GenerateKey()
	require.NoError(t, err)
	for delta, low := range map[int]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		for _, base := range [][]byte{make([]byte, 56), prime} {
			pub, carry := bytes.Clone(base), delta
			for i := range pub {
				carry += int(pub[i])
				pub[i], carry = byte(carry), carry>>8
			}
			if carry != 0 {
				continue // below zero
			}
			_, err := key.DH(pub)
			require.Equal(t, low, err != nil, "%x", pub)
			require.Equal(t, low, circl.X448().CheckPublicKey(pub) != nil, "%x", pub)
		}
	}
}

func TestWycheproofMLKEM(t *testing.T) {
	require.Equal(t, hpkevectors.MLKEMCounts{
		Keys: wycheproof.Counts{Valid: 100}, Encap: wycheproof.Counts{Valid: 133, Invalid: 132}, Decap: wycheproof.Counts{Valid: 153, Invalid: 40},
	}, hpkevectors.WycheproofMLKEM(t, "768", circl.MLKEM768()))
	require.Equal(t, hpkevectors.MLKEMCounts{
		Keys: wycheproof.Counts{Valid: 100}, Encap: wycheproof.Counts{Valid: 133, Invalid: 136}, Decap: wycheproof.Counts{Valid: 153, Invalid: 40},
	}, hpkevectors.WycheproofMLKEM(t, "1024", circl.MLKEM1024()))
}

// RFC 9180's vectors of X448, and all of draft-ietf-hpke-pq whose KEM has a part
// from here.
func TestHPKEVectors(t *testing.T) {
	all := kems()
	for _, c := range []struct {
		params hybrid.Params
		pq     hpke.KEM
	}{
		{hybrid.MLKEM768X25519Params(), circl.MLKEM768()},
		{hybrid.MLKEM768P256Params(), circl.MLKEM768()},
		{hybrid.MLKEM1024P384Params(), circl.MLKEM1024()},
	} {
		c.params.PQ = c.pq
		kem, err := hybrid.New(c.params)
		require.NoError(t, err)
		all = append(all, kem.(hpke.DeterministicKEM))
	}
	t.Run("rfc9180", func(t *testing.T) { require.Equal(t, 16, hpkevectors.Run(t, hpkevectors.Circl(t), all...)) })
	// X448, ML-KEM-512 and -768 once each, ML-KEM-1024 twice; the hybrids 5 times.
	t.Run("hpke-pq", func(t *testing.T) { require.Equal(t, 10, hpkevectors.Run(t, hpkevectors.Draft(t), all...)) })
}

func TestX448DifferentialCircl(t *testing.T) {
	ours, theirs := circl.DHKEMX448(), circlhpke.KEM_X448_HKDF_SHA512.Scheme()
	for range 8 {
		key, err := ours.GenerateKey()
		require.NoError(t, err)
		b, err := key.Bytes()
		require.NoError(t, err)
		theirKey, err := theirs.UnmarshalBinaryPrivateKey(b)
		require.NoError(t, err)
		theirPublic, err := theirKey.Public().MarshalBinary()
		require.NoError(t, err)
		require.Equal(t, theirPublic, key.PublicKey())

		secret, enc, err := ours.Encap(key.PublicKey())
		require.NoError(t, err)
		got, err := theirs.Decapsulate(theirKey, enc)
		require.NoError(t, err)
		require.Equal(t, secret, got)

		enc, secret, err = theirs.Encapsulate(theirKey.Public())
		require.NoError(t, err)
		got, err = key.Decap(enc)
		require.NoError(t, err)
		require.Equal(t, secret, got)
	}
}

func TestMLKEMDifferentialStandardLibrary(t *testing.T) {
	for _, pair := range [][2]hpke.KEM{{circl.MLKEM768(), hpke.MLKEM768()}, {circl.MLKEM1024(), hpke.MLKEM1024()}} {
		for i := range 16 {
			from, to := pair[i%2], pair[1-i%2]
			key, err := from.DeriveKeyPair([]byte{byte(i)})
			require.NoError(t, err)
			same, err := to.DeriveKeyPair([]byte{byte(i)})
			require.NoError(t, err)
			require.Equal(t, key.PublicKey(), same.PublicKey())
			secret, enc, err := from.Encap(key.PublicKey())
			require.NoError(t, err)
			got, err := same.Decap(enc)
			require.NoError(t, err)
			require.Equal(t, secret, got)

			enc[i*7] ^= 1 // rejected implicitly, by both alike
			first, err := key.Decap(enc)
			require.NoError(t, err)
			second, err := same.Decap(enc)
			require.NoError(t, err)
			require.Equal(t, first, second)
			require.NotEqual(t, secret, first)
		}
	}
}
