package bench

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// description is a suite as suitebench suites shows it. Sizes are in bytes.
type description struct {
	Suite               string      `json:"suite"`
	ID                  result.Code `json:"id"`
	Draft               string      `json:"draft,omitempty"` // number in draft-ietf-mls-pq-ciphersuites
	Level               int         `json:"level"`
	PQConfidentiality   bool        `json:"pq_confidentiality"`
	PQAuthentication    bool        `json:"pq_authentication"`
	Hybrid              bool        `json:"hybrid"`    // the KEM has two parts
	Composite           bool        `json:"composite"` // the signature scheme has two parts
	KEM                 string      `json:"kem"`
	Derivation          string      `json:"derivation,omitempty"` // of key pairs, where no RFC settles it
	KEMID               result.Code `json:"kem_id"`               // the HPKE code point, as those of KDF and AEAD
	KDF                 string      `json:"kdf"`
	KDFID               result.Code `json:"kdf_id"`
	AEAD                string      `json:"aead"`
	AEADID              result.Code `json:"aead_id"`
	Hash                string      `json:"hash"`
	Signature           string      `json:"signature"`
	SignatureScheme     result.Code `json:"signature_scheme"` // the TLS code point
	KEMSecret           int         `json:"kem_secret"`
	KEMEncapsulated     int         `json:"kem_encapsulated"`
	KEMPublicKey        int         `json:"kem_public_key"`
	KEMPrivateKey       int         `json:"kem_private_key"`
	SignatureKey        int         `json:"signature_public_key"`
	SignaturePrivateKey int         `json:"signature_private_key"`
	SignatureSize       int         `json:"signature_size"` // at most
	Providers           []string    `json:"providers"`      // "primitive: package"
}

// descriptions are what suiteFormats write.
type descriptions struct {
	Suites []description `json:"suites"`
}

func describeSuites(suites []suite.Suite) (descriptions, error) {
	drafts, err := draftNumbers()
	if err != nil {
		return descriptions{}, err
	}
	var all descriptions
	for _, s := range suites {
		i := s.Info()
		d := description{
			Suite: i.Name, ID: result.Code(i.ID), Draft: drafts[i.Name], Level: i.Level,
			PQConfidentiality: i.PQConfidentiality(), PQAuthentication: i.PQAuthentication(), Hybrid: i.KEM.Hybrid(), Composite: i.Signature.Hybrid(),
			KEM: i.KEM.Name, Derivation: i.KEM.Derivation, KEMID: result.Code(i.KEM.ID), KDF: i.KDF.Name, KDFID: result.Code(i.KDF.ID), AEAD: i.AEAD.Name, AEADID: result.Code(i.AEAD.ID),
			Hash: i.Hash.Name, Signature: i.Signature.Name, SignatureScheme: result.Code(i.Signature.Scheme),
			KEMSecret: i.KEM.Nsecret, KEMEncapsulated: i.KEM.Nenc, KEMPublicKey: i.KEM.Npk, KEMPrivateKey: i.KEM.Nsk,
			SignatureKey: i.Signature.PublicKey, SignaturePrivateKey: i.Signature.PrivateKey, SignatureSize: i.Signature.Signature,
		}
		for _, p := range suite.Provenance(s) {
			provider := p.Primitive + ": " + p.Package
			if p.SelfDeclared {
				provider += " (by its own word)"
			}
			d.Providers = append(d.Providers, provider)
		}
		all.Suites = append(all.Suites, d)
	}
	return all, nil
}

func suiteFormats() []writer[descriptions] {
	return []writer[descriptions]{
		{"table", writeSuiteTable}, {"json", writeJSON[descriptions]}, {"csv", writeSuiteCSV},
	}
}

func writeSuiteTable(w io.Writer, all descriptions) error {
	t := table{titles: []string{
		"ID", "DRAFT", "SUITE", " LEVEL", "POST-QUANTUM", "KEM", "DERIVATION", "KDF", "AEAD", "HASH", "SIGNATURE",
		" KEM KEY", " ENC", " SIG KEY", " SIG", "PROVIDERS",
	}}
	for _, d := range all.Suites {
		t.add(d.ID.String(), d.Draft, d.Suite, strconv.Itoa(d.Level), d.postQuantum(), d.KEM, d.derivation(), d.KDF, d.AEAD, d.Hash, d.Signature,
			strconv.Itoa(d.KEMPublicKey), strconv.Itoa(d.KEMEncapsulated), strconv.Itoa(d.SignatureKey), strconv.Itoa(d.SignatureSize),
			strings.Join(d.packages(), " "))
	}
	return t.write(w)
}

// postQuantum says what stays secure before a quantum computer.
func (d description) postQuantum() string {
	switch {
	case d.Composite && d.Hybrid:
		return "full, all hybrid"
	case d.Composite:
		return "full, composite signatures"
	case d.PQAuthentication && d.Hybrid:
		return "full, hybrid KEM"
	case d.PQAuthentication:
		return "full"
	case d.PQConfidentiality && d.Hybrid:
		return "confidentiality, hybrid KEM"
	case d.PQConfidentiality:
		return "confidentiality"
	}
	return "none"
}

// derivation says how key pairs are derived, and by whom.
func (d description) derivation() string {
	switch {
	case d.Derivation == "":
		return "RFC 9180"
	case d.Derivation == suite.DerivationLabelled:
		return d.Derivation
	}
	return d.Derivation + ", no draft's"
}

// packages returns the packages that provide the suite, each once.
func (d description) packages() []string {
	var packages []string
	for _, p := range d.Providers {
		_, pkg, _ := strings.Cut(p, ": ")
		packages = append(packages, pkg)
	}
	slices.Sort(packages)
	return slices.Compact(packages)
}

// writeSuiteCSV writes the suites under the names that JSON has for their fields.
func writeSuiteCSV(w io.Writer, all descriptions) error {
	rows := [][]string{{
		"suite", "id", "draft", "level", "pq_confidentiality", "pq_authentication", "hybrid", "composite",
		"kem", "derivation", "kem_id", "kdf", "kdf_id", "aead", "aead_id", "hash", "signature", "signature_scheme",
		"kem_secret", "kem_encapsulated", "kem_public_key", "kem_private_key",
		"signature_public_key", "signature_private_key", "signature_size", "providers",
	}}
	for _, d := range all.Suites {
		rows = append(rows, []string{
			d.Suite, d.ID.String(), d.Draft, strconv.Itoa(d.Level),
			fmt.Sprint(d.PQConfidentiality), fmt.Sprint(d.PQAuthentication), fmt.Sprint(d.Hybrid), fmt.Sprint(d.Composite),
			d.KEM, d.Derivation, d.KEMID.String(), d.KDF, d.KDFID.String(), d.AEAD, d.AEADID.String(),
			d.Hash, d.Signature, d.SignatureScheme.String(),
			strconv.Itoa(d.KEMSecret), strconv.Itoa(d.KEMEncapsulated), strconv.Itoa(d.KEMPublicKey), strconv.Itoa(d.KEMPrivateKey),
			strconv.Itoa(d.SignatureKey), strconv.Itoa(d.SignaturePrivateKey), strconv.Itoa(d.SignatureSize),
			strings.Join(d.Providers, "; "),
		})
	}
	return csv.NewWriter(w).WriteAll(rows)
}

// describePeers lists sets of suites.
func describePeers(sets []registry.PeerSet) string {
	var b strings.Builder
	for _, p := range sets {
		fmt.Fprintf(&b, "  %-12s %s (%d suites, derivation %s)\n", p.Name, p.Of, len(p.Definitions), strings.Join(p.Derivations(), " and "))
	}
	return b.String()
}
