// Package hpketest has KEMs for known-answer tests and recorded runs.
package hpketest

import (
	"crypto/mlkem"
	"crypto/mlkem/mlkemtest"

	"github.com/mlsuite/mlsuite/hpke"
)

// MLKEM768 returns [hpke.MLKEM768] with derandomized encapsulation, which crypto/mlkem
// offers only to tests.
func MLKEM768() hpke.DeterministicKEM {
	return derandomized{hpke.MLKEM768(), func(pub, m []byte) ([]byte, []byte, error) {
		key, err := mlkem.NewEncapsulationKey768(pub)
		if err != nil {
			return nil, nil, err
		}
		return mlkemtest.Encapsulate768(key, m)
	}}
}

// MLKEM1024 returns [hpke.MLKEM1024] with derandomized encapsulation.
func MLKEM1024() hpke.DeterministicKEM {
	return derandomized{hpke.MLKEM1024(), func(pub, m []byte) ([]byte, []byte, error) {
		key, err := mlkem.NewEncapsulationKey1024(pub)
		if err != nil {
			return nil, nil, err
		}
		return mlkemtest.Encapsulate1024(key, m)
	}}
}

type derandomized struct {
	hpke.KEM
	encap func(pub, m []byte) (sharedSecret, enc []byte, err error)
}

// RandomnessSize returns the length of m (FIPS 203, Section 6.2).
func (derandomized) RandomnessSize() int { return 32 }

func (k derandomized) EncapDeterministic(pub, randomness []byte) (sharedSecret, enc []byte, err error) {
	if err := k.CheckPublicKey(pub); err != nil {
		return nil, nil, err
	}
	return k.encap(pub, randomness)
}
