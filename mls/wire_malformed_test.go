package mls

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// Encodings in hexadecimal, in which every vector is empty that may be.
const (
	hexZero8        = "0000000000000000"
	hexCapabilities = "00 00 00 00 00"
	hexCredential   = "0001 00"
	hexLeafFront    = "00 00" + hexCredential + hexCapabilities // up to the source
	hexLeaf         = hexLeafFront + "02 00 00"                 // of an update
	hexNewLeaf      = hexLeafFront + "01" + hexZero8 + hexZero8 + "00 00"
	hexParent       = "00 00 00"
	hexKeyPackage   = "0001" + hexKeyPackageEnd
	hexContext      = "0001 0001 00" + hexZero8 + "00 00 00"
	hexGroupInfo    = hexContext + "00 00 00000000 00"

	hexKeyPackageEnd = "0001 00" + hexNewLeaf + "00 00" // after the version

	// Contents up to the content type.
	hexMember            = hexFrameFront + "01 00000000" + "00"
	hexExternal          = hexFrameFront + "02 00000000" + "00"
	hexNewMemberProposal = hexFrameFront + "03" + "00"
	hexNewMemberCommit   = hexFrameFront + "04" + "00"
	hexFrameFront        = "00" + hexZero8 // up to the sender

	// Contents from the content type on.
	hexApplication = "01 00"
	hexAdd         = "02 0001" + hexKeyPackage
	hexUpdate      = "02 0002" + hexLeaf
	hexRemove      = "02 0003 00000000"
	hexInit        = "02 0006 00"
	hexCommit      = "03 00 00"
	hexSignature   = "00"
	hexTag         = "00"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// hexVector returns content, of less than 64 bytes, behind its length.
func hexVector(content ...string) string {
	all := strings.ReplaceAll(strings.Join(content, ""), " ", "")
	return fmt.Sprintf("%02x%s", len(all)/2, all)
}

// into reads a T.
func into[T any, P pointerTo[T]](b []byte) error {
	return wire.Parse(b, "structure", P(new(T)).unmarshal)
}

// intoPrivate reads the plaintext of a private message.
func intoPrivate(t ContentType) func(b []byte) error {
	return func(b []byte) error {
		return wire.Parse(b, "structure", (&privateMessageContent{content: framedContent{contentType: t}}).unmarshal)
	}
}

// malformedCase is bytes that the wire format forbids, beside valid ones that
// differ in the one thing.
type malformedCase struct {
	name             string
	read             func(b []byte) error
	valid, malformed string
	text             string // in the error
}

func (c malformedCase) run(t *testing.T) {
	t.Run(c.name, func(t *testing.T) {
		require.NoError(t, c.read(unhex(t, c.valid)))
		err := c.read(unhex(t, c.malformed))
		require.ErrorIs(t, err, ErrMalformed)
		require.NotErrorIs(t, err, ErrUnsupported)
		require.ErrorContains(t, err, c.text)
	})
}

func TestMalformedVectors(t *testing.T) {
	for _, c := range []malformedCase{
		{"header is not minimal", into[externalPub], "01 aa", "4001 aa", "minimal"},
		{"header with prefix 11", into[externalPub], "01 aa", "c001 aa", "prefix"},
		{"bytes are left over", into[externalPub], "01 aa", "01 aa aa", "left over"},
		{"header is not minimal inside", into[KeyPackage], hexKeyPackage,
			"0001 0001 4000" + hexNewLeaf + "00 00", "minimal"},
		{"code point of one byte", into[RequiredCapabilities], "02 0001 00 00", "03 000100 00 00", "truncated"},
		{"unmerged leaf of one byte", into[parentNode], "00 00 04 00000001", "00 00 05 00000001 00", "truncated"},
		{"certificate crosses the end", into[ExternalSenders],
			hexVector("00 0002", hexVector("02 3082")), hexVector("00 0002", hexVector("03 3082")), "truncated"},
		{"certificate header is not minimal", into[ExternalSenders],
			hexVector("00 0002", hexVector("01 30")), hexVector("00 0002", hexVector("4001 30")), "minimal"},
	} {
		c.run(t)
	}
}

func TestMalformedSelect(t *testing.T) {
	for _, c := range []malformedCase{
		{"leaf node source 0", into[LeafNode], hexLeaf, hexLeafFront + "00 00 00", "leaf node source 0"},
		{"leaf node source 4", into[LeafNode], hexLeaf, hexLeafFront + "04 00 00", "leaf node source 4"},
		{"PSK type 0", into[PreSharedKeyID], "01 00 00", "00 00 00", "PSK type 0"},
		{"PSK type 3", into[PreSharedKeyID], "01 00 00", "03 00 00", "PSK type 3"},
		{"PSK usage 0", into[PreSharedKeyID], "02 01 00" + hexZero8 + "00", "02 00 00" + hexZero8 + "00", "usage 0"},
		{"PSK usage 4", into[PreSharedKeyID], "02 03 00" + hexZero8 + "00", "02 04 00" + hexZero8 + "00", "usage 4"},
		{"proposal or reference type 0", into[commit], "03 02 01aa 00", "03 00 01aa 00", "reference type 0"},
		{"proposal or reference type 3", into[commit], "03 02 01aa 00", "03 03 01aa 00", "reference type 3"},
		{"empty reference", into[commit], "03 02 01aa 00", "02 02 00 00", "reference to a proposal is empty"},
		{"sender type 0", into[Sender], "01 00000000", "00 00000000", "sender type 0"},
		{"sender type 5", into[Sender], "04", "05", "sender type 5"},
		{"sender type 5 of a message", into[publicMessage],
			hexMember + hexRemove + hexSignature + hexTag,
			hexFrameFront + "05 00" + hexRemove + hexSignature + hexTag, "sender type 5"},
		{"content type 0", into[publicMessage],
			hexMember + hexApplication + hexSignature + hexTag, hexMember + "00 00" + hexSignature + hexTag,
			"content type 0"},
		{"content type 4", into[publicMessage],
			hexMember + hexApplication + hexSignature + hexTag, hexMember + "04 00" + hexSignature + hexTag,
			"content type 4"},
		{"content type 4 of a private message", into[privateMessage],
			hexFrameFront + "03 00 00 00", hexFrameFront + "04 00 00 00", "content type 4"},
		{"content of a Welcome", into[authenticatedContent],
			"0001" + hexMember + hexApplication + hexSignature, "0003" + hexMember + hexApplication + hexSignature,
			"wire format mls_welcome"},
	} {
		c.run(t)
	}
}

func TestMalformedOptional(t *testing.T) {
	for _, c := range []malformedCase{
		{"path of a commit", into[commit], "00 01" + hexLeaf + "00", "00 02" + hexLeaf + "00", "presence"},
		{"path secret", into[groupSecrets], "00 01 00 00", "00 ff 00 00", "presence"},
		{"node", into[ratchetTree], hexVector("01 01", hexLeaf), hexVector("02 01", hexLeaf), "presence"},
	} {
		c.run(t)
	}
}

func TestMalformedRatchetTree(t *testing.T) {
	const blank, leaf, parent = "00", "01 01" + hexLeaf, "01 02" + hexParent
	for _, c := range []malformedCase{
		{"no nodes", into[ratchetTree], hexVector(leaf), hexVector(), "no nodes"},
		{"one blank node", into[ratchetTree], hexVector(leaf), hexVector(blank), "blank node"},
		{"blank leaf at the end", into[ratchetTree],
			hexVector(leaf, parent, leaf), hexVector(leaf, parent, blank), "blank node"},
		{"blank parent at the end", into[ratchetTree], hexVector(leaf, parent), hexVector(leaf, blank), "blank node"},
		{"leaf at an odd index", into[ratchetTree],
			hexVector(leaf, blank, leaf), hexVector(leaf, leaf, leaf), "index 1"},
		{"parent at an even index", into[ratchetTree],
			hexVector(leaf, blank, leaf), hexVector(leaf, blank, parent), "index 2"},
		{"node type 0", into[ratchetTree], hexVector(leaf), hexVector("01 00", hexLeaf), "node type 0"},
		{"node type 3", into[ratchetTree], hexVector(leaf), hexVector("01 03", hexLeaf), "node type 3"},
	} {
		c.run(t)
	}
}

// TestMalformedTags has tags where none may be, and none where one has to be.
func TestMalformedTags(t *testing.T) {
	const content = "0002" + hexMember
	for _, c := range []malformedCase{
		{"member without a membership tag", into[publicMessage],
			hexMember + hexRemove + hexSignature + hexTag, hexMember + hexRemove + hexSignature, "truncated"},
		{"external sender with a membership tag", into[publicMessage],
			hexExternal + hexRemove + hexSignature, hexExternal + hexRemove + hexSignature + hexTag, "left over"},
		{"new member with a membership tag", into[publicMessage],
			hexNewMemberProposal + hexAdd + hexSignature,
			hexNewMemberProposal + hexAdd + hexSignature + hexTag, "left over"},
		{"new member's commit with a membership tag", into[publicMessage],
			hexNewMemberCommit + hexCommit + hexSignature + hexTag,
			hexNewMemberCommit + hexCommit + hexSignature + hexTag + hexTag, "left over"},
		{"commit without a confirmation tag", into[authenticatedContent],
			content + hexCommit + hexSignature + hexTag, content + hexCommit + hexSignature, "truncated"},
		{"proposal with a confirmation tag", into[authenticatedContent],
			content + hexRemove + hexSignature, content + hexRemove + hexSignature + hexTag, "left over"},
		{"application data with a confirmation tag", into[authenticatedContent],
			content + hexApplication + hexSignature, content + hexApplication + hexSignature + hexTag, "left over"},
	} {
		c.run(t)
	}
}

// TestMalformedSender has contents that RFC 9420, Sections 6.1 and 12.1.8, deny to
// the role of their sender.
func TestMalformedSender(t *testing.T) {
	const text = "may not send"
	for _, c := range []malformedCase{
		{"external sender of application data", into[publicMessage],
			hexExternal + hexRemove + hexSignature, hexExternal + hexApplication + hexSignature, text},
		{"external sender of a commit", into[publicMessage],
			hexExternal + hexRemove + hexSignature, hexExternal + hexCommit + hexSignature + hexTag, text},
		{"external sender of an update", into[publicMessage],
			hexExternal + hexAdd + hexSignature, hexExternal + hexUpdate + hexSignature, text},
		{"external sender of an external init", into[publicMessage],
			hexExternal + hexAdd + hexSignature, hexExternal + hexInit + hexSignature, text},
		{"new member's proposal to remove", into[publicMessage],
			hexNewMemberProposal + hexAdd + hexSignature, hexNewMemberProposal + hexRemove + hexSignature, text},
		{"new member's proposal is a commit", into[publicMessage],
			hexNewMemberCommit + hexCommit + hexSignature + hexTag,
			hexNewMemberProposal + hexCommit + hexSignature + hexTag, text},
		{"new member's commit is a proposal", into[publicMessage],
			hexNewMemberProposal + hexAdd + hexSignature, hexNewMemberCommit + hexAdd + hexSignature, text},
		{"new member's application data", into[publicMessage],
			hexNewMemberProposal + hexAdd + hexSignature, hexNewMemberProposal + hexApplication + hexSignature, text},
	} {
		c.run(t)
	}
}

func TestMalformedPadding(t *testing.T) {
	for _, c := range []malformedCase{
		{"begins with 1", intoPrivate(ContentApplication), "00 00 000000", "00 00 010000", "padding"},
		{"ends with 1", intoPrivate(ContentApplication), "00 00 000000", "00 00 000001", "padding"},
		{"is one byte", intoPrivate(ContentProposal), "0003 00000000 00 00", "0003 00000000 00 80", "padding"},
		{"of a commit", intoPrivate(ContentCommit), "00 00 00 00 0000", "00 00 00 00 0001", "padding"},
		{"of sender data", into[senderData], "00000001 00000002 03040506", "00000001 00000002 03040506 00", "left over"},
	} {
		c.run(t)
	}
}

// TestMalformedRequirements has a type twice in each list of required_capabilities, and
// what stays of default and reserved types, which may be there once (RFC 9420, Sections
// 11.1 and 13.5).
func TestMalformedRequirements(t *testing.T) {
	long := strings.Repeat("0a0b", 1)
	for i := range 20 {
		long += fmt.Sprintf("%04x", 0x100+i)
	}
	for _, c := range []malformedCase{
		{"extension", into[RequiredCapabilities], "04 0001 0a0a 00 00", "04 0001 0001 00 00", "application_id is required twice"},
		{"proposal", into[RequiredCapabilities], "00 04 0001 0002 00", "00 04 0001 0001 00", "add is required twice"},
		{"credential", into[RequiredCapabilities], "00 00 04 0001 0002", "00 00 04 0002 0002", "x509 is required twice"},
		{"of many", into[RequiredCapabilities], "00 00 2a" + long, "00 00 2c" + long + "0105", "0x0105 is required twice"},
	} {
		c.run(t)
	}
}

// TestMalformedExtensions has two extensions of one type in every structure that
// has a list of them (RFC 9420, Section 13.4).
func TestMalformedExtensions(t *testing.T) {
	const different, same = "06 0a0a00 1a1a00", "06 0a0a00 0a0a00"
	for _, c := range []struct {
		name        string
		read        func(b []byte) error
		front, back string
	}{
		{"LeafNode", into[LeafNode], hexLeafFront + "02", "00"},
		{"KeyPackage", into[KeyPackage], "0001 0001 00" + hexNewLeaf, "00"},
		{"GroupContext", into[GroupContext], "0001 0001 00" + hexZero8 + "00 00", ""},
		{"GroupInfo", into[GroupInfo], hexContext, "00 00000000 00"},
		{"ReInit", into[TypedProposal], "0005 00 0001 0001", ""},
		{"GroupContextExtensions", into[TypedProposal], "0007", ""},
	} {
		malformedCase{c.name, c.read, c.front + different + c.back, c.front + same + c.back,
			"two extensions of type 0x0A0A"}.run(t)
	}
}

func TestMalformedMessage(t *testing.T) {
	for _, c := range []malformedCase{
		{"versions of message and key package differ", into[Message],
			"0001 0005" + hexKeyPackage, "0001 0005 0002" + hexKeyPackageEnd, "versions"},
		{"bytes are left over", into[Message],
			"0001 0004" + hexGroupInfo, "0001 0004" + hexGroupInfo + "00", "left over"},
	} {
		c.run(t)
	}
}

// TestUnsupported has what is of another kind than RFC 9420 knows.
func TestUnsupported(t *testing.T) {
	for _, c := range []struct {
		name string
		read func(b []byte) error
		form string
		text string
	}{
		{"message of version 0", into[Message], "0000 0004" + hexGroupInfo, "protocol version 0x0000"},
		{"message of version 2", into[Message], "0002 0004" + hexGroupInfo, "protocol version 0x0002"},
		{"group of version 2", into[GroupInfo], "0002 0001 00" + hexZero8 + "00 00 00 00 00 00000000 00",
			"protocol version 0x0002"},
		{"wire format 0", into[Message], "0001 0000" + hexGroupInfo, "wire format 0x0000"},
		{"wire format 6", into[Message], "0001 0006" + hexGroupInfo, "wire format 0x0006"},
		{"private wire format", into[Message], "0001 f000" + hexGroupInfo, "wire format 0xF000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.read(unhex(t, c.form))
			require.ErrorIs(t, err, ErrUnsupported)
			require.NotErrorIs(t, err, ErrMalformed)
			require.ErrorContains(t, err, c.text)
		})
	}
}

// TestUnknownIsKept has unknown and GREASE values where RFC 9420, Section 13.5,
// wants them ignored.
func TestUnknownIsKept(t *testing.T) {
	form := unhex(t, "0001 7777 00"+ // key package of an unknown suite
		"00 00"+"7777 02 abcd"+ // leaf node with an unknown credential
		"02 0a0a 04 1a1a0001 02 2a2a 02 3a3a 02 4a4a"+"01"+hexZero8+hexZero8+
		"05 5a5a 02 0102"+"00"+
		"04 6a6a 01 03"+"00")
	p, err := Parse[KeyPackage](form)
	require.NoError(t, err)
	require.Equal(t, "0x7777", p.CipherSuite.String())
	require.Equal(t, Credential{Type: 0x7777, Content: []byte{0xab, 0xcd}}, p.LeafNode.Credential)
	require.Equal(t, []ProtocolVersion{0x0a0a}, p.LeafNode.Capabilities.Versions)
	require.Equal(t, []CredentialType{0x4a4a}, p.LeafNode.Capabilities.Credentials)
	require.Equal(t, Extensions{{Type: 0x5a5a, Data: []byte{1, 2}}}, p.LeafNode.Extensions)
	require.Equal(t, Extensions{{Type: 0x6a6a, Data: []byte{3}}}, p.Extensions)
	again, err := Marshal(p)
	require.NoError(t, err)
	require.Equal(t, form, again)
}
