package suite

import (
	"fmt"
	"time"
)

// Policy is a mandate: it says what may be used. One value answers all who ask: the
// engine about each thing that enters a group, and a registry about the suites that it
// lists.
//
// Implementations must be safe for concurrent use.
type Policy interface {
	// Judge returns nil if what q asks about may be used so, or an error that says why
	// not. It refuses a Subject that it does not know with an [*UnknownSubjectError], so
	// that nothing of a later document gets past a policy that was written before it.
	// The same question has the same answer.
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
	Time time.Time // of the call: a date may change the answer

	// Subject is what would be used, a plain value: the [Info] of a suite, as [Describe]
	// returns it; a [Move]; or a CredentialType, Lifetime, PSKInfo or WireFormat of
	// package mls. Packages that come later have subjects of their own.
	Subject any

	// Listing says that nothing is used yet: the answer decides what is listed as usable,
	// by a leaf for its group or by a program for people. It is judged as if it were to
	// be used, and its refusal is no event that an audit log has to tell of.
	Listing bool
}

// Ask returns the answer of p, or nil if p is nil, which allows everything.
func (q Question) Ask(p Policy) error {
	if p == nil {
		return nil
	}
	return p.Judge(q)
}

// UnknownSubjectError is a policy's refusal of a [Question] whose Subject it does not
// know.
type UnknownSubjectError struct{ Subject any }

// Error names the type of the subject.
func (e *UnknownSubjectError) Error() string {
	return fmt.Sprintf("suite: the policy does not know what a %T is, and refuses it", e.Subject)
}

// Move is a group of one suite that takes the place of a group of another, or of the
// same: by a ReInit, or as a branch (RFC 9420, Sections 11.2 and 11.3).
type Move struct{ From, To Info }

// Use is what somebody wants to do with the subject of a [Question]. A policy whose
// date has come can so stop new groups without locking anybody in, or out of, those
// that exist.
type Use int

const (
	// Start is a new group, a key package, somebody who is added, a join, an external
	// commit, or the target of a ReInit or a branch.
	Start Use = iota + 1
	// Continue is work in a group that exists: send, propose, commit.
	Continue
	// Receive is what only reads a group that exists: the import of saved state,
	// the processing of messages, a public group.
	Receive
	// Leave is the way out of one: ReInit to another suite, removal, export, saving.
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
