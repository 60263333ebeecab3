package scale

import (
	"math/bits"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/suite"
)

// sizes counts the bytes of messages by the formats of RFC 9420, for groups as suitebench
// makes them: each client has one suite and a basic credential, and lists a GREASE value
// beside each of its capabilities.
type sizes struct {
	suite.Info
	shorter float64 // as [limit.ShorterSignature]
}

func sizesOf(i suite.Info) sizes { return sizes{i, limit.ShorterSignature(i)} }

// Group is a steady group of suitebench with what its members put into their structures: one suite,
// a basic credential of 11 bytes, and a GREASE value beside each of the capabilities.
func Group(i suite.Info, members int) limit.Group {
	return limit.Group{Suite: i, Tree: limit.Steady(members, 0), Contents: Contents(i, 1)}
}

// Contents are what members of a group of suitebench put into their structures, if their leaves
// list so many suites.
func Contents(i suite.Info, listed int) *limit.Contents {
	return &limit.Contents{
		GroupID: i.Hash.Size, Leaf: leafContents(memberID, listed), KeyPackage: extension(), GroupInfo: extension(),
	}
}

// Sizes returns the bytes of a commit that renews the keys of a member of a steady group, and of a
// Welcome to it, in the mean.
func Sizes(i suite.Info, members int) [2]float64 {
	z := sizesOf(i)
	return [2]float64{z.commit(members), z.welcome(members)}
}

// The identities in the credentials.
const (
	memberID   = len("member ") + 4
	newcomerID = len("newcomer")
)

// maxVector is the size in bytes from which on a vector cannot be encoded.
const maxVector = 1 << 30

// extension is an extension with a GREASE type, of four bytes (Section 13.5).
func extension() int { return limit.Extension(4) }

// leaf is a LeafNode without what depends on its source (Section 7.2).
func (z sizes) leaf(identity int) int {
	return limit.Vec(z.KEM.Npk) + limit.Vec(z.Signature.PublicKey) + leafContents(identity, 1) + 1 + limit.Vec(z.Signature.Signature)
}

// leafContents are mls10, the suites, basic, X.509, and GREASE.
func leafContents(identity, listed int) int {
	return limit.LeafContents(identity, [5]int{1, listed + 1, 1, 1, 3}, 4)
}

func (z sizes) keyPackageLeaf(identity int) int { return z.leaf(identity) + 2*8 } // the lifetime

func (z sizes) commitLeaf() int { return z.leaf(memberID) + limit.Vec(z.Hash.Size) } // the parent hash

// keyPackage is a KeyPackage (Section 10).
func (z sizes) keyPackage() int {
	return 2 + 2 + limit.Vec(z.KEM.Npk) + z.keyPackageLeaf(newcomerID) + limit.Vec(extension()) + limit.Vec(z.Signature.Signature)
}

// commit is the message with a Commit of leaf 0 that renews its keys (Sections 7.6, 12.4).
func (z sizes) commit(members int) float64 { return Group(z.Info, members).CommitMessageBytes() }

// add is the message with a Commit that adds a newcomer, without a path.
func (z sizes) add() float64 {
	proposal := 1 + 2 + z.keyPackage() // by value, and its type
	return Group(z.Info, 2).PrivateMessageBytes(limit.Vec(proposal)+1) - 3*z.shorter
}

// welcome is the MLSMessage with the Welcome for a newcomer, with the tree (Section
// 12.4.3.1).
func (z sizes) welcome(members int) float64 {
	secrets := limit.Vec(z.KDF.Nh) + 1 + limit.Vec(0)
	joiner := limit.Vec(z.Hash.Size) + limit.Vec(z.KEM.Nenc) + limit.Vec(secrets+z.AEAD.Nt)
	return float64(4+2+limit.Vec(joiner)+limit.Vec(z.groupInfo(members))) - float64(members+2)*z.shorter
}

// groupInfo is the encrypted GroupInfo of that Welcome (Section 12.4.3).
func (z sizes) groupInfo(members int) int {
	hash := z.Hash.Size
	context := 2 + 2 + limit.Vec(hash) + 8 + limit.Vec(hash) + limit.Vec(hash) + limit.Vec(0)
	extensions := 2 + limit.Vec(limit.Vec(z.tree(members))) + extension()
	return context + limit.Vec(extensions) + limit.Vec(hash) + 4 + limit.Vec(z.Signature.Signature) + z.AEAD.Nt
}

// fits reports whether a Welcome can carry the tree.
func (z sizes) fits(members int) bool { return z.groupInfo(members) < maxVector }

// tree is the content of a ratchet_tree extension of a steady group with a newcomer
// (Section 12.4.3.3). The members at even leaves have committed.
// The root has no parent hash. The newcomer is an unmerged leaf of each parent above it
// that had members on both sides: one for each one in the binary number of its leaf, but
// for the last. Its own parent is blank.
func (z sizes) tree(members int) int {
	const node = 2 // it is there, and its type
	committed := (members + 1) / 2
	leaves := committed*(node+z.commitLeaf()) + (members-committed)*(node+z.keyPackageLeaf(memberID)) +
		node + z.keyPackageLeaf(newcomerID)
	parents := (members-1)*(node+limit.Vec(z.KEM.Npk)+limit.Vec(z.Hash.Size)+limit.Vec(0)) - (limit.Vec(z.Hash.Size) - limit.Vec(0)) + 1
	unmerged := (bits.OnesCount(uint(members)) - 1) * 4
	return leaves + parents + unmerged
}
