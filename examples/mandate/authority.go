package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// month is how long key packages and certificates of the example are valid.
const month = 30 * 24 * time.Hour

// authority is a certification authority on P-384. A deployment has its own, elsewhere.
type authority struct {
	key  *ecdsa.PrivateKey
	root *x509.Certificate
	last int64 // serial number
}

func newAuthority(now time.Time) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return nil, err
	}
	a := &authority{key: key, last: 1}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.last), Subject: pkix.Name{CommonName: "Root of the agency"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(12 * month),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		SignatureAlgorithm: x509.ECDSAWithSHA384,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	a.root, err = x509.ParseCertificate(der)
	return a, err
}

func (a *authority) roots() []*x509.Certificate { return []*x509.Certificate{a.root} }

// issue gives a client a signature key on P-384, and a certificate for it and a DNS name.
func (a *authority) issue(now time.Time, name string, cfg *mls.Config) error {
	key, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		return err
	}
	a.last++
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(a.last), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(month), KeyUsage: x509.KeyUsageDigitalSignature,
		SignatureAlgorithm: x509.ECDSAWithSHA384,
	}, a.root, key.Public(), a.key)
	if err != nil {
		return err
	}
	if cfg.Credential, err = message.X509Credential([][]byte{der, a.root.Raw}); err != nil {
		return err
	}
	s, err := cfg.Suites.Suite(cfg.Suite)
	if err != nil {
		return err
	}
	cfg.Signer, err = s.NewSigner(key)
	return err
}
