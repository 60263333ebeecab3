package message_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
)

func TestMessageAccessors(t *testing.T) {
	group := []byte("group")
	context := message.GroupContext{Version: codepoint.VersionMLS10, GroupID: group, Epoch: 5}
	const hexGroup = "05 67726f7570 0000000000000005"
	public := mlstest.Unhex(t, hexGroup+"01 00000000 00 01 00 00 00") // application data, signature, tag
	private := func(content string) []byte { return mlstest.Unhex(t, hexGroup+content+"00 00 00") }
	for _, c := range []struct {
		message *message.Message
		format  message.WireFormat
		content message.ContentType
		ofGroup bool
	}{
		{&message.Message{PublicMessage: public}, message.WireFormatPublicMessage, message.ContentApplication, true},
		{&message.Message{PrivateMessage: private("03")}, message.WireFormatPrivateMessage, message.ContentCommit, true},
		{&message.Message{PrivateMessage: private("02")}, message.WireFormatPrivateMessage, message.ContentProposal, true},
		{&message.Message{GroupInfo: &message.GroupInfo{GroupContext: context}}, codepoint.WireFormatGroupInfo, 0, true},
		{&message.Message{Welcome: &message.Welcome{}}, codepoint.WireFormatWelcome, 0, false},
		{&message.Message{KeyPackage: &message.KeyPackage{}}, codepoint.WireFormatKeyPackage, 0, false},
		{&message.Message{}, 0, 0, false},
	} {
		require.Equal(t, c.format, c.message.WireFormat())
		require.Equal(t, c.content, c.message.ContentType())
		if c.ofGroup {
			require.Equal(t, group, c.message.GroupID())
			require.Equal(t, uint64(5), c.message.Epoch())
		} else {
			require.Nil(t, c.message.GroupID())
			require.Zero(t, c.message.Epoch())
		}
	}
}
