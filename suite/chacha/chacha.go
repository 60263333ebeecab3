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
func ChaCha20Poly1305() suite.AEAD {
	info := suite.AEADRow(0x0003).Info
	info.Provenance = suite.ProvidedBy(suite.Provided{Primitive: info.Name, Package: "golang.org/x/crypto/chacha20poly1305"})
	return &aead{info}
}

type aead struct{ info suite.AEADInfo }

func (a *aead) Own() provenance.Proof { return provenance.Of(a) }

func (a *aead) AEADInfo() suite.AEADInfo { return a.info }

func (a *aead) NewAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != a.info.Nk {
		return nil, fmt.Errorf("suite: %s takes a key of %d bytes, not %d", a.info.Name, a.info.Nk, len(key))
	}
	c, err := chacha20poly1305.New(key)
	return c, suite.Failure(a.info.Name, err, err)
}
