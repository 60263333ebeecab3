package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

func TestPublicMessageRefusesForgeries(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	refuses := func(m publicMessage, section string) {
		t.Helper()
		c, err := e.unprotectPublic(&m)
		var v *ValidationError
		require.ErrorAs(t, err, &v)
		require.Equal(t, section, v.Section)
		require.Nil(t, c)
	}
	for _, contentType := range []ContentType{ContentProposal, ContentCommit} {
		good, err := e.protectPublic(e.public(t, 1, contentType))
		require.NoError(t, err)
		c, err := e.unprotectPublic(good)
		require.NoError(t, err)
		require.Equal(t, WireFormatPublicMessage, c.wireFormat)
		retagged := func(m publicMessage) publicMessage {
			c := authenticatedContent{wireFormat: WireFormatPublicMessage, content: m.content, auth: m.auth}
			tag, err := e.membershipTag(&c)
			require.NoError(t, err)
			m.membershipTag = tag
			return m
		}

		for i := range good.membershipTag {
			m := *good
			m.membershipTag = flipped(m.membershipTag, i)
			refuses(m, "6.2")
			m.membershipTag = good.membershipTag[:i]
			refuses(m, "6.2")
		}
		for i := range good.auth.signature {
			m := *good
			m.auth.signature = flipped(m.auth.signature, i)
			refuses(m, "6.2") // the tag comes first
			refuses(retagged(m), "6.1")
		}
		m := *good
		m.content.authenticatedData = []byte("other")
		refuses(m, "6.2")
		refuses(retagged(m), "6.1")
		m = *good
		m.content.sender.Leaf = 0
		refuses(m, "6.2")
		refuses(retagged(m), "6.1")
		if contentType == ContentCommit {
			m = *good
			m.auth.confirmationTag = flipped(m.auth.confirmationTag, 0)
			refuses(m, "6.2")
		}
		m = *good
		m.content.groupID = []byte("other")
		_, err = e.unprotectPublic(&m)
		require.ErrorIs(t, err, ErrWrongGroup)
		m = *good
		m.content.epoch--
		_, err = e.unprotectPublic(&m)
		require.ErrorIs(t, err, ErrWrongEpoch)
		m = *good
		m.content.contentType, m.content.applicationData = ContentApplication, []byte("x")
		refuses(m, "6")

		m = *good
		m.membershipTag = nil
		_, err = e.verifyPublic(&m)
		require.NoError(t, err, "an outsider checks the signature alone")
		m.auth.signature = flipped(m.auth.signature, 0)
		_, err = e.verifyPublic(&m)
		require.ErrorIs(t, err, suite.ErrVerify)
	}
}

// Senders that are no members sign with the key that RFC 9420, Section 6.1, says,
// and have no membership tag.
func TestPublicMessageOfOutsiders(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	joiner, err := e.suite.GenerateSigner()
	require.NoError(t, err)
	leaf := LeafNode{
		SignatureKey: joiner.PublicKey(), Credential: BasicCredential([]byte("joiner")), Source: LeafNodeCommit,
	}
	inKeyPackage := leaf
	inKeyPackage.Source = LeafNodeKeyPackage
	base := e.content(0, ContentProposal)
	external, proposal, joined := base, base, e.content(0, ContentCommit)
	external.sender = Sender{Type: SenderExternal, Index: 0}
	proposal.sender = Sender{Type: SenderNewMemberProposal}
	proposal.proposal = Add{KeyPackage: &KeyPackage{Version: VersionMLS10, CipherSuite: 1, LeafNode: inKeyPackage}}
	joined.sender = Sender{Type: SenderNewMemberCommit}
	joined.commit = &commit{path: &updatePath{leafNode: &leaf}}

	for name, v := range map[string]struct {
		content framedContent
		signer  suite.Signer
	}{
		"external":            {external, e.external},
		"new_member_proposal": {proposal, joiner},
		"new_member_commit":   {joined, joiner},
	} {
		t.Run(name, func(t *testing.T) {
			c := authenticated(t, &e.framing, v.signer, WireFormatPublicMessage, v.content)
			m, err := e.protectPublic(c)
			require.NoError(t, err)
			require.Nil(t, m.membershipTag)
			_, err = e.unprotectPublic(m)
			require.NoError(t, err)

			c = authenticated(t, &e.framing, e.signers[0], WireFormatPublicMessage, v.content)
			m, err = e.protectPublic(c)
			require.NoError(t, err)
			_, err = e.unprotectPublic(m)
			require.ErrorIs(t, err, suite.ErrVerify)

			_, err = signContent(t.Context(), v.signer, WireFormatPrivateMessage, &v.content, e.groupContext)
			require.ErrorIs(t, err, ErrInvalid)
		})
	}

	unknown := external
	unknown.sender.Index = 1
	m, err := e.protectPublic(authenticated(t, &e.framing, e.external, WireFormatPublicMessage, unknown))
	require.NoError(t, err)
	_, err = e.unprotectPublic(m)
	require.Error(t, err)

	pathless := joined
	pathless.commit = &commit{}
	m, err = e.protectPublic(authenticated(t, &e.framing, joiner, WireFormatPublicMessage, pathless))
	require.NoError(t, err)
	_, err = e.unprotectPublic(m)
	require.ErrorIs(t, err, ErrInvalid)

	for _, wrong := range []framedContent{
		{sender: Sender{Type: SenderExternal}, contentType: ContentCommit, commit: &commit{}},
		{sender: Sender{Type: SenderNewMemberProposal}, contentType: ContentProposal, proposal: Remove{}},
		{sender: Sender{Type: SenderNewMemberCommit}, contentType: ContentProposal, proposal: Remove{}},
		{sender: Sender{Type: SenderMember}, contentType: ContentApplication},
	} {
		wrong.groupID, wrong.epoch = e.group.GroupID, e.group.Epoch
		_, err := e.unprotectPublic(&publicMessage{content: wrong})
		require.ErrorIs(t, err, ErrInvalid, "%v %v", wrong.sender.Type, wrong.contentType)
	}
}
