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

// leafNodeTBS returns the LeafNodeTBS (RFC 9420, Section 7.2).
func leafNodeTBS(n *LeafNode, at leafPlace) ([]byte, error) {
	var w wire.Writer
	WriteTBS(&w, n)
	if n.Source == LeafNodeUpdate || n.Source == LeafNodeCommit {
		w.Bytes(at.groupID)
		w.Uint32(uint32(at.leaf))
	}
	return w.Finish()
}

// validateLeafNode checks a leaf by itself (RFC 9420, Sections 7.2 and 7.3): it has the expected
// source, its keys are keys, its capabilities cover what it uses, and its signature
// verifies.
func validateLeafNode(n *LeafNode, s suite.Suite, source LeafNodeSource, at leafPlace) error {
	if n.Source != source {
		return violation("7.3", "leaf_node_source is %s, not %s", source, n.Source)
	}
	if err := s.CheckPublicKey(n.EncryptionKey); err != nil {
		return violation("7.1", "encryption_key is a public key of the suite").because(err)
	}
	if err := s.CheckSignatureKey(n.SignatureKey); err != nil {
		return violation("5.1.2", "signature_key is a public key of the suite").because(err)
	}
	if err := leafCovers(n, s); err != nil {
		return err
	}
	tbs, err := leafNodeTBS(n, at)
	if err != nil {
		return err
	}
	if err := label.Verify(s, n.SignatureKey, label.LeafNodeTBS, tbs, n.Signature); err != nil {
		return violation("7.3", "LeafNode signature is valid").because(err)
	}
	return nil
}

// leafCovers checks that the credential of a leaf is for its signature key, and that
// its capabilities cover what it uses (RFC 9420, Sections 5.3, 7.2 and 7.3).
func leafCovers(n *LeafNode, s suite.Suite) error {
	if !slices.Contains(n.Capabilities.Credentials, n.Credential.Type) {
		return violation("7.2", "credential type %s is listed in capabilities", n.Credential.Type)
	}
	if err := certifies(&n.Credential, n.SignatureKey); err != nil {
		return err
	}
	if !slices.Contains(n.Capabilities.Versions, VersionMLS10) {
		return violation("7.2", "capabilities list the group's protocol version")
	}
	if id := s.Info().ID; !slices.Contains(n.Capabilities.CipherSuites, id) {
		return violation("7.2", "capabilities list the group's cipher suite %s", id)
	}
	if err := uniqueExtensions(n.Extensions, "LeafNode"); err != nil {
		return err
	}
	if t, ok := missing(extensionTypes(n.Extensions), listedIn(n.Capabilities.Extensions)); ok {
		return violation("7.3", "extension %s is listed in capabilities", t)
	}
	return nil
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
	return func(t ExtensionType) bool { return isDefaultExtension(t) || sortedset.Has(list, t) }
}

// equalLeaves reports whether two leaves are identical.
func equalLeaves(n *LeafNode, m *LeafNode) bool {
	a, errA := Marshal(n)
	b, errB := Marshal(m)
	return errA == nil && errB == nil && bytes.Equal(a, b)
}
