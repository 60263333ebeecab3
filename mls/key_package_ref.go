package mls

import (
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// keyPackageRef returns the KeyPackageRef of p (RFC 9420, Section 5.2). The suite
// is the one that the key package names.
func keyPackageRef(s suite.Suite, p *KeyPackage) ([]byte, error) {
	value, err := Marshal(p)
	if err != nil {
		return nil, err
	}
	return label.RefHash(s, label.KeyPackageRef, value)
}
