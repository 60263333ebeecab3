package hybrid_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/suite/circl"
	"github.com/mlsuite/mlsuite/suite/curve25519"
)

// BenchmarkProviders prices the hybrids by the providers that registry/all, as own, and
// registry/fast choose for their parts.
func BenchmarkProviders(b *testing.B) {
	for _, of := range []struct {
		params hybrid.Params
		pq     hpke.KEM
		group  hpke.Group
	}{
		{hybrid.MLKEM768X25519Params(), circl.MLKEM768(), curve25519.X25519()},
		{hybrid.MLKEM768P256Params(), circl.MLKEM768(), hpke.P256()},
		{hybrid.MLKEM1024P384Params(), circl.MLKEM1024(), hpke.P384()},
	} {
		quick := of.params
		quick.PQ, quick.Group = of.pq, of.group
		for _, provider := range []struct {
			name   string
			params hybrid.Params
		}{{"own", of.params}, {"fast", quick}} {
			kem, err := hybrid.New(provider.params)
			require.NoError(b, err)
			key, err := kem.GenerateKey()
			require.NoError(b, err)
			pub := key.PublicKey()
			_, enc, err := kem.Encap(pub)
			require.NoError(b, err)
			for _, op := range []struct {
				name string
				do   func() error
			}{
				{"DeriveKeyPair", func() error { _, err := kem.DeriveKeyPair(pub[:32]); return err }},
				{"Encap", func() error { _, _, err := kem.Encap(pub); return err }},
				{"Decap", func() error { _, err := key.Decap(enc); return err }},
			} {
				b.Run(kem.Info().Name+"/"+op.name+"/"+provider.name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := op.do(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}
