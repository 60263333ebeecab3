//go:build go1.27 && !fips140v1.0

package fips

import (
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

// mlDSA returns the schemes of crypto/mldsa that suites have.
func mlDSA() []suite.SignatureScheme {
	return []suite.SignatureScheme{mldsa.MLDSA65(), mldsa.MLDSA87()}
}
