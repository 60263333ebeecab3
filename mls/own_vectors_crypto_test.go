package mls

import (
	"bytes"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
)

func (m *vectorMaker) cryptoBasics() []vectors.CryptoBasics {
	c := vectors.CryptoBasics{CipherSuite: m.id()}

	r := &c.RefHash
	r.Label, r.Value = "RefHash", m.random(32)
	r.Out = m.bytes(label.RefHash(m, r.Label, r.Value))

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
			e.CommitSecret, e.PSKSecret = make([]byte, m.Info().KDF.Nh), m.bytes(pskSecret(m, nil, nil))
		}
		e.GroupContext = m.bytes(Marshal(&GroupContext{
			Version:                 VersionMLS10,
			CipherSuite:             m.id(),
			GroupID:                 c.GroupID,
			Epoch:                   uint64(i),
			TreeHash:                e.TreeHash,
			ConfirmedTranscriptHash: e.ConfirmedTranscriptHash,
		}))
		e.JoinerSecret = m.bytes(newJoinerSecret(m, init, e.CommitSecret, e.GroupContext))
		e.WelcomeSecret = m.bytes(welcomeSecret(m, e.JoinerSecret, e.PSKSecret))
		secrets, err := newEpochSecrets(m, e.JoinerSecret, e.PSKSecret, e.GroupContext)
		require.NoError(m.t, err)
		e.InitSecret, e.SenderDataSecret, e.EncryptionSecret = secrets.init, secrets.senderData, secrets.encryption
		e.ExporterSecret, e.EpochAuthenticator, e.ExternalSecret = secrets.exporter, secrets.authenticator, secrets.external
		e.ConfirmationKey, e.MembershipKey, e.ResumptionPSK = secrets.confirmation, secrets.membership, secrets.resumption
		key, err := externalKey(m, secrets)
		require.NoError(m.t, err)
		e.ExternalPub = key.PublicKey()
		x := &e.Exporter
		x.Label, x.Context, x.Length = "exporter", m.random(32), 32
		x.Secret = m.bytes(secrets.export(m, x.Label, x.Context, x.Length))
		init = secrets.init
	}
	return []vectors.KeySchedule{c}
}

func (m *vectorMaker) pskSecrets() []vectors.PSKSecret {
	var cases []vectors.PSKSecret
	for _, n := range []int{0, 1, 2, 5} {
		c := vectors.PSKSecret{CipherSuite: m.id()}
		var ids []PreSharedKeyID
		var psks [][]byte
		keys := sized(&c.PSKs, n)
		for i := range keys {
			k := &keys[i]
			k.ID, k.PSK, k.Nonce = m.random(16), m.random(32), m.secret()
			ids = append(ids, PreSharedKeyID{Type: PSKExternal, ID: k.ID, Nonce: k.Nonce})
			psks = append(psks, k.PSK)
		}
		c.PSKSecret = m.bytes(pskSecret(m, ids, psks))
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
		key, nonce, err := senderDataKey(m, d.Secret, d.Ciphertext)
		require.NoError(m.t, err)
		d.Key, d.Nonce = key, nonce

		tree := newSecretTree(m, uint32(leaves), bytes.Clone(c.EncryptionSecret))
		all := sized(&c.Leaves, leaves)
		for leaf := range all {
			generations := []uint32{0, 1, 15}
			rows := sized(&all[leaf], len(generations))
			for i, generation := range generations {
				take := func(contentType ContentType) (key, nonce vectors.Hex) {
					p, err := tree.find(LeafIndex(leaf), contentType, generation, testLimits)
					require.NoError(m.t, err)
					key, nonce = bytes.Clone(p.key), bytes.Clone(p.nonce)
					require.NoError(m.t, p.commit())
					return key, nonce
				}
				rows[i].Generation = generation
				rows[i].HandshakeKey, rows[i].HandshakeNonce = take(ContentCommit)
				rows[i].ApplicationKey, rows[i].ApplicationNonce = take(ContentApplication)
			}
		}
		cases = append(cases, c)
	}
	return cases
}

// someCommit is a Commit that parses.
func (m *vectorMaker) someCommit() *commit {
	return &commit{proposals: []proposalOrRef{{proposal: Remove{Removed: 2}}, {ref: m.secret()}}}
}

func (m *vectorMaker) transcriptHashes() []vectors.TranscriptHashes {
	c := vectors.TranscriptHashes{CipherSuite: m.id(), ConfirmationKey: m.secret(), InterimBefore: m.secret()}
	content := framedContent{
		groupID: m.random(16), epoch: 7, sender: Sender{Type: SenderMember, Leaf: 1},
		contentType: ContentCommit, commit: m.someCommit(),
	}
	ac, err := signContent(m.t.Context(), m.signer(), WireFormatPublicMessage, &content, m.random(64))
	require.NoError(m.t, err)
	c.ConfirmedAfter = m.bytes(confirmedTranscriptHash(m, c.InterimBefore, ac))
	ac.auth.confirmationTag = m.bytes(confirmationTag(m, &epochSecrets{confirmation: c.ConfirmationKey}, c.ConfirmedAfter))
	c.InterimAfter = m.bytes(interimTranscriptHash(m, c.ConfirmedAfter, ac.auth.confirmationTag))
	c.AuthenticatedContent = m.bytes(wire.Marshal(ac.marshal))
	return []vectors.TranscriptHashes{c}
}

func (m *vectorMaker) messageProtection() []vectors.MessageProtection {
	signer := m.signer()
	c := vectors.MessageProtection{
		CipherSuite: m.id(), GroupID: m.random(16), Epoch: 7, TreeHash: m.secret(), ConfirmedTranscriptHash: m.secret(),
		SignaturePriv: m.bytes(signer.Bytes()), SignaturePub: signer.PublicKey(),
		EncryptionSecret: m.secret(), SenderDataSecret: m.secret(), MembershipKey: m.secret(),
	}
	group := &GroupContext{
		Version: VersionMLS10, CipherSuite: c.CipherSuite, GroupID: c.GroupID, Epoch: c.Epoch,
		TreeHash: c.TreeHash, ConfirmedTranscriptHash: c.ConfirmedTranscriptHash,
	}
	f := &framing{
		suite: m.Suite, group: group, groupContext: m.bytes(Marshal(group)),
		secrets: &epochSecrets{membership: c.MembershipKey, senderData: c.SenderDataSecret},
	}
	content := framedContent{groupID: c.GroupID, epoch: c.Epoch, sender: Sender{Type: SenderMember, Leaf: 1}}
	// protect returns what content now holds, alone and in both formats.
	protect := func() (raw, pub, priv vectors.Hex) {
		tree := newSecretTree(m, 2, bytes.Clone(c.EncryptionSecret))
		sealed, err := f.protectPrivate(tree, authenticated(m.t, f, signer, WireFormatPrivateMessage, content), nil)
		require.NoError(m.t, err)
		priv = m.bytes(sealed.encode())
		if content.contentType == ContentApplication {
			return content.applicationData, nil, priv
		}
		public, err := f.protectPublic(authenticated(m.t, f, signer, WireFormatPublicMessage, content))
		require.NoError(m.t, err)
		return m.bytes(wire.Marshal(content.marshalBody)), m.bytes(public.encode()), priv
	}
	content.contentType, content.proposal = ContentProposal, Remove{Removed: 0}
	c.Proposal, c.ProposalPub, c.ProposalPriv = protect()
	content.contentType, content.commit = ContentCommit, m.someCommit()
	c.Commit, c.CommitPub, c.CommitPriv = protect()
	content.contentType, content.applicationData = ContentApplication, m.random(40)
	c.Application, _, c.ApplicationPriv = protect()
	return []vectors.MessageProtection{c}
}
