package mls

import (
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// garbage is a ciphertext that does not open.
func garbage(c ratchettree.HPKECiphertext) ratchettree.HPKECiphertext {
	return ratchettree.HPKECiphertext{KEMOutput: c.KEMOutput, Ciphertext: mlstest.Flipped(c.Ciphertext, 0)}
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
			return forgery{leaf: func(n *message.LeafNode) { n.EncryptionKey = a.public.tree.Leaf(1).EncryptionKey() }}
		}, fault.Violation("12.4.2", "encryption_key of the committer's leaf is not new").AtLeaf(1)},
		{"leaf with a member's key", func(a *attack) forgery {
			return forgery{leaf: func(n *message.LeafNode) { n.EncryptionKey = a.public.tree.Leaf(3).EncryptionKey() }}
		}, fault.Violation("12.4.2", "encryption_key of the path's leaf is already in the tree").AtLeaf(1)},
		{"leaf with a parent's key", func(a *attack) forgery {
			return forgery{leaf: func(n *message.LeafNode) { n.EncryptionKey = a.public.tree.Parent(5).EncryptionKey }}
		}, fault.Violation("12.4.2", "encryption_key of the path's leaf is already in the tree").AtLeaf(1)},
		{"leaf with a replaced parent's key", func(a *attack) forgery {
			return forgery{leaf: func(n *message.LeafNode) { n.EncryptionKey = a.public.tree.Parent(3).EncryptionKey }}
		}, fault.Violation("12.4.2", "encryption_key of the path's leaf is already in the tree").AtLeaf(1)},
		{"leaf with a key of its own path", func(a *attack) forgery {
			var root []byte
			return forgery{
				keys: func(keys [][]byte) { root = keys[1] },
				leaf: func(n *message.LeafNode) { n.EncryptionKey = root },
			}
		}, fault.Violation("12.4.2", "encryption_key of the path's leaf is already in the tree").AtLeaf(1)},
		{"leaf with the signature key of another member", func(a *attack) forgery {
			return forgery{signedLeaf: func(n *message.LeafNode) {
				signer := a.groups[3].cfg.Signer
				n.SignatureKey = signer.PublicKey()
				signLeaf(a.t, n, signer, a.public.place(1))
			}}
		}, fault.Violation("7.3", "signature_key is not unique").AtLeaf(1)},
		{"node with a member's key", func(a *attack) forgery {
			return forgery{keys: func(keys [][]byte) { keys[0] = a.public.tree.Leaf(3).EncryptionKey() }}
		}, fault.Violation("12.4.2", "public key for node 1 of the path is already in the tree").AtLeaf(1)},
		{"node with another parent's key", func(a *attack) forgery {
			return forgery{keys: func(keys [][]byte) { keys[1] = a.public.tree.Parent(5).EncryptionKey }}
		}, fault.Violation("12.4.2", "public key for node 3 of the path is already in the tree").AtLeaf(1)},
		{"node with its old key", func(a *attack) forgery {
			return forgery{keys: func(keys [][]byte) { keys[1] = a.public.tree.Parent(3).EncryptionKey }}
		}, fault.Violation("12.4.2", "public key for node 3 of the path is already in the tree").AtLeaf(1)},
		{"two nodes with one key", func(a *attack) forgery {
			return forgery{sealed: func(p *ratchettree.UpdatePath) { p.Nodes[0].EncryptionKey = p.Nodes[1].EncryptionKey }}
		}, fault.Violation("12.4.2", "public key for node 1 of the path is already in the tree").AtLeaf(1)},
		{"node without a key", func(a *attack) forgery {
			return forgery{keys: func(keys [][]byte) { keys[1] = nil }}
		}, fault.Violation("7.6", "encryption_key of node 1 of the path is not a public key of the suite").AtLeaf(1)},
		{"node with a key of low order", func(a *attack) forgery {
			return forgery{keys: func(keys [][]byte) { keys[0] = make([]byte, len(keys[0])) }}
		}, fault.Violation("7.6", "encryption_key of node 0 of the path is not a public key of the suite").AtLeaf(1)},
		{"too few nodes", func(a *attack) forgery {
			return forgery{sealed: func(p *ratchettree.UpdatePath) { p.Nodes = p.Nodes[:1] }}
		}, fault.Violation("7.6", "filtered direct path has 2 nodes, but the path has 1").AtLeaf(1)},
		{"too many nodes", func(a *attack) forgery {
			return forgery{sealed: func(p *ratchettree.UpdatePath) { p.Nodes = append(p.Nodes, p.Nodes[1]) }}
		}, fault.Violation("7.6", "filtered direct path has 2 nodes, but the path has 3").AtLeaf(1)},
		{"no nodes", func(a *attack) forgery {
			return forgery{sealed: func(p *ratchettree.UpdatePath) { p.Nodes = nil }}
		}, fault.Violation("7.6", "filtered direct path has 2 nodes, but the path has 0").AtLeaf(1)},
		{"another parent hash", func(a *attack) forgery {
			return forgery{leaf: func(n *message.LeafNode) { n.ParentHash = mlstest.Flipped(n.ParentHash, 0) }}
		}, fault.Violation("7.9", "parent_hash of the committer's leaf is not that of its path").AtLeaf(1)},
		{"no parent hash", func(a *attack) forgery {
			return forgery{leaf: func(n *message.LeafNode) { n.ParentHash = nil }}
		}, fault.Violation("7.9", "parent_hash of the committer's leaf is not that of its path").AtLeaf(1)},
		{"too few secrets", func(a *attack) forgery {
			return forgery{sealed: func(p *ratchettree.UpdatePath) { p.Nodes[1].Secrets = nil }}
		}, fault.Violation("7.6", "encrypted_path_secret of node 1 has the wrong number of entries").AtLeaf(1)},
		{"too many secrets", func(a *attack) forgery {
			return forgery{sealed: func(p *ratchettree.UpdatePath) { p.Nodes[1].Secrets = slices.Repeat(p.Nodes[1].Secrets, 2) }}
		}, fault.Violation("7.6", "encrypted_path_secret of node 1 has the wrong number of entries").AtLeaf(1)},
		{"too few secrets for others", func(a *attack) forgery {
			return forgery{sealed: func(p *ratchettree.UpdatePath) { p.Nodes[0].Secrets = nil }}
		}, fault.Violation("7.6", "encrypted_path_secret of node 0 has the wrong number of entries").AtLeaf(1)},
		{"secret that does not open", func(a *attack) forgery {
			return forgery{sealed: func(p *ratchettree.UpdatePath) { p.Nodes[1].Secrets[0] = garbage(p.Nodes[1].Secrets[0]) }}
		}, ErrDecrypt},
		{"secret for another epoch", func(a *attack) forgery {
			return forgery{sealed: func(p *ratchettree.UpdatePath) {
				a.commit(forgery{withPath: true, sealed: func(other *ratchettree.UpdatePath) {
					p.Nodes[1].Secrets = other.Nodes[1].Secrets
				}})
			}}
		}, ErrDecrypt},
		{"another secret", func(a *attack) forgery {
			return forgery{path: func(p *ratchettree.PathSecrets) { p.Secrets[1] = mlstest.Flipped(p.Secrets[1], 0) }}
		}, fault.Violation("7.5", "path secret does not give the public key of node 1").AtLeaf(1)},
		{"short secret", func(a *attack) forgery {
			return forgery{path: func(p *ratchettree.PathSecrets) { p.Secrets[1] = p.Secrets[1][1:] }}
		}, fault.Violation("7.4", "path secret does not have 32 bytes")},
		{"long secret", func(a *attack) forgery {
			return forgery{path: func(p *ratchettree.PathSecrets) { p.Secrets[1] = append(slices.Clone(p.Secrets[1]), 0) }}
		}, fault.Violation("7.4", "path secret does not have 32 bytes")},
		{"another commit secret", func(a *attack) forgery {
			return forgery{path: func(p *ratchettree.PathSecrets) { p.CommitSecret = mlstest.Flipped(p.CommitSecret, 0) }}
		}, fault.Violation("6.1", "confirmation tag does not match").AtLeaf(1)},
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
		"Remove":       func(a *attack) []CommittedProposal { return a.byValue(message.Remove{Removed: 3}) },
		"Remove of the receiver": func(a *attack) []CommittedProposal {
			return a.byValue(message.Remove{Removed: 2})
		},
		"Update": func(a *attack) []CommittedProposal {
			return []CommittedProposal{a.received(3, a.updateOf(3, nil))}
		},
		"Add and Remove": func(a *attack) []CommittedProposal {
			return a.byValue(message.Add{KeyPackage: ownKeyPackage(a.t, 0x0001, "joiner").KeyPackage}, message.Remove{Removed: 3})
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newAttack(t)
			want := fault.Violation("12.4", "commit lacks the required path").AtLeaf(1)
			requireUnprocessed(t, a.victim, want, a.commit(forgery{proposals: list(a)}).message)
		})
	}
}

// A commit refers to proposals of its epoch that have arrived (RFC 9420, Section
// 12.4.2).
func TestProposalReferences(t *testing.T) {
	a := newAttack(t)
	wrong := fault.Violation("5.2", "ProposalRef does not have 32 bytes").AtProposal(1)
	_, unsent := a.propose(message.Remove{Removed: 3})
	for name, c := range map[string]struct {
		ref  []byte
		want error
	}{
		"not arrived": {unsent.Ref, fault.ErrMissingProposals},
		"garbage":     {make([]byte, 32), fault.ErrMissingProposals},
		"short":       {unsent.Ref[1:], wrong},
		"long":        {append(slices.Clone(unsent.Ref), 0), wrong},
	} {
		t.Run(name, func(t *testing.T) {
			forged := a.commit(forgery{proposals: []CommittedProposal{unsent}, withPath: true,
				committed: func([]framing.ProposalOrRef) []framing.ProposalOrRef {
					return []framing.ProposalOrRef{{Proposal: message.Remove{Removed: 3}}, {Ref: c.ref}}
				}})
			requireUnprocessed(t, a.victim, c.want, forged.message)
		})
	}
	t.Run("of the epoch before", func(t *testing.T) {
		old := a.received(3, message.Remove{Removed: 0})
		c, err := a.groups[3].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		follow(t, a.groups, 3, c)
		next := insider{t, a.groups[1]}
		forged := next.commit(forgery{proposals: []CommittedProposal{old}, withPath: true})
		requireUnprocessed(t, a.groups[2], fault.ErrMissingProposals, forged.message)
	})
}

// A wrong confirmation tag leaves nothing of the commit behind, and the error text
// holds no secret (RFC 9420, Section 12.4.2).
func TestConfirmationTagIsVerified(t *testing.T) {
	want := fault.Violation("6.1", "confirmation tag does not match").AtLeaf(1)
	for name, spoil := range map[string]func([]byte) []byte{
		"changed": func(tag []byte) []byte { return mlstest.Flipped(tag, 31) },
		"short":   func(tag []byte) []byte { return tag[:31] },
		"long":    func(tag []byte) []byte { return append(tag, 0) },
		"empty":   func([]byte) []byte { return []byte{} },
		"zero":    func(tag []byte) []byte { return make([]byte, len(tag)) },
	} {
		for _, withPath := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				a := newAttack(t)
				list := a.byValue(message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage})
				c := a.commit(forgery{proposals: list, withPath: withPath, tag: spoil})
				requireUnprocessed(t, a.victim, want, c.message)
				_, err := a.victim.Process(t.Context(), insiderTime, c.message)
				for _, secret := range [][]byte{c.next.secrets.Init, c.joiner, a.secrets.Init, c.next.public.confirmationTag} {
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
		content func(*framing.FramedContent)
		message func(*framing.AuthenticatedContent)
		public  error
		private error
	}{
		{"another group", func(c *framing.FramedContent) { c.GroupID = []byte("another") }, nil, ErrWrongGroup, ErrWrongGroup},
		{"no group", func(c *framing.FramedContent) { c.GroupID = nil }, nil, ErrWrongGroup, ErrWrongGroup},
		{"next epoch", func(c *framing.FramedContent) { c.Epoch++ }, nil, fault.ErrWrongEpoch, fault.ErrWrongEpoch},
		{"epoch before", func(c *framing.FramedContent) { c.Epoch-- }, nil, fault.ErrWrongEpoch, fault.ErrWrongEpoch},
		{"last epoch", func(c *framing.FramedContent) { c.Epoch = ^uint64(0) }, nil, fault.ErrWrongEpoch, fault.ErrWrongEpoch},
		{"somebody else", func(c *framing.FramedContent) { c.Sender.Leaf = 0 }, nil,
			fault.Violation("6.1", "signature does not verify").AtLeaf(0),
			fault.Violation("6.1", "signature does not verify").AtLeaf(0)},
		{"the receiver", func(c *framing.FramedContent) { c.Sender.Leaf = 2 }, nil,
			fault.Violation("6.1", "signature does not verify").AtLeaf(2), ErrOwnMessage},
		{"a blank leaf", func(c *framing.FramedContent) { c.Sender.Leaf = 5 }, nil,
			fault.Violation("6.1", "sender is not a member").AtLeaf(5),
			fault.Violation("6.1", "sender is not a member").AtLeaf(5)},
		{"signature changed", nil, func(c *framing.AuthenticatedContent) { c.Auth.Signature = mlstest.Flipped(c.Auth.Signature, 0) },
			fault.Violation("6.1", "signature does not verify").AtLeaf(1),
			fault.Violation("6.1", "signature does not verify").AtLeaf(1)},
		{"no signature", nil, func(c *framing.AuthenticatedContent) { c.Auth.Signature = nil },
			fault.Violation("6.1", "signature does not verify").AtLeaf(1),
			fault.Violation("6.1", "signature does not verify").AtLeaf(1)},
		{"data changed after the signature", nil, func(c *framing.AuthenticatedContent) { c.Content.AuthenticatedData = []byte{1} },
			fault.Violation("6.1", "signature does not verify").AtLeaf(1),
			fault.Violation("6.1", "signature does not verify").AtLeaf(1)},
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

				content := m.public.content(m.sender(), message.ContentProposal, nil)
				content.Proposal = message.Remove{Removed: 3}
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
	msg, err := g.Propose(t.Context(), insiderTime, message.Remove{Removed: 3}, nil)
	require.NoError(t, err)
	requireUnprocessed(t, g, ErrOwnMessage, msg)

	echo := publicIn(t, msg)
	forged := &framing.AuthenticatedContent{WireFormat: message.WireFormatPublicMessage, Content: echo.Content, Auth: echo.Auth}
	requireUnprocessed(t, g, ErrOwnMessage, m.seal(forged)) // the same, octet by octet
	forged.Content.Proposal, forged.Content.Body = message.Remove{Removed: 1}, nil
	requireUnprocessed(t, g, fault.Violation("6.1", "signature does not verify").AtLeaf(2), m.seal(forged))

	own := m.public.content(m.sender(), message.ContentProposal, nil)
	own.Proposal = message.Remove{Removed: 3}
	retagged := m.signed(own)
	retagged.Content.Sender = g.sender()
	requireUnprocessed(t, g, fault.Violation("6.1", "signature does not verify").AtLeaf(2), m.seal(retagged))
}

func TestMembershipTagIsVerified(t *testing.T) {
	a := newAttack(t)
	want := fault.Violation("6.2", "membership tag does not match")
	for name, spoil := range map[string]func([]byte) []byte{
		"changed": func(tag []byte) []byte { return mlstest.Flipped(tag, 0) },
		"short":   func(tag []byte) []byte { return tag[1:] },
		"empty":   func([]byte) []byte { return []byte{} },
	} {
		t.Run(name, func(t *testing.T) {
			m := publicIn(t, a.commit(forgery{withPath: true}).message)
			m.MembershipTag = spoil(m.MembershipTag)
			b, err := m.Encode()
			require.NoError(t, err)
			requireUnprocessed(t, a.victim, want, b)
		})
	}
}

// The least public message of a group: no signature, no tags.
func TestLeastPublicMessage(t *testing.T) {
	a := newAttack(t)
	for contentType := range message.ContentType(5) {
		for sender := range message.SenderType(6) {
			var w wire.Writer
			w.Uint16(uint16(codepoint.VersionMLS10))
			w.Uint16(uint16(message.WireFormatPublicMessage))
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
		m := &framing.PrivateMessage{GroupID: a.GroupID(), Epoch: a.Epoch(), ContentType: message.ContentApplication}
		f, data := a.public.framing(a.secrets), &framing.SenderData{Leaf: 1, Generation: generation}
		info := a.public.suite.Info().AEAD
		key := &secrettree.MessageKey{Generation: generation, Key: make([]byte, info.Nk), Nonce: make([]byte, info.Nn)}
		require.NoError(t, f.SealContent(m, key, data, []byte("never opened")))
		require.NoError(t, f.SealSenderData(m, data))
		b, err := m.Encode()
		require.NoError(t, err)
		requireUnprocessed(t, a.victim, ErrGeneration, b)
	}
}
