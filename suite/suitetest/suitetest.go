// Package suitetest checks that a cipher suite, an HPKE KEM or a signature scheme does what
// its interface promises. To check yours, call [TestSuite], [TestKEM] or
// [TestSignatureScheme] from a test, and run that test under the race detector too:
//
//	func TestConformance(t *testing.T) {
//		suitetest.TestKEM(t, mykem.New())
//	}
//
// Every check is a subtest. A check of something that the interfaces leave open, such as
// destroying a key, is skipped if an implementation does not have it, and says so. The kit
// also tries well-known malformed encodings. It picks them by the names in Info ("P-256",
// "X25519", "ML-KEM-768", ...), so it tries a part of another name only with keys of wrong
// lengths.
//
// What stands under a code point of the tables of package suite has to be as its row says.
// Hash, KDF and AEAD are compared with the standard library's. Only test vectors can show
// that a KEM or a signature scheme is the one that its name says.
//
// The examples compose a suite of a KEM and a signature scheme from outside, and show what
// it costs a group: five lines of a program's own, with package bench.
package suitetest

import (
	"reflect"
	"testing"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/suite"
)

// TestSuite checks s in subtests of t.
func TestSuite(t *testing.T, s suite.Suite) {
	info := s.Info()
	t.Run("Suite", func(t *testing.T) { runAll(t, suiteChecks(), s) })
	t.Run("Symmetric", func(t *testing.T) { runAll(t, symmetricChecks(), symmetric{s, info}) })
	t.Run("HPKE", func(t *testing.T) { runAll(t, hpkeChecks(), encryption{s, info.KEM, info.KDF, info.AEAD}) })
	t.Run("Signature", func(t *testing.T) { runAll(t, signatureChecks(), signing{s, info.Signature}) })
}

// TestKEM checks kem in subtests of t: by itself and as the KEM of HPKE with
// HKDF-SHA256 and AES-128-GCM.
func TestKEM(t *testing.T, kem hpke.KEM) {
	scheme, err := hpke.NewScheme(kem, hpke.HKDFSHA256(), suite.AES128GCM())
	if err != nil {
		t.Fatal(err)
	}
	t.Run("KEM", func(t *testing.T) { runAll(t, kemChecks(), kem) })
	t.Run("HPKE", func(t *testing.T) {
		runAll(t, hpkeChecks(), encryption{scheme, scheme.KEMInfo(), scheme.KDFInfo(), scheme.AEADInfo()})
	})
}

// TestSignatureScheme checks scheme in subtests of t.
func TestSignatureScheme(t *testing.T, scheme suite.SignatureScheme) {
	runAll(t, signatureChecks(), signing{scheme, scheme.SignatureInfo()})
}

func suiteChecks() []check[suite.Suite] {
	return []check[suite.Suite]{{"info", checkSuiteInfo}, {"tables", checkHashRow}}
}

func checkSuiteInfo(t reporter, s suite.Suite) {
	info := s.Info()
	if info.ID == 0 {
		t.Errorf("code point 0 is reserved")
	}
	if info.Name == "" {
		t.Errorf("no name")
	}
	if info.Level <= 0 {
		t.Errorf("level %d", info.Level)
	}
	if !info.Hash.Hash.Available() {
		t.Errorf("hash %v is not available", info.Hash.Hash)
	} else if got, want := info.Hash.Size, info.Hash.Hash.Size(); got != want {
		t.Errorf("hash size is %d, that of %v is %d", got, info.Hash.Hash, want)
	}
	if info.KDF.Nh != info.Hash.Size {
		t.Errorf("KDF has outputs of %d bytes, the hash of %d", info.KDF.Nh, info.Hash.Size)
	}
	if !reflect.DeepEqual(info, s.Info()) {
		t.Errorf("Info is not always the same")
	}
}
