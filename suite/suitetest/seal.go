package suitetest

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

// sealed is what Seal returns.
type sealed struct{ enc, ciphertext []byte }

func (e encryption) seal(t reporter, pub, info, aad, plaintext []byte) sealed {
	t.Helper()
	enc, ciphertext, err := e.Seal(pub, info, aad, plaintext)
	wantNoError(t, "Seal", err)
	return sealed{enc, ciphertext}
}

func (e encryption) prepare(t reporter, info []byte) suite.Sealer {
	t.Helper()
	sealer, err := e.PrepareSeal(info)
	wantNoError(t, "PrepareSeal", err)
	return sealer
}

func (e encryption) wantOpens(t reporter, key suite.PrivateKey, m sealed, info, aad, want []byte) {
	t.Helper()
	got, err := key.Open(m.enc, info, aad, m.ciphertext)
	wantNoError(t, "Open", err)
	wantEqual(t, "the opened plaintext", got, want)
}

func (e encryption) wantRefused(t reporter, what string, key suite.PrivateKey, m sealed, info, aad []byte) {
	t.Helper()
	got, err := key.Open(m.enc, info, aad, m.ciphertext)
	switch {
	case err == nil:
		t.Errorf("Open accepts %s", what)
	case !errors.Is(err, suite.ErrDecrypt):
		t.Errorf("Open of %s: error %q is not ErrDecrypt", what, err)
	case got != nil:
		t.Errorf("Open of %s returns a plaintext with its error", what)
	}
}

func checkRoundTrip(t reporter, e encryption) {
	key := e.generate(t)
	pub := key.PublicKey()
	for _, n := range []int{0, 1, 16, 1000} {
		for _, context := range [][]byte{nil, {}, pattern(1, 20), pattern(2, 3000)} {
			plaintext := pattern(3, n)
			m := e.seal(t, pub, context, context, plaintext)
			wantLength(t, "enc", m.enc, e.kem.Nenc)
			wantLength(t, "ciphertext", m.ciphertext, n+e.aead.Nt)
			e.wantOpens(t, key, m, context, context, plaintext)
		}
	}
	m := e.seal(t, pub, nil, []byte{}, nil)
	e.wantOpens(t, key, m, []byte{}, nil, []byte{})
}

func checkFreshSeal(t reporter, e encryption) {
	pub := e.generate(t).PublicKey()
	sealer := e.prepare(t, nil)
	seen := make(map[string]bool)
	for range 2 {
		prepared, _, err := sealer.Seal(pub, nil, nil)
		wantNoError(t, "Sealer.Seal", err)
		exported, _, err := e.Export(pub, nil, nil, 32)
		wantNoError(t, "Export", err)
		for _, enc := range [][]byte{e.seal(t, pub, nil, nil, nil).enc, prepared, exported} {
			if seen[string(enc)] {
				t.Errorf("the same encapsulated key comes twice")
			}
			seen[string(enc)] = true
		}
	}
}

func checkBadEncapsulations(t reporter, e encryption) {
	key := e.generate(t)
	m := e.seal(t, key.PublicKey(), nil, nil, []byte("x"))
	enc, secret, err := e.Export(key.PublicKey(), nil, nil, 32)
	wantNoError(t, "Export", err)
	for _, bad := range badEncapsulations(e.kem, m.enc) {
		e.wantRefused(t, "an encapsulated key that is "+bad.fault, key, sealed{bad.bytes, m.ciphertext}, nil, nil)
	}
	for _, bad := range badEncapsulations(e.kem, enc) {
		// ML-KEM rejects implicitly: its secret is another, without an error.
		got, err := key.Export(bad.bytes, nil, nil, 32)
		if err == nil && (len(bad.bytes) != e.kem.Nenc || bytes.Equal(got, secret)) {
			t.Errorf("Export accepts an encapsulated key that is %s", bad.fault)
		}
	}
}

func checkTampering(t reporter, e encryption) {
	key := e.generate(t)
	m := e.seal(t, key.PublicKey(), nil, nil, []byte("plaintext"))
	for _, i := range places(len(m.enc)) {
		e.wantRefused(t, fmt.Sprintf("enc flipped at %d", i), key, sealed{flipped(m.enc, i), m.ciphertext}, nil, nil)
	}
	for i := range m.ciphertext {
		e.wantRefused(t, fmt.Sprintf("a ciphertext flipped at %d", i), key, sealed{m.enc, flipped(m.ciphertext, i)}, nil, nil)
		e.wantRefused(t, fmt.Sprintf("a ciphertext of %d bytes", i), key, sealed{m.enc, m.ciphertext[:i:i]}, nil, nil)
	}
	e.wantRefused(t, "a longer ciphertext", key, sealed{m.enc, append(bytes.Clone(m.ciphertext), 0)}, nil, nil)
}

func checkWrongContext(t reporter, e encryption) {
	key, info, aad := e.generate(t), pattern(1, 20), pattern(2, 20)
	m := e.seal(t, key.PublicKey(), info, aad, []byte("x"))
	for _, wrong := range [][]byte{nil, flipped(info, 0), info[:19], append(bytes.Clone(info), 0)} {
		e.wantRefused(t, "another info", key, m, wrong, aad)
	}
	for _, wrong := range [][]byte{nil, flipped(aad, 0), aad[:19], append(bytes.Clone(aad), 0)} {
		e.wantRefused(t, "another aad", key, m, info, wrong)
	}
	e.wantRefused(t, "info and aad exchanged", key, m, aad, info)
	e.wantRefused(t, "a message to another key", e.generate(t), m, info, aad)
	other := e.seal(t, key.PublicKey(), info, aad, []byte("x"))
	e.wantRefused(t, "another message's enc", key, sealed{other.enc, m.ciphertext}, info, aad)
}

func checkSealer(t reporter, e encryption) {
	info := pattern(1, 5000)
	sealer, other := e.prepare(t, info), e.prepare(t, nil)
	for i := range byte(3) {
		key, aad, plaintext := e.generate(t), pattern(i, 30), pattern(i+1, 40)
		enc, ciphertext, err := sealer.Seal(key.PublicKey(), aad, plaintext)
		wantNoError(t, "Sealer.Seal", err)
		wantLength(t, "enc", enc, e.kem.Nenc)
		wantLength(t, "ciphertext", ciphertext, len(plaintext)+e.aead.Nt)
		e.wantOpens(t, key, sealed{enc, ciphertext}, info, aad, plaintext)
		e.wantRefused(t, "another info", key, sealed{enc, ciphertext}, nil, aad)

		enc, ciphertext, err = other.Seal(key.PublicKey(), aad, plaintext)
		wantNoError(t, "Sealer.Seal", err)
		e.wantOpens(t, key, sealed{enc, ciphertext}, nil, aad, plaintext)
	}
}

func checkDeterministicSealer(t reporter, e encryption) {
	info, aad, plaintext := pattern(1, 20), pattern(2, 20), pattern(3, 20)
	sealer, ok := e.prepare(t, info).(suite.DeterministicSealer)
	if !ok {
		t.Skipf("sealers take no randomness")
	}
	key := e.generate(t)
	size := sealer.RandomnessSize()
	if size <= 0 {
		t.Fatalf("RandomnessSize is %d", size)
	}
	seal := func(s suite.DeterministicSealer, randomness []byte) sealed {
		t.Helper()
		enc, ciphertext, err := s.SealDeterministic(randomness, key.PublicKey(), aad, plaintext)
		wantNoError(t, "SealDeterministic", err)
		return sealed{enc, ciphertext}
	}
	first := seal(sealer, pattern(4, size))
	wantLength(t, "enc", first.enc, e.kem.Nenc)
	wantLength(t, "ciphertext", first.ciphertext, len(plaintext)+e.aead.Nt)
	e.wantOpens(t, key, first, info, aad, plaintext)

	fresh := e.prepare(t, info).(suite.DeterministicSealer)
	for _, s := range []suite.DeterministicSealer{sealer, fresh} {
		again := seal(s, pattern(4, size))
		wantEqual(t, "enc of the same randomness", again.enc, first.enc)
		wantEqual(t, "the ciphertext of the same randomness", again.ciphertext, first.ciphertext)
	}
	if other := seal(sealer, pattern(5, size)); bytes.Equal(other.enc, first.enc) {
		t.Errorf("SealDeterministic does not use its randomness")
	}
	for _, n := range []int{0, size - 1, size + 1} {
		if _, _, err := sealer.SealDeterministic(make([]byte, n), key.PublicKey(), aad, plaintext); err == nil {
			t.Errorf("SealDeterministic takes %d bytes of randomness, RandomnessSize is %d", n, size)
		}
	}
}

func checkOrderedSealers(t reporter, e encryption) {
	info, aad := pattern(1, 20), pattern(2, 20)
	ordered, ok := e.prepare(t, info).(suite.OrderedSealer)
	if !ok {
		t.Skipf("the order of recipients does not matter to sealers")
	}
	for _, n := range []int{0, 1, 3} {
		sealers, err := ordered.Sealers(n)
		wantNoError(t, "Sealers", err)
		if len(sealers) != n {
			t.Fatalf("Sealers gives %d sealers for %d recipients", len(sealers), n)
		}
		for i, sealer := range sealers {
			key, plaintext := e.generate(t), pattern(byte(i), 40)
			enc, ciphertext, err := sealer.Seal(key.PublicKey(), aad, plaintext)
			wantNoError(t, "Sealer.Seal", err)
			e.wantOpens(t, key, sealed{enc, ciphertext}, info, aad, plaintext)
		}
	}
}

func checkExport(t reporter, e encryption) {
	key, info, context := e.generate(t), pattern(1, 20), pattern(2, 20)
	for _, n := range []int{1, 32, 255 * e.kdf.Nh} {
		enc, secret, err := e.Export(key.PublicKey(), info, context, n)
		wantNoError(t, "Export", err)
		wantLength(t, "enc", enc, e.kem.Nenc)
		wantLength(t, "secret", secret, n)
		got, err := key.Export(enc, info, context, n)
		wantNoError(t, "PrivateKey.Export", err)
		wantEqual(t, "the received secret", got, secret)
	}
	enc, secret, err := e.Export(key.PublicKey(), info, context, 32)
	wantNoError(t, "Export", err)
	for _, wrong := range []struct {
		what          string
		key           suite.PrivateKey
		info, context []byte
	}{
		{"another info", key, flipped(info, 0), context},
		{"another exporter context", key, info, flipped(context, 0)},
		{"another key", e.generate(t), info, context},
	} {
		if got, err := wrong.key.Export(enc, wrong.info, wrong.context, 32); err == nil && bytes.Equal(got, secret) {
			t.Errorf("%s gives the same secret", wrong.what)
		}
	}
}

func checkExportLimits(t reporter, e encryption) {
	key := e.generate(t)
	enc, _, err := e.Export(key.PublicKey(), nil, nil, 32)
	wantNoError(t, "Export", err)
	for _, n := range []int{-1, 1 << 16} {
		if _, _, err := e.Export(key.PublicKey(), nil, nil, n); err == nil {
			t.Errorf("Export gives a secret of %d bytes", n)
		}
		if _, err := key.Export(enc, nil, nil, n); err == nil {
			t.Errorf("PrivateKey.Export gives a secret of %d bytes", n)
		}
	}
}
