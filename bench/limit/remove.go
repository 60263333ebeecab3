package limit

import "math/bits"

// Removed is a steady tree of members without the one at leaf, 1 or greater, as the member
// at leaf 0 sees it who makes the commit that removes it: the parents of leaf are blank up
// to the first that is on the path of leaf 0. leaf is not the last one, with which the tree
// would get narrower.
func Removed(members int, leaf uint32) Tree {
	t := Steady(members, 0)
	t.Members--
	height := bits.Len32(leaf) - 1 // of the child on the copath of leaf 0 that is above leaf
	below := 0                     // nodes in the resolution of that child
	for h := range height {
		if (int(leaf)>>h^1)<<h < members {
			below++
		}
	}
	t.Parents -= below
	for i, level := range t.Path {
		if leaf < level.First || int(leaf) >= int(level.First)+level.Receivers {
			continue
		}
		if below == 0 {
			t.Path = append(t.Path[:i], t.Path[i+1:]...)
			t.Parents--
			break
		}
		t.Path[i].Receivers--
		t.Path[i].Resolution = below
		if leaf == level.First {
			t.Path[i].First++
		}
		break
	}
	return t
}

// Remove is the cost of a commit with a path by leaf 0 that removes the member at leaf,
// where g.Tree is the tree that [Removed] returns: a commit, and the tree hashes of the
// nodes that get blank.
func (g Group) Remove(leaf uint32) Cost { return g.Commit().Plus(g.blanked(leaf)) }

// ProcessRemove is the cost of processing that commit, as of [Group.Process].
func (g Group) ProcessRemove(leaf uint32, level int) Cost {
	return g.Process(level).Plus(g.blanked(leaf))
}

// MeanProcessRemove is the mean of ProcessRemove over all receivers.
func (g Group) MeanProcessRemove(leaf uint32) Cost { return g.MeanProcess().Plus(g.blanked(leaf)) }

// blanked is the cost of the tree hashes of a removed leaf and of the blank parents above
// it, below the path of leaf 0.
func (g Group) blanked(leaf uint32) Cost { return g.blankHashes(1, bits.Len32(leaf)-1) }

// ProcessAdd is the cost of processing the commit of [Group.Add] for a member: 2
// VerifyFirst of the KeyPackage, 1 Verify of the commit, 2 CheckKey, hashes.
func (g Group) ProcessAdd() Cost {
	return g.added().Plus(g.epoch(), g.frame(Verify, g.addBytes(1)))
}

// added is the cost of checking a KeyPackage and adding its leaf to the tree.
func (g Group) added() Cost {
	after := g.Tree.withJoiner()
	hashes := g.treeHashes(after, min(1, g.Tree.Parents)) // the root, whatever else
	hashes[HashedByte] += g.newLeafBytes() - g.leafBytes()
	return g.admitted().Plus(hashes, g.grown(after))
}

// admitted is the cost of checking a KeyPackage (RFC 9420, Sections 7.3 and 10.1).
func (g Group) admitted() Cost {
	return Cost{VerifyFirst: 2, CheckKey: 2, VerifiedByte: g.newLeafTBSBytes() + g.keyPackageTBSBytes()}
}
