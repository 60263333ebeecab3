package suite

import "fmt"

// PairInfo is what a policy sees of two groups with the same members of which one protects the
// other: T has classical algorithms and carries the application messages, and PQ has
// post-quantum ones and gives T a pre-shared key (draft-ietf-mls-combiner).
type PairInfo struct {
	T, PQ Info // as [Describe] returns them

	// Mode is what the pair promises against an attacker with a quantum computer: 0 is
	// confidentiality, and 1 is also the authenticity of the commits of PQ.
	Mode uint8
}

// String returns the names of the suites and the mode.
func (p PairInfo) String() string {
	return fmt.Sprintf("pair of %s %s and %s %s in mode %d", p.T.ID, p.T.Name, p.PQ.ID, p.PQ.Name, p.Mode)
}

// InPair returns the policy under which a client is in the groups of a pair. Where a group
// asks p about the suite of T or of PQ, p is asked about the pair. All other questions,
// [Move] among them, are passed on as they are. It returns nil if p is nil.
func InPair(p Policy, pair PairInfo) Policy {
	if p == nil {
		return nil
	}
	return PolicyFunc(func(q Question) error {
		if i, ok := q.Subject.(Info); ok && (i.ID == pair.T.ID || i.ID == pair.PQ.ID) {
			q.Subject = pair
		}
		return p.Judge(q)
	})
}

// MemberInfo is what a policy sees of how a client is a member of a group.
type MemberInfo struct {
	// View is "full" if the client has verified the whole ratchet tree, and "partial" if it
	// holds its own part and believes others about the rest (draft-ietf-mls-partial).
	View   string
	Leaves uint32 // of the group's ratchet tree, blank ones included
}

// The values of [MemberInfo.View].
const (
	ViewFull    = "full"
	ViewPartial = "partial"
)
