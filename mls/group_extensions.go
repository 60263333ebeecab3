package mls

import (
	"slices"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/sortedset"
	"github.com/mlsuite/mlsuite/suite"
)

// needs is what the extensions of a GroupContext require of each member.
type needs struct {
	types    []ExtensionType // of the extensions
	required RequiredCapabilities
}

// groupExtensions are the extensions of a GroupContext with the content of those that
// every client knows, read once: there may be thousands of external_senders, and every
// leaf and every message asks. It is immutable.
type groupExtensions struct {
	needs
	list    Extensions
	senders ExternalSenders

	// credentials are the types that required and senders name, in increasing order,
	// each once.
	credentials []CredentialType
}

// readGroupExtensions returns the extensions of a GroupContext, each of which has to be
// there once (RFC 9420, Section 13.4), and parses those that are known here.
func readGroupExtensions(e Extensions) (*groupExtensions, error) {
	if err := uniqueExtensions(e, "GroupContext"); err != nil {
		return nil, err
	}
	g := &groupExtensions{list: e, needs: needs{types: extensionTypes(e)}}
	if data, ok := e.Find(ExtensionRequiredCapabilities); ok {
		required, err := Parse[RequiredCapabilities](data)
		if err != nil {
			return nil, err
		}
		g.required = *required
	}
	if data, ok := e.Find(ExtensionExternalSenders); ok {
		senders, err := Parse[ExternalSenders](data)
		if err != nil {
			return nil, err
		}
		g.senders = *senders
	}
	types := slices.Clone(g.required.Credentials)
	for i := range g.senders {
		types = append(types, g.senders[i].Credential.Type)
	}
	g.credentials = sortedset.Of(types)
	return g, nil
}

// uniqueExtensions refuses a list with two extensions of one type (RFC 9420, Section 13.4).
func uniqueExtensions(e Extensions, where string) error {
	if i := codepoint.Repeated(len(e), func(i int) uint16 { return uint16(e[i].Type) }); i >= 0 {
		return violation("13.4", "%s has one extension of type %s", where, e[i].Type)
	}
	return nil
}

func extensionTypes(e Extensions) []ExtensionType {
	if len(e) == 0 {
		return nil
	}
	types := make([]ExtensionType, len(e))
	for i, x := range e {
		types[i] = x.Type
	}
	return types
}

// checkSenders refuses external_senders without a signature key of the suite of the
// group that the extensions are for. What a sender signs is not checked before it
// sends something, and with some keys anybody could sign that.
func (e *groupExtensions) checkSenders(s suite.Suite) error {
	for i := range e.senders {
		if err := s.CheckSignatureKey(e.senders[i].SignatureKey); err != nil {
			return violation("12.1.8.1", "signature_key of external sender %d is a public key of the suite", i).because(err)
		}
	}
	return nil
}
