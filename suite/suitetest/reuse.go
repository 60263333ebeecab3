package suitetest

import (
	"errors"
	"slices"

	"github.com/mlsuite/mlsuite/suite"
)

// Package mls encodes much of what it hands to a suite in memory that serves again and again.
// An implementation that keeps such an argument, to know it again, finds the next one in its
// place and takes the two for one.

// twice calls f for 0 and for 1, with arguments that put copies to the same memory each time,
// and changes that memory afterwards.
func twice[R any](f func(put func([]byte) []byte, i byte) R) [2]R {
	var memory [][]byte // of each argument
	var results [2]R
	for i := range results {
		next := 0
		results[i] = f(func(b []byte) []byte {
			if next == len(memory) {
				memory = append(memory, make([]byte, len(b)+spare)) // an argument may be longer than the one before
			}
			place := append(memory[next][:0], b...)
			next++
			return place[:len(b):len(b)]
		}, byte(i))
	}
	for _, b := range memory {
		scribble(b)
	}
	return results
}

func checkHPKEReuse(t reporter, e encryption) {
	keys := [2]suite.PrivateKey{e.derive(t, pattern(1, 40)), e.derive(t, pattern(2, 40))}
	var pubs, infos, aads, plaintexts [2][]byte
	for i := range byte(2) {
		pubs[i], infos[i] = keys[i].PublicKey(), pattern(10+i, 40)
		aads[i], plaintexts[i] = pattern(20+i, 40), pattern(30+i, 40)
	}
	wantKeys := func(call string, got [2]suite.PrivateKey) {
		t.Helper()
		for i, key := range got {
			wantEqual(t, "the public key of "+call+" in the same memory", key.PublicKey(), pubs[i])
		}
	}
	wantKeys("DeriveKey", twice(func(put func([]byte) []byte, i byte) suite.PrivateKey {
		return e.derive(t, put(pattern(1+i, 40)))
	}))
	if b, err := keys[0].Bytes(); err == nil {
		c, err := keys[1].Bytes()
		wantNoError(t, "Bytes", err)
		wantKeys("ParsePrivateKey", twice(func(put func([]byte) []byte, i byte) suite.PrivateKey {
			key, err := e.ParsePrivateKey(put([2][]byte{b, c}[i]))
			wantNoError(t, "ParsePrivateKey", err)
			return key
		}))
	}
	wantSameVerdicts(t, "CheckPublicKey", e.CheckPublicKey, pubs[0], badPublicKeys(e.kem, pubs[0]))

	wantOpens := func(call string, got [2]sealed, to, under [2]byte) {
		t.Helper()
		for i, m := range got {
			key, info := keys[to[i]], infos[under[i]]
			opened, err := key.Open(m.enc, info, aads[i], m.ciphertext)
			if err != nil {
				t.Errorf("Open of what %s made of arguments in the same memory: %v", call, err)
				continue
			}
			wantEqual(t, "the plaintext that "+call+" sealed in the same memory", opened, plaintexts[i])
		}
	}
	wantOpens("Seal", twice(func(put func([]byte) []byte, i byte) sealed {
		return e.seal(t, put(pubs[i]), put(infos[i]), put(aads[i]), put(plaintexts[i]))
	}), [2]byte{0, 1}, [2]byte{0, 1})
	sealers := twice(func(put func([]byte) []byte, i byte) suite.Sealer { return e.prepare(t, put(infos[i])) })
	for under, sealer := range sealers {
		seal := func(call string, seal func(i byte, pub, aad, plaintext []byte) ([]byte, []byte, error)) {
			t.Helper()
			wantOpens(call, twice(func(put func([]byte) []byte, i byte) sealed {
				enc, ciphertext, err := seal(i, put(pubs[i]), put(aads[i]), put(plaintexts[i]))
				wantNoError(t, call, err)
				return sealed{enc, ciphertext}
			}), [2]byte{0, 1}, [2]byte{byte(under), byte(under)})
		}
		seal("Sealer.Seal", func(_ byte, pub, aad, plaintext []byte) ([]byte, []byte, error) {
			return sealer.Seal(pub, aad, plaintext)
		})
		if ordered, ok := sealer.(suite.OrderedSealer); ok {
			all, err := ordered.Sealers(2)
			wantNoError(t, "Sealers", err)
			seal("the Seal of Sealers", func(i byte, pub, aad, plaintext []byte) ([]byte, []byte, error) {
				return all[i].Seal(pub, aad, plaintext)
			})
		}
	}

	key := keys[0]
	messages := [2]sealed{e.seal(t, pubs[0], infos[0], aads[0], plaintexts[0]), e.seal(t, pubs[0], infos[1], aads[1], plaintexts[1])}
	opened := twice(func(put func([]byte) []byte, i byte) []byte {
		m := messages[i]
		got, err := key.Open(put(m.enc), put(infos[i]), put(aads[i]), put(m.ciphertext))
		if err != nil {
			t.Errorf("Open of arguments in the same memory: %v", err)
		}
		return got
	})
	type exported struct{ enc, secret []byte }
	sent := twice(func(put func([]byte) []byte, i byte) exported {
		enc, secret, err := e.Export(put(pubs[0]), put(infos[i]), put(aads[i]), 32)
		wantNoError(t, "Export", err)
		return exported{enc, secret}
	})
	received := twice(func(put func([]byte) []byte, i byte) []byte {
		secret, err := key.Export(put(sent[i].enc), put(infos[i]), put(aads[i]), 32)
		wantNoError(t, "PrivateKey.Export", err)
		return secret
	})
	for i := range messages {
		wantEqual(t, "the plaintext of Open in the same memory", opened[i], plaintexts[i])
		wantEqual(t, "the secret of Export in the same memory", received[i], sent[i].secret)
	}
}

// wantSameVerdicts demands that a check of keys says of a good one, and then of a bad one in
// the same memory, what it says of each in memory of its own.
func wantSameVerdicts(t reporter, call string, check func([]byte) error, good []byte, bad []variant) {
	t.Helper()
	const most = 4 // keys
	bad = slices.DeleteFunc(bad, func(v variant) bool { return len(v.bytes) != len(good) })
	for _, v := range bad[:min(most, len(bad))] {
		both := [2][]byte{good, v.bytes}
		got := twice(func(put func([]byte) []byte, i byte) error { return check(put(both[i])) })
		for i, key := range both {
			if err := check(key); (err == nil) != (got[i] == nil) {
				t.Errorf("%s says %v of a key in the memory of another, and else %v", call, got[i], err)
			}
		}
	}
}

func checkSignatureReuse(t reporter, s signing) {
	signers := [2]suite.Signer{s.generate(t), s.generate(t)}
	pubs := [2][]byte{signers[0].PublicKey(), signers[1].PublicKey()}
	messages := [2][]byte{pattern(1, 100), pattern(2, 100)}
	sigs := [2][]byte{sign(t, signers[0], messages[0]), sign(t, signers[1], messages[1])}

	if b, err := signers[0].Bytes(); err == nil {
		c, err := signers[1].Bytes()
		wantNoError(t, "Bytes", err)
		parsed := twice(func(put func([]byte) []byte, i byte) suite.Signer {
			signer, err := s.ParseSigner(put([2][]byte{b, c}[i]))
			wantNoError(t, "ParseSigner", err)
			return signer
		})
		for i, signer := range parsed {
			wantEqual(t, "the public key of ParseSigner in the same memory", signer.PublicKey(), pubs[i])
		}
	}
	signed := twice(func(put func([]byte) []byte, i byte) []byte { return sign(t, signers[0], put(pattern(3+i, 100))) })
	for i, sig := range signed {
		if err := s.Verify(pubs[0], pattern(3+byte(i), 100), sig); err != nil {
			t.Errorf("Verify of what Sign made of messages in the same memory: %v", err)
		}
	}
	for call, verify := range map[string]func(pub, message, sig []byte) error{
		"Verify":      s.Verify,
		"VerifyFirst": func(pub, message, sig []byte) error { return suite.VerifyFirst(s.Signature, pub, message, sig) },
	} {
		const often = 4 // so that the scheme keeps what it does of keys that come again
		errs := twice(func(put func([]byte) []byte, i byte) (err error) {
			pub, message, sig := put(pubs[i]), put(messages[i]), put(sigs[i])
			for range often {
				err = errors.Join(err, verify(pub, message, sig))
			}
			return err
		})
		if err := errors.Join(errs[0], errs[1]); err != nil {
			t.Errorf("%s of valid signatures in the same memory: %v", call, err)
		}
		verdicts := twice(func(put func([]byte) []byte, i byte) error {
			return verify(put(pubs[0]), put(messages[i]), put(sigs[0]))
		})
		if verdicts[0] != nil || !errors.Is(verdicts[1], suite.ErrVerify) {
			t.Errorf("%s says %v of a message, and %v of another in the same memory", call, verdicts[0], verdicts[1])
		}
	}
	wantSameVerdicts(t, "CheckSignatureKey", s.CheckSignatureKey, pubs[0], []variant{{"zero", make([]byte, len(pubs[0]))}})
}

func checkSymmetricReuse(t reporter, s symmetric) {
	long, key, nonce := func(i byte) []byte { return pattern(1+i, 40) }, func(i byte) []byte { return pattern(3+i, s.info.AEAD.Nk) },
		func(i byte) []byte { return pattern(5+i, s.info.AEAD.Nn) }
	aead := s.newAEAD(t, key(0))
	for _, f := range []struct {
		name string
		of   func(put func([]byte) []byte, i byte) ([]byte, error)
	}{
		{"Hash", func(put func([]byte) []byte, i byte) ([]byte, error) { return s.Hash(put(long(i))), nil }},
		{"MAC", func(put func([]byte) []byte, i byte) ([]byte, error) {
			return s.MAC(put(long(i)), put(long(i+1))), nil
		}},
		{"Extract", func(put func([]byte) []byte, i byte) ([]byte, error) { return s.Extract(put(long(i)), put(long(i+1))) }},
		{"Expand", func(put func([]byte) []byte, i byte) ([]byte, error) {
			out := make([]byte, 50)
			return out, s.Expand(out, put(pattern(i, s.info.KDF.Nh)), put(long(i)))
		}},
		{"NewAEAD", func(put func([]byte) []byte, i byte) ([]byte, error) {
			of, err := s.NewAEAD(put(key(i)))
			if err != nil {
				return nil, err
			}
			return of.Seal(nil, nonce(0), long(0), nil), nil
		}},
		{"AEAD.Seal", func(put func([]byte) []byte, i byte) ([]byte, error) {
			return aead.Seal(nil, put(nonce(i)), put(long(i)), put(long(i+1))), nil
		}},
		{"AEAD.Open", func(put func([]byte) []byte, i byte) ([]byte, error) {
			sealed := aead.Seal(nil, nonce(i), long(i), long(i+1))
			return aead.Open(nil, put(nonce(i)), put(sealed), put(long(i+1)))
		}},
	} {
		in := func(put func([]byte) []byte, i byte) []byte {
			got, err := f.of(put, i)
			if err != nil {
				t.Errorf("%s: %v", f.name, err)
			}
			return got
		}
		for i, got := range twice(in) {
			wantEqual(t, "the result of "+f.name+" in the same memory", got, in(slices.Clone[[]byte], byte(i)))
		}
	}
}
