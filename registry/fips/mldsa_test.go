//go:build go1.27

package fips_test

import (
	"crypto/mldsa"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"time"
)

// mlDSAKeys returns a key of each parameter set, or the error of a module without ML-DSA.
func mlDSAKeys() ([]*mldsa.PrivateKey, error) {
	var keys []*mldsa.PrivateKey
	for _, params := range []mldsa.Parameters{mldsa.MLDSA44(), mldsa.MLDSA65(), mldsa.MLDSA87()} {
		key, err := mldsa.GenerateKey(params)
		if err != nil {
			return nil, err
		}
		if key, err = mldsa.NewPrivateKey(params, key.Bytes()); err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

func signMLDSA() error {
	keys, err := mlDSAKeys()
	if err != nil {
		return err
	}
	message := []byte("message")
	for _, key := range keys {
		sig, err := key.Sign(nil, message, nil)
		if err != nil {
			return err
		}
		if err := mldsa.Verify(key.PublicKey(), message, sig, nil); err != nil {
			return err
		}
	}
	return nil
}

// certifyMLDSA makes a certificate of each key, by itself, and verifies it.
func certifyMLDSA() error {
	keys, err := mlDSAKeys()
	if err != nil {
		return err
	}
	for _, key := range keys {
		template := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"},
			NotBefore: today.Add(-time.Hour), NotAfter: today.Add(time.Hour),
			IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
		}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			return err
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		roots.AddCert(cert)
		if _, err := cert.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: today, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			return err
		}
	}
	return nil
}
