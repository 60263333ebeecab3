package suite

import "errors"

// The classes of failure. Compare with [errors.Is].
var (
	// ErrDecrypt says that a ciphertext is not authentic. It carries no detail.
	ErrDecrypt = errors.New("suite: decryption failed")
	// ErrVerify says that a signature is not valid.
	ErrVerify = errors.New("suite: signature verification failed")
	// ErrInvalidKey is the class of every [*KeyError].
	ErrInvalidKey = errors.New("suite: invalid key")
	// ErrNotExportable says that a private key cannot give its bytes.
	ErrNotExportable = errors.New("suite: private key is not exportable")
	// ErrDestroyed says that a handle was used after Destroy.
	ErrDestroyed = errors.New("suite: private key was destroyed")
	// ErrShortSecret says that a secret has fewer bytes than Parts.MinIKM.
	ErrShortSecret = errors.New("suite: secret is too short")
)

// KeyError says why bytes are not a key. It never holds key material.
type KeyError struct {
	Algorithm string // such as "DHKEM(P-256, HKDF-SHA256)"
	Private   bool   // a private key, not a public one
	Rule      string // the broken rule, such as "length 31, want 32"
}

func (e *KeyError) Error() string {
	kind := "public"
	if e.Private {
		kind = "private"
	}
	return "suite: invalid " + kind + " key for " + e.Algorithm + ": " + e.Rule
}

// Unwrap returns [ErrInvalidKey].
func (e *KeyError) Unwrap() error { return ErrInvalidKey }
