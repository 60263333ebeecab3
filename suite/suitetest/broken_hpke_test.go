package suitetest

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/hpke"
	"github.com/mlsuite/mlsuite/hybrid"
	"github.com/mlsuite/mlsuite/suite"
)

func TestHPKEChecksPass(t *testing.T) {
	for _, kem := range []hpke.KEM{hpke.DHKEMP256(), hpke.DHKEMX25519(), hybrid.MLKEM768X25519()} {
		require.Empty(t, failures(hpkeChecks(), newEncryption(t, kem)), kem.Info().Name)
	}
	e := newEncryption(t, hpke.DHKEMX25519())
	e.HPKE = &brokenHPKE{HPKE: e.HPKE, key: func(key suite.PrivateKey) suite.PrivateKey {
		return &brokenKey{PrivateKey: key, bytes: func() ([]byte, error) { return nil, suite.ErrNotExportable }}
	}}
	require.Empty(t, failures(hpkeChecks(), e), "keys in hardware")
	e = newEncryption(t, hpke.DHKEMX25519())
	e.HPKE = newReferencing(e.HPKE, func(*referencing) {})
	require.Empty(t, failures([]check[encryption]{{"key references", checkKeyReferences}}, e), "keys with references")
}

func TestHPKEChecksFail(t *testing.T) {
	e := newEncryption(t, hpke.DHKEMX25519())
	hidden := func(b *brokenHPKE) encryption {
		if b.HPKE == nil {
			b.HPKE = e.HPKE
		}
		return encryption{b, e.kem, e.kdf, e.aead}
	}
	withKey := func(f func(b *brokenKey)) encryption {
		return hidden(&brokenHPKE{key: func(key suite.PrivateKey) suite.PrivateKey {
			b := &brokenKey{PrivateKey: key}
			f(b)
			return b
		}})
	}
	withReferences := func(f func(*referencing)) encryption {
		return encryption{newReferencing(e.HPKE, f), e.kem, e.kdf, e.aead}
	}
	withSealer := func(f func(s suite.DeterministicSealer, info []byte) suite.Sealer) encryption {
		return hidden(&brokenHPKE{prepare: func(info []byte) (suite.Sealer, error) {
			s, err := e.PrepareSeal(info)
			if err != nil {
				return nil, err
			}
			return f(s.(suite.DeterministicSealer), info), nil
		}})
	}
	withInfo := func(f func(e *encryption)) encryption {
		c := e
		f(&c)
		return c
	}
	lenientOf := func(kem hpke.KEM) encryption {
		sound := newEncryption(t, kem)
		return encryption{lenient(t, sound), sound.kem, sound.kdf, sound.aead}
	}
	fixed := e.generate(t)
	var busy exclusive

	requireFound(t, hpkeChecks(), slices.Concat(reuseFaultsOfHPKE(e), orderedFaults(e), []fault[encryption]{
		{"no name", withInfo(func(e *encryption) { e.kem.Name = "" }), []string{"info", "tables"}},
		{"the level of another", withInfo(func(e *encryption) { e.kem.Level = 256 }), []string{"tables"}},
		{"a KDF by another name", withInfo(func(e *encryption) { e.kdf.Name = "HKDF-SHA384" }), []string{"tables"}},
		{"wrong Npk", withInfo(func(e *encryption) { e.kem.Npk++ }), []string{"tables", "generated keys", "derived keys"}},
		{"wrong Nsk", withInfo(func(e *encryption) { e.kem.Nsk++ }), []string{"tables", "key handles"}},
		{"wrong Nenc", withInfo(func(e *encryption) { e.kem.Nenc++ }), []string{"tables", "round trip", "sealer", "deterministic sealer", "export"}},
		{"wrong Nt", withInfo(func(e *encryption) { e.aead.Nt++ }), []string{"tables", "round trip", "sealer", "deterministic sealer"}},
		{
			"GenerateKey gives one key",
			hidden(&brokenHPKE{generate: func() (suite.PrivateKey, error) { return fixed, nil }}),
			[]string{"generated keys", "wrong context", "export"},
		},
		{
			"DeriveKey is random",
			hidden(&brokenHPKE{derive: func([]byte) (suite.PrivateKey, error) { return e.GenerateKey() }}),
			[]string{"derived keys", "arguments", "reused memory", "results", "concurrent use", "destroyed keys"},
		},
		{
			"DeriveKey reads 32 bytes",
			hidden(&brokenHPKE{derive: func(ikm []byte) (suite.PrivateKey, error) { return e.DeriveKey(ikm[:min(32, len(ikm))]) }}),
			[]string{"derived keys"},
		},
		{
			"DeriveKey wants a seed",
			hidden(&brokenHPKE{derive: func(ikm []byte) (suite.PrivateKey, error) { return e.DeriveKey(ikm[:max(32, len(ikm))]) }}),
			[]string{"derived keys"},
		},
		{
			"Bytes with ErrNotExportable",
			withKey(func(b *brokenKey) {
				b.bytes = func() ([]byte, error) { return []byte{1}, suite.ErrNotExportable }
			}),
			[]string{"key handles"},
		},
		{
			"ParsePrivateKey ignores what follows",
			hidden(&brokenHPKE{parse: func(b []byte) (suite.PrivateKey, error) { return e.ParsePrivateKey(b[:min(len(b), e.kem.Nsk)]) }}),
			[]string{"malformed private keys"},
		},
		{
			"ParsePrivateKey restores leading zeros",
			hidden(&brokenHPKE{parse: func(b []byte) (suite.PrivateKey, error) {
				return e.ParsePrivateKey(append(make([]byte, max(0, e.kem.Nsk-len(b))), b...))
			}}),
			[]string{"malformed private keys"},
		},
		{
			"ParsePrivateKey has errors of its own",
			hidden(&brokenHPKE{parse: func(b []byte) (suite.PrivateKey, error) {
				key, err := e.ParsePrivateKey(b)
				if err != nil {
					err = errors.New("bad key")
				}
				return key, err
			}}),
			[]string{"malformed private keys"},
		},
		{
			"CheckPublicKey takes points of low order",
			hidden(&brokenHPKE{check: func(pub []byte) error {
				if len(pub) == e.kem.Npk {
					return nil
				}
				return e.CheckPublicKey(pub)
			}}),
			[]string{"malformed public keys"},
		},
		{"low order", lenientOf(hpke.DHKEMX25519()), []string{"malformed public keys"}},
		{"off curve", lenientOf(hpke.DHKEMP256()), []string{"malformed public keys"}},
		{"unreduced", lenientOf(hpke.MLKEM768()), []string{"malformed public keys"}},
		{"unreduced in a hybrid", lenientOf(hybrid.MLKEM768X25519()), []string{"malformed public keys"}},
		{"off curve in a hybrid", lenientOf(hybrid.MLKEM768P256()), []string{"malformed public keys"}},
		{
			"CheckPublicKey is stricter than Seal",
			hidden(&brokenHPKE{check: func(pub []byte) error {
				if len(pub) == e.kem.Npk && pub[31]&0x80 != 0 {
					return &suite.KeyError{Algorithm: e.kem.Name, Rule: "top bit set"}
				}
				return e.CheckPublicKey(pub)
			}}),
			[]string{"CheckPublicKey agrees with Seal"},
		},
		{
			"Seal has a short limit",
			hidden(&brokenHPKE{seal: func(pub, info, aad, plaintext []byte) ([]byte, []byte, error) {
				if len(plaintext) > 512 {
					return nil, nil, errors.New("too long")
				}
				return e.Seal(pub, info, aad, plaintext)
			}}),
			[]string{"round trip"},
		},
		{
			"a sealer encapsulates once",
			withSealer(func(s suite.DeterministicSealer, _ []byte) suite.Sealer {
				return sealerFunc(func(pub, aad, plaintext []byte) ([]byte, []byte, error) {
					return s.SealDeterministic(make([]byte, s.RandomnessSize()), pub, aad, plaintext)
				})
			}),
			[]string{"fresh randomness"},
		},
		{
			"Open ignores what follows enc",
			withKey(func(b *brokenKey) {
				b.open = func(enc, info, aad, ciphertext []byte) ([]byte, error) {
					return b.PrivateKey.Open(enc[:min(len(enc), e.kem.Nenc)], info, aad, ciphertext)
				}
			}),
			[]string{"malformed encapsulated keys"},
		},
		{
			"Export ignores what follows enc",
			withKey(func(b *brokenKey) {
				b.export = func(enc, info, exporterContext []byte, length int) ([]byte, error) {
					return b.PrivateKey.Export(enc[:min(len(enc), e.kem.Nenc)], info, exporterContext, length)
				}
			}),
			[]string{"malformed encapsulated keys"},
		},
		{
			"Open tells what is wrong",
			withKey(func(b *brokenKey) {
				b.open = func(enc, info, aad, ciphertext []byte) ([]byte, error) {
					if len(ciphertext) < e.aead.Nt {
						return nil, errors.New("no tag")
					}
					return b.PrivateKey.Open(enc, info, aad, ciphertext)
				}
			}),
			[]string{"tampered ciphertexts"},
		},
		{
			"Open ignores what follows the ciphertext",
			withKey(func(b *brokenKey) {
				b.open = func(enc, info, aad, ciphertext []byte) ([]byte, error) {
					plaintext, err := b.PrivateKey.Open(enc, info, aad, ciphertext)
					if err != nil && len(ciphertext) > 0 {
						return b.PrivateKey.Open(enc, info, aad, ciphertext[:len(ciphertext)-1])
					}
					return plaintext, err
				}
			}),
			[]string{"tampered ciphertexts"},
		},
		{
			"aad is ignored",
			encryption{&brokenHPKE{
				HPKE: e.HPKE,
				seal: func(pub, info, _, plaintext []byte) ([]byte, []byte, error) { return e.Seal(pub, info, nil, plaintext) },
				prepare: func(info []byte) (suite.Sealer, error) {
					s, err := e.PrepareSeal(info)
					return sealerFunc(func(pub, _, plaintext []byte) ([]byte, []byte, error) { return s.Seal(pub, nil, plaintext) }), err
				},
				key: func(key suite.PrivateKey) suite.PrivateKey {
					return &brokenKey{PrivateKey: key, open: func(enc, info, _, ciphertext []byte) ([]byte, error) {
						return key.Open(enc, info, nil, ciphertext)
					}}
				},
			}, e.kem, e.kdf, e.aead},
			[]string{"wrong context"},
		},
		{
			"a sealer keeps its first recipient",
			withSealer(func(s suite.DeterministicSealer, _ []byte) suite.Sealer {
				var mu sync.Mutex
				var first []byte
				return sealerFunc(func(pub, aad, plaintext []byte) ([]byte, []byte, error) {
					mu.Lock()
					defer mu.Unlock()
					if first != nil && e.CheckPublicKey(pub) == nil {
						pub = first
					}
					enc, ciphertext, err := s.Seal(pub, aad, plaintext)
					if err == nil {
						first = bytes.Clone(pub)
					}
					return enc, ciphertext, err
				})
			}),
			[]string{"sealer", "reused memory"},
		},
		{
			"the randomness is ignored",
			withSealer(func(s suite.DeterministicSealer, _ []byte) suite.Sealer { return randomised{s} }),
			[]string{"deterministic sealer"},
		},
		{
			"the exporter context is ignored",
			encryption{&brokenHPKE{
				HPKE:   e.HPKE,
				export: func(pub, info, _ []byte, length int) ([]byte, []byte, error) { return e.Export(pub, info, nil, length) },
				key: func(key suite.PrivateKey) suite.PrivateKey {
					return &brokenKey{PrivateKey: key, export: func(enc, info, _ []byte, length int) ([]byte, error) {
						return key.Export(enc, info, nil, length)
					}}
				},
			}, e.kem, e.kdf, e.aead},
			[]string{"export"},
		},
		{
			"Export wraps its length",
			hidden(&brokenHPKE{export: func(pub, info, exporterContext []byte, length int) ([]byte, []byte, error) {
				return e.Export(pub, info, exporterContext, length&0x1FFF)
			}}),
			[]string{"export limits"},
		},
		{
			"DeriveKey clears ikm",
			hidden(&brokenHPKE{derive: func(ikm []byte) (suite.PrivateKey, error) {
				defer clear(ikm)
				return e.DeriveKey(ikm)
			}}),
			[]string{"derived keys", "arguments"},
		},
		{
			"Seal appends to info",
			hidden(&brokenHPKE{seal: func(pub, info, aad, plaintext []byte) ([]byte, []byte, error) {
				scratch := append(info, 0)
				return e.Seal(pub, scratch[:len(info)], aad, plaintext)
			}}),
			[]string{"arguments"},
		},
		{
			"a sealer keeps info",
			withSealer(func(_ suite.DeterministicSealer, info []byte) suite.Sealer {
				return sealerFunc(func(pub, aad, plaintext []byte) ([]byte, []byte, error) { return e.Seal(pub, info, aad, plaintext) })
			}),
			[]string{"arguments", "reused memory"},
		},
		{
			"DeriveKey keeps ikm",
			hidden(&brokenHPKE{derive: func(ikm []byte) (suite.PrivateKey, error) {
				key, err := e.DeriveKey(ikm)
				return &brokenKey{PrivateKey: key, public: func() []byte {
					lazy, err := e.DeriveKey(ikm)
					if err != nil {
						return nil
					}
					return lazy.PublicKey()
				}}, err
			}}),
			[]string{"arguments", "reused memory"},
		},
		{
			"PublicKey gives its own memory",
			withKey(func(b *brokenKey) {
				pub := b.PrivateKey.PublicKey()
				b.public = func() []byte { return pub }
			}),
			[]string{"results"},
		},
		{
			"enc and ciphertext share memory",
			withSealer(func(s suite.DeterministicSealer, _ []byte) suite.Sealer {
				return sealerFunc(func(pub, aad, plaintext []byte) ([]byte, []byte, error) {
					enc, ciphertext, err := s.Seal(pub, aad, plaintext)
					both := slices.Concat(enc, ciphertext)
					return both[:len(enc)], both[len(enc):], err
				})
			}),
			[]string{"results"},
		},
		{
			"Open is for one caller at a time",
			withKey(func(b *brokenKey) {
				b.open = func(enc, info, aad, ciphertext []byte) ([]byte, error) {
					if err := busy.enter(); err != nil {
						return nil, err
					}
					return b.PrivateKey.Open(enc, info, aad, ciphertext)
				}
			}),
			[]string{"concurrent use"},
		},
		{
			"Reference fails",
			withReferences(func(r *referencing) {
				r.reference = func(byte) ([]byte, error) { return nil, errors.New("no") }
			}),
			[]string{"key references"},
		},
		{
			"references that nothing opens",
			hidden(&brokenHPKE{key: func(key suite.PrivateKey) suite.PrivateKey {
				return referencedKey{key, func() ([]byte, error) { return []byte("a name"), nil }}
			}}),
			[]string{"key references"},
		},
		{
			"OpenReference fails",
			withReferences(func(r *referencing) {
				r.found = func(suite.PrivateKey) (suite.PrivateKey, error) { return nil, errors.New("no") }
			}),
			[]string{"key references"},
		},
		{
			"OpenReference finds another key",
			withReferences(func(r *referencing) {
				r.found = func(suite.PrivateKey) (suite.PrivateKey, error) { return fixed, nil }
			}),
			[]string{"key references"},
		},
		{
			"OpenReference finds a key for nothing",
			withReferences(func(r *referencing) {
				r.missing = func() (suite.PrivateKey, error) { return fixed, nil }
			}),
			[]string{"key references"},
		},
		{
			"OpenReference gives another error",
			withReferences(func(r *referencing) {
				r.missing = func() (suite.PrivateKey, error) { return nil, errors.New("no") }
			}),
			[]string{"key references"},
		},
		{
			"Destroy does nothing",
			hidden(&brokenHPKE{key: func(key suite.PrivateKey) suite.PrivateKey { return undestroyed{key} }}),
			[]string{"destroyed keys"},
		},
	}))
}
