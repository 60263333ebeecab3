package curve25519_test

import (
	"crypto/rand"
	"testing"

	"github.com/cloudflare/circl/dh/x25519"
	"github.com/cloudflare/circl/sign/ed25519"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/curve25519"
)

// The benchmarks have the names of the sets of providers that suitebench prices: own is the
// standard library, and fast this package. circl is that library by itself.

func each(b *testing.B, name string, do func() error) {
	b.Run(name, func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if err := do(); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkX25519 compares the providers in one run: key pairs, and shared secrets.
func BenchmarkX25519(b *testing.B) {
	for _, provider := range []struct {
		name  string
		group hpke.Group
	}{{"own", hpke.X25519()}, {"fast", curve25519.X25519()}} {
		each(b, "Key/"+provider.name, func() error {
			key, err := provider.group.GenerateKey()
			if err == nil {
				key.PublicKey()
			}
			return err
		})
		key, err := provider.group.GenerateKey()
		require.NoError(b, err)
		pub := key.PublicKey()
		each(b, "DH/"+provider.name, func() error { _, err := key.DH(pub); return err })
	}
	var secret, public, shared x25519.Key
	each(b, "Key/circl", func() error {
		rand.Read(secret[:]) // never fails
		x25519.KeyGen(&public, &secret)
		return nil
	})
	each(b, "DH/circl", func() error {
		if !x25519.Shared(&shared, &secret, &public) {
			return suite.ErrInvalidKey
		}
		return nil
	})
}

// BenchmarkEd25519 compares the providers in one run: signing, verification with a key that
// comes again, and with one that does not.
func BenchmarkEd25519(b *testing.B) {
	message := make([]byte, 300)
	for _, provider := range []struct {
		name   string
		scheme suite.SignatureScheme
	}{{"own", suite.Ed25519()}, {"fast", curve25519.Ed25519()}} {
		signer, err := provider.scheme.GenerateSigner()
		require.NoError(b, err)
		each(b, "Sign/"+provider.name, func() error { _, err := signer.Sign(b.Context(), message); return err })
		sig, err := signer.Sign(b.Context(), message)
		require.NoError(b, err)
		pub := signer.PublicKey()
		each(b, "VerifyFirst/"+provider.name, func() error { return suite.VerifyFirst(provider.scheme, pub, message, sig) })
		each(b, "Verify/"+provider.name, func() error { return provider.scheme.Verify(pub, message, sig) })
	}
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(b, err)
	sig := ed25519.Sign(key, message)
	each(b, "Sign/circl", func() error { ed25519.Sign(key, message); return nil })
	each(b, "Verify/circl", func() error {
		if !ed25519.Verify(pub, message, sig) {
			return suite.ErrVerify
		}
		return nil
	})
}
