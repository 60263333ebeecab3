//go:build go1.27 && !fips140v1.0

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"

	"github.com/mlsuite/mlsuite/audit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// month is how long key packages and certificates of the example are valid.
const month = 30 * 24 * time.Hour

// authority is a certification authority. A deployment has its own, elsewhere.
type authority struct {
	key   crypto.Signer
	chain []*x509.Certificate // its own first, the root last
}

// keys makes a key pair.
type keys func() (crypto.Signer, error)

func newMLDSA87() (crypto.Signer, error) { return mldsa.GenerateKey(mldsa.MLDSA87()) }

func newECDSA(curve elliptic.Curve) keys {
	return func() (crypto.Signer, error) { return ecdsa.GenerateKey(curve, rand.Reader) }
}

// newRoot returns an authority that certifies itself.
func newRoot(now time.Time, name string) (*authority, error) {
	key, err := newMLDSA87()
	if err != nil {
		return nil, err
	}
	a := &authority{key: key}
	template := authorityTemplate(now, name)
	root, err := certify(template, template, key.Public(), key)
	a.chain = []*x509.Certificate{root}
	return a, err
}

// authority returns an authority below a.
func (a *authority) authority(now time.Time, name string, newKey keys) (*authority, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	cert, err := certify(authorityTemplate(now, name), a.chain[0], key.Public(), a.key)
	return &authority{key, append([]*x509.Certificate{cert}, a.chain...)}, err
}

func authorityTemplate(now time.Time, name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(12 * month),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
	}
}

func certify(template, issuer *x509.Certificate, public crypto.PublicKey, key crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, public, key)
	if err != nil {
		return nil, err
	}
	return x509.ParseCertificate(der)
}

// client returns the configuration of a client with a key of ML-DSA-87, certified by an
// authority for a DNS name.
func (p program) client(now time.Time, id suite.ID, by *authority, name string) (mls.Config, error) {
	l := p.log.With("client", name)
	cfg := mls.Config{
		Suites: p.suites, Suite: id,
		Policy: audit.Policy(p.policy, l), Observer: audit.Observer(l),
		Authenticator: p.directory, Lifetimes: mls.LifetimePolicy{Own: month},
	}
	key, err := newMLDSA87()
	if err != nil {
		return cfg, err
	}
	leaf, err := certify(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(month), KeyUsage: x509.KeyUsageDigitalSignature,
	}, by.chain[0], key.Public(), by.key)
	if err != nil {
		return cfg, err
	}
	chain := [][]byte{leaf.Raw}
	for _, cert := range by.chain {
		chain = append(chain, cert.Raw)
	}
	if cfg.Credential, err = message.X509Credential(chain); err != nil {
		return cfg, err
	}
	s, err := cfg.Suites.Suite(id)
	if err != nil {
		return cfg, err
	}
	cfg.Signer, err = s.NewSigner(key)
	return cfg, err
}
