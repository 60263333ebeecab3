package message

import (
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// Capabilities lists what a client supports beyond the code points that RFC 9420 makes
// default (Section 7.2). Unknown values are kept.
//
//	struct {
//	    ProtocolVersion versions<V>;
//	    CipherSuite cipher_suites<V>;
//	    ExtensionType extensions<V>;
//	    ProposalType proposals<V>;
//	    CredentialType credentials<V>;
//	} Capabilities;
type Capabilities struct {
	Versions     []uint16 // 1 is mls10
	CipherSuites []suite.ID
	Extensions   []ExtensionType
	Proposals    []ProposalType
	Credentials  []CredentialType
}

func (c *Capabilities) marshal(w *wire.Writer) {
	wire.WriteCodePoints(w, c.Versions)
	wire.WriteCodePoints(w, c.CipherSuites)
	wire.WriteCodePoints(w, c.Extensions)
	wire.WriteCodePoints(w, c.Proposals)
	wire.WriteCodePoints(w, c.Credentials)
}

// unmarshal reads c over the lists that it has.
func (c *Capabilities) unmarshal(r *wire.Reader) {
	c.Versions = wire.ReadCodePoints(r, c.Versions)
	c.CipherSuites = wire.ReadCodePoints(r, c.CipherSuites)
	c.Extensions = wire.ReadCodePoints(r, c.Extensions)
	c.Proposals = wire.ReadCodePoints(r, c.Proposals)
	c.Credentials = wire.ReadCodePoints(r, c.Credentials)
}

// Lifetime is the time in which a key package may be used, in seconds since 1970-01-01
// 00:00 UTC (RFC 9420, Section 7.2).
type Lifetime struct {
	NotBefore, NotAfter uint64
}

func (l *Lifetime) marshal(w *wire.Writer) {
	w.Uint64(l.NotBefore)
	w.Uint64(l.NotAfter)
}

func (l *Lifetime) unmarshal(r *wire.Reader) {
	l.NotBefore = r.Uint64()
	l.NotAfter = r.Uint64()
}

// LeafNode is a client's appearance in a group, signed by the client (RFC 9420,
// Section 7.2).
//
//	struct {
//	    HPKEPublicKey encryption_key;
//	    SignaturePublicKey signature_key;
//	    Credential credential;
//	    Capabilities capabilities;
//	    LeafNodeSource leaf_node_source;
//	    select (LeafNode.leaf_node_source) {
//	        case key_package: Lifetime lifetime;
//	        case update:      struct{};
//	        case commit:      opaque parent_hash<V>;
//	    };
//	    Extension extensions<V>;
//	    opaque signature<V>;
//	} LeafNode;
type LeafNode struct {
	EncryptionKey []byte
	SignatureKey  []byte
	Credential    Credential
	Capabilities  Capabilities
	Source        uint8    // 1 in a key package, 2 by an Update, 3 by a commit
	Lifetime      Lifetime // in a key package
	ParentHash    []byte   // by a commit
	Extensions    Extensions
	Signature     []byte
}

func (n *LeafNode) marshal(w *wire.Writer) {
	n.marshalTBS(w)
	w.Bytes(n.Signature)
}

// marshalTBS writes the front of LeafNodeTBS, what Signature signs: for update and
// commit, the place in the tree of a group follows.
func (n *LeafNode) marshalTBS(w *wire.Writer) {
	w.Grow(n.maxSize())
	w.Bytes(n.EncryptionKey)
	w.Bytes(n.SignatureKey)
	n.Credential.marshal(w)
	n.Capabilities.marshal(w)
	wire.WriteEnum(w, "leaf node source", n.Source, codepoint.LeafNodeCommit)
	switch n.Source {
	case codepoint.LeafNodeKeyPackage:
		n.Lifetime.marshal(w)
	case codepoint.LeafNodeCommit:
		w.Bytes(n.ParentHash)
	}
	n.Extensions.marshal(w)
}

// maxSize returns what the encoding is not longer than, in bytes.
func (n *LeafNode) maxSize() int {
	const fixed = 10*4 + 2 + 1 + 16 // the headers of vectors, the credential's type, the source and the lifetime
	c := &n.Capabilities
	listed := len(c.Versions) + len(c.CipherSuites) + len(c.Extensions) + len(c.Proposals) + len(c.Credentials)
	return fixed + len(n.EncryptionKey) + len(n.SignatureKey) + len(n.Credential.Content) + 2*listed +
		len(n.ParentHash) + n.Extensions.maxSize() + len(n.Signature)
}

func (n *LeafNode) unmarshal(r *wire.Reader) {
	n.EncryptionKey = r.Bytes()
	n.SignatureKey = r.Bytes()
	n.Credential.unmarshal(r)
	n.Capabilities.unmarshal(r)
	n.Source = wire.ReadEnum[uint8](r, "leaf node source", codepoint.LeafNodeCommit)
	switch n.Source {
	case codepoint.LeafNodeKeyPackage:
		n.Lifetime.unmarshal(r)
	case codepoint.LeafNodeCommit:
		n.ParentHash = r.Bytes()
	}
	n.Extensions.unmarshal(r)
	n.Signature = r.Bytes()
}
