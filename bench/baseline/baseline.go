// Package baseline prices the traffic of a group without MLS: over pairwise sessions, and
// over sender keys that pairwise sessions distribute. It counts the primitives of a cipher
// suite, so that the same prices apply to all schemes, in closed form as package limit does.
//
// # Counts and their sources
//
// Not every suite has a Diffie-Hellman function, so the counts are those of the same
// protocols over a KEM.
//
// A session begins as in X3DH ("The X3DH Key Agreement Protocol", revision 1, 2016, Sections
// 3.2 to 3.4) and PQXDH ("The PQXDH Key Agreement Protocol", 2023, the same sections). The
// initiator verifies the signed prekey, and encapsulates to it and to a one-time prekey. It
// authenticates itself by a signature, where X3DH does so by a DH of its identity key. That
// is the KEM form of Hashimoto, Katsumata, Kwiatkowski and Prest ("An Efficient and Generic
// Construction for Signal's Handshake (X3DH)", PKC 2021).
//
// A session goes on as in the Double Ratchet ("The Double Ratchet Algorithm", revision 1,
// 2016). Each message takes a step of the symmetric ratchet, which is two MACs (Sections 2.2
// and 5.2), and one AEAD (Sections 3.4 and 3.5). A message that answers one of the other
// side takes a step of the public ratchet beside (Section 2.3): the sender makes a key pair
// and encapsulates, the receiver decapsulates. That is the KEM form of Alwen, Coretti and
// Dodis ("The Double Ratchet: Security Notions, Proofs, and Modularization for the Signal
// Protocol", EUROCRYPT 2019, continuous key agreement). A party makes its next key pair
// when it sends (Section 6.5).
//
// Sender keys are those of the WhatsApp Encryption Overview (section Group Messages) and of
// Balbás, Collins and Gajland ("WhatsUpp with Sender Keys?", ASIACRYPT 2023). Each member
// who speaks has a symmetric ratchet and a signature key, and sends both to each other
// member in a session. A message takes a step, one AEAD and one signature. After a removal
// every speaker makes and sends a new sender key. A renewal, after which somebody who knew
// all of a member's secrets can read no more, takes the same from every speaker (Weidner,
// Kleppmann, Hugenroth and Beresford, "Key Agreement for Decentralized Secure Group
// Messaging with Strong Security Guarantees", CCS 2021, Section 3), beside new keys in all
// of the member's sessions.
//
// # What is left out
//
// Each count is a lower bound, as those of package limit are. Sizes leave out identifiers,
// counters and length prefixes. The header of the Double Ratchet is sent once in a step and
// not repeated until it is answered. Signature keys of sender keys are made for nothing.
// Lists of members are kept by the service.
package baseline

import (
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/suite"
)

// Group is a group whose traffic is priced.
type Group struct {
	Suite    suite.Info
	Members  int // 3 or more
	Speakers int // members who send messages, 1 to Members; all send as many

	// MoreCiphertexts is the mean number of ciphertexts of a commit of MLS with a path beyond
	// one for each level, and Beyond what its messages have beyond their least sizes.
	MoreCiphertexts float64
	Beyond          Beyond

	// Contents are those of [limit.Group]. With them Beyond is what is left beyond the sizes
	// of its formulas.
	Contents *limit.Contents
}

// Beyond is by how many bytes messages of MLS are longer than their least sizes, in which
// there are no identifiers, capabilities and length prefixes.
type Beyond struct {
	Commit     float64 // with a path
	Add        float64 // a commit that adds a member
	KeyPackage float64
	Message    float64
	Welcome    float64 // a part of the least size, since each leaf in it has its own
}

// Load is what a party pays.
type Load struct {
	Cost     limit.Cost // primitives
	Up, Down float64    // bytes sent and received
}

func (l Load) plus(others ...Load) Load {
	for _, o := range others {
		l.Cost = l.Cost.Plus(o.Cost)
		l.Up += o.Up
		l.Down += o.Down
	}
	return l
}

func (l Load) times(factor float64) Load {
	return Load{l.Cost.Times(factor), l.Up * factor, l.Down * factor}
}

// Toll is what an operation costs everybody.
type Toll struct {
	Actor   Load // the member who acts; the mean of all members where nobody does more for it
	Member  Load // each other member, in the mean
	Joiner  Load // who is added
	Service Load // the delivery service: the bytes that it sends and receives, and to follow
}

func (t Toll) plus(o Toll) Toll {
	return Toll{t.Actor.plus(o.Actor), t.Member.plus(o.Member), t.Joiner.plus(o.Joiner), t.Service.plus(o.Service)}
}

func (t Toll) times(factor float64) Toll {
	return Toll{t.Actor.times(factor), t.Member.times(factor), t.Joiner.times(factor), t.Service.times(factor)}
}

// Scheme is a way to keep a group.
type Scheme struct {
	Name    string
	Message func(g Group, size int) Toll // a speaker sends size bytes to the group
	Add     func(Group) Toll             // a member adds somebody, who speaks if all members do
	Remove  func(Group) Toll             // a member removes another
	Renew   func(Group) Toll             // a member replaces its keys
}

// MLS is a group of MLS in a steady tree, with the ciphertexts that a group has beside, in
// the formulas of package limit. The member at leaf 0 acts, and removes a member of the other
// half.
func MLS() Scheme { return Scheme{"MLS", mlsMessage, mlsAdd, mlsRemove, mlsRenew} }

// Pairwise is a group over sessions between each speaker and each other member.
func Pairwise() Scheme {
	return Scheme{"pairwise sessions", pairwiseMessage, pairwiseAdd, pairwiseRemove, pairwiseRenew}
}

// SenderKeys is a group over sender keys.
func SenderKeys() Scheme {
	return Scheme{"sender keys", senderMessage, senderAdd, senderRemove, senderRenew}
}
