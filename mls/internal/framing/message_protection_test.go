package framing

import (
	"bytes"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

type memberFunc func(message.Sender) (message.Author, error)

func (f memberFunc) Author(s message.Sender) (message.Author, error) { return f(s) }

var testLimits = secrettree.RatchetLimits{MaxForward: 100, MaxKept: 100}

func TestVectorsMessageProtection(t *testing.T) {
	vectors.WithExperimental(t, "message-protection", func(t *testing.T, c *vectors.MessageProtection) {
		s := mlstest.Suite(t, c.CipherSuite)
		f := &Epoch{
			Suite: s,
			Group: &message.GroupContext{
				Version: codepoint.VersionMLS10, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
				TreeHash: c.TreeHash, ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
			},
			Secrets: &schedule.EpochSecrets{Membership: c.MembershipKey, SenderData: c.SenderDataSecret},
			Members: memberFunc(func(from message.Sender) (message.Author, error) {
				require.Equal(t, message.Sender{Type: message.SenderMember, Leaf: 1}, from)
				return message.Author{SignatureKey: c.SignaturePub}, nil
			}),
		}
		var err error
		f.GroupContext, err = message.Marshal(f.Group)
		require.NoError(t, err)
		signer, err := s.ParseSigner(c.SignaturePriv.Scalar(s.Info().Signature.PrivateKey))
		require.NoError(t, err)
		newTree := func() *secrettree.Tree { return secrettree.New(s, 2, bytes.Clone(c.EncryptionSecret)) }

		for _, v := range []struct {
			contentType    message.ContentType
			raw, pub, priv []byte
		}{
			{message.ContentProposal, c.Proposal, c.ProposalPub, c.ProposalPriv},
			{message.ContentCommit, c.Commit, c.CommitPub, c.CommitPriv},
			{message.ContentApplication, nil, nil, c.ApplicationPriv},
		} {
			content := FramedContent{
				GroupID: c.GroupID, Epoch: c.Epoch, Sender: message.Sender{Type: message.SenderMember, Leaf: 1},
				ContentType: v.contentType, AuthenticatedData: []byte{},
			}
			if v.contentType == message.ContentApplication {
				content.ApplicationData = c.Application
			} else {
				r := wire.NewReader(v.raw)
				content.unmarshalBody(r)
				require.NoError(t, r.Finish())
			}
			body := func(c *FramedContent) []byte {
				b, err := wire.Marshal(c.MarshalBody)
				require.NoError(t, err)
				return b
			}

			got, key, err := f.UnprotectPrivate(newTree().Finder(new(sync.Mutex), testLimits), privateOf(t, v.priv))
			require.NoError(t, err)
			require.Equal(t, body(&content), body(&got.Content))
			require.NoError(t, key.Commit())

			private := authenticated(t, f, signer, message.WireFormatPrivateMessage, content)
			sealed, err := f.ProtectPrivate(newTree(), private, PadToMultiple(64))
			require.NoError(t, err)
			got, _, err = f.UnprotectPrivate(newTree().Finder(new(sync.Mutex), testLimits), sealed)
			require.NoError(t, err)
			got.Author = message.Author{}
			require.Equal(t, private, got)

			if v.contentType == message.ContentApplication {
				_, err := SignContent(t.Context(), signer, message.WireFormatPublicMessage, &content, f.GroupContext)
				require.ErrorIs(t, err, message.ErrInvalid)
				private.WireFormat = message.WireFormatPublicMessage
				_, err = f.ProtectPublic(private)
				require.ErrorIs(t, err, message.ErrInvalid)
				continue
			}
			got, err = f.UnprotectPublic(publicOf(t, v.pub))
			require.NoError(t, err)
			require.Equal(t, body(&content), body(&got.Content))

			public := authenticated(t, f, signer, message.WireFormatPublicMessage, content)
			tagged, err := f.ProtectPublic(public)
			require.NoError(t, err)
			got, err = f.UnprotectPublic(tagged)
			require.NoError(t, err)
			got.Author = message.Author{}
			require.Equal(t, public, got)
		}
	})
}

// authenticated signs content, and gives a Commit some confirmation tag.
func authenticated(t testing.TB, f *Epoch, signer suite.Signer, format message.WireFormat, content FramedContent) *AuthenticatedContent {
	t.Helper()
	c, err := SignContent(t.Context(), signer, format, &content, f.GroupContext)
	require.NoError(t, err)
	if content.ContentType == message.ContentCommit {
		c.Auth.ConfirmationTag = bytes.Repeat([]byte{3}, f.Suite.Info().Hash.Size)
	}
	return c
}

// epochOfFour is an epoch of four leaves, of which the last is blank, and one
// external sender.
type epochOfFour struct {
	Epoch
	signers  []suite.Signer
	external suite.Signer
	root     []byte
}

func newEpochOfFour(t testing.TB, s suite.Suite) *epochOfFour {
	secrets, err := schedule.DeriveEpochSecrets(s, bytes.Repeat([]byte{1}, s.Info().KDF.Nh), false)
	require.NoError(t, err)
	e := &epochOfFour{root: secrets.TakeEncryption()}
	newSigner := func() suite.Signer {
		signer, err := s.GenerateSigner()
		require.NoError(t, err)
		return signer
	}
	e.signers, e.external = []suite.Signer{newSigner(), newSigner(), newSigner()}, newSigner()
	group := &message.GroupContext{Version: codepoint.VersionMLS10, CipherSuite: s.Info().ID, GroupID: []byte("group"), Epoch: 5, TreeHash: []byte("tree")}
	encoded, err := message.Marshal(group)
	require.NoError(t, err)
	e.Epoch = Epoch{
		Suite: s, Group: group, GroupContext: encoded, Secrets: secrets,
		Members: memberFunc(func(from message.Sender) (message.Author, error) {
			switch {
			case from.Type == message.SenderMember && int(from.Leaf) < len(e.signers):
				return message.Author{SignatureKey: e.signers[from.Leaf].PublicKey()}, nil
			case from.Type == message.SenderExternal && from.Index == 0:
				return message.Author{SignatureKey: e.external.PublicKey()}, nil
			}
			return message.Author{}, fault.Violation("6.1", "nobody there")
		}),
	}
	return e
}

func (e *epochOfFour) tree() *secrettree.Tree { return secrettree.New(e.Suite, 4, bytes.Clone(e.root)) }

// content returns a member's content of each type.
func (e *epochOfFour) content(leaf message.LeafIndex, contentType message.ContentType) FramedContent {
	c := FramedContent{
		GroupID: e.Group.GroupID, Epoch: e.Group.Epoch, Sender: message.Sender{Type: message.SenderMember, Leaf: leaf},
		AuthenticatedData: []byte("additional"), ContentType: contentType,
	}
	switch contentType {
	case message.ContentApplication:
		c.ApplicationData = []byte("hello")
	case message.ContentProposal:
		c.Proposal = message.Remove{Removed: 2}
	case message.ContentCommit:
		c.Commit = &Commit{Proposals: []ProposalOrRef{{Proposal: message.Remove{Removed: 2}}}}
	}
	return c
}

func (e *epochOfFour) private(t testing.TB, leaf message.LeafIndex, contentType message.ContentType) *AuthenticatedContent {
	return authenticated(t, &e.Epoch, e.signers[leaf], message.WireFormatPrivateMessage, e.content(leaf, contentType))
}

func (e *epochOfFour) public(t testing.TB, leaf message.LeafIndex, contentType message.ContentType) *AuthenticatedContent {
	return authenticated(t, &e.Epoch, e.signers[leaf], message.WireFormatPublicMessage, e.content(leaf, contentType))
}

func TestProtectRefuses(t *testing.T) {
	e := newEpochOfFour(t, mlstest.Suite(t, 1))
	for name, spoil := range map[string]struct {
		change func(*AuthenticatedContent)
		want   error
	}{
		"wire format":     {func(c *AuthenticatedContent) { c.WireFormat = message.WireFormatPublicMessage }, message.ErrInvalid},
		"group":           {func(c *AuthenticatedContent) { c.Content.GroupID = []byte("other") }, fault.ErrWrongGroup},
		"epoch":           {func(c *AuthenticatedContent) { c.Content.Epoch++ }, fault.ErrWrongEpoch},
		"external sender": {func(c *AuthenticatedContent) { c.Content.Sender = message.Sender{Type: message.SenderExternal} }, message.ErrInvalid},
		"outside":         {func(c *AuthenticatedContent) { c.Content.Sender.Leaf = 4 }, message.ErrInvalid},
		"no tag": {func(c *AuthenticatedContent) {
			c.Content, c.Auth.ConfirmationTag = e.content(0, message.ContentCommit), nil
		}, message.ErrMalformed},
	} {
		t.Run(name, func(t *testing.T) {
			c := e.private(t, 0, message.ContentProposal)
			spoil.change(c)
			tree := e.tree()
			_, err := e.ProtectPrivate(tree, c, nil)
			require.ErrorIs(t, err, spoil.want)
			require.Empty(t, cmp.Diff(savedSecrets(t, e.tree()), savedSecrets(t, tree)))
		})
	}
	e.Secrets.Destroy()
	tree := e.tree()
	_, err := e.ProtectPrivate(tree, e.private(t, 0, message.ContentApplication), nil)
	require.ErrorIs(t, err, label.ErrRetired)
	require.Empty(t, cmp.Diff(savedSecrets(t, e.tree()), savedSecrets(t, tree)))
	_, err = e.ProtectPublic(e.public(t, 0, message.ContentProposal))
	require.ErrorIs(t, err, label.ErrRetired)
}

// savedSecrets returns all that a tree holds, in its saved form.
func savedSecrets(t testing.TB, tree *secrettree.Tree) map[secrettree.SecretName]string {
	t.Helper()
	all := map[secrettree.SecretName]string{}
	for n := range tree.Names(ratchettree.NoLeaf) {
		value, err := wire.Marshal(func(w *wire.Writer) { tree.Write(n, func(int) *wire.Writer { return w }) })
		require.NoError(t, err)
		all[n] = string(value)
	}
	return all
}

// publicOf returns the PublicMessage that an MLSMessage holds.
func publicOf(t testing.TB, msg []byte) *PublicMessage {
	t.Helper()
	m, err := message.Parse[message.Message](msg)
	require.NoError(t, err)
	public, err := ParsePublic(m.PublicMessage, message.CodePoints{})
	require.NoError(t, err)
	return public
}

// privateOf returns the PrivateMessage that an MLSMessage holds.
func privateOf(t testing.TB, msg []byte) *PrivateMessage {
	t.Helper()
	m, err := message.Parse[message.Message](msg)
	require.NoError(t, err)
	private, err := ParsePrivate(m.PrivateMessage)
	require.NoError(t, err)
	return private
}
