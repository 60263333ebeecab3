//go:build !go1.27

package fips_test

// signMLDSA and certifyMLDSA are nil, as the standard library has no crypto/mldsa.
var signMLDSA, certifyMLDSA func() error
