package ratchettree

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// PathSecrets are the secrets of consecutive nodes of a filtered direct path, up to its
// end (RFC 9420, Section 7.4). The maker of an UpdatePath has those of all nodes, a
// receiver those above the common ancestor.
type PathSecrets struct {
	Nodes        []NodeIndex   // from the bottom
	Keys         []*PrivateKey // of the nodes
	Secrets      [][]byte      // of the nodes: KDF.Nh bytes each
	CommitSecret []byte        // the path secret after the last: KDF.Nh bytes
}

// DerivePathSecrets derives the chain of path secrets that begins with secret, of KDF.Nh
// bytes, for the first of nodes:
//
//	path_secret[n] = DeriveSecret(path_secret[n-1], "path")
//	node_secret[n] = DeriveSecret(path_secret[n], "node")
//	node_priv[n], node_pub[n] = KEM.DeriveKeyPair(node_secret[n])
//
// (RFC 9420, Section 7.4). It takes over secret. If there are no nodes, as when a group
// of one member commits, secret is the commit_secret. The error is a
// [*message.ValidationError] if secret has another length.
func DerivePathSecrets(s suite.Suite, nodes []NodeIndex, secret []byte) (*PathSecrets, error) {
	p := &PathSecrets{
		Nodes:        nodes,
		Keys:         make([]*PrivateKey, len(nodes)),
		Secrets:      make([][]byte, len(nodes)),
		CommitSecret: secret,
	}
	nh := s.Info().KDF.Nh
	if len(secret) != nh {
		p.Destroy()
		return nil, fault.Violation("7.4", "path secret does not have %d bytes", nh)
	}
	room := make([]byte, len(nodes)*(2*nh+label.Room)) // one piece for all
	for k := range nodes {
		next, rest := label.Take(room, nh)
		if err := label.ExpandTo(s, next, p.CommitSecret, "path", nil, rest); err != nil {
			p.Destroy()
			return nil, err
		}
		p.Secrets[k], p.CommitSecret, room = p.CommitSecret, next, rest
	}
	err := parallel.For(len(nodes), func(k int) error {
		nodeSecret, rest := label.Take(room[k*(nh+label.Room):], nh)
		defer clear(nodeSecret)
		err := label.ExpandTo(s, nodeSecret, p.Secrets[k], "node", nil, rest[:label.Room])
		if err == nil {
			p.Keys[k], err = DeriveKey(s, nodeSecret)
		}
		return err
	})
	if err != nil {
		p.Destroy()
		return nil, err
	}
	return p, nil
}

// Destroy overwrites the path secrets and the commit secret, and gives up the private
// keys.
func (p *PathSecrets) Destroy() {
	for _, secret := range p.Secrets {
		clear(secret)
	}
	clear(p.CommitSecret)
	for _, key := range p.Keys {
		key.Release()
	}
}

// At returns the path secret of a node, KDF.Nh bytes, until Destroy overwrites it, or
// false if the path does not have the node. The secret goes into the GroupSecrets of a
// new member below the node (Section 12.4.3.1).
func (p *PathSecrets) At(i NodeIndex) (secret []byte, ok bool) {
	for k, node := range p.Nodes {
		if node == i {
			return p.Secrets[k], true
		}
	}
	return nil, false
}

// PublicKeys returns the public keys of the nodes.
func (p *PathSecrets) PublicKeys() [][]byte {
	keys := make([][]byte, len(p.Keys))
	for k, key := range p.Keys {
		keys[k] = key.PublicKey()
	}
	return keys
}

// Seal encrypts the path secrets of a commit's sender to the other members, and returns
// the nodes of the UpdatePath (RFC 9420, Sections 7.5 and 7.6). t is the tree of the new
// epoch, groupContext the encoded provisional GroupContext. added, in increasing order,
// has the members that the commit adds, who learn the secrets from a Welcome.
func (p *PathSecrets) Seal(t *Tree, sender message.LeafIndex, groupContext []byte, added []message.LeafIndex) ([]updatePathNode, error) {
	path := t.FilteredPath(sender)
	if len(path) != len(p.Nodes) {
		return nil, fault.Violation("7.6", "path does not have as many nodes as the filtered direct path").AtLeaf(sender)
	}
	type recipient struct {
		node      int
		publicKey []byte
	}
	recipients := make([]recipient, 0, len(path)) // as many as there are in a tree without blanks
	nodes := make([]updatePathNode, len(path))
	for k := range path {
		t.eachResolved(path[k].copath, path[k].copathIndex, added, func(n *Node, i NodeIndex) bool {
			recipients = append(recipients, recipient{k, t.recipientKey(n, i)})
			return true
		})
	}
	secrets := make([]HPKECiphertext, len(recipients))
	next := 0
	for k := range nodes {
		first := next
		for next < len(recipients) && recipients[next].node == k {
			next++
		}
		nodes[k] = updatePathNode{EncryptionKey: p.Keys[k].PublicKey(), Secrets: secrets[first:next:next]}
	}
	if len(recipients) == 0 {
		return nodes, nil
	}
	err := label.SealToEach(t.Suite, label.UpdatePathNode, groupContext, len(recipients), func(i int, sealer suite.Sealer) error {
		r := recipients[i]
		enc, ciphertext, err := sealer.Seal(r.publicKey, nil, p.Secrets[r.node])
		secrets[i] = HPKECiphertext{enc, ciphertext}
		return err
	})
	if err != nil {
		return nil, err
	}
	return nodes, nil
}

// recipientKey returns the encryption key of a node that eachResolved yielded.
func (t *Tree) recipientKey(n *Node, i NodeIndex) []byte {
	switch {
	case n == nil:
		return t.Leaf(i.Leaf()).EncryptionKey()
	case n.Parent != nil:
		return n.Parent.EncryptionKey
	}
	return n.Leaf.EncryptionKey()
}

// PathKeys returns the public keys of a path's nodes. The error is a
// [*message.ValidationError] unless there are as many as in the sender's filtered direct
// path, and each is a key to which one can encrypt.
func PathKeys(s suite.Suite, p *UpdatePath, nodes int) ([][]byte, error) {
	if len(p.Nodes) != nodes {
		return nil, fault.Violation("7.6", "filtered direct path has %d nodes, but the path has %d",
			nodes, len(p.Nodes))
	}
	keys := make([][]byte, nodes)
	for k := range p.Nodes {
		keys[k] = p.Nodes[k].EncryptionKey
		if err := s.CheckPublicKey(keys[k]); err != nil {
			return nil, fault.Violation("7.6", "encryption_key of node %d of the path is not a public key of the suite", k).Because(err)
		}
	}
	return keys, nil
}

// EachRecipient calls f for each encrypted path secret that a path has to hold in t, the
// tree of the new epoch. steps is the sender's filtered path in t. f gets the secret's
// place, which is a node of the path and a slot there, and the node of the resolution
// that the secret is for. added, in increasing order, has the members that the commit
// adds. It returns a fault if the path holds other secrets, or nil.
func (t *Tree) EachRecipient(p *UpdatePath, steps []PathStep, added []message.LeafIndex, f func(node, slot int, i NodeIndex)) *fault.Violated {
	if len(steps) != len(p.Nodes) {
		return fault.Violation("7.6", "filtered direct path has %d nodes, but the path has %d",
			len(steps), len(p.Nodes))
	}
	for k := range steps {
		secrets, slots := len(p.Nodes[k].Secrets), 0
		t.eachResolved(steps[k].copath, steps[k].copathIndex, added, func(_ *Node, i NodeIndex) bool {
			if slots < secrets {
				f(k, slots, i)
			}
			slots++
			return slots <= secrets
		})
		if slots != secrets {
			return fault.Violation("7.6", "encrypted_path_secret of node %d has the wrong number of entries", k)
		}
	}
	return nil
}

// EachSlot calls f for each encrypted path secret that the path of a sender has to hold in
// t, the tree of the new epoch: with the secret's place among those of its node of the path,
// and the node of the resolution that it is for. added, in increasing order, has the members
// that the commit adds.
func (t *Tree) EachSlot(sender message.LeafIndex, added []message.LeafIndex, f func(slot uint32, i NodeIndex)) {
	for _, step := range t.FilteredPath(sender) {
		slot := uint32(0)
		t.eachResolved(step.copath, step.copathIndex, added, func(_ *Node, i NodeIndex) bool {
			f(slot, i)
			slot++
			return true
		})
	}
}

// SealedFault is a fault of a path that its receiver alone can see: the path secret of a
// node does not open, or gives other keys than the path shows.
type SealedFault struct {
	Node NodeIndex // the lowest one whose secret the receiver should get
	Err  error     // label.ErrDecrypt or a *message.ValidationError
}

func (f *SealedFault) Error() string {
	return fmt.Sprintf("mls: path secret of node %d: %v", f.Node, f.Err)
}

// Unwrap returns Err.
func (f *SealedFault) Unwrap() error { return f.Err }

// OpenPath decrypts the one path secret in a sender's path that is for the receiver, and
// derives those above it (RFC 9420, Section 7.5). t is the tree of the new epoch,
// groupContext the encoded provisional GroupContext. added, in increasing order, has the
// members that the commit adds. lookup returns the receiver's private key of a node as it
// was before the commit's path, or nil.
//
// The error is a [*message.ValidationError], or a [*SealedFault] if only the receiver can
// see the fault.
func OpenPath(t *Tree, path *UpdatePath, sender, receiver message.LeafIndex, groupContext []byte, added []message.LeafIndex,
	lookup func(NodeIndex) suite.PrivateKey) (*PathSecrets, error) {
	var (
		key    suite.PrivateKey
		secret *HPKECiphertext // to key
		first  int             // node of secret
	)
	steps := t.FilteredPath(sender)
	wrong := t.EachRecipient(path, steps, added, func(node, slot int, i NodeIndex) {
		if key == nil && treemath.NodeOf(receiver).InSubtree(i) {
			if key = lookup(i); key != nil {
				secret, first = &path.Nodes[node].Secrets[slot], node
			}
		}
	})
	if wrong != nil {
		return nil, wrong.AtLeaf(sender)
	}
	if key == nil {
		return nil, fault.Violation("7.5", "receiver has no private key of the resolution").AtLeaf(receiver)
	}
	nodes := make([]NodeIndex, 0, len(steps))
	for _, step := range steps[first:] {
		nodes = append(nodes, step.Index)
	}
	return path.open(t.Suite, key, secret, first, nodes, sender, groupContext)
}

// open decrypts a path secret with its receiver's key, and derives those above it. nodes
// are the sender's filtered direct path from the node of the secret on, which has index
// first in the path.
func (p *UpdatePath) open(s suite.Suite, key suite.PrivateKey, secret *HPKECiphertext, first int, nodes []NodeIndex,
	sender message.LeafIndex, groupContext []byte) (*PathSecrets, error) {
	unreadable := func(err error) error {
		if errors.Is(err, label.ErrDecrypt) || errors.Is(err, message.ErrInvalid) {
			return &SealedFault{nodes[0], err}
		}
		return err
	}
	opened, err := label.Open(key, label.UpdatePathNode, groupContext, secret.KEMOutput, secret.Ciphertext)
	if err != nil {
		return nil, unreadable(err)
	}
	secrets, err := DerivePathSecrets(s, nodes, opened)
	if err != nil {
		return nil, unreadable(err)
	}
	for k, key := range secrets.Keys {
		if !bytes.Equal(key.PublicKey(), p.Nodes[first+k].EncryptionKey) {
			secrets.Destroy()
			return nil, unreadable(fault.Violation("7.5", "path secret does not give the public key of node %d of the path", first+k).
				AtLeaf(sender).Because(fault.OtherDerivation(s)))
		}
	}
	return secrets, nil
}

// OpenSlice is [OpenPath] for a receiver that knows of the tree of the new epoch only what
// two membership proofs show: the sender's and its own. index is the place of its path
// secret among those of the node that is above both leaves (draft-ietf-mls-partial-02,
// "Annotated Commit"). lookup returns the receiver's private key of a node as it was before
// the commit's path, or nil.
//
// OpenSlice also checks that the path is the one that the sender's proof shows, with the parent
// hashes that it has to have in that tree (RFC 9420, Section 7.9). Both proofs are of one tree.
func OpenSlice(s suite.Suite, sender, receiver *MembershipProof, path *UpdatePath, index uint32, groupContext []byte,
	lookup func(NodeIndex) suite.PrivateKey) (*PathSecrets, error) {
	if !bytes.Equal(sender.Node, path.Encoded) {
		return nil, fault.Violation("7.6", "leaf of the path is not the one that the sender's membership proof shows").AtLeaf(sender.Leaf)
	}
	indices, nodes := sender.filled()
	if len(path.Nodes) != len(nodes) {
		return nil, fault.Violation("7.6", "filtered direct path has %d nodes, but the path has %d", len(nodes), len(path.Nodes)).AtLeaf(sender.Leaf)
	}
	for k := range nodes {
		if !bytes.Equal(nodes[k].EncryptionKey, path.Nodes[k].EncryptionKey) {
			return nil, fault.Violation("7.6", "node %d of the path is not the one that the sender's membership proof shows", k).AtLeaf(sender.Leaf)
		}
	}
	if err := sender.checkNewPath(s); err != nil {
		return nil, err
	}
	ancestor := treemath.CommonAncestor(treemath.NodeOf(sender.Leaf), treemath.NodeOf(receiver.Leaf))
	first := slices.Index(indices, ancestor)
	if first < 0 {
		return nil, fault.Violation("7.5", "path has no node above the receiver").AtLeaf(receiver.Leaf)
	}
	if uint64(index) >= uint64(len(path.Nodes[first].Secrets)) {
		return nil, fault.Violation("7.5", "resolution_index %d is beyond the path secrets of node %d of the path", index, first).AtLeaf(sender.Leaf)
	}
	key := receiver.keyBelow(ancestor, lookup)
	if key == nil {
		return nil, fault.Violation("7.5", "receiver has no private key of the resolution").AtLeaf(receiver.Leaf)
	}
	return path.open(s, key, &path.Nodes[first].Secrets[index], first, indices[first:], sender.Leaf, groupContext)
}

// keyBelow returns the private key to which a path secret for the proof's leaf is encrypted
// at a child of ancestor: that of the next node below that is not blank or, if the leaf is
// unmerged there, of the leaf itself (RFC 9420, Section 4.1.1).
func (p *MembershipProof) keyBelow(ancestor NodeIndex, lookup func(NodeIndex) suite.PrivateKey) suite.PrivateKey {
	indices, nodes := p.filled()
	for k := len(indices) - 1; k >= 0; k-- {
		if indices[k].Level() >= ancestor.Level() {
			continue
		}
		if sortedset.Has(nodes[k].UnmergedLeaves, p.Leaf) {
			break
		}
		return lookup(indices[k])
	}
	return lookup(treemath.NodeOf(p.Leaf))
}
