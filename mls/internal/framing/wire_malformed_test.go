package framing

import (
	"testing"

	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Encodings in hexadecimal, in which every vector is empty that may be.
const (
	// Contents up to the content type.
	hexMember            = hexFrameFront + "01 00000000" + "00"
	hexExternal          = hexFrameFront + "02 00000000" + "00"
	hexNewMemberProposal = hexFrameFront + "03" + "00"
	hexNewMemberCommit   = hexFrameFront + "04" + "00"
	hexFrameFront        = "00" + wiretest.HexZero8 // up to the sender

	// Contents from the content type on.
	hexApplication = "01 00"
	hexAdd         = "02 0001" + wiretest.HexKeyPackage
	hexUpdate      = "02 0002" + wiretest.HexLeaf
	hexRemove      = "02 0003 00000000"
	hexInit        = "02 0006 00"
	hexCommit      = "03 00 00"
	hexSignature   = "00"
	hexTag         = "00"
)

// malformedCase is the arguments of wiretest.Malformed.
type malformedCase struct {
	name             string
	read             func(b []byte) error
	valid, malformed string
	text             string
}

func (c malformedCase) run(t *testing.T) {
	wiretest.Malformed(t, c.name, c.read, c.valid, c.malformed, c.text)
}

func TestMalformedSelect(t *testing.T) {
	commit, public := wiretest.Reading((*Commit).unmarshal), wiretest.Reading((*PublicMessage).unmarshal)
	for _, c := range []malformedCase{
		{"proposal or reference type 0", commit, "03 02 01aa 00", "03 00 01aa 00", "reference type 0"},
		{"proposal or reference type 3", commit, "03 02 01aa 00", "03 03 01aa 00", "reference type 3"},
		{"empty reference", commit, "03 02 01aa 00", "02 02 00 00", "reference to a proposal is empty"},
		{"sender type 5 of a message", public,
			hexMember + hexRemove + hexSignature + hexTag,
			hexFrameFront + "05 00" + hexRemove + hexSignature + hexTag, "sender type 5"},
		{"content type 0", public,
			hexMember + hexApplication + hexSignature + hexTag, hexMember + "00 00" + hexSignature + hexTag,
			"content type 0"},
		{"content type 4", public,
			hexMember + hexApplication + hexSignature + hexTag, hexMember + "04 00" + hexSignature + hexTag,
			"content type 4"},
		{"content type 4 of a private message", wiretest.Reading((*PrivateMessage).unmarshal),
			hexFrameFront + "03 00 00 00", hexFrameFront + "04 00 00 00", "content type 4"},
		{"content of a Welcome", wiretest.Reading((*AuthenticatedContent).unmarshal),
			"0001" + hexMember + hexApplication + hexSignature, "0003" + hexMember + hexApplication + hexSignature,
			"wire format mls_welcome"},
	} {
		c.run(t)
	}
}

func TestMalformedOptional(t *testing.T) {
	const leaf = wiretest.HexLeaf
	wiretest.Malformed(t, "path of a commit", wiretest.Reading((*Commit).unmarshal), "00 01"+leaf+"00", "00 02"+leaf+"00", "presence")
}

// TestMalformedTags has tags where none may be, and none where one has to be.
func TestMalformedTags(t *testing.T) {
	const content = "0002" + hexMember
	public, authenticated := wiretest.Reading((*PublicMessage).unmarshal), wiretest.Reading((*AuthenticatedContent).unmarshal)
	for _, c := range []malformedCase{
		{"member without a membership tag", public,
			hexMember + hexRemove + hexSignature + hexTag, hexMember + hexRemove + hexSignature, "truncated"},
		{"external sender with a membership tag", public,
			hexExternal + hexRemove + hexSignature, hexExternal + hexRemove + hexSignature + hexTag, "left over"},
		{"new member with a membership tag", public,
			hexNewMemberProposal + hexAdd + hexSignature,
			hexNewMemberProposal + hexAdd + hexSignature + hexTag, "left over"},
		{"new member's commit with a membership tag", public,
			hexNewMemberCommit + hexCommit + hexSignature + hexTag,
			hexNewMemberCommit + hexCommit + hexSignature + hexTag + hexTag, "left over"},
		{"commit without a confirmation tag", authenticated,
			content + hexCommit + hexSignature + hexTag, content + hexCommit + hexSignature, "truncated"},
		{"proposal with a confirmation tag", authenticated,
			content + hexRemove + hexSignature, content + hexRemove + hexSignature + hexTag, "left over"},
		{"application data with a confirmation tag", authenticated,
			content + hexApplication + hexSignature, content + hexApplication + hexSignature + hexTag, "left over"},
	} {
		c.run(t)
	}
}

// TestMalformedSender has contents that RFC 9420, Sections 6.1 and 12.1.8, deny to the role
// of their sender.
func TestMalformedSender(t *testing.T) {
	for _, c := range []struct {
		name             string
		valid, malformed string
	}{
		{"external sender of application data",
			hexExternal + hexRemove + hexSignature, hexExternal + hexApplication + hexSignature},
		{"external sender of a commit",
			hexExternal + hexRemove + hexSignature, hexExternal + hexCommit + hexSignature + hexTag},
		{"external sender of an update",
			hexExternal + hexAdd + hexSignature, hexExternal + hexUpdate + hexSignature},
		{"external sender of an external init",
			hexExternal + hexAdd + hexSignature, hexExternal + hexInit + hexSignature},
		{"new member's proposal to remove",
			hexNewMemberProposal + hexAdd + hexSignature, hexNewMemberProposal + hexRemove + hexSignature},
		{"new member's proposal is a commit",
			hexNewMemberCommit + hexCommit + hexSignature + hexTag,
			hexNewMemberProposal + hexCommit + hexSignature + hexTag},
		{"new member's commit is a proposal",
			hexNewMemberProposal + hexAdd + hexSignature, hexNewMemberCommit + hexAdd + hexSignature},
		{"new member's application data",
			hexNewMemberProposal + hexAdd + hexSignature, hexNewMemberProposal + hexApplication + hexSignature},
	} {
		wiretest.Malformed(t, c.name, wiretest.Reading((*PublicMessage).unmarshal), c.valid, c.malformed, "is not allowed for this")
	}
}

func TestMalformedPadding(t *testing.T) {
	private := func(content message.ContentType) func(b []byte) error {
		return wiretest.Reading(unmarshalPrivateContent(content))
	}
	for _, c := range []malformedCase{
		{"begins with 1", private(message.ContentApplication), "00 00 000000", "00 00 010000", "padding"},
		{"ends with 1", private(message.ContentApplication), "00 00 000000", "00 00 000001", "padding"},
		{"is one byte", private(message.ContentProposal), "0003 00000000 00 00", "0003 00000000 00 80", "padding"},
		{"of a commit", private(message.ContentCommit), "00 00 00 00 0000", "00 00 00 00 0001", "padding"},
		{"of sender data", wiretest.Reading((*SenderData).unmarshal),
			"00000001 00000002 03040506", "00000001 00000002 03040506 00", "left over"},
	} {
		c.run(t)
	}
}

// TestMarshalRefuses has values that would not parse: none is ever written.
func TestMarshalRefuses(t *testing.T) {
	content := func(sender message.SenderType, c FramedContent) FramedContent {
		c.Sender.Type = sender
		return c
	}
	application := FramedContent{ContentType: message.ContentApplication}
	ofCommit := FramedContent{ContentType: message.ContentCommit, Commit: new(Commit)}
	tag := []byte{}
	confirmed := framedContentAuthData{ConfirmationTag: tag}

	for _, c := range []struct {
		name    string
		message PublicMessage
		text    string
	}{
		{"no sender", PublicMessage{Content: application}, "sender type 0"},
		{"no content type", PublicMessage{Content: content(message.SenderMember, FramedContent{}), MembershipTag: tag},
			"content type 0"},
		{"no commit", PublicMessage{
			Content: content(message.SenderNewMemberCommit, FramedContent{ContentType: message.ContentCommit}), Auth: confirmed,
		}, "commit is missing"},
		{"commit without a confirmation tag",
			PublicMessage{Content: content(message.SenderMember, ofCommit), MembershipTag: tag},
			"confirmation tag is missing"},
		{"application data with a confirmation tag",
			PublicMessage{Content: content(message.SenderMember, application), MembershipTag: tag, Auth: confirmed},
			"unexpected confirmation tag"},
		{"member without a membership tag", PublicMessage{Content: content(message.SenderMember, application)},
			"membership tag is missing"},
		{"new member with a membership tag",
			PublicMessage{Content: content(message.SenderNewMemberCommit, ofCommit), MembershipTag: tag, Auth: confirmed},
			"unexpected membership tag"},
	} {
		wiretest.Unwritable(t, c.name, c.message.marshal, c.text)
	}
	wiretest.Unwritable(t, "empty reference", new(ProposalOrRef).marshal, "reference to a proposal is empty")
	pathOfNobody := &Commit{Path: new(ratchettree.UpdatePath)}
	wiretest.Unwritable(t, "update path without a leaf node", pathOfNobody.marshal, "without a leaf node")
}
