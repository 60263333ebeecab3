// Package chacha provides ChaCha20-Poly1305 from golang.org/x/crypto. It is apart from
// package suite, so that programs on the standard library alone do not link it.
package chacha

import (
	"crypto/cipher"
	"fmt"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// ChaCha20Poly1305 returns ChaCha20-Poly1305, HPKE code point 0x0003.
func ChaCha20Poly1305() suite.AEAD { return aead{} }

type aead struct{}

func (a aead) Own() provenance.Proof { return provenance.Of(a) }

func (aead) AEADInfo() suite.AEADInfo {
	return suite.AEADInfo{
		ID: 0x0003, Name: "ChaCha20-Poly1305",
		Nk: chacha20poly1305.KeySize, Nn: chacha20poly1305.NonceSize, Nt: chacha20poly1305.Overhead,
		Provenance: suite.ProvidedBy(suite.Provided{Primitive: "ChaCha20-Poly1305", Package: "golang.org/x/crypto/chacha20poly1305"}),
	}
}

func (aead) NewAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != chacha20poly1305.KeySize {
		return nil, fmt.Errorf("suite: ChaCha20-Poly1305 takes a key of %d bytes, not %d", chacha20poly1305.KeySize, len(key))
	}
	c, err := chacha20poly1305.New(key)
	return c, suite.Failure("ChaCha20-Poly1305", err, err)
}
