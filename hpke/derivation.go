package hpke

import (
	"bytes"
	"crypto/sha3"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// WithDerivation returns kem with another DeriveKeyPair, which derivation names as in
// [suite.KEMInfo].Derivation:
//
//   - [suite.DerivationUnlabelled]: the private key is SHAKE256(ikm, Nsk), without the
//     suite_id, the label and the length of [DeriveSeed];
//   - [suite.DerivationRaw]: the private key is ikm if that has Nsk bytes, and is derived
//     without the label if not;
//   - [suite.DerivationLabelled], which kem has already.
//
// The result is a [DeterministicKEM] if kem is one. WithDerivation returns an error for
// another derivation. It also returns one unless the private keys of kem are seeds and
// kem derives them as draft-ietf-hpke-pq says: kem is ML-KEM, where Nsk is 64 bytes, or a
// hybrid, where Nsk is 32.
//
// No current draft has the first two derivations. They are for groups with members whose
// implementation has them; registry.PeerSets lists those. Everything else is as in kem,
// so members who derive differently notice it only at the first commit with a path.
func WithDerivation(kem KEM, derivation string) (KEM, error) {
	info := kem.Info()
	if info.Derivation != suite.DerivationLabelled {
		return nil, fmt.Errorf("hpke: %s has a derivation that cannot be replaced: %q", info.Name, info.Derivation)
	}
	switch derivation {
	case suite.DerivationLabelled:
		return kem, nil
	case suite.DerivationUnlabelled, suite.DerivationRaw:
	default:
		return nil, fmt.Errorf("hpke: unknown derivation of key pairs %q", derivation)
	}
	info.Derivation = derivation
	info.Provenance = info.Provenance.SaidBy(kem, info.Name).With(
		suite.ProvidedBy(suite.Provided{Primitive: "SHAKE256", Package: "crypto/sha3"}))
	d := &derivedKEM{innerKEM: kem, info: info}
	if deterministic, ok := kem.(DeterministicKEM); ok {
		return &derivedDeterministicKEM{d, deterministic}, nil
	}
	return d, nil
}

// derivedKEM embeds its KEM under a name that nobody else can set.
type derivedKEM struct {
	innerKEM
	info suite.KEMInfo
}

type innerKEM = KEM

func (d *derivedKEM) Own() provenance.Proof { return provenance.Of(d) }

func (d *derivedKEM) Info() suite.KEMInfo { return d.info }

func (d *derivedKEM) DeriveKeyPair(ikm []byte) (KEMPrivateKey, error) {
	var seed []byte
	if d.info.Derivation == suite.DerivationRaw && len(ikm) == d.info.Nsk {
		seed = bytes.Clone(ikm)
	} else {
		seed = sha3.SumSHAKE256(ikm, d.info.Nsk)
	}
	defer clear(seed)
	return d.ParsePrivateKey(seed)
}

type derivedDeterministicKEM struct {
	*derivedKEM
	deterministic DeterministicKEM
}

func (d *derivedDeterministicKEM) Own() provenance.Proof { return provenance.Of(d) }

func (d *derivedDeterministicKEM) RandomnessSize() int { return d.deterministic.RandomnessSize() }

func (d *derivedDeterministicKEM) EncapDeterministic(pub, randomness []byte) (sharedSecret, enc []byte, err error) {
	return d.deterministic.EncapDeterministic(pub, randomness)
}
