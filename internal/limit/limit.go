package limit

import "github.com/mlsuite/mlsuite/suite"

// Group is what the cost of an operation depends on.
type Group struct {
	Suite   suite.Info
	Members int
	Parents int  // populated parents of the tree
	Path    Path // of the committer
	Private bool // handshake messages are PrivateMessages
}

// The sizes below leave out length prefixes, credentials and group identifiers,
// so a limit is a lower bound; what they leave out is a few hundred bytes.

// leafBytes returns the size of a LeafNode (RFC 9420, Section 7.2).
func (g Group) leafBytes() float64 {
	s := g.Suite.Signature
	return float64(g.Suite.KEM.Npk + s.PublicKey + s.Signature)
}

// parentBytes returns the size of a ParentNode (Section 7.1).
func (g Group) parentBytes() float64 { return float64(g.Suite.KEM.Npk + g.Suite.Hash.Size) }

// treeBytes returns the size of the ratchet_tree extension (Section 12.4.3.3).
func (g Group) treeBytes() float64 {
	return float64(g.Members)*g.leafBytes() + float64(g.Parents)*g.parentBytes()
}

// commitBytes returns the size of a Commit with a path (Sections 7.6, 12.4).
func (g Group) commitBytes() float64 {
	sealed := g.Suite.KEM.Nenc + g.Suite.Hash.Size + g.Suite.AEAD.Nt
	return g.leafBytes() + float64(len(g.Path.Levels)*g.Suite.KEM.Npk+g.Path.ciphertexts()*sealed)
}

// Commit is the cost of making a commit with a path and no proposals:
// (1+d) DeriveKey + the resolutions' Seal + 2 Sign, and hashes.
func (g Group) Commit() Cost {
	d := float64(len(g.Path.Levels))
	update := Cost{ // Sections 7.4 to 7.6
		DeriveKey:  1 + d, // the leaf's and the path's
		Prepare:    1,
		Seal:       float64(g.Path.ciphertexts()),
		Expand:     2 * d, // the next path secret, the node secret
		Sign:       1,     // the leaf
		HashedByte: g.leafBytes(),
	}
	return update.Plus(g.pathHashes(), epoch(), g.frame(Sign, g.commitBytes()))
}

// Process is the cost of processing that commit for a receiver whose common
// ancestor with the committer is Path.Levels[level], so with k levels from there
// to the root: 2 Verify + 1 Open + k DeriveKey, and hashes.
func (g Group) Process(level int) Cost {
	k := float64(len(g.Path.Levels) - level)
	update := Cost{
		DeriveKey:  k,
		Open:       1,
		Expand:     2 * k,
		Verify:     1, // the leaf
		HashedByte: g.leafBytes(),
	}
	return update.Plus(g.pathHashes(), epoch(), g.frame(Verify, g.commitBytes()))
}

// MeanProcess is the mean of Process over all receivers.
func (g Group) MeanProcess() Cost {
	var sum Cost
	for i, level := range g.Path.Levels {
		sum = sum.Plus(g.Process(i).Times(float64(level.Receivers)))
	}
	return sum.Times(1 / float64(g.Path.receivers()))
}

// pathHashes is what everybody hashes for a new path: one parent hash for each
// node of the filtered path (Section 7.9), the tree hash of the leaf and of each
// parent above it (Section 7.8).
func (g Group) pathHashes() Cost {
	d, parents, hash := float64(len(g.Path.Levels)), float64(g.Path.Depth), float64(g.Suite.Hash.Size)
	return Cost{
		Hash: d + 1 + parents,
		HashedByte: d*(g.parentBytes()+hash) + // and the sibling's original tree hash
			g.leafBytes() + parents*(g.parentBytes()+2*hash), // and both children's tree hashes
	}
}

// epoch is the cost of a new epoch's secrets, transcript hashes and confirmation
// tag (Sections 8, 8.1 and 8.2).
func epoch() Cost {
	return Cost{
		Extract: 2,     // by the commit secret, by the PSK secret
		Expand:  2 + 9, // joiner_secret and epoch_secret, the nine secrets of Table 4
		Hash:    2,     // confirmed, interim
		MAC:     1,     // confirmation tag
	}
}

// frame is the cost of signing or verifying and protecting or unprotecting a
// handshake message of size bytes (Sections 6.1 to 6.3): as a PublicMessage with a
// membership tag, or as a PrivateMessage, the first of its sender in the epoch.
// The content is hashed for the signature, for the transcript and for the tag.
func (g Group) frame(signature Primitive, size float64) Cost {
	if !g.Private {
		c := Cost{MAC: 1, HashedByte: 3 * size}
		c[signature] = 1
		return c
	}
	toLeaf := Cost{ // Section 9: both children on every level, two ratchets at the leaf
		Expand: 2*float64(g.Path.Depth) + 2,
	}
	return toLeaf.Plus(g.message(signature, size), Cost{HashedByte: size})
}

// message is the cost of a PrivateMessage whose sender's ratchet is at hand
// (Sections 6.3 and 9.1): key, nonce and next secret of the ratchet, key and nonce
// of the sender data, two AEADs, one signature.
func (g Group) message(signature Primitive, size float64) Cost {
	s := float64(g.Suite.Signature.Signature)
	c := Cost{Expand: 3 + 2, AEAD: 2, AEADByte: size + s, HashedByte: size}
	c[signature] = 1
	return c
}

// Encrypt is the cost of sending an application message of size bytes.
func (g Group) Encrypt(size int) Cost { return g.message(Sign, float64(size)) }

// Decrypt is the cost of receiving one.
func (g Group) Decrypt(size int) Cost { return g.message(Verify, float64(size)) }

// KeyPackage is the cost of making a KeyPackage (Section 10): the init key and the
// leaf's, the leaf's signature and the KeyPackage's.
func (g Group) KeyPackage() Cost {
	leaf := g.leafBytes()
	return Cost{DeriveKey: 2, Sign: 2, HashedByte: leaf + leaf + float64(g.Suite.KEM.Npk)}
}

// Add is the cost of making a commit with a path that adds one member to g, and
// its Welcome, whose GroupInfo carries the tree: the commit's, 2 Verify for the
// KeyPackage, 1 Seal to the joiner, and the GroupInfo's signature.
func (g Group) Add() Cost {
	after := g.withJoiner()
	keyPackage := g.leafBytes() + float64(g.Suite.KEM.Npk+g.Suite.Signature.Signature)
	added := Cost{
		Verify:     2,                            // the KeyPackage and its leaf
		Hash:       1 + float64(g.Path.Depth),    // the joiner's leaf and the parents above it
		HashedByte: g.leafBytes() + 3*keyPackage, // those two signatures, and the larger commit in frame
	}
	info := after.groupInfoBytes()
	welcome := Cost{ // Section 12.4.3.1
		Sign:       1,
		Hash:       1, // KeyPackageRef
		Expand:     3, // welcome_secret, its key and nonce
		AEAD:       1, // the GroupInfo
		AEADByte:   info,
		HashedByte: 2 * info, // for the signature and as the info of HPKE
		Prepare:    1,
		Seal:       1,
	}
	return after.Commit().Plus(added, welcome)
}

// Join is the cost of joining from that Welcome: a Verify for each other member's
// leaf and one for the GroupInfo, 1 Open, a DeriveKey for each level from the
// common ancestor to the root, and the hashes of the whole tree (Section 12.4.3.1).
func (g Group) Join() Cost {
	after := g.withJoiner()
	level := after.levelOf(uint32(g.Members))
	k := float64(len(after.Path.Levels) - level)
	members, parents := float64(after.Members), float64(after.Parents)
	hash, info := float64(g.Suite.Hash.Size), after.groupInfoBytes()
	return Cost{
		DeriveKey: k,
		Open:      1,
		Verify:    members,
		Extract:   1,
		Expand:    1 + 9 + 3 + 2*k, // epoch_secret and its nine, the Welcome's, the path's
		MAC:       1,
		Hash:      1 + 1 + 2*members - 1 + parents, // KeyPackageRef, interim, tree hashes, parent hashes
		HashedByte: 2*info + // the info of HPKE, the GroupInfo's signature
			after.treeBytes() + (members-1)*2*hash + // tree hashes
			parents*(g.parentBytes()+hash) + // parent hashes
			members*g.leafBytes(), // the leaves' signatures
		AEAD:     1,
		AEADByte: info,
	}
}

// withJoiner returns the group that Add makes. The committer is leaf 0.
func (g Group) withJoiner() Group {
	g.Path = g.Path.AddLeaf(g.Members, 0)
	g.Members++
	g.Parents = max(g.Parents, len(g.Path.Levels))
	return g
}

// levelOf returns the level of the path that leaf receives.
func (g Group) levelOf(leaf uint32) int {
	for i, level := range g.Path.Levels {
		if leaf >= level.First && leaf < level.First+uint32(level.Receivers) {
			return i
		}
	}
	return len(g.Path.Levels)
}

// groupInfoBytes returns the size of a GroupInfo that carries the tree.
func (g Group) groupInfoBytes() float64 {
	return g.treeBytes() + float64(g.Suite.Signature.Signature+3*g.Suite.Hash.Size)
}
