package curve25519_test

import (
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/hpkevectors"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wycheproof"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/curve25519"
)

type dhTest struct{ Public, Private, Shared vectors.Hex }

func TestWycheproofX25519(t *testing.T) {
	ours, standard := curve25519.X25519(), hpke.X25519()
	counts := wycheproof.Each(t, "x25519_test.json", func(t *testing.T, c wycheproof.Case, _ struct{}, test dhTest) {
		key, err := ours.ParsePrivateKey(test.Private)
		require.NoError(t, err, "case %d", c.ID)
		same, err := standard.ParsePrivateKey(test.Private)
		require.NoError(t, err, "case %d", c.ID)
		require.Equal(t, same.PublicKey(), key.PublicKey(), "case %d", c.ID)
		want, wantErr := same.DH(test.Public)
		got, err := key.DH(test.Public)
		require.Equal(t, wantErr, err, "case %d: %s", c.ID, c.Comment)
		require.Equal(t, want, got, "case %d: %s", c.ID, c.Comment)
		require.Equal(t, standard.CheckPublicKey(test.Public), ours.CheckPublicKey(test.Public), "case %d", c.ID)
	})
	require.Equal(t, wycheproof.Counts{Valid: 264, Acceptable: 254}, counts)
}

func TestVectorsRFC9180(t *testing.T) {
	require.Equal(t, 16, hpkevectors.Run(t, hpkevectors.Circl(t), curve25519.DHKEMX25519()))
}

// Keys and secrets are those of crypto/ecdh: of random scalars, and of those in which single
// bits are set, which clamping changes.
func TestSameKeysAsTheStandardLibrary(t *testing.T) {
	ours, standard := curve25519.X25519(), hpke.X25519()
	var scalars [][]byte
	for bit := range 256 {
		one := make([]byte, 32)
		one[bit/8] |= 1 << (bit % 8)
		scalars = append(scalars, one)
	}
	for range 64 {
		random := make([]byte, 32)
		rand.Read(random)
		scalars = append(scalars, random)
	}
	scalars = append(scalars, make([]byte, 32))
	peer, err := standard.GenerateKey()
	require.NoError(t, err)
	for _, b := range scalars {
		key, err := ours.ParsePrivateKey(b)
		require.NoError(t, err)
		same, err := standard.ParsePrivateKey(b)
		require.NoError(t, err)
		require.Equal(t, same.PublicKey(), key.PublicKey(), "%x", b)
		want, err := same.Bytes()
		require.NoError(t, err)
		got, err := key.Bytes()
		require.NoError(t, err)
		require.Equal(t, want, got)
		want, err = same.DH(peer.PublicKey())
		require.NoError(t, err)
		got, err = key.DH(peer.PublicKey())
		require.NoError(t, err)
		require.Equal(t, want, got, "%x", b)
		got, err = peer.DH(key.PublicKey())
		require.NoError(t, err)
		require.Equal(t, want, got, "%x", b)
	}
}

func TestGeneratedKeysDiffer(t *testing.T) {
	group := curve25519.X25519()
	one, err := group.GenerateKey()
	require.NoError(t, err)
	other, err := group.GenerateKey()
	require.NoError(t, err)
	require.NotEqual(t, one.PublicKey(), other.PublicKey())
	b, err := one.Bytes()
	require.NoError(t, err)
	parsed, err := hpke.X25519().ParsePrivateKey(b)
	require.NoError(t, err)
	require.Equal(t, parsed.PublicKey(), one.PublicKey())
}

func TestBadKeysAreRefusedAsByTheStandardLibrary(t *testing.T) {
	ours, standard := curve25519.X25519(), hpke.X25519()
	ourKey, err := ours.GenerateKey()
	require.NoError(t, err)
	standardKey, err := standard.GenerateKey()
	require.NoError(t, err)
	for _, b := range [][]byte{nil, make([]byte, 31), make([]byte, 33), make([]byte, 32), append([]byte{1}, make([]byte, 31)...)} {
		_, want := standard.ParsePrivateKey(b)
		_, got := ours.ParsePrivateKey(b)
		require.Equal(t, want, got, "%x", b)
		_, want = standardKey.DH(b)
		_, got = ourKey.DH(b)
		require.Error(t, got)
		require.Equal(t, want, got, "%x", b)
		require.Equal(t, standard.CheckPublicKey(b), ours.CheckPublicKey(b))
	}
}

func TestDestroyedKeys(t *testing.T) {
	key, err := curve25519.X25519().GenerateKey()
	require.NoError(t, err)
	pub := key.PublicKey()
	suite.Destroy(key)
	require.Equal(t, pub, key.PublicKey())
	_, err = key.Bytes()
	require.ErrorIs(t, err, suite.ErrDestroyed)
	_, err = key.DH(pub)
	require.ErrorIs(t, err, suite.ErrDestroyed)
}
