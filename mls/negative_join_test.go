package mls

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// invitation is a forged commit that adds a client at leaf 4 to a group of four.
type invitation struct {
	*forged
	groups []*Group
	joiner *OwnKeyPackage
}

// newInvitation makes the commit of the member at leaf 1, with a path in a tree
// whose parents are populated, or without one in a tree whose parents are blank.
func newInvitation(t testing.TB, id suite.ID, withPath bool) *invitation {
	t.Helper()
	groups := clique(t, id, 4)
	if withPath {
		populate(t, groups)
	}
	m := insider{t, groups[1]}
	k := ownKeyPackage(t, id, "joiner")
	c := m.commit(forgery{proposals: m.byValue(message.Add{KeyPackage: k.KeyPackage}), withPath: withPath})
	return &invitation{c, groups, k}
}

// requireNotJoined checks that a join fails with want and leaves the key package
// as it was: it joins by an honest Welcome of the same commit afterwards.
func (i *invitation) requireNotJoined(want error, welcome []byte, options JoinOptions) {
	i.t.Helper()
	g, err := adopted(i.joiner.Join(i.t.Context(), insiderTime, welcome, options))
	require.Nil(i.t, g)
	require.Error(i.t, err)
	requireRefused(i.t, want, err)
	g, err = adopted(i.joiner.Join(i.t.Context(), insiderTime, i.welcome(welcomeForgery{}), JoinOptions{}))
	require.NoError(i.t, err)
	require.Equal(i.t, i.next.secrets.Authenticator, g.secrets.Authenticator)
}

// Faults of a GroupInfo and of GroupSecrets (RFC 9420, Sections 12.4.3 and
// 12.4.3.1).
func TestWelcomeFaultsAreRefused(t *testing.T) {
	t.Parallel()
	tag := fault.Violation("6.1", "confirmation tag does not match")
	tagSize := fault.Violation("6.1", "confirmation_tag does not have 32 bytes")
	signature := fault.Violation("12.4.3", "GroupInfo signature does not verify").AtLeaf(1)
	context := func(change func(*message.GroupContext)) welcomeForgery { return welcomeForgery{context: change} }
	info := func(change func(*message.GroupInfo)) welcomeForgery { return welcomeForgery{info: change} }
	signed := func(change func(*message.GroupInfo)) welcomeForgery { return welcomeForgery{signedInfo: change} }
	secrets := func(change func(*groupSecrets)) welcomeForgery { return welcomeForgery{secrets: change} }
	welcome := func(change func(*message.Welcome)) welcomeForgery { return welcomeForgery{welcome: change} }
	for _, c := range []struct {
		name  string
		forge welcomeForgery
		want  error
	}{
		{"cipher suite of the Welcome", welcome(func(w *message.Welcome) { w.CipherSuite = 0x0003 }), ErrNotRecipient},
		{"no secrets", welcome(func(w *message.Welcome) { w.Secrets = nil }), ErrNotRecipient},
		{"secrets for another", welcome(func(w *message.Welcome) { w.Secrets[0].NewMember = make([]byte, 32) }), ErrNotRecipient},
		{"secrets that do not open", welcome(func(w *message.Welcome) {
			w.Secrets[0].Ciphertext = mlstest.Flipped(w.Secrets[0].Ciphertext, 0)
		}), ErrDecrypt},
		{"another KEM output", welcome(func(w *message.Welcome) {
			w.Secrets[0].KEMOutput = mlstest.Flipped(w.Secrets[0].KEMOutput, 0)
		}), ErrDecrypt},
		{"no KEM output", welcome(func(w *message.Welcome) { w.Secrets[0].KEMOutput = nil }), ErrDecrypt},
		{"another GroupInfo than the one sealed with", welcome(func(w *message.Welcome) {
			w.EncryptedGroupInfo = mlstest.Flipped(w.EncryptedGroupInfo, 0)
		}), ErrDecrypt},
		{"another joiner secret", secrets(func(s *groupSecrets) { s.joinerSecret = mlstest.Flipped(s.joinerSecret, 0) }), ErrDecrypt},
		{"no joiner secret", secrets(func(s *groupSecrets) { s.joinerSecret = nil }),
			fault.Violation("8", "joiner_secret does not have 32 bytes")},
		{"short joiner secret", secrets(func(s *groupSecrets) { s.joinerSecret = s.joinerSecret[1:] }),
			fault.Violation("8", "joiner_secret does not have 32 bytes")},
		{"pre-shared key", secrets(func(s *groupSecrets) {
			s.psks = []message.PreSharedKeyID{{ID: []byte("id"), Nonce: make([]byte, 32)}}
		}), ErrUnknownPSK},
		{"pre-shared key with a short nonce", secrets(func(s *groupSecrets) {
			s.psks = []message.PreSharedKeyID{{ID: []byte("id"), Nonce: make([]byte, 31)}}
		}), fault.Violation("8.4", "psk_nonce does not have 32 bytes")},
		{"another path secret", secrets(func(s *groupSecrets) { s.pathSecret = mlstest.Flipped(s.pathSecret, 0) }),
			fault.Violation("12.4.3.1", "path secret does not give the private key of node 7").AtLeaf(1)},
		{"short path secret", secrets(func(s *groupSecrets) { s.pathSecret = s.pathSecret[1:] }),
			fault.Violation("7.4", "path secret does not have 32 bytes")},
		{"no path secret", secrets(func(s *groupSecrets) { s.hasPathSecret, s.pathSecret = false, nil }),
			fault.Violation("12.4.3.1", "member lacks the private key of node 7").AtLeaf(4)},
		{"transcript hash", context(func(c *message.GroupContext) { c.ConfirmedTranscriptHash = c.ConfirmedTranscriptHash[1:] }),
			fault.Violation("8.2", "confirmed_transcript_hash of epoch 6 does not have 32 bytes")},
		{"no transcript hash", context(func(c *message.GroupContext) { c.ConfirmedTranscriptHash = nil }),
			fault.Violation("8.2", "confirmed_transcript_hash of epoch 6 does not have 32 bytes")},
		{"no path secret in it", secrets(func(s *groupSecrets) { s.pathSecret = nil }),
			fault.Violation("7.4", "path secret does not have 32 bytes")},

		{"cipher suite of the group", context(func(c *message.GroupContext) { c.CipherSuite = 0x0003 }),
			fault.Violation("12.4.3.1", "cipher suite of the GroupInfo is not")},
		{"tree hash", context(func(c *message.GroupContext) { c.TreeHash = mlstest.Flipped(c.TreeHash, 0) }),
			fault.Violation("12.4.3.1", "tree hash is not the GroupContext's")},
		{"unsupported extension", context(func(c *message.GroupContext) {
			c.Extensions = message.Extensions{{Type: strangeExtension}}
		}), fault.Violation("13.4", "member does not support the group's extension")},
		{"malformed required_capabilities", context(func(c *message.GroupContext) {
			c.Extensions = message.Extensions{{Type: message.ExtensionRequiredCapabilities, Data: []byte{1}}}
		}), message.ErrMalformed},
		{"required extension", context(requireCapabilities(t, message.RequiredCapabilities{Extensions: []message.ExtensionType{strangeExtension}})),
			fault.Violation("11.1", "member does not support the required extension")},
		{"required proposal", context(requireCapabilities(t, message.RequiredCapabilities{Proposals: []message.ProposalType{strangeProposal}})),
			fault.Violation("11.1", "member does not support the required proposal")},
		{"required credential", context(requireCapabilities(t, message.RequiredCapabilities{Credentials: []message.CredentialType{strangeCredential}})),
			fault.Violation("11.1", "member does not support the required credential")},

		{"signature", signed(func(i *message.GroupInfo) { i.Signature = mlstest.Flipped(i.Signature, 0) }), signature},
		{"no signature", signed(func(i *message.GroupInfo) { i.Signature = nil }), signature},
		{"content changed after the signature", signed(func(i *message.GroupInfo) {
			i.Extensions = append(i.Extensions, message.Extension{Type: strangeExtension})
		}), signature},
		{"signer is another", info(func(i *message.GroupInfo) { i.Signer = 0 }),
			fault.Violation("12.4.3", "GroupInfo signature does not verify").AtLeaf(0)},
		{"signer is blank", info(func(i *message.GroupInfo) { i.Signer = 6 }),
			fault.Violation("12.4.3.1", "signer of the GroupInfo is not a member").AtLeaf(6)},
		{"signer is outside", info(func(i *message.GroupInfo) { i.Signer = ratchettree.NoLeaf }),
			fault.Violation("12.4.3.1", "signer of the GroupInfo is not a member").AtLeaf(ratchettree.NoLeaf)},
		{"confirmation tag", info(func(i *message.GroupInfo) { i.ConfirmationTag = mlstest.Flipped(i.ConfirmationTag, 0) }), tag},
		{"short confirmation tag", info(func(i *message.GroupInfo) { i.ConfirmationTag = i.ConfirmationTag[1:] }), tagSize},
		{"no confirmation tag", info(func(i *message.GroupInfo) { i.ConfirmationTag = nil }), tagSize},
		{"no tree", info(func(i *message.GroupInfo) { i.Extensions = nil }), message.ErrUnsupported},
		{"empty tree", welcomeForgery{treeBytes: func([]byte) []byte { return []byte{0} }}, message.ErrMalformed},
		{"truncated tree", welcomeForgery{treeBytes: func(b []byte) []byte { return b[:len(b)-1] }}, message.ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newInvitation(t, 0x0001, true)
			i.requireNotJoined(c.want, i.welcome(c.forge), JoinOptions{})
		})
	}
}

func requireCapabilities(t testing.TB, r message.RequiredCapabilities) func(*message.GroupContext) {
	data, err := message.Marshal(&r)
	require.NoError(t, err)
	return func(c *message.GroupContext) {
		c.Extensions = message.Extensions{{Type: message.ExtensionRequiredCapabilities, Data: data}}
	}
}

// A GroupInfo that nobody in the tree has signed is refused where the tree comes
// beside the Welcome, too.
func TestWelcomeWithoutTreeIsVerified(t *testing.T) {
	i := newInvitation(t, 0x0001, true)
	outsider := client(t, 0x0001, "outsider")
	detach := func(i *message.GroupInfo) { i.Extensions = nil }
	welcome, tree := i.welcomeAndTree(welcomeForgery{info: detach, signer: outsider.Signer})
	i.requireNotJoined(fault.Violation("12.4.3", "GroupInfo signature does not verify").AtLeaf(1), welcome, JoinOptions{RatchetTree: tree})

	i = newInvitation(t, 0x0001, true)
	welcome, tree = i.welcomeAndTree(welcomeForgery{info: detach})
	_, other := newInvitation(t, 0x0001, true).welcomeAndTree(welcomeForgery{})
	for want, tree := range map[error][]byte{
		fault.Violation("12.4.3.1", "tree hash is not the GroupContext's"): other,
		message.ErrMalformed:   tree[1:],
		message.ErrUnsupported: nil,
	} {
		_, err := i.joiner.Join(t.Context(), insiderTime, welcome, JoinOptions{RatchetTree: tree})
		requireRefused(t, want, err)
	}
	_, err := adopted(i.joiner.Join(t.Context(), insiderTime, welcome, JoinOptions{RatchetTree: tree}))
	require.NoError(t, err)
}

// resigned replaces the leaf of a member by one that is changed, signed anew by that
// member and then spoiled.
func (i *invitation) resigned(member message.LeafIndex, change, spoil func(*message.LeafNode)) func(ratchettree.RatchetTree) {
	return func(nodes ratchettree.RatchetTree) {
		leaf := *nodes[treemath.NodeOf(member)].Leaf
		if change != nil {
			change(&leaf)
		}
		signLeaf(i.t, &leaf, i.groups[member].cfg.Signer, i.public.place(member))
		if spoil != nil {
			spoil(&leaf)
		}
		nodes[treemath.NodeOf(member)].Leaf = &leaf
	}
}

// A joiner finds the faults of single leaves of a tree (RFC 9420, Section 12.4.3.1).
// No parent is populated, so no parent hash covers them.
func TestJoinValidatesEveryLeaf(t *testing.T) {
	for _, f := range leafFaults() {
		t.Run(f.name, func(t *testing.T) {
			i := newInvitation(t, 0x0001, false)
			i.requireNotJoined(f.want().AtLeaf(2), i.welcome(welcomeForgery{tree: i.resigned(2, f.change, f.spoil)}), JoinOptions{})
		})
	}
	for name, at := range map[string]check.LeafPlace{
		"place of another":         {Leaf: 3},
		"place in another group":   {GroupID: []byte("another"), Leaf: 2},
		"place of another's group": {},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInvitation(t, 0x0001, false)
			if at.GroupID == nil && at.Leaf != 0 {
				at.GroupID = i.GroupID()
			}
			misplace := func(n *message.LeafNode) { signLeaf(t, n, i.groups[2].cfg.Signer, at) }
			forge := welcomeForgery{tree: i.resigned(2, func(n *message.LeafNode) { n.Source = codepoint.LeafNodeUpdate }, misplace)}
			i.requireNotJoined(fault.Violation("7.3", "LeafNode signature does not verify").AtLeaf(2), i.welcome(forge), JoinOptions{})
		})
	}
}

// Faults of a tree as a whole (RFC 9420, Sections 7.3, 7.9.2 and 12.4.3.1). The
// joiner is at leaf 4, whose node is 8, in a tree whose populated parents are 1, 3, 5
// and 7.
func TestTreeFaultsAreRefused(t *testing.T) {
	t.Parallel()
	parent := func(n ratchettree.NodeIndex, change func(*ratchettree.ParentNode, ratchettree.RatchetTree)) func(*invitation) func(ratchettree.RatchetTree) {
		return func(*invitation) func(ratchettree.RatchetTree) {
			return func(nodes ratchettree.RatchetTree) {
				p := *nodes[n].Parent
				change(&p, nodes)
				nodes[n].Parent = &p
			}
		}
	}
	unmerged := func(leaves ...message.LeafIndex) func(*ratchettree.ParentNode, ratchettree.RatchetTree) {
		return func(p *ratchettree.ParentNode, _ ratchettree.RatchetTree) { p.UnmergedLeaves = leaves }
	}
	const ownLeaf = "tree does not hold the leaf of the key package"
	for _, c := range []struct {
		name     string
		withPath bool
		forge    func(*invitation) func(ratchettree.RatchetTree)
		want     error
	}{
		{"parent hash of a parent", true,
			parent(5, func(p *ratchettree.ParentNode, _ ratchettree.RatchetTree) {
				p.ParentHash = mlstest.Flipped(make([]byte, 32), 0)
			}),
			fault.Violation("7.9.2", "parent node 5 is not parent-hash valid")},
		{"key of a parent", true, parent(1, func(p *ratchettree.ParentNode, _ ratchettree.RatchetTree) {
			p.EncryptionKey = ownKeyPackage(t, 0x0001, "").KeyPackage.InitKey
		}), fault.Violation("7.9.2", "parent node 1 is not parent-hash valid")},
		{"key of a parent is none", true, parent(5, func(p *ratchettree.ParentNode, _ ratchettree.RatchetTree) {
			p.EncryptionKey = make([]byte, 32)
		}), fault.Violation("7.1", "encryption_key of parent node 5 is not a public key of the suite")},
		{"key of a parent is a leaf's", true, parent(5, func(p *ratchettree.ParentNode, nodes ratchettree.RatchetTree) {
			p.EncryptionKey = nodes[0].Leaf.EncryptionKey
		}), fault.Violation("12.4.3.1", "encryption_key of parent node 5 appears in another node")},
		{"key of a parent is another's", true, parent(5, func(p *ratchettree.ParentNode, nodes ratchettree.RatchetTree) {
			p.EncryptionKey = nodes[3].Parent.EncryptionKey
		}), fault.Violation("12.4.3.1", "encryption_key of parent node 5 appears in another node")},
		{"blank leaf is unmerged", true, parent(7, unmerged(5)),
			fault.Violation("12.4.3.1", "unmerged leaf is blank").AtLeaf(5)},
		{"leaf outside the tree is unmerged", true, parent(7, unmerged(1<<31)),
			fault.Violation("12.4.3.1", "unmerged leaf of parent node 7 is not below it").AtLeaf(1 << 31)},
		{"leaf elsewhere is unmerged", true, parent(1, unmerged(3)),
			fault.Violation("12.4.3.1", "unmerged leaf of parent node 1 is not below it").AtLeaf(3)},
		{"unmerged leaves out of order", true, parent(3, unmerged(3, 2)),
			fault.Violation("7.1", "unmerged_leaves of parent node 3 are not in increasing order").AtLeaf(2)},
		{"unmerged leaf twice", true, parent(3, unmerged(2, 2)),
			fault.Violation("7.1", "unmerged_leaves of parent node 3 are not in increasing order").AtLeaf(2)},
		{"unmerged above and not below", true, parent(3, unmerged(2)),
			fault.Violation("12.4.3.1", "leaf is unmerged at a parent node, but not at node 5").AtLeaf(2)},
		{"parent blanked below a populated one", true, func(*invitation) func(ratchettree.RatchetTree) {
			return func(nodes ratchettree.RatchetTree) { nodes[1] = ratchettree.TreeNode{} }
		}, fault.Violation("7.9.2", "parent node 3 is not parent-hash valid")},
		{"member blanked", true, func(*invitation) func(ratchettree.RatchetTree) {
			return func(nodes ratchettree.RatchetTree) { nodes[6] = ratchettree.TreeNode{} }
		}, fault.Violation("7.9.2", "is not parent-hash valid")},
		{"encryption key of two leaves", false, func(i *invitation) func(ratchettree.RatchetTree) {
			return i.resigned(2, func(n *message.LeafNode) { n.EncryptionKey = i.public.tree.Leaf(0).EncryptionKey() }, nil)
		}, fault.Violation("7.3", "encryption_key is not unique").AtLeaf(2)},
		{"signature key of two leaves", false, func(i *invitation) func(ratchettree.RatchetTree) {
			return i.resigned(2, nil, func(n *message.LeafNode) {
				n.SignatureKey = i.groups[3].cfg.Signer.PublicKey()
				signLeaf(i.t, n, i.groups[3].cfg.Signer, check.LeafPlace{})
			})
		}, fault.Violation("7.3", "signature_key is not unique").AtLeaf(3)},
		{"credential type that others lack", false, func(i *invitation) func(ratchettree.RatchetTree) {
			return i.resigned(2, func(n *message.LeafNode) {
				n.Credential = message.Credential{Type: strangeCredential}
				n.Capabilities.Credentials = append(slices.Clone(n.Capabilities.Credentials), strangeCredential)
			}, nil)
		}, fault.Violation("7.3", "not every member supports the credential type")},
		{"no leaf of the joiner", false, func(*invitation) func(ratchettree.RatchetTree) {
			return func(nodes ratchettree.RatchetTree) {
				nodes[8].Leaf = &ownKeyPackage(t, 0x0001, "instead").KeyPackage.LeafNode
			}
		}, fault.Violation("12.4.3.1", ownLeaf)},
		{"another leaf of the joiner", false, func(i *invitation) func(ratchettree.RatchetTree) {
			return func(nodes ratchettree.RatchetTree) {
				leaf := *nodes[8].Leaf
				leaf.Lifetime.NotAfter++
				signLeaf(i.t, &leaf, i.joiner.cfg.Signer, check.LeafPlace{})
				nodes[8].Leaf = &leaf
			}
		}, fault.Violation("12.4.3.1", ownLeaf)},
		{"leaf of the joiner with another encryption key", false, func(i *invitation) func(ratchettree.RatchetTree) {
			return func(nodes ratchettree.RatchetTree) {
				again, err := NewKeyPackage(i.t.Context(), insiderTime, i.joiner.cfg, KeyPackageOptions{})
				require.NoError(i.t, err)
				nodes[8].Leaf = &again.KeyPackage.LeafNode
			}
		}, fault.Violation("12.4.3.1", ownLeaf)},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newInvitation(t, 0x0001, c.withPath)
			i.requireNotJoined(c.want, i.welcome(welcomeForgery{tree: c.forge(i)}), JoinOptions{})
		})
	}
}

// A path secret is for a path that there is, of another member.
func TestPathSecretWithoutPath(t *testing.T) {
	i := newInvitation(t, 0x0001, false)
	secret := func(s *groupSecrets) { s.hasPathSecret, s.pathSecret = true, make([]byte, 32) }
	i.requireNotJoined(fault.Violation("12.4.3.1", "path secret does not give the private key of node 7").AtLeaf(1),
		i.welcome(welcomeForgery{secrets: secret}), JoinOptions{})

	i = newInvitation(t, 0x0001, true)
	i.requireNotJoined(fault.Violation("12.4.3.1", "signer of the GroupInfo is the joiner itself").AtLeaf(4),
		i.welcome(welcomeForgery{info: func(info *message.GroupInfo) { info.Signer = 4 }, signer: i.joiner.cfg.Signer}), JoinOptions{})
}

// The same for who joins without the tree.
func TestPathSecretWithoutPathOrTree(t *testing.T) {
	refused := func(i *invitation, want error, signer message.LeafIndex, forgery welcomeForgery) {
		i.applied.sender, i.applied.committer = i.sender(), i.self.leaf
		tr := newTransition(i.public, i.next.public, i.applied, nil)
		annotated, err := tr.AnnotateWelcome(i.welcome(forgery), signer, 4)
		require.NoError(t, err)
		_, err = i.joiner.JoinPartial(t.Context(), insiderTime, annotated, JoinOptions{})
		requireRefused(t, want, err)
		good, err := tr.AnnotateWelcome(i.welcome(welcomeForgery{}), 1, 4)
		require.NoError(t, err)
		_, err = i.joiner.JoinPartial(t.Context(), insiderTime, good, JoinOptions{})
		require.NoError(t, err)
	}
	secret := func(s *groupSecrets) { s.hasPathSecret, s.pathSecret = true, make([]byte, 32) }
	refused(newInvitation(t, 0x0001, false), fault.Violation("12.4.3.1", "common ancestor 7 is not on the filtered direct path of the GroupInfo's signer").AtLeaf(1),
		1, welcomeForgery{secrets: secret})
	refused(newInvitation(t, 0x0001, true), fault.Violation("12.4.3.1", "path secret does not give the private key of node 7").AtLeaf(1),
		1, welcomeForgery{secrets: secret})
	i := newInvitation(t, 0x0001, true)
	refused(i, fault.Violation("12.4.3.1", "signer of the GroupInfo is the joiner itself").AtLeaf(4),
		4, welcomeForgery{info: func(info *message.GroupInfo) { info.Signer = 4 }, signer: i.joiner.cfg.Signer})
}

// A member holds the private keys that the tree says it does, and no others.
func TestMemberViewIsComplete(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	populate(t, groups)
	groups = admit(t, groups, ownKeyPackage(t, 0x0001, "joiner"))
	joiner := groups[3]
	tree, root := joiner.public.tree, joiner.public.tree.RootIndex()
	require.NotNil(t, tree.Parent(root))
	require.NoError(t, groups[0].self.complete(tree))
	require.NoError(t, joiner.self.complete(tree))

	without := &memberView{leaf: 0, pathKeys: maps.Clone(groups[0].self.pathKeys)}
	delete(without.pathKeys, root)
	requireRefused(t, fault.Violation("12.4.3.1", "member lacks the private key of node 3").AtLeaf(0), without.complete(tree))
	unmerged := &memberView{leaf: 3, pathKeys: map[ratchettree.NodeIndex]*ratchettree.PrivateKey{root: groups[0].self.pathKeys[root]}}
	requireRefused(t, fault.Violation("12.4.3.1", "member holds a private key of node 3").AtLeaf(3), unmerged.complete(tree))
}

// A Welcome joins once.
func TestWelcomeIsUsedOnce(t *testing.T) {
	i := newInvitation(t, 0x0001, true)
	welcome := i.welcome(welcomeForgery{})
	_, err := adopted(i.joiner.Join(t.Context(), insiderTime, welcome, JoinOptions{}))
	require.NoError(t, err)
	_, err = i.joiner.Join(t.Context(), insiderTime, welcome, JoinOptions{})
	require.ErrorIs(t, err, ErrKeyPackageUsed)
	_, err = ownKeyPackage(t, 0x0001, "another").Join(t.Context(), insiderTime, welcome, JoinOptions{})
	require.ErrorIs(t, err, ErrNotRecipient)
	_, err = ownKeyPackage(t, 0x0001, "another").Join(t.Context(), insiderTime, i.message, JoinOptions{})
	require.ErrorIs(t, err, message.ErrUnsupported)
}
