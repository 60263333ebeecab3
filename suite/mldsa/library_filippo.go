//go:build !go1.27 || fips140v1.0

package mldsa

import "filippo.io/mldsa"

// Library is the import path of the package that provides ML-DSA in this build.
const Library = "filippo.io/mldsa"

type (
	parameters = mldsa.Parameters
	options    = mldsa.Options
	privateKey = mldsa.PrivateKey
	publicKey  = mldsa.PublicKey
)

// library is the package.
func library() functions {
	return functions{
		mldsa.MLDSA44, mldsa.MLDSA65, mldsa.MLDSA87,
		mldsa.GenerateKey, mldsa.NewPrivateKey, mldsa.NewPublicKey, mldsa.Verify,
	}
}
