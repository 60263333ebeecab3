package message_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

func TestVectorsMessages(t *testing.T) {
	proposal := func(typ message.ProposalType) func(t *testing.T, b []byte) []byte {
		return func(t *testing.T, b []byte) []byte { // without its type
			front := binary.BigEndian.AppendUint16(nil, uint16(typ))
			p, err := message.Parse[message.TypedProposal](append(front, b...))
			require.NoError(t, err)
			require.Equal(t, typ, message.TypeOf(p.Proposal))
			out, err := message.Marshal(p)
			require.NoError(t, err)
			return out[len(front):]
		}
	}
	whole := func(format message.WireFormat) func(t *testing.T, b []byte) []byte {
		return func(t *testing.T, b []byte) []byte {
			m, err := message.Parse[message.Message](b)
			require.NoError(t, err)
			require.Equal(t, format, m.WireFormat())
			out, err := message.Marshal(m)
			require.NoError(t, err)
			return out
		}
	}
	wiretest.VectorsMessages(t, "message", map[string]func(t *testing.T, b []byte) []byte{
		"mls_welcome":                       whole(codepoint.WireFormatWelcome),
		"mls_group_info":                    whole(codepoint.WireFormatGroupInfo),
		"mls_key_package":                   whole(codepoint.WireFormatKeyPackage),
		"add_proposal":                      proposal(codepoint.ProposalAdd),
		"update_proposal":                   proposal(codepoint.ProposalUpdate),
		"remove_proposal":                   proposal(codepoint.ProposalRemove),
		"pre_shared_key_proposal":           proposal(codepoint.ProposalPSK),
		"re_init_proposal":                  proposal(codepoint.ProposalReInit),
		"external_init_proposal":            proposal(codepoint.ProposalExternalInit),
		"group_context_extensions_proposal": proposal(codepoint.ProposalGroupContextExtensions),
	})
}
