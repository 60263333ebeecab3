package suite

import "fmt"

// Use is what somebody wants of a suite. A policy whose date has come can so stop
// new groups without locking anybody in, or out of, those that exist.
type Use int

const (
	// Start is a new group, a key package, a join, an external commit, or the
	// target of a ReInit or a branch.
	Start Use = iota + 1
	// Continue is work in a group that exists: import, process, send.
	Continue
	// Leave is the way out of one: ReInit to another suite, export, removal.
	Leave
)

func (u Use) String() string {
	switch u {
	case Start:
		return "start"
	case Continue:
		return "continue"
	case Leave:
		return "leave"
	}
	return fmt.Sprintf("Use(%d)", int(u))
}
