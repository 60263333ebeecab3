package suite

import "fmt"

// Token is what the owner of a signature key states of the module that keeps the key, such
// as a PKCS #11 token or a KMS: a cryptographic module of its own, which may have a
// certificate of its own. Nobody verifies the statement. A policy judges it as a subject of
// a [Question].
type Token struct {
	Name        string // such as the product and its firmware
	Certificate string // the number of its CMVP certificate, or "" if it has none
}

// String returns the name and the certificate, and who says so.
func (t Token) String() string {
	certificate := "no certificate"
	if t.Certificate != "" {
		certificate = "CMVP certificate " + t.Certificate
	}
	return fmt.Sprintf("token %q with %s (stated by the caller)", t.Name, certificate)
}

// TokenSigner is implemented by a [Signer] whose owner states which token keeps its key.
type TokenSigner interface {
	Signer

	// Token returns the statement. It is always the same.
	Token() Token
}

// InToken returns s with its owner's statement of the token that keeps its key. [Destroy]
// of the result destroys s.
func InToken(s Signer, t Token) TokenSigner { return tokenSigner{s, t} }

type tokenSigner struct {
	Signer
	token Token
}

func (s tokenSigner) Token() Token { return s.token }

func (s tokenSigner) Destroy() { Destroy(s.Signer) }
