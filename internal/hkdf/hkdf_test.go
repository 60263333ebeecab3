package hkdf

import (
	"bytes"
	"crypto"
	"crypto/hkdf"
	"crypto/hmac"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/internal/scratch"
)

// HMAC and HKDF agree with the standard library's for keys and messages of every
// length around a block and beyond the scratch space, and for messages that are not
// copied.
func TestAgainstStandardLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bytes := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	before := []byte("what dst holds")
	lengths := []int{0, 1, 31, 32, 48, 63, 64, 65, 127, 128, 129, 200, 383, 384, 385, 511, 512, 513, long, long + 1, 5000}
	for _, id := range []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512} {
		h := New(id)
		require.Equal(t, id.Size(), h.Size)
		for _, k := range lengths {
			for _, n := range lengths {
				key, message := bytes(k), bytes(n)
				m := hmac.New(id.New, key)
				m.Write(message)
				require.Equal(t, m.Sum(nil), h.MAC(nil, key, message), "%v, key of %d, message of %d", id, k, n)
				sum := id.New()
				sum.Write(message)
				require.Equal(t, sum.Sum(slices.Clone(before)), h.Sum(slices.Clone(before), message))

				prk, err := hkdf.Extract(id.New, message, key)
				require.NoError(t, err)
				for _, cut := range []int{0, n / 2, n} {
					got, err := h.Extract(slices.Clone(before), key, message[:cut], message[cut:])
					require.NoError(t, err)
					require.Equal(t, slices.Concat(before, prk), got, "%v, salt of %d, secret of %d", id, k, n)
				}
				for _, length := range []int{0, 1, 12, id.Size(), id.Size() + 1, 255 * id.Size()} {
					want, err := hkdf.Expand(id.New, prk, string(message), length)
					require.NoError(t, err)
					out := make([]byte, length)
					require.NoError(t, h.Expand(out, prk, message))
					require.Equal(t, want, out, "%v, info of %d, length %d", id, n, length)
				}
			}
		}
		require.ErrorContains(t, h.Expand(make([]byte, 255*id.Size()+1), bytes(id.Size()), nil), "at most")
	}
	require.Nil(t, New(crypto.MD5))
}

// Expand changes neither the key nor the info, and gives the same again.
func TestExpandKeepsItsArguments(t *testing.T) {
	h := New(crypto.SHA256)
	prk, info := []byte("a pseudorandom key of 32 bytes.."), []byte("info")
	out := make([]byte, 100)
	require.NoError(t, h.Expand(out, prk, info))
	require.Equal(t, "a pseudorandom key of 32 bytes..", string(prk))
	require.Equal(t, "info", string(info))
	again := make([]byte, 100)
	require.NoError(t, h.Expand(again, prk, info))
	require.Equal(t, out, again)
}

// A secret that is longer than what fits on the stack is erased from the memory that it
// is copied to, also by what is given to crypto/hmac.
func TestBorrowedMemoryIsErased(t *testing.T) {
	secret := []byte(strings.Repeat("secret", 200))
	h := New(crypto.SHA256)
	for _, hash := range []func(dst, key []byte, parts ...[]byte) []byte{h.mac, h.stream} {
		for _, key := range [][]byte{secret[:32], secret} {
			hash(nil, key, secret)
			for range 10 {
				lent := scratch.Borrow(len(secret))
				defer lent.Return()
				require.False(t, bytes.Contains(lent.Bytes[:cap(lent.Bytes)], []byte("secret")))
			}
		}
	}
}

// What a long message is copied to piece by piece is borrowed: only crypto/hmac allocates.
func TestLongMessagesAreStreamedInBorrowedMemory(t *testing.T) {
	if !allocated.Exact {
		t.Skip("the race detector takes borrowed memory away at random")
	}
	h, dst, key, message := New(crypto.SHA256), make([]byte, 0, 32), make([]byte, 32), make([]byte, 3*long)
	most := testing.AllocsPerRun(100, func() {
		m := hmac.New(h.new, key)
		m.Write(message)
		m.Sum(nil)
	})
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() { h.stream(dst, key, message) }), most)
}

// Keys and messages of every length are hashed in memory that is erased afterwards: on the
// stack or borrowed.
func TestNothingSecretIsAllocated(t *testing.T) {
	if !allocated.Exact {
		t.Skip("the race detector takes borrowed memory away at random")
	}
	h, dst, message := New(crypto.SHA384), make([]byte, 0, 48), make([]byte, 3000)
	for _, key := range []int{0, 32, 128, 129, 3000} {
		for _, n := range []int{0, 300, 3000} {
			key := message[:key]
			require.Zero(t, testing.AllocsPerRun(100, func() { h.mac(dst, key, message[:n]) }), "key of %d bytes, message of %d", len(key), n)
		}
	}
}
