package mls

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

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
	c := m.commit(forgery{proposals: m.byValue(Add{KeyPackage: k.KeyPackage}), withPath: withPath})
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
	require.Equal(i.t, i.next.secrets.authenticator, g.secrets.authenticator)
}

// Faults of a GroupInfo and of GroupSecrets (RFC 9420, Sections 12.4.3 and
// 12.4.3.1).
func TestWelcomeFaultsAreRefused(t *testing.T) {
	t.Parallel()
	tag := violation("6.1", "the confirmation tag does not match")
	tagSize := violation("6.1", "confirmation_tag is of 32 bytes")
	signature := violation("12.4.3", "GroupInfo signature is valid").atLeaf(1)
	context := func(change func(*GroupContext)) welcomeForgery { return welcomeForgery{context: change} }
	info := func(change func(*GroupInfo)) welcomeForgery { return welcomeForgery{info: change} }
	signed := func(change func(*GroupInfo)) welcomeForgery { return welcomeForgery{signedInfo: change} }
	secrets := func(change func(*groupSecrets)) welcomeForgery { return welcomeForgery{secrets: change} }
	welcome := func(change func(*Welcome)) welcomeForgery { return welcomeForgery{welcome: change} }
	for _, c := range []struct {
		name  string
		forge welcomeForgery
		want  error
	}{
		{"cipher suite of the Welcome", welcome(func(w *Welcome) { w.CipherSuite = 0x0003 }), ErrNotRecipient},
		{"no secrets", welcome(func(w *Welcome) { w.Secrets = nil }), ErrNotRecipient},
		{"secrets for another", welcome(func(w *Welcome) { w.Secrets[0].NewMember = make([]byte, 32) }), ErrNotRecipient},
		{"secrets that do not open", welcome(func(w *Welcome) {
			w.Secrets[0].Ciphertext = flipped(w.Secrets[0].Ciphertext, 0)
		}), ErrDecrypt},
		{"another KEM output", welcome(func(w *Welcome) {
			w.Secrets[0].KEMOutput = flipped(w.Secrets[0].KEMOutput, 0)
		}), ErrDecrypt},
		{"no KEM output", welcome(func(w *Welcome) { w.Secrets[0].KEMOutput = nil }), ErrDecrypt},
		{"another GroupInfo than the one sealed with", welcome(func(w *Welcome) {
			w.EncryptedGroupInfo = flipped(w.EncryptedGroupInfo, 0)
		}), ErrDecrypt},
		{"another joiner secret", secrets(func(s *groupSecrets) { s.joinerSecret = flipped(s.joinerSecret, 0) }), ErrDecrypt},
		{"no joiner secret", secrets(func(s *groupSecrets) { s.joinerSecret = nil }),
			violation("8", "joiner_secret is of 32 bytes")},
		{"short joiner secret", secrets(func(s *groupSecrets) { s.joinerSecret = s.joinerSecret[1:] }),
			violation("8", "joiner_secret is of 32 bytes")},
		{"pre-shared key", secrets(func(s *groupSecrets) {
			s.psks = []PreSharedKeyID{{Type: PSKExternal, ID: []byte("id"), Nonce: make([]byte, 32)}}
		}), ErrUnknownPSK},
		{"pre-shared key with a short nonce", secrets(func(s *groupSecrets) {
			s.psks = []PreSharedKeyID{{Type: PSKExternal, ID: []byte("id"), Nonce: make([]byte, 31)}}
		}), violation("8.4", "psk_nonce is of 32 bytes")},
		{"another path secret", secrets(func(s *groupSecrets) { s.pathSecret = flipped(s.pathSecret, 0) }),
			violation("12.4.3.1", "path secret gives the private key of node 7").atLeaf(1)},
		{"short path secret", secrets(func(s *groupSecrets) { s.pathSecret = s.pathSecret[1:] }),
			violation("7.4", "path secret is of 32 bytes")},
		{"no path secret", secrets(func(s *groupSecrets) { s.hasPathSecret, s.pathSecret = false, nil }),
			violation("12.4.3.1", "member has the private key of node 7").atLeaf(4)},
		{"transcript hash", context(func(c *GroupContext) { c.ConfirmedTranscriptHash = c.ConfirmedTranscriptHash[1:] }),
			violation("8.2", "confirmed_transcript_hash of epoch 6 is of 32 bytes")},
		{"no transcript hash", context(func(c *GroupContext) { c.ConfirmedTranscriptHash = nil }),
			violation("8.2", "confirmed_transcript_hash of epoch 6 is of 32 bytes")},
		{"no path secret in it", secrets(func(s *groupSecrets) { s.pathSecret = nil }),
			violation("7.4", "path secret is of 32 bytes")},

		{"cipher suite of the group", context(func(c *GroupContext) { c.CipherSuite = 0x0003 }),
			violation("12.4.3.1", "cipher suite of the GroupInfo is the key package's")},
		{"tree hash", context(func(c *GroupContext) { c.TreeHash = flipped(c.TreeHash, 0) }),
			violation("12.4.3.1", "tree hash is the GroupContext's")},
		{"unsupported extension", context(func(c *GroupContext) {
			c.Extensions = Extensions{{Type: strangeExtension}}
		}), violation("13.4", "every member supports the group's extension")},
		{"malformed required_capabilities", context(func(c *GroupContext) {
			c.Extensions = Extensions{{Type: ExtensionRequiredCapabilities, Data: []byte{1}}}
		}), ErrMalformed},
		{"required extension", context(requireCapabilities(t, RequiredCapabilities{Extensions: []ExtensionType{strangeExtension}})),
			violation("11.1", "every member supports the required extension")},
		{"required proposal", context(requireCapabilities(t, RequiredCapabilities{Proposals: []ProposalType{strangeProposal}})),
			violation("11.1", "every member supports the required proposal")},
		{"required credential", context(requireCapabilities(t, RequiredCapabilities{Credentials: []CredentialType{strangeCredential}})),
			violation("11.1", "every member supports the required credential")},

		{"signature", signed(func(i *GroupInfo) { i.Signature = flipped(i.Signature, 0) }), signature},
		{"no signature", signed(func(i *GroupInfo) { i.Signature = nil }), signature},
		{"content changed after the signature", signed(func(i *GroupInfo) {
			i.Extensions = append(i.Extensions, Extension{Type: strangeExtension})
		}), signature},
		{"signer is another", info(func(i *GroupInfo) { i.Signer = 0 }),
			violation("12.4.3", "GroupInfo signature is valid").atLeaf(0)},
		{"signer is blank", info(func(i *GroupInfo) { i.Signer = 6 }),
			violation("12.4.3.1", "signer of the GroupInfo is a member").atLeaf(6)},
		{"signer is outside", info(func(i *GroupInfo) { i.Signer = noLeaf }),
			violation("12.4.3.1", "signer of the GroupInfo is a member").atLeaf(noLeaf)},
		{"confirmation tag", info(func(i *GroupInfo) { i.ConfirmationTag = flipped(i.ConfirmationTag, 0) }), tag},
		{"short confirmation tag", info(func(i *GroupInfo) { i.ConfirmationTag = i.ConfirmationTag[1:] }), tagSize},
		{"no confirmation tag", info(func(i *GroupInfo) { i.ConfirmationTag = nil }), tagSize},
		{"no tree", info(func(i *GroupInfo) { i.Extensions = nil }), ErrUnsupported},
		{"empty tree", welcomeForgery{treeBytes: func([]byte) []byte { return []byte{0} }}, ErrMalformed},
		{"truncated tree", welcomeForgery{treeBytes: func(b []byte) []byte { return b[:len(b)-1] }}, ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			i := newInvitation(t, 0x0001, true)
			i.requireNotJoined(c.want, i.welcome(c.forge), JoinOptions{})
		})
	}
}

func requireCapabilities(t testing.TB, r RequiredCapabilities) func(*GroupContext) {
	data, err := Marshal(&r)
	require.NoError(t, err)
	return func(c *GroupContext) {
		c.Extensions = Extensions{{Type: ExtensionRequiredCapabilities, Data: data}}
	}
}

// A GroupInfo that nobody in the tree has signed is refused where the tree comes
// beside the Welcome, too.
func TestWelcomeWithoutTreeIsVerified(t *testing.T) {
	i := newInvitation(t, 0x0001, true)
	outsider := client(t, 0x0001, "outsider")
	detach := func(i *GroupInfo) { i.Extensions = nil }
	welcome, tree := i.welcomeAndTree(welcomeForgery{info: detach, signer: outsider.Signer})
	i.requireNotJoined(violation("12.4.3", "GroupInfo signature is valid").atLeaf(1), welcome, JoinOptions{RatchetTree: tree})

	i = newInvitation(t, 0x0001, true)
	welcome, tree = i.welcomeAndTree(welcomeForgery{info: detach})
	_, other := newInvitation(t, 0x0001, true).welcomeAndTree(welcomeForgery{})
	for want, tree := range map[error][]byte{
		violation("12.4.3.1", "tree hash is the GroupContext's"): other,
		ErrMalformed:   tree[1:],
		ErrUnsupported: nil,
	} {
		_, err := i.joiner.Join(t.Context(), insiderTime, welcome, JoinOptions{RatchetTree: tree})
		requireRefused(t, want, err)
	}
	_, err := adopted(i.joiner.Join(t.Context(), insiderTime, welcome, JoinOptions{RatchetTree: tree}))
	require.NoError(t, err)
}

// resigned replaces the leaf of a member by one that is changed, signed anew by that
// member and then spoiled.
func (i *invitation) resigned(member LeafIndex, change, spoil func(*LeafNode)) func(ratchetTree) {
	return func(nodes ratchetTree) {
		leaf := *nodes[member.Node()].leaf
		if change != nil {
			change(&leaf)
		}
		signLeaf(i.t, &leaf, i.groups[member].cfg.Signer, i.public.place(member))
		if spoil != nil {
			spoil(&leaf)
		}
		nodes[member.Node()].leaf = &leaf
	}
}

// Faults of single leaves of a tree are found by who joins (RFC 9420, Section
// 12.4.3.1). No parent is populated, so no parent hash covers them.
func TestJoinValidatesEveryLeaf(t *testing.T) {
	for _, f := range leafFaults() {
		t.Run(f.name, func(t *testing.T) {
			i := newInvitation(t, 0x0001, false)
			i.requireNotJoined(f.want().atLeaf(2), i.welcome(welcomeForgery{tree: i.resigned(2, f.change, f.spoil)}), JoinOptions{})
		})
	}
	for name, at := range map[string]leafPlace{
		"place of another":         {leaf: 3},
		"place in another group":   {groupID: []byte("another"), leaf: 2},
		"place of another's group": {},
	} {
		t.Run(name, func(t *testing.T) {
			i := newInvitation(t, 0x0001, false)
			if at.groupID == nil && at.leaf != 0 {
				at.groupID = i.GroupID()
			}
			misplace := func(n *LeafNode) { signLeaf(t, n, i.groups[2].cfg.Signer, at) }
			forge := welcomeForgery{tree: i.resigned(2, func(n *LeafNode) { n.Source = LeafNodeUpdate }, misplace)}
			i.requireNotJoined(violation("7.3", "LeafNode signature is valid").atLeaf(2), i.welcome(forge), JoinOptions{})
		})
	}
}

// Faults of a tree as a whole (RFC 9420, Sections 7.3, 7.9.2 and 12.4.3.1). The
// joiner is at leaf 4, whose node is 8, in a tree whose populated parents are 1, 3, 5
// and 7.
func TestTreeFaultsAreRefused(t *testing.T) {
	t.Parallel()
	parent := func(n NodeIndex, change func(*parentNode, ratchetTree)) func(*invitation) func(ratchetTree) {
		return func(*invitation) func(ratchetTree) {
			return func(nodes ratchetTree) {
				p := *nodes[n].parent
				change(&p, nodes)
				nodes[n].parent = &p
			}
		}
	}
	unmerged := func(leaves ...LeafIndex) func(*parentNode, ratchetTree) {
		return func(p *parentNode, _ ratchetTree) { p.unmergedLeaves = leaves }
	}
	const ownLeaf = "tree holds the leaf of the key package"
	for _, c := range []struct {
		name     string
		withPath bool
		forge    func(*invitation) func(ratchetTree)
		want     error
	}{
		{"parent hash of a parent", true,
			parent(5, func(p *parentNode, _ ratchetTree) { p.parentHash = flipped(make([]byte, 32), 0) }),
			violation("7.9.2", "parent node 5 is parent-hash valid")},
		{"key of a parent", true, parent(1, func(p *parentNode, _ ratchetTree) {
			p.encryptionKey = ownKeyPackage(t, 0x0001, "").KeyPackage.InitKey
		}), violation("7.9.2", "parent node 1 is parent-hash valid")},
		{"key of a parent is none", true, parent(5, func(p *parentNode, _ ratchetTree) {
			p.encryptionKey = make([]byte, 32)
		}), violation("7.1", "encryption_key of parent node 5 is a public key")},
		{"key of a parent is a leaf's", true, parent(5, func(p *parentNode, nodes ratchetTree) {
			p.encryptionKey = nodes[0].leaf.EncryptionKey
		}), violation("12.4.3.1", "encryption_key of parent node 5 appears in no other node")},
		{"key of a parent is another's", true, parent(5, func(p *parentNode, nodes ratchetTree) {
			p.encryptionKey = nodes[3].parent.encryptionKey
		}), violation("12.4.3.1", "encryption_key of parent node 5 appears in no other node")},
		{"blank leaf is unmerged", true, parent(7, unmerged(5)),
			violation("12.4.3.1", "unmerged leaf is not blank").atLeaf(5)},
		{"leaf outside the tree is unmerged", true, parent(7, unmerged(1<<31)),
			violation("12.4.3.1", "unmerged leaf of parent node 7 is below it").atLeaf(1 << 31)},
		{"leaf elsewhere is unmerged", true, parent(1, unmerged(3)),
			violation("12.4.3.1", "unmerged leaf of parent node 1 is below it").atLeaf(3)},
		{"unmerged leaves out of order", true, parent(3, unmerged(3, 2)),
			violation("7.1", "unmerged_leaves of parent node 3 are in increasing order").atLeaf(2)},
		{"unmerged leaf twice", true, parent(3, unmerged(2, 2)),
			violation("7.1", "unmerged_leaves of parent node 3 are in increasing order").atLeaf(2)},
		{"unmerged above and not below", true, parent(3, unmerged(2)),
			violation("12.4.3.1", "unmerged leaf of a parent node is so at node 5").atLeaf(2)},
		{"parent blanked below a populated one", true, func(*invitation) func(ratchetTree) {
			return func(nodes ratchetTree) { nodes[1] = treeNode{} }
		}, violation("7.9.2", "parent node 3 is parent-hash valid")},
		{"member blanked", true, func(*invitation) func(ratchetTree) {
			return func(nodes ratchetTree) { nodes[6] = treeNode{} }
		}, violation("7.9.2", "is parent-hash valid")},
		{"encryption key of two leaves", false, func(i *invitation) func(ratchetTree) {
			return i.resigned(2, func(n *LeafNode) { n.EncryptionKey = i.public.tree.leaf(0).EncryptionKey }, nil)
		}, violation("7.3", "encryption_key is unique").atLeaf(2)},
		{"signature key of two leaves", false, func(i *invitation) func(ratchetTree) {
			return i.resigned(2, nil, func(n *LeafNode) {
				n.SignatureKey = i.groups[3].cfg.Signer.PublicKey()
				signLeaf(i.t, n, i.groups[3].cfg.Signer, leafPlace{})
			})
		}, violation("7.3", "signature_key is unique").atLeaf(3)},
		{"credential type that others lack", false, func(i *invitation) func(ratchetTree) {
			return i.resigned(2, func(n *LeafNode) {
				n.Credential = Credential{Type: strangeCredential}
				n.Capabilities.Credentials = append(slices.Clone(n.Capabilities.Credentials), strangeCredential)
			}, nil)
		}, violation("7.3", "every member supports the credential type")},
		{"no leaf of the joiner", false, func(*invitation) func(ratchetTree) {
			return func(nodes ratchetTree) {
				nodes[8].leaf = &ownKeyPackage(t, 0x0001, "instead").KeyPackage.LeafNode
			}
		}, violation("12.4.3.1", ownLeaf)},
		{"another leaf of the joiner", false, func(i *invitation) func(ratchetTree) {
			return func(nodes ratchetTree) {
				leaf := *nodes[8].leaf
				leaf.Lifetime.NotAfter++
				signLeaf(i.t, &leaf, i.joiner.cfg.Signer, leafPlace{})
				nodes[8].leaf = &leaf
			}
		}, violation("12.4.3.1", ownLeaf)},
		{"leaf of the joiner with another encryption key", false, func(i *invitation) func(ratchetTree) {
			return func(nodes ratchetTree) {
				again, err := NewKeyPackage(i.t.Context(), insiderTime, i.joiner.cfg, KeyPackageOptions{})
				require.NoError(i.t, err)
				nodes[8].leaf = &again.KeyPackage.LeafNode
			}
		}, violation("12.4.3.1", ownLeaf)},
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
	i.requireNotJoined(violation("12.4.3.1", "path secret gives the private key of node 7").atLeaf(1),
		i.welcome(welcomeForgery{secrets: secret}), JoinOptions{})

	i = newInvitation(t, 0x0001, true)
	i.requireNotJoined(violation("12.4.3.1", "signer of the GroupInfo is another member").atLeaf(4),
		i.welcome(welcomeForgery{info: func(info *GroupInfo) { info.Signer = 4 }, signer: i.joiner.cfg.Signer}), JoinOptions{})
}

// A member holds the private keys that the tree says it does, and no others.
func TestMemberViewIsComplete(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	populate(t, groups)
	groups = admit(t, groups, ownKeyPackage(t, 0x0001, "joiner"))
	joiner := groups[3]
	tree, root := joiner.public.tree, joiner.public.tree.rootIndex()
	require.NotNil(t, tree.parent(root))
	require.NoError(t, groups[0].self.complete(tree))
	require.NoError(t, joiner.self.complete(tree))

	without := &memberView{leaf: 0, pathKeys: maps.Clone(groups[0].self.pathKeys)}
	delete(without.pathKeys, root)
	requireRefused(t, violation("12.4.3.1", "member has the private key of node 3").atLeaf(0), without.complete(tree))
	unmerged := &memberView{leaf: 3, pathKeys: map[NodeIndex]*privateKey{root: groups[0].self.pathKeys[root]}}
	requireRefused(t, violation("12.4.3.1", "member has no private key of node 3").atLeaf(3), unmerged.complete(tree))
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
	require.ErrorIs(t, err, ErrUnsupported)
}
