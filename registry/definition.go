package registry

import (
	"crypto"
	"errors"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/suite"
)

// Definition says what a suite consists of. It is data, from which [Parts.Build] makes a
// suite.
type Definition struct {
	ID        suite.ID // MLS code point
	Name      string
	Level     int         // bits, the number in the name
	KEM       uint16      // HPKE code point
	KDF       uint16      // HPKE code point
	AEAD      uint16      // HPKE code point
	Hash      crypto.Hash // of MLS, HMAC included
	Signature uint16      // TLS SignatureScheme

	// Derivation is how the KEM derives key pairs, as in [suite.KEMInfo]. Empty means as
	// the KEM's document says.
	Derivation string
}

// Info describes the suite by the rows of its algorithms in the tables of package suite,
// whoever provides them. What the tables lack is left zero but for its code point.
func (d Definition) Info() suite.Info {
	i := suite.Info{
		ID: d.ID, Name: d.Name, Level: d.Level,
		KEM: suite.KEMRow(d.KEM).Info, KDF: suite.KDFRow(d.KDF).Info, AEAD: suite.AEADRow(d.AEAD).Info,
		Hash: suite.HashRow(d.Hash).Info, Signature: suite.SignatureRow(d.Signature).Info,
	}
	i.KEM.ID, i.KDF.ID, i.AEAD.ID, i.Hash.Hash, i.Signature.Scheme = d.KEM, d.KDF, d.AEAD, d.Hash, d.Signature
	if d.Derivation != "" {
		i.KEM.Derivation = d.Derivation
	}
	return i
}

// DefinitionOf returns what the suite of a description consists of.
func DefinitionOf(i suite.Info) Definition {
	return Definition{
		ID: i.ID, Name: i.Name, Level: i.Level,
		KEM: i.KEM.ID, KDF: i.KDF.ID, AEAD: i.AEAD.ID, Hash: i.Hash.Hash, Signature: i.Signature.Scheme,
		Derivation: i.KEM.Derivation,
	}
}

// RFC9420 returns the suites of RFC 9420, Section 17.1.
func RFC9420() []Definition {
	return []Definition{
		{0x0001, "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", 128, 0x0020, 0x0001, 0x0001, crypto.SHA256, 0x0807, ""},
		{0x0002, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256", 128, 0x0010, 0x0001, 0x0001, crypto.SHA256, 0x0403, ""},
		{0x0003, "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519", 128, 0x0020, 0x0001, 0x0003, crypto.SHA256, 0x0807, ""},
		{0x0004, "MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448", 256, 0x0021, 0x0003, 0x0002, crypto.SHA512, 0x0808, ""},
		{0x0005, "MLS_256_DHKEMP521_AES256GCM_SHA512_P521", 256, 0x0012, 0x0003, 0x0002, crypto.SHA512, 0x0603, ""},
		{0x0006, "MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448", 256, 0x0021, 0x0003, 0x0003, crypto.SHA512, 0x0808, ""},
		{0x0007, "MLS_256_DHKEMP384_AES256GCM_SHA384_P384", 256, 0x0011, 0x0002, 0x0002, crypto.SHA384, 0x0503, ""},
	}
}

// PQDraft returns the suites of draft-ietf-mls-pq-ciphersuites-06 that have a code point
// in points, in the draft's order. IANA has assigned no code points, and one number means
// different suites in different projects, so points goes by names. It returns an error if
// points names a suite that the draft does not have.
func PQDraft(points CodePoints) ([]Definition, error) {
	if points == nil {
		return nil, errors.New("registry: no code points were given for the draft's suites")
	}
	return points.Number("draft-ietf-mls-pq-ciphersuites-06", pqDraft())
}

// pqDraft returns TBD1 to TBD11. Since revision -06, their KDF is HKDF.
func pqDraft() []Definition {
	return []Definition{
		{0, "MLS_128_MLKEM768X25519_AES128GCM_SHA256_Ed25519", 128, 0x647a, 0x0001, 0x0001, crypto.SHA256, 0x0807, suite.DerivationLabelled},
		{0, "MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519", 128, 0x647a, 0x0002, 0x0002, crypto.SHA384, 0x0807, suite.DerivationLabelled},
		{0, "MLS_128_MLKEM768P256_AES128GCM_SHA256_P256", 128, 0x0050, 0x0001, 0x0001, crypto.SHA256, 0x0403, suite.DerivationLabelled},
		{0, "MLS_128_MLKEM768P256_AES256GCM_SHA384_P256", 128, 0x0050, 0x0002, 0x0002, crypto.SHA384, 0x0403, suite.DerivationLabelled},
		{0, "MLS_192_MLKEM1024P384_AES256GCM_SHA384_P384", 192, 0x0051, 0x0002, 0x0002, crypto.SHA384, 0x0503, suite.DerivationLabelled},
		{0, "MLS_128_MLKEM768_AES256GCM_SHA384_Ed25519", 128, 0x0041, 0x0002, 0x0002, crypto.SHA384, 0x0807, suite.DerivationLabelled},
		{0, "MLS_128_MLKEM768_AES256GCM_SHA384_P256", 128, 0x0041, 0x0002, 0x0002, crypto.SHA384, 0x0403, suite.DerivationLabelled},
		{0, "MLS_192_MLKEM1024_AES256GCM_SHA384_P384", 192, 0x0042, 0x0002, 0x0002, crypto.SHA384, 0x0503, suite.DerivationLabelled},
		{0, "MLS_128_MLKEM768X25519_CHACHA20POLY1305_SHA384_MLDSA44", 128, 0x647a, 0x0002, 0x0003, crypto.SHA384, 0x0904, suite.DerivationLabelled},
		{0, "MLS_192_MLKEM768_AES256GCM_SHA384_MLDSA65", 192, 0x0041, 0x0002, 0x0002, crypto.SHA384, 0x0905, suite.DerivationLabelled},
		{0, "MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87", 256, 0x0042, 0x0002, 0x0002, crypto.SHA384, 0x0906, suite.DerivationLabelled},
	}
}

// CodePoints gives suites of a document code points, by name. A deployment chooses one set.
// An absent suite is not offered.
type CodePoints map[string]suite.ID

// Number returns the definitions that c names, in their order, with its code points. The
// error says which suite c names that the document, whose definitions they are, does not have.
func (c CodePoints) Number(document string, definitions []Definition) ([]Definition, error) {
	for name := range c {
		if !slices.ContainsFunc(definitions, func(d Definition) bool { return d.Name == name }) {
			return nil, fmt.Errorf("registry: %s has no suite %q", document, name)
		}
	}
	return c.number(definitions), nil
}

func (c CodePoints) number(definitions []Definition) (numbered []Definition) {
	for _, d := range definitions {
		if id, ok := c[d.Name]; ok {
			d.ID = id
			numbered = append(numbered, d)
		}
	}
	return numbered
}

// PrivateUse returns 0xF001 to 0xF00B in the draft's order, from the private use range of
// RFC 9420, Section 17.1.
func PrivateUse() CodePoints {
	points := CodePoints{}
	for i, d := range pqDraft() {
		points[d.Name] = 0xF001 + suite.ID(i)
	}
	return points
}
