package suite

import (
	"crypto/cipher"
	"crypto/fips140"
)

const (
	gcmNonceSize = 12
	gcmTagSize   = 16
)

// fipsGCM is AES-GCM in FIPS 140-3 mode. The Go Cryptographic Module approves encryption
// only with nonces that it makes itself, and MLS and HPKE derive theirs. So Seal is a
// service that is not approved, the only one of this project (FIPS.md). Open is the
// approved service for ciphertexts with random nonces, which decrypts the same bytes.
type fipsGCM struct {
	block  cipher.Block // of crypto/aes
	random cipher.AEAD  // takes nonce || ciphertext
}

func newFIPSGCM(block cipher.Block) (cipher.AEAD, error) {
	random, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	return &fipsGCM{block, random}, nil
}

func (*fipsGCM) NonceSize() int { return gcmNonceSize }
func (*fipsGCM) Overhead() int  { return gcmTagSize }

func (g *fipsGCM) Seal(dst, nonce, plaintext, aad []byte) []byte {
	return sealNotApproved(g.block, dst, nonce, plaintext, aad)
}

func (g *fipsGCM) Open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	if len(nonce) != gcmNonceSize {
		panic("suite: incorrect nonce length given to GCM") // as cipher.NewGCM's do
	}
	sealed := make([]byte, 0, len(nonce)+len(ciphertext))
	sealed = append(append(sealed, nonce...), ciphertext...)
	return g.random.Open(dst, nil, sealed, aad)
}

// sealNotApproved encrypts under a nonce that the protocol derived, outside the
// enforcement of GODEBUG=fips140=only. Nothing else in this module leaves that
// enforcement.
func sealNotApproved(block cipher.Block, dst, nonce, plaintext, aad []byte) (ciphertext []byte) {
	fips140.WithoutEnforcement(func() {
		gcm, err := cipher.NewGCM(block)
		if err != nil {
			panic(err) // NewGCM fails only for block sizes other than AES's, and under enforcement
		}
		ciphertext = gcm.Seal(dst, nonce, plaintext, aad)
	})
	return ciphertext
}
