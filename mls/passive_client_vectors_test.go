package mls

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

func TestVectorsPassiveClientWelcome(t *testing.T) { passiveClients(t, "passive-client-welcome") }

func TestVectorsPassiveClientHandlingCommit(t *testing.T) {
	passiveClients(t, "passive-client-handling-commit")
}

func TestVectorsPassiveClientRandom(t *testing.T) { passiveClients(t, "passive-client-random") }

// passiveClientCase is a client that joins a group and follows it without sending
// anything.
type passiveClientCase struct {
	CipherSuite  suite.ID `json:"cipher_suite"`
	ExternalPSKs []struct {
		ID  vectors.Hex `json:"psk_id"`
		PSK vectors.Hex `json:"psk"`
	} `json:"external_psks"`
	KeyPackage                vectors.Hex    `json:"key_package"`
	SignaturePriv             vectors.Hex    `json:"signature_priv"`
	EncryptionPriv            vectors.Hex    `json:"encryption_priv"`
	InitPriv                  vectors.Hex    `json:"init_priv"`
	Welcome                   vectors.Hex    `json:"welcome"`
	RatchetTree               *vectors.Hex   `json:"ratchet_tree"`
	InitialEpochAuthenticator vectors.Hex    `json:"initial_epoch_authenticator"`
	Epochs                    []passiveEpoch `json:"epochs"`
}

type passiveEpoch struct {
	Proposals          []vectors.Hex `json:"proposals"`
	Commit             vectors.Hex   `json:"commit"`
	EpochAuthenticator vectors.Hex   `json:"epoch_authenticator"`
}

// passiveClients joins and follows the groups of a family of vectors through
// [OwnKeyPackage.Join], [Group.Process] and [Candidate.Adopt]. A PublicGroup follows
// beside, as far as the messages are public.
func passiveClients(t *testing.T, family string) {
	t.Parallel()
	vectors.OfficialAndOwn(t, family, func(t *testing.T, c *passiveClientCase) {
		g := c.join(t)
		public := inPublic(t, g)
		authenticator, err := g.EpochAuthenticator()
		require.NoError(t, err)
		require.Equal(t, []byte(c.InitialEpochAuthenticator), authenticator)
		for i, e := range c.Epochs {
			for j, p := range e.Proposals {
				r, err := g.Process(t.Context(), vectorTime, p)
				require.NoError(t, err, "epoch %d, proposal %d", i, j)
				require.NotNil(t, r.Proposal)
				public = followInPublic(t, public, p)
			}
			r, err := g.Process(t.Context(), vectorTime, e.Commit)
			require.NoError(t, err, "epoch %d", i)
			require.NotNil(t, r.Commit)
			g, err = r.Commit.Adopt()
			require.NoError(t, err)
			authenticator, err := g.EpochAuthenticator()
			require.NoError(t, err)
			require.Equal(t, []byte(e.EpochAuthenticator), authenticator, "epoch %d", i)
			if public = followInPublic(t, public, e.Commit); public != nil {
				require.Equal(t, g.public.contextBytes, public.public.contextBytes, "epoch %d", i)
				require.Equal(t, g.public.tree.Hash(), public.public.tree.Hash(), "epoch %d", i)
			}
		}
	})
}

// followInPublic returns the group after a message, or nil from the first PrivateMessage on.
func followInPublic(t *testing.T, public *PublicGroup, msg []byte) *PublicGroup {
	m, err := message.Parse[message.Message](msg)
	require.NoError(t, err)
	if public == nil || m.PublicMessage == nil {
		return nil
	}
	r, err := public.Process(t.Context(), vectorTime, msg)
	require.NoError(t, err)
	if r.Commit == nil {
		return public
	}
	return r.Commit.Adopt()
}

// vectorTime lies in the lifetimes of the vectors' key packages.
var vectorTime = time.Date(2023, 4, 1, 0, 0, 0, 0, time.UTC)

// externalPSKs is a PSKStore without groups.
type externalPSKs map[string][]byte

func (p externalPSKs) ExternalPSK(_ context.Context, id []byte) ([]byte, error) {
	if psk, ok := p[string(id)]; ok {
		return psk, nil
	}
	return nil, ErrUnknownPSK
}

func (externalPSKs) Group([]byte) *Group { return nil }

// join makes the client from its private keys and lets it join.
func (c *passiveClientCase) join(t *testing.T) *Group {
	g, err := c.joining(t).Adopt()
	require.NoError(t, err)
	return g
}

// joining returns the candidate with which the client joins.
func (c *passiveClientCase) joining(t *testing.T, adjust ...func(*Config)) *Candidate {
	s := mlstest.Suite(t, c.CipherSuite)
	m, err := message.Parse[message.Message](c.KeyPackage)
	require.NoError(t, err)
	kp := m.KeyPackage
	require.NotNil(t, kp)
	signer, err := s.ParseSigner(c.SignaturePriv.Scalar(s.Info().Signature.PrivateKey))
	require.NoError(t, err)
	require.Equal(t, kp.LeafNode.SignatureKey, signer.PublicKey())
	psks := make(externalPSKs)
	for _, p := range c.ExternalPSKs {
		psks[string(p.ID)] = p.PSK
	}
	cfg := Config{
		Suites:     mlstest.SuitesWith(t, c.CipherSuite),
		Suite:      c.CipherSuite,
		Credential: kp.LeafNode.Credential,
		Signer:     signer,
		PSKs:       psks,
		Lifetimes:  LifetimePolicy{MaxTotal: -1},
	}
	for _, f := range adjust {
		f(&cfg)
	}
	nsk := s.Info().KEM.Nsk
	own := ownKeyPackageFrom(t, cfg, kp, c.InitPriv.Scalar(nsk), c.EncryptionPriv.Scalar(nsk))
	var options JoinOptions
	if c.RatchetTree != nil {
		options.RatchetTree = bytes.Clone(*c.RatchetTree)
	}
	joined, err := own.Join(t.Context(), vectorTime, c.Welcome, options)
	require.NoError(t, err)
	return joined
}

// ownKeyPackageFrom makes a key package from its private keys.
func ownKeyPackageFrom(t *testing.T, cfg Config, kp *message.KeyPackage, initPriv, encryptionPriv []byte) *OwnKeyPackage {
	s := mlstest.Suite(t, cfg.Suite)
	ref, err := check.KeyPackageRef(s, kp)
	require.NoError(t, err)
	initKey, err := s.ParsePrivateKey(initPriv)
	require.NoError(t, err)
	require.Equal(t, kp.InitKey, initKey.PublicKey())
	leafKey, err := s.ParsePrivateKey(encryptionPriv)
	require.NoError(t, err)
	require.Equal(t, kp.LeafNode.EncryptionKey, leafKey.PublicKey())
	return &OwnKeyPackage{
		KeyPackage: kp, Ref: ref, suite: s, cfg: cfg,
		initKey: ratchettree.NewPrivateKey(initKey), leafKey: ratchettree.NewPrivateKey(leafKey),
	}
}

// privateKeysOf returns the private keys of a key package.
func privateKeysOf(t *testing.T, k *OwnKeyPackage) (initPriv, encryptionPriv, signaturePriv []byte) {
	initPriv, err := k.initKey.Bytes()
	require.NoError(t, err)
	encryptionPriv, err = k.leafKey.Bytes()
	require.NoError(t, err)
	signaturePriv, err = k.cfg.Signer.Bytes()
	require.NoError(t, err)
	return initPriv, encryptionPriv, signaturePriv
}
