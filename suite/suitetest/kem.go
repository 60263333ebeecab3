package suitetest

import (
	"reflect"

	"github.com/mlsuite/mlsuite/hpke"
)

// kemChecks returns the checks of a KEM by itself, for what HPKE would hide.
func kemChecks() []check[hpke.KEM] {
	return []check[hpke.KEM]{
		{"info", checkKEMAlone},
		{"shared secrets", checkSharedSecrets},
		{"deterministic encapsulation", checkDeterministicKEM},
		{"arguments", checkKEMArguments},
		{"results", checkKEMResults},
	}
}

func encap(t reporter, kem hpke.KEM, pub []byte) (secret, enc []byte) {
	t.Helper()
	secret, enc, err := kem.Encap(pub)
	wantNoError(t, "Encap", err)
	return secret, enc
}

func deriveKeyPair(t reporter, kem hpke.KEM, ikm []byte) hpke.KEMPrivateKey {
	t.Helper()
	key, err := kem.DeriveKeyPair(ikm)
	wantNoError(t, "DeriveKeyPair", err)
	return key
}

func wantDecap(t reporter, key hpke.KEMPrivateKey, enc, want []byte) {
	t.Helper()
	got, err := key.Decap(enc)
	wantNoError(t, "Decap", err)
	wantEqual(t, "the decapsulated secret", got, want)
}

func checkKEMAlone(t reporter, kem hpke.KEM) {
	if kem.Info().ID == 0 {
		t.Errorf("code point 0 is reserved")
	}
	if !reflect.DeepEqual(kem.Info(), kem.Info()) {
		t.Errorf("Info is not always the same")
	}
}

func checkSharedSecrets(t reporter, kem hpke.KEM) {
	key := deriveKeyPair(t, kem, pattern(1, 32))
	seen := make(map[string]bool)
	for range 3 {
		secret, enc := encap(t, kem, key.PublicKey())
		wantLength(t, "shared secret", secret, kem.Info().Nsecret)
		wantLength(t, "enc", enc, kem.Info().Nenc)
		wantDecap(t, key, enc, secret)
		if seen[string(secret)] || seen[string(enc)] {
			t.Errorf("Encap gives the same twice")
		}
		seen[string(secret)], seen[string(enc)] = true, true
	}
}

func checkDeterministicKEM(t reporter, kem hpke.KEM) {
	d, ok := kem.(hpke.DeterministicKEM)
	if !ok {
		t.Skipf("the KEM takes no randomness")
	}
	key := deriveKeyPair(t, kem, pattern(1, 32))
	pub, randomness := key.PublicKey(), pattern(2, d.RandomnessSize())
	secret, enc, err := d.EncapDeterministic(pub, randomness)
	wantNoError(t, "EncapDeterministic", err)
	wantDecap(t, key, enc, secret)
	again, encAgain, err := d.EncapDeterministic(pub, randomness)
	wantNoError(t, "EncapDeterministic", err)
	wantEqual(t, "the secret of the same randomness", again, secret)
	wantEqual(t, "enc of the same randomness", encAgain, enc)
	for _, n := range []int{0, len(randomness) - 1, len(randomness) + 1} {
		if _, _, err := d.EncapDeterministic(pub, make([]byte, n)); err == nil {
			t.Errorf("EncapDeterministic takes %d bytes of randomness, RandomnessSize is %d", n, len(randomness))
		}
	}
}

func checkKEMArguments(t reporter, kem hpke.KEM) {
	var l loans
	want := deriveKeyPair(t, kem, pattern(1, 40)).PublicKey()
	key := deriveKeyPair(t, kem, l.lend(pattern(1, 40)))
	l.settle(t, "DeriveKeyPair")
	wantEqual(t, "the public key, after ikm was overwritten,", key.PublicKey(), want)
	if b, err := key.Bytes(); err == nil {
		key, err = kem.ParsePrivateKey(l.lend(b))
		wantNoError(t, "ParsePrivateKey", err)
		l.settle(t, "ParsePrivateKey")
	}
	secret, enc := encap(t, kem, l.lend(want))
	l.settle(t, "Encap")
	got, err := key.Decap(l.lend(enc))
	wantNoError(t, "Decap", err)
	l.settle(t, "Decap")
	wantEqual(t, "the decapsulated secret", got, secret)
	if d, ok := kem.(hpke.DeterministicKEM); ok {
		secret, enc, err := d.EncapDeterministic(l.lend(want), l.lend(pattern(2, d.RandomnessSize())))
		wantNoError(t, "EncapDeterministic", err)
		l.settle(t, "EncapDeterministic")
		wantDecap(t, key, enc, secret)
	}
}

func checkKEMResults(t reporter, kem hpke.KEM) {
	key := deriveKeyPair(t, kem, pattern(1, 40))
	pub := key.PublicKey()
	wantOwnBytes(t, key)
	secret, enc := encap(t, kem, pub)
	wantSeparate(t, "Encap", secret, enc)
	wantSeparate(t, "Encap", enc, secret)
	wantNothingBehind(t, "the secret of Encap", secret)
	for range 2 {
		got, err := key.Decap(enc)
		wantNoError(t, "Decap", err)
		wantEqual(t, "the decapsulated secret", got, secret)
		wantNothingBehind(t, "the secret of Decap", got)
		scribble(got)
	}
}
