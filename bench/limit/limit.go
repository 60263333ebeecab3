package limit

import "github.com/mlsuite/mlsuite/suite"

// Group holds what the cost of an operation depends on.
type Group struct {
	Suite suite.Info
	Tree  Tree

	// SafeExporter says that each epoch has an exporter tree (draft-ietf-mls-extensions-10,
	// Section 4.4): mls.Config has it under the same name.
	SafeExporter bool

	// Contents are what the structures of the group hold beside keys, hashes and signatures.
	// If it is nil, a limit leaves them out, with all length prefixes and labels: some hundred
	// bytes of each message.
	Contents *Contents

	proposals int // bytes of the proposals that a commit with a path covers by value
}

// Commit is the cost of making a commit with a path and no proposals, d levels
// long: (1+d) DeriveKey, a Seal for each node of the resolutions, 2 Sign, hashes.
func (g Group) Commit() Cost {
	return g.renew().Plus(g.epoch(), g.frame(Sign, g.commitBytes()))
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
	return g.learn(level).Plus(g.epoch(), g.frame(Verify, g.commitBytes()))
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
	// The topmost node has no parent hash.
	parentHashes[HashedByte] -= min(1, d) * g.formats(g.Suite.Hash.Size)
	return parentHashes.Plus(g.treeHashes(g.Tree, len(g.Tree.Path)))
}

// treeHashes is the cost of the hashes after a leaf has changed (Section 7.8): of the
// leaf, and of each parent above it with the tree hashes of both children. The lowest count of
// these parents that are populated is given.
func (g Group) treeHashes(t Tree, populated int) Cost {
	parents := float64(t.Depth)
	c := Cost{
		Hash:       1 + parents,
		HashedByte: g.leafBytes() + parents*2*float64(g.Suite.Hash.Size) + g.parentsBytes(populated),
	}
	c[HashedByte] += g.formats(leafHashFormat) + parents*g.parentHashFormats()
	return c
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
	c := Cost{Hash: float64(leaves + parents), HashedByte: float64(parents * 2 * g.Suite.Hash.Size)}
	c[HashedByte] += float64(leaves)*g.formats(leafHashFormat) + float64(parents)*g.parentHashFormats()
	return c
}

// epoch is the cost of a new epoch's secrets, transcript hashes and confirmation
// tag (Sections 8, 8.1 and 8.2).
func (g Group) epoch() Cost {
	hash := g.Suite.Hash.Size
	c := Cost{
		Extract: 2,     // with the commit secret, with the PSK secret
		Expand:  2 + 9, // joiner_secret and epoch_secret, the nine secrets of Table 4
		Hash:    2,     // confirmed, interim
		MAC:     1,     // confirmation tag
	}
	if g.SafeExporter {
		c[Expand]++ // application_export_secret
	}
	// joiner_secret and epoch_secret are derived with the GroupContext, which makes their
	// labels as much longer than others. Each transcript hash takes the one before.
	c[HashedByte] = 2*g.formats(int(g.contextBytes())) + g.formats(hash, hash, Vec(hash))
	return c
}

// SafeExport is the cost of the first secret that is taken out of an exporter tree of 2^16
// leaves. A later one costs less, by the levels that it shares with one before it.
func (g Group) SafeExport() Cost { return Cost{Expand: 2 * 16} }

// frame is the cost of signing or verifying, and of protecting or unprotecting, a
// handshake message of size bytes as a PrivateMessage, the first of its sender in
// the epoch (Sections 6.1 and 6.3).
func (g Group) frame(signature Primitive, size float64) Cost {
	toLeaf := Cost{ // Section 9: both children at every level, two ratchets at the leaf
		Expand:     2*float64(g.Tree.Depth) + 2,
		HashedByte: size + g.formats(2+g.framed(), Vec(g.Suite.Signature.Signature)), // transcript
	}
	return toLeaf.Plus(g.message(signature, size))
}

// message is the cost of a PrivateMessage whose sender's ratchet is at hand
// (Sections 6.3 and 9.1): key, nonce and next secret of the ratchet, key and nonce
// of the sender data, 2 AEAD, 1 signature.
func (g Group) message(signature Primitive, size float64) Cost {
	c := Cost{
		Expand: 3 + 2, AEAD: 2,
		AEADByte: size + float64(g.Suite.Signature.Signature) + g.formats(prefix(g.Suite.Signature.Signature), senderData),
	}
	return c.Plus(g.signed(signature, size))
}

// signed is the cost of signing or verifying the content of a message of size bytes,
// together with the GroupContext, by a member or by who becomes one (Section 6.1).
func (g Group) signed(signature Primitive, size float64) Cost {
	var c Cost
	c[signature] = 1
	c[byteOf(signature)] = g.toBeSigned("FramedContentTBS", size+g.contextBytes()+g.formats(2+2+g.framed()))
	return c
}

// Encrypt is the cost of sending an application message of size bytes.
func (g Group) Encrypt(size int) Cost { return g.message(Sign, g.data(size)) }

// Decrypt is the cost of receiving one.
func (g Group) Decrypt(size int) Cost { return g.message(Verify, g.data(size)) }

// data returns the size of size bytes as the content of an application message.
func (g Group) data(size int) float64 { return float64(size) + g.formats(prefix(size)) }

// KeyPackage is the cost of making a KeyPackage (Section 10): 2 DeriveKey for the
// init key and the leaf's, 2 Sign for the leaf and the whole, and its reference.
func (g Group) KeyPackage() Cost {
	return Cost{
		DeriveKey: 2, Sign: 2, SignedByte: g.newLeafTBSBytes() + g.keyPackageTBSBytes(),
		Hash: 1, HashedByte: g.keyPackageBytes() + g.reference(),
	}
}

// Add is the cost of making a commit without a path that adds one member, and its
// Welcome, whose GroupInfo carries the tree: 2 VerifyFirst of the KeyPackage, 2 Sign of
// the commit and the GroupInfo, 1 Seal to the joiner, 2 CheckKey, hashes.
func (g Group) Add() Cost {
	after := g.Tree.withJoiner()
	info := g.groupInfoBytes(after)
	return g.added().Plus(g.welcome(1, info), g.epoch(), g.frame(Sign, g.addBytes(1)))
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
		HashedByte: joiners*(g.keyPackageBytes()+g.reference()) + info, // the info of HPKE
		SignedByte: g.groupInfoTBSBytes(info),
		Prepare:    1,
		Seal:       joiners,
	}
}
