package client

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// knownMember is a member whom a partial member has met: who has signed what it read. It is
// known by them when it can no longer follow the group, and the service no longer proves who
// the members were.
type knownMember struct {
	Leaf message.LeafIndex
	Key  []byte // SHA-256 of the signature key
}

// maxKnown is the number of members that a partial member remembers: those it met last.
const maxKnown = 16

// meet notes that somebody is a member in the group's epoch.
func (r *groupRecord) meet(leaf message.LeafIndex, signatureKey []byte) {
	r.part(leaf)
	sum := sha256.Sum256(signatureKey)
	r.Known = append(r.Known, knownMember{leaf, sum[:]})
	r.Known = r.Known[max(0, len(r.Known)-maxKnown):]
}

// part notes that a leaf has another owner or none.
func (r *groupRecord) part(leaf message.LeafIndex) {
	r.Known = slices.DeleteFunc(slices.Clone(r.Known), func(k knownMember) bool { return k.Leaf == leaf })
}

// follow notes what the proposals of a commit do to the members whom the client has met, and
// who has made it.
func (r *groupRecord) follow(proposals []mls.CommittedProposal, committer message.Sender, author message.Author) {
	if committer.Type == message.SenderMember {
		r.meet(committer.Leaf, author.SignatureKey)
	}
	for _, p := range proposals {
		switch what := p.Proposal.(type) {
		case message.Remove:
			r.part(what.Removed)
		case message.SelfRemove:
			r.part(p.Sender.Leaf)
		case message.Update:
			r.meet(p.Sender.Leaf, what.LeafNode.SignatureKey)
		}
	}
}

// hasMet reports whether a signature key is that of a member whom the client has met and of
// whom it has not heard that it went.
func (r *groupRecord) hasMet(signatureKey []byte) bool {
	sum := sha256.Sum256(signatureKey)
	return slices.ContainsFunc(r.Known, func(k knownMember) bool { return bytes.Equal(k.Key, sum[:]) })
}
