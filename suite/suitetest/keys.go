package suitetest

import (
	"bytes"
	"errors"

	"github.com/mlsuite/mlsuite/suite"
)

// encryption is the HPKE part of a suite and what it says of itself.
type encryption struct {
	suite.HPKE
	kem  suite.KEMInfo
	kdf  suite.KDFInfo
	aead suite.AEADInfo
}

func hpkeChecks() []check[encryption] {
	return []check[encryption]{
		{"info", checkKEMInfo},
		{"tables", checkHPKERows},
		{"generated keys", checkGenerateKey},
		{"derived keys", checkDeriveKey},
		{"key handles", checkKeyHandles},
		{"key references", checkKeyReferences},
		{"malformed private keys", checkBadPrivateKeys},
		{"malformed public keys", checkBadPublicKeys},
		{"CheckPublicKey agrees with Seal", checkAgreement},
		{"round trip", checkRoundTrip},
		{"fresh randomness", checkFreshSeal},
		{"malformed encapsulated keys", checkBadEncapsulations},
		{"tampered ciphertexts", checkTampering},
		{"wrong context", checkWrongContext},
		{"sealer", checkSealer},
		{"deterministic sealer", checkDeterministicSealer},
		{"export", checkExport},
		{"export limits", checkExportLimits},
		{"ordered sealers", checkOrderedSealers},
		{"arguments", checkHPKEArguments},
		{"reused memory", checkHPKEReuse},
		{"results", checkHPKEResults},
		{"concurrent use", checkHPKEConcurrency},
		{"destroyed keys", checkDestroyedKey},
	}
}

func (e encryption) generate(t reporter) suite.PrivateKey {
	t.Helper()
	key, err := e.GenerateKey()
	wantNoError(t, "GenerateKey", err)
	return key
}

func (e encryption) derive(t reporter, ikm []byte) suite.PrivateKey {
	t.Helper()
	key, err := e.DeriveKey(ikm)
	wantNoError(t, "DeriveKey", err)
	return key
}

// exported returns a private key with its bytes, or skips the check.
func (e encryption) exported(t reporter) (suite.PrivateKey, []byte) {
	t.Helper()
	return exported(t, "private keys", e.generate(t))
}

// exported returns a key with its bytes, or skips the check.
func exported[K interface{ Bytes() ([]byte, error) }](t reporter, keys string, key K) (K, []byte) {
	t.Helper()
	b, err := key.Bytes()
	if errors.Is(err, suite.ErrNotExportable) {
		t.Skipf("%s are not exportable", keys)
	}
	wantNoError(t, "Bytes", err)
	return key, b
}

func checkKEMInfo(t reporter, e encryption) {
	if e.kem.Name == "" || e.kdf.Name == "" || e.aead.Name == "" {
		t.Errorf("a part has no name: KEM %q, KDF %q, AEAD %q", e.kem.Name, e.kdf.Name, e.aead.Name)
	}
	if e.kem.Level <= 0 {
		t.Errorf("KEM has the level %d", e.kem.Level)
	}
	for _, size := range []struct {
		name string
		n    int
	}{
		{"Nsecret", e.kem.Nsecret}, {"Nenc", e.kem.Nenc}, {"Npk", e.kem.Npk}, {"Nsk", e.kem.Nsk},
		{"Nh", e.kdf.Nh}, {"Nk", e.aead.Nk}, {"Nn", e.aead.Nn}, {"Nt", e.aead.Nt},
	} {
		if size.n <= 0 {
			t.Errorf("%s is %d", size.name, size.n)
		}
	}
	if e.kem.Provenance.Len() == 0 {
		t.Errorf("KEM does not say which package provides it")
	}
}

func checkGenerateKey(t reporter, e encryption) {
	a, b := e.generate(t), e.generate(t)
	wantLength(t, "public key", a.PublicKey(), e.kem.Npk)
	if bytes.Equal(a.PublicKey(), b.PublicKey()) {
		t.Errorf("GenerateKey gives the same key twice")
	}
	if err := e.CheckPublicKey(a.PublicKey()); err != nil {
		t.Errorf("CheckPublicKey of a generated key: %v", err)
	}
	wantEqual(t, "public key, asked again,", a.PublicKey(), a.PublicKey())
	e.wantOpens(t, a, e.seal(t, a.PublicKey(), nil, nil, []byte("x")), nil, nil, []byte("x"))
}

func checkDeriveKey(t reporter, e encryption) {
	seen := make(map[string]int)
	for _, n := range []int{0, 1, 32, 64, 1000} {
		ikm := pattern(1, n)
		a, b := e.derive(t, ikm), e.derive(t, ikm)
		wantLength(t, "public key", a.PublicKey(), e.kem.Npk)
		wantEqual(t, "the public key of a key derived twice", b.PublicKey(), a.PublicKey())
		if other, ok := seen[string(a.PublicKey())]; ok {
			t.Errorf("DeriveKey gives the same key for ikm of %d bytes and of %d", other, n)
		}
		seen[string(a.PublicKey())] = n
		e.wantOpens(t, b, e.seal(t, a.PublicKey(), nil, nil, []byte("x")), nil, nil, []byte("x"))
	}
	wantEqual(t, "the public key of nil ikm", e.derive(t, nil).PublicKey(), e.derive(t, []byte{}).PublicKey())
}

func checkKeyHandles(t reporter, e encryption) {
	for _, key := range []suite.PrivateKey{e.generate(t), e.derive(t, pattern(1, 32))} {
		b, err := key.Bytes()
		if errors.Is(err, suite.ErrNotExportable) {
			if b != nil {
				t.Errorf("Bytes returns bytes with ErrNotExportable")
			}
			continue
		}
		wantNoError(t, "Bytes", err)
		wantLength(t, "private key", b, e.kem.Nsk)
		parsed, err := e.ParsePrivateKey(b)
		wantNoError(t, "ParsePrivateKey", err)
		wantEqual(t, "the public key of a parsed key", parsed.PublicKey(), key.PublicKey())
		again, err := parsed.Bytes()
		wantNoError(t, "Bytes of a parsed key", err)
		wantEqual(t, "the private key of a parsed key", again, b)
		e.wantOpens(t, parsed, e.seal(t, key.PublicKey(), nil, nil, []byte("x")), nil, nil, []byte("x"))
	}
}

func checkBadPrivateKeys(t reporter, e encryption) {
	key, good := e.exported(t)
	algorithm := e.kem.Classical
	if e.kem.PostQuantum != "" {
		algorithm = "" // a seed
	}
	for _, bad := range badPrivateKeys(algorithm, good, key.PublicKey()) {
		_, err := e.ParsePrivateKey(bad.bytes)
		wantKeyError(t, "ParsePrivateKey", bad.fault, true, err)
	}
}

func checkBadPublicKeys(t reporter, e encryption) {
	sealer := e.prepare(t, nil)
	for _, bad := range badPublicKeys(e.kem, e.generate(t).PublicKey()) {
		wantKeyError(t, "CheckPublicKey", bad.fault, false, e.CheckPublicKey(bad.bytes))
		_, _, err := e.Seal(bad.bytes, nil, nil, nil)
		wantKeyError(t, "Seal", bad.fault, false, err)
		_, _, err = sealer.Seal(bad.bytes, nil, nil)
		wantKeyError(t, "Sealer.Seal", bad.fault, false, err)
		_, _, err = e.Export(bad.bytes, nil, nil, 32)
		wantKeyError(t, "Export", bad.fault, false, err)
		if d, ok := sealer.(suite.DeterministicSealer); ok {
			_, _, err = d.SealDeterministic(pattern(1, d.RandomnessSize()), bad.bytes, nil, nil)
			wantKeyError(t, "SealDeterministic", bad.fault, false, err)
		}
	}
}

// checkAgreement checks that CheckPublicKey and Seal accept the same keys. The keys may
// or may not be valid: if one bit of a valid key changes, an X25519 key stays valid, and
// a P-256 key hardly ever does.
func checkAgreement(t reporter, e encryption) {
	good := e.generate(t).PublicKey()
	keys := dubiousPublicKeys(e.kem, good)
	for _, i := range places(len(good)) {
		keys = append(keys, variant{"flipped", flipped(good, i)})
	}
	for _, key := range keys {
		check := e.CheckPublicKey(key.bytes)
		_, _, seal := e.Seal(key.bytes, nil, nil, nil)
		if (check == nil) != (seal == nil) {
			t.Errorf("a key that is %s: CheckPublicKey says %v, Seal %v", key.fault, check, seal)
		}
		if check != nil {
			wantKeyError(t, "CheckPublicKey", key.fault, false, check)
		}
		if seal != nil {
			wantKeyError(t, "Seal", key.fault, false, seal)
		}
	}
}

func checkDestroyedKey(t reporter, e encryption) {
	key, other := e.derive(t, pattern(1, 32)), e.derive(t, pattern(1, 32))
	if _, ok := key.(suite.Destroyer); !ok {
		t.Skipf("private keys cannot be destroyed")
	}
	m := e.seal(t, key.PublicKey(), nil, nil, []byte("x"))
	suite.Destroy(key)
	suite.Destroy(key)
	if _, err := key.Open(m.enc, nil, nil, m.ciphertext); !errors.Is(err, suite.ErrDestroyed) {
		t.Errorf("Open by a destroyed key: %v", err)
	}
	if _, err := key.Export(m.enc, nil, nil, 32); !errors.Is(err, suite.ErrDestroyed) {
		t.Errorf("Export by a destroyed key: %v", err)
	}
	if b, err := key.Bytes(); b != nil || !errors.Is(err, suite.ErrDestroyed) && !errors.Is(err, suite.ErrNotExportable) {
		t.Errorf("Bytes of a destroyed key: %d bytes, %v", len(b), err)
	}
	e.wantOpens(t, other, m, nil, nil, []byte("x"))
}
