package message

import (
	"fmt"

	"github.com/mlsuite/mlsuite/internal/treemath"
)

// LeafIndex is the index of a leaf of the ratchet tree, counted from 0 (RFC 9420, Section
// 4.1).
type LeafIndex = treemath.LeafIndex

// WireFormat says what a [Message] holds (RFC 9420, Section 17.2).
type WireFormat uint16

// The wire formats of messages of a group (RFC 9420, Section 17.2), about which a policy is
// asked. Of the others, a [Message] has a field each.
const (
	WireFormatPublicMessage  WireFormat = 1
	WireFormatPrivateMessage WireFormat = 2
)

// ExtensionType is a type of extension (RFC 9420, Section 17.3).
type ExtensionType uint16

// The types of extension that an application gives a group (RFC 9420, Section 17.3). Every
// client supports them and the other three of RFC 9420, and none lists them in its
// capabilities (Section 7.2). [ApplicationID] makes an application_id. The engine reads and
// writes ratchet_tree and external_pub.
const (
	ExtensionRequiredCapabilities ExtensionType = 3
	ExtensionExternalSenders      ExtensionType = 5
)

// ProposalType is a type of proposal (RFC 9420, Section 17.4). Every client supports
// those of RFC 9420, and none lists them in its capabilities (Section 7.2).
type ProposalType uint16

// ComponentID identifies a component of an application, which shares a group with others and
// is kept apart from them (draft-ietf-mls-extensions-10, Section 4.1). An application assigns
// those from 0x8000 on; 0 is no component.
type ComponentID uint16

// CredentialType is a type of credential (RFC 9420, Section 17.5).
type CredentialType uint16

// The credential types of RFC 9420, Section 17.5.
const (
	CredentialBasic CredentialType = 1
	CredentialX509  CredentialType = 2
)

// ContentType says what a framed message carries (RFC 9420, Section 6).
type ContentType uint8

// The content types of RFC 9420, Section 6.
const (
	ContentApplication ContentType = 1
	ContentProposal    ContentType = 2
	ContentCommit      ContentType = 3
)

// SenderType says in which role somebody sent a message (RFC 9420, Section 6).
type SenderType uint8

// The sender types of RFC 9420, Section 6.
const (
	SenderMember            SenderType = 1
	SenderExternal          SenderType = 2
	SenderNewMemberProposal SenderType = 3
	SenderNewMemberCommit   SenderType = 4
)

// ResumptionPSKUsage says what a resumption PSK is used for (RFC 9420, Section 8.4).
type ResumptionPSKUsage uint8

// The usages of RFC 9420, Section 8.4.
const (
	ResumptionPSKApplication ResumptionPSKUsage = 1
	ResumptionPSKReInit      ResumptionPSKUsage = 2
	ResumptionPSKBranch      ResumptionPSKUsage = 3
)

// The names that RFC 9420 gives the values, or a draft those that it suggests, by value. A String method returns the name of
// a value, or the value in hexadecimal if it has none.
var (
	wireFormatNames = [...]string{
		1: "mls_public_message", "mls_private_message", "mls_welcome", "mls_group_info", "mls_key_package",
	}
	extensionNames = [...]string{
		1: "application_id", "ratchet_tree", "required_capabilities", "external_pub", "external_senders",
		"app_data_dictionary", "supported_wire_formats", "required_wire_formats", 10: "last_resort_key_package",
	}
	draftProposalNames = [...]string{8: "app_data_update", "app_ephemeral", "self_remove"}
	credentialNames    = [...]string{1: "basic", "x509"}
	contentNames       = [...]string{1: "application", "proposal", "commit"}
	senderNames        = [...]string{1: "member", "external", "new_member_proposal", "new_member_commit"}
	componentNames     = [...]string{
		1: "app_components", "safe_aad", "content_media_types", "last_resort_key_package", "app_ack", "apq_mls_info",
	}
)

func (f WireFormat) String() string     { return nameOf(wireFormatNames[:], f) }
func (t ExtensionType) String() string  { return nameOf(extensionNames[:], t) }
func (t CredentialType) String() string { return nameOf(credentialNames[:], t) }
func (c ComponentID) String() string    { return nameOf(componentNames[:], c) }
func (t ContentType) String() string    { return nameOf(contentNames[:], t) }
func (t SenderType) String() string     { return nameOf(senderNames[:], t) }

func (t ProposalType) String() string {
	if kind, ok := t.kind(); ok {
		return kind.name
	}
	return nameOf(draftProposalNames[:], t)
}

// nameOf returns the name of v, or its value in hexadecimal if it has none.
func nameOf[T ~uint8 | ~uint16](names []string, v T) string {
	if int(v) < len(names) && names[v] != "" {
		return names[v]
	}
	return fmt.Sprintf("0x%04X", uint16(v))
}
