package mls

import "github.com/mlsuite/mlsuite/internal/treemath"

// LeafIndex is the index of a leaf of the ratchet tree, from 0 (RFC 9420,
// Section 4.1).
type LeafIndex = treemath.LeafIndex

// NodeIndex is the index of a node of the ratchet tree in the array
// representation (RFC 9420, Appendix C).
type NodeIndex = treemath.NodeIndex
