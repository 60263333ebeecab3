package credential

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
)

// SubjectIdentity returns the subject of a certificate as a string (RFC 2253), with all of
// its attributes. The error says that the subject is empty.
func SubjectIdentity(leaf *x509.Certificate) (string, error) {
	var name pkix.RDNSequence // leaf.Subject may lack attributes
	if rest, err := asn1.Unmarshal(leaf.RawSubject, &name); err != nil || len(rest) > 0 {
		return "", errors.New("credential: subject does not parse")
	}
	if len(name) == 0 {
		return "", errors.New("credential: certificate has no subject")
	}
	return name.String(), nil
}

// DNSIdentity returns the only DNS name of a certificate's subjectAltName.
func DNSIdentity(leaf *x509.Certificate) (string, error) { return onlyOne("DNS name", leaf.DNSNames) }

// EmailIdentity returns the only email address of a certificate's subjectAltName.
func EmailIdentity(leaf *x509.Certificate) (string, error) {
	return onlyOne("email address", leaf.EmailAddresses)
}

// URIIdentity returns the only URI of a certificate's subjectAltName.
func URIIdentity(leaf *x509.Certificate) (string, error) {
	var uris []string
	for _, u := range leaf.URIs {
		uris = append(uris, u.String())
	}
	return onlyOne("URI", uris)
}

func onlyOne(what string, names []string) (string, error) {
	if len(names) != 1 {
		return "", fmt.Errorf("credential: certificate has %d of %s, not one", len(names), what)
	}
	return names[0], nil
}
