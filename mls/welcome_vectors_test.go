package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// TestVectorsWelcome opens the published Welcomes by the same functions as
// [OwnKeyPackage.Join], in the order of RFC 9420, Section 12.4.3.1, up to the
// ratchet tree, which these Welcomes do not have. The key packages are taken as they
// are: that of suite 0x0007 does not list its own suite in its capabilities.
func TestVectorsWelcome(t *testing.T) {
	vectors.WithExperimental(t, "welcome", func(t *testing.T, c *vectors.Welcome) {
		s := mlstest.Suite(t, c.CipherSuite)
		m, err := message.Parse[message.Message](c.KeyPackage)
		require.NoError(t, err)
		require.NotNil(t, m.KeyPackage)
		ref, err := check.KeyPackageRef(s, m.KeyPackage)
		require.NoError(t, err)
		initKey, err := s.ParsePrivateKey(c.InitPriv.Scalar(s.Info().KEM.Nsk))
		require.NoError(t, err)
		require.Equal(t, m.KeyPackage.InitKey, initKey.PublicKey())

		own := &OwnKeyPackage{KeyPackage: m.KeyPackage, Ref: ref, suite: s, initKey: ratchettree.NewPrivateKey(initKey)}
		w, err := message.Parse[message.Message](c.Welcome)
		require.NoError(t, err)
		require.NotNil(t, w.Welcome)
		secrets, err := own.openSecrets(w.Welcome, own.initKey, message.CodePoints{})
		require.NoError(t, err)
		require.Empty(t, secrets.psks)
		psk, err := schedule.PSKSecret(s, nil, nil)
		require.NoError(t, err)
		info, err := openGroupInfo(s, secrets.joinerSecret, psk, w.Welcome.EncryptedGroupInfo)
		require.NoError(t, err)
		require.Equal(t, c.CipherSuite, info.GroupContext.CipherSuite)
		tbs, err := wire.Marshal(func(w *wire.Writer) { message.WriteTBS(w, info.GroupInfo) })
		require.NoError(t, err)
		require.NoError(t, label.Verify(s, c.SignerPub, label.GroupInfoTBS, tbs, info.Signature))
		require.ErrorIs(t, label.Verify(s, c.SignerPub, label.GroupInfoTBS, mlstest.Flipped(tbs, 0), info.Signature),
			suite.ErrVerify)

		groupContext, err := message.Marshal(&info.GroupContext)
		require.NoError(t, err)
		epoch, err := schedule.NewEpochSecrets(s, secrets.joinerSecret, psk, groupContext, false)
		require.NoError(t, err)
		require.NoError(t, schedule.CheckConfirmationTag(s, epoch, info.GroupContext.ConfirmedTranscriptHash, info.ConfirmationTag))
	})
}
