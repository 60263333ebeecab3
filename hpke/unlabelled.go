package hpke

import (
	"crypto/sha3"
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

// Unlabelled returns kem with another DeriveKeyPair, whose private key is
// SHAKE256(ikm, Nsk): without the suite_id, the label and the length of [DeriveSeed].
// It is a [DeterministicKEM] if kem is one. It returns an error unless kem is a KEM of
// seeds that derives as draft-ietf-hpke-pq says ([suite.DerivationLabelled]): ML-KEM,
// where Nsk is 64 bytes, and the hybrids, where it is 32.
//
// No current draft has this derivation. It is for groups with members whose
// implementation has it: registry.PeerSets names them. Everything else is kem's, so
// that such a member and one with the label notice at the first commit.
func Unlabelled(kem KEM) (KEM, error) {
	info := kem.Info()
	if info.Derivation != suite.DerivationLabelled {
		return nil, fmt.Errorf("hpke: %s does not derive its private keys by a label that could be left out", info.Name)
	}
	if deterministic, ok := kem.(DeterministicKEM); ok {
		return unlabelledDeterministic{deterministic}, nil
	}
	return unlabelled{kem}, nil
}

type unlabelled struct{ KEM }

func (u unlabelled) Info() suite.KEMInfo { return unlabelledInfo(u.KEM) }

func (u unlabelled) DeriveKeyPair(ikm []byte) (KEMPrivateKey, error) {
	return deriveUnlabelled(u.KEM, ikm)
}

type unlabelledDeterministic struct{ DeterministicKEM }

func (u unlabelledDeterministic) Info() suite.KEMInfo { return unlabelledInfo(u.DeterministicKEM) }

func (u unlabelledDeterministic) DeriveKeyPair(ikm []byte) (KEMPrivateKey, error) {
	return deriveUnlabelled(u.DeterministicKEM, ikm)
}

func unlabelledInfo(kem KEM) suite.KEMInfo {
	info := kem.Info()
	info.Derivation = suite.DerivationUnlabelled
	info.Provenance = info.Provenance.SaidBy(kem, info.Name)
	return info
}

func deriveUnlabelled(kem KEM, ikm []byte) (KEMPrivateKey, error) {
	seed := sha3.SumSHAKE256(ikm, kem.Info().Nsk)
	defer clear(seed)
	return kem.ParsePrivateKey(seed)
}
