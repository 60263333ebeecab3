package mls

import (
	"crypto/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// insider is a member who keeps to no rule: it signs, tags and encrypts with the
// keys of a real Group whatever it is told to.
type insider struct {
	t testing.TB
	*Group
}

func (m insider) signed(content *framing.FramedContent) *framing.AuthenticatedContent {
	m.t.Helper()
	ac, err := m.sign(m.t.Context(), m.handshakeFormat(), content)
	require.NoError(m.t, err)
	return ac
}

// seal protects what is signed, for whatever group, epoch and sender it names.
func (m insider) seal(ac *framing.AuthenticatedContent) []byte {
	m.t.Helper()
	f := m.public.framing(m.secrets)
	f.Group, f.Form = &message.GroupContext{GroupID: ac.Content.GroupID, Epoch: ac.Content.Epoch}, nil
	b, err := protected(f, m.inbox.ratchets, ac)
	require.NoError(m.t, err)
	return b
}

// protected returns ac as an MLSMessage in its format.
func protected(f *framing.Epoch, ratchets *secrettree.Tree, ac *framing.AuthenticatedContent) ([]byte, error) {
	if ac.WireFormat == message.WireFormatPublicMessage {
		m, err := f.ProtectPublic(ac)
		if err != nil {
			return nil, err
		}
		return m.Encode()
	}
	m, err := f.ProtectPrivate(ratchets, ac, nil)
	if err != nil {
		return nil, err
	}
	return m.Encode()
}

// propose frames a proposal that nobody has checked, and returns it as a commit
// would cover it.
func (m insider) propose(p message.Proposal) ([]byte, CommittedProposal) {
	m.t.Helper()
	content := m.public.content(m.sender(), message.ContentProposal, nil)
	content.Proposal = p
	ac := m.signed(content)
	ref, err := framing.ProposalRef(m.public.suite, ac)
	require.NoError(m.t, err)
	return m.seal(ac), CommittedProposal{Proposal: p, Sender: m.sender(), Ref: ref}
}

// leaf makes a leaf of the member, changed before it is signed.
func (m insider) leaf(n message.LeafNode, at check.LeafPlace, change func(*message.LeafNode)) *message.LeafNode {
	m.t.Helper()
	made, err := m.cfg.draftLeaf(m.cfg.ask(suite.Start, insiderTime), m.public.suite, n, m.public, at.Leaf)
	require.NoError(m.t, err)
	if change != nil {
		change(made)
	}
	signLeaf(m.t, made, m.cfg.Signer, at)
	return made
}

// update makes an Update of the member's leaf, changed before it is signed.
func (m insider) update(change func(*message.LeafNode)) message.Update {
	m.t.Helper()
	key, err := m.public.suite.GenerateKey()
	require.NoError(m.t, err)
	n := message.LeafNode{EncryptionKey: key.PublicKey(), Source: codepoint.LeafNodeUpdate}
	return message.Update{LeafNode: m.leaf(n, m.public.place(m.self.leaf), change)}
}

func signLeaf(t testing.TB, n *message.LeafNode, signer suite.Signer, at check.LeafPlace) {
	t.Helper()
	tbs, err := check.LeafNodeTBS(n, at)
	require.NoError(t, err)
	n.Signature, err = label.Sign(t.Context(), signer, label.LeafNodeTBS, tbs)
	require.NoError(t, err)
}

func signKeyPackage(t testing.TB, kp *message.KeyPackage, signer suite.Signer) {
	t.Helper()
	tbs, err := check.KeyPackageTBS(kp)
	require.NoError(t, err)
	kp.Signature, err = label.Sign(t.Context(), signer, label.KeyPackageTBS, tbs)
	require.NoError(t, err)
}

// forgery says how a commit departs from an honest one. Each change comes before
// all that is computed from what it changes, so that the rest of the commit is
// what an honest member would make of it.
type forgery struct {
	proposals  []CommittedProposal
	withPath   bool
	keys       func([][]byte)                                        // public keys of the path
	leaf       func(*message.LeafNode)                               // of the path, before its signature
	signedLeaf func(*message.LeafNode)                               // and after it
	path       func(*ratchettree.PathSecrets)                        // before it is sealed
	sealed     func(*ratchettree.UpdatePath)                         // and after it
	content    func(*framing.FramedContent)                          // before its signature
	tag        func([]byte) []byte                                   // confirmation tag
	message    func(*framing.AuthenticatedContent)                   // before its protection
	committed  func([]framing.ProposalOrRef) []framing.ProposalOrRef // as listed
}

// forged is a commit with the epoch that it would begin.
type forged struct {
	insider
	message []byte
	next    epoch
	joiner  []byte
	psk     []byte
	path    *ownPath
	applied *applied
}

// commit makes a commit, without any check.
func (m insider) commit(f forgery) *forged {
	t, p, s := m.t, m.public, m.public.suite
	t.Helper()
	a := m.apply(f.proposals)
	c := &framing.Commit{Proposals: make([]framing.ProposalOrRef, len(f.proposals))}
	for i, item := range f.proposals {
		if item.Ref == nil {
			c.Proposals[i].Proposal = item.Proposal
		} else {
			c.Proposals[i].Ref = item.Ref
		}
	}
	if f.committed != nil {
		c.Proposals = f.committed(c.Proposals)
	}
	out := &forged{insider: m, applied: a}
	var keys [][]byte
	if f.withPath {
		out.path, keys = m.newPath(a, f)
	}
	a.edit.Clashes = nil
	tr, err := a.edit.Freeze()
	require.NoError(t, err)
	next := newProvisional(publicParts{suite: s, numbers: p.numbers, tree: tr, context: p.context, extensions: a.extensions})
	next.context.Epoch, next.context.TreeHash, next.context.Extensions = p.context.Epoch+1, tr.Hash(), a.extensions.List
	self, commitSecret := m.self.next(tr, m.self.leafKey, nil), make([]byte, s.Info().KDF.Nh)
	if f.withPath {
		provisional, err := message.Marshal(&next.context)
		require.NoError(t, err)
		if f.path != nil {
			f.path(out.path.secrets)
		}
		nodes, err := out.path.secrets.Seal(tr, m.self.leaf, provisional, a.added)
		require.NoError(t, err)
		for k := range nodes {
			nodes[k].EncryptionKey = keys[k]
		}
		c.Path = &ratchettree.UpdatePath{LeafNode: out.path.leaf, Nodes: nodes}
		if f.sealed != nil {
			f.sealed(c.Path)
		}
		self, commitSecret = m.self.next(tr, out.path.leafKey, out.path.secrets), out.path.secrets.CommitSecret
	}
	content := m.public.content(m.sender(), message.ContentCommit, nil)
	content.Commit = c
	if f.content != nil {
		f.content(content)
	}
	ac := m.signed(content)
	out.psk, err = schedule.PSKSecret(s, nil, nil)
	require.NoError(t, err)
	public, secrets, joiner, err := p.advance(next, &epochInput{m.secrets.Init, commitSecret, out.psk, false}, ac, true)
	require.NoError(t, err)
	ac.Auth.ConfirmationTag = public.confirmationTag
	if f.tag != nil {
		ac.Auth.ConfirmationTag = f.tag(slices.Clone(public.confirmationTag))
	}
	if f.message != nil {
		f.message(ac)
	}
	out.next, out.joiner, out.message = epoch{public: public, secrets: secrets, self: self}, joiner, m.seal(ac)
	return out
}

// apply applies proposals in the order of RFC 9420, Section 12.3, without a check.
func (m insider) apply(list []CommittedProposal) *applied {
	a := &applied{edit: m.public.tree.Edit(), extensions: m.public.extensions}
	a.edit.Keys = ratchettree.NewKeyEdit(0) // knows no key, so none clashes
	for _, c := range list {
		if x, ok := c.Proposal.(message.GroupContextExtensions); ok {
			a.extensions = &check.GroupExtensions{List: x.Extensions} // which may not parse
		}
	}
	for _, c := range list {
		if u, ok := c.Proposal.(message.Update); ok {
			a.edit.Fill(a.edit.OwnPath(c.Sender.Leaf, ratchettree.BlankParent), c.Sender.Leaf, u.LeafNode)
		}
	}
	for _, c := range list {
		removed, ok := c.removes()
		if ok && removed != m.self.leaf && a.edit.Leaf(removed) != nil {
			a.edit.RemoveLeaf(removed)
		}
	}
	for _, c := range list {
		if add, ok := c.Proposal.(message.Add); ok {
			a.added = append(a.added, a.edit.AddLeaf(&add.KeyPackage.LeafNode))
			a.joiners = append(a.joiners, add.KeyPackage)
		}
	}
	return a
}

// newPath makes the keys of the member's path and merges them into the tree.
func (m insider) newPath(a *applied, f forgery) (*ownPath, [][]byte) {
	t, s, self := m.t, m.public.suite, m.self.leaf
	t.Helper()
	leafKey, err := s.GenerateKey()
	require.NoError(t, err)
	secret := make([]byte, s.Info().KDF.Nh)
	rand.Read(secret)
	nodes := a.edit.FilteredDirectPath(self)
	secrets, err := ratchettree.DerivePathSecrets(s, nodes, secret)
	require.NoError(t, err)
	keys := secrets.PublicKeys()
	if f.keys != nil {
		f.keys(keys)
	}
	parentHash, err := a.edit.MergePath(self, nodes, keys)
	require.NoError(t, err)
	leaf := m.leaf(message.LeafNode{EncryptionKey: leafKey.PublicKey(), Source: codepoint.LeafNodeCommit, ParentHash: parentHash},
		m.public.place(self), f.leaf)
	if f.signedLeaf != nil {
		f.signedLeaf(leaf)
	}
	a.edit.Fill(a.edit.OwnPath(self, ratchettree.CopyParent), self, leaf)
	return &ownPath{leaf: leaf, leafKey: ratchettree.NewPrivateKey(leafKey), secrets: secrets}, keys
}

// byValue are proposals that a commit of the member carries itself.
func (m insider) byValue(proposals ...message.Proposal) []CommittedProposal {
	list := make([]CommittedProposal, len(proposals))
	for i, p := range proposals {
		list[i] = CommittedProposal{Proposal: p, Sender: m.sender()}
	}
	return list
}

// attack is a group whose member at leaf 1 attacks that at leaf 2.
type attack struct {
	insider
	groups []*Group
	victim *Group
}

func newAttack(t testing.TB, adjust ...func(*Config)) *attack {
	groups := clique(t, 0x0001, 4, append([]func(*Config){publicHandshake}, adjust...)...)
	populate(t, groups)
	return &attack{insider{t, groups[1]}, groups, groups[2]}
}

// received is a proposal of any member that the victim has.
func (a *attack) received(leaf message.LeafIndex, p message.Proposal) CommittedProposal {
	a.t.Helper()
	message, proposal := insider{a.t, a.groups[leaf]}.propose(p)
	_, err := a.victim.Process(a.t.Context(), insiderTime, message)
	require.NoError(a.t, err)
	return proposal
}

// updateOf makes an Update of any member.
func (a *attack) updateOf(leaf message.LeafIndex, change func(*message.LeafNode)) message.Proposal {
	a.t.Helper()
	return insider{a.t, a.groups[leaf]}.update(change)
}

// addWithKey makes an Add of a new client whose leaf has the given encryption key.
func (a *attack) addWithKey(key []byte, adjust ...func(*Config)) message.Proposal {
	a.t.Helper()
	return message.Add{KeyPackage: spoiledKeyPackage(a.t, func(kp *message.KeyPackage) { kp.LeafNode.EncryptionKey = key }, nil, nil, adjust...)}
}

// psk makes a proposal of an external PSK with a nonce of zeros.
func (a *attack) psk(nonce int) message.PreSharedKey {
	return message.PreSharedKey{PSK: message.PreSharedKeyID{ID: []byte("id"), Nonce: make([]byte, nonce)}}
}
