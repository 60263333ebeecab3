// Package certificate reads the public key out of an X.509 certificate (RFC 5280,
// Section 4.1) without knowing algorithms.
//
// It is for those who may not depend on crypto/x509, which brings net along, and
// want to compare a key with the bytes of another. It judges nothing else of a
// certificate than that it has the outline of one.
package certificate

import (
	"bytes"
	"errors"

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
	in := cryptobyte.String(der)
	var cert, tbs, signature cryptobyte.String
	if !in.ReadASN1(&cert, asn1.SEQUENCE) || !in.Empty() ||
		!cert.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!cert.SkipASN1(asn1.SEQUENCE) || // signatureAlgorithm
		!cert.ReadASN1(&signature, asn1.BIT_STRING) || !cert.Empty() {
		return nil, ErrMalformed
	}
	var info cryptobyte.String
	if !tbs.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) || // version
		!tbs.SkipASN1(asn1.INTEGER) || // serialNumber
		!tbs.SkipASN1(asn1.SEQUENCE) || // signature
		!tbs.SkipASN1(asn1.SEQUENCE) || // issuer
		!tbs.SkipASN1(asn1.SEQUENCE) || // validity
		!tbs.SkipASN1(asn1.SEQUENCE) || // subject
		!tbs.ReadASN1(&info, asn1.SEQUENCE) {
		return nil, ErrMalformed
	}
	var key []byte
	if !info.SkipASN1(asn1.SEQUENCE) || // algorithm
		!info.ReadASN1BitStringAsBytes(&key) || !info.Empty() {
		return nil, ErrMalformed
	}
	return bytes.Clone(key), nil
}
