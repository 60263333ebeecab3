package suitetest

import (
	"fmt"
	"io"
	"sync"

	"github.com/mlsuite/mlsuite/suite"
)

// Recorded returns s with prepared sealers that take the randomness of their
// encapsulations from randomness, so that a recorded run repeats. They take it recipient
// after recipient, as [suite.OrderedSealer] says, on however many cores. Nothing else of
// s changes.
//
// PrepareSeal returns an error if the sealers of s are no [suite.DeterministicSealer]s.
// Whoever knows the randomness can read what is sealed.
func Recorded(s suite.Suite, randomness io.Reader) suite.Suite {
	return &recorded{Suite: s, randomness: randomness}
}

type recorded struct {
	suite.Suite
	mu         sync.Mutex
	randomness io.Reader
}

func (r *recorded) PrepareSeal(info []byte) (suite.Sealer, error) {
	prepared, err := r.Suite.PrepareSeal(info)
	if err != nil {
		return nil, err
	}
	sealer, ok := prepared.(suite.DeterministicSealer)
	if !ok {
		return nil, fmt.Errorf("suitetest: sealers of %s take no randomness", r.Info().Name)
	}
	return &recordedSealer{r, sealer}, nil
}

func (r *recorded) read(n int) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := make([]byte, n)
	if _, err := io.ReadFull(r.randomness, b); err != nil {
		return nil, fmt.Errorf("suitetest: recorded randomness: %w", err)
	}
	return b, nil
}

type recordedSealer struct {
	suite  *recorded
	sealer suite.DeterministicSealer
}

// Seal seals to the next recipient.
func (r *recordedSealer) Seal(pub, aad, plaintext []byte) (enc, ciphertext []byte, err error) {
	sealers, err := r.Sealers(1)
	if err != nil {
		return nil, nil, err
	}
	return sealers[0].Seal(pub, aad, plaintext)
}

// Sealers implements [suite.OrderedSealer].
func (r *recordedSealer) Sealers(n int) ([]suite.Sealer, error) {
	sealers := make([]suite.Sealer, n)
	for i := range sealers {
		randomness, err := r.suite.read(r.sealer.RandomnessSize())
		if err != nil {
			return nil, err
		}
		sealers[i] = &sealerOfOne{r.sealer, randomness}
	}
	return sealers, nil
}

// sealerOfOne seals to one recipient with randomness that was read beforehand.
type sealerOfOne struct {
	sealer     suite.DeterministicSealer
	randomness []byte
}

func (s *sealerOfOne) Seal(pub, aad, plaintext []byte) (enc, ciphertext []byte, err error) {
	return s.sealer.SealDeterministic(s.randomness, pub, aad, plaintext)
}
