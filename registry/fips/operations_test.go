package fips_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/fips140"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/fipsindicator"
	"github.com/mlsuite/mlsuite/registry/fips"
	"github.com/mlsuite/mlsuite/suite"
)

// What an operation does: under fips140=on whether its services are approved, under
// fips140=only whether it works.
const (
	approved    = "approved"
	notApproved = "not approved"
	unseen      = "not approved, unseen" // outside the module, so that its indicator says approved
	auxiliary   = "approved; X25519 unseen"
	absent      = "absent"
	works       = "works"
	fails       = "error"
	panics      = "panic"
)

// behaviour is what an operation does on one version of the module.
type behaviour struct{ on, only string }

// operation is a row of FIPS.md's table. prepare is called once; what it returns is
// the operation, or nil if this Go release does not have it.
type operation struct {
	name            string
	v1_0_0, v1_26_0 behaviour
	prepare         func(t *testing.T) func() error
}

func (o operation) expected() behaviour {
	if fips140.Version() == "v1.0.0" {
		return o.v1_0_0
	}
	return o.v1_26_0
}

// simple is an operation that needs nothing and does the same on both versions.
func simple(name, on, only string, do func() error) operation {
	b := behaviour{on, only}
	return operation{name, b, b, func(*testing.T) func() error { return do }}
}

// TestOperations runs the table in the mode of this process: see TestModes.
func TestOperations(t *testing.T) {
	for _, o := range operations() {
		t.Run(o.name, func(t *testing.T) {
			do := o.prepare(t)
			if do == nil {
				t.Skip("this Go release does not have it")
			}
			var err error
			var panicked any
			isApproved, known := fipsindicator.Approved(func() {
				defer func() { panicked = recover() }()
				err = do()
			})
			want := o.expected()
			outcome := works
			switch {
			case panicked != nil:
				outcome = panics
			case err != nil:
				outcome = fails
			}
			wantOutcome := works
			switch {
			case want.on == fails, want.on == absent:
				wantOutcome = fails // this project refuses it, or the module lacks it, in every mode
			case fips140.Enforced():
				wantOutcome = want.only
			}
			require.Equal(t, wantOutcome, outcome, "error %v, panic %v", err, panicked)
			if outcome == works && known && fips140.Enabled() {
				require.Equal(t, want.on != notApproved, isApproved, "approved by the service indicator")
			}
		})
	}
}

func operations() []operation {
	return append(moduleOperations(), suiteOperations()...)
}

// moduleOperations are the standard library's.
func moduleOperations() []operation {
	message := []byte("message")
	hashes := []crypto.Hash{crypto.SHA256, crypto.SHA384, crypto.SHA512}
	withHashes := func(f func(crypto.Hash) error) func() error {
		return func() error {
			for _, h := range hashes {
				if err := f(h); err != nil {
					return err
				}
			}
			return nil
		}
	}
	return []operation{
		simple("SHA-256, SHA-384, SHA-512", approved, works, func() error {
			sha256.Sum256(message)
			sha512.Sum384(message)
			sha512.Sum512(message)
			return nil
		}),
		simple("SHA3-256, SHAKE256", approved, works, func() error {
			sha3.Sum256(message)
			sha3.SumSHAKE256(message, 64)
			return nil
		}),
		simple("HMAC, key of 14 bytes", approved, works, withHashes(func(h crypto.Hash) error {
			hmac.New(h.New, make([]byte, 14)).Sum(nil)
			return nil
		})),
		simple("HMAC, key of 13 bytes", notApproved, panics, withHashes(func(h crypto.Hash) error {
			hmac.New(h.New, make([]byte, 13)).Sum(nil)
			return nil
		})),
		simple("HKDF-Extract, input keying material of 14 bytes, salt of 0, 1 and 32", approved, works,
			withHashes(func(h crypto.Hash) error {
				for _, salt := range []int{0, 1, 32} {
					if _, err := hkdf.Extract(h.New, make([]byte, 14), make([]byte, salt)); err != nil {
						return err
					}
				}
				return nil
			})),
		simple("HKDF-Extract, input keying material of 13 bytes", notApproved, fails, withHashes(func(h crypto.Hash) error {
			_, err := hkdf.Extract(h.New, make([]byte, 13), make([]byte, 32))
			return err
		})),
		simple("HKDF-Expand, pseudorandom key of 14 bytes", approved, works, withHashes(func(h crypto.Hash) error {
			_, err := hkdf.Expand(h.New, make([]byte, 14), "info", 100)
			return err
		})),
		simple("ECDH P-256, P-384, P-521: generate, parse, agree", approved, works, func() error {
			for _, curve := range []ecdh.Curve{ecdh.P256(), ecdh.P384(), ecdh.P521()} {
				if err := agree(curve); err != nil {
					return err
				}
			}
			return nil
		}),
		simple("ECDH X25519: generate, parse, agree", unseen, fails, func() error { return agree(ecdh.X25519()) }),
		simple("ECDSA P-256, P-384, P-521: generate, sign, verify", approved, works, func() error {
			for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
				key, err := ecdsa.GenerateKey(curve, rand.Reader)
				if err != nil {
					return err
				}
				digest := sha512.Sum512(message)
				sig, err := ecdsa.SignASN1(rand.Reader, key, digest[:])
				if err != nil {
					return err
				}
				if !ecdsa.VerifyASN1(&key.PublicKey, digest[:], sig) {
					return errors.New("the signature does not verify")
				}
			}
			return nil
		}),
		simple("Ed25519: generate, sign, verify", approved, works, func() error {
			public, key, err := ed25519.GenerateKey(rand.Reader)
			if err != nil {
				return err
			}
			if !ed25519.Verify(public, message, ed25519.Sign(key, message)) {
				return errors.New("the signature does not verify")
			}
			return nil
		}),
		simple("ML-KEM-768, ML-KEM-1024: generate, encapsulate, decapsulate", approved, works, func() error {
			small, err := mlkem.GenerateKey768()
			if err != nil {
				return err
			}
			_, ciphertext := small.EncapsulationKey().Encapsulate()
			if _, err := small.Decapsulate(ciphertext); err != nil {
				return err
			}
			large, err := mlkem.GenerateKey1024()
			if err != nil {
				return err
			}
			_, ciphertext = large.EncapsulationKey().Encapsulate()
			_, err = large.Decapsulate(ciphertext)
			return err
		}),
		{
			"ML-DSA-44, ML-DSA-65, ML-DSA-87: generate, parse, sign, verify (Go 1.27)",
			behaviour{absent, absent}, behaviour{approved, works}, func(*testing.T) func() error { return signMLDSA },
		},
		{
			"crypto/x509, ML-DSA-44, ML-DSA-65, ML-DSA-87: create, parse, verify certificates (Go 1.27)",
			behaviour{absent, absent}, behaviour{approved, works}, func(*testing.T) func() error { return certifyMLDSA },
		},
		simple("Random bytes (crypto/rand)", approved, works, func() error {
			rand.Read(make([]byte, 32))
			return nil
		}),
		simple("AES-GCM, cipher.NewGCM: seal", notApproved, fails, func() error {
			gcm, err := newGCM(cipher.NewGCM)
			if err == nil {
				gcm.Seal(nil, make([]byte, 12), message, nil)
			}
			return err
		}),
		{
			"AES-GCM, cipher.NewGCM: open", behaviour{approved, fails}, behaviour{approved, fails},
			func(t *testing.T) func() error {
				sealed := sealedGCM(t)
				return func() error {
					gcm, err := newGCM(cipher.NewGCM)
					if err != nil {
						return err
					}
					_, err = gcm.Open(nil, make([]byte, 12), sealed, nil)
					return err
				}
			},
		},
		{
			"AES-GCM, cipher.NewGCMWithRandomNonce: open the same, behind its nonce",
			behaviour{approved, works}, behaviour{approved, works},
			func(t *testing.T) func() error {
				sealed := append(make([]byte, 12), sealedGCM(t)...)
				return func() error {
					gcm, err := newGCM(cipher.NewGCMWithRandomNonce)
					if err != nil {
						return err
					}
					_, err = gcm.Open(nil, nil, sealed, nil)
					return err
				}
			},
		},
		{
			"crypto/hpke, its P-256, P-384, P-521, ML-KEM and hybrid KEMs, AES-GCM: seal, open",
			behaviour{notApproved, fails}, behaviour{approved, works},
			func(*testing.T) func() error {
				return func() error {
					for _, kem := range []uint16{0x0010, 0x0011, 0x0012, 0x0041, 0x0042, 0x0050, 0x0051, 0x647a} {
						if err := sealAndOpen(kem, hpke.AES256GCM()); err != nil {
							return fmt.Errorf("KEM %#04x: %w", kem, err)
						}
					}
					return nil
				}
			},
		},
		{
			"crypto/hpke, DHKEM(X25519), AES-GCM: seal, open", behaviour{notApproved, fails}, behaviour{unseen, fails},
			func(*testing.T) func() error {
				return func() error { return sealAndOpen(0x0020, hpke.AES256GCM()) }
			},
		},
		simple("crypto/hpke, ML-KEM-768, ChaCha20-Poly1305: seal, open", unseen, fails,
			func() error { return sealAndOpen(0x0041, hpke.ChaCha20Poly1305()) }),
	}
}

func agree(curve ecdh.Curve) error {
	key, err := curve.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	if key, err = curve.NewPrivateKey(key.Bytes()); err != nil {
		return err
	}
	public, err := curve.NewPublicKey(key.PublicKey().Bytes())
	if err != nil {
		return err
	}
	_, err = key.ECDH(public)
	return err
}

func newGCM(mode func(cipher.Block) (cipher.AEAD, error)) (cipher.AEAD, error) {
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return nil, err
	}
	return mode(block)
}

// sealedGCM returns a ciphertext under a key and a nonce of zeros.
func sealedGCM(t *testing.T) []byte {
	aead, err := suite.AES256GCM().NewAEAD(make([]byte, 32))
	require.NoError(t, err)
	return aead.Seal(nil, make([]byte, 12), []byte("message"), nil)
}

func sealAndOpen(kemID uint16, aead hpke.AEAD) error {
	kem, err := hpke.NewKEM(kemID)
	if err != nil {
		return err
	}
	key, err := kem.GenerateKey()
	if err != nil {
		return err
	}
	sealed, err := hpke.Seal(key.PublicKey(), hpke.HKDFSHA256(), aead, nil, []byte("message"))
	if err != nil {
		return err
	}
	_, err = hpke.Open(key, hpke.HKDFSHA256(), aead, nil, sealed)
	return err
}

// suites returns the suites of the set, with package hpke's HPKE or crypto/hpke's.
func suites(t *testing.T, opts ...fips.Option) []suite.Suite {
	t.Helper()
	r, err := fips.NewUnchecked(opts...)
	require.NoError(t, err)
	return r.Suites()
}

// suiteOperations are those of the suites of this set, each with all nine.
func suiteOperations() []operation {
	// each prepares a call per suite.
	each := func(suites func(t *testing.T) []suite.Suite, prepare func(t *testing.T, s suite.Suite) func() error) func(t *testing.T) func() error {
		return func(t *testing.T) func() error {
			var calls []func() error
			for _, s := range suites(t) {
				calls = append(calls, prepare(t, s))
			}
			return func() error {
				for _, call := range calls {
					if err := call(); err != nil {
						return err
					}
				}
				return nil
			}
		}
	}
	both := func(name, on, only string, prepare func(t *testing.T, s suite.Suite) func() error) operation {
		return operation{name, behaviour{on, only}, behaviour{on, only}, each(func(t *testing.T) []suite.Suite { return suites(t) }, prepare)}
	}
	standard := func(name string, v1_0_0, v1_26_0 behaviour, prepare func(t *testing.T, s suite.Suite) func() error) operation {
		return operation{name, v1_0_0, v1_26_0, each(func(t *testing.T) []suite.Suite { return suites(t, fips.StandardHPKE()) }, prepare)}
	}
	xWing := func(name string, v1_0_0, v1_26_0 behaviour, prepare func(t *testing.T, s suite.Suite) func() error) operation {
		return operation{name, v1_0_0, v1_26_0, each(xWingSuites, prepare)}
	}
	plain := func(do func(s suite.Suite) error) func(*testing.T, suite.Suite) func() error {
		return func(_ *testing.T, s suite.Suite) func() error { return func() error { return do(s) } }
	}
	return []operation{
		both("Suite: encrypt a message", notApproved, works, plain(func(s suite.Suite) error {
			aead, err := s.NewAEAD(make([]byte, s.Info().AEAD.Nk))
			if err == nil {
				aead.Seal(nil, make([]byte, 12), []byte("message"), nil)
			}
			return err
		})),
		both("Suite: decrypt a message", approved, works, func(t *testing.T, s suite.Suite) func() error {
			key := make([]byte, s.Info().AEAD.Nk)
			aead, err := s.NewAEAD(key)
			require.NoError(t, err)
			sealed := aead.Seal(nil, make([]byte, 12), []byte("message"), nil)
			return func() error {
				aead, err := s.NewAEAD(key)
				if err != nil {
					return err
				}
				_, err = aead.Open(nil, make([]byte, 12), sealed, nil)
				return err
			}
		}),
		both("Suite: key schedule (hash, MAC, Extract, Expand)", approved, works, plain(func(s suite.Suite) error {
			secret := s.Hash([]byte("secret"))
			prk, err := s.Extract(make([]byte, s.Info().KDF.Nh), secret)
			if err != nil {
				return err
			}
			s.MAC(prk, []byte("message"))
			return s.Expand(make([]byte, 100), prk, []byte("info"))
		})),
		both("Suite: Extract of a pre-shared key of 14 bytes", approved, works, plain(func(s suite.Suite) error {
			_, err := s.Extract(make([]byte, s.Info().KDF.Nh), make([]byte, 14))
			return err
		})),
		both("Suite: Extract of a pre-shared key of 13 bytes", fails, fails, plain(func(s suite.Suite) error {
			_, err := s.Extract(make([]byte, s.Info().KDF.Nh), make([]byte, 13))
			return err
		})),
		both("Suite: sign, verify, generate and parse signing keys", approved, works, plain(signAndVerify)),
		both("Suite: generate, derive, parse and check HPKE keys", approved, works, plain(makeKeys)),
		standard("Suite with StandardHPKE: generate, derive, parse and check HPKE keys",
			behaviour{approved, works}, behaviour{approved, works}, plain(makeKeys)),
		both("Suite: HPKE seal", notApproved, works, prepareSeal),
		standard("Suite with StandardHPKE: HPKE seal", behaviour{notApproved, fails}, behaviour{approved, works}, prepareSeal),
		both("Suite: HPKE open", approved, works, prepareOpen),
		standard("Suite with StandardHPKE: HPKE open", behaviour{approved, fails}, behaviour{approved, works}, prepareOpen),
		both("Suite: HPKE export, both sides", approved, works, plain(export)),
		standard("Suite with StandardHPKE: HPKE export, both sides", behaviour{approved, fails}, behaviour{approved, works}, plain(export)),
		xWing("Suite with AuxiliaryX25519: generate, derive, parse and check HPKE keys",
			behaviour{auxiliary, works}, behaviour{auxiliary, works}, plain(makeKeys)),
		xWing("Suite with AuxiliaryX25519: HPKE seal", behaviour{notApproved, fails}, behaviour{auxiliary, works}, prepareSeal),
		xWing("Suite with AuxiliaryX25519: HPKE open", behaviour{auxiliary, fails}, behaviour{auxiliary, works}, prepareOpen),
		xWing("Suite with AuxiliaryX25519: HPKE export, both sides", behaviour{auxiliary, fails}, behaviour{auxiliary, works}, plain(export)),
	}
}

// xWingSuites returns the suites that AuxiliaryX25519 adds.
func xWingSuites(t *testing.T) []suite.Suite {
	return slices.DeleteFunc(suites(t, fips.AuxiliaryX25519()), func(s suite.Suite) bool { return s.Info().KEM.Classical != "X25519" })
}

func signAndVerify(s suite.Suite) error {
	signer, err := s.GenerateSigner()
	if err != nil {
		return err
	}
	private, err := signer.Bytes()
	if err != nil {
		return err
	}
	if signer, err = s.ParseSigner(private); err != nil {
		return err
	}
	sig, err := signer.Sign(context.Background(), []byte("message"))
	if err != nil {
		return err
	}
	return s.Verify(signer.PublicKey(), []byte("message"), sig)
}

func makeKeys(s suite.Suite) error {
	if _, err := s.GenerateKey(); err != nil {
		return err
	}
	key, err := s.DeriveKey(make([]byte, s.Info().KDF.Nh))
	if err != nil {
		return err
	}
	private, err := key.Bytes()
	if err != nil {
		return err
	}
	if _, err := s.ParsePrivateKey(private); err != nil {
		return err
	}
	return s.CheckPublicKey(key.PublicKey())
}

func prepareSeal(t *testing.T, s suite.Suite) func() error {
	key, err := s.GenerateKey()
	require.NoError(t, err)
	return func() error {
		sealer, err := s.PrepareSeal([]byte("info"))
		if err != nil {
			return err
		}
		_, _, err = sealer.Seal(key.PublicKey(), nil, []byte("message"))
		return err
	}
}

func prepareOpen(t *testing.T, s suite.Suite) func() error {
	key, err := s.GenerateKey()
	require.NoError(t, err)
	// Sealed by package hpke, which works in every mode, but not with X25519.
	r, err := fips.NewUnchecked()
	require.NoError(t, err)
	sealing, err := r.Suite(s.Info().ID)
	if err != nil {
		sealing = s
	}
	enc, ciphertext, err := sealing.Seal(key.PublicKey(), []byte("info"), nil, []byte("message"))
	return func() error {
		if err != nil {
			return err
		}
		_, err := key.Open(enc, []byte("info"), nil, ciphertext)
		return err
	}
}

func export(s suite.Suite) error {
	key, err := s.GenerateKey()
	if err != nil {
		return err
	}
	enc, sent, err := s.Export(key.PublicKey(), []byte("info"), []byte("context"), 32)
	if err != nil {
		return err
	}
	received, err := key.Export(enc, []byte("info"), []byte("context"), 32)
	if err == nil && !bytes.Equal(sent, received) {
		err = errors.New("the two sides disagree")
	}
	return err
}
