package credential

import (
	"bytes"
	"crypto/x509"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/certificate"
	"github.com/mlsuite/mlsuite/mls/message"
)

// MaxCertificates is the number of certificates that a chain may have.
const MaxCertificates = 10

// A Chain is the certificates of an X.509 credential, the end entity's first. Each is
// certified by the one after it. The last one need not be a root's.
type Chain []*x509.Certificate

// Error says what is wrong with the certificates of an X.509 credential.
type Error struct {
	Certificate int    // index in the chain
	Rule        string // that is violated, in our words
	Err         error  // what lies below, or nil
}

func (e *Error) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("credential: certificate %d: %s", e.Certificate, e.Rule)
	}
	return fmt.Sprintf("credential: certificate %d: %s: %v", e.Certificate, e.Rule, e.Err)
}

func (e *Error) Unwrap() error { return e.Err }

func errNoCertificate() error { return &Error{Rule: "chain has no end-entity certificate"} }

// Parse returns the chain of an X.509 credential. The error wraps [message.ErrUnsupported]
// for another type of credential, and [message.ErrMalformed] if the content is no vector of
// certificates. Otherwise it is an [*Error]: the chain must have one to MaxCertificates
// certificates, each must parse, and each must be issued and signed by the next one,
// which must be an authority's. A signature by an algorithm that crypto/x509 does not
// know counts as none; the error then wraps [x509.ErrUnsupportedAlgorithm].
func Parse(c message.Credential) (Chain, error) {
	ders, err := c.Certificates()
	if err != nil {
		return nil, err
	}
	if err := countCertificates(ders); err != nil {
		return nil, err
	}
	chain := make(Chain, len(ders))
	for i, der := range ders {
		if chain[i], err = parseCertificate(der, i); err != nil {
			return nil, err
		}
	}
	for i, issuer := range chain[1:] {
		if !bytes.Equal(chain[i].RawIssuer, issuer.RawSubject) {
			return nil, &Error{Certificate: i, Rule: "issuer is not the subject of the next certificate"}
		}
		if err := chain[i].CheckSignatureFrom(issuer); err != nil {
			return nil, &Error{Certificate: i, Rule: "next certificate is not of an authority that signed it", Err: err}
		}
	}
	return chain, nil
}

// countCertificates returns an error unless a chain has one to MaxCertificates certificates.
func countCertificates(ders [][]byte) error {
	if len(ders) == 0 {
		return errNoCertificate()
	}
	if len(ders) > MaxCertificates {
		return &Error{Certificate: MaxCertificates, Rule: fmt.Sprintf("chain has more than %d certificates", MaxCertificates)}
	}
	return nil
}

// parseCertificate parses the certificate at an index of a chain.
func parseCertificate(der []byte, i int) (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, &Error{Certificate: i, Rule: "certificate is not DER of X.509", Err: err}
	}
	return c, nil
}

// Certifies returns nil if the end-entity certificate is for a signature key in the
// encoding of RFC 9420, Section 5.1.1, and an [*Error] if not. It compares the key's
// bytes with the subjectPublicKey. The caller compares the algorithm that the certificate
// names with the suite's.
func (c Chain) Certifies(signatureKey []byte) error {
	if len(c) == 0 {
		return errNoCertificate()
	}
	key, err := certificate.PublicKey(c[0].Raw)
	if err != nil {
		return &Error{Rule: "certificate has no readable public key", Err: err}
	}
	if !bytes.Equal(key, signatureKey) {
		return errNotCertified()
	}
	return nil
}

func errNotCertified() error {
	return &Error{Rule: "subjectPublicKeyInfo does not hold the signature_key (RFC 9420, Section 5.3)"}
}
