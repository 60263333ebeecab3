package limit

// FollowUp is the cost of making a group of the members of g.Tree, which is blank, in
// place of one that a ReInit has ended (RFC 9420, Section 11.2): the creator's leaf and
// epoch 0; a commit without a path that adds everybody else, with 2 VerifyFirst, 2
// CheckKey and 1 Seal for each, and the resumption PSK of the old group; and the Welcome, whose
// GroupInfo carries the tree.
func (g Group) FollowUp() Cost {
	joiners := g.joiners()
	alone := Group{Suite: g.Suite, Tree: Blank(1, 0), Contents: g.Contents}
	create := Cost{
		DeriveKey:  1,
		Sign:       1,
		SignedByte: alone.newLeafTBSBytes(),
		Expand:     9, // the secrets of Table 4
		Hash:       1, // interim transcript
		MAC:        1, // confirmation tag
	}
	leaves := float64(int(1) << g.Tree.Depth)
	treeHashes := Cost{
		Hash:       leaves - 1 + leaves - 1, // all nodes but the creator's leaf
		HashedByte: joiners*g.leafBytes() + (leaves-1)*2*float64(g.Suite.Hash.Size),
	}
	info := g.groupInfoBytes(g.Tree)
	return create.Plus(alone.treeHashes(alone.Tree, 0),
		g.admitted().Times(joiners), treeHashes, resumptionPSK(), g.epoch(),
		alone.frame(Sign, g.FirstCommitBytes()), g.welcome(joiners, info))
}

// JoinFollowUp is the cost of joining that group from its Welcome.
func (g Group) JoinFollowUp() Cost {
	before := Group{Suite: g.Suite, Tree: Blank(g.Tree.Members-1, 0), Contents: g.Contents}
	return before.Join().Plus(resumptionPSK())
}

// resumptionPSK is the cost of one pre-shared key (Section 8.4).
func resumptionPSK() Cost { return Cost{Extract: 2, Expand: 1} }

func (g Group) joiners() float64 { return float64(g.Tree.Members - 1) }

// KeyPackageBytes is the least size of a KeyPackage.
func (g Group) KeyPackageBytes() float64 { return g.keyPackageBytes() }

// CommitBytes is the least size of a Commit with a path, and its signature.
func (g Group) CommitBytes() float64 { return g.commitBytes() + float64(g.Suite.Signature.Signature) }

// FirstCommitBytes is the least size of the Commit that makes the group of
// [Group.FollowUp], and its signature. It is sent to nobody.
func (g Group) FirstCommitBytes() float64 {
	return g.joiners()*g.keyPackageBytes() + float64(g.Suite.Signature.Signature)
}

// WelcomeBytes is the least size of the Welcome of [Group.FollowUp].
func (g Group) WelcomeBytes() float64 {
	i := g.Suite
	each := i.Hash.Size + // KeyPackageRef
		i.KEM.Nenc + i.KDF.Nh + i.KDF.Nh + i.AEAD.Nt // joiner_secret, psk_nonce
	return g.joiners()*float64(each) + g.groupInfoBytes(g.Tree) + float64(i.AEAD.Nt)
}
