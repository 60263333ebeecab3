// Package certificate reads the public key and the names of algorithms out of an X.509
// certificate (RFC 5280, Section 4.1) without knowing algorithms.
//
// It is for those who may not depend on crypto/x509, which brings net along, and
// want to compare a key with the bytes of another. It judges nothing else of a
// certificate than that it has the outline of one.
package certificate

import (
	"bytes"
	encoding "encoding/asn1"
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
	info, _, err := outline(der)
	if err != nil {
		return nil, err
	}
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
	info, signed, err := outline(der)
	if err != nil {
		return "", "", err
	}
	var algorithm cryptobyte.String
	var keyID, signatureID encoding.ObjectIdentifier
	if !info.ReadASN1(&algorithm, asn1.SEQUENCE) || !algorithm.ReadASN1ObjectIdentifier(&keyID) ||
		!signed.ReadASN1ObjectIdentifier(&signatureID) {
		return "", "", ErrMalformed
	}
	return keyID.String(), signatureID.String(), nil
}

// outline returns what the subjectPublicKeyInfo and the signatureAlgorithm of a DER
// certificate hold.
func outline(der []byte) (info, algorithm cryptobyte.String, err error) {
	in := cryptobyte.String(der)
	var cert, tbs, signature cryptobyte.String
	if !in.ReadASN1(&cert, asn1.SEQUENCE) || !in.Empty() ||
		!cert.ReadASN1(&tbs, asn1.SEQUENCE) ||
		!cert.ReadASN1(&algorithm, asn1.SEQUENCE) ||
		!cert.ReadASN1(&signature, asn1.BIT_STRING) || !cert.Empty() {
		return nil, nil, ErrMalformed
	}
	if !tbs.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) || // version
		!tbs.SkipASN1(asn1.INTEGER) || // serialNumber
		!tbs.SkipASN1(asn1.SEQUENCE) || // signature
		!tbs.SkipASN1(asn1.SEQUENCE) || // issuer
		!tbs.SkipASN1(asn1.SEQUENCE) || // validity
		!tbs.SkipASN1(asn1.SEQUENCE) || // subject
		!tbs.ReadASN1(&info, asn1.SEQUENCE) {
		return nil, nil, ErrMalformed
	}
	return info, algorithm, nil
}
