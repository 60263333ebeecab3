package mls

import (
	"bytes"
	"iter"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

// publicView answers what both members and those who only follow the group can see of an
// epoch.
type publicView struct{ public *publicState }

// Suite returns the group's cipher suite.
func (v publicView) Suite() suite.Suite { return v.public.suite }

// GroupContext returns the group's context in this epoch (RFC 9420, Section 8.1). The
// caller must not change what it refers to.
func (v publicView) GroupContext() GroupContext { return v.public.context }

// GroupID returns the group's id.
func (v publicView) GroupID() []byte { return bytes.Clone(v.public.context.GroupID) }

// Epoch returns the number of the epoch.
func (v publicView) Epoch() uint64 { return v.public.context.Epoch }

// Leaf returns a member's LeafNode, or nil if the leaf is blank or outside the
// tree. The caller must not change it.
func (v publicView) Leaf(i LeafIndex) *LeafNode { return v.public.tree.leaf(i) }

// Members iterates over the members from left to right. The caller must not change the
// leaves.
func (v publicView) Members() iter.Seq2[LeafIndex, *LeafNode] { return v.public.tree.members() }

// Size returns the number of members.
func (v publicView) Size() int { return int(v.public.tree.memberCount()) }

// RatchetTree returns the tree as the ratchet_tree extension holds it, for joiners whose
// Welcome does not hold the tree (RFC 9420, Section 12.4.3.3). It is O(n).
func (v publicView) RatchetTree() ([]byte, error) { return wire.Marshal(v.public.tree.nodes().marshal) }

// ReInit returns the ReInit that ended the group, or nil while the group goes on (RFC
// 9420, Sections 11.2 and 12.1.5). The caller must not change it.
func (v publicView) ReInit() *ReInit { return v.public.reInit }
