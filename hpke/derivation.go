package hpke

import (
	"bytes"
	"crypto/sha3"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// WithDerivation returns kem with another DeriveKeyPair, as
// [suite.KEMInfo].Derivation names it:
//
//   - [suite.DerivationUnlabelled]: the private key is SHAKE256(ikm, Nsk), without the
//     suite_id, the label and the length of [DeriveSeed];
//   - [suite.DerivationRaw]: the private key is ikm, where ikm has Nsk bytes, and
//     otherwise as without the label;
//   - [suite.DerivationLabelled], which kem has.
//
// It is a [DeterministicKEM] if kem is one. It returns an error for another derivation,
// and unless kem is a KEM of seeds that derives as draft-ietf-hpke-pq says: ML-KEM,
// where Nsk is 64 bytes, or a hybrid, where it is 32.
//
// No current draft has the first two. They are for groups with members whose
// implementation has them: registry.PeerSets says which. Everything else is kem's, so
// that members who differ in it notice at the first commit with a path.
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
