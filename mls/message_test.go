package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
)

func TestMessageAccessors(t *testing.T) {
	group := []byte("group")
	context := GroupContext{Version: VersionMLS10, GroupID: group, Epoch: 5}
	content := framedContent{groupID: group, epoch: 5, sender: Sender{Type: SenderMember}, contentType: ContentApplication}
	encoded := func(x marshaler) []byte {
		b, err := wire.Marshal(x.marshal)
		require.NoError(t, err)
		return b
	}
	private := func(content ContentType) []byte {
		return encoded(&privateMessage{groupID: group, epoch: 5, contentType: content})
	}
	for _, c := range []struct {
		message   *Message
		format    WireFormat
		content   ContentType
		ofGroup   bool
		handshake bool
	}{
		{&Message{PublicMessage: encoded(&publicMessage{content: content, membershipTag: []byte{}})},
			WireFormatPublicMessage, ContentApplication, true, false},
		{&Message{PrivateMessage: private(ContentCommit)}, WireFormatPrivateMessage, ContentCommit, true, true},
		{&Message{PrivateMessage: private(ContentProposal)}, WireFormatPrivateMessage, ContentProposal, true, true},
		{&Message{GroupInfo: &GroupInfo{GroupContext: context}}, WireFormatGroupInfo, 0, true, false},
		{&Message{Welcome: &Welcome{}}, WireFormatWelcome, 0, false, false},
		{&Message{KeyPackage: &KeyPackage{}}, WireFormatKeyPackage, 0, false, false},
		{&Message{}, 0, 0, false, false},
	} {
		require.Equal(t, c.format, c.message.WireFormat())
		require.Equal(t, c.content, c.message.ContentType())
		require.Equal(t, c.handshake, c.message.IsHandshake())
		if c.ofGroup {
			require.Equal(t, group, c.message.GroupID())
			require.Equal(t, uint64(5), c.message.Epoch())
		} else {
			require.Nil(t, c.message.GroupID())
			require.Zero(t, c.message.Epoch())
		}
	}
}
