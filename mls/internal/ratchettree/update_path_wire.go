package ratchettree

import (
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
)

// HPKECiphertext is the result of EncryptWithLabel (RFC 9420, Section 7.6).
//
//	struct {
//	    opaque kem_output<V>;
//	    opaque ciphertext<V>;
//	} HPKECiphertext;
type HPKECiphertext struct {
	KEMOutput  []byte
	Ciphertext []byte
}

func (c *HPKECiphertext) marshal(w *wire.Writer) {
	w.Bytes(c.KEMOutput)
	w.Bytes(c.Ciphertext)
}

func (c *HPKECiphertext) unmarshal(r *wire.Reader) {
	c.KEMOutput = r.Shared()
	c.Ciphertext = r.Shared()
}

func (*HPKECiphertext) skip(r *wire.Reader) {
	r.Skip()
	r.Skip()
}

// updatePathNode is a new parent of the sender's filtered direct path (RFC 9420,
// Section 7.6): its public key, and its path secret once for each node of the
// resolution of the copath child.
//
//	struct {
//	    HPKEPublicKey encryption_key;
//	    HPKECiphertext encrypted_path_secret<V>;
//	} UpdatePathNode;
type updatePathNode struct {
	EncryptionKey []byte
	Secrets       []HPKECiphertext
}

func (n *updatePathNode) marshal(w *wire.Writer) {
	w.Bytes(n.EncryptionKey)
	wire.WriteAll(w, n.Secrets, (*HPKECiphertext).marshal)
}

func (n *updatePathNode) unmarshal(r *wire.Reader) {
	n.EncryptionKey = r.Bytes()
	n.Secrets = wire.ReadAll(r, (*HPKECiphertext).skip, (*HPKECiphertext).unmarshal)
}

func (*updatePathNode) skip(r *wire.Reader) {
	r.Skip()
	r.Skip()
}

// UpdatePath is a new leaf and new parents for the sender of a commit, the lowest
// first (RFC 9420, Section 7.6).
//
//	struct {
//	    LeafNode leaf_node;
//	    UpdatePathNode nodes<V>;
//	} UpdatePath;
type UpdatePath struct {
	LeafNode *message.LeafNode
	Nodes    []updatePathNode

	Encoded Leaf // LeafNode as it is encoded, if that is at hand: of what was read, it is
}

// Marshal writes p.
func (p *UpdatePath) Marshal(w *wire.Writer) {
	if p.LeafNode == nil {
		w.Fail(wire.Malformed("update path without a leaf node"))
		return
	}
	if p.Encoded != nil {
		w.Raw(p.Encoded)
	} else {
		message.Write(w, p.LeafNode)
	}
	wire.WriteAll(w, p.Nodes, (*updatePathNode).marshal)
}

// EncodedAtMost returns a size, in bytes, that Marshal does not exceed if the leaf's encoding is
// at hand.
func (p *UpdatePath) EncodedAtMost() int {
	const header = 4
	n := len(p.Encoded) + header
	for i := range p.Nodes {
		node := &p.Nodes[i]
		n += wire.SizeOfVector(len(node.EncryptionKey)) + header
		for k := range node.Secrets {
			n += wire.SizeOfVector(len(node.Secrets[k].KEMOutput)) + wire.SizeOfVector(len(node.Secrets[k].Ciphertext))
		}
	}
	return n
}

// Unmarshal reads p.
func (p *UpdatePath) Unmarshal(r *wire.Reader) {
	p.LeafNode = wire.ReadNew(r, func(n *message.LeafNode, r *wire.Reader) {
		p.Encoded = r.InOnePiece(func(r *wire.Reader) { message.Skip(r, n) }, func(r *wire.Reader) { message.Read(r, n) })
	})
	p.Nodes = wire.ReadAll(r, (*updatePathNode).skip, (*updatePathNode).unmarshal)
}
