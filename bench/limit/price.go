package limit

import (
	"context"
	"fmt"

	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/suite"
)

// small and large are the sizes in bytes between which a byte is priced.
const (
	small = 64
	large = 16 << 10
)

// Price measures what each primitive of s costs on this machine. It measures primitives
// with public keys, which decide a limit, under plan, and the others in a quarter of the
// plan's time. A price is that of the cheapest sample, because disturbances only make a
// sample dearer.
func Price(ctx context.Context, plan measure.Plan, s suite.Suite) (Prices, error) {
	m, err := newMaterial(ctx, s)
	if err != nil {
		return Prices{}, fmt.Errorf("limit: pricing %s: %w", s.Info().Name, err)
	}
	price := func(p Primitive, call func() error) (float64, error) {
		plan := plan
		if p > CheckKey {
			plan.Time /= 4
		}
		samples, err := measure.Run(ctx, plan, measure.Operation{Do: func(int) error { return call() }})
		return measure.Least(samples).CPU, err
	}
	var prices Prices
	for p, call := range m.calls(ctx, s) {
		if call == nil {
			continue
		}
		if prices[p], err = price(Primitive(p), call); err != nil {
			return Prices{}, fmt.Errorf("limit: pricing %s of %s: %w", Primitive(p), s.Info().Name, err)
		}
	}
	for _, perByte := range []struct {
		of, onSmall Primitive
		onLarge     func() error
	}{
		{HashedByte, Hash, func() error { s.Hash(m.large); return nil }},
		{AEADByte, AEAD, func() error { return m.encrypt(s, m.large) }},
	} {
		onLarge, err := price(perByte.of, perByte.onLarge)
		if err != nil {
			return Prices{}, fmt.Errorf("limit: pricing %s of %s: %w", perByte.of, s.Info().Name, err)
		}
		prices[perByte.of] = max(0, onLarge-prices[perByte.onSmall]) / (large - small)
		// Every byte is counted, those of the call on few too.
		prices[perByte.onSmall] = max(0, prices[perByte.onSmall]-small*prices[perByte.of])
	}
	return prices, nil
}

// material is what the priced calls work on.
type material struct {
	secret         []byte // of the hash's size
	info           []byte // of the length of an EncryptContext
	small, large   []byte
	recipient      suite.PrivateKey
	sealer         suite.Sealer
	enc, sealed    []byte
	signer         suite.Signer
	signature      []byte
	aeadKey, nonce []byte
}

func newMaterial(ctx context.Context, s suite.Suite) (*material, error) {
	i := s.Info()
	m := &material{
		secret: make([]byte, i.Hash.Size), info: make([]byte, 3*small),
		small: make([]byte, small), large: make([]byte, large),
		aeadKey: make([]byte, i.AEAD.Nk), nonce: make([]byte, i.AEAD.Nn),
	}
	var err error
	if m.recipient, err = s.GenerateKey(); err != nil {
		return nil, err
	}
	if m.sealer, err = s.PrepareSeal(m.info); err != nil {
		return nil, err
	}
	if m.enc, m.sealed, err = m.sealer.Seal(m.recipient.PublicKey(), nil, m.secret); err != nil {
		return nil, err
	}
	if m.signer, err = s.GenerateSigner(); err != nil {
		return nil, err
	}
	m.signature, err = m.signer.Sign(ctx, m.small)
	return m, err
}

// calls returns a call of each primitive, and nil for those that are bytes.
func (m *material) calls(ctx context.Context, s suite.Suite) [primitives]func() error {
	recipient, signer := m.recipient.PublicKey(), m.signer.PublicKey()
	return [primitives]func() error{
		DeriveKey: func() error { _, err := s.DeriveKey(m.secret); return err },
		Prepare:   func() error { _, err := s.PrepareSeal(m.info); return err },
		Seal:      func() error { _, _, err := m.sealer.Seal(recipient, nil, m.secret); return err },
		Open:      func() error { _, err := m.recipient.Open(m.enc, m.info, nil, m.sealed); return err },
		Sign:      func() error { _, err := m.signer.Sign(ctx, m.small); return err },
		Verify:    func() error { return s.Verify(signer, m.small, m.signature) },
		CheckKey:  func() error { return s.CheckPublicKey(recipient) },
		Extract:   func() error { _, err := s.Extract(m.secret, m.secret); return err },
		Expand:    func() error { _, err := s.Expand(m.secret, m.small, len(m.secret)); return err },
		MAC:       func() error { s.MAC(m.secret, m.small); return nil },
		Hash:      func() error { s.Hash(m.small); return nil },
		AEAD:      func() error { return m.encrypt(s, m.small) },
	}
}

func (m *material) encrypt(s suite.Suite, plaintext []byte) error {
	aead, err := s.NewAEAD(m.aeadKey)
	if err != nil {
		return err
	}
	aead.Seal(nil, m.nonce, plaintext, nil)
	return nil
}
