package suite

import (
	"context"
	"crypto/fips140"
	"errors"
	"strings"
)

// ErrEnvironment is the class of every [*EnvironmentError].
var ErrEnvironment = errors.New("suite: not allowed in this environment")

// ErrUnavailable says that the provider that keeps a private key, such as a token or a KMS,
// cannot be reached now. Neither a key nor a message is at fault. It is an [ErrEnvironment]. A
// [PrivateKey] wraps it: a caller takes another error of Open or Export for [ErrDecrypt].
var ErrUnavailable error = unavailable{}

type unavailable struct{}

func (unavailable) Error() string { return "suite: the provider of a private key is unavailable" }

func (unavailable) Is(target error) bool { return target == ErrEnvironment }

// EnvironmentError says that the program may not use a primitive where it runs, such as
// X25519 under GODEBUG=fips140=only. Neither a key nor a message is at fault.
type EnvironmentError struct {
	Algorithm string // such as "X25519"
	Cause     error  // the environment's own error
}

// Error names the algorithm and the mode.
func (e *EnvironmentError) Error() string {
	return "suite: " + e.Algorithm + " is not allowed in FIPS 140-3 mode: " + e.Cause.Error()
}

// Unwrap returns [ErrEnvironment] and the cause.
func (e *EnvironmentError) Unwrap() []error { return []error{ErrEnvironment, e.Cause} }

// Failure returns the meaning of err, an error of a library. If the mode in which the
// program runs refuses the primitive, that is an [*EnvironmentError]. If not, it is
// otherwise, the caller's own error, which may blame a key. Failure returns nil if err is
// nil.
func Failure(algorithm string, err, otherwise error) error {
	if err == nil {
		return nil
	}
	var known *EnvironmentError
	if errors.As(err, &known) {
		return known
	}
	// The standard library has no type for it. Its packages, and those of
	// golang.org/x/crypto, say "use of X is not allowed in FIPS 140-only mode".
	if fips140.Enforced() && strings.Contains(err.Error(), "not allowed in FIPS 140-only mode") {
		return &EnvironmentError{Algorithm: algorithm, Cause: err}
	}
	return otherwise
}

// Probe uses each primitive of s once, the AEAD only within HPKE. It returns an
// [*EnvironmentError] if the program may not use a primitive where it runs, and another
// error if a primitive fails.
func Probe(s Suite) error {
	key, err := s.GenerateKey()
	if err != nil {
		return err
	}
	defer Destroy(key)
	derived, err := s.DeriveKey(make([]byte, s.Info().Hash.Size))
	if err != nil {
		return err
	}
	defer Destroy(derived)
	enc, ciphertext, err := s.Seal(key.PublicKey(), nil, nil, nil)
	if err != nil {
		return err
	}
	if _, err := key.Open(enc, nil, nil, ciphertext); err != nil {
		return err
	}
	if err := probeSymmetric(s); err != nil {
		return err
	}
	signer, err := s.GenerateSigner()
	if err != nil {
		return err
	}
	defer Destroy(signer)
	signature, err := signer.Sign(context.Background(), nil)
	if err != nil {
		return err
	}
	return s.Verify(signer.PublicKey(), nil, signature)
}

func probeSymmetric(s Suite) error {
	info := s.Info()
	secret, err := s.Extract(make([]byte, info.KDF.Nh), make([]byte, info.KDF.Nh))
	if err != nil {
		return err
	}
	key := make([]byte, info.AEAD.Nk)
	if err := s.Expand(key, secret, nil); err != nil {
		return err
	}
	_, err = s.NewAEAD(key)
	return err
}
