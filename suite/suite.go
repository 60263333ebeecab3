// Package suite defines MLS cipher suites: one interface over hash, KDF, AEAD, HPKE
// and signatures (RFC 9420, Section 5.1), and the composition of a suite from parts.
//
// The MLS engine consumes [Suite] and never names an algorithm. A third party usually
// supplies one part, an HPKE KEM or a [SignatureScheme], and composes the rest with
// [New]. Something that replaces every part, such as an HSM, implements Suite itself.
// The labelled functions of RFC 9420 (ExpandWithLabel, SignWithLabel, EncryptWithLabel,
// RefHash) belong to the engine, so no suite can change the protocol.
//
// [KEMs], [KDFs], [AEADs], [Hashes] and [SignatureSchemes] are the tables of the
// algorithms that this module has. An algorithm from elsewhere brings its own facts, in
// [Info].
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
// Every method is safe for concurrent use, and neither keeps nor changes its arguments,
// except what it is to fill: callers use their memory again. Results belong to the caller. The
// same holds for the methods of keys, signers and sealers. A method whose primitive the
// program may not use where it runs returns an [*EnvironmentError].
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

	// Expand fills out with KDF.Expand(prk, info, len(out)) (RFC 9180, Section 4). It
	// returns an error if out is longer than 255 * Nh bytes. out does not overlap prk or
	// info.
	Expand(out, prk, info []byte) error

	// NewAEAD returns the AEAD under a key of Info().AEAD.Nk bytes. It returns an error
	// for a key of another length.
	//
	// Ciphertexts are Info().AEAD.Nt bytes longer than plaintexts. Seal and Open also take
	// plaintext[:0] and ciphertext[:0] as dst. They may write their result there or put it
	// into new memory, whatever the capacity of dst: callers use the slice that they return.
	NewAEAD(key []byte) (cipher.AEAD, error)
}

// HPKE is single-shot hybrid public key encryption in base mode (RFC 9180, Section 6.1)
// under the suite's KEM, KDF and AEAD.
//
// Public keys are bytes in the KEM's serialization, Info().KEM.Npk long. Private keys are
// handles.
type HPKE interface {
	// GenerateKey returns a new private key.
	GenerateKey() (PrivateKey, error)

	// DeriveKey is DeriveKeyPair (RFC 9180, Section 4). The ikm may have any length, and
	// the same ikm always gives the same key.
	DeriveKey(ikm []byte) (PrivateKey, error)

	// ParsePrivateKey is DeserializePrivateKey (RFC 9180, Section 4). It returns
	// a [*KeyError] for anything but a private key.
	ParsePrivateKey(b []byte) (PrivateKey, error)

	// CheckPublicKey returns a [*KeyError] for every key to which Seal would fail: a key
	// that has a wrong length, is off its curve, has low order, or has unreduced
	// coefficients. It does not expand the key.
	CheckPublicKey(pub []byte) error

	// Seal encrypts plaintext to pub. It returns the encapsulated key, Info().KEM.Nenc
	// bytes, and the ciphertext, which is Info().AEAD.Nt bytes longer than the plaintext.
	// It returns a [*KeyError] if pub is no public key.
	Seal(pub, info, aad, plaintext []byte) (enc, ciphertext []byte, err error)

	// PrepareSeal returns a [Sealer] for many recipients of the same info. It hashes info
	// once.
	PrepareSeal(info []byte) (Sealer, error)

	// Export sends a secret of length bytes for the exporter context to pub, and nothing
	// else: SendExport (RFC 9180, Section 6.2). It returns a [*KeyError] if pub is no
	// public key.
	Export(pub, info, exporterContext []byte, length int) (enc, secret []byte, err error)
}

// Sealer seals to many recipients under one info. It is safe for concurrent use.
type Sealer interface {
	// Seal is HPKE.Seal under the prepared info.
	Seal(pub, aad, plaintext []byte) (enc, ciphertext []byte, err error)
}

// DeterministicSealer is a [Sealer] whose caller can supply the randomness of the
// encapsulation, so that recorded runs and test vectors repeat. Randomness that is used
// for two different plaintexts breaks confidentiality.
type DeterministicSealer interface {
	Sealer

	// RandomnessSize returns the length, in bytes, of the randomness that
	// SealDeterministic takes.
	RandomnessSize() int

	// SealDeterministic is Seal with the given randomness.
	SealDeterministic(randomness, pub, aad, plaintext []byte) (enc, ciphertext []byte, err error)
}

// OrderedSealer is a [Sealer] to which the order of the recipients matters, such as one
// that takes the randomness of encapsulations from a record. A caller that seals on
// several cores asks for all sealers before it hands out the work, so that the result is
// that of one core.
type OrderedSealer interface {
	Sealer

	// Sealers returns the sealers of the next n recipients, in their order.
	Sealers(n int) ([]Sealer, error)
}

// PrivateKey is a handle of an HPKE private key. The key is parsed once and used often,
// and hardware may hold it.
type PrivateKey interface {
	// PublicKey returns the public key, Info().KEM.Npk bytes.
	PublicKey() []byte

	// Bytes is SerializePrivateKey (RFC 9180, Section 4), Info().KEM.Nsk bytes,
	// or [ErrNotExportable].
	Bytes() ([]byte, error)

	// Open decrypts what Seal made for this key. It returns [ErrDecrypt] if that is not
	// authentic, [ErrDestroyed] after Destroy, and [ErrUnavailable] if the provider of the
	// key cannot say.
	Open(enc, info, aad, ciphertext []byte) ([]byte, error)

	// Export returns the secret that HPKE.Export sent: ReceiveExport (RFC 9180, Section
	// 6.2). It returns [ErrDecrypt] if enc is no encapsulated key, [ErrDestroyed] after
	// Destroy, and [ErrUnavailable] if the provider of the key cannot say.
	Export(enc, info, exporterContext []byte, length int) ([]byte, error)
}

// Destroyer is implemented by handles that can erase what they hold. A destroyed
// handle fails every further use.
type Destroyer interface{ Destroy() }

// Destroy erases key if it is a [Destroyer]. Otherwise the garbage collector reclaims the
// memory.
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

	// NewSigner wraps a key that lives elsewhere, such as in a PKCS #11 token or a KMS.
	// It returns a [*KeyError] if the key does not belong to the suite's scheme.
	NewSigner(key crypto.Signer) (Signer, error)

	// CheckSignatureKey returns a [*KeyError] for every key that no signer can have: a
	// key that has a wrong length, is off its curve, has another encoding than signers
	// use, or has small order, so that anybody can sign for it. Check a key before you
	// verify with it for the first time: Verify need not refuse all of these.
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

	// Sign signs message itself, not a digest of it. A signer that is reached over a
	// network honours ctx.
	Sign(ctx context.Context, message []byte) ([]byte, error)
}
