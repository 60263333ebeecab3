package mls

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

var testLimits = ratchetLimits{MaxForward: 100, MaxKept: 100}

func TestVectorsMessageProtection(t *testing.T) {
	vectors.OfficialAndOwn(t, "message-protection", func(t *testing.T, c *vectors.MessageProtection) {
		s := testSuite(t, c.CipherSuite)
		f := &framing{
			suite: s,
			group: &GroupContext{
				Version: VersionMLS10, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
				TreeHash: c.TreeHash, ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
			},
			secrets: &epochSecrets{membership: c.MembershipKey, senderData: c.SenderDataSecret},
			member: func(from Sender) (Author, error) {
				require.Equal(t, Sender{Type: SenderMember, Leaf: 1}, from)
				return Author{SignatureKey: c.SignaturePub}, nil
			},
		}
		var err error
		f.groupContext, err = Marshal(f.group)
		require.NoError(t, err)
		signer, err := s.ParseSigner(c.SignaturePriv.Scalar(s.Info().Signature.PrivateKey))
		require.NoError(t, err)
		newTree := func() *secretTree { return newSecretTree(s, 2, bytes.Clone(c.EncryptionSecret)) }

		for _, v := range []struct {
			contentType    ContentType
			raw, pub, priv []byte
		}{
			{ContentProposal, c.Proposal, c.ProposalPub, c.ProposalPriv},
			{ContentCommit, c.Commit, c.CommitPub, c.CommitPriv},
			{ContentApplication, nil, nil, c.ApplicationPriv},
		} {
			content := framedContent{
				groupID: c.GroupID, epoch: c.Epoch, sender: Sender{Type: SenderMember, Leaf: 1},
				contentType: v.contentType, authenticatedData: []byte{},
			}
			if v.contentType == ContentApplication {
				content.applicationData = c.Application
			} else {
				r := wire.NewReader(v.raw)
				content.unmarshalBody(r)
				require.NoError(t, r.Finish())
			}
			body := func(c *framedContent) []byte {
				b, err := wire.Marshal(c.marshalBody)
				require.NoError(t, err)
				return b
			}

			got, key, err := f.unprotectPrivate(newTree().within(testLimits), privateIn(t, v.priv))
			require.NoError(t, err)
			require.Equal(t, body(&content), body(&got.content))
			require.NoError(t, key.commit())

			private := authenticated(t, f, signer, WireFormatPrivateMessage, content)
			sealed, err := f.protectPrivate(newTree(), private, padToMultiple(64))
			require.NoError(t, err)
			got, _, err = f.unprotectPrivate(newTree().within(testLimits), sealed)
			require.NoError(t, err)
			got.author, got.scratch = Author{}, nil
			require.Equal(t, private, got)

			if v.contentType == ContentApplication {
				_, err := signContent(t.Context(), signer, WireFormatPublicMessage, &content, f.groupContext)
				require.ErrorIs(t, err, ErrInvalid)
				private.wireFormat = WireFormatPublicMessage
				_, err = f.protectPublic(private)
				require.ErrorIs(t, err, ErrInvalid)
				continue
			}
			got, err = f.unprotectPublic(publicIn(t, v.pub))
			require.NoError(t, err)
			require.Equal(t, body(&content), body(&got.content))

			public := authenticated(t, f, signer, WireFormatPublicMessage, content)
			tagged, err := f.protectPublic(public)
			require.NoError(t, err)
			got, err = f.unprotectPublic(tagged)
			require.NoError(t, err)
			got.author, got.scratch = Author{}, nil
			require.Equal(t, public, got)
		}
	})
}

// authenticated signs content, and gives a Commit some confirmation tag.
func authenticated(t testing.TB, f *framing, signer suite.Signer, format WireFormat, content framedContent) *authenticatedContent {
	t.Helper()
	c, err := signContent(t.Context(), signer, format, &content, f.groupContext)
	require.NoError(t, err)
	if content.contentType == ContentCommit {
		c.auth.confirmationTag = bytes.Repeat([]byte{3}, f.suite.Info().Hash.Size)
	}
	return c
}

// epochOfFour is an epoch of four leaves, of which the last is blank, and one
// external sender.
type epochOfFour struct {
	framing
	signers  []suite.Signer
	external suite.Signer
	root     []byte
}

func newEpochOfFour(t testing.TB, s suite.Suite) *epochOfFour {
	secrets, err := deriveEpochSecrets(s, bytes.Repeat([]byte{1}, s.Info().KDF.Nh))
	require.NoError(t, err)
	e := &epochOfFour{root: secrets.takeEncryption()}
	newSigner := func() suite.Signer {
		signer, err := s.GenerateSigner()
		require.NoError(t, err)
		return signer
	}
	e.signers, e.external = []suite.Signer{newSigner(), newSigner(), newSigner()}, newSigner()
	group := &GroupContext{Version: VersionMLS10, CipherSuite: s.Info().ID, GroupID: []byte("group"), Epoch: 5, TreeHash: []byte("tree")}
	encoded, err := Marshal(group)
	require.NoError(t, err)
	e.framing = framing{
		suite: s, group: group, groupContext: encoded, secrets: secrets,
		member: func(from Sender) (Author, error) {
			switch {
			case from.Type == SenderMember && int(from.Leaf) < len(e.signers):
				return Author{SignatureKey: e.signers[from.Leaf].PublicKey()}, nil
			case from.Type == SenderExternal && from.Index == 0:
				return Author{SignatureKey: e.external.PublicKey()}, nil
			}
			return Author{}, violation("6.1", "nobody there")
		},
	}
	return e
}

func (e *epochOfFour) tree() *secretTree { return newSecretTree(e.suite, 4, bytes.Clone(e.root)) }

// content returns a member's content of each type.
func (e *epochOfFour) content(leaf LeafIndex, contentType ContentType) framedContent {
	c := framedContent{
		groupID: e.group.GroupID, epoch: e.group.Epoch, sender: Sender{Type: SenderMember, Leaf: leaf},
		authenticatedData: []byte("additional"), contentType: contentType,
	}
	switch contentType {
	case ContentApplication:
		c.applicationData = []byte("hello")
	case ContentProposal:
		c.proposal = Remove{Removed: 2}
	case ContentCommit:
		c.commit = &commit{proposals: []proposalOrRef{{proposal: Remove{Removed: 2}}}}
	}
	return c
}

func (e *epochOfFour) private(t testing.TB, leaf LeafIndex, contentType ContentType) *authenticatedContent {
	return authenticated(t, &e.framing, e.signers[leaf], WireFormatPrivateMessage, e.content(leaf, contentType))
}

func (e *epochOfFour) public(t testing.TB, leaf LeafIndex, contentType ContentType) *authenticatedContent {
	return authenticated(t, &e.framing, e.signers[leaf], WireFormatPublicMessage, e.content(leaf, contentType))
}

func TestProtectRefuses(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	for name, spoil := range map[string]struct {
		change func(*authenticatedContent)
		want   error
	}{
		"wire format":     {func(c *authenticatedContent) { c.wireFormat = WireFormatPublicMessage }, ErrInvalid},
		"group":           {func(c *authenticatedContent) { c.content.groupID = []byte("other") }, ErrWrongGroup},
		"epoch":           {func(c *authenticatedContent) { c.content.epoch++ }, ErrWrongEpoch},
		"external sender": {func(c *authenticatedContent) { c.content.sender = Sender{Type: SenderExternal} }, ErrInvalid},
		"outside":         {func(c *authenticatedContent) { c.content.sender.Leaf = 4 }, ErrInvalid},
		"no tag": {func(c *authenticatedContent) {
			c.content, c.auth.confirmationTag = e.content(0, ContentCommit), nil
		}, ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			c := e.private(t, 0, ContentProposal)
			spoil.change(c)
			tree := e.tree()
			_, err := e.protectPrivate(tree, c, nil)
			require.ErrorIs(t, err, spoil.want)
			require.Empty(t, cmp.Diff(stateOf(e.tree()), stateOf(tree)))
		})
	}
	e.secrets.destroy()
	tree := e.tree()
	_, err := e.protectPrivate(tree, e.private(t, 0, ContentApplication), nil)
	require.ErrorIs(t, err, ErrRetired)
	require.Empty(t, cmp.Diff(stateOf(e.tree()), stateOf(tree)))
	_, err = e.protectPublic(e.public(t, 0, ContentProposal))
	require.ErrorIs(t, err, ErrRetired)
}
