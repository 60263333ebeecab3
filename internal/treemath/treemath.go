// Package treemath is the arithmetic of full binary trees in array representation
// (RFC 9420, Appendix C).
package treemath

// LeafIndex counts leaves from the left, from 0.
type LeafIndex uint32

// NodeIndex counts nodes from the left, from 0: leaf i is node 2i.
type NodeIndex uint32
