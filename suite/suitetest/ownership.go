package suitetest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

func checkHPKEArguments(t reporter, e encryption) {
	var l loans
	ikm, info, aad, plaintext := pattern(1, 40), pattern(2, 40), pattern(3, 40), pattern(4, 40)
	pub := e.derive(t, ikm).PublicKey()

	key := e.derive(t, l.lend(ikm))
	l.settle(t, "DeriveKey")
	wantEqual(t, "the public key, after ikm was overwritten,", key.PublicKey(), pub)

	if b, err := key.Bytes(); err == nil {
		parsed, err := e.ParsePrivateKey(l.lend(b))
		wantNoError(t, "ParsePrivateKey", err)
		l.settle(t, "ParsePrivateKey")
		wantEqual(t, "the public key, after the bytes it was parsed from were overwritten,", parsed.PublicKey(), pub)
		key = parsed
	}

	err := e.CheckPublicKey(l.lend(pub))
	wantNoError(t, "CheckPublicKey", err)
	l.settle(t, "CheckPublicKey")

	m := e.seal(t, l.lend(pub), l.lend(info), l.lend(aad), l.lend(plaintext))
	l.settle(t, "Seal")
	opened, err := key.Open(l.lend(m.enc), l.lend(info), l.lend(aad), l.lend(m.ciphertext))
	wantNoError(t, "Open", err)
	l.settle(t, "Open")
	wantEqual(t, "the opened plaintext", opened, plaintext)

	sealer := e.prepare(t, l.lend(info))
	l.settle(t, "PrepareSeal")
	enc, ciphertext, err := sealer.Seal(l.lend(pub), l.lend(aad), l.lend(plaintext))
	wantNoError(t, "Sealer.Seal", err)
	l.settle(t, "Sealer.Seal")
	e.wantOpens(t, key, sealed{enc, ciphertext}, info, aad, plaintext)

	if d, ok := sealer.(suite.DeterministicSealer); ok {
		enc, ciphertext, err := d.SealDeterministic(
			l.lend(pattern(5, d.RandomnessSize())), l.lend(pub), l.lend(aad), l.lend(plaintext))
		wantNoError(t, "SealDeterministic", err)
		l.settle(t, "SealDeterministic")
		e.wantOpens(t, key, sealed{enc, ciphertext}, info, aad, plaintext)
	}

	enc, secret, err := e.Export(l.lend(pub), l.lend(info), l.lend(aad), 32)
	wantNoError(t, "Export", err)
	l.settle(t, "Export")
	received, err := key.Export(l.lend(enc), l.lend(info), l.lend(aad), 32)
	wantNoError(t, "PrivateKey.Export", err)
	l.settle(t, "PrivateKey.Export")
	wantEqual(t, "the received secret", received, secret)
}

func checkHPKEResults(t reporter, e encryption) {
	key, info, aad, plaintext := e.derive(t, pattern(1, 32)), pattern(2, 40), pattern(3, 40), pattern(4, 40)
	pub := key.PublicKey()
	wantOwnBytes(t, key)
	scribble(e.derive(t, pattern(1, 32)).PublicKey())
	wantEqual(t, "the public key of a key derived again", e.derive(t, pattern(1, 32)).PublicKey(), pub)

	sealer := e.prepare(t, info)
	enc, ciphertext, err := sealer.Seal(pub, aad, plaintext)
	wantNoError(t, "Sealer.Seal", err)
	wantSeparate(t, "Sealer.Seal", enc, ciphertext)
	wantSeparate(t, "Sealer.Seal", ciphertext, enc)
	m := sealed{bytes.Clone(enc), bytes.Clone(ciphertext)}
	_, _, err = sealer.Seal(pub, aad, plaintext)
	wantNoError(t, "Sealer.Seal", err)
	wantEqual(t, "enc, after another call,", enc, m.enc)
	wantEqual(t, "the ciphertext, after another call,", ciphertext, m.ciphertext)
	scribble(enc)
	scribble(ciphertext)

	opened, err := key.Open(m.enc, info, aad, m.ciphertext)
	wantNoError(t, "Open", err)
	wantNothingBehind(t, "the plaintext of Open", opened)
	scribble(opened)
	e.wantOpens(t, key, m, info, aad, plaintext)

	enc, secret, err := e.Export(pub, info, aad, 32)
	wantNoError(t, "Export", err)
	wantSeparate(t, "Export", enc, secret)
	wantNothingBehind(t, "the secret of Export", secret)
	for range 2 {
		received, err := key.Export(enc, info, aad, 32)
		wantNoError(t, "PrivateKey.Export", err)
		wantEqual(t, "the received secret", received, secret)
		wantNothingBehind(t, "the secret of PrivateKey.Export", received)
		scribble(received)
	}
}

func checkHPKEConcurrency(t reporter, e encryption) {
	info, aad, plaintext := pattern(1, 200), pattern(2, 40), pattern(3, 40)
	key, sealer := e.derive(t, pattern(4, 32)), e.prepare(t, info)
	pub := key.PublicKey()
	opens := func(enc, ciphertext []byte, err error) error {
		if err != nil {
			return err
		}
		got, err := key.Open(enc, info, aad, ciphertext)
		if err == nil && !bytes.Equal(got, plaintext) {
			err = errors.New("opened to another plaintext")
		}
		return err
	}
	concurrently(t, func() error {
		if !bytes.Equal(key.PublicKey(), pub) {
			return errors.New("another public key")
		}
		if err := opens(sealer.Seal(pub, aad, plaintext)); err != nil {
			return fmt.Errorf("sealer: %w", err)
		}
		if err := opens(e.Seal(pub, info, aad, plaintext)); err != nil {
			return fmt.Errorf("single-shot: %w", err)
		}
		derived, err := e.DeriveKey(pattern(4, 32))
		if err != nil {
			return fmt.Errorf("derivation: %w", err)
		}
		if !bytes.Equal(derived.PublicKey(), pub) {
			return errors.New("another derived key")
		}
		if err := e.CheckPublicKey(pub); err != nil {
			return fmt.Errorf("public key check: %w", err)
		}
		enc, secret, err := e.Export(pub, info, aad, 32)
		if err != nil {
			return fmt.Errorf("export: %w", err)
		}
		received, err := key.Export(enc, info, aad, 32)
		if err == nil && !bytes.Equal(received, secret) {
			err = errors.New("another secret")
		}
		if err != nil {
			return fmt.Errorf("received export: %w", err)
		}
		return nil
	})
}
