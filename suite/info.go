package suite

import "crypto"

// Info describes a suite. It is plain data. Sizes are in bytes. Levels are in bits of
// classical security, as in the names of RFC 9420's suites.
type Info struct {
	ID        ID
	Name      string // such as "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"
	Level     int    // 128, 192 or 256: the number in the name
	KEM       KEMInfo
	KDF       KDFInfo
	AEAD      AEADInfo
	Hash      HashInfo
	Signature SignatureInfo
}

// PQConfidentiality reports whether the suite's encryption withstands an attacker with a
// quantum computer: whether its KEM has a post-quantum part.
func (i Info) PQConfidentiality() bool { return i.KEM.PostQuantum != "" }

// PQAuthentication reports whether the suite's signatures withstand an attacker
// with a quantum computer.
func (i Info) PQAuthentication() bool { return i.Signature.PostQuantum != "" }

// KEMInfo describes an HPKE KEM (RFC 9180, Section 7.1; draft-ietf-hpke-pq).
type KEMInfo struct {
	ID          uint16
	Name        string // such as "DHKEM(P-256, HKDF-SHA256)"
	Level       int    // of the stronger part, in bits
	Classical   string // "X25519", "X448", "P-256", "P-384", "P-521", or "" if there is no such part
	PostQuantum string // "ML-KEM-768" and so on, or "" if there is no such part
	Nsecret     int    // shared secret
	Nenc        int    // encapsulated key
	Npk         int    // public key
	Nsk         int    // private key

	// Derivation says how DeriveKeyPair derives if no RFC settles that, so that
	// implementations may agree on all of the KEM but this: [DerivationLabelled],
	// [DerivationUnlabelled], [DerivationRaw] or another word. It is empty if an RFC
	// settles it, as RFC 9180, Section 7.1.3, does for DHKEM.
	//
	// Members of a group who derive in different ways join and read each other, and part
	// at the first commit with a path.
	Derivation string

	// KDF is what the KEM derives key pairs with, and DHKEM the shared secret: "HKDF-SHA256"
	// and so on, or "SHAKE256". It need not be the suite's KDF, and does not count what a part
	// does inside, such as the SHA-3 of ML-KEM. It is empty if the KEM does not say.
	KDF string

	// Combiner says how a hybrid makes one shared secret of two: [CombinerC2PRI] or another
	// word. It is empty for a KEM with one part, and for a hybrid that does not say.
	Combiner string

	Provenance Providers
}

// The values of [KEMInfo.Derivation] for KEMs whose private keys are seeds.
const (
	// DerivationLabelled is SHAKE256.LabeledDerive(ikm, "DeriveKeyPair", "", Nsk):
	// draft-ietf-hpke-pq, Sections 3 and 4.
	DerivationLabelled = "labelled"
	// DerivationUnlabelled is SHAKE256(ikm, Nsk). No current draft has it. Some
	// implementations have it from an earlier draft.
	DerivationUnlabelled = "unlabelled"
	// DerivationRaw takes ikm itself as the private key, if it has Nsk bytes. No current
	// draft has it.
	DerivationRaw = "raw"
)

// Values of [KEMInfo.Combiner].
const (
	// CombinerC2PRI is SHA3-256(ssPQ || ssT || ctT || ekT || label): the C2PRI combiner of
	// draft-irtf-cfrg-hybrid-kems, as draft-ietf-hpke-pq, Section 4, has it.
	CombinerC2PRI = "C2PRI-SHA3-256"
	// CombinerCatKDF is the concatenation KDF of ETSI TS 103 744. No KEM of this module has
	// it.
	CombinerCatKDF = "CatKDF"
	// CombinerCasKDF is the cascade KDF of ETSI TS 103 744. No KEM of this module has it.
	CombinerCasKDF = "CasKDF"
	// CombinerKeyCombine is KeyCombine of SP 800-227, equation (15), which covers both
	// ciphertexts and both encapsulation keys. No KEM of this module has it.
	CombinerKeyCombine = "KeyCombine"
)

// Hybrid reports whether the KEM has a classical and a post-quantum part.
func (k KEMInfo) Hybrid() bool { return k.Classical != "" && k.PostQuantum != "" }

// KDFInfo describes an HPKE KDF (RFC 9180, Section 7.2).
type KDFInfo struct {
	ID         uint16
	Name       string    // such as "HKDF-SHA256"
	Nh         int       // output of Extract
	Provenance Providers // of HMAC too, of which HKDF is made
}

// AEADInfo describes an HPKE AEAD (RFC 9180, Section 7.3).
type AEADInfo struct {
	ID         uint16
	Name       string // such as "AES-128-GCM"
	Nk         int    // key
	Nn         int    // nonce
	Nt         int    // tag
	Provenance Providers
}

// HashInfo describes a hash function.
type HashInfo struct {
	Hash       crypto.Hash
	Name       string // such as "SHA-256"
	Size       int
	Provenance Providers
}

// SignatureInfo describes a signature scheme.
type SignatureInfo struct {
	Scheme      uint16 // TLS SignatureScheme code point
	Name        string // such as "ecdsa_secp256r1_sha256"
	Level       int    // in bits
	Classical   string // "Ed25519", "Ed448", "P-256", "P-384", "P-521", or "" if there is no such part
	PostQuantum string // "ML-DSA-44" and so on, or "" if there is no such part
	Hash        string // of the message, such as "SHA-256"; "" if there is none outside of ML-DSA, or the scheme does not say
	PublicKey   int    // public key
	PrivateKey  int    // private key, as Signer.Bytes returns it
	Signature   int    // signature; the longest, where the encoding varies (ECDSA's DER)
	Provenance  Providers
}

// Hybrid reports whether the scheme has a classical and a post-quantum part.
func (s SignatureInfo) Hybrid() bool { return s.Classical != "" && s.PostQuantum != "" }
