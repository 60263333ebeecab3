//go:build !go1.27 || fips140v1.0

package fips

import "github.com/mlsuite/mlsuite/suite"

// mlDSA returns the schemes of crypto/mldsa, of which this build has none.
func mlDSA() []suite.SignatureScheme { return nil }
