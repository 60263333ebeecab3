package label

import (
	"bytes"
	"crypto/cipher"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
)

// elsewhere is an AEAD whose results are in new memory, and end with more bytes or with
// fewer.
type elsewhere struct {
	cipher.AEAD
	more int
}

func (a elsewhere) moved(dst, result []byte) []byte {
	result = append(bytes.Clone(result), make([]byte, max(a.more, 0))...)
	return append(bytes.Clone(dst), result[:len(result)+min(a.more, 0)]...)
}

func (a elsewhere) Seal(dst, nonce, plaintext, aad []byte) []byte {
	return a.moved(dst, a.AEAD.Seal(nil, nonce, plaintext, aad))
}

func (a elsewhere) Open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	plaintext, err := a.AEAD.Open(nil, nonce, ciphertext, aad)
	return a.moved(dst, plaintext), err
}

func TestAEADResultsArePutInPlace(t *testing.T) {
	s := mlstest.Suite(t, 1)
	info := s.Info()
	sound, err := s.NewAEAD(make([]byte, info.AEAD.Nk))
	require.NoError(t, err)
	nonce, text, aad := make([]byte, info.AEAD.Nn), []byte("plaintext"), []byte("aad")
	want := sound.Seal(nil, nonce, text, aad)
	for _, aead := range []cipher.AEAD{sound, elsewhere{sound, 0}} {
		room := append(bytes.Clone(text), make([]byte, info.AEAD.Nt+9)...)
		place := room[:len(text)]
		sealed, err := SealInPlace(s, aead, nonce, place, aad)
		require.NoError(t, err)
		require.Equal(t, want, sealed)
		require.Same(t, &place[0], &sealed[0])
		require.Equal(t, make([]byte, 9), room[len(want):], "what is behind the tag")

		narrow := bytes.Clone(text)
		sealed, err = SealInPlace(s, aead, nonce, narrow[:len(text):len(text)], aad)
		require.NoError(t, err)
		require.Equal(t, want, sealed)

		opened, err := OpenAEAD(s, aead, nil, nonce, want, aad)
		require.NoError(t, err)
		require.Equal(t, text, opened)
		_, err = OpenAEAD(s, aead, nil, nonce, want, nil)
		require.Equal(t, ErrDecrypt, err)
	}
	for _, more := range []int{-1, 1} {
		_, err := SealInPlace(s, elsewhere{sound, more}, nonce, append(make([]byte, 0, 64), text...), aad)
		require.ErrorContains(t, err, "AES-128-GCM of suite 0x0001 gives a ciphertext of")
		_, err = OpenAEAD(s, elsewhere{sound, more}, nil, nonce, want, aad)
		require.ErrorContains(t, err, "AES-128-GCM of suite 0x0001 gives a plaintext of")
	}
}
