package suite

import "fmt"

// Use is what somebody wants of a suite. A policy whose date has come can so stop
// new groups without locking anybody in, or out of, those that exist.
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
