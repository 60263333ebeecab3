// Package suite defines what an MLS cipher suite is: one interface over hash,
// KDF, AEAD, HPKE and signatures (RFC 9420, Section 5.1), and the composition of
// a suite from parts.
//
// The MLS engine consumes [Suite] and never names an algorithm. A third party
// usually supplies one part, an HPKE KEM or a [SignatureScheme], and composes the
// rest with [New]; a part that replaces everything, such as an HSM, implements
// Suite itself. The labelled functions of RFC 9420 (ExpandWithLabel, SignWithLabel,
// EncryptWithLabel, RefHash) belong to the engine, so that no suite can change the
// protocol.
package suite

import (
	"context"
	"crypto"
	"crypto/cipher"
	"fmt"
)

// ID is an MLS cipher suite code point (RFC 9420, Section 17.1).
type ID uint16

// String returns the code point in hexadecimal, as in "0x0001".
func (id ID) String() string { return fmt.Sprintf("0x%04X", uint16(id)) }

// Suite is an MLS cipher suite.
//
// Every method is safe for concurrent use, and neither keeps nor changes its
// arguments; results belong to the caller.
type Suite interface {
	// Info describes the suite. It is plain data and always the same.
	Info() Info
	Symmetric
	HPKE
	Signature
}

// Symmetric is the hash, KDF and AEAD of a suite (RFC 9420, Section 5.1).
type Symmetric interface {
	// Hash returns the suite's hash of data: Info().Hash.Size bytes.
	Hash(data []byte) []byte

	// MAC returns HMAC with the suite's hash: Info().Hash.Size bytes.
	MAC(key, message []byte) []byte

	// Extract is KDF.Extract (RFC 9180, Section 4): Info().KDF.Nh bytes. A suite may
	// refuse short input keying material with [ErrShortSecret].
	Extract(salt, ikm []byte) ([]byte, error)

	// Expand is KDF.Expand (RFC 9180, Section 4): length bytes, at most 255 * Nh.
	Expand(prk, info []byte, length int) ([]byte, error)

	// NewAEAD returns the AEAD under a key of Info().AEAD.Nk bytes.
	NewAEAD(key []byte) (cipher.AEAD, error)
}

// HPKE is single-shot hybrid public key encryption in base mode (RFC 9180,
// Section 6.1) under the suite's KEM, KDF and AEAD.
//
// Public keys are bytes in the KEM's serialization, Info().KEM.Npk long; private
// keys are handles.
type HPKE interface {
	// GenerateKey returns a new private key.
	GenerateKey() (PrivateKey, error)

	// DeriveKey is DeriveKeyPair (RFC 9180, Section 4): the same ikm, of any
	// length, always gives the same key.
	DeriveKey(ikm []byte) (PrivateKey, error)

	// ParsePrivateKey is DeserializePrivateKey (RFC 9180, Section 4). It returns
	// a [*KeyError] for anything but a private key.
	ParsePrivateKey(b []byte) (PrivateKey, error)

	// CheckPublicKey returns a [*KeyError] for every key to which Seal would
	// fail: one of a wrong length, off its curve, of low order, with unreduced
	// coefficients. It does so without expanding the key.
	CheckPublicKey(pub []byte) error

	// Seal encrypts plaintext to pub. It returns the encapsulated key,
	// Info().KEM.Nenc bytes, and the ciphertext, Info().AEAD.Nt bytes longer than
	// the plaintext.
	Seal(pub, info, aad, plaintext []byte) (enc, ciphertext []byte, err error)

	// PrepareSeal returns a [Sealer] for many recipients of the same info, which
	// it hashes once.
	PrepareSeal(info []byte) (Sealer, error)

	// Export sends to pub a secret of length bytes for the exporter context, and
	// nothing else: SendExport (RFC 9180, Section 6.2).
	Export(pub, info, exporterContext []byte, length int) (enc, secret []byte, err error)
}

// Sealer seals to many recipients under one info. It is safe for concurrent use.
type Sealer interface {
	// Seal is HPKE.Seal under the prepared info.
	Seal(pub, aad, plaintext []byte) (enc, ciphertext []byte, err error)
}

// DeterministicSealer is a [Sealer] that can take the randomness of the
// encapsulation from its caller, so that recorded runs and test vectors repeat.
// Randomness that is used twice for different plaintexts breaks confidentiality.
type DeterministicSealer interface {
	Sealer

	// RandomnessSize returns the length of randomness that SealDeterministic
	// takes, in bytes.
	RandomnessSize() int

	// SealDeterministic is Seal with the given randomness.
	SealDeterministic(randomness, pub, aad, plaintext []byte) (enc, ciphertext []byte, err error)
}

// OrderedSealer is a [Sealer] to which the order of the recipients matters, as one
// that takes the randomness of encapsulations from a record. Whoever seals on
// several cores asks for all sealers before it hands out the work, so that the result
// is that of one core.
type OrderedSealer interface {
	Sealer

	// Sealers returns the sealers of the next n recipients, in their order.
	Sealers(n int) ([]Sealer, error)
}

// PrivateKey is a handle of an HPKE private key: parsed once, used often, and
// possibly held by hardware.
type PrivateKey interface {
	// PublicKey returns the public key, Info().KEM.Npk bytes.
	PublicKey() []byte

	// Bytes is SerializePrivateKey (RFC 9180, Section 4), Info().KEM.Nsk bytes,
	// or [ErrNotExportable].
	Bytes() ([]byte, error)

	// Open decrypts what Seal made for this key, or returns [ErrDecrypt].
	Open(enc, info, aad, ciphertext []byte) ([]byte, error)

	// Export returns the secret that HPKE.Export sent: ReceiveExport (RFC 9180,
	// Section 6.2).
	Export(enc, info, exporterContext []byte, length int) ([]byte, error)
}

// Destroyer is implemented by handles that can erase what they hold. A destroyed
// handle fails every further use.
type Destroyer interface{ Destroy() }

// Destroy erases key if it is a [Destroyer]; otherwise the memory is left to the
// garbage collector.
func Destroy(key any) {
	if d, ok := key.(Destroyer); ok {
		d.Destroy()
	}
}

// Signature is the signature scheme of a suite (RFC 9420, Section 5.1.2). Public
// keys and signatures have the encodings of RFC 9420, Sections 5.1.1 and 5.1.2.
type Signature interface {
	// GenerateSigner returns a signer with a new key.
	GenerateSigner() (Signer, error)

	// ParseSigner returns a signer from the private key that Signer.Bytes returns.
	// It returns a [*KeyError] for anything else.
	ParseSigner(b []byte) (Signer, error)

	// NewSigner wraps a key that lives elsewhere, such as in a PKCS #11 token or
	// a KMS. It returns a [*KeyError] if the key is not of the suite's scheme.
	NewSigner(key crypto.Signer) (Signer, error)

	// CheckSignatureKey returns a [*KeyError] for every key that no signer can have:
	// one of a wrong length, off its curve, in another encoding than the one that
	// signers use, or of small order, for which anybody can sign. Whoever takes a
	// key in asks before it verifies with it, since Verify need not refuse them all.
	CheckSignatureKey(pub []byte) error

	// Verify returns nil if sig is pub's signature of message; a [*KeyError] if
	// pub is no public key; [ErrVerify] otherwise.
	Verify(pub, message, sig []byte) error
}

// Signer signs with one private key.
type Signer interface {
	// PublicKey returns the public key in the encoding of RFC 9420, Section 5.1.1.
	PublicKey() []byte

	// Bytes returns the private key, or [ErrNotExportable].
	Bytes() ([]byte, error)

	// Sign signs message itself, not a digest of it. A signer that is reached
	// over a network honours ctx.
	Sign(ctx context.Context, message []byte) ([]byte, error)
}
