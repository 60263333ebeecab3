package suitetest

import (
	"reflect"

	"github.com/mlsuite/mlsuite/suite"
)

// An algorithm whose code point is in the tables of package suite has to be as its row says.
// Otherwise registries and policies take one algorithm for another. The kit cannot check other
// code points.

func checkHPKERows(t reporter, e encryption) {
	kem := suite.KEMRow(e.kem.ID).Info
	kem.Derivation = e.kem.Derivation // hpke.WithDerivation changes it
	wantRow(t, "KEM", e.kem, kem, kem.ID != 0)
	kdf, aead := suite.KDFRow(e.kdf.ID).Info, suite.AEADRow(e.aead.ID).Info
	wantRow(t, "KDF", e.kdf, kdf, kdf.ID != 0)
	wantRow(t, "AEAD", e.aead, aead, aead.ID != 0)
}

func checkHashRow(t reporter, s suite.Suite) {
	hash := s.Info().Hash
	row := suite.HashRow(hash.Hash).Info
	wantRow(t, "hash", hash, row, row.Hash != 0)
}

func checkSignatureRow(t reporter, s signing) {
	row := suite.SignatureRow(s.info.Scheme).Info
	wantRow(t, "signature scheme", s.info, row, row.Scheme != 0)
}

// wantRow compares the description of an algorithm with its row, if there is one. It
// ignores the provenance, which rows do not have.
func wantRow[Info any](t reporter, what string, got, row Info, known bool) {
	t.Helper()
	if !known {
		return
	}
	g, r := reflect.ValueOf(got), reflect.ValueOf(row)
	for i := range g.NumField() {
		name := g.Type().Field(i).Name
		if have, want := g.Field(i).Interface(), r.Field(i).Interface(); name != "Provenance" && have != want {
			t.Errorf("the %s has the %s %v, which for its code point is %v", what, name, have, want)
		}
	}
}
