package suitetest

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"errors"

	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/chacha"
)

// symmetric is the symmetric part of a suite and what it says of itself.
type symmetric struct {
	suite.Symmetric
	info suite.Info
}

func symmetricChecks() []check[symmetric] {
	return []check[symmetric]{
		{"hash", checkHash},
		{"MAC", checkMAC},
		{"KDF", checkKDF},
		{"KDF limits", checkKDFLimits},
		{"AEAD", checkAEAD},
		{"AEAD reference", checkAEADReference},
		{"AEAD tampering", checkAEADTampering},
		{"AEAD keys", checkAEADKeys},
		{"arguments", checkSymmetricArguments},
		{"reused memory", checkSymmetricReuse},
		{"results", checkSymmetricResults},
		{"concurrent use", checkSymmetricConcurrency},
	}
}

// sampleLengths are around the block sizes of all hashes.
func sampleLengths() []int { return []int{0, 1, 31, 32, 64, 127, 128, 129, 1000} }

func checkHash(t reporter, s symmetric) {
	for _, n := range sampleLengths() {
		data := pattern(1, n)
		got := s.Hash(data)
		wantLength(t, "Hash", got, s.info.Hash.Size)
		h := s.info.Hash.Hash.New()
		h.Write(data)
		wantEqual(t, "Hash", got, h.Sum(nil))
	}
	wantEqual(t, "Hash(nil)", s.Hash(nil), s.Hash([]byte{}))
}

func checkMAC(t reporter, s symmetric) {
	for _, n := range sampleLengths() {
		key, message := pattern(2, 14+n), pattern(3, n)
		got := s.MAC(key, message)
		wantLength(t, "MAC", got, s.info.Hash.Size)
		m := hmac.New(s.info.Hash.Hash.New, key)
		m.Write(message)
		wantEqual(t, "MAC", got, m.Sum(nil))
	}
}

// checkKDF compares the KDF with HKDF, which all suites of RFC 9420 and its drafts use.
// Of another KDF it checks only the sizes.
func checkKDF(t reporter, s symmetric) {
	ikm, salt := pattern(4, 40), pattern(5, 40)
	isHKDF := s.info.KDF.ID >= 0x0001 && s.info.KDF.ID <= 0x0003
	for _, salt := range [][]byte{nil, salt} {
		prk, err := s.Extract(salt, ikm)
		wantNoError(t, "Extract", err)
		wantLength(t, "Extract", prk, s.info.KDF.Nh)
		if isHKDF {
			want, err := hkdf.Extract(s.info.Hash.Hash.New, ikm, salt)
			wantNoError(t, "hkdf.Extract", err)
			wantEqual(t, "Extract", prk, want)
		}
	}
	prk := pattern(6, s.info.KDF.Nh)
	for _, n := range []int{0, 1, 16, s.info.KDF.Nh, s.info.KDF.Nh + 1, 255 * s.info.KDF.Nh} {
		for _, info := range [][]byte{nil, pattern(7, 300)} {
			room := pattern(8, n+1)
			okm := room[:n]
			err := s.Expand(okm, prk, info)
			wantNoError(t, "Expand", err)
			wantEqual(t, "what is behind the bytes to fill by Expand", room[n:], pattern(8, n+1)[n:])
			if isHKDF {
				want, err := hkdf.Expand(s.info.Hash.Hash.New, prk, string(info), n)
				wantNoError(t, "hkdf.Expand", err)
				wantEqual(t, "Expand", okm, want)
			}
		}
	}
}

func checkKDFLimits(t reporter, s symmetric) {
	prk := pattern(6, s.info.KDF.Nh)
	n := 255*s.info.KDF.Nh + 1
	if err := s.Expand(make([]byte, n), prk, nil); err == nil {
		t.Errorf("Expand gives %d bytes, of at most 255 * Nh", n)
	}
}

func (s symmetric) newAEAD(t reporter, key []byte) cipher.AEAD {
	t.Helper()
	aead, err := s.NewAEAD(key)
	wantNoError(t, "NewAEAD", err)
	return aead
}

func checkAEAD(t reporter, s symmetric) {
	info := s.info.AEAD
	aead := s.newAEAD(t, pattern(8, info.Nk))
	if aead.NonceSize() != info.Nn || aead.Overhead() != info.Nt {
		t.Fatalf("nonces of %d bytes and tags of %d, want %d and %d", aead.NonceSize(), aead.Overhead(), info.Nn, info.Nt)
	}
	nonce, prefix := pattern(9, info.Nn), pattern(10, 5)
	for _, n := range sampleLengths() {
		plaintext, aad := pattern(11, n), pattern(12, 1000-n)
		sealed := aead.Seal(bytes.Clone(prefix), nonce, plaintext, aad)
		if !bytes.HasPrefix(sealed, prefix) {
			t.Fatalf("Seal does not append to dst")
		}
		sealed = sealed[len(prefix):]
		wantLength(t, "ciphertext", sealed, n+info.Nt)
		opened, err := aead.Open(bytes.Clone(prefix), nonce, sealed, aad)
		wantNoError(t, "Open", err)
		wantEqual(t, "plaintext", opened, append(bytes.Clone(prefix), plaintext...))
		room := append(make([]byte, 0, n+info.Nt), plaintext...)
		wantEqual(t, "ciphertext in place", aead.Seal(room[:0], nonce, room, aad), sealed)
		inPlace, err := aead.Open(sealed[:0], nonce, sealed, aad)
		wantNoError(t, "Open in place", err)
		wantEqual(t, "plaintext in place", inPlace, plaintext)
	}
}

// checkAEADReference compares with the AEADs that this module knows by code point.
func checkAEADReference(t reporter, s symmetric) {
	var reference suite.AEAD
	for _, known := range []suite.AEAD{suite.AES128GCM(), suite.AES256GCM(), chacha.ChaCha20Poly1305()} {
		if known.AEADInfo().ID == s.info.AEAD.ID {
			reference = known
		}
	}
	if reference == nil {
		t.Skipf("AEAD %#04x is not known here", s.info.AEAD.ID)
	}
	key, nonce := pattern(8, s.info.AEAD.Nk), pattern(9, s.info.AEAD.Nn)
	plaintext, aad := pattern(11, 100), pattern(12, 20)
	aead, err := reference.NewAEAD(key)
	wantNoError(t, "NewAEAD of the reference", err)
	wantEqual(t, "ciphertext", s.newAEAD(t, key).Seal(nil, nonce, plaintext, aad), aead.Seal(nil, nonce, plaintext, aad))
}

func checkAEADTampering(t reporter, s symmetric) {
	info := s.info.AEAD
	aead := s.newAEAD(t, pattern(8, info.Nk))
	nonce, plaintext, aad := pattern(9, info.Nn), pattern(11, 20), pattern(12, 20)
	sealed := aead.Seal(nil, nonce, plaintext, aad)
	refuse := func(what string, aead cipher.AEAD, nonce, ciphertext, aad []byte) {
		t.Helper()
		if _, err := aead.Open(nil, nonce, ciphertext, aad); err == nil {
			t.Errorf("Open accepts %s", what)
		}
	}
	for n := range sealed {
		refuse("a truncated ciphertext", aead, nonce, sealed[:n], aad)
		refuse("a changed ciphertext", aead, nonce, flipped(sealed, n), aad)
	}
	refuse("a longer ciphertext", aead, nonce, append(bytes.Clone(sealed), 0), aad)
	refuse("another nonce", aead, flipped(nonce, info.Nn-1), sealed, aad)
	refuse("other additional data", aead, nonce, sealed, flipped(aad, 0))
	refuse("no additional data", aead, nonce, sealed, nil)
	refuse("another key", s.newAEAD(t, pattern(13, info.Nk)), nonce, sealed, aad)
}

func checkAEADKeys(t reporter, s symmetric) {
	for _, n := range []int{0, 1, s.info.AEAD.Nk - 1, s.info.AEAD.Nk + 1, 2 * s.info.AEAD.Nk, s.info.AEAD.Nk / 2} {
		if _, err := s.NewAEAD(make([]byte, n)); err == nil {
			t.Errorf("NewAEAD accepts a key of %d bytes, want %d", n, s.info.AEAD.Nk)
		}
	}
}

func checkSymmetricArguments(t reporter, s symmetric) {
	var l loans
	s.Hash(l.lend(pattern(1, 40)))
	l.settle(t, "Hash")
	s.MAC(l.lend(pattern(1, 40)), l.lend(pattern(2, 40)))
	l.settle(t, "MAC")
	_, err := s.Extract(l.lend(pattern(1, 40)), l.lend(pattern(2, 40)))
	wantNoError(t, "Extract", err)
	l.settle(t, "Extract")
	err = s.Expand(make([]byte, 100), l.lend(pattern(1, s.info.KDF.Nh)), l.lend(pattern(2, 40)))
	wantNoError(t, "Expand", err)
	l.settle(t, "Expand")

	key, nonce, plaintext, aad := pattern(1, s.info.AEAD.Nk), pattern(2, s.info.AEAD.Nn), pattern(3, 40), pattern(4, 40)
	want := s.newAEAD(t, key).Seal(nil, nonce, plaintext, aad)
	aead := s.newAEAD(t, l.lend(key))
	l.settle(t, "NewAEAD")
	wantEqual(t, "ciphertext, after the key given to NewAEAD was overwritten,",
		aead.Seal(nil, l.lend(nonce), l.lend(plaintext), l.lend(aad)), want)
	l.settle(t, "AEAD.Seal")
	_, err = aead.Open(nil, l.lend(nonce), l.lend(want), l.lend(aad))
	wantNoError(t, "AEAD.Open", err)
	l.settle(t, "AEAD.Open")
}

// symmetricResults returns the result of every function for arguments that depend on
// seed.
func (s symmetric) symmetricResults(seed byte) ([][]byte, error) {
	extracted, err := s.Extract(pattern(seed, 32), pattern(seed, 32))
	if err != nil {
		return nil, err
	}
	expanded := make([]byte, 50)
	if err := s.Expand(expanded, pattern(seed, s.info.KDF.Nh), pattern(seed, 32)); err != nil {
		return nil, err
	}
	aead, err := s.NewAEAD(pattern(seed, s.info.AEAD.Nk))
	if err != nil {
		return nil, err
	}
	return [][]byte{
		s.Hash(pattern(seed, 32)),
		s.MAC(pattern(seed, 32), pattern(seed, 32)),
		extracted,
		expanded,
		aead.Seal(nil, pattern(seed, s.info.AEAD.Nn), pattern(seed, 32), nil),
	}, nil
}

func checkSymmetricResults(t reporter, s symmetric) {
	first, err := s.symmetricResults(1)
	wantNoError(t, "the symmetric functions", err)
	want := make([][]byte, len(first))
	for i, b := range first {
		want[i] = bytes.Clone(b)
	}
	_, err = s.symmetricResults(2)
	wantNoError(t, "the symmetric functions", err)
	for i, b := range first {
		wantNothingBehind(t, "a result", b)
		wantEqual(t, "a result, after another call,", b, want[i])
		scribble(b)
	}
	again, err := s.symmetricResults(1)
	wantNoError(t, "the symmetric functions", err)
	for i, b := range again {
		wantEqual(t, "a result, after an earlier one was overwritten,", b, want[i])
	}
}

func checkSymmetricConcurrency(t reporter, s symmetric) {
	want, err := s.symmetricResults(1)
	wantNoError(t, "the symmetric functions", err)
	concurrently(t, func() error {
		got, err := s.symmetricResults(1)
		if err != nil {
			return err
		}
		for i := range want {
			if !bytes.Equal(got[i], want[i]) {
				return errors.New("a symmetric function gives another result")
			}
		}
		return nil
	})
}
