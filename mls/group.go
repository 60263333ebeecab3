package mls

import (
	"bytes"
	"context"
	"crypto/rand"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Group is one member's state in one epoch of a group.
//
// A commit, made by [Group.Commit] or received by [Group.Process], is a [Candidate] for
// the next epoch and leaves the Group unchanged. Adopting the candidate returns the Group
// of the next epoch and retires this one: its secrets are deleted when the calls in
// progress are done. A retired Group answers [ErrRetired], and so may a call that was in
// progress.
//
// A Group is safe for concurrent use. It must not be copied. It holds no lock while it
// calls what the configuration names, such as the signer, the stores and the
// Authenticator: they may ask the group.
type Group struct {
	publicView
	cfg   *Config
	leaf  message.LeafIndex
	inbox inbox

	life    life // of the fields below, which only callers of alive may use
	secrets *schedule.EpochSecrets
	self    *memberView
}

// epoch is what a member knows of one epoch: the three layers of its state.
type epoch struct {
	public   *publicState
	secrets  *schedule.EpochSecrets
	self     *memberView
	exporter *secrettree.Exporter // nil until it is needed: see takeExporter
}

// destroySecrets deletes the secrets.
func (e *epoch) destroySecrets() {
	if e.secrets != nil {
		e.secrets.Destroy()
	}
	if e.exporter != nil {
		e.exporter.Destroy()
	}
}

// destroy deletes the secrets, and gives up the private keys.
func (e *epoch) destroy() {
	e.destroySecrets()
	if e.self != nil {
		e.self.release()
	}
}

// abandon is destroy for an epoch to which a saved state may still refer.
func (e *epoch) abandon() {
	e.destroySecrets()
	if e.self != nil {
		e.self.abandon()
	}
}

// newGroup makes the live group of an epoch. It takes over the epoch's encryption secret and
// its exporter tree.
func newGroup(cfg *Config, e epoch) *Group {
	g := &Group{publicView: viewOf(e.public), cfg: cfg, leaf: e.self.leaf, secrets: e.secrets, self: e.self}
	g.inbox.mu, g.inbox.saving = new(sync.Mutex), newSaving(e.public.context.Epoch)
	g.inbox.ratchets = secrettree.New(e.public.suite, e.public.tree.Width, e.secrets.TakeEncryption())
	g.inbox.exporter = e.exporterTree()
	return g
}

// CreateGroup makes a group with one member, in epoch 0, in the suite that cfg names (RFC
// 9420, Section 11). A group id should be unique among all groups; a nil groupID asks for
// a random one of Hash.Size bytes.
//
// Errors:
//
//   - [*suite.PolicyError]: the policy refuses the suite, a credential type, the wire
//     format, or the lifetime of the client's leaf.
//   - [message.ErrUnsupported]: the client does not have the suite, or cfg.Signer has no
//     key of it.
//   - [message.ErrMalformed]: an extension does not parse.
//   - [message.ErrInvalid]: the extensions or the client's own leaf break a rule, or do
//     not fit together, or the Authenticator refuses an external sender.
func CreateGroup(ctx context.Context, now time.Time, cfg Config, groupID []byte, extensions ...message.Extension) (*Group, error) {
	g, err := createGroup(ctx, cfg.ask(suite.Start, now), groupID, extensions, nil)
	if err != nil {
		return nil, err
	}
	cfg.tellEntered(g.public, int64(g.leaf), event.EntryCreated, nil)
	return g, nil
}

// createGroup is CreateGroup for a group that follows old; old may be nil.
func createGroup(ctx context.Context, q questions, groupID []byte, extensions message.Extensions, old *publicState) (*Group, error) {
	cfg := q.cfg
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s, err := q.suite(cfg.Suite)
	if err != nil {
		return nil, err
	}
	if old != nil {
		if err := q.move(old.suite, s); err != nil {
			return nil, err
		}
	}
	numbers := cfg.CodePoints.Complete()
	read, err := check.ReadGroupExtensions(extensions, numbers)
	if err != nil {
		return nil, err
	}
	if err := read.CheckSenders(s); err != nil {
		return nil, err
	}
	if err := q.wireFormat(cfg.handshakeFormat()); err != nil {
		return nil, err
	}
	if err := q.extensions(read, nil); err != nil {
		return nil, err
	}
	nh := s.Info().Hash.Size
	if groupID == nil {
		groupID = make([]byte, nh)
		rand.Read(groupID)
	}
	if cfg.Authenticator != nil {
		begun := event.GroupState{ID: groupID, Suite: s.Info()} // by the leaf 0
		if err := q.authenticateIn(ctx, begun, changedSenders(nil, nil, read)); err != nil {
			return nil, err
		}
	}
	leaf, leafKey, err := cfg.newFirstLeaf(ctx, q, s)
	if err != nil {
		return nil, err
	}
	defer leafKey.Release()
	t := ratchettree.NewTree(s, leaf)
	if err := checkTree(t, read); err != nil {
		return nil, err
	}
	if err := everyLeafMeets(t, read, numbers); err != nil {
		return nil, err
	}
	epochSecret := make([]byte, nh)
	rand.Read(epochSecret)
	defer clear(epochSecret)
	secrets, err := schedule.DeriveEpochSecrets(s, epochSecret, cfg.SafeExporter)
	if err != nil {
		return nil, err
	}
	var public *publicState
	tag, err := schedule.ConfirmationTag(s, secrets, nil)
	if err == nil {
		public, err = newPublicState(publicParts{suite: s, numbers: numbers, tree: t, extensions: read, context: message.GroupContext{
			Version:     codepoint.VersionMLS10,
			CipherSuite: s.Info().ID,
			GroupID:     bytes.Clone(groupID),
			TreeHash:    t.Hash(),
			Extensions:  extensions,
		}}, tag)
	}
	if err != nil {
		secrets.Destroy()
		return nil, err
	}
	return newGroup(cfg, epoch{public: public, secrets: secrets, self: &memberView{leafKey: leafKey.Share()}}), nil
}

// alive keeps the epoch's secrets until done is called, or returns ErrRetired.
func (g *Group) alive() (done func(), err error) {
	if err := g.begin(); err != nil {
		return nil, err
	}
	return g.life.done, nil
}

// begin is alive without done, which is the life's: for each message, to take one
// allocation less.
func (g *Group) begin() error {
	if !g.life.begin() {
		return ErrRetired
	}
	return nil
}

// active is alive for calls that an ended group refuses: after a ReInit it returns
// ErrReInit (RFC 9420, Section 12.4.2).
func (g *Group) active() (done func(), err error) {
	if err := g.beginActive(); err != nil {
		return nil, err
	}
	return g.life.done, nil
}

// beginActive is active as begin is alive.
func (g *Group) beginActive() error {
	if g.public.reInit != nil {
		return ErrReInit
	}
	return g.begin()
}

// OwnLeaf returns this member's leaf index.
func (g *Group) OwnLeaf() message.LeafIndex { return g.leaf }

// EpochAuthenticator returns a secret of Hash.Size bytes that is the same for all members
// of an epoch and that nobody else knows (RFC 9420, Section 8.7).
//
// Errors:
//
//   - [ErrRetired].
func (g *Group) EpochAuthenticator() ([]byte, error) {
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	return bytes.Clone(g.secrets.Authenticator), nil
}

// Export returns a secret of length bytes for an application's label and context (RFC
// 9420, Section 8.5). The length is at most 65,535, and at most 255 times KDF.Nh.
//
// Errors:
//
//   - [ErrRetired].
//   - an error without a sentinel: length is out of these bounds.
func (g *Group) Export(label string, context []byte, length int) ([]byte, error) {
	secret, err := g.export(label, context, length)
	if err == nil && g.cfg.observed() {
		g.cfg.tellExported(g.state(), label, length)
	}
	return secret, err
}

func (g *Group) export(label string, context []byte, length int) ([]byte, error) {
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	return g.secrets.Export(g.public.suite, label, context, length)
}

// track notes a candidate, which ends with the epoch. If the epoch has ended meanwhile,
// track discards the candidate and returns ErrRetired.
func (g *Group) track(c *Candidate) error {
	if !g.inbox.track(c) {
		c.discard(ErrRetired)
		return ErrRetired
	}
	return nil
}

// Destroy deletes the secrets of a group that its owner has left behind, such as one that
// another group follows after a ReInit, and the secrets of its candidates. The group
// answers [ErrRetired] from then on. Deleting what was saved of it is the caller's part.
func (g *Group) Destroy() {
	if g.life.end() {
		g.retire(nil, nil)
	}
}

// retire ends the epoch in favour of a candidate, whose claim is won or nil. It moves
// what next needs of past epochs to the inbox of next, if that is not nil, and discards
// the other candidates. When the calls in progress are done, it deletes the secrets and
// gives up the member's shares of its private keys, at once or when the next Delta is stored
// (see saving.release). The caller has ended the life, and
// holds the mutex of won.
func (g *Group) retire(won *claim, next *Group) {
	var inbox *inbox
	if next != nil {
		inbox = &next.inbox
	}
	g.inbox.retire(g.public, g.secrets, g.leaf, g.cfg.Limits, inbox).end(won, ErrRetired)
	g.life.afterCalls(func() {
		g.inbox.clear()
		g.secrets.Destroy()
		for key := range g.self.keys() {
			g.inbox.saving.release(key)
		}
		if next == nil {
			g.inbox.saving.end()
		}
		g.secrets, g.self = nil, &memberView{leaf: g.leaf}
	})
	g.life.done()
}

// memberView is what one member knows beyond the epoch's common secrets: its place, and
// shares of the private keys on its direct path. It is immutable until it is released.
type memberView struct {
	leaf     message.LeafIndex
	leafKey  *ratchettree.PrivateKey
	pathKeys map[ratchettree.NodeIndex]*ratchettree.PrivateKey
}

// privateKey returns the private key of a node, or nil if the member has none.
func (m *memberView) privateKey(n ratchettree.NodeIndex) suite.PrivateKey {
	key := m.pathKeys[n]
	if n == treemath.NodeOf(m.leaf) {
		key = m.leafKey
	}
	if key == nil {
		return nil
	}
	return key
}

// next returns the member's view of tree. fresh holds the path keys that the new epoch's
// commit brought. The member keeps those of its own keys whose nodes still have the same
// public key (RFC 9420, Section 7.5). The view has its own shares.
func (m *memberView) next(t *ratchettree.Tree, leafKey *ratchettree.PrivateKey, fresh *ratchettree.PathSecrets) *memberView {
	v := &memberView{leaf: m.leaf, leafKey: leafKey.Share(), pathKeys: make(map[ratchettree.NodeIndex]*ratchettree.PrivateKey, len(m.pathKeys))}
	for step := range t.Above(m.leaf) {
		if key := m.pathKeys[step.Index]; key != nil && key.IsOf(step.Node) {
			v.pathKeys[step.Index] = key.Share()
		}
	}
	v.learn(fresh)
	return v
}

// learn takes shares of the private keys of a path, which may be nil.
func (m *memberView) learn(path *ratchettree.PathSecrets) {
	if path == nil {
		return
	}
	for i, n := range path.Nodes {
		m.pathKeys[n].Release()
		m.pathKeys[n] = path.Keys[i].Share()
	}
}

// complete returns an error unless the member holds exactly the private keys that it has
// by the tree: those of the parent nodes above its leaf that are not blank and in which
// the leaf is not unmerged (RFC 9420, Sections 4.1.2 and 12.4.3.1). Others encrypt to
// those nodes, so a member that lacks a key cannot follow them.
func (m *memberView) complete(t *ratchettree.Tree) error {
	for step := range t.Above(m.leaf) {
		parent, held := step.Node.Parent, m.pathKeys[step.Index] != nil
		merged := false
		if parent != nil {
			_, unmerged := slices.BinarySearch(parent.UnmergedLeaves, m.leaf)
			merged = !unmerged
		}
		switch {
		case merged && !held:
			return fault.Violation("12.4.3.1", "member lacks the private key of node %d, in which its leaf is not unmerged", step.Index).AtLeaf(m.leaf)
		case held && !merged:
			return fault.Violation("12.4.3.1", "member holds a private key of node %d, which is blank or has its leaf unmerged", step.Index).AtLeaf(m.leaf)
		}
	}
	return nil
}

// keys returns the private keys.
func (m *memberView) keys() iter.Seq[*ratchettree.PrivateKey] {
	return func(yield func(*ratchettree.PrivateKey) bool) {
		if m.leafKey != nil && !yield(m.leafKey) {
			return
		}
		for _, key := range m.pathKeys {
			if !yield(key) {
				return
			}
		}
	}
}

// release gives up the private keys.
func (m *memberView) release() {
	for key := range m.keys() {
		key.Release()
	}
}

// abandon gives up the private keys, except those to which a saved state refers.
func (m *memberView) abandon() {
	for key := range m.keys() {
		key.Abandon()
	}
}

// life is the time in which the secrets of an epoch may be used. It counts the calls that
// use them and holds no lock during a call, so no call waits for another: a signer or a
// store may be slow, and an application may ask the group while the group asks the
// application. Once the life has ended, no call begins, and the last call in progress
// deletes the secrets.
type life struct {
	mu    sync.Mutex
	calls int // calls in progress, and one for the caller that retires the group
	ended bool
	after []func()
}

// begin begins a call, which done ends. It reports false if the life has ended.
func (l *life) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.calls++
	return true
}

func (l *life) done() {
	l.mu.Lock()
	l.calls--
	var after []func()
	if l.calls == 0 {
		after, l.after = l.after, nil
	}
	l.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// end ends the life. It reports whether this call ended it; the caller then goes on with
// afterCalls and done.
func (l *life) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.ended = true
	l.calls++
	return true
}

// afterCalls runs f when no call is in progress. The caller counts as one.
func (l *life) afterCalls(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.after = append(l.after, f)
}
