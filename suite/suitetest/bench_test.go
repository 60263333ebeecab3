package suitetest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/experimental"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

// BenchmarkProviders prices the primitives of suites by the providers that registry/all, as own,
// and registry/fast choose. Of signatures, composites included, Verify is with a key that comes
// again, and VerifyFirst with one that does not. Packages hpke and hybrid have the like for KEMs.
func BenchmarkProviders(b *testing.B) {
	type provider struct {
		name  string
		parts registry.Parts
	}
	for _, p := range []provider{{"own", all.Parts()}, {"fast", fast.Parts()}} {
		var err error
		p.parts, err = experimental.Parts(p.parts)
		require.NoError(b, err)
		for _, scheme := range p.parts.Signatures {
			benchmarkSignatures(b, p.name, scheme)
		}
		for _, a := range p.parts.AEADs {
			benchmarkAEAD(b, p.name, a)
		}
		suites, err := p.parts.Registry()
		require.NoError(b, err)
		for _, id := range []suite.ID{0x0001, 0x0007, 0x0005} { // of the three hashes
			s, err := suites.Suite(id)
			require.NoError(b, err)
			benchmarkSymmetric(b, p.name, s)
		}
	}
}

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

func benchmarkSignatures(b *testing.B, provider string, s suite.SignatureScheme) {
	message := make([]byte, 300)
	var keys, signatures [2][]byte // of one key that comes again, and of one that does not
	var signer suite.Signer
	for i := range keys {
		var err error
		signer, err = s.GenerateSigner()
		require.NoError(b, err)
		keys[i] = signer.PublicKey()
		signatures[i], err = signer.Sign(b.Context(), message)
		require.NoError(b, err)
	}
	name := s.SignatureInfo().Name
	each(b, name+"/Sign/"+provider, func() error { _, err := signer.Sign(b.Context(), message); return err })
	each(b, name+"/Verify/"+provider, func() error { return s.Verify(keys[0], message, signatures[0]) })
	each(b, name+"/VerifyFirst/"+provider, func() error { return suite.VerifyFirst(s, keys[1], message, signatures[1]) })
}

func benchmarkAEAD(b *testing.B, provider string, a suite.AEAD) {
	info := a.AEADInfo()
	key, nonce, plaintext := make([]byte, info.Nk), make([]byte, info.Nn), make([]byte, 1024)
	aead, err := a.NewAEAD(key)
	require.NoError(b, err)
	out := aead.Seal(nil, nonce, plaintext, nil)
	each(b, info.Name+"/New/"+provider, func() error { _, err := a.NewAEAD(key); return err })
	each(b, info.Name+"/Seal1KiB/"+provider, func() error { aead.Seal(out[:0], nonce, plaintext, nil); return nil })
}

func benchmarkSymmetric(b *testing.B, provider string, s suite.Suite) {
	info := s.Info()
	secret, label := make([]byte, info.Hash.Size), make([]byte, 32)
	each(b, info.KDF.Name+"/Extract/"+provider, func() error { _, err := s.Extract(secret, secret); return err })
	each(b, info.KDF.Name+"/Expand/"+provider, func() error { return s.Expand(secret, label, label) })
	each(b, info.Hash.Name+"/Hash1KiB/"+provider, func() error { s.Hash(make([]byte, 1024)); return nil })
}
