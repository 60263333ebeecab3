package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"
)

// AEAD is an authenticated cipher with 12-byte nonces and 16-byte tags
// (RFC 9180, Section 7.3), of HPKE and of MLS alike.
type AEAD interface {
	AEADInfo() AEADInfo

	// NewAEAD returns the cipher under a key of AEADInfo().Nk bytes.
	NewAEAD(key []byte) (cipher.AEAD, error)
}

// AES128GCM returns AES-128-GCM, HPKE code point 0x0001, of crypto/aes.
func AES128GCM() AEAD { return aesGCM(0x0001, "AES-128-GCM", 16) }

// AES256GCM returns AES-256-GCM, HPKE code point 0x0002, of crypto/aes.
func AES256GCM() AEAD { return aesGCM(0x0002, "AES-256-GCM", 32) }

// ChaCha20Poly1305 returns ChaCha20-Poly1305, HPKE code point 0x0003, of
// golang.org/x/crypto.
func ChaCha20Poly1305() AEAD {
	return aead{
		info: AEADInfo{
			ID: 0x0003, Name: "ChaCha20-Poly1305",
			Nk: chacha20poly1305.KeySize, Nn: chacha20poly1305.NonceSize, Nt: chacha20poly1305.Overhead,
			Provenance: []Provided{{Primitive: "ChaCha20-Poly1305", Package: "golang.org/x/crypto/chacha20poly1305"}},
		},
		new: chacha20poly1305.New,
	}
}

type aead struct {
	info AEADInfo
	new  func(key []byte) (cipher.AEAD, error)
}

func (a aead) AEADInfo() AEADInfo { return a.info }

func (a aead) NewAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != a.info.Nk {
		return nil, fmt.Errorf("suite: %s takes a key of %d bytes, not %d", a.info.Name, a.info.Nk, len(key))
	}
	return a.new(key)
}

func aesGCM(id uint16, name string, keySize int) AEAD {
	return aead{
		info: AEADInfo{
			ID: id, Name: name, Nk: keySize, Nn: 12, Nt: 16,
			Provenance: []Provided{{Primitive: name, Package: "crypto/aes"}},
		},
		new: newGCM,
	}
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
