package message

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
)

func TestNames(t *testing.T) {
	for want, v := range map[string]fmt.Stringer{
		"mls_public_message":       WireFormatPublicMessage,
		"mls_key_package":          WireFormat(codepoint.WireFormatKeyPackage),
		"application_id":           ExtensionType(codepoint.ExtensionApplicationID),
		"external_senders":         ExtensionExternalSenders,
		"add":                      ProposalType(codepoint.ProposalAdd),
		"psk":                      ProposalType(codepoint.ProposalPSK),
		"group_context_extensions": ProposalType(codepoint.ProposalGroupContextExtensions),
		"basic":                    CredentialBasic,
		"x509":                     CredentialX509,
		"application":              ContentApplication,
		"proposal":                 ContentProposal,
		"member":                   SenderMember,
		"new_member_commit":        SenderNewMemberCommit,
		"0x0000":                   WireFormat(0),
		"0x0006":                   WireFormat(6),
		"app_data_dictionary":      ExtensionType(6),
		"last_resort_key_package":  ExtensionType(10),
		"app_data_update":          ProposalType(8),
		"self_remove":              ProposalType(10),
		"safe_aad":                 ComponentID(2),
		"apq_mls_info":             ComponentID(6),
		"0x8001":                   ComponentID(0x8001),
		"0x0009":                   ExtensionType(9),
		"0x000B":                   ProposalType(11),
		"0x0A0A":                   ExtensionType(0x0a0a),
		"0x00FF":                   SenderType(255),
		"0xF001":                   CredentialType(0xf001),
	} {
		require.Equal(t, want, v.String())
	}
}
