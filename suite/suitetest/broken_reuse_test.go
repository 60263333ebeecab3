package suitetest

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/mlsuite/mlsuite/suite"
)

// remembering returns f, but it calls f only for other arguments than the last: it keeps
// them, and not copies.
func remembering[R any](f func(args ...[]byte) R) func(args ...[]byte) R {
	var mu sync.Mutex
	var kept [][]byte
	var result R
	return func(args ...[]byte) R {
		mu.Lock()
		defer mu.Unlock()
		if kept == nil || !slices.EqualFunc(kept, args, bytes.Equal) {
			kept, result = args, f(args...)
		}
		return result
	}
}

// copied is a function for remembering that copies its only argument.
func copied(args ...[]byte) []byte { return bytes.Clone(args[0]) }

func reuseFaultsOfHPKE(e encryption) []fault[encryption] {
	fails := []string{"reused memory"}
	with := func(name string, b *brokenHPKE) fault[encryption] {
		b.HPKE = e.HPKE
		return fault[encryption]{name, encryption{b, e.kem, e.kdf, e.aead}, fails}
	}
	withKey := func(name string, f func(b *brokenKey)) fault[encryption] {
		return with(name, &brokenHPKE{key: func(key suite.PrivateKey) suite.PrivateKey {
			b := &brokenKey{PrivateKey: key}
			f(b)
			return b
		}})
	}
	ikm, private, sealed, prepared, sent := remembering(copied), remembering(copied), remembering(copied), remembering(copied), remembering(copied)
	check := remembering(func(args ...[]byte) error { return e.CheckPublicKey(args[0]) })
	return []fault[encryption]{
		with("DeriveKey remembers ikm", &brokenHPKE{derive: func(b []byte) (suite.PrivateKey, error) { return e.DeriveKey(ikm(b)) }}),
		with("ParsePrivateKey remembers its argument", &brokenHPKE{parse: func(b []byte) (suite.PrivateKey, error) {
			return e.ParsePrivateKey(private(b))
		}}),
		with("CheckPublicKey remembers its verdict", &brokenHPKE{check: func(pub []byte) error { return check(pub) }}),
		with("Seal remembers info", &brokenHPKE{seal: func(pub, info, aad, plaintext []byte) ([]byte, []byte, error) {
			return e.Seal(pub, sealed(info), aad, plaintext)
		}}),
		with("PrepareSeal remembers info", &brokenHPKE{prepare: func(info []byte) (suite.Sealer, error) {
			return e.PrepareSeal(prepared(info))
		}}),
		with("sealers remember the recipient", &brokenHPKE{prepare: func(info []byte) (suite.Sealer, error) {
			s, err := e.PrepareSeal(info)
			to := remembering(copied)
			return sealerFunc(func(pub, aad, plaintext []byte) ([]byte, []byte, error) { return s.Seal(to(pub), aad, plaintext) }), err
		}}),
		with("Export remembers info", &brokenHPKE{export: func(pub, info, exporterContext []byte, length int) ([]byte, []byte, error) {
			return e.Export(pub, sent(info), exporterContext, length)
		}}),
		withKey("Open remembers info", func(b *brokenKey) {
			known := remembering(copied)
			b.open = func(enc, info, aad, ciphertext []byte) ([]byte, error) {
				return b.PrivateKey.Open(enc, known(info), aad, ciphertext)
			}
		}),
		withKey("PrivateKey.Export remembers enc", func(b *brokenKey) {
			known := remembering(copied)
			b.export = func(enc, info, exporterContext []byte, length int) ([]byte, error) {
				return b.PrivateKey.Export(known(enc), info, exporterContext, length)
			}
		}),
	}
}

// orderly is an OrderedSealer whose sealers are those that a function gives.
type orderly struct {
	suite.Sealer
	sealers func(n int) []suite.Sealer
}

func (o orderly) Sealers(n int) ([]suite.Sealer, error) { return o.sealers(n), nil }

func orderedFaults(e encryption) []fault[encryption] {
	with := func(name string, sealers func(s suite.Sealer, info []byte, n int) []suite.Sealer, fails ...string) fault[encryption] {
		return fault[encryption]{name, encryption{&brokenHPKE{HPKE: e.HPKE, prepare: func(info []byte) (suite.Sealer, error) {
			s, err := e.PrepareSeal(info)
			return orderly{s, func(n int) []suite.Sealer { return sealers(s, info, n) }}, err
		}}, e.kem, e.kdf, e.aead}, fails}
	}
	return []fault[encryption]{
		with("Sealers gives two at most", func(s suite.Sealer, _ []byte, n int) []suite.Sealer {
			return slices.Repeat([]suite.Sealer{s}, min(n, 2))
		}, "ordered sealers"),
		with("Sealers keep info", func(_ suite.Sealer, info []byte, n int) []suite.Sealer {
			return slices.Repeat([]suite.Sealer{sealerFunc(func(pub, aad, plaintext []byte) ([]byte, []byte, error) {
				return e.Seal(pub, info, aad, plaintext)
			})}, n)
		}, "reused memory"),
	}
}

func reuseFaultsOfSignatures(s signing) []fault[signing] {
	fails := []string{"reused memory"}
	with := func(name string, b *brokenSignature) fault[signing] {
		b.Signature = s.Signature
		return fault[signing]{name, signing{b, s.info}, fails}
	}
	private, known := remembering(copied), remembering(copied)
	verify := remembering(func(args ...[]byte) error { return s.Verify(args[0], args[1], args[2]) })
	check := remembering(func(args ...[]byte) error { return s.CheckSignatureKey(args[0]) })
	return []fault[signing]{
		with("ParseSigner remembers its argument", &brokenSignature{parse: func(b []byte) (suite.Signer, error) { return s.ParseSigner(private(b)) }}),
		with("CheckSignatureKey remembers its verdict", &brokenSignature{check: func(pub []byte) error { return check(pub) }}),
		with("Verify remembers its verdict", &brokenSignature{verify: func(pub, message, sig []byte) error { return verify(pub, message, sig) }}),
		with("Verify remembers the key", &brokenSignature{verify: func(pub, message, sig []byte) error { return s.Verify(known(pub), message, sig) }}),
		with("Sign remembers the message", &brokenSignature{signer: func(signer suite.Signer) suite.Signer {
			signed := remembering(copied)
			return &brokenSigner{Signer: signer, sign: func(ctx context.Context, message []byte) ([]byte, error) {
				return signer.Sign(ctx, signed(message))
			}}
		}}),
	}
}

func reuseFaultsOfSymmetric(s symmetric) []fault[symmetric] {
	fails := []string{"reused memory"}
	with := func(name string, b *brokenSymmetric) fault[symmetric] {
		b.Symmetric = s.Symmetric
		return fault[symmetric]{name, symmetric{b, s.info}, fails}
	}
	hashed, prk, salt := remembering(copied), remembering(copied), remembering(copied)
	mac := remembering(func(args ...[]byte) []byte { return s.MAC(args[0], args[1]) })
	return []fault[symmetric]{
		with("Hash remembers its argument", &brokenSymmetric{hash: func(data []byte) []byte { return s.Hash(hashed(data)) }}),
		with("MAC remembers its result", &brokenSymmetric{mac: func(key, message []byte) []byte { return bytes.Clone(mac(key, message)) }}),
		with("Extract remembers the salt", &brokenSymmetric{extract: func(b, ikm []byte) ([]byte, error) { return s.Extract(salt(b), ikm) }}),
		with("Expand remembers the key", &brokenSymmetric{expand: func(out, key, info []byte) error { return s.Expand(out, prk(key), info) }}),
	}
}
