package wycheproof

import (
	"bytes"
	"testing"

	"github.com/mlsuite/mlsuite/internal/vectors"
)

type hkdfTest struct {
	IKM, Salt, Info, OKM vectors.Hex
	Size                 int
}

// HKDF runs a file of HKDF: hkdf extracts, then expands to size bytes.
func HKDF(t *testing.T, file string, hkdf func(salt, ikm, info []byte, size int) ([]byte, error)) Counts {
	t.Helper()
	return Each(t, file, func(t *testing.T, c Case, _ struct{}, test hkdfTest) {
		okm, err := hkdf(test.Salt, test.IKM, test.Info, test.Size)
		switch {
		case c.Result == "invalid" && err == nil:
			t.Errorf("%s, case %d (%s): no error", file, c.ID, c.Comment)
		case c.Result != "invalid" && (err != nil || !bytes.Equal(okm, test.OKM)):
			t.Errorf("%s, case %d (%s): %x, error %v", file, c.ID, c.Comment, okm, err)
		}
	})
}
