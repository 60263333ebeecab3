// Package check has what RFC 9420 demands of one structure by itself, or of a structure
// in a group's context: of a leaf, a key package, a credential, extensions, a GroupInfo,
// a proposal.
package check

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/mlsuite/mlsuite/internal/certificate"
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// LeafPlace is the place of a leaf in a group. The signature of leaves that were made in
// the group covers it (RFC 9420, Section 7.2).
type LeafPlace struct {
	GroupID []byte
	Leaf    message.LeafIndex

	// KnownKey is the signature key of the member whose leaf this replaces, if any. It was
	// checked when it came.
	KnownKey []byte

	Encoded []byte       // the leaf, if its encoding is at hand
	Room    *wire.Writer // what LeafNode and SignLeafNode may write over, or nil
}

// LeafNodeTBS returns the encoded LeafNodeTBS, what a leaf's signature signs (RFC 9420,
// Section 7.2).
func LeafNodeTBS(n *message.LeafNode, at LeafPlace) ([]byte, error) {
	var w wire.Writer
	at.writeTBS(&w, n)
	return w.Finish()
}

// SignLeafNode signs a leaf and returns its encoding (RFC 9420, Section 7.2). The error is
// the signer's, or wraps [message.ErrMalformed] if the leaf does not encode.
func SignLeafNode(ctx context.Context, signer suite.Signer, n *message.LeafNode, at LeafPlace) ([]byte, error) {
	front := 0
	signed, tbs, err := label.WriteSigned(at.room(), label.LeafNodeTBS, func(w *wire.Writer) {
		start := w.Len()
		message.WriteTBS(w, n)
		front = w.Len() - start
		at.writePlace(w, n)
	})
	if err != nil {
		return nil, err
	}
	if n.Signature, err = signer.Sign(ctx, signed); err != nil {
		return nil, err
	}
	w := wire.WriterOver(make([]byte, 0, front+wire.SizeOfVector(len(n.Signature))))
	w.Raw(tbs[:front])
	w.Bytes(n.Signature)
	return w.Finish()
}

// room returns what may be written over.
func (at *LeafPlace) room() *wire.Writer {
	if at.Room != nil {
		return at.Room
	}
	return wire.WriterOver(make([]byte, 0, usual))
}

// usual is room for what is signed of most leaves and key packages, in bytes.
const usual = 512

func (at *LeafPlace) writeTBS(w *wire.Writer, n *message.LeafNode) {
	if at.Encoded != nil {
		w.Raw(at.Encoded[:len(at.Encoded)-wire.SizeOfVector(len(n.Signature))])
	} else {
		message.WriteTBS(w, n)
	}
	at.writePlace(w, n)
}

// writePlace writes the end of LeafNodeTBS.
func (at *LeafPlace) writePlace(w *wire.Writer, n *message.LeafNode) {
	if n.Source == codepoint.LeafNodeUpdate || n.Source == codepoint.LeafNodeCommit {
		w.Bytes(at.GroupID)
		w.Uint32(uint32(at.Leaf))
	}
}

// LeafNode checks a leaf by itself (RFC 9420, Sections 7.2 and 7.3): it has the expected
// source, its keys are keys, its capabilities cover what it uses, and its signature
// verifies. The error is a [*message.ValidationError], or wraps [message.ErrMalformed] if
// the leaf does not encode.
func LeafNode(n *message.LeafNode, s suite.Suite, source uint8, at LeafPlace) error {
	if n.Source != source {
		return fault.Violation("7.3", "leaf_node_source is not %s but %s", sourceName(source), sourceName(n.Source))
	}
	if err := s.CheckPublicKey(n.EncryptionKey); err != nil {
		return fault.Violation("7.1", "encryption_key is not a public key of the suite").Because(err)
	}
	if err := LeafCovers(n, s); err != nil {
		return err
	}
	signed, _, err := label.WriteSigned(at.room(), label.LeafNodeTBS, func(w *wire.Writer) { at.writeTBS(w, n) })
	if err != nil {
		return err
	}
	if at.KnownKey != nil && bytes.Equal(at.KnownKey, n.SignatureKey) {
		err = s.Verify(n.SignatureKey, signed, n.Signature)
	} else {
		err = suite.VerifyFirst(s, n.SignatureKey, signed, n.Signature)
	}
	if err != nil {
		if errors.Is(err, suite.ErrInvalidKey) {
			return fault.Violation("5.1.2", "signature_key is not a public key of the suite").Because(err)
		}
		return fault.Violation("7.3", "LeafNode signature does not verify").Because(err)
	}
	return nil
}

// sourceName returns the name that RFC 9420, Section 7.2, gives to a source.
func sourceName(s uint8) string {
	if names := [...]string{"", "key_package", "update", "commit"}; int(s) < len(names) {
		return names[s]
	}
	return strconv.Itoa(int(s))
}

// LeafCovers returns a [*message.ValidationError] unless the credential of a leaf is for
// its signature key, and its capabilities cover what it uses (RFC 9420, Sections 5.3, 7.2
// and 7.3).
func LeafCovers(n *message.LeafNode, s suite.Suite) error {
	if !slices.Contains(n.Capabilities.Credentials, n.Credential.Type) {
		return fault.Violation("7.2", "capabilities do not list the credential type %s", n.Credential.Type)
	}
	if err := Certifies(&n.Credential, n.SignatureKey); err != nil {
		return err
	}
	if !slices.Contains(n.Capabilities.Versions, codepoint.VersionMLS10) {
		return fault.Violation("7.2", "capabilities do not list the group's protocol version")
	}
	if id := s.Info().ID; !slices.Contains(n.Capabilities.CipherSuites, id) {
		return fault.Violation("7.2", "capabilities do not list the group's cipher suite %s", id)
	}
	if err := Unique(n.Extensions, "LeafNode"); err != nil {
		return err
	}
	if t, ok := unlisted(n.Extensions, n.Capabilities.Extensions); ok {
		return fault.Violation("7.3", "capabilities do not list the extension %s", t)
	}
	return nil
}

// Missing returns the first of want that is not supported, or false if there is none. It
// asks about no type behind that one.
func Missing[T any](want []T, supported func(T) bool) (T, bool) {
	for _, t := range want {
		if !supported(t) {
			return t, true
		}
	}
	var none T
	return none, false
}

// Searchable returns the values of a list, and how to find one there. It sorts a list that is
// long: both the list and what is looked up may come from an attacker.
func Searchable[T cmp.Ordered](list []T) (values []T, has func(values []T, v T) bool) {
	const long = 32
	if len(list) > long {
		return sortedset.Of(list), sortedset.Has
	}
	return list, slices.Contains[[]T]
}

// unlisted returns the type of the first extension that neither every client supports nor
// list has, or false if there is none.
func unlisted(e message.Extensions, list []message.ExtensionType) (message.ExtensionType, bool) {
	list, has := Searchable(list)
	for i := range e {
		if t := e[i].Type; !IsDefaultExtension(t) && !has(list, t) {
			return t, true
		}
	}
	return 0, false
}

// SameCredential reports whether two credentials are identical.
func SameCredential(c message.Credential, d message.Credential) bool {
	return c.Type == d.Type && bytes.Equal(c.Content, d.Content)
}

// CredentialKey is a credential as the key of a map. The keys of identical credentials
// are equal.
type CredentialKey struct {
	credentialType message.CredentialType
	content        string
}

// CredentialKeyOf returns the key of a credential.
func CredentialKeyOf(c message.Credential) CredentialKey {
	return CredentialKey{c.Type, string(c.Content)}
}

// Certifies returns a [*message.ValidationError] if this is an X.509 credential whose
// end-entity certificate is not for the signature key (RFC 9420, Section 5.3). It
// compares bytes: a suite's signature keys (Section 5.1.1) have the bytes of the
// subjectPublicKey. The rest of the certificates is for the Authenticator to judge.
func Certifies(c *message.Credential, signatureKey []byte) error {
	if c.Type != message.CredentialX509 {
		return nil
	}
	endEntity := wire.NewOwnedReader(c.Content).Shared()
	key, err := certificate.PublicKey(endEntity)
	if err != nil {
		return fault.Violation("5.3", "X.509 credential does not begin with an end-entity certificate").
			Because(fmt.Errorf("%w: %w", message.ErrMalformed, err))
	}
	if !bytes.Equal(key, signatureKey) {
		return fault.Violation("5.3", "subjectPublicKeyInfo of the end-entity certificate does not hold the signature_key")
	}
	return nil
}
