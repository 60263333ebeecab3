package suitetest

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/mlsuite/mlsuite/suite"
)

// signing is the signature part of a suite and what it says of itself.
type signing struct {
	suite.Signature
	info suite.SignatureInfo
}

func signatureChecks() []check[signing] {
	return []check[signing]{
		{"info", checkSignatureInfo},
		{"tables", checkSignatureRow},
		{"round trip", checkSignRoundTrip},
		{"signer handles", checkSigners},
		{"malformed private keys", checkBadSigners},
		{"malformed public keys", checkBadVerificationKeys},
		{"wrong message or key", checkWrongMessage},
		{"tampered signatures", checkTamperedSignatures},
		{"malformed signatures", checkMalformedSignatures},
		{"halves", checkHalves},
		{"contexts", checkContexts},
		{"cancelled context", checkCancelledSign},
		{"foreign signers", checkForeignSigners},
		{"keys of other schemes", checkOtherSchemes},
		{"arguments", checkSignatureArguments},
		{"reused memory", checkSignatureReuse},
		{"results", checkSignatureResults},
		{"concurrent use", checkSignatureConcurrency},
		{"destroyed signers", checkDestroyedSigner},
	}
}

func (s signing) generate(t reporter) suite.Signer {
	t.Helper()
	signer, err := s.GenerateSigner()
	wantNoError(t, "GenerateSigner", err)
	return signer
}

// exported returns a signer with its bytes, or skips the check.
func (s signing) exported(t reporter) (suite.Signer, []byte) {
	t.Helper()
	return exported(t, "signers", s.generate(t))
}

func sign(t reporter, signer suite.Signer, message []byte) []byte {
	t.Helper()
	sig, err := signer.Sign(context.Background(), message)
	wantNoError(t, "Sign", err)
	return sig
}

func (s signing) wantValid(t reporter, pub, message, sig []byte) {
	t.Helper()
	wantNoError(t, "Verify", s.Verify(pub, message, sig))
}

func (s signing) wantInvalid(t reporter, what string, pub, message, sig []byte) {
	t.Helper()
	switch err := s.Verify(pub, message, sig); {
	case err == nil:
		t.Errorf("Verify accepts %s", what)
	case !errors.Is(err, suite.ErrVerify):
		t.Errorf("Verify of %s: error %q is not ErrVerify", what, err)
	}
}

func checkSignatureInfo(t reporter, s signing) {
	if s.info.Name == "" || s.info.Scheme == 0 || s.info.Level <= 0 {
		t.Errorf("name %q, code point %#04x, level %d", s.info.Name, s.info.Scheme, s.info.Level)
	}
	if s.info.PublicKey <= 0 || s.info.PrivateKey <= 0 || s.info.Signature <= 0 {
		t.Errorf("sizes: public key %d, private key %d, signature %d", s.info.PublicKey, s.info.PrivateKey, s.info.Signature)
	}
	if s.info.Provenance.Len() == 0 {
		t.Errorf("the scheme does not say which package provides it")
	}
}

func checkSignRoundTrip(t reporter, s signing) {
	signer := s.generate(t)
	pub := signer.PublicKey()
	wantLength(t, "public key", pub, s.info.PublicKey)
	wantEqual(t, "public key, asked again,", signer.PublicKey(), pub)
	wantNoError(t, "CheckSignatureKey of a generated key", s.CheckSignatureKey(pub))
	if bytes.Equal(s.generate(t).PublicKey(), pub) {
		t.Errorf("GenerateSigner gives the same key twice")
	}
	for _, n := range []int{0, 1, 32, 64, 1000, 70000} {
		message := pattern(1, n)
		sig := sign(t, signer, message)
		s.wantValid(t, pub, message, sig)
		// DER signatures are shorter at times.
		if len(sig) > s.info.Signature || nistCurve(s.info.Classical) == nil && len(sig) != s.info.Signature {
			t.Errorf("a signature has %d bytes, Info says %d", len(sig), s.info.Signature)
		}
	}
	s.wantValid(t, pub, nil, sign(t, signer, []byte{}))
}

func checkSigners(t reporter, s signing) {
	signer, b := s.exported(t)
	wantLength(t, "private key", b, s.info.PrivateKey)
	parsed, err := s.ParseSigner(b)
	wantNoError(t, "ParseSigner", err)
	wantEqual(t, "the public key of a parsed signer", parsed.PublicKey(), signer.PublicKey())
	again, err := parsed.Bytes()
	wantNoError(t, "Bytes of a parsed signer", err)
	wantEqual(t, "the private key of a parsed signer", again, b)
	s.wantValid(t, signer.PublicKey(), []byte("m"), sign(t, parsed, []byte("m")))
}

func checkBadSigners(t reporter, s signing) {
	signer, good := s.exported(t)
	algorithm := s.info.Classical
	if s.info.PostQuantum != "" {
		algorithm = "" // a seed, at least in part
	}
	all := badPrivateKeys(algorithm, good, signer.PublicKey())
	if s.info.Hybrid() && nistCurve(s.info.Classical) != nil { // no scalar, whatever its encoding
		all = append(all, variant{"zero", make([]byte, len(good))}, variant{"all ones", bytes.Repeat([]byte{0xFF}, len(good))})
	}
	for _, bad := range all {
		_, err := s.ParseSigner(bad.bytes)
		wantKeyError(t, "ParseSigner", bad.fault, true, err)
	}
}

func checkBadVerificationKeys(t reporter, s signing) {
	signer := s.generate(t)
	pub, message := signer.PublicKey(), []byte("m")
	sig := sign(t, signer, message)
	bad := badLengths(pub)
	curve, at := classicalKey(s.info)
	if len(pub) != s.info.PublicKey {
		curve = ""
	}
	if nistCurve(curve) != nil {
		bad = append(bad, at.replaced(pub, func(point []byte) []variant { return badPoints(curve, point) })...)
	}
	for _, b := range bad {
		wantKeyError(t, "CheckSignatureKey", b.fault, false, s.CheckSignatureKey(b.bytes))
		wantKeyError(t, "VerifyFirst", b.fault, false, suite.VerifyFirst(s, b.bytes, message, sig))
		wantKeyError(t, "Verify", b.fault, false, s.Verify(b.bytes, message, sig))
	}
	var others []variant // each is a key or none to Verify: it may say either
	if c := edwardsCurve(curve); c != nil && at.to-at.from == c.size {
		others = at.replaced(pub, c.badKeys)
		for _, b := range others {
			wantKeyError(t, "CheckSignatureKey", b.fault, false, s.CheckSignatureKey(b.bytes))
			wantKeyError(t, "VerifyFirst", b.fault, false, suite.VerifyFirst(s, b.bytes, message, sig))
		}
	}
	for _, i := range places(len(pub)) {
		others = append(others, variant{fmt.Sprintf("flipped at %d", i), flipped(pub, i)})
	}
	for _, d := range others {
		check, verify := s.CheckSignatureKey(d.bytes), s.Verify(d.bytes, message, sig)
		switch {
		case verify == nil:
			t.Errorf("Verify accepts another key's signature under a public key that is %s", d.fault)
		case !errors.Is(verify, suite.ErrVerify) && !errors.Is(verify, suite.ErrInvalidKey):
			t.Errorf("Verify under a public key that is %s: error %q is neither ErrVerify nor a KeyError", d.fault, verify)
		case errors.Is(verify, suite.ErrInvalidKey) && check == nil:
			t.Errorf("a public key that is %s: CheckSignatureKey accepts it, Verify says %q", d.fault, verify)
		}
		if check != nil {
			wantKeyError(t, "CheckSignatureKey", d.fault, false, check)
			wantKeyError(t, "VerifyFirst", d.fault, false, suite.VerifyFirst(s, d.bytes, message, sig))
		}
	}
}

func checkWrongMessage(t reporter, s signing) {
	signer, message := s.generate(t), pattern(1, 100)
	pub, sig := signer.PublicKey(), sign(t, signer, message)
	for _, i := range places(len(message)) {
		s.wantInvalid(t, "a changed message", pub, flipped(message, i), sig)
	}
	s.wantInvalid(t, "an empty message", pub, nil, sig)
	s.wantInvalid(t, "a shorter message", pub, message[:99], sig)
	s.wantInvalid(t, "a longer message", pub, append(bytes.Clone(message), 0), sig)
	s.wantInvalid(t, "another key's signature", s.generate(t).PublicKey(), message, sig)
}

func checkTamperedSignatures(t reporter, s signing) {
	signer, message := s.generate(t), []byte("m")
	pub, sig := signer.PublicKey(), sign(t, signer, message)
	for _, bad := range badLengths(sig) {
		s.wantInvalid(t, "a signature that is "+bad.fault, pub, message, bad.bytes)
	}
	for _, i := range places(len(sig)) {
		s.wantInvalid(t, fmt.Sprintf("a signature flipped at %d", i), pub, message, flipped(sig, i))
	}
	s.wantInvalid(t, "a signature of zeros", pub, message, make([]byte, len(sig)))
	s.wantInvalid(t, "a signature of ones", pub, message, bytes.Repeat([]byte{0xFF}, len(sig)))
}

func checkMalformedSignatures(t reporter, s signing) {
	signer, message := s.generate(t), []byte("m")
	pub, sig := signer.PublicKey(), sign(t, signer, message)
	bad := badSignatures(s.info, sig)
	if len(bad) == 0 {
		t.Skipf("no malformed signatures of %s are known here", s.info.Name)
	}
	for _, b := range bad {
		s.wantInvalid(t, b.fault, pub, message, b.bytes)
	}
}

func checkCancelledSign(t reporter, s signing) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	sig, err := s.generate(t).Sign(ctx, []byte("m"))
	if sig != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("Sign under a cancelled context returns %d bytes and the error %v", len(sig), err)
	}
}

// token stands in for the crypto.Signer of a hardware token or a KMS, whose type is
// unknown.
type token struct {
	crypto.Signer
	err error
}

func (k token) Sign(random io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if k.err != nil {
		return nil, k.err
	}
	return k.Signer.Sign(random, digest, opts)
}

// tokenOf is a token with the public key of another.
type tokenOf struct {
	token
	public crypto.PublicKey
}

func (k tokenOf) Public() crypto.PublicKey { return k.public }

// cryptoKeys returns a key of every scheme for which the standard library has keys, by
// the scheme's name in Info.
func cryptoKeys(t reporter) map[string]crypto.Signer {
	keys := make(map[string]crypto.Signer)
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		key, err := ecdsa.GenerateKey(curve, rand.Reader)
		wantNoError(t, "ecdsa.GenerateKey", err)
		keys[curve.Params().Name] = key
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	wantNoError(t, "ed25519.GenerateKey", err)
	keys["Ed25519"] = key
	return keys
}

func checkForeignSigners(t reporter, s signing) {
	key, ok := cryptoKeys(t)[s.info.Classical]
	if !ok || s.info.PostQuantum != "" {
		t.Skipf("the standard library has no keys of %s", s.info.Name)
	}
	message := []byte("m")
	own, err := s.NewSigner(key)
	wantNoError(t, "NewSigner", err)
	foreign, err := s.NewSigner(token{Signer: key})
	wantNoError(t, "NewSigner of a foreign key", err)
	wantEqual(t, "the public key of a foreign key", foreign.PublicKey(), own.PublicKey())
	for _, signer := range []suite.Signer{own, foreign} {
		s.wantValid(t, signer.PublicKey(), message, sign(t, signer, message))
	}
	if b, err := foreign.Bytes(); b != nil || !errors.Is(err, suite.ErrNotExportable) {
		t.Errorf("Bytes of a foreign key: %d bytes, %v", len(b), err)
	}
	failure := errors.New("the token is gone")
	failing, err := s.NewSigner(token{key, failure})
	wantNoError(t, "NewSigner of a failing key", err)
	if _, err := failing.Sign(context.Background(), message); !errors.Is(err, failure) {
		t.Errorf("Sign by a key that fails with %q: %v", failure, err)
	}
	if s.info.Classical == "Ed25519" {
		for _, bad := range edwardsCurve("Ed25519").badKeys(own.PublicKey()) {
			_, err := s.NewSigner(tokenOf{token{Signer: key}, ed25519.PublicKey(bad.bytes)})
			wantKeyError(t, "NewSigner", bad.fault, false, err)
		}
	}
}

func checkOtherSchemes(t reporter, s signing) {
	for name, key := range cryptoKeys(t) {
		if name == s.info.Classical && s.info.PostQuantum == "" {
			continue
		}
		for _, k := range []crypto.Signer{key, token{Signer: key}} {
			if _, err := s.NewSigner(k); !errors.Is(err, suite.ErrInvalidKey) {
				t.Errorf("NewSigner of a key of %s: %v", name, err)
			}
		}
	}
	if _, err := s.NewSigner(nil); !errors.Is(err, suite.ErrInvalidKey) {
		t.Errorf("NewSigner(nil): %v", err)
	}
}

func checkSignatureArguments(t reporter, s signing) {
	var l loans
	signer, message := s.generate(t), pattern(1, 100)
	pub := signer.PublicKey()
	if b, err := signer.Bytes(); err == nil {
		signer, err = s.ParseSigner(l.lend(b))
		wantNoError(t, "ParseSigner", err)
		l.settle(t, "ParseSigner")
		wantEqual(t, "the public key, after the bytes it was parsed from were overwritten,", signer.PublicKey(), pub)
	}
	sig := sign(t, signer, l.lend(message))
	l.settle(t, "Sign")
	s.wantValid(t, pub, message, sig)
	wantNoError(t, "Verify", s.Verify(l.lend(pub), l.lend(message), l.lend(sig)))
	l.settle(t, "Verify")
	wantNoError(t, "VerifyFirst", suite.VerifyFirst(s.Signature, l.lend(pub), l.lend(message), l.lend(sig)))
	l.settle(t, "VerifyFirst")
	wantNoError(t, "CheckSignatureKey", s.CheckSignatureKey(l.lend(pub)))
	l.settle(t, "CheckSignatureKey")
}

func checkSignatureResults(t reporter, s signing) {
	signer, message := s.generate(t), pattern(1, 100)
	pub := signer.PublicKey()
	wantOwnBytes(t, signer)
	sig := sign(t, signer, message)
	before := bytes.Clone(sig)
	sign(t, signer, pattern(2, 100))
	wantEqual(t, "a signature, after another call,", sig, before)
	scribble(sig)
	s.wantValid(t, pub, message, sign(t, signer, message))
}

func checkSignatureConcurrency(t reporter, s signing) {
	signer, message := s.generate(t), pattern(1, 100)
	pub, sig := signer.PublicKey(), sign(t, signer, message)
	concurrently(t, func() error {
		if !bytes.Equal(signer.PublicKey(), pub) {
			return errors.New("another public key")
		}
		if err := s.Verify(pub, message, sig); err != nil {
			return fmt.Errorf("fixed signature: %w", err)
		}
		if err := s.CheckSignatureKey(pub); err != nil {
			return fmt.Errorf("public key check: %w", err)
		}
		fresh, err := signer.Sign(context.Background(), message)
		if err != nil {
			return fmt.Errorf("signer: %w", err)
		}
		return s.Verify(pub, message, fresh)
	})
}

func checkDestroyedSigner(t reporter, s signing) {
	signer := s.generate(t)
	if _, ok := signer.(suite.Destroyer); !ok {
		t.Skipf("signers cannot be destroyed")
	}
	suite.Destroy(signer)
	suite.Destroy(signer)
	if _, err := signer.Sign(context.Background(), []byte("m")); !errors.Is(err, suite.ErrDestroyed) {
		t.Errorf("Sign by a destroyed signer: %v", err)
	}
	if b, err := signer.Bytes(); b != nil || !errors.Is(err, suite.ErrDestroyed) && !errors.Is(err, suite.ErrNotExportable) {
		t.Errorf("Bytes of a destroyed signer: %d bytes, %v", len(b), err)
	}
}
