package policy

import (
	"fmt"

	"github.com/mlsuite/mlsuite/suite"
)

// Existing says what becomes of a group that exists when a policy denies what it
// uses. Leaving is always possible.
type Existing int

// From the mildest to the strictest.
const (
	// Report lets a group go on, and leaves it to an audit log to say so.
	Report Existing = iota
	// ReceiveOnly lets a group be read, but not sent in, proposed in or committed in.
	ReceiveOnly
	// Refuse lets a group only be left.
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

// permits reports whether a use is allowed of what the rules deny.
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
