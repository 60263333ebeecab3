package limit_test

import (
	"context"
	"crypto"
	"sync/atomic"

	"github.com/mlsuite/mlsuite/internal/limit"
	"github.com/mlsuite/mlsuite/suite"
)

// counter is a suite that counts the public-key calls into another.
type counter struct {
	suite.Suite
	calls [limit.Verify + 1]atomic.Int64
}

// of returns the calls that f makes.
func (c *counter) of(f func()) counts {
	for p := range c.calls {
		c.calls[p].Store(0)
	}
	f()
	count := func(p limit.Primitive) float64 { return float64(c.calls[p].Load()) }
	return counts{
		derive: count(limit.DeriveKey), seal: count(limit.Seal), open: count(limit.Open),
		sign: count(limit.Sign), verify: count(limit.Verify),
	}
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
	c.calls[limit.Seal].Add(1)
	return c.Suite.Seal(pub, info, aad, plaintext)
}

func (c *counter) PrepareSeal(info []byte) (suite.Sealer, error) {
	c.calls[limit.Prepare].Add(1)
	sealer, err := c.Suite.PrepareSeal(info)
	return countedSealer{sealer, c}, err
}

func (c *counter) Verify(pub, message, sig []byte) error {
	c.calls[limit.Verify].Add(1)
	return c.Suite.Verify(pub, message, sig)
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
	return s.Signer.Sign(ctx, message)
}
