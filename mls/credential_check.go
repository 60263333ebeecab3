package mls

import (
	"bytes"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/certificate"
	"github.com/mlsuite/mlsuite/internal/wire"
)

// equalCredentials reports whether two credentials are identical.
func equalCredentials(c Credential, d Credential) bool {
	return c.Type == d.Type && bytes.Equal(c.Content, d.Content)
}

// credentialKey is a credential as the key of a map. The keys of identical credentials
// are equal.
type credentialKey struct {
	credentialType CredentialType
	content        string
}

func keyOf(c Credential) credentialKey { return credentialKey{c.Type, string(c.Content)} }

// certifies returns an error if this is an X.509 credential whose end-entity certificate
// is not for the signature key (RFC 9420, Section 5.3). It compares bytes: a suite's
// signature keys (Section 5.1.1) have the bytes of the subjectPublicKey. The rest of the
// certificates is for the [Authenticator] to judge.
func certifies(c *Credential, signatureKey []byte) error {
	if c.Type != CredentialX509 {
		return nil
	}
	endEntity := wire.NewOwnedReader(c.Content).Shared()
	key, err := certificate.PublicKey(endEntity)
	if err != nil {
		return violation("5.3", "X.509 credential begins with an end-entity certificate").
			because(fmt.Errorf("%w: %w", ErrMalformed, err))
	}
	if !bytes.Equal(key, signatureKey) {
		return violation("5.3", "subjectPublicKeyInfo of the end-entity certificate is of the signature_key")
	}
	return nil
}
