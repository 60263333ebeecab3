package mls

import "github.com/mlsuite/mlsuite/internal/wire"

// unmarshal reads a tree with its blank nodes, which tests change.
func (t *ratchetTree) unmarshal(r *wire.Reader) {
	var s sparseTree
	s.unmarshal(r)
	if r.Err() == nil {
		*t = s.expanded()
	}
}

// expanded returns the array representation of the tree.
func (t *sparseTree) expanded() ratchetTree {
	all := make(ratchetTree, t.length)
	for _, n := range t.filled {
		all[n.index] = n.treeNode
	}
	return all
}
