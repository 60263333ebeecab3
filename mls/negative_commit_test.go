package mls

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// garbage is a ciphertext that does not open.
func garbage(c hpkeCiphertext) hpkeCiphertext {
	return hpkeCiphertext{c.kemOutput, flipped(c.ciphertext, 0)}
}

// Faults of a commit's path (RFC 9420, Sections 7.5, 7.6, 7.9 and 12.4.2). In the
// attack's tree of four members, the path of the attacker at leaf 1 is nodes 1 and 3,
// and the victim at leaf 2 gets the secret of node 3 by that of node 5.
func TestPathFaultsAreRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		forge func(a *attack) forgery
		want  error
	}{
		{"leaf with the committer's old key", func(a *attack) forgery {
			return forgery{leaf: func(n *LeafNode) { n.EncryptionKey = a.public.tree.leaf(1).EncryptionKey }}
		}, violation("12.4.2", "encryption_key of the committer's leaf is new").atLeaf(1)},
		{"leaf with a member's key", func(a *attack) forgery {
			return forgery{leaf: func(n *LeafNode) { n.EncryptionKey = a.public.tree.leaf(3).EncryptionKey }}
		}, violation("12.4.2", "encryption_key of the path's leaf is in no node").atLeaf(1)},
		{"leaf with a parent's key", func(a *attack) forgery {
			return forgery{leaf: func(n *LeafNode) { n.EncryptionKey = a.public.tree.parent(5).encryptionKey }}
		}, violation("12.4.2", "encryption_key of the path's leaf is in no node").atLeaf(1)},
		{"leaf with a replaced parent's key", func(a *attack) forgery {
			return forgery{leaf: func(n *LeafNode) { n.EncryptionKey = a.public.tree.parent(3).encryptionKey }}
		}, violation("12.4.2", "encryption_key of the path's leaf is in no node").atLeaf(1)},
		{"leaf with a key of its own path", func(a *attack) forgery {
			var root []byte
			return forgery{
				keys: func(keys [][]byte) { root = keys[1] },
				leaf: func(n *LeafNode) { n.EncryptionKey = root },
			}
		}, violation("12.4.2", "encryption_key of the path's leaf is in no node").atLeaf(1)},
		{"leaf with the signature key of another member", func(a *attack) forgery {
			return forgery{signedLeaf: func(n *LeafNode) {
				signer := a.groups[3].cfg.Signer
				n.SignatureKey = signer.PublicKey()
				signLeaf(a.t, n, signer, a.public.place(1))
			}}
		}, violation("7.3", "signature_key is unique").atLeaf(1)},
		{"node with a member's key", func(a *attack) forgery {
			return forgery{keys: func(keys [][]byte) { keys[0] = a.public.tree.leaf(3).EncryptionKey }}
		}, violation("12.4.2", "public key for node 1 of the path is in no node").atLeaf(1)},
		{"node with another parent's key", func(a *attack) forgery {
			return forgery{keys: func(keys [][]byte) { keys[1] = a.public.tree.parent(5).encryptionKey }}
		}, violation("12.4.2", "public key for node 3 of the path is in no node").atLeaf(1)},
		{"node with its old key", func(a *attack) forgery {
			return forgery{keys: func(keys [][]byte) { keys[1] = a.public.tree.parent(3).encryptionKey }}
		}, violation("12.4.2", "public key for node 3 of the path is in no node").atLeaf(1)},
		{"two nodes with one key", func(a *attack) forgery {
			return forgery{sealed: func(p *updatePath) { p.nodes[0].encryptionKey = p.nodes[1].encryptionKey }}
		}, violation("12.4.2", "public key for node 1 of the path is in no node").atLeaf(1)},
		{"node without a key", func(a *attack) forgery {
			return forgery{keys: func(keys [][]byte) { keys[1] = nil }}
		}, violation("7.6", "encryption_key of node 1 of the path is a public key").atLeaf(1)},
		{"node with a key of low order", func(a *attack) forgery {
			return forgery{keys: func(keys [][]byte) { keys[0] = make([]byte, len(keys[0])) }}
		}, violation("7.6", "encryption_key of node 0 of the path is a public key").atLeaf(1)},
		{"too few nodes", func(a *attack) forgery {
			return forgery{sealed: func(p *updatePath) { p.nodes = p.nodes[:1] }}
		}, violation("7.6", "path has one node for each of the filtered direct path: 2, not 1").atLeaf(1)},
		{"too many nodes", func(a *attack) forgery {
			return forgery{sealed: func(p *updatePath) { p.nodes = append(p.nodes, p.nodes[1]) }}
		}, violation("7.6", "path has one node for each of the filtered direct path: 2, not 3").atLeaf(1)},
		{"no nodes", func(a *attack) forgery {
			return forgery{sealed: func(p *updatePath) { p.nodes = nil }}
		}, violation("7.6", "path has one node for each of the filtered direct path: 2, not 0").atLeaf(1)},
		{"another parent hash", func(a *attack) forgery {
			return forgery{leaf: func(n *LeafNode) { n.ParentHash = flipped(n.ParentHash, 0) }}
		}, violation("7.9", "parent_hash of the committer's leaf is that of its path").atLeaf(1)},
		{"no parent hash", func(a *attack) forgery {
			return forgery{leaf: func(n *LeafNode) { n.ParentHash = nil }}
		}, violation("7.9", "parent_hash of the committer's leaf is that of its path").atLeaf(1)},
		{"too few secrets", func(a *attack) forgery {
			return forgery{sealed: func(p *updatePath) { p.nodes[1].secrets = nil }}
		}, violation("7.6", "encrypted_path_secret of node 1 has one entry for each").atLeaf(1)},
		{"too many secrets", func(a *attack) forgery {
			return forgery{sealed: func(p *updatePath) { p.nodes[1].secrets = slices.Repeat(p.nodes[1].secrets, 2) }}
		}, violation("7.6", "encrypted_path_secret of node 1 has one entry for each").atLeaf(1)},
		{"too few secrets for others", func(a *attack) forgery {
			return forgery{sealed: func(p *updatePath) { p.nodes[0].secrets = nil }}
		}, violation("7.6", "encrypted_path_secret of node 0 has one entry for each").atLeaf(1)},
		{"secret that does not open", func(a *attack) forgery {
			return forgery{sealed: func(p *updatePath) { p.nodes[1].secrets[0] = garbage(p.nodes[1].secrets[0]) }}
		}, ErrDecrypt},
		{"secret for another epoch", func(a *attack) forgery {
			return forgery{sealed: func(p *updatePath) {
				a.commit(forgery{withPath: true, sealed: func(other *updatePath) {
					p.nodes[1].secrets = other.nodes[1].secrets
				}})
			}}
		}, ErrDecrypt},
		{"another secret", func(a *attack) forgery {
			return forgery{path: func(p *pathSecrets) { p.secrets[1] = flipped(p.secrets[1], 0) }}
		}, violation("7.5", "path secret gives the public key of node 1").atLeaf(1)},
		{"short secret", func(a *attack) forgery {
			return forgery{path: func(p *pathSecrets) { p.secrets[1] = p.secrets[1][1:] }}
		}, violation("7.4", "path secret is of 32 bytes")},
		{"long secret", func(a *attack) forgery {
			return forgery{path: func(p *pathSecrets) { p.secrets[1] = append(slices.Clone(p.secrets[1]), 0) }}
		}, violation("7.4", "path secret is of 32 bytes")},
		{"another commit secret", func(a *attack) forgery {
			return forgery{path: func(p *pathSecrets) { p.commitSecret = flipped(p.commitSecret, 0) }}
		}, violation("6.1", "the confirmation tag does not match").atLeaf(1)},
	} {
		for name, adjust := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				a := newAttack(t, adjust)
				f := c.forge(a)
				f.withPath = true
				requireUnprocessed(t, a.victim, c.want, a.commit(f).message)
				// What an honest member makes is accepted afterwards.
				honest, err := a.groups[3].Commit(t.Context(), insiderTime, CommitOptions{})
				require.NoError(t, err)
				follow(t, []*Group{a.groups[0], nil, a.victim, a.groups[3]}, 3, honest)
			})
		}
	}
}

// A path is left out only where all proposals allow it (RFC 9420, Section 12.4).
func TestPathIsRequired(t *testing.T) {
	for name, list := range map[string]func(*attack) []CommittedProposal{
		"no proposals": func(*attack) []CommittedProposal { return nil },
		"Remove":       func(a *attack) []CommittedProposal { return a.byValue(Remove{Removed: 3}) },
		"Remove of the receiver": func(a *attack) []CommittedProposal {
			return a.byValue(Remove{Removed: 2})
		},
		"Update": func(a *attack) []CommittedProposal {
			return []CommittedProposal{a.received(3, a.updateOf(3, nil))}
		},
		"Add and Remove": func(a *attack) []CommittedProposal {
			return a.byValue(Add{KeyPackage: ownKeyPackage(a.t, 0x0001, "joiner").KeyPackage}, Remove{Removed: 3})
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttack(t)
			want := violation("12.4", "commit has the path that its proposals require").atLeaf(1)
			requireUnprocessed(t, a.victim, want, a.commit(forgery{proposals: list(a)}).message)
		})
	}
}

// A commit refers to proposals of its epoch that have arrived (RFC 9420, Section
// 12.4.2).
func TestProposalReferences(t *testing.T) {
	a := newAttack(t)
	wrong := violation("5.2", "ProposalRef is of 32 bytes").atProposal(1)
	_, unsent := a.propose(Remove{Removed: 3})
	for name, c := range map[string]struct {
		ref  []byte
		want error
	}{
		"not arrived": {unsent.Ref, ErrMissingProposals},
		"garbage":     {make([]byte, 32), ErrMissingProposals},
		"short":       {unsent.Ref[1:], wrong},
		"long":        {append(slices.Clone(unsent.Ref), 0), wrong},
	} {
		t.Run(name, func(t *testing.T) {
			forged := a.commit(forgery{proposals: []CommittedProposal{unsent}, withPath: true,
				committed: func([]proposalOrRef) []proposalOrRef {
					return []proposalOrRef{{proposal: Remove{Removed: 3}}, {ref: c.ref}}
				}})
			requireUnprocessed(t, a.victim, c.want, forged.message)
		})
	}
	t.Run("of the epoch before", func(t *testing.T) {
		old := a.received(3, Remove{Removed: 0})
		c, err := a.groups[3].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		follow(t, a.groups, 3, c)
		next := insider{t, a.groups[1]}
		forged := next.commit(forgery{proposals: []CommittedProposal{old}, withPath: true})
		requireUnprocessed(t, a.groups[2], ErrMissingProposals, forged.message)
	})
}

// A wrong confirmation tag leaves nothing of the commit behind, and the error text
// holds no secret (RFC 9420, Section 12.4.2).
func TestConfirmationTagIsVerified(t *testing.T) {
	want := violation("6.1", "the confirmation tag does not match").atLeaf(1)
	for name, spoil := range map[string]func([]byte) []byte{
		"changed": func(tag []byte) []byte { return flipped(tag, 31) },
		"short":   func(tag []byte) []byte { return tag[:31] },
		"long":    func(tag []byte) []byte { return append(tag, 0) },
		"empty":   func([]byte) []byte { return []byte{} },
		"zero":    func(tag []byte) []byte { return make([]byte, len(tag)) },
	} {
		for _, withPath := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				a := newAttack(t)
				list := a.byValue(Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage})
				c := a.commit(forgery{proposals: list, withPath: withPath, tag: spoil})
				requireUnprocessed(t, a.victim, want, c.message)
				_, err := a.victim.Process(t.Context(), insiderTime, c.message)
				for _, secret := range [][]byte{c.next.secrets.init, c.joiner, a.secrets.init, c.next.public.confirmationTag} {
					require.NotContains(t, err.Error(), string(secret))
					require.NotContains(t, strings.ToLower(err.Error()), hex.EncodeToString(secret))
				}
			})
		}
	}
}

// What frames a message is verified before anything in it counts (RFC 9420,
// Sections 6.1 and 6.2).
func TestFramingFaultsAreRefused(t *testing.T) {
	for _, c := range []struct {
		name    string
		content func(*framedContent)
		message func(*authenticatedContent)
		public  error
		private error
	}{
		{"another group", func(c *framedContent) { c.groupID = []byte("another") }, nil, ErrWrongGroup, ErrWrongGroup},
		{"no group", func(c *framedContent) { c.groupID = nil }, nil, ErrWrongGroup, ErrWrongGroup},
		{"next epoch", func(c *framedContent) { c.epoch++ }, nil, ErrWrongEpoch, ErrWrongEpoch},
		{"epoch before", func(c *framedContent) { c.epoch-- }, nil, ErrWrongEpoch, ErrWrongEpoch},
		{"last epoch", func(c *framedContent) { c.epoch = ^uint64(0) }, nil, ErrWrongEpoch, ErrWrongEpoch},
		{"somebody else", func(c *framedContent) { c.sender.Leaf = 0 }, nil,
			violation("6.1", "the signature does not verify").atLeaf(0),
			violation("6.1", "the signature does not verify").atLeaf(0)},
		{"the receiver", func(c *framedContent) { c.sender.Leaf = 2 }, nil,
			violation("6.1", "the signature does not verify").atLeaf(2), ErrOwnMessage},
		{"a blank leaf", func(c *framedContent) { c.sender.Leaf = 5 }, nil,
			violation("6.1", "sender is a non-blank leaf").atLeaf(5),
			violation("6.1", "sender is a non-blank leaf").atLeaf(5)},
		{"signature changed", nil, func(c *authenticatedContent) { c.auth.signature = flipped(c.auth.signature, 0) },
			violation("6.1", "the signature does not verify").atLeaf(1),
			violation("6.1", "the signature does not verify").atLeaf(1)},
		{"no signature", nil, func(c *authenticatedContent) { c.auth.signature = nil },
			violation("6.1", "the signature does not verify").atLeaf(1),
			violation("6.1", "the signature does not verify").atLeaf(1)},
		{"data changed after the signature", nil, func(c *authenticatedContent) { c.content.authenticatedData = []byte{1} },
			violation("6.1", "the signature does not verify").atLeaf(1),
			violation("6.1", "the signature does not verify").atLeaf(1)},
	} {
		for name, adjust := range map[string]func(*Config){"public": publicHandshake, "private": privateHandshake} {
			t.Run(c.name+"/"+name, func(t *testing.T) {
				groups := clique(t, 0x0001, 5, adjust) // leaves 5 to 7 are blank
				m, g := insider{t, groups[1]}, groups[2]
				want := c.public
				if name == "private" {
					want = c.private
				}
				forged := m.commit(forgery{withPath: true, content: c.content, message: c.message})
				requireUnprocessed(t, g, want, forged.message)

				content := m.public.content(m.sender(), ContentProposal, nil)
				content.proposal = Remove{Removed: 3}
				if c.content != nil {
					c.content(content)
				}
				ac := m.signed(content)
				if c.message != nil {
					c.message(ac)
				}
				requireUnprocessed(t, g, want, m.seal(ac))
			})
		}
	}
}

// A member takes nothing that another signed and tagged for the echo of its own, and
// its own echo for nothing else.
func TestOwnPublicMessagesAreVerified(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	m, g := insider{t, groups[1]}, groups[2]
	message, err := g.Propose(t.Context(), insiderTime, Remove{Removed: 3}, nil)
	require.NoError(t, err)
	requireUnprocessed(t, g, ErrOwnMessage, message)

	echo := publicIn(t, message)
	forged := &authenticatedContent{wireFormat: WireFormatPublicMessage, content: echo.content, auth: echo.auth}
	requireUnprocessed(t, g, ErrOwnMessage, m.seal(forged)) // the same, octet by octet
	forged.content.proposal, forged.content.body = Remove{Removed: 1}, nil
	requireUnprocessed(t, g, violation("6.1", "the signature does not verify").atLeaf(2), m.seal(forged))

	own := m.public.content(m.sender(), ContentProposal, nil)
	own.proposal = Remove{Removed: 3}
	retagged := m.signed(own)
	retagged.content.sender = g.sender()
	requireUnprocessed(t, g, violation("6.1", "the signature does not verify").atLeaf(2), m.seal(retagged))
}

func TestMembershipTagIsVerified(t *testing.T) {
	a := newAttack(t)
	want := violation("6.2", "the membership tag does not match")
	for name, spoil := range map[string]func([]byte) []byte{
		"changed": func(tag []byte) []byte { return flipped(tag, 0) },
		"short":   func(tag []byte) []byte { return tag[1:] },
		"empty":   func([]byte) []byte { return []byte{} },
	} {
		t.Run(name, func(t *testing.T) {
			m := publicIn(t, a.commit(forgery{withPath: true}).message)
			m.membershipTag = spoil(m.membershipTag)
			b, err := m.encode()
			require.NoError(t, err)
			requireUnprocessed(t, a.victim, want, b)
		})
	}
}

// The least public message of a group: no signature, no tags.
func TestLeastPublicMessage(t *testing.T) {
	a := newAttack(t)
	for contentType := range ContentType(5) {
		for sender := range SenderType(6) {
			var w wire.Writer
			w.Uint16(uint16(VersionMLS10))
			w.Uint16(uint16(WireFormatPublicMessage))
			w.Bytes(a.public.context.GroupID)
			w.Uint64(a.public.context.Epoch)
			w.Uint8(uint8(sender))
			w.Uint32(1)
			b, err := w.Finish()
			require.NoError(t, err)
			b = append(b, 0, byte(contentType), 0, 0, 0, 0)
			for end := range b {
				_, err := a.victim.Process(t.Context(), insiderTime, b[:end])
				require.Error(t, err)
			}
			_, err = a.victim.Process(t.Context(), insiderTime, b)
			require.Error(t, err)
		}
	}
}

// A message of the last generation is refused before any key of it is derived
// (RFC 9420, Section 15.3).
func TestGenerationIsCapped(t *testing.T) {
	a := newAttack(t)
	limits := a.victim.cfg.Limits.ratchet()
	for _, generation := range []uint32{limits.MaxForward + 1, 1<<31 - 1, 1 << 31, ^uint32(0)} {
		m := &privateMessage{groupID: a.GroupID(), epoch: a.Epoch(), contentType: ContentApplication}
		f, data := a.public.framing(a.secrets), &senderData{leaf: 1, generation: generation}
		info := a.public.suite.Info().AEAD
		key := &messageKey{generation, make([]byte, info.Nk), make([]byte, info.Nn)}
		require.NoError(t, f.sealContent(m, key, data, []byte("never opened")))
		require.NoError(t, f.sealSenderData(m, data))
		b, err := m.encode()
		require.NoError(t, err)
		requireUnprocessed(t, a.victim, ErrGeneration, b)
	}
}
