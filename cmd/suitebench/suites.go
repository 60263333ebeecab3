package main

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/suite"
)

// description is a suite as suitebench suites shows it. Sizes are in bytes.
type description struct {
	Suite             string   `json:"suite"`
	ID                suite.ID `json:"id"`
	Draft             string   `json:"draft,omitempty"` // number in draft-ietf-mls-pq-ciphersuites
	Level             int      `json:"level"`
	PQConfidentiality bool     `json:"pq_confidentiality"`
	PQAuthentication  bool     `json:"pq_authentication"`
	Hybrid            bool     `json:"hybrid"`
	KEM               string   `json:"kem"`
	KDF               string   `json:"kdf"`
	AEAD              string   `json:"aead"`
	Hash              string   `json:"hash"`
	Signature         string   `json:"signature"`
	KEMPublicKey      int      `json:"kem_public_key"`
	KEMEncapsulated   int      `json:"kem_encapsulated"`
	SignatureKey      int      `json:"signature_public_key"`
	SignatureSize     int      `json:"signature_size"` // at most
	Providers         []string `json:"providers"`      // "primitive: package"
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
			Suite: i.Name, ID: i.ID, Draft: drafts[i.Name], Level: i.Level,
			PQConfidentiality: i.PQConfidentiality(), PQAuthentication: i.PQAuthentication(), Hybrid: i.KEM.Hybrid(),
			KEM: i.KEM.Name, KDF: i.KDF.Name, AEAD: i.AEAD.Name, Hash: i.Hash.Name, Signature: i.Signature.Name,
			KEMPublicKey: i.KEM.Npk, KEMEncapsulated: i.KEM.Nenc,
			SignatureKey: i.Signature.PublicKey, SignatureSize: i.Signature.Signature,
		}
		for _, p := range suite.Provenance(s) {
			d.Providers = append(d.Providers, p.Primitive+": "+p.Package)
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
		"ID", "DRAFT", "SUITE", " LEVEL", "POST-QUANTUM", "KEM", "AEAD", "HASH", "SIGNATURE",
		" KEM KEY", " ENC", " SIG KEY", " SIG", "PROVIDERS",
	}}
	for _, d := range all.Suites {
		t.add(d.ID.String(), d.Draft, d.Suite, strconv.Itoa(d.Level), d.postQuantum(), d.KEM, d.AEAD, d.Hash, d.Signature,
			strconv.Itoa(d.KEMPublicKey), strconv.Itoa(d.KEMEncapsulated), strconv.Itoa(d.SignatureKey), strconv.Itoa(d.SignatureSize),
			strings.Join(d.packages(), " "))
	}
	return t.write(w)
}

// postQuantum says what stays secure before a quantum computer.
func (d description) postQuantum() string {
	switch {
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
		"suite", "id", "draft", "level", "pq_confidentiality", "pq_authentication", "hybrid", "kem", "kdf", "aead", "hash", "signature",
		"kem_public_key", "kem_encapsulated", "signature_public_key", "signature_size", "providers",
	}}
	for _, d := range all.Suites {
		rows = append(rows, []string{
			d.Suite, d.ID.String(), d.Draft, strconv.Itoa(d.Level),
			fmt.Sprint(d.PQConfidentiality), fmt.Sprint(d.PQAuthentication), fmt.Sprint(d.Hybrid), d.KEM, d.KDF, d.AEAD, d.Hash, d.Signature,
			strconv.Itoa(d.KEMPublicKey), strconv.Itoa(d.KEMEncapsulated), strconv.Itoa(d.SignatureKey), strconv.Itoa(d.SignatureSize),
			strings.Join(d.Providers, "; "),
		})
	}
	return csv.NewWriter(w).WriteAll(rows)
}
