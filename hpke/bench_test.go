package hpke_test

import (
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	circl "github.com/cloudflare/circl/hpke"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

// libraryKEMs returns the KEMs as the library has them, not derandomized.
func libraryKEMs() []hpke.KEM {
	return []hpke.KEM{
		hpke.DHKEMX25519(), hpke.DHKEMP256(), hpke.DHKEMP384(), hpke.DHKEMP521(),
		hpke.MLKEM768(), hpke.MLKEM1024(),
		hybrid.MLKEM768X25519(), hybrid.MLKEM768P256(), hybrid.MLKEM1024P384(),
	}
}

// provider derives key pairs, and seals to and opens by one key, each message from public
// bytes.
type provider struct {
	name               string
	derive, seal, open func() error
}

// providers returns registry/all's, registry/fast's and the standard library's under the names
// by which suitebench prices them, and circl's own.
func providers(b *testing.B, kem hpke.KEM) []provider {
	info, aad, plaintext := make([]byte, 200), []byte("aad"), make([]byte, 32)
	ours, err := hpke.NewScheme(kem, hpke.HKDFSHA256(), suite.AES128GCM())
	require.NoError(b, err)
	standard, err := hpke.NewStandardScheme(kem.Info().ID, 0x0001, 0x0001)
	require.NoError(b, err)
	quick, err := fast.Parts().HPKE(registry.Definition{KEM: kem.Info().ID, KDF: 0x0001}, suite.AES128GCM())
	require.NoError(b, err)
	generated, err := ours.GenerateKey()
	require.NoError(b, err)
	serialized, err := generated.Bytes()
	require.NoError(b, err)
	pub := generated.PublicKey()

	var all []provider
	for _, row := range []struct {
		name   string
		scheme suite.HPKEScheme
	}{{"own", ours}, {"fast", quick}, {"crypto-hpke", standard}} {
		key, err := row.scheme.ParsePrivateKey(serialized)
		require.NoError(b, err)
		enc, ciphertext, err := row.scheme.Seal(pub, info, aad, plaintext)
		require.NoError(b, err)
		all = append(all, provider{
			row.name,
			func() error { _, err := row.scheme.DeriveKey(plaintext); return err },
			func() error { _, _, err := row.scheme.Seal(pub, info, aad, plaintext); return err },
			func() error { _, err := key.Open(enc, info, aad, ciphertext); return err },
		})
	}
	if id := circl.KEM(kem.Info().ID); id.IsValid() {
		seed := make([]byte, id.Scheme().SeedSize())
		s := circl.NewSuite(id, circl.KDF_HKDF_SHA256, circl.AEAD_AES128GCM)
		private, err := id.Scheme().UnmarshalBinaryPrivateKey(serialized)
		require.NoError(b, err)
		enc, ciphertext, err := ours.Seal(pub, info, aad, plaintext)
		require.NoError(b, err)
		all = append(all, provider{
			"circl",
			func() error { id.Scheme().DeriveKeyPair(seed); return nil },
			func() error {
				public, err := id.Scheme().UnmarshalBinaryPublicKey(pub)
				if err != nil {
					return err
				}
				sender, err := s.NewSender(public, info)
				if err != nil {
					return err
				}
				_, sealer, err := sender.Setup(rand.Reader)
				if err != nil {
					return err
				}
				_, err = sealer.Seal(plaintext, aad)
				return err
			},
			func() error {
				receiver, err := s.NewReceiver(private, info)
				if err != nil {
					return err
				}
				opener, err := receiver.Setup(enc)
				if err != nil {
					return err
				}
				_, err = opener.Open(ciphertext, aad)
				return err
			},
		})
	}
	return all
}

// BenchmarkProviders runs what each KEM does with every provider by turns, and reports each
// provider's time next to that of own.
func BenchmarkProviders(b *testing.B) {
	for _, kem := range libraryKEMs() {
		all := providers(b, kem)
		for _, op := range []struct {
			name string
			of   func(p provider) func() error
		}{
			{"DeriveKeyPair", func(p provider) func() error { return p.derive }},
			{"Seal", func(p provider) func() error { return p.seal }},
			{"Open", func(p provider) func() error { return p.open }},
		} {
			b.Run(kem.Info().Name+"/"+op.name, func(b *testing.B) {
				spent := make([]time.Duration, len(all))
				for b.Loop() {
					for i, p := range all {
						start := time.Now()
						if err := op.of(p)(); err != nil {
							b.Fatal(err)
						}
						spent[i] += time.Since(start)
					}
				}
				b.ReportMetric(0, "ns/op") // of all together, it would mislead
				for i, p := range all {
					b.ReportMetric(float64(spent[i].Nanoseconds())/float64(b.N), p.name+"-ns/op")
					if i > 0 {
						b.ReportMetric(float64(spent[i])/float64(spent[0]), p.name+"/own")
					}
				}
			})
		}
	}
}

// BenchmarkAllocations shows what each provider takes by itself, with its allocations.
func BenchmarkAllocations(b *testing.B) {
	for _, kem := range libraryKEMs() {
		for _, p := range providers(b, kem) {
			for _, op := range []struct {
				name string
				run  func() error
			}{{"DeriveKeyPair", p.derive}, {"Seal", p.seal}, {"Open", p.open}} {
				b.Run(fmt.Sprintf("%s/%s/%s", kem.Info().Name, op.name, p.name), func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						if err := op.run(); err != nil {
							b.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// BenchmarkWelcome seals to 1,000 recipients under one info of 3 MB, as a Welcome
// with the tree is: one operation is all of them, prepared. Sealing anew for each
// is measured with a few recipients in the same run, and scaled to 1,000.
func BenchmarkWelcome(b *testing.B) {
	const recipients, sample = 1000, 10
	info, plaintext := make([]byte, 3<<20), make([]byte, 100)
	for _, kem := range libraryKEMs() {
		b.Run(kem.Info().Name, func(b *testing.B) {
			schemes := schemes(b, kem)
			key, err := schemes["ours"].GenerateKey()
			require.NoError(b, err)
			pub := key.PublicKey()
			var prepared, anew, standard time.Duration
			for b.Loop() {
				start := time.Now()
				sealer, err := schemes["ours"].PrepareSeal(info)
				require.NoError(b, err)
				for range recipients {
					if _, _, err := sealer.Seal(pub, nil, plaintext); err != nil {
						b.Fatal(err)
					}
				}
				prepared += time.Since(start)
				for range sample {
					start = time.Now()
					if _, _, err := schemes["ours"].Seal(pub, info, nil, plaintext); err != nil {
						b.Fatal(err)
					}
					anew += time.Since(start)
					start = time.Now()
					if _, _, err := schemes["standard"].Seal(pub, info, nil, plaintext); err != nil {
						b.Fatal(err)
					}
					standard += time.Since(start)
				}
			}
			ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 / float64(b.N) }
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(ms(prepared), "prepared-ms")
			b.ReportMetric(ms(anew*recipients/sample), "anew-ms")
			b.ReportMetric(float64(anew*recipients/sample)/float64(prepared), "anew/prepared")
			b.ReportMetric(float64(standard*recipients/sample)/float64(prepared), "crypto-hpke/prepared")
		})
	}
}

// BenchmarkCheckPublicKey compares checking a key with parsing it by sealing to it.
func BenchmarkCheckPublicKey(b *testing.B) {
	for _, kem := range libraryKEMs() {
		b.Run(kem.Info().Name, func(b *testing.B) {
			b.ReportAllocs()
			key, err := kem.GenerateKey()
			require.NoError(b, err)
			pub := key.PublicKey()
			for b.Loop() {
				if err := kem.CheckPublicKey(pub); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
