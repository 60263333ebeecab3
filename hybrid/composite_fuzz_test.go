package hybrid_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/suite"
)

// FuzzComposites gives any bytes to a composite on the parts of registry/all and on those of
// registry/fast. Both give the same verdict. A signature is valid exactly if its halves are
// signatures of the parts, over the message representative. A private key that is taken is
// given back.
func FuzzComposites(f *testing.F) {
	standard, quick, parts := composites(f), fastComposites(f), halvesOf(f)
	var names []string
	for i, p := range hybrid.Composites() {
		names = append(names, p.Name)
		signer := generate(f, standard[p.Name])
		private, err := signer.Bytes()
		require.NoError(f, err)
		sig := sign(f, signer, []byte("message"))
		n := parts[p.Name].sig
		f.Add(byte(i), signer.PublicKey(), []byte("message"), sig, private)
		f.Add(byte(i), signer.PublicKey(), []byte("message"), sig[:n], private[:32])
		f.Add(byte(i), signer.PublicKey(), []byte("message"), slices.Concat(sig[n:], sig[:n]), private[32:])
		f.Add(byte(i), make([]byte, len(signer.PublicKey())), []byte(nil), make([]byte, len(sig)), make([]byte, len(private)))
	}
	f.Fuzz(func(t *testing.T, i byte, pub, message, sig, private []byte) {
		name := names[int(i)%len(names)]
		one, other, h := standard[name], quick[name], parts[name]
		verdict := func(err error) error {
			for _, class := range []error{nil, suite.ErrVerify, suite.ErrInvalidKey} {
				if errors.Is(err, class) {
					return class
				}
			}
			t.Fatalf("no class: %v", err)
			return nil
		}
		want := verdict(one.Verify(pub, message, sig))
		for range 4 { // from the third time on with what was computed from the key
			require.Equal(t, want, verdict(other.Verify(pub, message, sig)))
		}
		require.Equal(t, verdict(one.CheckSignatureKey(pub)), verdict(other.CheckSignatureKey(pub)))
		require.Equal(t, verdict(suite.VerifyFirst(one, pub, message, sig)), verdict(suite.VerifyFirst(other, pub, message, sig)))

		if len(pub) == one.SignatureInfo().PublicKey && len(sig) >= h.sig {
			representative, labelled := h.representative(t, message)
			both := labelled.Verify(pub[:h.key], representative, sig[:h.sig]) == nil && h.classical.Verify(pub[h.key:], representative, sig[h.sig:]) == nil
			require.Equal(t, both, want == nil)
		}

		signer, err := one.ParseSigner(private)
		same, otherErr := other.ParseSigner(private)
		require.Equal(t, verdict(err), verdict(otherErr))
		if err != nil {
			return
		}
		require.Equal(t, signer.PublicKey(), same.PublicKey())
		b, err := signer.Bytes()
		require.NoError(t, err)
		require.True(t, bytes.Equal(private, b), "parsed %d bytes, gives back %d others", len(private), len(b))
		require.NoError(t, other.Verify(signer.PublicKey(), message, sign(t, signer, message)))
	})
}
