package suite

import (
	"fmt"
	"time"
)

// Policy is a mandate: it says what may be used. The same value answers the engine, about
// each thing that enters a group, and a registry, about the suites that it lists.
//
// Implementations must be safe for concurrent use.
type Policy interface {
	// Judge returns nil if q.Subject may be used as q says, or an error that says why
	// not. It refuses a Subject that it does not know with an [*UnknownSubjectError], so
	// that nothing from a later document gets past an older policy. The same question
	// always has the same answer.
	//
	// A policy that refuses [Leave] locks members in.
	Judge(q Question) error
}

// PolicyFunc is a function that judges.
type PolicyFunc func(q Question) error

// Judge calls f.
func (f PolicyFunc) Judge(q Question) error { return f(q) }

// Question asks whether something may be used.
type Question struct {
	Use  Use
	Time time.Time // the time of the call; a date may change the answer

	// Subject is what would be used, as a plain value: the [Info] of a suite, as
	// [Describe] returns it; a [Move]; a [PairInfo]; a [MemberInfo]; a [PSKInfo]; a
	// [ComponentInfo]; a [CertificateInfo]; a [SenderInfo]; a [Token]; or a CredentialType,
	// Lifetime or WireFormat of package mls/message. Later packages have subjects of their own.
	Subject any

	// Listing says that nothing is used yet: the answer decides what is listed as usable,
	// by a leaf for its group or by a program for people. The policy judges the Subject
	// as if it were to be used. An audit log need not report the refusal.
	Listing bool
}

// Ask returns the answer of p, or nil if p is nil, which allows everything.
func (q Question) Ask(p Policy) error {
	if p == nil {
		return nil
	}
	return p.Judge(q)
}

// UnknownSubjectError says that a policy refuses a [Question] because it does not know
// the Subject.
type UnknownSubjectError struct{ Subject any }

// Error names the type of the subject.
func (e *UnknownSubjectError) Error() string {
	return fmt.Sprintf("suite: the policy does not know what a %T is, and refuses it", e.Subject)
}

// Move is a group of suite To that takes the place of a group of suite From by a ReInit,
// or branches off from it (RFC 9420, Sections 11.2 and 11.3). For a branch, From and To
// are the same.
type Move struct{ From, To Info }

// PSKInfo is what a policy sees of a pre-shared key (RFC 9420, Section 8.4).
type PSKInfo struct {
	Type   string // "external", "resumption", or "application" for one of a component
	Length int    // in bytes
}

// ComponentInfo is what a policy sees of a proposal for a component of an application
// (draft-ietf-mls-extensions).
type ComponentInfo struct {
	ID       uint16 // of the component
	Proposal string // "app_data_update" or "app_ephemeral"
}

// CertificateInfo is what a policy sees of one certificate of the chain of an X.509
// credential (RFC 9420, Section 5.3).
type CertificateInfo struct {
	// Position is "leaf", "intermediate" or "root". A root has signed itself.
	Position string

	// Key is the algorithm of the certified key: "P-256", "P-384", "P-521", "Ed25519",
	// "RSA", "ML-DSA-44", "ML-DSA-65" or "ML-DSA-87", and for any other its object
	// identifier.
	Key     string
	KeyBits int // of an RSA modulus; 0 for another key

	// Signature is the algorithm by which the certificate is signed: "ECDSA",
	// "RSA-PKCS1", "RSA-PSS", "Ed25519", "ML-DSA-44" and so on, and for any other its object
	// identifier. Hash is the hash of ECDSA and RSA, such as "SHA-384", and else empty.
	Signature string
	Hash      string
}

// SenderInfo is what a policy sees of a message whose sender's credential was authenticated
// before and does not hold any more.
type SenderInfo struct {
	Message string // "application", "proposal" or "commit"
	Lapse   string // "revoked", "expired", "unknown" or "untrusted"
}

// Use is what somebody wants to do with the Subject of a [Question]. It lets a policy
// whose date has come stop new groups without locking anybody into existing groups, or
// out of them.
type Use int

const (
	// Start begins something: a new group, a key package, a member that is added, a join,
	// an external commit, or the target of a ReInit or a branch.
	Start Use = iota + 1
	// Continue goes on in an existing group: sending, proposing, committing.
	Continue
	// Receive only reads an existing group: restoring a saved state, processing messages,
	// following a public group.
	Receive
	// Leave leads out of a group: a removal, a ReInit, or the restoration of a group in
	// order to leave it.
	Leave
)

func (u Use) String() string {
	switch u {
	case Start:
		return "start"
	case Continue:
		return "continue"
	case Receive:
		return "receive"
	case Leave:
		return "leave"
	}
	return fmt.Sprintf("Use(%d)", int(u))
}
