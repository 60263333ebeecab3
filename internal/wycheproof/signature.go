package wycheproof

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
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
	Msg vectors.Hex `json:"msg"`
	Ctx vectors.Hex `json:"ctx"`
	Sig vectors.Hex `json:"sig"`
}

// plain reports whether the signature is without a context.
func (s signatureTest) plain() bool { return len(s.Ctx) == 0 }

// Verify runs a file of signature verifications. Cases of ML-DSA with a context
// have to fail, whatever their verdict: MLS has none.
func Verify(t *testing.T, file string, scheme suite.SignatureScheme) Counts {
	t.Helper()
	return Each(t, file, func(t *testing.T, c Case, group signatureGroup, test signatureTest) {
		err := scheme.Verify(group.PublicKey, test.Msg, test.Sig)
		if err != nil && !errors.Is(err, suite.ErrVerify) && !errors.Is(err, suite.ErrInvalidKey) {
			t.Errorf("%s, case %d: unexpected class of error: %v", file, c.ID, err)
		}
		want := c.Result == "valid" && test.plain()
		if got := err == nil; got != want {
			t.Errorf("%s, case %d (%s, %v): verified = %v, want %v", file, c.ID, c.Comment, c.Flags, got, want)
		}
	})
}

type signSeedGroup struct {
	PrivateSeed vectors.Hex `json:"privateSeed"`
	PublicKey   publicKey   `json:"publicKey"`
}

// SignSeed runs a file of ML-DSA signatures under a seed: the seed gives the
// public key, or is refused; the recorded signature verifies where it is one of a
// message without a context, and so does a new one of that message.
func SignSeed(t *testing.T, file string, scheme suite.SignatureScheme) Counts {
	t.Helper()
	return Each(t, file, func(t *testing.T, c Case, group signSeedGroup, test signatureTest) {
		signer, err := scheme.ParseSigner(group.PrivateSeed)
		if slices.Contains(c.Flags, "IncorrectPrivateKeyLength") {
			if !errors.Is(err, suite.ErrInvalidKey) {
				t.Errorf("%s, case %d: error %v for a seed of %d bytes", file, c.ID, err, len(group.PrivateSeed))
			}
			return
		}
		if err != nil {
			t.Errorf("%s, case %d: %v", file, c.ID, err)
			return
		}
		if !bytes.Equal(signer.PublicKey(), group.PublicKey) {
			t.Errorf("%s, case %d: another public key", file, c.ID)
		}
		if slices.Contains(c.Flags, "Internal") {
			return // signs mu, of which no message is known
		}
		err = scheme.Verify(signer.PublicKey(), test.Msg, test.Sig)
		if got, want := err == nil, c.Result == "valid" && test.plain(); got != want {
			t.Errorf("%s, case %d (%s): verified = %v, want %v", file, c.ID, c.Comment, got, want)
		}
		sig, err := signer.Sign(t.Context(), test.Msg)
		if err == nil {
			err = scheme.Verify(signer.PublicKey(), test.Msg, sig)
		}
		if err != nil {
			t.Errorf("%s, case %d: %v", file, c.ID, err)
		}
	})
}
