package mls

// isDefaultExtension reports whether every client supports an extension type without
// saying so (RFC 9420, Section 7.2).
func isDefaultExtension(t ExtensionType) bool {
	return ExtensionApplicationID <= t && t <= ExtensionExternalSenders
}

// isDefaultProposal reports whether every client supports a proposal type without saying
// so (RFC 9420, Section 7.2).
func isDefaultProposal(t ProposalType) bool {
	return ProposalAdd <= t && t <= ProposalGroupContextExtensions
}
