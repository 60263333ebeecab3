package suitetest_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/suitetest"
)

func someSuite(t *testing.T, r *registry.Registry, id suite.ID) suite.Suite {
	t.Helper()
	s, err := r.Suite(id)
	require.NoError(t, err)
	return s
}

// What recorded sealers seal to three recipients depends on the order of the
// sealers, not on that of their use, and anybody can open it.
func TestRecordedSealersHaveAnOrder(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0xF001, 0xF006} {
		s := someSuite(t, fast.Registry(), id)
		key, err := s.GenerateKey()
		require.NoError(t, err)
		info, aad := []byte("info"), []byte("aad")
		run := func(order ...int) [3][]byte {
			r := suitetest.Recorded(s, rand.NewChaCha8([32]byte{1}))
			require.Equal(t, s.Info(), r.Info())
			sealer, err := r.PrepareSeal(info)
			require.NoError(t, err)
			sealers, err := sealer.(suite.OrderedSealer).Sealers(len(order))
			require.NoError(t, err)
			require.Len(t, sealers, len(order))
			var enc [3][]byte
			for _, i := range order {
				var ciphertext []byte
				enc[i], ciphertext, err = sealers[i].Seal(key.PublicKey(), aad, []byte("plaintext"))
				require.NoError(t, err)
				plaintext, err := key.Open(enc[i], info, aad, ciphertext)
				require.NoError(t, err)
				require.Equal(t, "plaintext", string(plaintext))
			}
			return enc
		}
		forth := run(0, 1, 2)
		require.Equal(t, forth, run(2, 0, 1))
		require.NotEqual(t, forth[0], forth[1])
		require.NotEqual(t, forth[1], forth[2])

		// One recipient after the other takes the same randomness.
		sealer, err := suitetest.Recorded(s, rand.NewChaCha8([32]byte{1})).PrepareSeal(info)
		require.NoError(t, err)
		for i := range forth {
			enc, _, err := sealer.Seal(key.PublicKey(), aad, []byte("plaintext"))
			require.NoError(t, err)
			require.Equal(t, forth[i], enc)
		}
	}
}

func TestRecordedNeedsRandomness(t *testing.T) {
	_, err := suitetest.Recorded(someSuite(t, all.Registry(), 0xF006), rand.NewChaCha8([32]byte{})).PrepareSeal(nil)
	require.ErrorContains(t, err, "take no randomness", "crypto/mlkem has none for us")

	s := someSuite(t, all.Registry(), 0x0001)
	sealer, err := suitetest.Recorded(s, bytes.NewReader(make([]byte, 40))).PrepareSeal(nil)
	require.NoError(t, err)
	_, err = sealer.(suite.OrderedSealer).Sealers(2)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF, "a short record")
	_, _, err = sealer.Seal(nil, nil, nil)
	require.ErrorIs(t, err, io.EOF)
}

// A registry takes recorded suites like any others.
func TestRecordedSuitesAreSuites(t *testing.T) {
	s := suitetest.Recorded(someSuite(t, all.Registry(), 0x0001), rand.NewChaCha8([32]byte{}))
	_, err := registry.New(registry.Set{s})
	require.NoError(t, err)
	suitetest.TestSuite(t, s)
}
