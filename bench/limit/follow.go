package limit

// Follow is the cost of following the commit of [Group.Commit] for who knows the public
// state of the group alone, such as a delivery service: 2 Verify, 1+d CheckKey, hashes. The
// commit is a PublicMessage.
func (g Group) Follow() Cost {
	d := float64(len(g.Tree.Path))
	update := Cost{Verify: 1, CheckKey: 1 + d, VerifiedByte: g.leafTBSBytes()}
	return update.Plus(g.pathHashes(), g.followed(g.commitBytes()))
}

// FollowAdd is the cost of following the commit of [Group.Add].
func (g Group) FollowAdd() Cost { return g.added().Plus(g.followed(g.addBytes(1))) }

// FollowRemove is the cost of following the commit of [Group.Remove].
func (g Group) FollowRemove(leaf uint32) Cost { return g.Follow().Plus(g.blanked(leaf)) }

// followed is the cost of a commit of size bytes as a PublicMessage whose tags are not
// checked: its signature and the transcript hashes (RFC 9420, Sections 6.1 and 8.2).
func (g Group) followed(size float64) Cost {
	transcript := Cost{
		Hash:       2, // confirmed, interim
		HashedByte: size + g.formats(2+g.framed(), Vec(g.Suite.Signature.Signature)),
	}
	return transcript.Plus(g.signed(Verify, size))
}
