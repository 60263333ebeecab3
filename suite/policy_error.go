package suite

import (
	"fmt"
	"strings"
)

// PolicyError says that a client's policy refuses something, and whom it concerns. It
// wraps the policy's own error.
type PolicyError struct {
	Subject    string // such as "credential type basic"
	Use        Use
	Leaf       int64  // leaf index of the member concerned, or -1
	Proposal   int    // index in the commit's proposals, or -1
	KeyPackage []byte // KeyPackageRef of the key package concerned, or nil
	Err        error  // the policy's error
}

// Error returns the member, proposal or key package concerned, what is refused for which
// use, and the policy's own error.
func (e *PolicyError) Error() string {
	var b strings.Builder
	b.WriteString("mls: ")
	if e.Proposal >= 0 {
		fmt.Fprintf(&b, "proposal %d: ", e.Proposal)
	}
	if e.Leaf >= 0 {
		fmt.Fprintf(&b, "leaf %d: ", e.Leaf)
	}
	if e.KeyPackage != nil {
		fmt.Fprintf(&b, "key package %x: ", e.KeyPackage)
	}
	fmt.Fprintf(&b, "%s is refused for %s: %v", e.Subject, e.Use, e.Err)
	return b.String()
}

// Unwrap returns the policy's own error.
func (e *PolicyError) Unwrap() error { return e.Err }
