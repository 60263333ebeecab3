package hpke

import (
	"crypto/sha3"
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

// KEM is a key encapsulation mechanism (RFC 9180, Section 4). Anybody can
// implement it.
//
// Every method is safe for concurrent use, and neither keeps nor changes its
// arguments; results belong to the caller.
type KEM interface {
	// Info describes the KEM. It is plain data and always the same.
	Info() suite.KEMInfo

	// GenerateKey is GenerateKeyPair.
	GenerateKey() (KEMPrivateKey, error)

	// DeriveKeyPair derives a key pair from ikm, of any length.
	DeriveKeyPair(ikm []byte) (KEMPrivateKey, error)

	// ParsePrivateKey is DeserializePrivateKey. It returns a [*suite.KeyError]
	// for anything but a private key.
	ParsePrivateKey(b []byte) (KEMPrivateKey, error)

	// CheckPublicKey returns a [*suite.KeyError] for every key to which Encap
	// would fail. It does so without expanding the key.
	CheckPublicKey(pub []byte) error

	// Encap returns a shared secret of Info().Nsecret bytes and its encapsulation
	// to pub, Info().Nenc bytes; or a [*suite.KeyError] if pub is no public key.
	Encap(pub []byte) (sharedSecret, enc []byte, err error)
}

// DeterministicKEM is a [KEM] whose caller can supply the randomness of an encapsulation,
// for test vectors and recorded runs. Whoever knows the randomness knows the shared
// secret.
type DeterministicKEM interface {
	KEM

	// RandomnessSize returns the length of randomness, in bytes.
	RandomnessSize() int

	// EncapDeterministic is Encap with RandomnessSize() bytes of randomness.
	EncapDeterministic(pub, randomness []byte) (sharedSecret, enc []byte, err error)
}

// KEMPrivateKey is a parsed private key, or the handle of a key in hardware.
//
// Its methods are safe for concurrent use. It may implement [suite.Destroyer]: a scheme's
// handle calls Destroy only while no other method is running, and PublicKey still answers
// after it.
type KEMPrivateKey interface {
	// PublicKey is SerializePublicKey of the public half: Info().Npk bytes.
	PublicKey() []byte

	// Bytes is SerializePrivateKey, Info().Nsk bytes, or [suite.ErrNotExportable].
	Bytes() ([]byte, error)

	// Decap returns the shared secret that enc encapsulates, or
	// [suite.ErrDecrypt] if enc is no encapsulated key. Where the KEM rejects
	// implicitly (ML-KEM), a wrong enc of the right form gives a wrong secret. A key in a
	// provider that cannot be reached returns [suite.ErrUnavailable].
	Decap(enc []byte) ([]byte, error)
}

// DeriveSeed is SHAKE256.LabeledDerive(ikm, "DeriveKeyPair", "", length) under the KEM's
// suite_id: the private key that DeriveKeyPair derives in a KEM whose private keys are
// seeds (draft-ietf-hpke-pq, Section 3).
func DeriveSeed(kemID uint16, ikm []byte, length int) []byte {
	id := kemSuiteID(kemID)
	h := sha3.NewSHAKE256()
	h.Write(ikm)
	h.Write(oneStagePrefix(id[:], "DeriveKeyPair", length))
	seed := make([]byte, length)
	h.Read(seed)
	return seed
}

func lengthError(algorithm string, private bool, got, want int) error {
	return &suite.KeyError{Algorithm: algorithm, Private: private, Rule: fmt.Sprintf("length %d, want %d", got, want)}
}

func randomnessError(name string, got, want int) error {
	return fmt.Errorf("hpke: %s takes %d bytes of randomness, not %d", name, want, got)
}
