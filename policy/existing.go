package policy

import (
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

// Existing says what becomes of an existing group when a policy denies what it uses.
// Leaving is always possible.
type Existing int

// From the mildest to the strictest.
const (
	// Report lets a group go on, and leaves it to an audit log to report it.
	Report Existing = iota
	// ReceiveOnly lets members read in a group, but not send, propose or commit.
	ReceiveOnly
	// Refuse lets members only leave a group.
	Refuse
)

var existingNames = [...]string{Report: "report", ReceiveOnly: "receive-only", Refuse: "refuse"}

// String returns the name of e in a profile.
func (e Existing) String() string {
	if e < 0 || int(e) >= len(existingNames) {
		return fmt.Sprintf("Existing(%d)", int(e))
	}
	return existingNames[e]
}

// permits reports whether it allows a use of something that the rules deny.
func (e Existing) permits(use suite.Use) bool {
	switch use {
	case suite.Leave:
		return true
	case suite.Receive:
		return e < Refuse
	case suite.Continue:
		return e < ReceiveOnly
	}
	return false
}
