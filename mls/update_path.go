package mls

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// pathSecrets are the secrets of consecutive nodes of a filtered direct path, up to its
// end (RFC 9420, Section 7.4). The maker of an UpdatePath has those of all nodes, a
// receiver those above the common ancestor.
type pathSecrets struct {
	nodes        []NodeIndex   // from the bottom
	keys         []*privateKey // of the nodes
	secrets      [][]byte      // of the nodes: KDF.Nh bytes each
	commitSecret []byte        // the path secret after the last: KDF.Nh bytes
}

// derivePathSecrets derives the chain of path secrets that begins with secret, of KDF.Nh
// bytes, for the first of nodes:
//
//	path_secret[n] = DeriveSecret(path_secret[n-1], "path")
//	node_secret[n] = DeriveSecret(path_secret[n], "node")
//	node_priv[n], node_pub[n] = KEM.DeriveKeyPair(node_secret[n])
//
// (RFC 9420, Section 7.4). It takes over secret. If there are no nodes, as when a group
// of one member commits, secret is the commit_secret.
func derivePathSecrets(s suite.Suite, nodes []NodeIndex, secret []byte) (*pathSecrets, error) {
	p := &pathSecrets{
		nodes:        nodes,
		keys:         make([]*privateKey, len(nodes)),
		secrets:      make([][]byte, len(nodes)),
		commitSecret: secret,
	}
	if nh := s.Info().KDF.Nh; len(secret) != nh {
		p.destroy()
		return nil, violation("7.4", "path secret is of %d bytes", nh)
	}
	for k := range nodes {
		next, err := label.DeriveSecret(s, p.commitSecret, "path")
		if err != nil {
			p.destroy()
			return nil, err
		}
		p.secrets[k], p.commitSecret = p.commitSecret, next
	}
	err := parallel.For(len(nodes), func(k int) error {
		nodeSecret, err := label.DeriveSecret(s, p.secrets[k], "node")
		if err != nil {
			return err
		}
		defer clear(nodeSecret)
		p.keys[k], err = deriveKey(s, nodeSecret)
		return err
	})
	if err != nil {
		p.destroy()
		return nil, err
	}
	return p, nil
}

// destroy overwrites the path secrets and the commit secret, and gives up the private
// keys.
func (p *pathSecrets) destroy() {
	for _, secret := range p.secrets {
		clear(secret)
	}
	clear(p.commitSecret)
	for _, key := range p.keys {
		key.release()
	}
}

// at returns the path secret of a node, until destroy overwrites it. The secret goes into
// the GroupSecrets of a new member below the node (Section 12.4.3.1).
func (p *pathSecrets) at(i NodeIndex) (secret []byte, ok bool) {
	for k, node := range p.nodes {
		if node == i {
			return p.secrets[k], true
		}
	}
	return nil, false
}

// publicKeys returns the public keys of the nodes.
func (p *pathSecrets) publicKeys() [][]byte {
	keys := make([][]byte, len(p.keys))
	for k, key := range p.keys {
		keys[k] = key.PublicKey()
	}
	return keys
}

// seal encrypts the path secrets of a commit's sender to the other members, and returns
// the nodes of the UpdatePath (RFC 9420, Sections 7.5 and 7.6). t is the tree of the new
// epoch, groupContext the encoded provisional GroupContext. added, in increasing order,
// has the members that the commit adds, who learn the secrets from a Welcome.
func (p *pathSecrets) seal(t *tree, sender LeafIndex, groupContext []byte, added []LeafIndex) ([]updatePathNode, error) {
	path := t.filteredPath(sender)
	if len(path) != len(p.nodes) {
		return nil, violation("7.6", "path has one node for each of the filtered direct path").atLeaf(sender)
	}
	type recipient struct {
		node, slot int
		publicKey  []byte
	}
	var recipients []recipient
	nodes := make([]updatePathNode, len(path))
	for k, publicKey := range p.publicKeys() {
		slots := 0
		t.eachResolved(path[k].copath, path[k].copathIndex, added, func(n *node, i NodeIndex) bool {
			recipients = append(recipients, recipient{k, slots, t.recipientKey(n, i)})
			slots++
			return true
		})
		nodes[k] = updatePathNode{encryptionKey: publicKey, secrets: make([]hpkeCiphertext, slots)}
	}
	if len(recipients) == 0 {
		return nodes, nil
	}
	err := label.SealToEach(t.suite, label.UpdatePathNode, groupContext, len(recipients), func(i int, sealer suite.Sealer) error {
		r := recipients[i]
		enc, ciphertext, err := sealer.Seal(r.publicKey, nil, p.secrets[r.node])
		nodes[r.node].secrets[r.slot] = hpkeCiphertext{enc, ciphertext}
		return err
	})
	if err != nil {
		return nil, err
	}
	return nodes, nil
}

// recipientKey returns the encryption key of a node that eachResolved yielded.
func (t *tree) recipientKey(n *node, i NodeIndex) []byte {
	switch {
	case n == nil:
		return t.leaf(i.Leaf()).EncryptionKey
	case n.parent != nil:
		return n.parent.encryptionKey
	}
	return n.leaf.EncryptionKey
}

// pathKeys returns the public keys of a path's nodes. It returns an error unless there are
// as many as in the sender's filtered direct path, and each is a key to which one can
// encrypt.
func pathKeys(s suite.Suite, p *updatePath, nodes int) ([][]byte, error) {
	if len(p.nodes) != nodes {
		return nil, violation("7.6", "path has one node for each of the filtered direct path: %d, not %d",
			nodes, len(p.nodes))
	}
	keys := make([][]byte, nodes)
	for k := range p.nodes {
		keys[k] = p.nodes[k].encryptionKey
		if err := s.CheckPublicKey(keys[k]); err != nil {
			return nil, violation("7.6", "encryption_key of node %d of the path is a public key", k).because(err)
		}
	}
	return keys, nil
}

// eachRecipient calls f for each encrypted path secret that a path has to hold in t, the
// tree of the new epoch. steps is the sender's filtered path in t. f gets the secret's
// place, which is a node of the path and a slot there, and the node of the resolution
// that the secret is for. added, in increasing order, has the members that the commit
// adds. It returns a fault if the path holds other secrets, or nil.
func (t *tree) eachRecipient(p *updatePath, steps []pathStep, added []LeafIndex, f func(node, slot int, i NodeIndex)) *violated {
	if len(steps) != len(p.nodes) {
		return violation("7.6", "path has one node for each of the filtered direct path: %d, not %d",
			len(steps), len(p.nodes))
	}
	for k := range steps {
		secrets, slots := len(p.nodes[k].secrets), 0
		t.eachResolved(steps[k].copath, steps[k].copathIndex, added, func(_ *node, i NodeIndex) bool {
			if slots < secrets {
				f(k, slots, i)
			}
			slots++
			return slots <= secrets
		})
		if slots != secrets {
			return violation("7.6", "encrypted_path_secret of node %d has one entry for each node of the resolution", k)
		}
	}
	return nil
}

// sealedFault is a fault of a path that its receiver alone can see: the path secret of a
// node does not open, or gives other keys than the path shows.
type sealedFault struct {
	node NodeIndex // the lowest one whose secret the receiver should get
	err  error
}

func (f *sealedFault) Error() string {
	return fmt.Sprintf("mls: path secret of node %d: %v", f.node, f.err)
}

func (f *sealedFault) Unwrap() error { return f.err }

// openPath decrypts the one path secret in a sender's path that is for the receiver, and
// derives those above it (RFC 9420, Section 7.5). t is the tree of the new epoch,
// groupContext the encoded provisional GroupContext. added, in increasing order, has the
// members that the commit adds. lookup returns the receiver's private key of a node as it
// was before the commit's path, or nil.
//
// The error is a [*ValidationError], or a [*sealedFault] if only the receiver can see the
// fault.
func openPath(t *tree, path *updatePath, sender, receiver LeafIndex, groupContext []byte, added []LeafIndex,
	lookup func(NodeIndex) suite.PrivateKey) (*pathSecrets, error) {
	var (
		key    suite.PrivateKey
		secret *hpkeCiphertext // to key
		first  int             // node of secret
	)
	steps := t.filteredPath(sender)
	wrong := t.eachRecipient(path, steps, added, func(node, slot int, i NodeIndex) {
		if key == nil && receiver.Node().InSubtree(i) {
			if key = lookup(i); key != nil {
				secret, first = &path.nodes[node].secrets[slot], node
			}
		}
	})
	if wrong != nil {
		return nil, wrong.atLeaf(sender)
	}
	if key == nil {
		return nil, violation("7.5", "receiver has a private key of the resolution").atLeaf(receiver)
	}
	unreadable := func(err error) error {
		if errors.Is(err, ErrDecrypt) || errors.Is(err, ErrInvalid) {
			return &sealedFault{steps[first].index, err}
		}
		return err
	}
	opened, err := label.Open(key, label.UpdatePathNode, groupContext, secret.kemOutput, secret.ciphertext)
	if err != nil {
		return nil, unreadable(err)
	}
	nodes := make([]NodeIndex, 0, len(steps))
	for _, step := range steps[first:] {
		nodes = append(nodes, step.index)
	}
	p, err := derivePathSecrets(t.suite, nodes, opened)
	if err != nil {
		return nil, unreadable(err)
	}
	for k, publicKey := range p.publicKeys() {
		if !bytes.Equal(publicKey, path.nodes[first+k].encryptionKey) {
			p.destroy()
			return nil, unreadable(violation("7.5", "path secret gives the public key of node %d of the path", first+k).
				atLeaf(sender).because(otherDerivation(t.suite)))
		}
	}
	return p, nil
}
