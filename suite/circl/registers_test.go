package circl_test

import (
	"crypto/sha256"
	"runtime"
	"testing"

	"github.com/cloudflare/circl/kem/mlkem/mlkem768"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/avx"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/circl"
)

// onThisThread keeps the test on its thread, whose registers it looks at.
func onThisThread(t *testing.T) {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	if _, known := avx.InUse(); !known {
		t.Skip("this processor does not say whether upper halves of vector registers are in use")
	}
}

func requireClear(t *testing.T, after string) {
	t.Helper()
	inUse, _ := avx.InUse()
	require.False(t, inUse, "upper halves of vector registers are in use after %s", after)
}

// circl's own call leaves them in use. If it does no longer, package avx is of no use.
func TestCirclLeavesRegistersInUse(t *testing.T) {
	onThisThread(t)
	public, _ := mlkem768.NewKeyFromSeed(make([]byte, mlkem768.KeySeedSize))
	public.EncapsulateTo(make([]byte, mlkem768.CiphertextSize), make([]byte, mlkem768.SharedKeySize), make([]byte, mlkem768.EncapsulationSeedSize))
	inUse, _ := avx.InUse()
	require.True(t, inUse)
	avx.Clear()
	requireClear(t, "Clear")
}

func TestKEMsLeaveRegistersClear(t *testing.T) {
	onThisThread(t)
	for _, kem := range []hpke.DeterministicKEM{circl.MLKEM512(), circl.MLKEM768(), circl.MLKEM1024()} {
		key, err := kem.GenerateKey()
		require.NoError(t, err)
		requireClear(t, "GenerateKey")
		_, err = kem.DeriveKeyPair(make([]byte, 64))
		require.NoError(t, err)
		requireClear(t, "DeriveKeyPair")
		_, enc, err := kem.Encap(key.PublicKey())
		require.NoError(t, err)
		requireClear(t, "Encap")
		_, err = key.Decap(enc)
		require.NoError(t, err)
		requireClear(t, "Decap")
	}
}

func TestSignaturesLeaveRegistersClear(t *testing.T) {
	onThisThread(t)
	for _, scheme := range []suite.SignatureScheme{circl.MLDSA44(), circl.MLDSA65(), circl.MLDSA87()} {
		key, err := scheme.GenerateSigner()
		require.NoError(t, err)
		requireClear(t, "GenerateSigner")
		sig, err := key.Sign(t.Context(), []byte("message"))
		require.NoError(t, err)
		requireClear(t, "Sign")
		require.NoError(t, scheme.Verify(key.PublicKey(), []byte("message"), sig))
		requireClear(t, "Verify")
	}
}

// BenchmarkHashAfterCircl shows what SHA-256 of 64 KiB takes after an encapsulation, beside
// what it takes without: equal, or the registers are in use.
func BenchmarkHashAfterCircl(b *testing.B) {
	kem := circl.MLKEM768()
	key, err := kem.GenerateKey()
	require.NoError(b, err)
	data := make([]byte, 64<<10)
	b.Run("without", func(b *testing.B) {
		for b.Loop() {
			sha256.Sum256(data)
		}
	})
	b.Run("after", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			_, _, err := kem.Encap(key.PublicKey())
			require.NoError(b, err)
			b.StartTimer()
			sha256.Sum256(data)
		}
	})
}
