package limit

import "math/bits"

// Change is a commit of proposals, or one by which somebody joins from outside, in a group
// whose tree is known node by node.
type Change struct {
	Group      // before the commit; of its tree, the path does not count
	After Tree // after it, as the committer sees it

	hashes Cost // of nodes that change beside those of the path
	opened int  // nodes of the secret tree above leaf 0 that another message has opened
}

// Removing is a commit with a path by leaf 0 that removes the members at some leaves, and
// changes s: a commit, and the tree hashes of the nodes that get blank.
func (g Group) Removing(s *Shape, leaves ...int) Change {
	s.settle()
	for _, leaf := range leaves {
		s.remove(leaf)
	}
	s.truncate()
	return g.renewing(s, Cost{})
}

// Updating is a commit with a path by leaf 0 of an Update of the member at leaf, which
// arrived before, and changes s. Whoever has read that has opened the secret tree from the
// root to where the ways to leaf 0 and to leaf part (Section 9).
func (g Group) Updating(s *Shape, leaf int) Change {
	opened := 1 + s.depth() - bits.Len(uint(leaf))
	s.settle()
	s.blank(leaf)
	c := g.renewing(s, Cost{HashedByte: g.leafBytes()})
	c.opened = opened
	return c
}

// renewing is a commit with a path by leaf 0 after proposals that have changed s. leaves is
// the cost of the bytes of changed leaves in tree hashes.
func (g Group) renewing(s *Shape, leaves Cost) Change {
	c := Change{Group: g, hashes: leaves.Plus(g.changedHashes(s, 0))}
	s.renew(0)
	c.After = s.tree(0)
	return c
}

// Entering is an external commit by which somebody joins at the leftmost blank leaf, and
// changes s (Section 12.4.3.2).
func (g Group) Entering(s *Shape) Change {
	s.settle()
	leaf := s.add()
	c := Change{Group: g, hashes: g.changedHashes(s, leaf)}
	s.renew(leaf)
	c.After = s.tree(leaf)
	return c
}

// AddEach is the cost of a commit without a path that adds k members, and of the Welcome to
// all of them, whose GroupInfo carries the tree: 2k VerifyFirst, k Seal, 2 Sign, 2k
// CheckKey, hashes. It changes s.
func (g Group) AddEach(s *Shape, k int) Cost {
	s.settle()
	for range k {
		s.add()
	}
	joiners := float64(k)
	each := g.admitted()
	each[HashedByte] = g.newLeafBytes() // the leaf's tree hash
	return each.Times(joiners).Plus(
		g.changedHashes(s, -1),
		g.welcome(joiners, g.groupInfoBytes(s.tree(0))), g.epoch(), g.frame(Sign, g.addBytes(joiners)),
	)
}

// changedHashes is the cost of the tree hashes of the nodes that have changed, except a leaf
// and the parents above it if that is not negative. The bytes of leaves are left out.
func (g Group) changedHashes(s *Shape, except int) Cost {
	leaves, parents := s.changed(except)
	return g.blankHashes(leaves, parents)
}

// Make is the cost of making the commit for a member.
func (c Change) Make() Cost {
	return c.after().renew().Plus(c.hashes, c.epoch(), c.framed(Sign))
}

// Process is the cost of processing the commit for a receiver below the copath child of
// After.Path[level].
func (c Change) Process(level int) Cost {
	return c.after().learn(level).Plus(c.hashes, c.epoch(), c.framed(Verify))
}

// framed is the cost of the commit as a PrivateMessage.
func (c Change) framed(signature Primitive) Cost {
	return c.frame(signature, c.after().commitBytes()).Plus(Cost{Expand: -2 * float64(c.opened)})
}

// MeanProcess is the mean of Process over all receivers.
func (c Change) MeanProcess() Cost { return c.After.mean(c.Process) }

// Enter is the cost of joining by the commit from a GroupInfo with the tree: that of checking
// the whole state of the group, of sending it an init_secret (Section 8.3), and of the
// commit, a PublicMessage.
func (c Change) Enter() Cost {
	external := Cost{CheckKey: 1, Prepare: 1, Seal: 1} // the group's external key
	return c.checked(c.Tree, c.StoredBytes()).Plus(external, c.after().renew(), c.hashes, c.epoch(), c.public(Sign))
}

// ProcessEnter is the cost of processing that commit for a receiver below the copath child
// of After.Path[level].
func (c Change) ProcessEnter(level int) Cost {
	external := Cost{
		DeriveKey: 1, Open: 1, // the key, and the init_secret that was sent to it
		Verify: -1, VerifyFirst: 1, // the leaf is of somebody new
	}
	return c.after().learn(level).Plus(external, c.hashes, c.epoch(), c.public(Verify))
}

// MeanProcessEnter is the mean of ProcessEnter over all receivers.
func (c Change) MeanProcessEnter() Cost { return c.After.mean(c.ProcessEnter) }

// public is the cost of signing or verifying the commit as a PublicMessage from outside,
// which has no membership tag, and of its bytes in the transcript.
func (c Change) public(signature Primitive) Cost {
	g := c.after()
	transcript := Cost{HashedByte: g.commitBytes() + g.formats(2+g.framed(), Vec(g.Suite.Signature.Signature))}
	return transcript.Plus(g.signed(signature, g.commitBytes()))
}

func (c Change) after() Group { return Group{Suite: c.Suite, Tree: c.After, Contents: c.Contents} }
