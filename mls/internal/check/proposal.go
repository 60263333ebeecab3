package check

import (
	"fmt"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Complete returns an error unless a caller's proposal is of one of the types of package
// message, not a pointer, and has all that its encoding needs. The error wraps
// [message.ErrUnsupported] for another Go type, and [message.ErrMalformed] otherwise.
func Complete(p message.Proposal) error {
	present := true
	switch p := p.(type) {
	case message.Add:
		present = p.KeyPackage != nil
	case message.Update:
		present = p.LeafNode != nil
	case message.Remove, message.PreSharedKey, message.ReInit, message.ExternalInit, message.GroupContextExtensions,
		message.AppEphemeral, message.SelfRemove:
	case message.AppDataUpdate:
		if p.Remove && len(p.Update) > 0 {
			return fmt.Errorf("mls: %s proposal is %w: it removes and updates", message.TypeOf(p), message.ErrMalformed)
		}
	case message.Custom:
		if IsDefaultProposal(p.ProposalType) {
			return fmt.Errorf("mls: custom proposal of the type %s is %w", p.ProposalType, message.ErrMalformed)
		}
	case nil:
		return fmt.Errorf("mls: proposal is %w: missing", message.ErrMalformed)
	default:
		return fmt.Errorf("%w: proposal of the Go type %T", message.ErrUnsupported, p)
	}
	if !present {
		return fmt.Errorf("mls: %s proposal is %w: its content is missing", message.TypeOf(p), message.ErrMalformed)
	}
	return nil
}

// NeedsPath reports whether a commit that covers a proposal of a type of RFC 9420 needs a
// path (RFC 9420, Section 17.4).
func NeedsPath(t message.ProposalType) bool {
	switch t {
	case codepoint.ProposalUpdate, codepoint.ProposalRemove, codepoint.ProposalExternalInit, codepoint.ProposalGroupContextExtensions:
		return true
	}
	return false
}
