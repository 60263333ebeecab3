package credential

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"

	"github.com/mlsuite/mlsuite/internal/certificate"
	"github.com/mlsuite/mlsuite/suite"
)

// Algorithms returns what a policy sees of each certificate of the chain, the end entity's
// first. A program asks its policy about each ([suite.Question]).
func (c Chain) Algorithms() []suite.CertificateInfo {
	infos := make([]suite.CertificateInfo, len(c))
	for i, cert := range c {
		infos[i] = algorithms(cert)
		infos[i].Position = "leaf"
		if i > 0 {
			infos[i].Position = position(cert)
		}
	}
	return infos
}

// position returns the position of a certificate that is no end entity's.
func position(cert *x509.Certificate) string {
	if bytes.Equal(cert.RawSubject, cert.RawIssuer) {
		return "root"
	}
	return "intermediate"
}

func algorithms(cert *x509.Certificate) suite.CertificateInfo {
	key, signature, err := certificate.Algorithms(cert.Raw)
	if err != nil {
		return suite.CertificateInfo{} // crypto/x509 has parsed more than that
	}
	info := suite.CertificateInfo{Key: named(key), Signature: named(signature)}
	switch public := cert.PublicKey.(type) {
	case *ecdsa.PublicKey:
		info.Key = public.Curve.Params().Name
	case *rsa.PublicKey:
		info.Key, info.KeyBits = "RSA", public.N.BitLen()
	}
	if s, ok := signatures()[cert.SignatureAlgorithm]; ok {
		info.Signature, info.Hash = s.signature, s.hash
	}
	return info
}

// named returns the name of an algorithm without parameters, for its object identifier
// (RFC 8410, Section 3; RFC 9881, Section 2). Of another it returns the identifier.
func named(id string) string {
	switch id {
	case "1.3.101.112":
		return "Ed25519"
	case "2.16.840.1.101.3.4.3.17":
		return "ML-DSA-44"
	case "2.16.840.1.101.3.4.3.18":
		return "ML-DSA-65"
	case "2.16.840.1.101.3.4.3.19":
		return "ML-DSA-87"
	}
	return id
}

type signatureAndHash struct{ signature, hash string }

// signatures returns the names of the signatures that have a hash.
func signatures() map[x509.SignatureAlgorithm]signatureAndHash {
	return map[x509.SignatureAlgorithm]signatureAndHash{
		x509.ECDSAWithSHA1:    {"ECDSA", "SHA-1"},
		x509.ECDSAWithSHA256:  {"ECDSA", "SHA-256"},
		x509.ECDSAWithSHA384:  {"ECDSA", "SHA-384"},
		x509.ECDSAWithSHA512:  {"ECDSA", "SHA-512"},
		x509.SHA1WithRSA:      {"RSA-PKCS1", "SHA-1"},
		x509.SHA256WithRSA:    {"RSA-PKCS1", "SHA-256"},
		x509.SHA384WithRSA:    {"RSA-PKCS1", "SHA-384"},
		x509.SHA512WithRSA:    {"RSA-PKCS1", "SHA-512"},
		x509.SHA256WithRSAPSS: {"RSA-PSS", "SHA-256"},
		x509.SHA384WithRSAPSS: {"RSA-PSS", "SHA-384"},
		x509.SHA512WithRSAPSS: {"RSA-PSS", "SHA-512"},
	}
}
