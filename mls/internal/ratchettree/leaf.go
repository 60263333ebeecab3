package ratchettree

import (
	"bytes"
	"encoding/binary"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Leaf is a LeafNode in its encoding, as the tree keeps it: half of what it would take in
// a [message.LeafNode] (RFC 9420, Section 7.2). It is valid and never changes; what its
// methods return shares its bytes. A blank leaf is nil.
type Leaf []byte

// packLeaf encodes a leaf in w, which is empty, and leaves it so.
func packLeaf(w *wire.Writer, n *message.LeafNode) (Leaf, error) {
	defer w.Reset()
	message.Write(w, n)
	encoded, err := w.Finish()
	return bytes.Clone(encoded), err
}

// EncryptionKey returns the leaf's encryption_key.
func (l Leaf) EncryptionKey() []byte {
	key, _ := cutVector(l)
	return key
}

// SignatureKey returns the leaf's signature_key.
func (l Leaf) SignatureKey() []byte {
	_, rest := cutVector(l)
	key, _ := cutVector(rest)
	return key
}

// Credential returns the leaf's credential.
func (l Leaf) Credential() message.Credential {
	_, rest := cutVector(l)
	_, rest = cutVector(rest)
	content, _ := cutVector(rest[2:])
	return message.Credential{Type: message.CredentialType(rest[0])<<8 | message.CredentialType(rest[1]), Content: content}
}

// Author returns the member as the signer of what it sends in an epoch.
func (l Leaf) Author(epoch uint64) message.Author {
	return message.Author{Epoch: epoch, Credential: l.Credential(), SignatureKey: l.SignatureKey()}
}

// Lifetime returns the lifetime of a leaf of a key package, or false for another leaf.
func (l Leaf) Lifetime() (_ message.Lifetime, ok bool) {
	source, rest := l.source()
	if source != codepoint.LeafNodeKeyPackage {
		return message.Lifetime{}, false
	}
	return message.Lifetime{NotBefore: binary.BigEndian.Uint64(rest), NotAfter: binary.BigEndian.Uint64(rest[8:])}, true
}

// parentHash returns the parent_hash of a leaf that a commit set, or nil.
func (l Leaf) parentHash() []byte {
	source, rest := l.source()
	if source != codepoint.LeafNodeCommit {
		return nil
	}
	hash, _ := cutVector(rest)
	return hash
}

// source returns the leaf's leaf_node_source, and what follows it.
func (l Leaf) source() (source uint8, rest []byte) {
	_, rest = cutVector(l)
	_, rest = cutVector(rest)
	rest = rest[2:]
	for range 1 + 5 { // credential, capabilities
		_, rest = cutVector(rest)
	}
	return rest[0], rest[1:]
}

// cutVector returns the content of the vector with which a valid encoding begins, and what
// follows.
func cutVector(b []byte) (content, rest []byte) {
	size, n := 1<<(b[0]>>6), int(b[0]&0x3f)
	for _, c := range b[1:size] {
		n = n<<8 | int(c)
	}
	return b[size : size+n : size+n], b[size+n:]
}

// LeafNode returns the leaf as a structure, or nil if it is blank.
func (l Leaf) LeafNode() *message.LeafNode {
	if l == nil {
		return nil
	}
	return new(LeafRoom).Read(l)
}

// LeafRoom is room for leaves as structures, one after the other.
type LeafRoom struct {
	leaf message.LeafNode
	r    wire.Reader
}

// Read returns a leaf as a structure, until the next call.
func (m *LeafRoom) Read(l Leaf) *message.LeafNode {
	m.r.Last(l)
	m.r.Unbounded()
	m.read(&m.r)
	return &m.leaf
}

// read reads a leaf over the lists of the one before.
func (m *LeafRoom) read(r *wire.Reader) {
	m.leaf = message.LeafNode{Capabilities: m.leaf.Capabilities, Extensions: m.leaf.Extensions}
	message.Read(r, &m.leaf)
}

// ReadPacked reads a leaf, which it checks and copies in one piece.
func ReadPacked(r *wire.Reader) Leaf { return new(LeafRoom).readPacked(r) }

// readPacked is ReadPacked in room for the leaf as a structure.
func (m *LeafRoom) readPacked(r *wire.Reader) Leaf {
	before := r.Left()
	r.Lend(func() { m.read(r) })
	encoded := r.Since(before)
	if !r.Charge(len(encoded)) {
		return nil
	}
	return bytes.Clone(encoded)
}
