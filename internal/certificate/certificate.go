// Package certificate reads the public key, the names and the names of algorithms out of an
// X.509 certificate (RFC 5280, Section 4.1) without knowing algorithms.
//
// It is for those who may not depend on crypto/x509, which brings net along, and
// want to compare a key with the bytes of another, or to name a certificate. It judges
// nothing else of a certificate than that it has the outline of one.
package certificate

import (
	"bytes"
	encoding "encoding/asn1"
	"errors"
	"math/big"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// ErrMalformed says that bytes are not one DER certificate.
var ErrMalformed = errors.New("malformed certificate")

// PublicKey returns the subjectPublicKey of a DER certificate: what is in the bit
// string, a copy. For elliptic curves that is the point (RFC 5480, Section 2.2), for
// Ed25519, Ed448 and ML-DSA the public key as it is (RFC 8410, Section 4; RFC 9881,
// Section 4).
func PublicKey(der []byte) ([]byte, error) {
	parts, err := outline(der)
	if err != nil {
		return nil, err
	}
	info := parts.key
	var key []byte
	if !info.SkipASN1(asn1.SEQUENCE) || // algorithm
		!info.ReadASN1BitStringAsBytes(&key) || !info.Empty() {
		return nil, ErrMalformed
	}
	return bytes.Clone(key), nil
}

// Algorithms returns the object identifiers of the algorithms of a DER certificate's key
// and of its signature, such as "1.2.840.10045.2.1".
func Algorithms(der []byte) (key, signature string, err error) {
	parts, err := outline(der)
	if err != nil {
		return "", "", err
	}
	var algorithm cryptobyte.String
	var keyID, signatureID encoding.ObjectIdentifier
	if !parts.key.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&keyID) ||
		!parts.signature.ReadASN1ObjectIdentifier(&signatureID) {
		return "", "", ErrMalformed
	}
	return keyID.String(), signatureID.String(), nil
}

// Names is what a certificate is called.
type Names struct {
	Serial  *big.Int
	Issuer  []byte // DER of the Name, as Subject
	Subject []byte
}

// NamesOf returns the names of a DER certificate. Issuer and Subject are parts of der, and
// need not be well-formed.
func NamesOf(der []byte) (Names, error) {
	parts, err := outline(der)
	if err != nil {
		return Names{}, err
	}
	names := Names{Serial: new(big.Int), Issuer: parts.issuer, Subject: parts.subject}
	if !parts.serial.ReadASN1Integer(names.Serial) {
		return Names{}, ErrMalformed
	}
	return names, nil
}

// parts are those of a certificate that somebody asks for.
type parts struct {
	serial, issuer, subject cryptobyte.String // with their tags
	key                     cryptobyte.String // what the subjectPublicKeyInfo holds
	signature               cryptobyte.String // what the signatureAlgorithm holds
}

// outline returns the parts of a DER certificate.
func outline(der []byte) (p parts, err error) {
	in := cryptobyte.String(der)
	var cert, tbs, signature cryptobyte.String
	if !in.ReadASN1(&cert, asn1.SEQUENCE) || !in.Empty() ||
		!cert.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!cert.ReadASN1(&p.signature, asn1.SEQUENCE) ||
		!cert.ReadASN1(&signature, asn1.BIT_STRING) || !cert.Empty() {
		return parts{}, ErrMalformed
	}
	if !tbs.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) || // version
		!tbs.ReadASN1Element(&p.serial, asn1.INTEGER) ||
		!tbs.SkipASN1(asn1.SEQUENCE) || // signature
		!tbs.ReadASN1Element(&p.issuer, asn1.SEQUENCE) ||
		!tbs.SkipASN1(asn1.SEQUENCE) || // validity
		!tbs.ReadASN1Element(&p.subject, asn1.SEQUENCE) ||
		!tbs.ReadASN1(&p.key, asn1.SEQUENCE) {
		return parts{}, ErrMalformed
	}
	return p, nil
}
