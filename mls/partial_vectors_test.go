package mls

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// joinPartially makes the client of a case from its private keys and lets it join.
func joinPartially(t *testing.T, c *vectors.Joiner) *PartialGroup {
	suites := mlstest.MLSPlusPlus()
	s, err := suites.Suite(c.CipherSuite)
	require.NoError(t, err)
	m, err := message.Parse[message.Message](c.KeyPackage)
	require.NoError(t, err)
	kp := m.KeyPackage
	require.NotNil(t, kp)
	ref, err := check.KeyPackageRef(s, kp)
	require.NoError(t, err)
	signer, err := s.ParseSigner(c.SignaturePriv.Scalar(s.Info().Signature.PrivateKey))
	require.NoError(t, err)
	psks := make(externalPSKs)
	for _, p := range c.ExternalPSKs {
		psks[string(p.ID)] = p.PSK
	}
	private := func(key vectors.Hex, public []byte) *ratchettree.PrivateKey {
		parsed, err := s.ParsePrivateKey(key.Scalar(s.Info().KEM.Nsk))
		require.NoError(t, err)
		require.Equal(t, public, parsed.PublicKey())
		return ratchettree.NewPrivateKey(parsed)
	}
	own := &OwnKeyPackage{
		KeyPackage: kp, Ref: ref, suite: s,
		initKey: private(c.InitPriv, kp.InitKey), leafKey: private(c.EncryptionPriv, kp.LeafNode.EncryptionKey),
		cfg: Config{Suites: suites, Suite: c.CipherSuite, Credential: kp.LeafNode.Credential, Signer: signer, PSKs: psks},
	}
	joined, err := own.JoinPartial(t.Context(), vectorTime, c.AnnotatedWelcome, JoinOptions{})
	require.NoError(t, err)
	g, err := joined.Adopt()
	require.NoError(t, err)
	return g
}

func requireAuthenticator(t *testing.T, want []byte, g *PartialGroup) {
	t.Helper()
	got, err := g.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestVectorsPartialAnnotatedWelcome(t *testing.T) {
	vectors.Partial(t, "annotated-welcome", func(t *testing.T, c *vectors.AnnotatedWelcome) {
		g := joinPartially(t, &c.Joiner)
		require.Equal(t, message.LeafIndex(c.JoinerLeafIndex), g.OwnLeaf())
		requireAuthenticator(t, c.EpochAuthenticator, g)
	})
}

func TestVectorsPartialPassiveClientScenarios(t *testing.T) {
	messages := 0
	vectors.Partial(t, "passive-client-scenarios", func(t *testing.T, c *vectors.PartialPassiveClient) {
		g := joinPartially(t, &c.Joiner)
		requireAuthenticator(t, c.InitialEpochAuthenticator, g)
		for _, e := range c.Epochs {
			proposals := make([][]byte, len(e.Proposals))
			for i := range proposals {
				proposals[i] = e.Proposals[i]
			}
			commit, err := g.ProcessCommit(t.Context(), vectorTime, e.AnnotatedCommit, proposals...)
			require.NoError(t, err)
			g, err = commit.Adopt()
			require.NoError(t, err)
			requireAuthenticator(t, e.EpochAuthenticator, g)
			for _, m := range e.ApplicationMessages {
				received, err := g.Process(t.Context(), vectorTime, m)
				require.NoError(t, err)
				require.NotNil(t, received.Application)
				messages++
			}
		}
	})
	if !t.Skipped() {
		t.Logf("%d application messages", messages)
	}
}

// TestVectorsPartialAnnotatedCommit restores the state before a commit and follows it. The
// states lack the private key of the receiver's leaf, to which the path secret is encrypted,
// and have the path secret afterwards. A key that gives it, whatever it is to open, takes the
// leaf key's place.
func TestVectorsPartialAnnotatedCommit(t *testing.T) {
	vectors.Partial(t, "annotated-commit", func(t *testing.T, c *vectors.AnnotatedCommit) {
		a, err := framing.ParseAnnotatedCommit(c.AnnotatedCommit, message.CodePoints{}.Complete())
		require.NoError(t, err)
		g := restoredPartially(t, c, a)
		commit, err := g.ProcessCommit(t.Context(), vectorTime, c.AnnotatedCommit)
		require.NoError(t, err)
		g, err = commit.Adopt()
		require.NoError(t, err)
		requireAuthenticator(t, c.EpochAuthenticatorAfter, g)

		public, secrets, after := g.member.public, g.member.secrets, &c.StateAfter
		require.Equal(t, []byte(c.TreeHashAfter), public.context.TreeHash)
		require.Equal(t, after.Epoch, public.context.Epoch)
		require.Equal(t, []byte(after.TreeHash), public.tree.Hash())
		require.Equal(t, []byte(after.ConfirmedTranscriptHash), public.context.ConfirmedTranscriptHash)
		require.Equal(t, []byte(after.InterimTranscriptHash), public.interim)
		require.Equal(t, []byte(after.InitSecret), secrets.Init)
		require.Equal(t, []byte(after.SenderDataSecret), secrets.SenderData)
		require.Equal(t, []byte(after.MembershipKey), secrets.Membership)
		require.Equal(t, []byte(after.EncryptionSecret), g.member.inbox.ratchets.Untouched())
		require.Len(t, g.member.self.pathKeys, len(after.DirectPathSecrets))
		for _, n := range after.DirectPathSecrets {
			s := g.member.public.suite
			key, err := s.ParsePrivateKey(n.EncryptionPriv.Scalar(s.Info().KEM.Nsk))
			require.NoError(t, err)
			require.Equal(t, key.PublicKey(), g.member.self.pathKeys[ratchettree.NodeIndex(n.Node)].PublicKey())
			last := []byte(*n.PathSecret)
			for range public.tree.DirectPath(g.OwnLeaf())[treemath.NodeIndex(n.Node).Level()-1:] {
				last, err = label.DeriveSecret(s, last, "path")
				require.NoError(t, err)
			}
			require.Equal(t, []byte(c.CommitSecret), last)
		}
	})
}

// knownSecret is a private key that opens everything with one result.
type knownSecret struct {
	suite.PrivateKey
	public, secret []byte
}

func (k *knownSecret) PublicKey() []byte { return k.public }

func (k *knownSecret) Open(_, _, _, _ []byte) ([]byte, error) { return bytes.Clone(k.secret), nil }

func restoredPartially(t *testing.T, c *vectors.AnnotatedCommit, a *framing.AnnotatedCommit) *PartialGroup {
	suites := mlstest.MLSPlusPlus()
	s, err := suites.Suite(c.CipherSuite)
	require.NoError(t, err)
	before := &c.StateBefore
	// The receiver's own slice before the commit is not in the case. It follows from the
	// sender's, as all parents of its four leaves are blank, and a commit without proposals
	// changes nothing on the receiver's side of the root.
	sender, err := a.Sender.Slice(s)
	require.NoError(t, err)
	proof := ratchettree.MembershipProof{
		Leaf: a.ReceiverAfter.Leaf, Width: a.Sender.Width, Node: a.ReceiverAfter.Node, Parents: a.Sender.Parents,
		Copath: [][]byte{a.ReceiverAfter.Copath[0], sender.Root.Left.Hash(sender.HashSize)},
	}
	slice, err := proof.Slice(s)
	require.NoError(t, err)
	require.Equal(t, []byte(before.TreeHash), slice.Hash())
	public, err := newPublicState(publicParts{suite: s, tree: slice, partial: true, context: message.GroupContext{
		Version: codepoint.VersionMLS10, CipherSuite: c.CipherSuite, GroupID: before.GroupID, Epoch: before.Epoch,
		TreeHash: before.TreeHash, ConfirmedTranscriptHash: before.ConfirmedTranscriptHash,
	}}, nil)
	require.NoError(t, err)
	public.interim = before.InterimTranscriptHash
	require.Empty(t, before.DirectPathSecrets)
	require.Len(t, c.StateAfter.DirectPathSecrets, 1)
	leafKey := &knownSecret{public: a.ReceiverAfter.Node.EncryptionKey(), secret: *c.StateAfter.DirectPathSecrets[0].PathSecret}
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	g := newGroup(&Config{Suites: suites, Suite: c.CipherSuite, Signer: signer, Credential: a.ReceiverAfter.Node.Credential()}, epoch{
		public: public,
		secrets: &schedule.EpochSecrets{
			Init: bytes.Clone(before.InitSecret), SenderData: bytes.Clone(before.SenderDataSecret),
			Membership: bytes.Clone(before.MembershipKey), Encryption: bytes.Clone(before.EncryptionSecret),
		},
		self: &memberView{
			leaf: message.LeafIndex(before.ReceiverLeafIndex), leafKey: ratchettree.NewPrivateKey(leafKey),
			pathKeys: map[ratchettree.NodeIndex]*ratchettree.PrivateKey{},
		},
	})
	return newPartialGroup(g)
}
