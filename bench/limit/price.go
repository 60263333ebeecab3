package limit

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/suite"
)

// small and large are the sizes in bytes between which a byte is priced. A byte of a
// signature is priced up to huge, because some schemes take a random time for a message.
const (
	small = 64
	large = 16 << 10
	huge  = 256 << 10
)

// kdfLabel is the length in bytes of the info that Expand is priced with. The KDFLabels of the
// secrets that an epoch derives have 15 to 26 bytes: RFC 9420, Section 8.
const kdfLabel = 30

// Price measures what each primitive of s costs on this machine. It measures primitives
// with public keys, which decide a limit, under plan, and the others in a quarter of the
// plan's time. A price is that of the cheapest sample, because disturbances only make a
// sample dearer.
func Price(ctx context.Context, plan measure.Plan, s suite.Suite) (Prices, error) {
	p, err := NewPricer(ctx, plan, s)
	if err != nil {
		return Prices{}, err
	}
	var least calls
	for n := range plan.Count {
		if err := ctx.Err(); err != nil {
			return Prices{}, err
		}
		samples, err := p.sample()
		if err != nil {
			return Prices{}, err
		}
		for i, s := range samples {
			if n == 0 || s.CPU < least[i] {
				least[i] = s.CPU
			}
		}
	}
	return least.prices(), nil
}

// Pricer measures the prices of a suite's primitives, a sample at a time.
type Pricer struct {
	plan  measure.Plan
	suite suite.Suite
	calls [primitives]func() error // of a byte, the call on many
	batch [primitives]int
}

// NewPricer warms the primitives of s up. A sample takes the share of plan's time that one
// of plan.Count samples has, for each primitive with public keys, and a quarter of it for
// each of the others.
func NewPricer(ctx context.Context, plan measure.Plan, s suite.Suite) (*Pricer, error) {
	m, err := newMaterial(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("limit: pricing %s: %w", s.Info().Name, err)
	}
	p := &Pricer{plan: plan, suite: s, calls: m.calls(ctx, s)}
	for i, call := range p.calls {
		plan := plan
		if Primitive(i) > CheckKey {
			plan.Time /= 4
		}
		if p.batch[i], err = plan.Batch(ctx, measure.Operation{Do: func(int) error { return call() }}); err != nil {
			return nil, p.failed(Primitive(i), err)
		}
	}
	return p, nil
}

// Beside returns a Pricer of another suite, such as the same on other providers, whose samples
// have as many calls of each primitive as those of p. It calls each once.
func (p *Pricer) Beside(ctx context.Context, s suite.Suite) (*Pricer, error) {
	m, err := newMaterial(ctx, s)
	if err != nil {
		return nil, fmt.Errorf("limit: pricing %s: %w", s.Info().Name, err)
	}
	beside := &Pricer{plan: p.plan, suite: s, calls: m.calls(ctx, s), batch: p.batch}
	for i, call := range beside.calls {
		if err := call(); err != nil {
			return nil, beside.failed(Primitive(i), err)
		}
	}
	return beside, nil
}

// Sample measures each primitive once. It returns the prices in proportion to the fixed loop
// that ran beside each (see [measure.Sample]), so that they hold whatever disturbs both, and
// the time of the quickest in nanoseconds. The error says so if the clock is too coarse to time
// the loop.
func (p *Pricer) Sample() (inLoops Prices, loop float64, err error) {
	inLoops, loops, err := p.SampleBeside()
	return inLoops, slices.Min(loops[:]), err
}

// SampleBeside is as Sample, and returns the quicker time of the loop beside each primitive.
func (p *Pricer) SampleBeside() (inLoops Prices, loops [primitives]float64, err error) {
	samples, err := p.sample()
	if err != nil {
		return Prices{}, loops, err
	}
	var c calls
	for i, s := range samples {
		if s.Loop <= 0 {
			return Prices{}, loops, p.failed(Primitive(i), errors.New("the clock is too coarse to time the fixed loop"))
		}
		c[i] = s.CPU / s.Loop
		loops[i] = s.QuickLoop
	}
	return c.prices(), loops, nil
}

func (p *Pricer) sample() (samples [primitives]measure.Sample, err error) {
	for i, call := range p.calls {
		if samples[i], err = p.plan.Take(measure.Operation{Do: func(int) error { return call() }}, p.batch[i]); err != nil {
			return samples, p.failed(Primitive(i), err)
		}
	}
	return samples, nil
}

func (p *Pricer) failed(primitive Primitive, err error) error {
	return fmt.Errorf("limit: pricing %s of %s: %w", primitive, p.suite.Info().Name, err)
}

// calls are the costs of calls of the primitives. In place of a byte there is the call on
// many bytes.
type calls Prices

// prices returns the prices: a byte costs what a call on many bytes costs beyond one on
// few, and a call is priced without its bytes.
func (c calls) prices() Prices {
	p := Prices(c)
	for _, of := range []struct {
		call, byte Primitive
		many       float64
	}{
		{Sign, SignedByte, huge}, {Verify, VerifiedByte, huge}, {Hash, HashedByte, large}, {AEAD, AEADByte, large},
	} {
		p[of.byte] = max(0, c[of.byte]-c[of.call]) / (of.many - small)
		// Every byte is counted, those of the call on few too.
		p[of.call] = max(0, c[of.call]-small*p[of.byte])
	}
	p[VerifyFirst] = max(0, c[VerifyFirst]-small*p[VerifiedByte])
	return p
}

// material is what the priced calls work on.
type material struct {
	secret         []byte // of the hash's size
	expanded       []byte // as long
	info           []byte // of the length of an EncryptContext
	label          []byte // of that of a KDFLabel
	small, large   []byte
	huge           []byte
	recipient      suite.PrivateKey
	sealer         suite.Sealer
	enc, sealed    []byte
	signer         suite.Signer
	ofHuge         []byte           // its signature of huge
	known          [signers]message // by keys that are used again and again
	once           [signers]message // by keys with which suite.VerifyFirst alone verifies
	aeadKey, nonce []byte
	room           []byte // for large, encrypted
}

func newMaterial(ctx context.Context, s suite.Suite) (*material, error) {
	i := s.Info()
	m := &material{
		secret: make([]byte, i.Hash.Size), expanded: make([]byte, i.Hash.Size), info: make([]byte, 3*small), label: make([]byte, kdfLabel),
		small: make([]byte, small), large: make([]byte, large), huge: make([]byte, huge),
		aeadKey: make([]byte, i.AEAD.Nk), nonce: make([]byte, i.AEAD.Nn), room: make([]byte, large+i.AEAD.Nt),
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
	if m.ofHuge, err = m.signer.Sign(ctx, m.huge); err != nil {
		return nil, err
	}
	for i := range signers {
		if m.known[i], err = newMessage(ctx, s, i); err != nil {
			return nil, err
		}
		if m.once[i], err = newMessage(ctx, s, i); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// signers is how many keys verify in turn. The time of a verification hangs on the digits of
// the signature where branches do, and a processor that verifies the same signature again and
// again learns these branches. With the tables of registry/fast, an Ed25519 signature that is new
// each time takes 34.3 microseconds, one of eight in turn 32, and the same one 29 to 32. A member
// of a group sees the keys of others, and never a signature twice, so the price is rather too low.
const signers = 8

// message is one that was signed.
type message struct{ key, content, signature []byte }

// newMessage signs a message of small bytes with a key of its own.
func newMessage(ctx context.Context, s suite.Suite, number int) (message, error) {
	signer, err := s.GenerateSigner()
	if err != nil {
		return message{}, err
	}
	m := message{key: signer.PublicKey(), content: make([]byte, small)}
	m.content[0] = byte(number)
	m.signature, err = signer.Sign(ctx, m.content)
	return m, err
}

// inTurn returns a call of verify on one message after the other.
func inTurn(messages [signers]message, verify func(pub, message, sig []byte) error) func() error {
	next := 0
	return func() error {
		m := &messages[next%signers]
		next++
		return verify(m.key, m.content, m.signature)
	}
}

// calls returns a call of each primitive. For a byte, it is the call on many bytes.
func (m *material) calls(ctx context.Context, s suite.Suite) [primitives]func() error {
	recipient, signer := m.recipient.PublicKey(), m.signer.PublicKey()
	return [primitives]func() error{
		DeriveKey:    func() error { _, err := s.DeriveKey(m.secret); return err },
		Prepare:      func() error { _, err := s.PrepareSeal(m.info); return err },
		Seal:         func() error { _, _, err := m.sealer.Seal(recipient, nil, m.secret); return err },
		Open:         func() error { _, err := m.recipient.Open(m.enc, m.info, nil, m.sealed); return err },
		Sign:         func() error { _, err := m.signer.Sign(ctx, m.small); return err },
		Verify:       inTurn(m.known, s.Verify),
		VerifyFirst:  inTurn(m.once, func(pub, message, sig []byte) error { return suite.VerifyFirst(s, pub, message, sig) }),
		CheckKey:     func() error { return s.CheckPublicKey(recipient) },
		Extract:      func() error { _, err := s.Extract(m.secret, m.secret); return err },
		Expand:       func() error { return s.Expand(m.expanded, m.secret, m.label) },
		MAC:          func() error { s.MAC(m.secret, m.small); return nil },
		Hash:         func() error { s.Hash(m.small); return nil },
		HashedByte:   func() error { s.Hash(m.large); return nil },
		SignedByte:   func() error { _, err := m.signer.Sign(ctx, m.huge); return err },
		VerifiedByte: func() error { return s.Verify(signer, m.huge, m.ofHuge) },
		AEAD:         func() error { return m.encrypt(s, m.small) },
		AEADByte:     func() error { return m.encrypt(s, m.large) },
	}
}

func (m *material) encrypt(s suite.Suite, plaintext []byte) error {
	aead, err := s.NewAEAD(m.aeadKey)
	if err != nil {
		return err
	}
	aead.Seal(m.room[:0], m.nonce, plaintext, nil)
	return nil
}
