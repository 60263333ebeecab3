package limit

import (
	"strings"

	"github.com/mlsuite/mlsuite/suite"
)

// PrivateMessageBytes is the size of an MLSMessage with a Commit of n bytes as a
// PrivateMessage without padding (RFC 9420, Section 6.3), in a group with its contents. Its
// signature has the greatest length.
func (g Group) PrivateMessageBytes(n int) float64 {
	i := g.Suite
	authenticated := Vec(i.Signature.Signature) + Vec(i.Hash.Size)
	return float64(4 + Vec(g.contents().GroupID) + 8 + 1 + Vec(0) + Vec(senderData+i.AEAD.Nt) + Vec(n+authenticated+i.AEAD.Nt))
}

// DataMessageBytes is the size of the MLSMessage with size bytes of application data, in the mean,
// in a group with its contents.
func (g Group) DataMessageBytes(size int) float64 {
	// It has no confirmation tag.
	return g.PrivateMessageBytes(Vec(size)-Vec(g.Suite.Hash.Size)) - ShorterSignature(g.Suite)
}

// CommitMessageBytes is the size of the MLSMessage of [Group.Commit], in the mean, in a group
// with its contents.
func (g Group) CommitMessageBytes() float64 {
	return g.PrivateMessageBytes(int(g.commitBytes())) - 2*ShorterSignature(g.Suite) // the leaf's, the message's
}

// ShorterSignature returns by how much a signature is shorter than the longest one, in the
// mean. The numbers r and s of ECDSA, by itself or in a composite, are encoded without leading
// zeros (DER).
func ShorterSignature(i suite.Info) float64 {
	switch {
	case !strings.HasPrefix(i.Signature.Classical, "P-"):
		return 0
	case i.Signature.Classical == "P-521":
		return 0.5 // of the 66 bytes the first has one bit
	}
	return 1 // each has a leading zero byte, or lacks one, in half of all cases
}
