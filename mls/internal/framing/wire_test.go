package framing

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

func TestWireRoundTrip(t *testing.T)       { wiretest.RoundTrip(t, wireKinds()) }
func TestWireTruncated(t *testing.T)       { wiretest.Truncated(t, wireKinds()) }
func TestWireFlipped(t *testing.T)         { wiretest.Flipped(t, wireKinds()) }
func TestWireAnnouncedLength(t *testing.T) { wiretest.AnnouncedLength(t, wireKinds()) }

func FuzzFraming(f *testing.F) { wiretest.Fuzz(f, wireKinds()) }

// requireMessage parses an MLSMessage, of which a delivery service sees the format and the
// header before it is opened.
func requireMessage(t *testing.T, b []byte, format message.WireFormat) *message.Message {
	t.Helper()
	m, err := message.Parse[message.Message](b)
	require.NoError(t, err)
	require.Equal(t, format, m.WireFormat())
	again, err := message.Marshal(m)
	require.NoError(t, err)
	require.Equal(t, b, again)
	return m
}

// requireHeader compares the header that m shows with what is in it.
func requireHeader(t *testing.T, m *message.Message, group []byte, epoch uint64, content message.ContentType) {
	t.Helper()
	require.Equal(t, group, m.GroupID())
	require.Equal(t, epoch, m.Epoch())
	require.Equal(t, content, m.ContentType())
}

func TestVectorsMessages(t *testing.T) {
	public := func(content message.ContentType) func(t *testing.T, b []byte) []byte {
		return func(t *testing.T, b []byte) []byte {
			m := requireMessage(t, b, message.WireFormatPublicMessage)
			opened, err := ParsePublic(m.PublicMessage, message.CodePoints{})
			require.NoError(t, err)
			requireHeader(t, m, opened.Content.GroupID, opened.Content.Epoch, content)
			require.Equal(t, content, opened.Content.ContentType)
			again, err := opened.Encode()
			require.NoError(t, err)
			return again
		}
	}
	private := func(t *testing.T, b []byte) []byte {
		m := requireMessage(t, b, message.WireFormatPrivateMessage)
		opened, err := ParsePrivate(m.PrivateMessage)
		require.NoError(t, err)
		requireHeader(t, m, opened.GroupID, opened.Epoch, opened.ContentType)
		again, err := opened.Encode()
		require.NoError(t, err)
		return again
	}
	wiretest.VectorsMessages(t, "framing", map[string]func(t *testing.T, b []byte) []byte{
		"commit":                     wiretest.Again((*Commit).marshal, (*Commit).unmarshal),
		"public_message_application": public(message.ContentApplication),
		"public_message_proposal":    public(message.ContentProposal),
		"public_message_commit":      public(message.ContentCommit),
		"private_message":            private,
	})
}

func TestMessagesShowTheirHeader(t *testing.T) {
	for seed := range uint64(100) {
		g := wiretest.NewGenerator(seed)
		public, private := randomPublicMessage(g), randomPrivateMessage(g)
		b, err := public.Encode()
		require.NoError(t, err)
		m := requireMessage(t, b, message.WireFormatPublicMessage)
		requireHeader(t, m, public.Content.GroupID, public.Content.Epoch, public.Content.ContentType)

		b, err = private.Encode()
		require.NoError(t, err)
		m = requireMessage(t, b, message.WireFormatPrivateMessage)
		requireHeader(t, m, private.GroupID, private.Epoch, private.ContentType)
	}
}

func TestSkipIsUnmarshal(t *testing.T) {
	for seed := range uint64(200) {
		p := randomProposalOrRef(wiretest.NewGenerator(seed))
		wiretest.Skipped(t, p.marshal, p.skip)
	}
}

// TestSignedContent has FramedContentTBS for each type of sender.
func TestSignedContent(t *testing.T) {
	context := []byte{0xcc}
	for _, c := range []struct {
		content, context string
	}{
		{hexMember + hexRemove, "cc"},
		{hexNewMemberCommit + hexCommit, "cc"},
		{hexExternal + hexRemove, ""},
		{hexNewMemberProposal + hexAdd, ""},
	} {
		var f FramedContent
		require.NoError(t, wire.Parse(mlstest.Unhex(t, c.content), "FramedContent", f.Unmarshal))
		signed := wiretest.Encoded(t, func(w *wire.Writer) { f.marshalTBS(w, message.WireFormatPrivateMessage, context) })
		require.Equal(t, mlstest.Unhex(t, "0001 0002"+c.content+c.context), signed)
		_, err := wire.Marshal(func(w *wire.Writer) { f.marshalTBS(w, message.WireFormatPrivateMessage, nil) })
		require.Equal(t, c.context != "", err != nil)
		if err != nil {
			require.ErrorIs(t, err, message.ErrMalformed)
		}
	}
}

// TestAdditionalData has both AADs of a private message.
func TestAdditionalData(t *testing.T) {
	m := &PrivateMessage{
		GroupID: []byte{0x67}, Epoch: 3, ContentType: message.ContentCommit,
		authenticatedData: []byte{0xad}, encryptedSenderData: []byte{1}, ciphertext: []byte{2},
	}
	const front = "01 67 0000000000000003 03"
	require.Equal(t, mlstest.Unhex(t, front), wiretest.Encoded(t, m.marshalSenderDataAAD))
	require.Equal(t, mlstest.Unhex(t, front+"01 ad"), wiretest.Encoded(t, m.marshalContentAAD))
}
