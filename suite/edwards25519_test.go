package suite

import (
	"crypto/ed25519"
	"encoding/binary"
	"encoding/hex"
	"math/big"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// forgery is R, the point (0, 1), and S, which is 0: under a public key A of small order
// it is the signature of every message by whose hash, modulo that order, A gives (0, 1).
func forgery() []byte { return append([]byte{1}, make([]byte, 63)...) }

func TestAnybodySignsForEd25519KeysOfSmallOrder(t *testing.T) {
	s := Ed25519()
	const ones = "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" // 30 bytes
	for _, y := range []string{
		"0100000000000000000000000000000000000000000000000000000000000000",
		"ec" + ones + "7f",
		"0000000000000000000000000000000000000000000000000000000000000000",
		"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
		"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"ed" + ones + "7f", // p, not reduced
		"ee" + ones + "7f", // p + 1
	} {
		for _, sign := range []byte{0, 0x80} {
			pub, err := hex.DecodeString(y)
			require.NoError(t, err)
			pub[31] |= sign
			require.ErrorIs(t, s.CheckSignatureKey(pub), ErrInvalidKey, "%x", pub)
			require.ErrorIs(t, VerifyFirst(s, pub, nil, forgery()), ErrInvalidKey, "%x", pub)

			verifies, forged := false, []byte(nil)
			for i := 0; i < 1000 && !verifies; i++ {
				forged = binary.BigEndian.AppendUint32(nil, uint32(i))
				verifies = s.Verify(pub, forged, forgery()) == nil
			}
			require.True(t, verifies, "%x is no key for which anybody can sign", pub)
			require.ErrorIs(t, VerifyFirst(s, pub, forged, forgery()), ErrInvalidKey, "%x", pub)
		}
	}
}

func TestEd25519KeysOfSignersPass(t *testing.T) {
	s := Ed25519()
	seed := make([]byte, ed25519.SeedSize)
	for i := range 200 {
		binary.BigEndian.PutUint32(seed, uint32(i))
		pub := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
		require.NoError(t, s.CheckSignatureKey(pub))
	}
	// y = 4/5 is that of the base point; the other sign of x is a point of its order too.
	base, err := hex.DecodeString("5866666666666666666666666666666666666666666666666666666666666666")
	require.NoError(t, err)
	require.NoError(t, s.CheckSignatureKey(base))
	base[31] |= 0x80
	require.NoError(t, s.CheckSignatureKey(base))
}

// TestSquares compares with math/big, on numbers of every length.
func TestSquares(t *testing.T) {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	p.Sub(p, big.NewInt(19))
	p256, ok := new(big.Int).SetString("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff", 16)
	require.True(t, ok)
	random := rand.New(rand.NewPCG(1, 2))
	for _, n := range []*big.Int{p, p256, big.NewInt(7), big.NewInt(19)} { // 5, 7, 7 and 3 modulo 8
		for length := range 33 {
			for range 20 {
				b := make([]byte, length)
				for i := range b {
					b[i] = byte(random.Uint32())
				}
				a := new(big.Int).SetBytes(b)
				if a.Mod(a, n).Sign() != 0 {
					require.Equal(t, big.Jacobi(a, n) == 1, isSquare(limbs(a), limbs(n)), "%v modulo %v", a, n)
				}
			}
		}
		for power := range uint(n.BitLen() - 1) { // words of zeros
			a := new(big.Int).Lsh(big.NewInt(1), power)
			require.Equal(t, big.Jacobi(a, n) == 1, isSquare(limbs(a), limbs(n)), "%v modulo %v", a, n)
		}
	}
}

func BenchmarkSquare(b *testing.B) {
	p := new(big.Int).Lsh(big.NewInt(1), 255)
	p.Sub(p, big.NewInt(19))
	a := new(big.Int).Exp(big.NewInt(3), big.NewInt(1001), p) // of no pattern
	b.Run("here", func(b *testing.B) {
		for b.Loop() {
			isSquare(limbs(a), limbs(p))
		}
	})
	b.Run("big.Jacobi", func(b *testing.B) {
		for b.Loop() {
			big.Jacobi(a, p)
		}
	})
}

// BenchmarkSignatureKey shows that the check of a key costs little beside what every
// leaf costs besides, to verify its signature.
func BenchmarkSignatureKey(b *testing.B) {
	for _, s := range []SignatureScheme{Ed25519(), ECDSAP256(), ECDSAP384(), ECDSAP521()} {
		signer, err := s.GenerateSigner()
		require.NoError(b, err)
		pub, message := signer.PublicKey(), make([]byte, 300)
		sig, err := signer.Sign(b.Context(), message)
		require.NoError(b, err)
		b.Run(s.SignatureInfo().Name+"/check", func(b *testing.B) {
			for b.Loop() {
				if err := s.CheckSignatureKey(pub); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(s.SignatureInfo().Name+"/verify", func(b *testing.B) {
			for b.Loop() {
				if err := s.Verify(pub, message, sig); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
