package suite

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/fips140"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/provenance"
)

// AEAD is an authenticated cipher with 12-byte nonces and 16-byte tags (RFC 9180, Section
// 7.3). HPKE and MLS both use it.
type AEAD interface {
	AEADInfo() AEADInfo

	// NewAEAD returns the cipher under a key of AEADInfo().Nk bytes. It returns an error
	// for a key of another length. The cipher does what [Symmetric] says of it.
	NewAEAD(key []byte) (cipher.AEAD, error)
}

// AES128GCM returns AES-128-GCM, HPKE code point 0x0001, from crypto/aes. In FIPS 140-3
// mode, its ciphers decrypt by an approved service of the Go Cryptographic Module and
// encrypt by one that is not approved, because the caller chooses the nonce.
func AES128GCM() AEAD { return newAESGCM(0x0001) }

// AES256GCM returns AES-256-GCM, HPKE code point 0x0002, from crypto/aes. In FIPS 140-3
// mode, it behaves as [AES128GCM] does.
func AES256GCM() AEAD { return newAESGCM(0x0002) }

type aesGCM struct{ info AEADInfo }

func newAESGCM(id uint16) *aesGCM {
	info := AEADRow(id).Info
	info.Provenance = ProvidedBy(Provided{Primitive: info.Name, Package: "crypto/aes"})
	return &aesGCM{info}
}

func (a *aesGCM) Own() provenance.Proof { return provenance.Of(a) }

func (a *aesGCM) AEADInfo() AEADInfo { return a.info }

func (a *aesGCM) NewAEAD(key []byte) (cipher.AEAD, error) {
	if len(key) != a.info.Nk {
		return nil, fmt.Errorf("suite: %s takes a key of %d bytes, not %d", a.info.Name, a.info.Nk, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	if fips140.Enabled() {
		return newFIPSGCM(block)
	}
	return cipher.NewGCM(block)
}
