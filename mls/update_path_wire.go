package mls

import (
	"github.com/mlsuite/mlsuite/internal/wire"
)

// hpkeCiphertext is the result of EncryptWithLabel (RFC 9420, Section 7.6).
//
//	struct {
//	    opaque kem_output<V>;
//	    opaque ciphertext<V>;
//	} HPKECiphertext;
type hpkeCiphertext struct {
	kemOutput  []byte
	ciphertext []byte
}

func (c *hpkeCiphertext) marshal(w *wire.Writer) {
	w.Bytes(c.kemOutput)
	w.Bytes(c.ciphertext)
}

func (c *hpkeCiphertext) unmarshal(r *wire.Reader) {
	c.kemOutput = r.Shared()
	c.ciphertext = r.Shared()
}

func (*hpkeCiphertext) skip(r *wire.Reader) {
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
	encryptionKey []byte
	secrets       []hpkeCiphertext
}

func (n *updatePathNode) marshal(w *wire.Writer) {
	w.Bytes(n.encryptionKey)
	wire.WriteAll(w, n.secrets, (*hpkeCiphertext).marshal)
}

func (n *updatePathNode) unmarshal(r *wire.Reader) {
	n.encryptionKey = r.Bytes()
	n.secrets = wire.ReadAll(r, (*hpkeCiphertext).skip, (*hpkeCiphertext).unmarshal)
}

func (*updatePathNode) skip(r *wire.Reader) {
	r.Skip()
	r.Skip()
}

// updatePath is a new leaf and new parents for the sender of a commit, the lowest
// first (RFC 9420, Section 7.6).
//
//	struct {
//	    LeafNode leaf_node;
//	    UpdatePathNode nodes<V>;
//	} UpdatePath;
type updatePath struct {
	leafNode *LeafNode
	nodes    []updatePathNode
}

func (p *updatePath) marshal(w *wire.Writer) {
	if p.leafNode == nil {
		w.Fail(wire.Malformed("update path without a leaf node"))
		return
	}
	Write(w, p.leafNode)
	wire.WriteAll(w, p.nodes, (*updatePathNode).marshal)
}

func (p *updatePath) unmarshal(r *wire.Reader) {
	p.leafNode = wire.ReadNew(r, readLeaf)
	p.nodes = wire.ReadAll(r, (*updatePathNode).skip, (*updatePathNode).unmarshal)
}
