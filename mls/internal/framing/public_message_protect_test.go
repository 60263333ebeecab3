package framing

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

func TestPublicMessageRefusesForgeries(t *testing.T) {
	e := newEpochOfFour(t, mlstest.Suite(t, 1))
	refuses := func(m PublicMessage, section string) {
		t.Helper()
		c, err := e.UnprotectPublic(&m)
		var v *message.ValidationError
		require.ErrorAs(t, err, &v)
		require.Equal(t, section, v.Section)
		require.Nil(t, c)
	}
	for _, contentType := range []message.ContentType{message.ContentProposal, message.ContentCommit} {
		good, err := e.ProtectPublic(e.public(t, 1, contentType))
		require.NoError(t, err)
		c, err := e.UnprotectPublic(good)
		require.NoError(t, err)
		require.Equal(t, message.WireFormatPublicMessage, c.WireFormat)
		retagged := func(m PublicMessage) PublicMessage {
			c := AuthenticatedContent{WireFormat: message.WireFormatPublicMessage, Content: m.Content, Auth: m.Auth}
			tag, err := e.membershipTag(&c)
			require.NoError(t, err)
			m.MembershipTag = tag
			return m
		}

		for i := range good.MembershipTag {
			m := *good
			m.MembershipTag = mlstest.Flipped(m.MembershipTag, i)
			refuses(m, "6.2")
			m.MembershipTag = good.MembershipTag[:i]
			refuses(m, "6.2")
		}
		for i := range good.Auth.Signature {
			m := *good
			m.Auth.Signature = mlstest.Flipped(m.Auth.Signature, i)
			refuses(m, "6.2") // the tag comes first
			refuses(retagged(m), "6.1")
		}
		m := *good
		m.Content.AuthenticatedData = []byte("other")
		refuses(m, "6.2")
		refuses(retagged(m), "6.1")
		m = *good
		m.Content.Sender.Leaf = 0
		refuses(m, "6.2")
		refuses(retagged(m), "6.1")
		if contentType == message.ContentCommit {
			m = *good
			m.Auth.ConfirmationTag = mlstest.Flipped(m.Auth.ConfirmationTag, 0)
			refuses(m, "6.2")
		}
		m = *good
		m.Content.GroupID = []byte("other")
		_, err = e.UnprotectPublic(&m)
		require.ErrorIs(t, err, fault.ErrWrongGroup)
		m = *good
		m.Content.Epoch--
		_, err = e.UnprotectPublic(&m)
		require.ErrorIs(t, err, fault.ErrWrongEpoch)
		m = *good
		m.Content.ContentType, m.Content.ApplicationData = message.ContentApplication, []byte("x")
		refuses(m, "6")

		m = *good
		m.MembershipTag = nil
		_, err = e.VerifyPublic(&m)
		require.NoError(t, err, "an outsider checks the signature alone")
		m.Auth.Signature = mlstest.Flipped(m.Auth.Signature, 0)
		_, err = e.VerifyPublic(&m)
		require.ErrorIs(t, err, suite.ErrVerify)
	}
}

// Senders that are no members sign with the key that RFC 9420, Section 6.1, says,
// and have no membership tag.
func TestPublicMessageOfOutsiders(t *testing.T) {
	e := newEpochOfFour(t, mlstest.Suite(t, 1))
	joiner, err := e.Suite.GenerateSigner()
	require.NoError(t, err)
	leaf := message.LeafNode{
		SignatureKey: joiner.PublicKey(), Credential: message.BasicCredential([]byte("joiner")), Source: codepoint.LeafNodeCommit,
	}
	inKeyPackage := leaf
	inKeyPackage.Source = codepoint.LeafNodeKeyPackage
	base := e.content(0, message.ContentProposal)
	external, proposal, joined := base, base, e.content(0, message.ContentCommit)
	external.Sender = message.Sender{Type: message.SenderExternal, Index: 0}
	proposal.Sender = message.Sender{Type: message.SenderNewMemberProposal}
	proposal.Proposal = message.Add{KeyPackage: &message.KeyPackage{Version: codepoint.VersionMLS10, CipherSuite: 1, LeafNode: inKeyPackage}}
	joined.Sender = message.Sender{Type: message.SenderNewMemberCommit}
	joined.Commit = &Commit{Path: &ratchettree.UpdatePath{LeafNode: &leaf}}

	for name, v := range map[string]struct {
		content FramedContent
		signer  suite.Signer
	}{
		"external":            {external, e.external},
		"new_member_proposal": {proposal, joiner},
		"new_member_commit":   {joined, joiner},
	} {
		t.Run(name, func(t *testing.T) {
			c := authenticated(t, &e.Epoch, v.signer, message.WireFormatPublicMessage, v.content)
			m, err := e.ProtectPublic(c)
			require.NoError(t, err)
			require.Nil(t, m.MembershipTag)
			_, err = e.UnprotectPublic(m)
			require.NoError(t, err)

			c = authenticated(t, &e.Epoch, e.signers[0], message.WireFormatPublicMessage, v.content)
			m, err = e.ProtectPublic(c)
			require.NoError(t, err)
			_, err = e.UnprotectPublic(m)
			require.ErrorIs(t, err, suite.ErrVerify)

			_, err = SignContent(t.Context(), v.signer, message.WireFormatPrivateMessage, &v.content, e.GroupContext)
			require.ErrorIs(t, err, message.ErrInvalid)
		})
	}

	unknown := external
	unknown.Sender.Index = 1
	m, err := e.ProtectPublic(authenticated(t, &e.Epoch, e.external, message.WireFormatPublicMessage, unknown))
	require.NoError(t, err)
	_, err = e.UnprotectPublic(m)
	require.Error(t, err)

	pathless := joined
	pathless.Commit = &Commit{}
	m, err = e.ProtectPublic(authenticated(t, &e.Epoch, joiner, message.WireFormatPublicMessage, pathless))
	require.NoError(t, err)
	_, err = e.UnprotectPublic(m)
	require.ErrorIs(t, err, message.ErrInvalid)

	for _, wrong := range []FramedContent{
		{Sender: message.Sender{Type: message.SenderExternal}, ContentType: message.ContentCommit, Commit: &Commit{}},
		{Sender: message.Sender{Type: message.SenderNewMemberProposal}, ContentType: message.ContentProposal, Proposal: message.Remove{}},
		{Sender: message.Sender{Type: message.SenderNewMemberCommit}, ContentType: message.ContentProposal, Proposal: message.Remove{}},
		{Sender: message.Sender{Type: message.SenderMember}, ContentType: message.ContentApplication},
	} {
		wrong.GroupID, wrong.Epoch = e.Group.GroupID, e.Group.Epoch
		_, err := e.UnprotectPublic(&PublicMessage{Content: wrong})
		require.ErrorIs(t, err, message.ErrInvalid, "%v %v", wrong.Sender.Type, wrong.ContentType)
	}
}
