package mls

import "slices"

// groupExtensions are the extensions of a GroupContext with the content of those that
// every client knows, read once: there may be thousands of external_senders, and every
// leaf and every message asks. It is immutable.
type groupExtensions struct {
	list     Extensions
	types    []ExtensionType // of list
	required RequiredCapabilities
	senders  ExternalSenders

	// credentials are the types that required and senders name, in increasing order,
	// each once.
	credentials []CredentialType
}

// read returns the extensions of a GroupContext, each of which has to be there once
// (RFC 9420, Section 13.4), and parses those that are known here.
func (e Extensions) read() (*groupExtensions, error) {
	if err := e.unique("GroupContext"); err != nil {
		return nil, err
	}
	g := &groupExtensions{list: e, types: e.types()}
	if data, ok := e.Find(ExtensionRequiredCapabilities); ok {
		required, err := ParseRequiredCapabilities(data)
		if err != nil {
			return nil, err
		}
		g.required = *required
	}
	if data, ok := e.Find(ExtensionExternalSenders); ok {
		var err error
		if g.senders, err = ParseExternalSenders(data); err != nil {
			return nil, err
		}
	}
	types := slices.Clone(g.required.Credentials)
	for i := range g.senders {
		types = append(types, g.senders[i].Credential.Type)
	}
	g.credentials = sorted(types)
	return g, nil
}

// readExtensions keeps the extensions that a GroupContextExtensions or a ReInit
// brings, read, with the proposal.
func (c *CommittedProposal) readExtensions() error {
	var list Extensions
	switch p := c.Proposal.(type) {
	case GroupContextExtensionsProposal:
		list = p.Extensions
	case ReInitProposal:
		list = p.Extensions
	default:
		return nil
	}
	if c.extensions != nil {
		return nil
	}
	var err error
	c.extensions, err = list.read()
	return err
}
