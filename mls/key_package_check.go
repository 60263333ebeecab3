package mls

import (
	"bytes"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// validateKeyPackage checks a KeyPackage by itself (RFC 9420, Section 10.1), except for its
// lifetime.
func validateKeyPackage(kp *KeyPackage, s suite.Suite) error {
	if kp.Version != VersionMLS10 {
		return violation("10.1", "version is mls10, not %s", kp.Version)
	}
	if id := s.Info().ID; kp.CipherSuite != id {
		return violation("10.1", "cipher suite is %s, not %s", id, kp.CipherSuite)
	}
	if err := s.CheckPublicKey(kp.InitKey); err != nil {
		return violation("10", "init_key is a public key of the suite").because(err)
	}
	if bytes.Equal(kp.InitKey, kp.LeafNode.EncryptionKey) {
		return violation("10.1", "init_key differs from the leaf's encryption_key")
	}
	if err := uniqueExtensions(kp.Extensions, "KeyPackage"); err != nil {
		return err
	}
	if err := validateLeafNode(&kp.LeafNode, s, LeafNodeKeyPackage, leafPlace{}); err != nil {
		return err
	}
	tbs, err := keyPackageTBS(kp)
	if err != nil {
		return err
	}
	if err := label.Verify(s, kp.LeafNode.SignatureKey, label.KeyPackageTBS, tbs, kp.Signature); err != nil {
		return violation("10.1", "KeyPackage signature is valid").because(err)
	}
	return nil
}

// keyPackageCovers checks that the leaf of a KeyPackage lists the types of its extensions,
// and that each extension is there once (RFC 9420, Sections 10 and 13.4). Only the maker
// checks this: others ignore unknown extensions.
func keyPackageCovers(kp *KeyPackage) error {
	if err := uniqueExtensions(kp.Extensions, "KeyPackage"); err != nil {
		return err
	}
	if t, ok := missing(extensionTypes(kp.Extensions), listedIn(kp.LeafNode.Capabilities.Extensions)); ok {
		return violation("10", "extension %s of a KeyPackage is listed in its leaf's capabilities", t)
	}
	return nil
}

func keyPackageTBS(kp *KeyPackage) ([]byte, error) {
	var w wire.Writer
	WriteTBS(&w, kp)
	return w.Finish()
}

// keyPackageRef returns the KeyPackageRef of p (RFC 9420, Section 5.2). The suite
// is the one that the key package names.
func keyPackageRef(s suite.Suite, p *KeyPackage) ([]byte, error) {
	value, err := Marshal(p)
	if err != nil {
		return nil, err
	}
	return label.RefHash(s, label.KeyPackageRef, value)
}
