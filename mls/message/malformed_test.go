package message_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

func TestMalformedVectors(t *testing.T) {
	wiretest.Malformed(t, "header is not minimal inside", wiretest.Into[message.KeyPackage],
		wiretest.HexKeyPackage, "0001 0001 4000"+wiretest.HexNewLeaf+"00 00", "minimal")
	wiretest.Malformed(t, "code point of one byte", wiretest.Into[message.RequiredCapabilities],
		"02 0001 00 00", "03 000100 00 00", "truncated")
	sender := func(certificates string) string { return mlstest.HexVector("00 0002", mlstest.HexVector(certificates)) }
	wiretest.Malformed(t, "certificate crosses the end", wiretest.Into[message.ExternalSenders],
		sender("02 3082"), sender("03 3082"), "truncated")
	wiretest.Malformed(t, "certificate header is not minimal", wiretest.Into[message.ExternalSenders],
		sender("01 30"), sender("4001 30"), "minimal")
}

func TestMalformedSelect(t *testing.T) {
	const leaf = wiretest.HexLeafFront
	wiretest.Malformed(t, "leaf node source 0", wiretest.Into[message.LeafNode], leaf+"02 00 00", leaf+"00 00 00", "leaf node source 0")
	wiretest.Malformed(t, "leaf node source 4", wiretest.Into[message.LeafNode], leaf+"02 00 00", leaf+"04 00 00", "leaf node source 4")
	psk := wiretest.Into[message.PreSharedKeyID]
	wiretest.Malformed(t, "PSK type 0", psk, "01 00 00", "00 00 00", "PSK type 0")
	wiretest.Malformed(t, "PSK type 4", psk, "03 0006 00 00", "04 0006 00 00", "PSK type 4")
	wiretest.Malformed(t, "PSK of no component", psk, "03 0006 00 00", "03 0000 00 00", "PSK of component 0")
	wiretest.Malformed(t, "PSK of a component without its nonce", psk, "03 0006 01 AA 00", "03 0006 01 AA", "truncated")
	const epoch = wiretest.HexZero8
	wiretest.Malformed(t, "PSK usage 0", psk, "02 01 00"+epoch+"00", "02 00 00"+epoch+"00", "usage 0")
	wiretest.Malformed(t, "PSK usage 4", psk, "02 03 00"+epoch+"00", "02 04 00"+epoch+"00", "usage 4")
	wiretest.Malformed(t, "sender type 0", wiretest.Into[message.Sender], "01 00000000", "00 00000000", "sender type 0")
	wiretest.Malformed(t, "sender type 5", wiretest.Into[message.Sender], "04", "05", "sender type 5")
}

// TestMalformedRequirements has a type twice in each list of required_capabilities, and
// what stays of default and reserved types, which may be there once (RFC 9420, Sections
// 11.1 and 13.5).
func TestMalformedRequirements(t *testing.T) {
	long := "0a0b"
	for i := range 20 {
		long += fmt.Sprintf("%04x", 0x100+i)
	}
	read := wiretest.Into[message.RequiredCapabilities]
	wiretest.Malformed(t, "extension", read, "04 0001 0a0a 00 00", "04 0001 0001 00 00", "application_id is required twice")
	wiretest.Malformed(t, "proposal", read, "00 04 0001 0002 00", "00 04 0001 0001 00", "add is required twice")
	wiretest.Malformed(t, "credential", read, "00 00 04 0001 0002", "00 00 04 0002 0002", "x509 is required twice")
	wiretest.Malformed(t, "of many", read, "00 00 2a"+long, "00 00 2c"+long+"0105", "0x0105 is required twice")
}

// TestMalformedExtensions has two extensions of one type in every structure that has a
// list of them (RFC 9420, Section 13.4).
func TestMalformedExtensions(t *testing.T) {
	const different, same = "06 0a0a00 1a1a00", "06 0a0a00 0a0a00"
	for _, c := range []struct {
		name        string
		read        func(b []byte) error
		front, back string
	}{
		{"LeafNode", wiretest.Into[message.LeafNode], wiretest.HexLeafFront + "02", "00"},
		{"KeyPackage", wiretest.Into[message.KeyPackage], "0001 0001 00" + wiretest.HexNewLeaf, "00"},
		{"GroupContext", wiretest.Into[message.GroupContext], "0001 0001 00" + wiretest.HexZero8 + "00 00", ""},
		{"GroupInfo", wiretest.Into[message.GroupInfo], wiretest.HexContext, "00 00000000 00"},
		{"ReInit", wiretest.Into[message.TypedProposal], "0005 00 0001 0001", ""},
		{"GroupContextExtensions", wiretest.Into[message.TypedProposal], "0007", ""},
	} {
		wiretest.Malformed(t, c.name, c.read, c.front+different+c.back, c.front+same+c.back, "two extensions of type 0x0A0A")
	}
}

func TestMalformedMessage(t *testing.T) {
	wiretest.Malformed(t, "versions of message and key package differ", wiretest.Into[message.Message],
		"0001 0005"+wiretest.HexKeyPackage, "0001 0005 0002"+wiretest.HexKeyPackageEnd, "versions")
	wiretest.Malformed(t, "bytes are left over", wiretest.Into[message.Message],
		"0001 0004"+wiretest.HexGroupInfo, "0001 0004"+wiretest.HexGroupInfo+"00", "left over")
}

// TestUnsupported has what is of another kind than RFC 9420 knows.
func TestUnsupported(t *testing.T) {
	const info = wiretest.HexGroupInfo
	for _, c := range []struct {
		name string
		read func(b []byte) error
		form string
		text string
	}{
		{"message of version 0", wiretest.Into[message.Message], "0000 0004" + info, "protocol version 0x0000"},
		{"message of version 2", wiretest.Into[message.Message], "0002 0004" + info, "protocol version 0x0002"},
		{"group of version 2", wiretest.Into[message.GroupInfo],
			"0002 0001 00" + wiretest.HexZero8 + "00 00 00 00 00 00000000 00", "protocol version 0x0002"},
		{"wire format 0", wiretest.Into[message.Message], "0001 0000" + info, "wire format 0x0000"},
		{"wire format 6", wiretest.Into[message.Message], "0001 0006" + info, "wire format 0x0006"},
		{"private wire format", wiretest.Into[message.Message], "0001 f000" + info, "wire format 0xF000"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.read(mlstest.Unhex(t, c.form))
			require.ErrorIs(t, err, message.ErrUnsupported)
			require.NotErrorIs(t, err, message.ErrMalformed)
			require.ErrorContains(t, err, c.text)
		})
	}
}

// TestUnknownIsKept has unknown and GREASE values where RFC 9420, Section 13.5, wants them
// ignored.
func TestUnknownIsKept(t *testing.T) {
	form := mlstest.Unhex(t, "0001 7777 00"+ // key package of an unknown suite
		"00 00"+"7777 02 abcd"+ // leaf node with an unknown credential
		"02 0a0a 04 1a1a0001 02 2a2a 02 3a3a 02 4a4a"+"01"+wiretest.HexZero8+wiretest.HexZero8+
		"05 5a5a 02 0102"+"00"+
		"04 6a6a 01 03"+"00")
	p, err := message.Parse[message.KeyPackage](form)
	require.NoError(t, err)
	require.Equal(t, "0x7777", p.CipherSuite.String())
	require.Equal(t, message.Credential{Type: 0x7777, Content: []byte{0xab, 0xcd}}, p.LeafNode.Credential)
	require.Equal(t, []uint16{0x0a0a}, p.LeafNode.Capabilities.Versions)
	require.Equal(t, []message.CredentialType{0x4a4a}, p.LeafNode.Capabilities.Credentials)
	require.Equal(t, message.Extensions{{Type: 0x5a5a, Data: []byte{1, 2}}}, p.LeafNode.Extensions)
	require.Equal(t, message.Extensions{{Type: 0x6a6a, Data: []byte{3}}}, p.Extensions)
	again, err := message.Marshal(p)
	require.NoError(t, err)
	require.Equal(t, form, again)
}

// TestMarshalRefuses has values that would not parse: none is ever written.
func TestMarshalRefuses(t *testing.T) {
	leaf := message.LeafNode{Source: codepoint.LeafNodeUpdate}
	twice := message.Extensions{{Type: 0x0a0a}, {Type: 7}, {Type: 0x0a0a}}
	for _, c := range []struct {
		name  string
		value message.Structure
		text  string
	}{
		{"empty message", &message.Message{}, "message is empty"},
		{"public message that ends in its header", &message.Message{PublicMessage: make([]byte, 9)}, "truncated"},
		{"private message without a content type", &message.Message{PrivateMessage: make([]byte, 10)}, "content type 0"},
		{"key package of another version",
			&message.Message{KeyPackage: &message.KeyPackage{Version: 2, LeafNode: leaf}}, "versions"},
		{"leaf node without a source", &message.LeafNode{}, "leaf node source 0"},
		{"X.509 credential that does not parse",
			&message.Credential{Type: message.CredentialX509, Content: []byte{5}}, "truncated"},
		{"same extension twice", &message.LeafNode{Source: codepoint.LeafNodeUpdate, Extensions: twice}, "two extensions"},
		{"add without a key package", &message.TypedProposal{Proposal: message.Add{}}, "without a key package"},
		{"update without a leaf node", &message.TypedProposal{Proposal: message.Update{}}, "without a leaf node"},
		{"no proposal", &message.TypedProposal{}, "proposal is missing"},
		{"type required twice", &message.RequiredCapabilities{Proposals: []message.ProposalType{9, 8, 9}}, "required twice"},
		{"PSK of a component and a group", &message.PreSharedKeyID{Component: 6, Usage: message.ResumptionPSKReInit}, "another type"},
		{"external PSK of a component", &message.PreSharedKeyID{Component: 6, PSKType: 1}, "another type"},
		{"PSK of a usage that is not RFC 9420's", &message.PreSharedKeyID{Usage: 4}, "usage 4"},
	} {
		wiretest.Unwritable(t, c.name, func(w *wire.Writer) { message.Write(w, c.value) }, c.text)
	}

	_, err := message.Marshal(&message.GroupContext{Version: 2})
	require.ErrorIs(t, err, message.ErrUnsupported)
}
