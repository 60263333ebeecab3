package mls

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

func (m *vectorMaker) cryptoBasics() []vectors.CryptoBasics {
	c := vectors.CryptoBasics{CipherSuite: m.id()}

	r := &c.RefHash
	r.Label, r.Value = "RefHash", m.random(32)
	r.Out = m.bytes(label.RefHash(m, r.Label, func(w *wire.Writer) { w.Raw(r.Value) }))

	e := &c.ExpandWithLabel
	e.Secret, e.Label, e.Context, e.Length = m.secret(), "ExpandWithLabel", m.random(32), 16
	e.Out = m.bytes(label.Expand(m, e.Secret, e.Label, e.Context, e.Length))

	d := &c.DeriveSecret
	d.Secret, d.Label = m.secret(), "DeriveSecret"
	d.Out = m.bytes(label.DeriveSecret(m, d.Secret, d.Label))

	g := &c.DeriveTreeSecret
	g.Secret, g.Label, g.Generation, g.Length = m.secret(), "DeriveTreeSecret", 2694881440, 32
	g.Out = m.bytes(label.DeriveTreeSecret(m, g.Secret, g.Label, g.Generation, g.Length))

	signer := m.signer()
	s := &c.SignWithLabel
	s.Priv, s.Pub, s.Content, s.Label = m.bytes(signer.Bytes()), signer.PublicKey(), m.random(64), "SignWithLabel"
	s.Signature = m.bytes(label.Sign(m.t.Context(), signer, s.Label, s.Content))

	key := m.key()
	x := &c.EncryptWithLabel
	x.Priv, x.Pub, x.Label, x.Context, x.Plaintext = m.bytes(key.Bytes()), key.PublicKey(), "EncryptWithLabel", m.random(32), m.random(64)
	sealer, err := label.PrepareSeal(m, x.Label, x.Context)
	require.NoError(m.t, err)
	x.KEMOutput, x.Ciphertext, err = sealer.Seal(x.Pub, nil, x.Plaintext)
	require.NoError(m.t, err)
	return []vectors.CryptoBasics{c}
}

func (m *vectorMaker) keySchedule() []vectors.KeySchedule {
	c := vectors.KeySchedule{CipherSuite: m.id(), GroupID: m.random(32), InitialInitSecret: m.secret()}
	init := []byte(c.InitialInitSecret)
	epochs := sized(&c.Epochs, 3)
	for i := range epochs {
		e := &epochs[i]
		e.TreeHash, e.ConfirmedTranscriptHash = m.secret(), m.secret()
		e.CommitSecret, e.PSKSecret = m.secret(), m.secret()
		if i == 0 { // no PSKs, and no path
			e.CommitSecret, e.PSKSecret = make([]byte, m.Info().KDF.Nh), m.bytes(schedule.PSKSecret(m, nil, nil))
		}
		e.GroupContext = m.bytes(message.Marshal(&message.GroupContext{
			Version:                 codepoint.VersionMLS10,
			CipherSuite:             m.id(),
			GroupID:                 c.GroupID,
			Epoch:                   uint64(i),
			TreeHash:                e.TreeHash,
			ConfirmedTranscriptHash: e.ConfirmedTranscriptHash,
		}))
		e.JoinerSecret = m.bytes(schedule.NewJoinerSecret(m, init, e.CommitSecret, e.GroupContext))
		e.WelcomeSecret = m.bytes(schedule.WelcomeSecret(m, e.JoinerSecret, e.PSKSecret))
		secrets, err := schedule.NewEpochSecrets(m, e.JoinerSecret, e.PSKSecret, e.GroupContext, false)
		require.NoError(m.t, err)
		e.InitSecret, e.SenderDataSecret, e.EncryptionSecret = secrets.Init, secrets.SenderData, secrets.Encryption
		e.ExporterSecret, e.EpochAuthenticator, e.ExternalSecret = secrets.Exporter, secrets.Authenticator, secrets.External
		e.ConfirmationKey, e.MembershipKey, e.ResumptionPSK = secrets.Confirmation, secrets.Membership, secrets.Resumption
		key, err := externalKey(m, secrets)
		require.NoError(m.t, err)
		e.ExternalPub = key.PublicKey()
		x := &e.Exporter
		x.Label, x.Context, x.Length = "exporter", m.random(32), 32
		x.Secret = m.bytes(secrets.Export(m, x.Label, x.Context, x.Length))
		init = secrets.Init
	}
	return []vectors.KeySchedule{c}
}

func (m *vectorMaker) pskSecrets() []vectors.PSKSecret {
	var cases []vectors.PSKSecret
	for _, n := range []int{0, 1, 2, 5} {
		c := vectors.PSKSecret{CipherSuite: m.id()}
		var ids []message.PreSharedKeyID
		var psks [][]byte
		keys := sized(&c.PSKs, n)
		for i := range keys {
			k := &keys[i]
			k.ID, k.PSK, k.Nonce = m.random(16), m.random(32), m.secret()
			ids = append(ids, message.PreSharedKeyID{ID: k.ID, Nonce: k.Nonce})
			psks = append(psks, k.PSK)
		}
		c.PSKSecret = m.bytes(schedule.PSKSecret(m, ids, psks))
		cases = append(cases, c)
	}
	return cases
}

func (m *vectorMaker) secretTree() []vectors.SecretTree {
	var cases []vectors.SecretTree
	for _, leaves := range []int{1, 8} {
		c := vectors.SecretTree{CipherSuite: m.id(), EncryptionSecret: m.secret()}
		d := &c.SenderData
		d.Secret, d.Ciphertext = m.secret(), m.random(77)
		key, nonce, _, err := schedule.SenderDataKey(m, d.Secret, d.Ciphertext, nil)
		require.NoError(m.t, err)
		d.Key, d.Nonce = key, nonce

		tree := secrettree.New(m, uint32(leaves), bytes.Clone(c.EncryptionSecret))
		all := sized(&c.Leaves, leaves)
		for leaf := range all {
			generations := []uint32{0, 1, 15}
			rows := sized(&all[leaf], len(generations))
			for i, generation := range generations {
				take := func(contentType message.ContentType) (key, nonce vectors.Hex) {
					var p secrettree.UnusedKey
					limits := secrettree.RatchetLimits{MaxForward: 100, MaxKept: 100}
					require.NoError(m.t, tree.Find(&p, message.LeafIndex(leaf), contentType, generation, limits))
					key, nonce = bytes.Clone(p.Key), bytes.Clone(p.Nonce)
					require.NoError(m.t, p.Commit())
					return key, nonce
				}
				rows[i].Generation = generation
				rows[i].HandshakeKey, rows[i].HandshakeNonce = take(message.ContentCommit)
				rows[i].ApplicationKey, rows[i].ApplicationNonce = take(message.ContentApplication)
			}
		}
		cases = append(cases, c)
	}
	return cases
}

// someCommit is a Commit that parses.
func (m *vectorMaker) someCommit() *framing.Commit {
	return &framing.Commit{Proposals: []framing.ProposalOrRef{{Proposal: message.Remove{Removed: 2}}, {Ref: m.secret()}}}
}

func (m *vectorMaker) transcriptHashes() []vectors.TranscriptHashes {
	c := vectors.TranscriptHashes{CipherSuite: m.id(), ConfirmationKey: m.secret(), InterimBefore: m.secret()}
	content := framing.FramedContent{
		GroupID: m.random(16), Epoch: 7, Sender: message.Sender{Type: message.SenderMember, Leaf: 1},
		ContentType: message.ContentCommit, Commit: m.someCommit(),
	}
	ac, err := framing.SignContent(m.t.Context(), m.signer(), message.WireFormatPublicMessage, &content, m.random(64))
	require.NoError(m.t, err)
	c.ConfirmedAfter = m.bytes(framing.ConfirmedTranscriptHash(m, c.InterimBefore, ac))
	ac.Auth.ConfirmationTag = m.bytes(schedule.ConfirmationTag(m, &schedule.EpochSecrets{Confirmation: c.ConfirmationKey}, c.ConfirmedAfter))
	c.InterimAfter = m.bytes(framing.InterimTranscriptHash(m, c.ConfirmedAfter, ac.Auth.ConfirmationTag))
	c.AuthenticatedContent = m.bytes(wire.Marshal(ac.Marshal))
	return []vectors.TranscriptHashes{c}
}

func (m *vectorMaker) messageProtection() []vectors.MessageProtection {
	signer := m.signer()
	c := vectors.MessageProtection{
		CipherSuite: m.id(), GroupID: m.random(16), Epoch: 7, TreeHash: m.secret(), ConfirmedTranscriptHash: m.secret(),
		SignaturePriv: m.bytes(signer.Bytes()), SignaturePub: signer.PublicKey(),
		EncryptionSecret: m.secret(), SenderDataSecret: m.secret(), MembershipKey: m.secret(),
	}
	group := &message.GroupContext{
		Version: codepoint.VersionMLS10, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
		TreeHash: c.TreeHash, ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
	}
	f := &framing.Epoch{
		Suite: m.Suite, Group: group, GroupContext: m.bytes(message.Marshal(group)),
		Secrets: &schedule.EpochSecrets{Membership: c.MembershipKey, SenderData: c.SenderDataSecret},
	}
	content := framing.FramedContent{GroupID: c.GroupID, Epoch: c.Epoch, Sender: message.Sender{Type: message.SenderMember, Leaf: 1}}
	// protect returns what content now holds, alone and in both formats.
	protect := func() (raw, pub, priv vectors.Hex) {
		tree := secrettree.New(m, 2, bytes.Clone(c.EncryptionSecret))
		sealed, err := f.ProtectPrivate(tree, authenticated(m.t, f, signer, message.WireFormatPrivateMessage, content), nil)
		require.NoError(m.t, err)
		priv = m.bytes(sealed.Encode())
		if content.ContentType == message.ContentApplication {
			return content.ApplicationData, nil, priv
		}
		public, err := f.ProtectPublic(authenticated(m.t, f, signer, message.WireFormatPublicMessage, content))
		require.NoError(m.t, err)
		return m.bytes(wire.Marshal(content.MarshalBody)), m.bytes(public.Encode()), priv
	}
	content.ContentType, content.Proposal = message.ContentProposal, message.Remove{Removed: 0}
	c.Proposal, c.ProposalPub, c.ProposalPriv = protect()
	content.ContentType, content.Commit = message.ContentCommit, m.someCommit()
	c.Commit, c.CommitPub, c.CommitPriv = protect()
	content.ContentType, content.ApplicationData = message.ContentApplication, m.random(40)
	c.Application, _, c.ApplicationPriv = protect()
	return []vectors.MessageProtection{c}
}

// authenticated signs content, and gives a Commit some confirmation tag.
func authenticated(t testing.TB, f *framing.Epoch, signer suite.Signer, format message.WireFormat, content framing.FramedContent) *framing.AuthenticatedContent {
	t.Helper()
	c, err := framing.SignContent(t.Context(), signer, format, &content, f.GroupContext)
	require.NoError(t, err)
	if content.ContentType == message.ContentCommit {
		c.Auth.ConfirmationTag = bytes.Repeat([]byte{3}, f.Suite.Info().Hash.Size)
	}
	return c
}
