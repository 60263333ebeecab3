package mls

import (
	"bytes"
	"slices"

	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// leafPlace is the place of a leaf in a group. The signature of leaves that were made in
// the group covers it (RFC 9420, Section 7.2).
type leafPlace struct {
	groupID []byte
	leaf    LeafIndex
}

// tbs returns the LeafNodeTBS (RFC 9420, Section 7.2).
func (n *LeafNode) tbs(at leafPlace) ([]byte, error) {
	var w wire.Writer
	n.marshalTBS(&w, at.groupID, at.leaf)
	return w.Finish()
}

// validate checks a leaf by itself (RFC 9420, Sections 7.2 and 7.3): it has the expected
// source, its keys are keys, its capabilities cover what it uses, and its signature
// verifies.
func (n *LeafNode) validate(s suite.Suite, source LeafNodeSource, at leafPlace) error {
	if n.Source != source {
		return violation("7.3", "leaf_node_source is %s, not %s", source, n.Source)
	}
	if err := s.CheckPublicKey(n.EncryptionKey); err != nil {
		return violation("7.1", "encryption_key is a public key of the suite").because(err)
	}
	if err := s.CheckSignatureKey(n.SignatureKey); err != nil {
		return violation("5.1.2", "signature_key is a public key of the suite").because(err)
	}
	if err := n.coversItself(s); err != nil {
		return err
	}
	tbs, err := n.tbs(at)
	if err != nil {
		return err
	}
	if err := label.Verify(s, n.SignatureKey, label.LeafNodeTBS, tbs, n.Signature); err != nil {
		return violation("7.3", "LeafNode signature is valid").because(err)
	}
	return nil
}

// coversItself checks that the credential of a leaf is for its signature key, and that
// its capabilities cover what it uses (RFC 9420, Sections 5.3, 7.2 and 7.3).
func (n *LeafNode) coversItself(s suite.Suite) error {
	if !slices.Contains(n.Capabilities.Credentials, n.Credential.Type) {
		return violation("7.2", "credential type %s is listed in capabilities", n.Credential.Type)
	}
	if err := n.Credential.certifies(n.SignatureKey); err != nil {
		return err
	}
	if !slices.Contains(n.Capabilities.Versions, VersionMLS10) {
		return violation("7.2", "capabilities list the group's protocol version")
	}
	if id := s.Info().ID; !slices.Contains(n.Capabilities.CipherSuites, id) {
		return violation("7.2", "capabilities list the group's cipher suite %s", id)
	}
	if err := n.Extensions.unique("LeafNode"); err != nil {
		return err
	}
	if t, ok := missing(n.Extensions.types(), listedIn(n.Capabilities.Extensions)); ok {
		return violation("7.3", "extension %s is listed in capabilities", t)
	}
	return nil
}

// coversItself checks that the leaf of a KeyPackage lists the types of its extensions,
// and that each extension is there once (RFC 9420, Sections 10 and 13.4). Only the maker
// checks this: others ignore unknown extensions.
func (kp *KeyPackage) coversItself() error {
	if err := kp.Extensions.unique("KeyPackage"); err != nil {
		return err
	}
	if t, ok := missing(kp.Extensions.types(), listedIn(kp.LeafNode.Capabilities.Extensions)); ok {
		return violation("10", "extension %s of a KeyPackage is listed in its leaf's capabilities", t)
	}
	return nil
}

// validate checks a KeyPackage by itself (RFC 9420, Section 10.1), except for its
// lifetime.
func (kp *KeyPackage) validate(s suite.Suite) error {
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
	if err := kp.Extensions.unique("KeyPackage"); err != nil {
		return err
	}
	if err := kp.LeafNode.validate(s, LeafNodeKeyPackage, leafPlace{}); err != nil {
		return err
	}
	tbs, err := kp.tbs()
	if err != nil {
		return err
	}
	if err := label.Verify(s, kp.LeafNode.SignatureKey, label.KeyPackageTBS, tbs, kp.Signature); err != nil {
		return violation("10.1", "KeyPackage signature is valid").because(err)
	}
	return nil
}

func (kp *KeyPackage) tbs() ([]byte, error) {
	var w wire.Writer
	kp.marshalTBS(&w)
	return w.Finish()
}

// unique refuses a list with two extensions of one type (RFC 9420, Section 13.4).
func (e Extensions) unique(where string) error {
	if x := e.twice(); x != nil {
		return violation("13.4", "%s has one extension of type %s", where, x.Type)
	}
	return nil
}

func (e Extensions) types() []ExtensionType {
	if len(e) == 0 {
		return nil
	}
	types := make([]ExtensionType, len(e))
	for i, x := range e {
		types[i] = x.Type
	}
	return types
}

// missing returns the first of want that is not supported. Where want has each type once,
// it asks no more than once more than there are types that are supported.
func missing[T any](want []T, supported func(T) bool) (T, bool) {
	for _, t := range want {
		if !supported(t) {
			return t, true
		}
	}
	var none T
	return none, false
}

// listedIn returns a predicate for extensions that every client supports and those in
// list, which it sorts once: both sides of a comparison may come from an attacker.
func listedIn(list []ExtensionType) func(ExtensionType) bool {
	list = sortedset.Of(list)
	return func(t ExtensionType) bool { return t.isDefault() || sortedset.Has(list, t) }
}

// equal reports whether two leaves are identical.
func (n *LeafNode) equal(m *LeafNode) bool {
	a, errA := Marshal(n)
	b, errB := Marshal(m)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}
