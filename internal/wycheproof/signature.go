package wycheproof

import (
	"encoding/json"
	"errors"
	"testing"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/suite"
)

type signatureGroup struct {
	PublicKey publicKey `json:"publicKey"`
}

// publicKey is the encoded key: hex of ML-DSA, "pk" of EdDSA, the point of ECDSA.
type publicKey []byte

func (p *publicKey) UnmarshalJSON(data []byte) error {
	var plain vectors.Hex
	if err := json.Unmarshal(data, &plain); err == nil {
		*p = publicKey(plain)
		return nil
	}
	var fields struct {
		PK           vectors.Hex `json:"pk"`
		Uncompressed vectors.Hex `json:"uncompressed"`
	}
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	*p = publicKey(fields.PK)
	if fields.Uncompressed != nil {
		*p = publicKey(fields.Uncompressed)
	}
	return nil
}

type signatureTest struct {
	Msg vectors.Hex  `json:"msg"`
	Ctx *vectors.Hex `json:"ctx"`
	Sig vectors.Hex  `json:"sig"`
}

// Verify runs a file of signature verifications. Cases of ML-DSA with a context
// have to fail, whatever their verdict: MLS has none.
func Verify(t *testing.T, file string, scheme suite.SignatureScheme) Counts {
	t.Helper()
	return Each(t, file, func(t *testing.T, c Case, group signatureGroup, test signatureTest) {
		err := scheme.Verify(group.PublicKey, test.Msg, test.Sig)
		if err != nil && !errors.Is(err, suite.ErrVerify) && !errors.Is(err, suite.ErrInvalidKey) {
			t.Errorf("%s, case %d: unexpected class of error: %v", file, c.ID, err)
		}
		want := c.Result == "valid" && (test.Ctx == nil || len(*test.Ctx) == 0)
		if got := err == nil; got != want {
			t.Errorf("%s, case %d (%s, %v): verified = %v, want %v", file, c.ID, c.Comment, c.Flags, got, want)
		}
	})
}
