package message

import "github.com/mlsuite/mlsuite/internal/codepoint"

// CodePoints are the numbers that drafts beyond RFC 9420 use. Nobody has assigned them yet,
// and implementations differ. A field that is 0 stands for the number that the draft
// suggests, so the zero value is the draft's set. [CodePoints.Complete] returns the numbers.
//
// All members of a group, and those who follow it, must have the same numbers, or one
// rejects what another accepts. The credential types of multi-credentials are not among
// them, since nothing here has these.
type CodePoints struct {
	// The extensions of draft-ietf-mls-extensions-10: 0x0006, 0x0007 and 0x0008.
	AppDataDictionary    ExtensionType
	SupportedWireFormats ExtensionType
	RequiredWireFormats  ExtensionType

	// LastResort is the extension that marked key packages of last resort before the
	// component of that name did, 0x000A. It is read and never written.
	LastResort ExtensionType

	// The proposals of draft-ietf-mls-extensions-10: 0x0008, 0x0009 and 0x000A.
	AppDataUpdate ProposalType
	AppEphemeral  ProposalType
	SelfRemove    ProposalType

	// ApplicationPSK is the PSKType of the PSKs of components, 3.
	ApplicationPSK uint8

	// The components of draft-ietf-mls-extensions-10: 1 to 5.
	AppComponents     ComponentID
	SafeAAD           ComponentID
	ContentMediaTypes ComponentID
	LastResortPackage ComponentID // last_resort_key_package
	AppAck            ComponentID

	// APQInfo and APQMessagePair are of draft-ietf-mls-combiner: the component
	// apq_mls_info, 6, and the wire format apq_message_pair, 0x0007.
	APQInfo        ComponentID
	APQMessagePair WireFormat
}

// Complete returns p with the suggested number in each field that is 0.
func (p CodePoints) Complete() CodePoints {
	suggested := codepoint.Suggested()
	fill(&p.AppDataDictionary, 0x0006)
	fill(&p.SupportedWireFormats, 0x0007)
	fill(&p.RequiredWireFormats, 0x0008)
	fill(&p.LastResort, 0x000A)
	fill(&p.AppDataUpdate, ProposalType(suggested.AppDataUpdate))
	fill(&p.AppEphemeral, ProposalType(suggested.AppEphemeral))
	fill(&p.SelfRemove, ProposalType(suggested.SelfRemove))
	fill(&p.ApplicationPSK, suggested.ApplicationPSK)
	fill(&p.AppComponents, 1)
	fill(&p.SafeAAD, 2)
	fill(&p.ContentMediaTypes, 3)
	fill(&p.LastResortPackage, 4)
	fill(&p.AppAck, 5)
	fill(&p.APQInfo, 6)
	fill(&p.APQMessagePair, 0x0007)
	return p
}

// fill sets a number that is 0.
func fill[T ~uint8 | ~uint16](v *T, suggested T) {
	if *v == 0 {
		*v = suggested
	}
}

// structures returns the numbers that decide how a structure is read, or nil for the
// suggested ones.
func (p CodePoints) structures() *codepoint.Structures {
	if p == (CodePoints{}) {
		return nil
	}
	p = p.Complete()
	return &codepoint.Structures{
		AppDataUpdate: uint16(p.AppDataUpdate), AppEphemeral: uint16(p.AppEphemeral), SelfRemove: uint16(p.SelfRemove),
		ApplicationPSK: p.ApplicationPSK,
	}
}

// draftType returns the type of a proposal of a draft: suggested, unless t replaces it.
func draftType(t ProposalType, suggested uint16) ProposalType {
	fill(&t, ProposalType(suggested))
	return t
}

// replaced returns the type that a proposal of a draft keeps after it was read: 0 for the
// suggested one, so that a proposal that is made and one that is read are equal.
func replaced(t ProposalType, suggested uint16) ProposalType {
	if t == ProposalType(suggested) {
		return 0
	}
	return t
}
