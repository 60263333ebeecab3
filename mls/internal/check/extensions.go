package check

import (
	"slices"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Needs is what the extensions of a GroupContext require of each member.
type Needs struct {
	Types    []message.ExtensionType // of the extensions
	Required message.RequiredCapabilities
}

// GroupExtensions are the extensions of a GroupContext with the content of those that
// every client knows, read once: there may be thousands of external_senders, and every
// leaf and every message asks. It is immutable.
type GroupExtensions struct {
	Needs
	List    message.Extensions
	Senders message.ExternalSenders

	Components

	// WireFormats are those that required_wire_formats lists, in increasing order and each
	// once.
	WireFormats message.WireFormats

	// Credentials are the types that Required and Senders name, in increasing order, each
	// once.
	Credentials []message.CredentialType
}

// ReadGroupExtensions returns the extensions of a GroupContext, and parses those that
// every client knows, and the app_data_dictionary, by its number. The error is a [*message.ValidationError] if a type is there twice
// (RFC 9420, Section 13.4), and wraps [message.ErrMalformed] if one does not parse.
func ReadGroupExtensions(e message.Extensions, numbers message.CodePoints) (*GroupExtensions, error) {
	if err := Unique(e, "GroupContext"); err != nil {
		return nil, err
	}
	g := &GroupExtensions{List: e, Needs: Needs{Types: Types(e)}}
	if data, ok := e.Find(message.ExtensionRequiredCapabilities); ok {
		required, err := message.Parse[message.RequiredCapabilities](data)
		if err != nil {
			return nil, err
		}
		g.Required = *required
	}
	if data, ok := e.Find(message.ExtensionExternalSenders); ok {
		senders, err := message.Parse[message.ExternalSenders](data)
		if err != nil {
			return nil, err
		}
		g.Senders = *senders
	}
	if data, ok := e.Find(numbers.RequiredWireFormats); ok {
		formats, err := message.Parse[message.WireFormats](data)
		if err != nil {
			return nil, err
		}
		g.WireFormats = sortedset.Of(*formats)
	}
	if data, ok := e.Find(numbers.AppDataDictionary); ok {
		dictionary, err := message.Parse[message.AppDataDictionary](data)
		if err != nil {
			return nil, err
		}
		if g.Components, err = readComponents(*dictionary, numbers); err != nil {
			return nil, err
		}
	}
	types := slices.Clone(g.Required.Credentials)
	for i := range g.Senders {
		types = append(types, g.Senders[i].Credential.Type)
	}
	g.Credentials = sortedset.Of(types)
	return g, nil
}

// Unique returns a [*message.ValidationError] if two extensions of a list have one type
// (RFC 9420, Section 13.4). where names the structure that holds the list.
func Unique(e message.Extensions, where string) error {
	if i := codepoint.Repeated(len(e), func(i int) uint16 { return uint16(e[i].Type) }); i >= 0 {
		return fault.Violation("13.4", "%s has more than one extension of type %s", where, e[i].Type)
	}
	return nil
}

// Types returns the types of a list of extensions, in its order.
func Types(e message.Extensions) []message.ExtensionType {
	if len(e) == 0 {
		return nil
	}
	types := make([]message.ExtensionType, len(e))
	for i, x := range e {
		types[i] = x.Type
	}
	return types
}

// CheckSenders returns a [*message.ValidationError] if an external sender has no
// signature key of s, the suite of the group that the extensions are for (RFC 9420,
// Section 12.1.8.1). What a sender signs is not checked before it sends something, and
// with some keys anybody could sign that.
func (e *GroupExtensions) CheckSenders(s suite.Suite) error {
	for i := range e.Senders {
		if err := s.CheckSignatureKey(e.Senders[i].SignatureKey); err != nil {
			return fault.Violation("12.1.8.1", "signature_key of external sender %d is not a public key of the suite", i).Because(err)
		}
	}
	return nil
}

// IsDefaultExtension reports whether every client supports an extension type without
// saying so (RFC 9420, Section 7.2).
func IsDefaultExtension(t message.ExtensionType) bool {
	return codepoint.ExtensionApplicationID <= t && t <= message.ExtensionExternalSenders
}

// IsDefaultProposal reports whether every client supports a proposal type without saying
// so (RFC 9420, Section 7.2).
func IsDefaultProposal(t message.ProposalType) bool {
	return codepoint.ProposalAdd <= t && t <= codepoint.ProposalGroupContextExtensions
}
