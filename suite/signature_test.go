package suite_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

type schemeCase struct {
	name    string
	scheme  suite.SignatureScheme
	library func(t *testing.T) crypto.Signer // a key of the library's own type
	code    uint16
	pub     int
	priv    int
	sig     int
	level   int
}

func schemes() []schemeCase {
	newECDSA := func(curve elliptic.Curve) func(t *testing.T) crypto.Signer {
		return func(t *testing.T) crypto.Signer {
			key, err := ecdsa.GenerateKey(curve, rand.Reader)
			require.NoError(t, err)
			return key
		}
	}
	newEd25519 := func(t *testing.T) crypto.Signer {
		_, key, err := ed25519.GenerateKey(nil)
		require.NoError(t, err)
		return key
	}
	return []schemeCase{
		{"Ed25519", suite.Ed25519(), newEd25519, 0x0807, 32, 32, 64, 128},
		{"P-256", suite.ECDSAP256(), newECDSA(elliptic.P256()), 0x0403, 65, 32, 72, 128},
		{"P-384", suite.ECDSAP384(), newECDSA(elliptic.P384()), 0x0503, 97, 48, 104, 192},
		{"P-521", suite.ECDSAP521(), newECDSA(elliptic.P521()), 0x0603, 133, 66, 139, 256},
	}
}

func eachScheme(t *testing.T, f func(t *testing.T, c schemeCase)) {
	for _, c := range schemes() {
		t.Run(c.name, func(t *testing.T) { f(t, c) })
	}
}

func sign(t *testing.T, s suite.Signer, message []byte) []byte {
	t.Helper()
	sig, err := s.Sign(t.Context(), message)
	require.NoError(t, err)
	return sig
}

func requireKeyError(t *testing.T, err error, private bool) {
	t.Helper()
	var e *suite.KeyError
	require.ErrorAs(t, err, &e)
	require.ErrorIs(t, err, suite.ErrInvalidKey)
	require.Equal(t, private, e.Private, "%v", err)
}

func TestSignatureInfo(t *testing.T) {
	eachScheme(t, func(t *testing.T, c schemeCase) {
		info := c.scheme.SignatureInfo()
		require.Equal(t, c.code, info.Scheme)
		require.Equal(t, c.name, info.Classical)
		require.Empty(t, info.PostQuantum)
		require.Equal(t, []int{c.pub, c.priv, c.sig, c.level},
			[]int{info.PublicKey, info.PrivateKey, info.Signature, info.Level})
		require.Equal(t, 1, info.Provenance.Len())
	})
}

func TestSignatureRoundTrip(t *testing.T) {
	eachScheme(t, func(t *testing.T, c schemeCase) {
		generated, err := c.scheme.GenerateSigner()
		require.NoError(t, err)
		b, err := generated.Bytes()
		require.NoError(t, err)
		require.Len(t, b, c.priv)
		pub := generated.PublicKey()
		require.Len(t, pub, c.pub)

		argument := bytes.Clone(b)
		parsed, err := c.scheme.ParseSigner(argument)
		require.NoError(t, err)
		clear(argument) // which it must not keep
		require.Equal(t, pub, parsed.PublicKey())
		again, err := parsed.Bytes()
		require.NoError(t, err)
		require.Equal(t, b, again)

		message := []byte("message")
		sig := sign(t, parsed, message)
		require.LessOrEqual(t, len(sig), c.sig)
		require.NoError(t, c.scheme.Verify(pub, message, sig))

		require.ErrorIs(t, c.scheme.Verify(pub, []byte("another"), sig), suite.ErrVerify)
		other, err := c.scheme.GenerateSigner()
		require.NoError(t, err)
		require.ErrorIs(t, c.scheme.Verify(other.PublicKey(), message, sig), suite.ErrVerify)
		for n := range len(sig) {
			require.ErrorIs(t, c.scheme.Verify(pub, message, sig[:n]), suite.ErrVerify)
		}
		require.ErrorIs(t, c.scheme.Verify(pub, message, append(sig, 0)), suite.ErrVerify)
	})
}

func TestSignerResultsBelongToCaller(t *testing.T) {
	eachScheme(t, func(t *testing.T, c schemeCase) {
		s, err := c.scheme.GenerateSigner()
		require.NoError(t, err)
		pub := s.PublicKey()
		clear(s.PublicKey())
		b, err := s.Bytes()
		require.NoError(t, err)
		clear(b)
		require.Equal(t, pub, s.PublicKey())
		require.NoError(t, c.scheme.Verify(pub, nil, sign(t, s, nil)))
	})
}

func TestParseSignerRefuses(t *testing.T) {
	eachScheme(t, func(t *testing.T, c schemeCase) {
		for name, b := range map[string][]byte{
			"empty": nil,
			"long":  make([]byte, c.priv+1),
			"huge":  make([]byte, 1000),
		} {
			_, err := c.scheme.ParseSigner(b)
			require.Error(t, err, name)
			requireKeyError(t, err, true)
		}
	})
	for _, scheme := range []suite.SignatureScheme{suite.ECDSAP256(), suite.ECDSAP384(), suite.ECDSAP521()} {
		n := scheme.SignatureInfo().PrivateKey
		for name, b := range map[string][]byte{
			"zero":     make([]byte, n),
			"too high": bytes.Repeat([]byte{0xff}, n),
		} {
			_, err := scheme.ParseSigner(b)
			require.Error(t, err, name)
			requireKeyError(t, err, true)
		}
	}
}

// A scalar has its leading zeros, and one without them is no private key, as it could
// be another's beginning.
func TestECDSAScalarKeepsLeadingZeros(t *testing.T) {
	for _, scheme := range []suite.SignatureScheme{suite.ECDSAP256(), suite.ECDSAP384(), suite.ECDSAP521()} {
		full := make([]byte, scheme.SignatureInfo().PrivateKey)
		copy(full[len(full)-3:], []byte{1, 2, 3})
		s, err := scheme.ParseSigner(full)
		require.NoError(t, err)
		b, err := s.Bytes()
		require.NoError(t, err)
		require.Equal(t, full, b)
		for n := 1; n < len(full); n++ {
			_, err := scheme.ParseSigner(full[n:])
			requireKeyError(t, err, true)
		}
	}
}

// The library's form of a private key, the seed and its public key, is none of the
// scheme: NewSigner takes it as a key, if the two belong together.
func TestEd25519LongPrivateKey(t *testing.T) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	_, err := suite.Ed25519().ParseSigner(key)
	requireKeyError(t, err, true)
	s, err := suite.Ed25519().NewSigner(key)
	require.NoError(t, err)
	require.Equal(t, []byte(key.Public().(ed25519.PublicKey)), s.PublicKey())
	seed, err := s.Bytes()
	require.NoError(t, err)
	require.Equal(t, key.Seed(), seed)

	key[ed25519.PrivateKeySize-1] ^= 1
	_, err = suite.Ed25519().NewSigner(key)
	requireKeyError(t, err, true)
}

func TestVerifyRefusesKeys(t *testing.T) {
	eachScheme(t, func(t *testing.T, c schemeCase) {
		s, err := c.scheme.GenerateSigner()
		require.NoError(t, err)
		pub, sig := s.PublicKey(), sign(t, s, nil)
		for n := range len(pub) {
			requireKeyError(t, c.scheme.Verify(pub[:n], nil, sig), false)
		}
		requireKeyError(t, c.scheme.Verify(append(pub, 0), nil, sig), false)
		if c.code == 0x0807 {
			return
		}
		offCurve := bytes.Clone(pub)
		offCurve[len(offCurve)-1] ^= 1
		requireKeyError(t, c.scheme.Verify(offCurve, nil, sig), false)
		for _, format := range []byte{0, 2, 3, 5, 6, 7} {
			pub[0] = format
			requireKeyError(t, c.scheme.Verify(pub, nil, sig), false)
		}
	})
	// y = 2 is no point of edwards25519 (RFC 8032, Section 5.1.3).
	noPoint := append([]byte{2}, make([]byte, 31)...)
	require.ErrorIs(t, suite.Ed25519().Verify(noPoint, nil, make([]byte, 64)), suite.ErrVerify)
}

func TestSignObservesContext(t *testing.T) {
	eachScheme(t, func(t *testing.T, c schemeCase) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		s, err := c.scheme.GenerateSigner()
		require.NoError(t, err)
		_, err = s.Sign(ctx, nil)
		require.ErrorIs(t, err, context.Canceled)
	})
}

// kms is a key that lives elsewhere: a crypto.Signer and nothing more.
type kms struct {
	crypto.Signer
	public crypto.PublicKey // unless nil, what Public claims
	mangle func(sig []byte) ([]byte, error)
	calls  int
	signed []byte
	opts   crypto.SignerOpts
}

func (k *kms) Public() crypto.PublicKey {
	if k.public != nil {
		return k.public
	}
	return k.Signer.Public()
}

func (k *kms) Sign(r io.Reader, signed []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.calls, k.signed, k.opts = k.calls+1, bytes.Clone(signed), opts
	sig, err := k.Signer.Sign(r, signed, opts)
	if err == nil && k.mangle != nil {
		return k.mangle(sig)
	}
	return sig, err
}

func TestNewSignerForeign(t *testing.T) {
	message := []byte("what the token signs")
	hashes := map[string]crypto.Hash{"P-256": crypto.SHA256, "P-384": crypto.SHA384, "P-521": crypto.SHA512}
	eachScheme(t, func(t *testing.T, c schemeCase) {
		token := &kms{Signer: c.library(t)}
		s, err := c.scheme.NewSigner(token)
		require.NoError(t, err)
		_, err = s.Bytes()
		require.ErrorIs(t, err, suite.ErrNotExportable)

		require.NoError(t, c.scheme.Verify(s.PublicKey(), message, sign(t, s, message)))
		require.Equal(t, hashes[c.name], token.opts.HashFunc())
		if h := hashes[c.name]; h != 0 {
			digest := h.New()
			digest.Write(message)
			require.Equal(t, digest.Sum(nil), token.signed)
		} else {
			require.Equal(t, message, token.signed)
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = s.Sign(ctx, message)
		require.ErrorIs(t, err, context.Canceled)
		require.Equal(t, 1, token.calls, "a cancelled Sign reached the token")
	})
}

func TestNewSignerForeignCancelledDuringCall(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	token := &kms{Signer: schemes()[0].library(t)}
	token.mangle = func(sig []byte) ([]byte, error) { cancel(); return sig, nil }
	s, err := suite.Ed25519().NewSigner(token)
	require.NoError(t, err)
	_, err = s.Sign(ctx, nil)
	require.ErrorIs(t, err, context.Canceled)
}

// messageKMS hashes by itself: a crypto.MessageSigner.
type messageKMS struct {
	kms
	messages [][]byte
}

func (k *messageKMS) SignMessage(r io.Reader, message []byte, opts crypto.SignerOpts) ([]byte, error) {
	k.messages = append(k.messages, bytes.Clone(message))
	return crypto.SignMessage(k.Signer, r, message, opts)
}

func TestNewSignerMessageSigner(t *testing.T) {
	eachScheme(t, func(t *testing.T, c schemeCase) {
		token := &messageKMS{kms: kms{Signer: c.library(t)}}
		s, err := c.scheme.NewSigner(token)
		require.NoError(t, err)
		require.NoError(t, c.scheme.Verify(s.PublicKey(), []byte("m"), sign(t, s, []byte("m"))))
		require.Equal(t, [][]byte{[]byte("m")}, token.messages)
		require.Zero(t, token.calls)
	})
}

func TestNewSignerForeignSignatureIsChecked(t *testing.T) {
	failure := errors.New("token is gone")
	eachScheme(t, func(t *testing.T, c schemeCase) {
		for name, mangle := range map[string]func([]byte) ([]byte, error){
			"empty":   func([]byte) ([]byte, error) { return nil, nil },
			"cut":     func(sig []byte) ([]byte, error) { return sig[:len(sig)-1], nil },
			"longer":  func(sig []byte) ([]byte, error) { return append(sig, 0), nil },
			"flipped": func(sig []byte) ([]byte, error) { sig[len(sig)-1] ^= 1; return sig, nil },
			"fixed-length instead of DER": func(sig []byte) ([]byte, error) {
				return make([]byte, 2*c.priv), nil
			},
		} {
			s, err := c.scheme.NewSigner(&kms{Signer: c.library(t), mangle: mangle})
			require.NoError(t, err, name)
			sig, err := s.Sign(t.Context(), nil)
			require.ErrorIs(t, err, suite.ErrVerify, name)
			require.Nil(t, sig, name)
		}
		// A token that mixes up its keys.
		s, err := c.scheme.NewSigner(&kms{Signer: c.library(t), public: c.library(t).Public()})
		require.NoError(t, err)
		_, err = s.Sign(t.Context(), nil)
		require.ErrorIs(t, err, suite.ErrVerify)

		s, err = c.scheme.NewSigner(&kms{Signer: c.library(t), mangle: func([]byte) ([]byte, error) { return nil, failure }})
		require.NoError(t, err)
		_, err = s.Sign(t.Context(), nil)
		require.ErrorIs(t, err, failure)
	})
}

func TestNewSignerRefusesForeignKeys(t *testing.T) {
	all := schemes()
	eachScheme(t, func(t *testing.T, c schemeCase) {
		for _, other := range all {
			if other.name == c.name {
				continue
			}
			_, err := c.scheme.NewSigner(&kms{Signer: other.library(t)})
			requireKeyError(t, err, false)
			rule := "type "
			if c.code != 0x0807 && other.code != 0x0807 {
				rule = "not on " + c.name
			}
			require.ErrorContains(t, err, rule)
			_, err = c.scheme.NewSigner(other.library(t))
			require.ErrorIs(t, err, suite.ErrInvalidKey)
			require.ErrorContains(t, err, rule)
		}
		for _, public := range []crypto.PublicKey{
			"text", []byte("bytes"), ed25519.PublicKey{}, ed25519.PublicKey("short"),
			(*ecdsa.PublicKey)(nil), &ecdsa.PublicKey{}, &ecdsa.PublicKey{Curve: elliptic.P256()},
		} {
			_, err := c.scheme.NewSigner(&kms{public: public})
			requireKeyError(t, err, false)
		}
		_, err := c.scheme.NewSigner(nil)
		requireKeyError(t, err, true)
	})
}

func TestNewSignerLibraryKey(t *testing.T) {
	eachScheme(t, func(t *testing.T, c schemeCase) {
		key := c.library(t)
		s, err := c.scheme.NewSigner(key)
		require.NoError(t, err)
		b, err := s.Bytes()
		require.NoError(t, err)
		parsed, err := c.scheme.ParseSigner(b)
		require.NoError(t, err)
		require.Equal(t, parsed.PublicKey(), s.PublicKey())
		require.NoError(t, c.scheme.Verify(s.PublicKey(), nil, sign(t, s, nil)))
	})
}

func TestNewSignerRefusesDamagedLibraryKeys(t *testing.T) {
	for _, key := range []ed25519.PrivateKey{nil, make([]byte, 5), make([]byte, ed25519.PrivateKeySize)} {
		_, err := suite.Ed25519().NewSigner(key)
		requireKeyError(t, err, true)
	}
	good, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	noPoint, anothers := *good, *good
	noPoint.PublicKey = ecdsa.PublicKey{Curve: elliptic.P256()}
	anothers.PublicKey = other.PublicKey
	for name, key := range map[string]*ecdsa.PrivateKey{
		"nil":              nil,
		"empty":            {},
		"no scalar":        {PublicKey: good.PublicKey},
		"no point":         &noPoint,
		"another's public": &anothers,
	} {
		_, err := suite.ECDSAP256().NewSigner(key)
		require.ErrorIs(t, err, suite.ErrInvalidKey, name)
	}
}
