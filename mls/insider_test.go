package mls

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

var insiderTime = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// client returns the Config of a new client.
func client(t testing.TB, id suite.ID, name string, adjust ...func(*Config)) Config {
	t.Helper()
	cfg := Config{Suites: all.Registry(), Suite: id, Credential: BasicCredential([]byte(name)), NoGREASE: true}
	var err error
	cfg.Signer, err = testSuite(t, id).GenerateSigner()
	require.NoError(t, err)
	for _, f := range adjust {
		f(&cfg)
	}
	return cfg
}

// ownKeyPackage returns a key package of a new client.
func ownKeyPackage(t testing.TB, id suite.ID, name string, adjust ...func(*Config)) *OwnKeyPackage {
	t.Helper()
	k, err := NewKeyPackage(t.Context(), insiderTime, client(t, id, name, adjust...))
	require.NoError(t, err)
	return k
}

func publicHandshake(cfg *Config)  { cfg.PublicHandshake = true }
func privateHandshake(cfg *Config) { cfg.PublicHandshake = false }

// clique makes a group of n members, who are added by one commit without a path,
// and returns the Group of each by its leaf index.
func clique(t testing.TB, id suite.ID, n int, adjust ...func(*Config)) []*Group {
	t.Helper()
	g, err := CreateGroup(t.Context(), insiderTime, client(t, id, "member 0", adjust...), nil)
	require.NoError(t, err)
	return gather(t, g, n, adjust...)
}

// gather lets the only member of a group add others until there are n.
func gather(t testing.TB, g *Group, n int, adjust ...func(*Config)) []*Group {
	t.Helper()
	var adds []CommitOption
	var joiners []*OwnKeyPackage
	for i := 1; i < n; i++ {
		k := ownKeyPackage(t, g.cfg.Suite, fmt.Sprintf("member %d", i), adjust...)
		joiners, adds = append(joiners, k), append(adds, Add(k.KeyPackage))
	}
	c, err := g.Commit(t.Context(), insiderTime, adds...)
	require.NoError(t, err)
	g, err = c.Adopt()
	require.NoError(t, err)
	groups := []*Group{g}
	for _, k := range joiners {
		g, err := adopted(k.Join(t.Context(), insiderTime, c.Welcome))
		require.NoError(t, err)
		groups = append(groups, g)
	}
	return groups
}

// admit lets the first of the members add k, and returns the groups of all, that of k
// last.
func admit(t testing.TB, groups []*Group, k *OwnKeyPackage) []*Group {
	t.Helper()
	c, err := groups[0].Commit(t.Context(), insiderTime, Add(k.KeyPackage))
	require.NoError(t, err)
	follow(t, groups, 0, c)
	joined, err := adopted(k.Join(t.Context(), insiderTime, c.Welcome))
	require.NoError(t, err)
	return append(groups, joined)
}

// adopted is for a join that the client takes as it comes.
func adopted(c *Candidate, err error) (*Group, error) {
	if err != nil {
		return nil, err
	}
	return c.Adopt()
}

// follow lets everybody adopt a commit of the member at leaf by, and checks that
// they agree.
func follow(t testing.TB, groups []*Group, by int, c *Candidate) {
	t.Helper()
	message := c.Message
	want, err := c.EpochAuthenticator()
	require.NoError(t, err)
	for i, g := range groups {
		if g == nil {
			continue
		}
		next := c
		if i != by {
			r, err := g.Process(t.Context(), insiderTime, message)
			require.NoError(t, err)
			next = r.Commit
		}
		groups[i], err = next.Adopt()
		if next.Removed() {
			require.ErrorIs(t, err, ErrRemoved)
			continue
		}
		require.NoError(t, err)
		got, err := groups[i].EpochAuthenticator()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// populate lets members of a group commit until its tree has no blank parent.
func populate(t testing.TB, groups []*Group) {
	t.Helper()
	for i := range groups {
		c, err := groups[i].Commit(t.Context(), insiderTime)
		require.NoError(t, err)
		follow(t, groups, i, c)
	}
}

// insider is a member who keeps to no rule: it signs, tags and encrypts with the
// keys of a real Group whatever it is told to.
type insider struct {
	t testing.TB
	*Group
}

func (m insider) signed(content *framedContent) *authenticatedContent {
	m.t.Helper()
	ac, err := m.sign(m.t.Context(), m.handshakeFormat(), content)
	require.NoError(m.t, err)
	return ac
}

// seal protects what is signed, for whatever group, epoch and sender it names.
func (m insider) seal(ac *authenticatedContent) []byte {
	m.t.Helper()
	f := m.public.framing(m.secrets)
	f.group = &GroupContext{GroupID: ac.content.groupID, Epoch: ac.content.epoch}
	var message Message
	var err error
	if ac.wireFormat == WireFormatPublicMessage {
		message.publicMessage, err = f.protectPublic(ac)
	} else {
		message.privateMessage, err = f.protectPrivate(m.inbox.ratchets, ac, nil)
	}
	require.NoError(m.t, err)
	b, err := message.Marshal()
	require.NoError(m.t, err)
	return b
}

// propose frames a proposal that nobody has checked, and returns it as a commit
// would cover it.
func (m insider) propose(p Proposal) ([]byte, CommittedProposal) {
	m.t.Helper()
	content := m.public.content(m.sender(), ContentProposal, nil)
	content.proposal = p
	ac := m.signed(content)
	ref, err := proposalRef(m.public.suite, ac)
	require.NoError(m.t, err)
	return m.seal(ac), CommittedProposal{Proposal: p, Sender: m.sender(), Ref: ref}
}

// leaf makes a leaf of the member, changed before it is signed.
func (m insider) leaf(n LeafNode, at leafPlace, change func(*LeafNode)) *LeafNode {
	m.t.Helper()
	made, err := m.cfg.draftLeaf(m.cfg.ask(suite.Start, insiderTime), m.public.suite, n, m.public, at.leaf)
	require.NoError(m.t, err)
	if change != nil {
		change(made)
	}
	signLeaf(m.t, made, m.cfg.Signer, at)
	return made
}

// update makes an Update of the member's leaf, changed before it is signed.
func (m insider) update(change func(*LeafNode)) UpdateProposal {
	m.t.Helper()
	key, err := m.public.suite.GenerateKey()
	require.NoError(m.t, err)
	n := LeafNode{EncryptionKey: key.PublicKey(), Source: LeafNodeUpdate}
	return UpdateProposal{LeafNode: m.leaf(n, m.public.place(m.self.leaf), change)}
}

func signLeaf(t testing.TB, n *LeafNode, signer suite.Signer, at leafPlace) {
	t.Helper()
	tbs, err := n.tbs(at)
	require.NoError(t, err)
	n.Signature, err = signWithLabel(t.Context(), signer, labelLeafNodeTBS, tbs)
	require.NoError(t, err)
}

func signKeyPackage(t testing.TB, kp *KeyPackage, signer suite.Signer) {
	t.Helper()
	tbs, err := kp.tbs()
	require.NoError(t, err)
	kp.Signature, err = signWithLabel(t.Context(), signer, labelKeyPackageTBS, tbs)
	require.NoError(t, err)
}

// forgery says how a commit departs from an honest one. Each change comes before
// all that is computed from what it changes, so that the rest of the commit is
// what an honest member would make of it.
type forgery struct {
	proposals  []CommittedProposal
	withPath   bool
	keys       func([][]byte)                        // public keys of the path
	leaf       func(*LeafNode)                       // of the path, before its signature
	signedLeaf func(*LeafNode)                       // and after it
	path       func(*pathSecrets)                    // before it is sealed
	sealed     func(*updatePath)                     // and after it
	content    func(*framedContent)                  // before its signature
	tag        func([]byte) []byte                   // confirmation tag
	message    func(*authenticatedContent)           // before its protection
	committed  func([]proposalOrRef) []proposalOrRef // as listed
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
	c := &commit{proposals: make([]proposalOrRef, len(f.proposals))}
	for i, item := range f.proposals {
		if item.Ref == nil {
			c.proposals[i].proposal = item.Proposal
		} else {
			c.proposals[i].ref = item.Ref
		}
	}
	if f.committed != nil {
		c.proposals = f.committed(c.proposals)
	}
	out := &forged{insider: m, applied: a}
	var keys [][]byte
	if f.withPath {
		out.path, keys = m.newPath(a, f)
	}
	a.edit.clashes = nil
	tr, err := a.edit.freeze()
	require.NoError(t, err)
	next := &publicState{suite: s, tree: tr, context: p.provisional(tr, a.extensions.list), extensions: a.extensions}
	self, commitSecret := m.self.next(tr, m.self.leafKey, nil), make([]byte, s.Info().KDF.Nh)
	if f.withPath {
		provisional, err := marshalled(&next.context)
		require.NoError(t, err)
		if f.path != nil {
			f.path(out.path.secrets)
		}
		nodes, err := out.path.secrets.seal(tr, m.self.leaf, provisional, a.added)
		require.NoError(t, err)
		for k := range nodes {
			nodes[k].encryptionKey = keys[k]
		}
		c.path = &updatePath{leafNode: out.path.leaf, nodes: nodes}
		if f.sealed != nil {
			f.sealed(c.path)
		}
		self, commitSecret = m.self.next(tr, out.path.leafKey, out.path.secrets), out.path.secrets.commitSecret
	}
	content := m.public.content(m.sender(), ContentCommit, nil)
	content.commit = c
	if f.content != nil {
		f.content(content)
	}
	ac := m.signed(content)
	out.psk, err = pskSecret(s, nil, nil)
	require.NoError(t, err)
	secrets, joiner, err := next.advance(p, m.secrets.init, commitSecret, out.psk, ac)
	require.NoError(t, err)
	require.NoError(t, next.confirm(secrets))
	ac.auth.confirmationTag = next.confirmationTag
	if f.tag != nil {
		ac.auth.confirmationTag = f.tag(slices.Clone(next.confirmationTag))
	}
	if f.message != nil {
		f.message(ac)
	}
	out.next, out.joiner, out.message = epoch{next, secrets, self}, joiner, m.seal(ac)
	return out
}

// apply applies proposals in the order of RFC 9420, Section 12.3, without a check.
func (m insider) apply(list []CommittedProposal) *applied {
	a := &applied{edit: m.public.tree.edit(), extensions: m.public.extensions}
	a.edit.keys = newKeyEdit(0) // knows no key, so none clashes
	for _, c := range list {
		if x, ok := c.Proposal.(GroupContextExtensionsProposal); ok {
			a.extensions = &groupExtensions{list: x.Extensions} // which may not parse
		}
	}
	for _, c := range list {
		if u, ok := c.Proposal.(UpdateProposal); ok {
			a.edit.fill(a.edit.ownPath(c.Sender.Leaf, blankParent), c.Sender.Leaf, u.LeafNode, a.edit.hasher.key(encryptionKey, u.LeafNode.EncryptionKey))
		}
	}
	for _, c := range list {
		r, ok := c.Proposal.(RemoveProposal)
		if ok && r.Removed != m.self.leaf && a.edit.leaf(r.Removed) != nil {
			a.edit.removeLeaf(r.Removed)
		}
	}
	for _, c := range list {
		if add, ok := c.Proposal.(AddProposal); ok {
			a.added = append(a.added, a.edit.addLeaf(&add.KeyPackage.LeafNode))
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
	nodes, _ := a.edit.filteredDirectPath(self)
	secrets, err := derivePathSecrets(s, nodes, secret)
	require.NoError(t, err)
	keys := secrets.publicKeys()
	if f.keys != nil {
		f.keys(keys)
	}
	parentHash, err := a.edit.mergePath(self, nodes, keys)
	require.NoError(t, err)
	leaf := m.leaf(LeafNode{EncryptionKey: leafKey.PublicKey(), Source: LeafNodeCommit, ParentHash: parentHash},
		m.public.place(self), f.leaf)
	if f.signedLeaf != nil {
		f.signedLeaf(leaf)
	}
	a.edit.fill(a.edit.ownPath(self, copyParent), self, leaf, a.edit.hasher.key(encryptionKey, leaf.EncryptionKey))
	return &ownPath{leaf: leaf, leafKey: newPrivateKey(leafKey), secrets: secrets}, keys
}

// byValue are proposals that a commit of the member carries itself.
func (m insider) byValue(proposals ...Proposal) []CommittedProposal {
	list := make([]CommittedProposal, len(proposals))
	for i, p := range proposals {
		list[i] = CommittedProposal{Proposal: p, Sender: m.sender()}
	}
	return list
}

// requireRefused checks that err is want: a sentinel, or a ValidationError of the
// same section and culprit whose rule begins with that of want.
func requireRefused(t testing.TB, want, err error) {
	t.Helper()
	w, ok := want.(*ValidationError)
	if !ok {
		require.ErrorIs(t, err, want)
		return
	}
	got, ok := errors.AsType[*ValidationError](err)
	require.True(t, ok, "%v, want %v", err, want)
	require.Equal(t, w.Section, got.Section, "%v, want %v", err, want)
	require.Contains(t, got.Rule, w.Rule)
	require.Equal(t, w.Leaf, got.Leaf, "%v", err)
	require.Equal(t, w.Proposal, got.Proposal, "%v", err)
}

// requireUnmoved runs what must fail with want and leave g as it was.
func requireUnmoved(t testing.TB, g *Group, want error, run func() error) {
	t.Helper()
	before := fingerprint(g)
	err := run()
	require.Error(t, err)
	requireRefused(t, want, err)
	require.Equal(t, before, fingerprint(g), "the group has changed")
}

// requireUnprocessed checks that g refuses a message, and is as it was; and so does
// a PublicGroup that has seen what g has, unless only members can tell.
func requireUnprocessed(t testing.TB, g *Group, want error, message []byte) {
	t.Helper()
	requireRefusedInPublic(t, g, want, message)
	requireUnmoved(t, g, want, func() error {
		r, err := g.Process(t.Context(), insiderTime, message)
		if err != nil {
			require.Nil(t, r)
		}
		return err
	})
}

// fingerprint is a hash of all that a Group remembers. Private keys enter it by
// their identity.
func fingerprint(g *Group) [32]byte {
	p := printer{sha256.New()}
	p.bytes(g.public.contextBytes, g.public.tree.hash(), g.public.interim, g.public.confirmationTag)
	p.number(g.life.ended, g.secrets == nil, g.self.leaf)
	if g.secrets != nil {
		for _, row := range g.secrets.table() {
			p.bytes(*row.secret)
		}
	}
	p.number(g.self.leafKey != nil)
	fmt.Fprintf(p, "%p", g.self.leafKey)
	for _, n := range slices.Sorted(maps.Keys(g.self.pathKeys)) {
		fmt.Fprintf(p, "%d%p", n, g.self.pathKeys[n])
	}
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	p.secretTree(g.inbox.ratchets)
	p.proposals(&g.inbox.cache)
	p.number(uint32(len(g.inbox.past)))
	for _, r := range g.inbox.resumptions {
		p.number(r.epoch)
		p.bytes(r.psk)
	}
	for _, ref := range slices.Sorted(maps.Keys(g.inbox.updates)) {
		fmt.Fprintf(p, "%x%p", ref, g.inbox.updates[ref].key)
	}
	for _, past := range g.inbox.past {
		p.bytes(past.public.contextBytes, past.senderData)
		p.secretTree(past.ratchets)
	}
	return [32]byte(p.Sum(nil))
}

// publicFingerprint is fingerprint of who has no secrets.
func publicFingerprint(g *PublicGroup) [32]byte {
	p := printer{sha256.New()}
	p.bytes(g.public.contextBytes, g.public.tree.hash(), g.public.interim, g.public.confirmationTag)
	g.mu.Lock()
	defer g.mu.Unlock()
	p.proposals(&g.cache)
	p.bytes(g.groupInfo)
	return [32]byte(p.Sum(nil))
}

type printer struct{ hash.Hash }

// proposals prints all that a cache holds, whatever fields it has.
func (p printer) proposals(c *proposalCache) { p.value(reflect.ValueOf(c).Elem()) }

// value prints what v holds, to any depth.
func (p printer) value(v reflect.Value) {
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			p.value(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
			p.bytes(v.Bytes())
			return
		}
		p.number(uint32(v.Len()))
		for i := range v.Len() {
			p.value(v.Index(i))
		}
	case reflect.Map:
		keys := v.MapKeys()
		slices.SortFunc(keys, func(a, b reflect.Value) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
		p.number(uint32(len(keys)))
		for _, k := range keys {
			p.value(k)
			p.value(v.MapIndex(k))
		}
	case reflect.Pointer, reflect.Interface:
		p.number(v.IsNil())
		if !v.IsNil() {
			p.value(v.Elem())
		}
	default:
		fmt.Fprint(p, v, ";")
	}
}

func (p printer) bytes(all ...[]byte) {
	for _, b := range all {
		p.number(uint32(len(b)))
		p.Write(b)
	}
}

func (p printer) number(all ...any) {
	for _, v := range all {
		binary.Write(p, binary.BigEndian, v)
	}
}

func (p printer) secretTree(t *secretTree) {
	if t == nil {
		return
	}
	p.number(t.version, uint32(len(t.nodes)), uint32(len(t.ratchets)))
	for _, n := range slices.Sorted(maps.Keys(t.nodes)) {
		p.number(n)
		p.bytes(t.nodes[n])
	}
	for _, leaf := range slices.Sorted(maps.Keys(t.ratchets)) {
		l := t.ratchets[leaf]
		for _, r := range []*ratchet{&l.handshake, &l.application} {
			p.bytes(r.secret)
			p.number(leaf, r.next, uint32(len(r.kept)))
			for _, k := range r.kept {
				p.number(k.generation)
				p.bytes(k.key, k.nonce)
			}
		}
	}
}
