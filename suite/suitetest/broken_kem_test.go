package suitetest

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/suite"
)

// brokenKEM is sound with some methods replaced.
type brokenKEM struct {
	hpke.DeterministicKEM
	info   func(*suite.KEMInfo)
	encap  func(pub []byte) ([]byte, []byte, error)
	determ func(pub, randomness []byte) ([]byte, []byte, error)
}

func (b *brokenKEM) Info() suite.KEMInfo {
	info := b.DeterministicKEM.Info()
	if b.info != nil {
		b.info(&info)
	}
	return info
}

func (b *brokenKEM) Encap(pub []byte) ([]byte, []byte, error) {
	if b.encap != nil {
		return b.encap(pub)
	}
	return b.DeterministicKEM.Encap(pub)
}

func (b *brokenKEM) EncapDeterministic(pub, randomness []byte) ([]byte, []byte, error) {
	if b.determ != nil {
		return b.determ(pub, randomness)
	}
	return b.DeterministicKEM.EncapDeterministic(pub, randomness)
}

func TestKEMChecksFail(t *testing.T) {
	kem := hpke.DHKEMX25519()
	require.Empty(t, failures(kemChecks(), hpke.KEM(kem)))
	broken := func(b *brokenKEM) hpke.KEM {
		b.DeterministicKEM = kem
		return b
	}
	requireFound(t, kemChecks(), []fault[hpke.KEM]{
		{"no code point", broken(&brokenKEM{info: func(i *suite.KEMInfo) { i.ID = 0 }}), []string{"info"}},
		{"wrong Nsecret", broken(&brokenKEM{info: func(i *suite.KEMInfo) { i.Nsecret-- }}), []string{"shared secrets"}},
		{
			"one encapsulation for ever",
			broken(&brokenKEM{encap: func(pub []byte) ([]byte, []byte, error) {
				return kem.EncapDeterministic(pub, make([]byte, kem.RandomnessSize()))
			}}),
			[]string{"shared secrets"},
		},
		{
			"the randomness is ignored",
			broken(&brokenKEM{determ: func(pub, randomness []byte) ([]byte, []byte, error) {
				if len(randomness) != kem.RandomnessSize() {
					return nil, nil, errors.New("wrong length")
				}
				return kem.Encap(pub)
			}}),
			[]string{"deterministic encapsulation"},
		},
		{
			"short randomness is padded",
			broken(&brokenKEM{determ: func(pub, randomness []byte) ([]byte, []byte, error) {
				padded := make([]byte, kem.RandomnessSize())
				copy(padded, randomness)
				return kem.EncapDeterministic(pub, padded)
			}}),
			[]string{"deterministic encapsulation"},
		},
		{
			"the randomness is cleared",
			broken(&brokenKEM{determ: func(pub, randomness []byte) ([]byte, []byte, error) {
				defer clear(randomness)
				return kem.EncapDeterministic(pub, randomness)
			}}),
			[]string{"deterministic encapsulation", "arguments"},
		},
		{
			"Encap appends to the public key",
			broken(&brokenKEM{encap: func(pub []byte) ([]byte, []byte, error) {
				scratch := append(pub, 0)
				return kem.Encap(scratch[:len(pub)])
			}}),
			[]string{"arguments"},
		},
		{
			"the randomness lies behind the secret",
			broken(&brokenKEM{encap: func(pub []byte) ([]byte, []byte, error) {
				secret, enc, err := kem.Encap(pub)
				return append(secret, pattern(1, 32)...)[:len(secret)], enc, err
			}}),
			[]string{"results"},
		},
		{
			"secret and enc share memory",
			broken(&brokenKEM{encap: func(pub []byte) ([]byte, []byte, error) {
				secret, enc, err := kem.Encap(pub)
				both := slices.Concat(secret, enc)
				return both[:len(secret)], both[len(secret):], err
			}}),
			[]string{"results"},
		},
	})
}
