package message

import (
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// KeyPackage is what a client publishes so that others can add it to groups (RFC 9420,
// Section 10).
//
//	struct {
//	    ProtocolVersion version;
//	    CipherSuite cipher_suite;
//	    HPKEPublicKey init_key;
//	    LeafNode leaf_node;
//	    Extension extensions<V>;
//	    opaque signature<V>;
//	} KeyPackage;
type KeyPackage struct {
	Version     uint16 // 1, which is mls10
	CipherSuite suite.ID
	InitKey     []byte
	LeafNode    LeafNode
	Extensions  Extensions
	Signature   []byte
}

func (p *KeyPackage) marshal(w *wire.Writer) {
	p.marshalTBS(w)
	w.Bytes(p.Signature)
}

// marshalTBS writes KeyPackageTBS, what Signature signs.
func (p *KeyPackage) marshalTBS(w *wire.Writer) {
	w.Grow(p.maxSize())
	w.Uint16(uint16(p.Version))
	w.Uint16(uint16(p.CipherSuite))
	w.Bytes(p.InitKey)
	p.LeafNode.marshal(w)
	p.Extensions.marshal(w)
}

// maxSize returns what the encoding is not longer than, in bytes.
func (p *KeyPackage) maxSize() int {
	const fixed = 2 + 2 + 2*4
	return fixed + len(p.InitKey) + p.LeafNode.maxSize() + p.Extensions.maxSize() + len(p.Signature)
}

func (p *KeyPackage) unmarshal(r *wire.Reader) {
	p.Version = r.Uint16()
	p.CipherSuite = suite.ID(r.Uint16())
	p.InitKey = r.Bytes()
	p.LeafNode.unmarshal(r)
	p.Extensions.unmarshal(r)
	p.Signature = r.Bytes()
}
