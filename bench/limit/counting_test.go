package limit_test

import (
	"context"
	"crypto"
	"crypto/cipher"
	"sync/atomic"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/suite"
)

// counter is a suite that counts the calls into another, and the bytes that are signed and
// verified.
type counter struct {
	suite.Suite
	calls [len(limit.Cost{})]atomic.Int64
}

// of returns the calls that f makes, and the bytes that it signs and verifies.
func (c *counter) of(f func()) limit.Cost {
	for p := range c.calls {
		c.calls[p].Store(0)
	}
	f()
	var calls limit.Cost
	for p := range c.calls {
		calls[p] = float64(c.calls[p].Load())
	}
	return calls
}

func (c *counter) Hash(data []byte) []byte {
	c.calls[limit.Hash].Add(1)
	return c.Suite.Hash(data)
}

func (c *counter) MAC(key, message []byte) []byte {
	c.calls[limit.MAC].Add(1)
	return c.Suite.MAC(key, message)
}

func (c *counter) Extract(salt, ikm []byte) ([]byte, error) {
	c.calls[limit.Extract].Add(1)
	return c.Suite.Extract(salt, ikm)
}

func (c *counter) Expand(out, prk, info []byte) error {
	c.calls[limit.Expand].Add(1)
	return c.Suite.Expand(out, prk, info)
}

func (c *counter) NewAEAD(key []byte) (cipher.AEAD, error) {
	aead, err := c.Suite.NewAEAD(key)
	return countedAEAD{aead, c}, err
}

func (c *counter) CheckPublicKey(pub []byte) error {
	c.calls[limit.CheckKey].Add(1)
	return c.Suite.CheckPublicKey(pub)
}

func (c *counter) GenerateKey() (suite.PrivateKey, error) {
	c.calls[limit.DeriveKey].Add(1)
	key, err := c.Suite.GenerateKey()
	return countedKey{key, c}, err
}

func (c *counter) DeriveKey(ikm []byte) (suite.PrivateKey, error) {
	c.calls[limit.DeriveKey].Add(1)
	key, err := c.Suite.DeriveKey(ikm)
	return countedKey{key, c}, err
}

func (c *counter) ParsePrivateKey(b []byte) (suite.PrivateKey, error) {
	c.calls[limit.DeriveKey].Add(1)
	key, err := c.Suite.ParsePrivateKey(b)
	return countedKey{key, c}, err
}

func (c *counter) Seal(pub, info, aad, plaintext []byte) (enc, ciphertext []byte, err error) {
	c.calls[limit.Prepare].Add(1)
	c.calls[limit.Seal].Add(1)
	return c.Suite.Seal(pub, info, aad, plaintext)
}

func (c *counter) Export(pub, info, exporterContext []byte, length int) (enc, secret []byte, err error) {
	c.calls[limit.Prepare].Add(1)
	c.calls[limit.Seal].Add(1)
	return c.Suite.Export(pub, info, exporterContext, length)
}

func (c *counter) PrepareSeal(info []byte) (suite.Sealer, error) {
	c.calls[limit.Prepare].Add(1)
	sealer, err := c.Suite.PrepareSeal(info)
	return countedSealer{sealer, c}, err
}

func (c *counter) Verify(pub, message, sig []byte) error {
	c.calls[limit.Verify].Add(1)
	c.calls[limit.VerifiedByte].Add(int64(len(message)))
	return c.Suite.Verify(pub, message, sig)
}

func (c *counter) VerifyFirst(pub, message, sig []byte) error {
	c.calls[limit.VerifyFirst].Add(1)
	c.calls[limit.VerifiedByte].Add(int64(len(message)))
	return suite.VerifyFirst(c.Suite, pub, message, sig)
}

func (c *counter) GenerateSigner() (suite.Signer, error) {
	signer, err := c.Suite.GenerateSigner()
	return countedSigner{signer, c}, err
}

func (c *counter) ParseSigner(b []byte) (suite.Signer, error) {
	signer, err := c.Suite.ParseSigner(b)
	return countedSigner{signer, c}, err
}

func (c *counter) NewSigner(key crypto.Signer) (suite.Signer, error) {
	signer, err := c.Suite.NewSigner(key)
	return countedSigner{signer, c}, err
}

type countedKey struct {
	suite.PrivateKey
	c *counter
}

func (k countedKey) Open(enc, info, aad, ciphertext []byte) ([]byte, error) {
	k.c.calls[limit.Open].Add(1)
	return k.PrivateKey.Open(enc, info, aad, ciphertext)
}

func (k countedKey) Destroy() { suite.Destroy(k.PrivateKey) }

func (k countedKey) Export(enc, info, exporterContext []byte, length int) ([]byte, error) {
	k.c.calls[limit.Open].Add(1)
	return k.PrivateKey.Export(enc, info, exporterContext, length)
}

type countedAEAD struct {
	cipher.AEAD
	c *counter
}

func (a countedAEAD) Seal(dst, nonce, plaintext, aad []byte) []byte {
	a.c.calls[limit.AEAD].Add(1)
	return a.AEAD.Seal(dst, nonce, plaintext, aad)
}

func (a countedAEAD) Open(dst, nonce, ciphertext, aad []byte) ([]byte, error) {
	a.c.calls[limit.AEAD].Add(1)
	return a.AEAD.Open(dst, nonce, ciphertext, aad)
}

type countedSealer struct {
	suite.Sealer
	c *counter
}

func (s countedSealer) Seal(pub, aad, plaintext []byte) (enc, ciphertext []byte, err error) {
	s.c.calls[limit.Seal].Add(1)
	return s.Sealer.Seal(pub, aad, plaintext)
}

type countedSigner struct {
	suite.Signer
	c *counter
}

func (s countedSigner) Sign(ctx context.Context, message []byte) ([]byte, error) {
	s.c.calls[limit.Sign].Add(1)
	s.c.calls[limit.SignedByte].Add(int64(len(message)))
	return s.Signer.Sign(ctx, message)
}
