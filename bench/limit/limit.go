package limit

import "github.com/mlsuite/mlsuite/suite"

// Group holds what the cost of an operation depends on.
type Group struct {
	Suite suite.Info
	Tree  Tree
}

// The sizes below leave out length prefixes, credentials, capabilities and group
// identifiers, some hundred bytes of each message, so that a limit is a lower bound.

// leafBytes returns the size of a LeafNode (RFC 9420, Section 7.2).
func (g Group) leafBytes() float64 {
	s := g.Suite.Signature
	return float64(g.Suite.KEM.Npk + s.PublicKey + s.Signature)
}

// leafTBSBytes returns the size of what a leaf's signature covers (Section 7.2).
func (g Group) leafTBSBytes() float64 { return g.leafBytes() - float64(g.Suite.Signature.Signature) }

// keyPackageBytes returns the size of a KeyPackage (Section 10).
func (g Group) keyPackageBytes() float64 {
	return g.leafBytes() + float64(g.Suite.KEM.Npk+g.Suite.Signature.Signature)
}

// keyPackageTBSBytes returns the size of what its signature covers.
func (g Group) keyPackageTBSBytes() float64 {
	return g.keyPackageBytes() - float64(g.Suite.Signature.Signature)
}

// parentBytes returns the size of a ParentNode (Section 7.1).
func (g Group) parentBytes() float64 { return float64(g.Suite.KEM.Npk + g.Suite.Hash.Size) }

// treeBytes returns the size of a ratchet_tree extension (Section 12.4.3.3).
func (g Group) treeBytes(t Tree) float64 {
	return float64(t.Members)*g.leafBytes() + float64(t.Parents)*g.parentBytes()
}

// groupInfoBytes returns the size of a GroupInfo with the tree (Section 12.4.3).
func (g Group) groupInfoBytes(t Tree) float64 {
	return g.treeBytes(t) + float64(g.Suite.Signature.Signature+3*g.Suite.Hash.Size)
}

// groupInfoTBSBytes returns the size of what the signature of a GroupInfo of info bytes
// covers.
func (g Group) groupInfoTBSBytes(info float64) float64 {
	return info - float64(g.Suite.Signature.Signature)
}

// contextBytes returns the size of a GroupContext (Section 8.1).
func (g Group) contextBytes() float64 { return 2 * float64(g.Suite.Hash.Size) }

// commitBytes returns the size of a Commit with a path (Sections 7.6, 12.4).
func (g Group) commitBytes() float64 {
	return g.leafBytes() + float64(len(g.Tree.Path)*g.Suite.KEM.Npk) + float64(g.Tree.ciphertexts())*g.ciphertextBytes()
}

// ciphertextBytes returns the size of an encrypted path secret.
func (g Group) ciphertextBytes() float64 {
	return float64(g.Suite.KEM.Nenc + g.Suite.Hash.Size + g.Suite.AEAD.Nt)
}

// Commit is the cost of making a commit with a path and no proposals, d levels
// long: (1+d) DeriveKey, a Seal for each node of the resolutions, 2 Sign, hashes.
func (g Group) Commit() Cost {
	return g.renew().Plus(epoch(), g.frame(Sign, g.commitBytes()))
}

// renew is the cost of new keys from the committer's leaf to the root (Sections 7.4 to 7.6).
func (g Group) renew() Cost {
	d := float64(len(g.Tree.Path))
	update := Cost{
		DeriveKey:  1 + d,     // the leaf's and the path's
		Prepare:    min(1, d), // unless nobody else is left
		Seal:       float64(g.Tree.ciphertexts()),
		Expand:     2 * d, // the next path secret, the node secret
		Sign:       1,     // the leaf
		SignedByte: g.leafTBSBytes(),
	}
	return update.Plus(g.pathHashes())
}

// Process is the cost of processing that commit for a receiver below the copath child of
// Tree.Path[level], who has k levels from the common ancestor to the root: 2 Verify, 1
// Open, k DeriveKey, 1+d CheckKey, hashes. A bad key in the tree would cost every later
// commit, so all new keys are checked, as RFC 9180, Section 7.1.4, demands of keys to
// which somebody encrypts.
func (g Group) Process(level int) Cost {
	return g.learn(level).Plus(epoch(), g.frame(Verify, g.commitBytes()))
}

// learn is the cost of checking and opening another member's new keys.
func (g Group) learn(level int) Cost {
	d := float64(len(g.Tree.Path))
	k := d - float64(level)
	update := Cost{
		DeriveKey:    k,
		Open:         1,
		Expand:       2 * k,
		Verify:       1, // the leaf
		CheckKey:     1 + d,
		VerifiedByte: g.leafTBSBytes(),
	}
	return update.Plus(g.pathHashes())
}

// MeanProcess is the mean of Process over all receivers.
func (g Group) MeanProcess() Cost { return g.Tree.mean(g.Process) }

// mean returns the mean over all receivers of what those of a level pay.
func (t Tree) mean(of func(level int) Cost) Cost {
	var sum Cost
	receivers := 0
	for i, level := range t.Path {
		sum = sum.Plus(of(i).Times(float64(level.Receivers)))
		receivers += level.Receivers
	}
	return sum.Times(1 / float64(max(receivers, 1)))
}

// pathHashes is the cost of what everybody hashes for a new path: a parent hash for each
// of its nodes (Section 7.9), and the tree hashes from the leaf to the root.
func (g Group) pathHashes() Cost {
	d := float64(len(g.Tree.Path))
	parentHashes := Cost{
		Hash:       d,
		HashedByte: d * (g.parentBytes() + float64(g.Suite.Hash.Size)), // with the sibling's tree hash
	}
	return parentHashes.Plus(g.treeHashes(g.Tree))
}

// treeHashes is the cost of the hashes after a leaf has changed (Section 7.8): of the
// leaf, and of each parent above it with the tree hashes of both children.
func (g Group) treeHashes(t Tree) Cost {
	parents := float64(t.Depth)
	return Cost{
		Hash:       1 + parents,
		HashedByte: g.leafBytes() + parents*(g.parentBytes()+2*float64(g.Suite.Hash.Size)),
	}
}

// grown is the cost of the hashes when one Add doubles the width of the tree, beyond the
// path of the new leaf: the blank nodes of the new half (Sections 7.7 and 7.8).
func (g Group) grown(after Tree) Cost {
	if after.Depth == g.Tree.Depth {
		return Cost{}
	}
	half := 1<<g.Tree.Depth - 1 // leaves besides the new one, and parents
	return g.blankHashes(half, half-g.Tree.Depth)
}

// blankHashes is the cost of the tree hashes of blank nodes with only blank nodes below
// them. They contain the indices of the leaves, and so all of them differ.
func (g Group) blankHashes(leaves, parents int) Cost {
	return Cost{Hash: float64(leaves + parents), HashedByte: float64(parents * 2 * g.Suite.Hash.Size)}
}

// epoch is the cost of a new epoch's secrets, transcript hashes and confirmation
// tag (Sections 8, 8.1 and 8.2).
func epoch() Cost {
	return Cost{
		Extract: 2,     // with the commit secret, with the PSK secret
		Expand:  2 + 9, // joiner_secret and epoch_secret, the nine secrets of Table 4
		Hash:    2,     // confirmed, interim
		MAC:     1,     // confirmation tag
	}
}

// frame is the cost of signing or verifying, and of protecting or unprotecting, a
// handshake message of size bytes as a PrivateMessage, the first of its sender in
// the epoch (Sections 6.1 and 6.3).
func (g Group) frame(signature Primitive, size float64) Cost {
	toLeaf := Cost{ // Section 9: both children at every level, two ratchets at the leaf
		Expand:     2*float64(g.Tree.Depth) + 2,
		HashedByte: size, // transcript
	}
	return toLeaf.Plus(g.message(signature, size))
}

// message is the cost of a PrivateMessage whose sender's ratchet is at hand
// (Sections 6.3 and 9.1): key, nonce and next secret of the ratchet, key and nonce
// of the sender data, 2 AEAD, 1 signature.
func (g Group) message(signature Primitive, size float64) Cost {
	c := Cost{
		Expand: 3 + 2, AEAD: 2,
		AEADByte: size + float64(g.Suite.Signature.Signature),
	}
	return c.Plus(g.signed(signature, size))
}

// signed is the cost of signing or verifying the content of a message of size bytes,
// together with the GroupContext, by a member or by who becomes one (Section 6.1).
func (g Group) signed(signature Primitive, size float64) Cost {
	var c Cost
	c[signature] = 1
	c[byteOf(signature)] = size + g.contextBytes()
	return c
}

// Encrypt is the cost of sending an application message of size bytes.
func (g Group) Encrypt(size int) Cost { return g.message(Sign, float64(size)) }

// Decrypt is the cost of receiving one.
func (g Group) Decrypt(size int) Cost { return g.message(Verify, float64(size)) }

// KeyPackage is the cost of making a KeyPackage (Section 10): 2 DeriveKey for the
// init key and the leaf's, 2 Sign for the leaf and the whole, and its reference.
func (g Group) KeyPackage() Cost {
	return Cost{
		DeriveKey: 2, Sign: 2, SignedByte: g.leafTBSBytes() + g.keyPackageTBSBytes(),
		Hash: 1, HashedByte: g.keyPackageBytes(),
	}
}

// Add is the cost of making a commit without a path that adds one member, and its
// Welcome, whose GroupInfo carries the tree: 2 VerifyFirst of the KeyPackage, 2 Sign of
// the commit and the GroupInfo, 1 Seal to the joiner, 2 CheckKey, hashes.
func (g Group) Add() Cost {
	after := g.Tree.withJoiner()
	info := g.groupInfoBytes(after)
	return g.added().Plus(g.welcome(1, info), epoch(), g.frame(Sign, g.keyPackageBytes()))
}

// welcome is the cost of a Welcome to a number of joiners, with a GroupInfo of info bytes
// (Section 12.4.3.1).
func (g Group) welcome(joiners, info float64) Cost {
	return Cost{
		Sign:       1,
		Hash:       joiners, // KeyPackageRef
		Extract:    1,       // with the PSK secret: once more, as a Welcome is made apart from the epoch
		Expand:     3,       // welcome_secret, its key and nonce
		AEAD:       1,
		AEADByte:   info,
		HashedByte: joiners*g.keyPackageBytes() + info, // the info of HPKE
		SignedByte: g.groupInfoTBSBytes(info),
		Prepare:    1,
		Seal:       joiners,
	}
}
