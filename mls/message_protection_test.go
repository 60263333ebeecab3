package mls

import (
	"bytes"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/suite"
)

var testLimits = ratchetLimits{MaxForward: 100, MaxKept: 100}

func TestVectorsMessageProtection(t *testing.T) {
	type hex = vectors.Hex
	var cases []struct {
		CipherSuite             suite.ID `json:"cipher_suite"`
		GroupID                 hex      `json:"group_id"`
		Epoch                   uint64
		TreeHash                hex `json:"tree_hash"`
		ConfirmedTranscriptHash hex `json:"confirmed_transcript_hash"`
		SignaturePriv           hex `json:"signature_priv"`
		SignaturePub            hex `json:"signature_pub"`
		EncryptionSecret        hex `json:"encryption_secret"`
		SenderDataSecret        hex `json:"sender_data_secret"`
		MembershipKey           hex `json:"membership_key"`
		Proposal                hex
		ProposalPub             hex `json:"proposal_pub"`
		ProposalPriv            hex `json:"proposal_priv"`
		Commit                  hex
		CommitPub               hex `json:"commit_pub"`
		CommitPriv              hex `json:"commit_priv"`
		Application             hex
		ApplicationPriv         hex `json:"application_priv"`
	}
	vectors.Load(t, "mls/message-protection.json", &cases)
	messages := 0
	for _, c := range cases {
		t.Run(c.CipherSuite.String(), func(t *testing.T) {
			s := testSuite(t, c.CipherSuite)
			f := &framing{
				suite: s,
				group: &GroupContext{
					Version: VersionMLS10, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
					TreeHash: c.TreeHash, ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
				},
				secrets: &epochSecrets{membership: c.MembershipKey, senderData: c.SenderDataSecret},
				signatureKey: func(from Sender) ([]byte, error) {
					require.Equal(t, Sender{Type: SenderMember, Leaf: 1}, from)
					return c.SignaturePub, nil
				},
			}
			var err error
			f.groupContext, err = marshalled(f.group)
			require.NoError(t, err)
			signer, err := s.ParseSigner(c.SignaturePriv)
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

				m, err := ParseMessage(v.priv)
				require.NoError(t, err)
				got, key, err := f.unprotectPrivate(newTree(), m.privateMessage, testLimits)
				require.NoError(t, err)
				require.Equal(t, body(&content), body(&got.content))
				require.NoError(t, key.commit())

				private := authenticated(t, f, signer, WireFormatPrivateMessage, content)
				sealed, err := f.protectPrivate(newTree(), private, PadToMultiple(64))
				require.NoError(t, err)
				got, _, err = f.unprotectPrivate(newTree(), sealed, testLimits)
				require.NoError(t, err)
				require.Equal(t, private, got)
				messages++

				if v.contentType == ContentApplication {
					_, err := signContent(t.Context(), signer, WireFormatPublicMessage, &content, f.groupContext)
					require.ErrorIs(t, err, ErrInvalid)
					private.wireFormat = WireFormatPublicMessage
					_, err = f.protectPublic(private)
					require.ErrorIs(t, err, ErrInvalid)
					continue
				}
				m, err = ParseMessage(v.pub)
				require.NoError(t, err)
				got, err = f.unprotectPublic(m.publicMessage)
				require.NoError(t, err)
				require.Equal(t, body(&content), body(&got.content))

				public := authenticated(t, f, signer, WireFormatPublicMessage, content)
				tagged, err := f.protectPublic(public)
				require.NoError(t, err)
				got, err = f.unprotectPublic(tagged)
				require.NoError(t, err)
				require.Equal(t, public, got)
				messages++
			}
		})
	}
	t.Logf("message-protection: %d cases, %d messages", len(cases), messages)
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
	encoded, err := marshalled(group)
	require.NoError(t, err)
	e.framing = framing{
		suite: s, group: group, groupContext: encoded, secrets: secrets,
		signatureKey: func(from Sender) ([]byte, error) {
			switch {
			case from.Type == SenderMember && int(from.Leaf) < len(e.signers):
				return e.signers[from.Leaf].PublicKey(), nil
			case from.Type == SenderExternal && from.Index == 0:
				return e.external.PublicKey(), nil
			}
			return nil, violation("6.1", "nobody there")
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
		c.proposal = RemoveProposal{Removed: 2}
	case ContentCommit:
		c.commit = &commit{proposals: []proposalOrRef{{proposal: RemoveProposal{Removed: 2}}}}
	}
	return c
}

func (e *epochOfFour) private(t testing.TB, leaf LeafIndex, contentType ContentType) *authenticatedContent {
	return authenticated(t, &e.framing, e.signers[leaf], WireFormatPrivateMessage, e.content(leaf, contentType))
}

func (e *epochOfFour) public(t testing.TB, leaf LeafIndex, contentType ContentType) *authenticatedContent {
	return authenticated(t, &e.framing, e.signers[leaf], WireFormatPublicMessage, e.content(leaf, contentType))
}

// forged returns a private message of c under the sender's generation 0, made by
// somebody who holds all secrets and follows no rule: spoil changes the plaintext,
// and the sender data between the two encryptions.
func (e *epochOfFour) forged(t testing.TB, c *authenticatedContent, spoil func(plaintext []byte, data *senderData)) *privateMessage {
	plaintext, err := e.privateContent(c, PadToMultiple(100))
	require.NoError(t, err)
	key, err := e.tree().next(min(c.content.sender.Leaf, 3), c.content.contentType)
	require.NoError(t, err)
	m := &privateMessage{
		groupID: c.content.groupID, epoch: c.content.epoch, contentType: c.content.contentType,
		authenticatedData: c.content.authenticatedData,
	}
	data := &senderData{leaf: c.content.sender.Leaf, reuseGuard: [4]byte{1, 2, 3, 4}}
	sent := *data
	spoil(plaintext, &sent)
	require.NoError(t, e.sealContent(m, &key.messageKey, data, plaintext))
	require.NoError(t, e.sealSenderData(m, &sent))
	return m
}

func TestPrivateMessageRefusesForgeries(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	receiver := e.tree()
	open(t, receiver, 0, 3, testLimits) // a state with kept keys and a used leaf
	before := stateOf(receiver)
	refuses := func(m *privateMessage, want error, format string, args ...any) {
		t.Helper()
		c, key, err := e.unprotectPrivate(receiver, m, testLimits)
		require.ErrorIs(t, err, want, append([]any{format}, args...)...)
		require.Nil(t, c)
		require.Nil(t, key)
		require.Empty(t, cmp.Diff(before, stateOf(receiver)))
	}
	nothing := func([]byte, *senderData) {}

	for _, leaf := range []LeafIndex{0, 1} {
		for _, contentType := range []ContentType{ContentApplication, ContentProposal, ContentCommit} {
			good := e.forged(t, e.private(t, leaf, contentType), nothing)
			_, key, err := e.unprotectPrivate(receiver, good, testLimits)
			require.NoError(t, err)
			key.discard()
			require.Empty(t, cmp.Diff(before, stateOf(receiver)))

			for i := range good.ciphertext {
				m := *good
				m.ciphertext = flipped(m.ciphertext, i)
				refuses(&m, ErrDecrypt, "ciphertext, octet %d", i)
				m.ciphertext = good.ciphertext[:i]
				refuses(&m, ErrDecrypt, "ciphertext of %d", i)
			}
			for i := range good.encryptedSenderData {
				m := *good
				m.encryptedSenderData = flipped(m.encryptedSenderData, i)
				refuses(&m, ErrDecrypt, "sender data, octet %d", i)
				m.encryptedSenderData = good.encryptedSenderData[:i]
				refuses(&m, ErrDecrypt, "sender data of %d", i)
			}
			m := *good
			m.authenticatedData = flipped(m.authenticatedData, 0)
			refuses(&m, ErrDecrypt, "additional data")
			m = *good
			m.contentType = contentType%3 + 1
			refuses(&m, ErrDecrypt, "content type")
			m = *good
			m.groupID = []byte("another")
			refuses(&m, ErrWrongGroup, "group")
			m = *good
			m.epoch++
			refuses(&m, ErrWrongEpoch, "epoch")

			c := e.private(t, leaf, contentType)
			for i := range c.auth.signature {
				c := *c
				c.auth.signature = flipped(c.auth.signature, i)
				m := e.forged(t, &c, nothing)
				refuses(m, ErrInvalid, "signature, octet %d", i)
				refuses(m, suite.ErrVerify, "signature, octet %d", i)
			}
			c = e.private(t, leaf, contentType)
			c.content.authenticatedData = []byte("not what was signed")
			refuses(e.forged(t, c, nothing), suite.ErrVerify, "signed additional data")
			c = authenticated(t, &e.framing, e.signers[2], WireFormatPrivateMessage, e.content(leaf, contentType))
			refuses(e.forged(t, c, nothing), suite.ErrVerify, "another member's signature")
			other := e.framing
			other.groupContext = flipped(e.groupContext, len(e.groupContext)-2)
			c = authenticated(t, &other, e.signers[leaf], WireFormatPrivateMessage, e.content(leaf, contentType))
			refuses(e.forged(t, c, nothing), suite.ErrVerify, "signed in another group context")
			if contentType != ContentApplication {
				c = e.public(t, leaf, contentType)
				refuses(e.forged(t, c, nothing), suite.ErrVerify, "signed for a public message")
			}

			c = e.private(t, leaf, contentType)
			refuses(e.forged(t, c, func(p []byte, _ *senderData) { p[len(p)-1] = 1 }), ErrMalformed, "last octet of the padding")
			want := ErrMalformed
			if contentType == ContentProposal { // it begins with its type
				want = ErrUnsupported
			}
			refuses(e.forged(t, c, func(p []byte, _ *senderData) { p[0] = 0xff }), want, "content")
			for i := range 4 {
				refuses(e.forged(t, c, func(_ []byte, d *senderData) { d.reuseGuard[i] ^= 1 }), ErrDecrypt, "reuse guard")
			}
			for _, wrong := range []struct {
				generation uint32
				want       error
			}{{1, ErrDecrypt}, {math.MaxUint32, ErrGeneration}, {testLimits.MaxForward + 5, ErrGeneration}} {
				refuses(e.forged(t, c, func(_ []byte, d *senderData) { d.generation = wrong.generation }), wrong.want, "generation %d", wrong.generation)
			}
			refuses(e.forged(t, c, func(_ []byte, d *senderData) { d.leaf = 2 }), ErrDecrypt, "another leaf")
			refuses(e.forged(t, c, func(_ []byte, d *senderData) { d.leaf = 3 }), ErrInvalid, "blank leaf")
			refuses(e.forged(t, c, func(_ []byte, d *senderData) { d.leaf = math.MaxUint32 }), ErrInvalid, "leaf outside the tree")
		}
	}
	m := e.forged(t, e.private(t, 0, ContentApplication), func(_ []byte, d *senderData) { d.generation = 3 })
	refuses(m, ErrConsumed, "the generation that was opened")
}

func TestPrivateMessageOpensOnce(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	sender, receiver := e.tree(), e.tree()
	m, err := e.protectPrivate(sender, e.private(t, 1, ContentApplication), nil)
	require.NoError(t, err)
	c, key, err := e.unprotectPrivate(receiver, m, testLimits)
	require.NoError(t, err)
	require.Equal(t, e.content(1, ContentApplication), c.content)
	_, late, err := e.unprotectPrivate(receiver, m, testLimits)
	require.NoError(t, err, "not committed yet")
	require.NoError(t, key.commit())
	require.ErrorIs(t, late.commit(), ErrConsumed)
	_, _, err = e.unprotectPrivate(receiver, m, testLimits)
	require.ErrorIs(t, err, ErrConsumed)
	_, _, err = e.unprotectPrivate(sender, m, testLimits)
	require.ErrorIs(t, err, ErrConsumed, "its sender has used the key")
}

// Any order of delivery within the limits opens every message exactly once.
func TestPrivateMessageAnyOrder(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	const count = 60
	runs := uint64(3)
	if vectors.Full() {
		runs = 100
	}
	for seed := range runs {
		rng := rand.New(rand.NewPCG(seed, 3))
		senders, receiver := e.tree(), e.tree()
		sent := map[string]bool{}
		var queue []*privateMessage
		for i := range count {
			leaf := LeafIndex(rng.IntN(3))
			content := e.content(leaf, ContentType(1+rng.IntN(3)))
			content.authenticatedData = []byte{byte(i)}
			c := authenticated(t, &e.framing, e.signers[leaf], WireFormatPrivateMessage, content)
			m, err := e.protectPrivate(senders, c, PadToMultiple(rng.IntN(64)))
			require.NoError(t, err)
			queue = append(queue, m)
			sent[string(m.authenticatedData)] = true
		}
		queue = append(queue, queue...)
		rng.Shuffle(len(queue), func(i, j int) { queue[i], queue[j] = queue[j], queue[i] })
		for _, m := range queue {
			c, key, err := e.unprotectPrivate(receiver, m, testLimits)
			id := string(m.authenticatedData)
			if !sent[id] {
				require.ErrorIs(t, err, ErrConsumed)
				continue
			}
			require.NoError(t, err)
			require.Equal(t, id, string(c.content.authenticatedData))
			require.NoError(t, key.commit())
			delete(sent, id)
		}
		require.Empty(t, sent)
		require.Empty(t, cmp.Diff(stateOf(senders), stateOf(receiver)), "nothing is kept that was opened")
	}
}

func TestPrivateMessagePadding(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	c := e.private(t, 0, ContentApplication)
	plain, err := e.privateContent(c, nil)
	require.NoError(t, err)
	for _, size := range []int{-1, 0, 1, 2, 32, 255, 256, 4096} {
		sender := e.tree()
		m, err := e.protectPrivate(sender, c, PadToMultiple(size))
		require.NoError(t, err)
		length := len(m.ciphertext) - e.suite.Info().AEAD.Nt
		require.GreaterOrEqual(t, length, len(plain))
		if size > 1 {
			require.Zero(t, length%size)
			require.Less(t, length, len(plain)+size)
		} else {
			require.Equal(t, len(plain), length)
		}
		_, _, err = e.unprotectPrivate(e.tree(), m, testLimits)
		require.NoError(t, err)
	}
	for _, n := range []int{-1, wire.MaxLength + 1, math.MaxInt} {
		tree := e.tree()
		_, err := e.protectPrivate(tree, c, func(int) int { return n })
		require.Error(t, err)
		require.Empty(t, cmp.Diff(stateOf(e.tree()), stateOf(tree)))
	}
}

// Two messages under one generation have different nonces, by the reuse guard.
func TestPrivateMessageReuseGuard(t *testing.T) {
	e := newEpochOfFour(t, testSuite(t, 1))
	c := e.private(t, 0, ContentApplication)
	seen := map[string]bool{}
	for range 16 {
		m, err := e.protectPrivate(e.tree(), c, nil)
		require.NoError(t, err)
		require.False(t, seen[string(m.ciphertext)])
		seen[string(m.ciphertext)] = true
	}
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
			c := authenticatedContent{WireFormatPublicMessage, m.content, m.auth}
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
	proposal.proposal = AddProposal{KeyPackage: &KeyPackage{Version: VersionMLS10, CipherSuite: 1, LeafNode: inKeyPackage}}
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
		{sender: Sender{Type: SenderNewMemberProposal}, contentType: ContentProposal, proposal: RemoveProposal{}},
		{sender: Sender{Type: SenderNewMemberCommit}, contentType: ContentProposal, proposal: RemoveProposal{}},
		{sender: Sender{Type: SenderMember}, contentType: ContentApplication},
	} {
		wrong.groupID, wrong.epoch = e.group.GroupID, e.group.Epoch
		_, err := e.unprotectPublic(&publicMessage{content: wrong})
		require.ErrorIs(t, err, ErrInvalid, "%v %v", wrong.sender.Type, wrong.contentType)
	}
}
