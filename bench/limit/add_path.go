package limit

// Adding returns the group as its commit with a path adds one member by value, which takes the
// leaf right of all others: every commit that changes the membership has a path where a policy
// or a protocol wants it so, as draft-ietf-mls-combiner does.
func (g Group) Adding() Group {
	g.proposals += byValue + int(g.keyPackageBytes())
	return g
}

// AddWithPath is the cost of making the commit of [Group.Adding] by leaf 0, and the Welcome,
// whose GroupInfo carries the tree.
func (g Group) AddWithPath() Cost {
	return g.Adding().Commit().Plus(g.addedBesidePath(), g.welcome(1, g.groupInfoBytes(g.Tree.withJoiner())))
}

// MeanProcessAddWithPath is the mean cost of processing it for the members who were there
// before.
func (g Group) MeanProcessAddWithPath() Cost {
	return g.Adding().MeanProcess().Plus(g.addedBesidePath())
}

// FollowAddWithPath is the cost of following it for who knows the public state alone.
func (g Group) FollowAddWithPath() Cost { return g.Adding().Follow().Plus(g.addedBesidePath()) }

// addedBesidePath is the cost of checking a KeyPackage and of the hashes of its leaf and of
// the nodes above it but the root, which is on the path.
func (g Group) addedBesidePath() Cost { return g.added().Plus(g.blankHashes(0, 1).Times(-1)) }

// JoinWithPath is the cost of joining by it: that of a join, and of the key of the root, whose
// path secret comes with the Welcome (RFC 9420, Section 12.4.3.1).
func (g Group) JoinWithPath() Cost { return g.Join().Plus(Cost{DeriveKey: 1, Expand: 1}) }
