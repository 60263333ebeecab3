package mls

import (
	"bytes"
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// base25519 is a signature key of Ed25519 whose signer nobody here has: the base point.
var base25519 = append([]byte{0x58}, bytes.Repeat([]byte{0x66}, 31)...)

// anybody signs with one constant for the public key (0, 1) of Ed25519, which has no
// private key: under it, the constant verifies over every message.
type anybody struct{}

func (anybody) PublicKey() []byte { return append([]byte{1}, make([]byte, 31)...) }

func (anybody) Bytes() ([]byte, error) { return nil, suite.ErrNotExportable }

func (anybody) Sign(context.Context, []byte) ([]byte, error) { return forged25519(), nil }

func forged25519() []byte { return append([]byte{1}, make([]byte, 63)...) }

// A key for which anybody can sign comes into no group, neither as a member's nor as an
// external sender's, whoever brings it.
func TestKeysForWhichAnybodySignsAreRefused(t *testing.T) {
	require.NoError(t, mlstest.Suite(t, 0x0001).Verify(anybody{}.PublicKey(), []byte("anything"), forged25519()))
	groups := clique(t, 0x0001, 4, publicHandshake)
	m, g := insider{t, groups[1]}, groups[2]

	t.Run("key package", func(t *testing.T) {
		kp := spoiledKeyPackage(t, func(kp *message.KeyPackage) {
			kp.LeafNode.SignatureKey = anybody{}.PublicKey()
		}, func(n *message.LeafNode) { n.Signature = forged25519() }, func(kp *message.KeyPackage) { kp.Signature = forged25519() })
		refuseProposal(t, groups, message.Add{KeyPackage: kp}, fault.Violation("5.1.2", "signature_key is not a public key of the suite"))
	})

	data, err := message.Marshal(&message.ExternalSenders{
		{SignatureKey: base25519, Credential: message.BasicCredential([]byte("gate"))},
		{SignatureKey: anybody{}.PublicKey(), Credential: message.BasicCredential([]byte("authority"))},
	})
	require.NoError(t, err)
	senders := message.Extension{Type: message.ExtensionExternalSenders, Data: data}
	want := func() *fault.Violated {
		return fault.Violation("12.1.8.1", "signature_key of external sender 1 is not a public key of the suite")
	}
	t.Run("external sender", func(t *testing.T) {
		refuseProposal(t, groups, message.GroupContextExtensions{Extensions: message.Extensions{senders}}, want())
	})
	t.Run("external sender of a new group", func(t *testing.T) {
		_, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "creator"), nil, senders)
		requireRefused(t, want(), err)
	})
	t.Run("external sender of the group that a ReInit announces", func(t *testing.T) {
		reInit := message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0001, Extensions: message.Extensions{senders}}
		requireUnmoved(t, g, want(), func() error {
			_, err := g.Propose(t.Context(), insiderTime, reInit, nil)
			return err
		})
		msg, _ := m.propose(reInit)
		requireUnprocessed(t, g, want(), msg)
		requireUnprocessed(t, g, want().AtProposal(0), m.commit(forgery{proposals: m.byValue(reInit)}).message)

		// Of Ed448, every key of Ed25519 is none.
		other := message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0004, Extensions: message.Extensions{sendersExtension(t, "gate")}}
		requireUnmoved(t, g, fault.Violation("12.1.8.1", "signature_key of external sender 0 is not a public key of the suite"), func() error {
			_, err := g.Propose(t.Context(), insiderTime, other, nil)
			return err
		})
	})
	t.Run("external sender of a group that one joins", func(t *testing.T) {
		i := newInvitation(t, 0x0001, false)
		i.requireNotJoined(want(), i.welcome(welcomeForgery{context: func(c *message.GroupContext) { c.Extensions = message.Extensions{senders} }}), JoinOptions{})
	})

	cfg := client(t, 0x0001, "nobody")
	cfg.Signer = anybody{}
	t.Run("one's own", func(t *testing.T) {
		_, err := NewKeyPackage(t.Context(), insiderTime, cfg, KeyPackageOptions{})
		require.ErrorIs(t, err, message.ErrUnsupported)
		require.ErrorIs(t, err, suite.ErrInvalidKey)
		_, err = CreateGroup(t.Context(), insiderTime, cfg, nil)
		require.ErrorIs(t, err, suite.ErrInvalidKey)
		requireUnmoved(t, g, suite.ErrInvalidKey, func() error {
			_, err := g.Commit(t.Context(), insiderTime, CommitOptions{Leaf: renewed(cfg)})
			return err
		})
	})
}
