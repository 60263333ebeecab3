package limit

// Join is the cost of joining from that Welcome (Section 12.4.3.1): a VerifyFirst and a
// CheckKey for each leaf but the joiner's own, which it has made, a VerifyFirst for the
// GroupInfo, 1 Open, a CheckKey for each parent, and the hashes of the whole tree. It has one
// parent hash for each parent, as if the child that was updated with it were known, and no
// original tree hash (Section 7.9).
func (g Group) Join() Cost { return g.join(g.groupInfoBytes(g.Tree.withJoiner())) }

// JoinTreeOutside is [Group.Join] from a Welcome without the tree, which the joiner gets
// beside it.
func (g Group) JoinTreeOutside() Cost { return g.join(g.groupInfoBytes(Tree{})) }

// join is the cost of joining from a Welcome whose GroupInfo has info bytes.
func (g Group) join(info float64) Cost {
	welcome := Cost{
		Open:       1,
		Extract:    2, // with the PSK secret: for the Welcome, for the epoch
		Expand:     3, // welcome_secret, its key and nonce
		AEAD:       1,
		AEADByte:   info,
		HashedByte: info, // the info of HPKE
	}
	secrets := Cost{
		Expand: 1 + 9, // epoch_secret, the nine secrets of Table 4
		MAC:    1,     // confirmation tag

		HashedByte: g.formats(int(g.contextBytes())), // in the label of epoch_secret
	}
	own := Cost{VerifyFirst: 1, CheckKey: 1, VerifiedByte: g.newLeafTBSBytes()}
	return welcome.Plus(g.checked(g.Tree.withJoiner(), info), own.Times(-1), secrets)
}

// checked is the cost of checking the state of a group that somebody enters or starts to
// follow, by a GroupInfo of info bytes (Section 12.4.3.1).
func (g Group) checked(t Tree, info float64) Cost {
	members, parents, hash := float64(t.Members), float64(t.Parents), float64(g.Suite.Hash.Size)
	tree := Cost{
		VerifyFirst:  members + 1, // the leaves, the GroupInfo
		CheckKey:     members + parents,
		Hash:         2*members - 1 + parents + 1, // the tree, parent hashes, the interim transcript
		VerifiedByte: g.leavesTBSBytes(t) + g.groupInfoTBSBytes(info),
		HashedByte: g.leavesBytes(t) + g.parentsBytes(t.Parents) + (members-1)*2*hash + // tree hashes
			g.parentsBytes(t.Parents) + parents*hash, // parent hashes
	}
	tree[HashedByte] += members*g.formats(leafHashFormat) + (members-1)*g.parentHashFormats() +
		g.formats(g.Suite.Hash.Size, Vec(g.Suite.Hash.Size))
	outside := 1<<t.Depth - t.Members // leaves without a member; and as many parents more than members-1
	return tree.Plus(g.blankHashes(outside, outside))
}

// GroupInfo is the cost of making a GroupInfo with the tree and the external key, by which
// others join: 1 Sign and 1 DeriveKey (Sections 8 and 12.4.3.2).
func (g Group) GroupInfo() Cost {
	return Cost{DeriveKey: 1, Sign: 1, SignedByte: g.groupInfoTBSBytes(g.StoredBytes())}
}

// FollowFrom is the cost of starting to follow a group from that GroupInfo, for who knows
// no secret: that of a join, without the Welcome.
func (g Group) FollowFrom() Cost {
	return g.checked(g.Tree, g.StoredBytes()).Plus(Cost{CheckKey: 1})
}
