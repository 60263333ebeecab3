package mls

import "fmt"

// complete returns an error unless a caller's proposal is of one of this package's types,
// not a pointer, and has all that its encoding needs.
func complete(p Proposal) error {
	present := true
	switch p := p.(type) {
	case Add:
		present = p.KeyPackage != nil
	case Update:
		present = p.LeafNode != nil
	case Remove, PreSharedKey, ReInit, ExternalInit, GroupContextExtensions:
	case Custom:
		if isDefaultProposal(p.ProposalType) {
			return fmt.Errorf("mls: custom proposal of the type %s is %w", p.ProposalType, ErrMalformed)
		}
	case nil:
		return fmt.Errorf("mls: proposal is %w: missing", ErrMalformed)
	default:
		return fmt.Errorf("%w: proposal of the Go type %T", ErrUnsupported, p)
	}
	if !present {
		return fmt.Errorf("mls: %s proposal is %w: its content is missing", p.Type(), ErrMalformed)
	}
	return nil
}

// needsPath reports whether a commit that covers a proposal of a type of RFC 9420 needs a
// path (RFC 9420, Section 17.4).
func needsPath(t ProposalType) bool {
	switch t {
	case ProposalUpdate, ProposalRemove, ProposalExternalInit, ProposalGroupContextExtensions:
		return true
	}
	return false
}
