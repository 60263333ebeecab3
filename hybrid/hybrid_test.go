package hybrid_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"testing"

	"filippo.io/mlkem768"
	"filippo.io/mlkem768/xwing"
	circlkem "github.com/cloudflare/circl/kem"
	"github.com/cloudflare/circl/kem/mlkem/mlkem1024"
	circl768 "github.com/cloudflare/circl/kem/mlkem/mlkem768"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hpke/hpketest"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/suite"
)

func standardKEMs() []hpke.KEM {
	return []hpke.KEM{hybrid.MLKEM768X25519(), hybrid.MLKEM768P256(), hybrid.MLKEM1024P384()}
}

func derandomizedXWing(t *testing.T) hpke.DeterministicKEM {
	p := hybrid.MLKEM768X25519Params()
	p.PQ = hpketest.MLKEM768()
	kem, err := hybrid.New(p)
	require.NoError(t, err)
	return kem.(hpke.DeterministicKEM)
}

// TestXWingVectors has the cases of draft-connolly-cfrg-xwing-kem.
func TestXWingVectors(t *testing.T) {
	var all []struct{ Seed, ESeed, SS, SK, PK, CT vectors.Hex }
	vectors.Load(t, "xwing/test-vectors.json", &all)
	require.NotEmpty(t, all)
	kem := derandomizedXWing(t)
	for _, v := range all {
		key, err := kem.ParsePrivateKey(v.Seed)
		require.NoError(t, err)
		require.EqualValues(t, v.PK, key.PublicKey())
		serialized, err := key.Bytes()
		require.NoError(t, err)
		require.EqualValues(t, v.SK, serialized)
		ss, ct, err := kem.EncapDeterministic(v.PK, v.ESeed)
		require.NoError(t, err)
		require.EqualValues(t, v.CT, ct)
		require.EqualValues(t, v.SS, ss)
		ss, err = key.Decap(v.CT)
		require.NoError(t, err)
		require.EqualValues(t, v.SS, ss)
	}
}

// TestXWing takes keys and secrets to the independent implementation of
// filippo.io/mlkem768/xwing and back.
func TestXWing(t *testing.T) {
	kem := hybrid.MLKEM768X25519()
	for range 20 {
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		seed, err := key.Bytes()
		require.NoError(t, err)
		theirs, err := xwing.NewKeyFromSeed(seed)
		require.NoError(t, err)
		require.Equal(t, theirs.EncapsulationKey(), key.PublicKey())

		ss, ct, err := kem.Encap(key.PublicKey())
		require.NoError(t, err)
		got, err := xwing.Decapsulate(theirs, ct)
		require.NoError(t, err)
		require.Equal(t, ss, got)

		ct, ss, err = xwing.Encapsulate(key.PublicKey())
		require.NoError(t, err)
		got, err = key.Decap(ct)
		require.NoError(t, err)
		require.Equal(t, ss, got)

		ct[0] ^= 1 // ML-KEM rejects implicitly: by the same pseudorandom secret
		want, err := xwing.Decapsulate(theirs, ct)
		require.NoError(t, err)
		got, err = key.Decap(ct)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.NotEqual(t, ss, got)
	}
}

// TestMLKEM compares ML-KEM-768 of crypto/mlkem, circl and filippo.io/mlkem768, and
// ML-KEM-1024 of the first two: each decapsulates what each other encapsulates.
func TestMLKEM(t *testing.T) {
	for _, row := range []struct {
		kem   hpke.DeterministicKEM
		circl circlkem.Scheme
	}{
		{hpketest.MLKEM768(), circl768.Scheme()},
		{hpketest.MLKEM1024(), mlkem1024.Scheme()},
	} {
		for i := range 50 {
			seed := hpke.DeriveSeed(row.kem.Info().ID, binary.BigEndian.AppendUint32(nil, uint32(i)), 64)
			key, err := row.kem.ParsePrivateKey(seed)
			require.NoError(t, err)
			public, private := row.circl.DeriveKeyPair(seed)
			packed, err := public.MarshalBinary()
			require.NoError(t, err)
			require.Equal(t, packed, key.PublicKey())

			m := seed[:32]
			ct, ss, err := row.circl.EncapsulateDeterministically(public, m)
			require.NoError(t, err)
			ourSS, ourCT, err := row.kem.EncapDeterministic(packed, m)
			require.NoError(t, err)
			require.Equal(t, ct, ourCT)
			require.Equal(t, ss, ourSS)
			for _, flip := range []bool{false, true} {
				if flip {
					ct[i] ^= 1
				}
				want, err := row.circl.Decapsulate(private, ct)
				require.NoError(t, err)
				got, err := key.Decap(ct)
				require.NoError(t, err)
				require.Equal(t, want, got)
				require.Equal(t, !flip, bytes.Equal(ss, got))
				if row.kem.Info().ID != 0x0041 {
					continue
				}
				third, err := mlkem768.NewKeyFromSeed(seed)
				require.NoError(t, err)
				require.Equal(t, packed, third.EncapsulationKey())
				got, err = mlkem768.Decapsulate(third, ct)
				require.NoError(t, err)
				require.Equal(t, want, got)
			}
			if row.kem.Info().ID != 0x0041 {
				continue
			}
			ct, ss, err = mlkem768.Encapsulate(packed)
			require.NoError(t, err)
			got, err := key.Decap(ct)
			require.NoError(t, err)
			require.Equal(t, ss, got)
			got, err = row.circl.Decapsulate(private, ct)
			require.NoError(t, err)
			require.Equal(t, ss, got)
		}
	}
}

// TestTamperedHalf changes one byte in each half of an encapsulated key.
func TestTamperedHalf(t *testing.T) {
	for _, kem := range standardKEMs() {
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		ss, enc, err := kem.Encap(key.PublicKey())
		require.NoError(t, err)
		require.Len(t, ss, kem.Info().Nsecret)
		got, err := key.Decap(enc)
		require.NoError(t, err)
		require.Equal(t, ss, got)
		for _, at := range []int{0, len(enc) - 1} {
			bad := bytes.Clone(enc)
			bad[at] ^= 1
			got, err := key.Decap(bad)
			if err != nil {
				require.ErrorIs(t, err, suite.ErrDecrypt)
				continue
			}
			require.NotEqual(t, ss, got)
		}
		for _, bad := range [][]byte{nil, enc[1:], append(bytes.Clone(enc), 0)} {
			_, err = key.Decap(bad)
			require.ErrorIs(t, err, suite.ErrDecrypt)
		}
	}
}

// TestBothHalvesCount shows that the shared secret depends on either half of the
// randomness, and on nothing else.
func TestBothHalvesCount(t *testing.T) {
	kem := derandomizedXWing(t)
	key, err := kem.DeriveKeyPair([]byte("recipient"))
	require.NoError(t, err)
	randomness := make([]byte, kem.RandomnessSize())
	rand.Read(randomness)
	ss, enc, err := kem.EncapDeterministic(key.PublicKey(), randomness)
	require.NoError(t, err)
	same, sameEnc, err := kem.EncapDeterministic(key.PublicKey(), randomness)
	require.NoError(t, err)
	require.Equal(t, ss, same)
	require.Equal(t, enc, sameEnc)
	for _, at := range []int{0, 40} {
		other := bytes.Clone(randomness)
		other[at] ^= 0x10
		changed, _, err := kem.EncapDeterministic(key.PublicKey(), other)
		require.NoError(t, err)
		require.NotEqual(t, ss, changed)
	}
}

// scalarlessGroup is P-256 that takes no private key.
type scalarlessGroup struct{ hpke.Group }

func (scalarlessGroup) ParsePrivateKey([]byte) (hpke.GroupPrivateKey, error) {
	return nil, &suite.KeyError{Algorithm: "P-256", Private: true, Rule: "out of range"}
}

func TestNoScalar(t *testing.T) {
	p := hybrid.MLKEM768P256Params()
	p.PQ, p.Group = hpketest.MLKEM768(), scalarlessGroup{p.Group}
	kem, err := hybrid.New(p)
	require.NoError(t, err)
	_, err = kem.GenerateKey()
	require.Error(t, err)
	_, err = kem.ParsePrivateKey(make([]byte, 32))
	require.Error(t, err)
	key, err := hybrid.MLKEM768P256().GenerateKey()
	require.NoError(t, err)
	deterministic := kem.(hpke.DeterministicKEM)
	_, _, err = deterministic.EncapDeterministic(key.PublicKey(), make([]byte, deterministic.RandomnessSize()))
	require.Error(t, err)
}

// TestRejectedBlocks skips the blocks of the randomness that are no scalars.
func TestRejectedBlocks(t *testing.T) {
	p := hybrid.MLKEM768P256Params()
	p.PQ = hpketest.MLKEM768()
	kem, err := hybrid.New(p)
	require.NoError(t, err)
	deterministic := kem.(hpke.DeterministicKEM)
	key, err := kem.GenerateKey()
	require.NoError(t, err)
	zero, over, scalar := make([]byte, 32), bytes.Repeat([]byte{0xFF}, 32), bytes.Repeat([]byte{1}, 32)
	encap := func(blocks ...[]byte) ([]byte, error) {
		_, enc, err := deterministic.EncapDeterministic(key.PublicKey(), bytes.Join(append([][]byte{zero}, blocks...), nil))
		return enc, err
	}
	want, err := encap(scalar, zero, zero)
	require.NoError(t, err)
	got, err := encap(zero, over, scalar)
	require.NoError(t, err)
	require.Equal(t, want, got)
	_, err = encap(zero, over, zero)
	require.Error(t, err)
}

func TestNew(t *testing.T) {
	for _, change := range []func(p *hybrid.Params){
		func(p *hybrid.Params) { p.PQ = nil },
		func(p *hybrid.Params) { p.Group = nil },
		func(p *hybrid.Params) { p.KeyBlocks = 0 },
		func(p *hybrid.Params) { p.EncapBlocks = 0 },
	} {
		p := hybrid.MLKEM768X25519Params()
		change(&p)
		_, err := hybrid.New(p)
		require.Error(t, err)
	}
	for _, kem := range standardKEMs() {
		_, ok := kem.(hpke.DeterministicKEM)
		require.False(t, ok, "crypto/mlkem is not deterministic")
	}
}

func TestDestroy(t *testing.T) {
	for _, kem := range append(standardKEMs(), hpke.DHKEMX25519()) {
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		pub := key.PublicKey()
		_, enc, err := kem.Encap(pub)
		require.NoError(t, err)
		suite.Destroy(key)
		require.Equal(t, pub, key.PublicKey())
		_, err = key.Bytes()
		require.ErrorIs(t, err, suite.ErrDestroyed)
		_, err = key.Decap(enc)
		require.ErrorIs(t, err, suite.ErrDestroyed)
	}
}
