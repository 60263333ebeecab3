package all_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

// Whatever bytes come, Verify answers with one of its three verdicts, and a
// private key that is taken is given back, or is one of the other forms: shorter
// (ECDSA) or with the public key behind (EdDSA).
func FuzzSignatures(f *testing.F) {
	schemes := append(all.Parts().Signatures, fast.Parts().Signatures...)
	for i, scheme := range schemes {
		s, err := scheme.GenerateSigner()
		if err != nil {
			f.Fatal(err)
		}
		private, err := s.Bytes()
		if err != nil {
			f.Fatal(err)
		}
		sig, err := s.Sign(f.Context(), []byte("message"))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(byte(i), s.PublicKey(), []byte("message"), sig, private)
	}
	f.Fuzz(func(t *testing.T, i byte, pub, message, sig, private []byte) {
		scheme := schemes[int(i)%len(schemes)]
		err := scheme.Verify(pub, message, sig)
		if err != nil && !errors.Is(err, suite.ErrVerify) && !errors.Is(err, suite.ErrInvalidKey) {
			t.Fatalf("Verify: %v", err)
		}
		s, err := scheme.ParseSigner(private)
		if err != nil {
			if !errors.Is(err, suite.ErrInvalidKey) {
				t.Fatalf("ParseSigner: %v", err)
			}
			return
		}
		b, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, private) {
			t.Fatalf("parsed %d bytes, gives back %d others", len(private), len(b))
		}
	})
}
