package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
)

func TestVectorsMessages(t *testing.T) {
	proposal := func(typ ProposalType) func(t *testing.T, b []byte) []byte {
		return func(t *testing.T, b []byte) []byte {
			kind, ok := typ.kind()
			require.True(t, ok)
			r := wire.NewReader(b)
			p := kind.decode(r)
			require.NoError(t, r.Finish())
			require.Equal(t, typ, p.Type())
			out, err := wire.Marshal(p.marshal)
			require.NoError(t, err)
			return out
		}
	}
	message := func(format WireFormat, content ContentType) func(t *testing.T, b []byte) []byte {
		return func(t *testing.T, b []byte) []byte {
			m, err := Parse[Message](b)
			require.NoError(t, err)
			require.Equal(t, format, m.WireFormat())
			if content != 0 {
				require.Equal(t, content, m.ContentType())
			}
			out, err := Marshal(m)
			require.NoError(t, err)
			return out
		}
	}
	fields := map[string]func(t *testing.T, b []byte) []byte{
		"mls_welcome":                       message(WireFormatWelcome, 0),
		"mls_group_info":                    message(WireFormatGroupInfo, 0),
		"mls_key_package":                   message(WireFormatKeyPackage, 0),
		"ratchet_tree":                      roundTrip[ratchetTree],
		"group_secrets":                     roundTrip[groupSecrets],
		"add_proposal":                      proposal(ProposalAdd),
		"update_proposal":                   proposal(ProposalUpdate),
		"remove_proposal":                   proposal(ProposalRemove),
		"pre_shared_key_proposal":           proposal(ProposalPSK),
		"re_init_proposal":                  proposal(ProposalReInit),
		"external_init_proposal":            proposal(ProposalExternalInit),
		"group_context_extensions_proposal": proposal(ProposalGroupContextExtensions),
		"commit":                            roundTrip[commit],
		"public_message_application":        message(WireFormatPublicMessage, ContentApplication),
		"public_message_proposal":           message(WireFormatPublicMessage, ContentProposal),
		"public_message_commit":             message(WireFormatPublicMessage, ContentCommit),
		"private_message":                   message(WireFormatPrivateMessage, 0),
	}
	vectors.Official(t, "messages", func(t *testing.T, c *map[string]vectors.Hex) {
		require.Len(t, *c, len(fields))
		for name, again := range fields {
			require.Equal(t, []byte((*c)[name]), again(t, (*c)[name]), name)
		}
	})
}

// roundTrip reads a T and writes it again.
func roundTrip[T any, P pointerTo[T]](t *testing.T, b []byte) []byte {
	var x T
	require.NoError(t, wire.Parse(b, "structure", P(&x).unmarshal))
	out, err := wire.Marshal(P(&x).marshal)
	require.NoError(t, err)
	return out
}
