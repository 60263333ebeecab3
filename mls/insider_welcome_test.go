package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// welcomeForgery says how the Welcome of a forged commit departs from an honest
// one. All that depends on what is changed is computed anew: the tree hash, the
// secrets of the epoch, the confirmation tag and the signature.
type welcomeForgery struct {
	tree       func(ratchettree.RatchetTree)
	treeBytes  func([]byte) []byte // of the extension, after the tree hash
	context    func(*message.GroupContext)
	info       func(*message.GroupInfo) // before its signature
	signedInfo func(*message.GroupInfo) // and after it
	signer     suite.Signer             // of the GroupInfo, if not the insider's
	secrets    func(*groupSecrets)
	welcome    func(*message.Welcome)
}

// welcome makes a Welcome to the epoch of the forged commit for all whom it adds.
func (c *forged) welcome(f welcomeForgery) []byte {
	c.t.Helper()
	b, _ := c.welcomeAndTree(f)
	return b
}

func (c *forged) welcomeAndTree(f welcomeForgery) (welcome, tree []byte) {
	t, s := c.t, c.public.suite
	t.Helper()
	nodes := slices.Clone(c.next.public.tree.Nodes())
	groupContext := c.next.public.context
	if f.tree != nil {
		f.tree(nodes)
		groupContext.TreeHash = treeHash(t, s, nodes)
	}
	if f.context != nil {
		f.context(&groupContext)
	}
	contextBytes, err := message.Marshal(&groupContext)
	require.NoError(t, err)
	secrets, err := schedule.NewEpochSecrets(s, c.joiner, c.psk, contextBytes, false)
	require.NoError(t, err)
	tag, err := schedule.ConfirmationTag(s, secrets, groupContext.ConfirmedTranscriptHash)
	require.NoError(t, err)
	tree, err = wire.Marshal(nodes.Marshal)
	require.NoError(t, err)
	if f.treeBytes != nil {
		tree = f.treeBytes(tree)
	}
	info := &message.GroupInfo{
		GroupContext:    groupContext,
		ConfirmationTag: tag,
		Signer:          c.self.leaf,
		Extensions:      message.Extensions{{Type: codepoint.ExtensionRatchetTree, Data: tree}},
	}
	if f.info != nil {
		f.info(info)
	}
	tbs, err := wire.Marshal(func(w *wire.Writer) { message.WriteTBS(w, info) })
	require.NoError(t, err)
	if f.signer == nil {
		f.signer = c.cfg.Signer
	}
	info.Signature, err = label.Sign(t.Context(), f.signer, label.GroupInfoTBS, tbs)
	require.NoError(t, err)
	if f.signedInfo != nil {
		f.signedInfo(info)
	}
	plaintext, err := message.Marshal(info)
	require.NoError(t, err)
	encrypted, err := sealGroupInfo(s, c.joiner, c.psk, plaintext)
	require.NoError(t, err)
	sealer, err := label.PrepareSeal(s, label.Welcome, encrypted)
	require.NoError(t, err)
	w := &message.Welcome{CipherSuite: s.Info().ID, EncryptedGroupInfo: encrypted}
	b := welcomeBuilder{next: c.next, joiner: c.joiner}
	for i, kp := range c.applied.joiners {
		sealed, err := b.sealSecrets(sealer, kp, c.applied.added[i], c.path)
		require.NoError(t, err)
		if f.secrets != nil {
			sealed.KEMOutput, sealed.Ciphertext = c.resealed(sealer, kp, c.applied.added[i], f.secrets)
		}
		w.Secrets = append(w.Secrets, sealed)
	}
	if f.welcome != nil {
		f.welcome(w)
	}
	welcome, err = message.Marshal(&message.Message{Welcome: w})
	require.NoError(t, err)
	return welcome, tree
}

// resealed encrypts changed GroupSecrets to one joiner.
func (c *forged) resealed(sealer suite.Sealer, kp *message.KeyPackage, leaf message.LeafIndex, change func(*groupSecrets)) (kemOutput, ciphertext []byte) {
	c.t.Helper()
	secrets := groupSecrets{joinerSecret: c.joiner}
	if c.path != nil {
		nodes := c.next.public.tree.FilteredDirectPath(c.self.leaf)
		for _, n := range nodes {
			if treemath.NodeOf(leaf).InSubtree(n) {
				secrets.pathSecret, secrets.hasPathSecret = c.path.secrets.At(n)
				break
			}
		}
	}
	change(&secrets)
	plaintext, err := wire.Marshal(secrets.marshal)
	require.NoError(c.t, err)
	kemOutput, ciphertext, err = sealer.Seal(kp.InitKey, nil, plaintext)
	require.NoError(c.t, err)
	return kemOutput, ciphertext
}

// treeHash returns the hash of a tree that may hold a key twice.
func treeHash(t testing.TB, s suite.Suite, nodes ratchettree.RatchetTree) []byte {
	t.Helper()
	width := uint32(1)
	for int(2*width-1) < len(nodes) {
		width *= 2
	}
	v := ratchettree.TreeView{Suite: s, Width: width}
	root := ratchettree.BuildNode(nodes.Sparse().Filled, v.RootIndex(), new(ratchettree.EditToken))
	h := ratchettree.NewTreeHasher(s)
	require.NoError(t, h.Rehash(root, v.RootIndex(), len(nodes)))
	return root.Hash(h.Size)
}
