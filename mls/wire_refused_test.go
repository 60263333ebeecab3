package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// TestMarshalRefuses has values that would not parse: none is ever written.
func TestMarshalRefuses(t *testing.T) {
	leaf := &LeafNode{Source: LeafNodeUpdate}
	twice := Extensions{{Type: 0x0a0a}, {Type: 7}, {Type: 0x0a0a}}
	content := func(sender SenderType, c framedContent) framedContent {
		c.sender.Type = sender
		return c
	}
	application := framedContent{contentType: ContentApplication}
	ofCommit := framedContent{contentType: ContentCommit, commit: new(commit)}
	tag := []byte{}

	for _, c := range []struct {
		name  string
		value marshaler
		text  string
	}{
		{"empty message", &Message{}, "message is empty"},
		{"public message that ends in its header", &Message{PublicMessage: make([]byte, 9)}, "truncated"},
		{"private message without a content type", &Message{PrivateMessage: make([]byte, 10)}, "content type 0"},
		{"key package of another version", &Message{KeyPackage: &KeyPackage{Version: 2, LeafNode: *leaf}}, "versions"},
		{"leaf node without a source", &LeafNode{}, "leaf node source 0"},
		{"X.509 credential that does not parse", &Credential{Type: CredentialX509, Content: []byte{5}}, "truncated"},
		{"same extension twice", &LeafNode{Source: LeafNodeUpdate, Extensions: twice}, "two extensions"},
		{"add without a key package", &TypedProposal{Add{}}, "without a key package"},
		{"update without a leaf node", &TypedProposal{Update{}}, "without a leaf node"},
		{"no proposal", &TypedProposal{}, "proposal is missing"},
		{"empty reference", &proposalOrRef{}, "reference to a proposal is empty"},
		{"type required twice", &RequiredCapabilities{Proposals: []ProposalType{9, 8, 9}}, "required twice"},
		{"PSK without a type", &PreSharedKeyID{}, "PSK type 0"},
		{"resumption PSK without a usage", &PreSharedKeyID{Type: PSKResumption}, "usage 0"},
		{"update path without a leaf node", &commit{path: new(updatePath)}, "without a leaf node"},
		{"no sender", &publicMessage{content: application}, "sender type 0"},
		{"no content type", &publicMessage{content: content(SenderMember, framedContent{}), membershipTag: tag},
			"content type 0"},
		{"no commit",
			&publicMessage{content: content(SenderNewMemberCommit, framedContent{contentType: ContentCommit}),
				auth: framedContentAuthData{confirmationTag: tag}}, "commit is missing"},
		{"commit without a confirmation tag", &publicMessage{content: content(SenderMember, ofCommit), membershipTag: tag},
			"confirmation tag is missing"},
		{"application data with a confirmation tag",
			&publicMessage{content: content(SenderMember, application), membershipTag: tag,
				auth: framedContentAuthData{confirmationTag: tag}}, "confirmation tag where none"},
		{"member without a membership tag", &publicMessage{content: content(SenderMember, application)},
			"membership tag is missing"},
		{"new member with a membership tag",
			&publicMessage{content: content(SenderNewMemberCommit, ofCommit), membershipTag: tag,
				auth: framedContentAuthData{confirmationTag: tag}}, "membership tag where none"},
		{"ratchet tree without nodes", ratchetTree{}, "no nodes"},
		{"ratchet tree of blank nodes", ratchetTree{{}, {}, {}}, "no nodes"},
		{"leaf at an odd index", ratchetTree{{leaf: leaf}, {leaf: leaf}}, "index 1"},
		{"parent at an even index", ratchetTree{{parent: new(parentNode)}}, "index 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := wire.Marshal(c.value.marshal)
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, c.text)
			require.Nil(t, b)
		})
	}

	_, err := wire.Marshal((&GroupContext{Version: 2}).marshal)
	require.ErrorIs(t, err, ErrUnsupported)
}

func TestRatchetTreeDropsTrailingBlanks(t *testing.T) {
	leaf := &LeafNode{Source: LeafNodeUpdate}
	short, err := wire.Marshal(ratchetTree{{leaf: leaf}, {}, {leaf: leaf}}.marshal)
	require.NoError(t, err)
	full, err := wire.Marshal(ratchetTree{{leaf: leaf}, {}, {leaf: leaf}, {}, {}, {}, {}}.marshal)
	require.NoError(t, err)
	require.Equal(t, short, full)
	tree, err := parseRatchetTree(full)
	require.NoError(t, err)
	require.Equal(t, 3, tree.length)
	_, err = parseRatchetTree(full[:len(full)-1])
	require.ErrorIs(t, err, ErrMalformed)
}

// TestParseEntryPoints shows that nothing half read is returned.
func TestParseEntryPoints(t *testing.T) {
	g := newWireGenerator(1)
	for _, c := range []struct {
		name  string
		value Structure
		parse func(b []byte) (marshaler, error)
	}{
		{"KeyPackage", g.keyPackage(), entry(Parse[KeyPackage])},
		{"GroupInfo", g.groupInfo(), entry(Parse[GroupInfo])},
		{"Welcome", g.welcome(), entry(Parse[Welcome])},
		{"MLSMessage", &Message{GroupInfo: g.groupInfo()}, entry(Parse[Message])},
		{"required_capabilities", g.requiredCapabilities(), entry(Parse[RequiredCapabilities])},
		{"external_senders", g.externalSenders(), entry(Parse[ExternalSenders])},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Marshal(c.value)
			require.NoError(t, err)
			x, err := c.parse(b)
			require.NoError(t, err)
			require.Equal(t, marshaler(c.value), x)
			x, err = c.parse(b[:len(b)-1])
			require.ErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, c.name)
			require.Nil(t, x)
		})
	}
}

// entry turns a nil *T into a nil interface.
func entry[T any, P pointerTo[T]](parse func(b []byte) (*T, error)) func(b []byte) (marshaler, error) {
	return func(b []byte) (marshaler, error) {
		x, err := parse(b)
		if x == nil {
			return nil, err
		}
		return P(x), err
	}
}

// TestGroupSecretsLeaveNoCopy shows that the room for group secrets is taken before
// they are written.
func TestGroupSecretsLeaveNoCopy(t *testing.T) {
	for seed := range uint64(100) {
		g := newWireGenerator(seed)
		s := g.groupSecrets()
		s.joinerSecret = make([]byte, 64)
		for range g.IntN(50) {
			s.psks = append(s.psks, *g.pskID())
		}
		b, err := wire.Marshal(s.marshal)
		require.NoError(t, err)
		require.LessOrEqual(t, len(b), s.maxSize())
	}
}

// tbs returns what write writes.
func tbs(t *testing.T, write func(w *wire.Writer)) []byte {
	t.Helper()
	b, err := wire.Marshal(write)
	require.NoError(t, err)
	return b
}

// TestSignedParts compares what is signed with the encodings by hand.
func TestSignedParts(t *testing.T) {
	group := []byte{0x67}
	inGroup := "01 67 00000005"
	for source, middle := range map[LeafNodeSource]string{
		LeafNodeKeyPackage: "01" + hexZero8 + hexZero8,
		LeafNodeUpdate:     "02",
		LeafNodeCommit:     "03 01 aa",
	} {
		n := &LeafNode{Source: source, Credential: BasicCredential(nil), Signature: []byte{1}}
		if source == LeafNodeCommit {
			n.ParentHash = []byte{0xaa}
		}
		want := hexLeafFront + middle + "00"
		if source != LeafNodeKeyPackage {
			want += inGroup
		}
		got, err := leafNodeTBS(n, leafPlace{group, 5})
		require.NoError(t, err)
		require.Equal(t, unhex(t, want), got, source)
	}

	p, err := Parse[KeyPackage](unhex(t, hexKeyPackage))
	require.NoError(t, err)
	p.Signature = []byte{1}
	require.Equal(t, unhex(t, hexKeyPackage[:len(hexKeyPackage)-len(" 00")]), tbs(t, p.marshalTBS))

	i, err := Parse[GroupInfo](unhex(t, hexGroupInfo))
	require.NoError(t, err)
	i.Signature = []byte{1}
	require.Equal(t, unhex(t, hexGroupInfo[:len(hexGroupInfo)-len(" 00")]), tbs(t, i.marshalTBS))
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
		var f framedContent
		require.NoError(t, wire.Parse(unhex(t, c.content), "FramedContent", f.unmarshal))
		require.Equal(t, unhex(t, "0001 0002"+c.content+c.context),
			tbs(t, func(w *wire.Writer) { f.marshalTBS(w, WireFormatPrivateMessage, context) }))
		_, err := wire.Marshal(func(w *wire.Writer) { f.marshalTBS(w, WireFormatPrivateMessage, nil) })
		require.Equal(t, c.context != "", err != nil)
	}
}

// TestAdditionalData has both AADs of a private message.
func TestAdditionalData(t *testing.T) {
	m := &privateMessage{
		groupID: []byte{0x67}, epoch: 3, contentType: ContentCommit,
		authenticatedData: []byte{0xad}, encryptedSenderData: []byte{1}, ciphertext: []byte{2},
	}
	const front = "01 67 0000000000000003 03"
	require.Equal(t, unhex(t, front), tbs(t, m.marshalSenderDataAAD))
	require.Equal(t, unhex(t, front+"01 ad"), tbs(t, m.marshalContentAAD))
}
