package label

import (
	"crypto/cipher"
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

// SealInPlace encrypts plaintext where it stands, if the tag of Info().AEAD.Nt bytes fits
// behind it, and returns the ciphertext. The AEAD may put its result elsewhere, which
// [cipher.AEAD] allows: then it is copied over the plaintext. It is an error that names the
// suite if the result does not have the length that the suite states.
func SealInPlace(s suite.Suite, aead cipher.AEAD, nonce, plaintext, aad []byte) ([]byte, error) {
	size := len(plaintext) + s.Info().AEAD.Nt
	sealed := aead.Seal(plaintext[:0:min(size, cap(plaintext))], nonce, plaintext, aad)
	if len(sealed) != size {
		return nil, wrongLength(s, "ciphertext", len(sealed), size)
	}
	if size > cap(plaintext) {
		return sealed, nil
	}
	place := plaintext[:size]
	copy(place, sealed) // which costs nothing in place
	return place, nil
}

// OpenAEAD decrypts ciphertext. The plaintext is over room or elsewhere, as the AEAD has
// it. The error is [ErrDecrypt] if the ciphertext is not authentic, and it names the suite
// if the plaintext does not have the length that the suite states.
func OpenAEAD(s suite.Suite, aead cipher.AEAD, room, nonce, ciphertext, aad []byte) ([]byte, error) {
	plaintext, err := aead.Open(room[:0:len(room)], nonce, ciphertext, aad)
	if err != nil {
		return nil, ErrDecrypt
	}
	if size := len(ciphertext) - s.Info().AEAD.Nt; len(plaintext) != size {
		return nil, wrongLength(s, "plaintext", len(plaintext), size)
	}
	return plaintext, nil
}

func wrongLength(s suite.Suite, what string, got, want int) error {
	info := s.Info()
	return fmt.Errorf("mls: the AEAD %s of suite %s gives a %s of %d bytes, not %d", info.AEAD.Name, info.ID, what, got, want)
}
