// Package hybrid combines a post-quantum and a classical primitive into one that stands as
// long as either does.
//
// [New] combines a KEM and a Diffie-Hellman group into a KEM of HPKE (draft-ietf-hpke-pq,
// Section 4; draft-irtf-cfrg-hybrid-kems; draft-irtf-cfrg-concrete-hybrid-kems).
// [NewComposite] combines ML-DSA and a classical signature scheme into a signature scheme
// (draft-ietf-lamps-pq-composite-sigs). The package has no ML-DSA; the caller hands it in.
package hybrid

import (
	"bytes"
	"crypto/rand"
	"crypto/sha3"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/internal/provenance"
	"github.com/mlsuite/mlsuite/suite"
)

// Params says what [New] combines into one KEM.
type Params struct {
	ID   uint16 // HPKE code point
	Name string

	// PQ is the post-quantum KEM. Its private keys are seeds: every string of
	// PQ.Info().Nsk bytes is one.
	PQ hpke.KEM

	// Group is the classical part.
	Group hpke.Group

	// KeyBlocks and EncapBlocks are the numbers of blocks, of Group.Info().Nsk bytes
	// each, in the expanded seed and in the randomness of a deterministic encapsulation.
	// The first block that is a private key of the group is taken.
	KeyBlocks, EncapBlocks int

	Label string // the domain separation of the combiner
}

// MLKEM768X25519Params returns the parameters of MLKEM768-X25519, X-Wing, on
// crypto/mlkem and crypto/ecdh: code point 0x647a.
func MLKEM768X25519Params() Params {
	return Params{
		ID: 0x647a, Name: suite.KEMRow(0x647a).Info.Name,
		PQ: hpke.MLKEM768(), Group: hpke.X25519(), KeyBlocks: 1, EncapBlocks: 1,
		Label: `\./` + `/^\`,
	}
}

// MLKEM768P256Params returns the parameters of MLKEM768-P256 on crypto/mlkem and
// crypto/ecdh: code point 0x0050.
func MLKEM768P256Params() Params {
	return Params{
		ID: 0x0050, Name: suite.KEMRow(0x0050).Info.Name,
		PQ: hpke.MLKEM768(), Group: hpke.P256(), KeyBlocks: 4, EncapBlocks: 3,
		Label: "MLKEM768-P256",
	}
}

// MLKEM1024P384Params returns the parameters of MLKEM1024-P384 on crypto/mlkem
// and crypto/ecdh: code point 0x0051.
func MLKEM1024P384Params() Params {
	return Params{
		ID: 0x0051, Name: suite.KEMRow(0x0051).Info.Name,
		PQ: hpke.MLKEM1024(), Group: hpke.P384(), KeyBlocks: 1, EncapBlocks: 1,
		Label: "MLKEM1024-P384",
	}
}

// MLKEM768X25519 returns the KEM of [MLKEM768X25519Params].
func MLKEM768X25519() hpke.KEM { return newKEM(MLKEM768X25519Params()) }

// MLKEM768P256 returns the KEM of [MLKEM768P256Params].
func MLKEM768P256() hpke.KEM { return newKEM(MLKEM768P256Params()) }

// MLKEM1024P384 returns the KEM of [MLKEM1024P384Params].
func MLKEM1024P384() hpke.KEM { return newKEM(MLKEM1024P384Params()) }

// New returns the KEM of p, which is an [hpke.DeterministicKEM] if p.PQ is one. Its
// private keys are seeds of 32 bytes. Every string of that length is a valid seed. New
// returns an error if a part is missing or does not fit.
func New(p Params) (hpke.KEM, error) {
	if p.PQ == nil || p.Group == nil {
		return nil, errors.New("hybrid: post-quantum KEM or group is missing")
	}
	if p.KeyBlocks < 1 || p.EncapBlocks < 1 {
		return nil, errors.New("hybrid: no block to try for a private key")
	}
	return newKEM(p), nil
}

func newKEM(p Params) hpke.KEM {
	pq, group := p.PQ.Info(), p.Group.Info()
	k := &kem{
		params: p,
		info: suite.KEMInfo{
			ID: p.ID, Name: p.Name, Level: max(pq.Level, group.Level),
			Classical: group.Name, PostQuantum: pq.PostQuantum,
			Nsecret: 32, Nenc: pq.Nenc + group.Npk, Npk: pq.Npk + group.Npk, Nsk: seedSize,
			Derivation: suite.DerivationLabelled, KDF: "SHAKE256", Combiner: suite.CombinerC2PRI,
			Provenance: pq.Provenance.SaidBy(p.PQ, pq.Name).With(
				group.Provenance.SaidBy(p.Group, group.Name),
				suite.ProvidedBy(
					suite.Provided{Primitive: "SHA3-256", Package: "crypto/sha3"},
					suite.Provided{Primitive: "SHAKE256", Package: "crypto/sha3"})),
		},
		pq:    pq,
		group: group,
	}
	if pq, ok := p.PQ.(hpke.DeterministicKEM); ok {
		return &deterministicKEM{k, pq}
	}
	return k
}

const seedSize = 32

type kem struct {
	params
	info  suite.KEMInfo
	pq    suite.KEMInfo
	group hpke.GroupInfo
}

// params is under a name that nobody else can set.
type params = Params

func (k *kem) Own() provenance.Proof { return provenance.Of(k) }

func (k *kem) Info() suite.KEMInfo { return k.info }

func (k *kem) GenerateKey() (hpke.KEMPrivateKey, error) {
	seed := make([]byte, seedSize)
	rand.Read(seed)
	return k.expand(seed)
}

func (k *kem) DeriveKeyPair(ikm []byte) (hpke.KEMPrivateKey, error) {
	return k.expand(hpke.DeriveSeed(k.ID, ikm, seedSize))
}

func (k *kem) ParsePrivateKey(b []byte) (hpke.KEMPrivateKey, error) {
	if len(b) != seedSize {
		return nil, &suite.KeyError{
			Algorithm: k.Name, Private: true, Rule: fmt.Sprintf("length %d, want %d", len(b), seedSize),
		}
	}
	return k.expand(bytes.Clone(b))
}

// expand is expandDecapsKeyG: SHAKE256(seed) is the seed of the post-quantum key
// and then that of the group's. It takes ownership of seed.
func (k *kem) expand(seed []byte) (*privateKey, error) {
	expanded := sha3.SumSHAKE256(seed, k.pq.Nsk+k.KeyBlocks*k.group.Nsk)
	defer clear(expanded)
	pq, err := k.PQ.ParsePrivateKey(expanded[:k.pq.Nsk])
	if err != nil {
		return nil, err
	}
	group, err := k.groupKey(expanded[k.pq.Nsk:])
	if err != nil {
		return nil, err
	}
	return &privateKey{kem: k, seed: seed, pq: pq, group: group, groupPublic: group.PublicKey()}, nil
}

// groupKey is RandomScalar: the first block that is a private key.
func (k *kem) groupKey(blocks []byte) (hpke.GroupPrivateKey, error) {
	for ; len(blocks) >= k.group.Nsk; blocks = blocks[k.group.Nsk:] {
		key, err := k.Group.ParsePrivateKey(blocks[:k.group.Nsk])
		if !errors.Is(err, suite.ErrInvalidKey) {
			return key, err // the next block would fail alike
		}
	}
	return nil, fmt.Errorf("hybrid: %s: no block is a private key of %s", k.Name, k.group.Name)
}

func (k *kem) CheckPublicKey(pub []byte) error {
	pq, group, err := k.split(pub)
	if err != nil {
		return err
	}
	if err := k.PQ.CheckPublicKey(pq); err != nil {
		return err
	}
	return k.Group.CheckPublicKey(group)
}

func (k *kem) split(pub []byte) (pq, group []byte, err error) {
	if len(pub) != k.info.Npk {
		return nil, nil, &suite.KeyError{
			Algorithm: k.Name, Rule: fmt.Sprintf("length %d, want %d", len(pub), k.info.Npk),
		}
	}
	n := k.pq.Npk
	return pub[:n:n], pub[n:], nil
}

func (k *kem) Encap(pub []byte) (sharedSecret, enc []byte, err error) {
	return k.encap(pub, k.Group.GenerateKey, k.PQ.Encap)
}

func (k *kem) encap(
	pub []byte,
	ephemeral func() (hpke.GroupPrivateKey, error),
	encapPQ func(pub []byte) (sharedSecret, enc []byte, err error),
) (sharedSecret, enc []byte, err error) {
	pubPQ, pubT, err := k.split(pub)
	if err != nil {
		return nil, nil, err
	}
	key, err := ephemeral()
	if err != nil {
		return nil, nil, err
	}
	defer suite.Destroy(key)
	ssT, err := key.DH(pubT)
	if err != nil {
		return nil, nil, err
	}
	ssPQ, ctPQ, err := encapPQ(pubPQ)
	if err != nil {
		clear(ssT)
		return nil, nil, err
	}
	ctT := key.PublicKey()
	enc = make([]byte, 0, k.info.Nenc)
	enc = append(append(enc, ctPQ...), ctT...)
	return k.combine(ssPQ, ssT, ctT, pubT), enc, nil
}

// combine is the combiner C2PRI. It erases the two secrets.
func (k *kem) combine(ssPQ, ssT, ctT, ekT []byte) []byte {
	input := make([]byte, 0, len(ssPQ)+len(ssT)+len(ctT)+len(ekT)+len(k.Label))
	input = append(input, ssPQ...)
	input = append(input, ssT...)
	input = append(input, ctT...)
	input = append(input, ekT...)
	input = append(input, k.Label...)
	sharedSecret := sha3.Sum256(input)
	clear(input)
	clear(ssPQ)
	clear(ssT)
	return sharedSecret[:]
}

type deterministicKEM struct {
	*kem
	pqDeterministic hpke.DeterministicKEM
}

func (k *deterministicKEM) Own() provenance.Proof { return provenance.Of(k) }

// RandomnessSize returns the length of the post-quantum KEM's randomness followed
// by the blocks for the ephemeral key of the group.
func (k *deterministicKEM) RandomnessSize() int {
	return k.pqDeterministic.RandomnessSize() + k.EncapBlocks*k.group.Nsk
}

func (k *deterministicKEM) EncapDeterministic(pub, randomness []byte) (sharedSecret, enc []byte, err error) {
	if len(randomness) != k.RandomnessSize() {
		return nil, nil, fmt.Errorf("hybrid: %s takes %d bytes of randomness, not %d",
			k.Name, k.RandomnessSize(), len(randomness))
	}
	n := k.pqDeterministic.RandomnessSize()
	return k.encap(pub,
		func() (hpke.GroupPrivateKey, error) { return k.groupKey(randomness[n:]) },
		func(pub []byte) ([]byte, []byte, error) {
			return k.pqDeterministic.EncapDeterministic(pub, randomness[:n])
		})
}

// privateKey keeps both halves parsed.
type privateKey struct {
	kem         *kem
	seed        []byte
	pq          hpke.KEMPrivateKey
	group       hpke.GroupPrivateKey
	groupPublic []byte
}

func (k *privateKey) PublicKey() []byte {
	pub := make([]byte, 0, k.kem.info.Npk)
	return append(append(pub, k.pq.PublicKey()...), k.groupPublic...)
}

func (k *privateKey) Bytes() ([]byte, error) {
	if k.seed == nil {
		return nil, suite.ErrDestroyed
	}
	return bytes.Clone(k.seed), nil
}

func (k *privateKey) Decap(enc []byte) ([]byte, error) {
	if k.seed == nil {
		return nil, suite.ErrDestroyed
	}
	if len(enc) != k.kem.info.Nenc {
		return nil, suite.ErrDecrypt
	}
	n := k.kem.pq.Nenc
	ctT := enc[n:]
	ssT, err := k.group.DH(ctT)
	if errors.Is(err, suite.ErrInvalidKey) {
		return nil, suite.ErrDecrypt
	}
	if err != nil {
		return nil, err
	}
	ssPQ, err := k.pq.Decap(enc[:n:n])
	if err != nil {
		clear(ssT)
		return nil, err
	}
	return k.kem.combine(ssPQ, ssT, ctT, k.groupPublic), nil
}

// Destroy implements [suite.Destroyer], under the rule of [hpke.KEMPrivateKey].
func (k *privateKey) Destroy() {
	clear(k.seed)
	k.seed = nil
	suite.Destroy(k.pq)
	suite.Destroy(k.group)
}
