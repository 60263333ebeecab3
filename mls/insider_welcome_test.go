package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// welcomeForgery says how the Welcome of a forged commit departs from an honest
// one. All that depends on what is changed is computed anew: the tree hash, the
// secrets of the epoch, the confirmation tag and the signature.
type welcomeForgery struct {
	tree       func(ratchetTree)
	treeBytes  func([]byte) []byte // of the extension, after the tree hash
	context    func(*GroupContext)
	info       func(*GroupInfo) // before its signature
	signedInfo func(*GroupInfo) // and after it
	signer     suite.Signer     // of the GroupInfo, if not the insider's
	secrets    func(*groupSecrets)
	welcome    func(*Welcome)
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
	nodes := slices.Clone(c.next.public.tree.nodes())
	groupContext := c.next.public.context
	if f.tree != nil {
		f.tree(nodes)
		groupContext.TreeHash = treeHash(t, s, nodes)
	}
	if f.context != nil {
		f.context(&groupContext)
	}
	contextBytes, err := Marshal(&groupContext)
	require.NoError(t, err)
	secrets, err := newEpochSecrets(s, c.joiner, c.psk, contextBytes)
	require.NoError(t, err)
	tag, err := confirmationTag(s, secrets, groupContext.ConfirmedTranscriptHash)
	require.NoError(t, err)
	tree, err = wire.Marshal(nodes.marshal)
	require.NoError(t, err)
	if f.treeBytes != nil {
		tree = f.treeBytes(tree)
	}
	info := &GroupInfo{
		GroupContext:    groupContext,
		ConfirmationTag: tag,
		Signer:          c.self.leaf,
		Extensions:      Extensions{{Type: ExtensionRatchetTree, Data: tree}},
	}
	if f.info != nil {
		f.info(info)
	}
	tbs, err := groupInfoTBS(info)
	require.NoError(t, err)
	if f.signer == nil {
		f.signer = c.cfg.Signer
	}
	info.Signature, err = label.Sign(t.Context(), f.signer, label.GroupInfoTBS, tbs)
	require.NoError(t, err)
	if f.signedInfo != nil {
		f.signedInfo(info)
	}
	encrypted, err := sealGroupInfo(s, c.joiner, c.psk, info)
	require.NoError(t, err)
	sealer, err := label.PrepareSeal(s, label.Welcome, encrypted)
	require.NoError(t, err)
	w := &Welcome{CipherSuite: s.Info().ID, EncryptedGroupInfo: encrypted}
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
	welcome, err = Marshal(&Message{Welcome: w})
	require.NoError(t, err)
	return welcome, tree
}

// resealed encrypts changed GroupSecrets to one joiner.
func (c *forged) resealed(sealer suite.Sealer, kp *KeyPackage, leaf LeafIndex, change func(*groupSecrets)) (kemOutput, ciphertext []byte) {
	c.t.Helper()
	secrets := groupSecrets{joinerSecret: c.joiner}
	if c.path != nil {
		nodes, _ := c.next.public.tree.filteredDirectPath(c.self.leaf)
		for _, n := range nodes {
			if leaf.Node().InSubtree(n) {
				secrets.pathSecret, secrets.hasPathSecret = c.path.secrets.at(n)
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
func treeHash(t testing.TB, s suite.Suite, nodes ratchetTree) []byte {
	t.Helper()
	width := uint32(1)
	for int(2*width-1) < len(nodes) {
		width *= 2
	}
	v := treeView{suite: s, width: width}
	root := buildNode(nodes.sparse().filled, v.rootIndex(), new(editToken))
	h := newTreeHasher(s)
	require.NoError(t, h.rehash(root, v.rootIndex(), len(nodes)))
	return root.hash(h.size)
}
