package mls

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// RestoreGroup returns the group of a stored state: see [Group.Delta]. It is O(n).
//
// cfg is the client's configuration, with the signer of the member's leaf. signers are
// the member's other signers: those of Updates with another signature key that wait for a
// commit (see [LeafOptions]). If the leaf belongs to one of these, the group goes on
// with that signer and with the leaf's credential and extensions. The cipher suite is the
// group's own; RestoreGroup asks cfg.Policy whether the group may be read.
//
// RestoreGroup checks everything that can be checked without the other members: that the
// state is whole, with every record of one saved state and no other, and that its parts
// fit together. What members signed was verified when it arrived and is not verified
// again, and the Authenticator is not asked.
//
// The group answers [ErrUnsaved] to the first private message that it is to send, unless
// its Delta was stored before. See "Saving" above.
//
// Errors:
//
//   - [*suite.PolicyError]: the policy refuses the group.
//   - [message.ErrUnsupported]: the client does not have the group's suite, or the state
//     is damaged.
//   - [message.ErrMalformed], [message.ErrInvalid]: the state is damaged.
//   - [suite.ErrEnvironment], and none of those three: the environment refuses a private
//     key. The state may be good.
//   - an error without a sentinel: no signer belongs to the leaf, or a provider does not
//     open the reference of a private key.
func RestoreGroup(now time.Time, cfg Config, state Snapshot, signers ...suite.Signer) (*Group, error) {
	return restoreGroup(cfg.ask(suite.Receive, now), state, signers, false)
}

// RestoreToLeave is [RestoreGroup] for a group that the policy lets nobody read any more.
// It asks the policy for [suite.Leave]. The policy goes on to judge each call. So the
// Group can be left by a ReInit or a Remove, can export, and can be followed up, and
// nothing else.
//
// Errors:
//
//   - those of [RestoreGroup].
func RestoreToLeave(now time.Time, cfg Config, state Snapshot, signers ...suite.Signer) (*Group, error) {
	return restoreGroup(cfg.ask(suite.Leave, now), state, signers, false)
}

// restoreGroup restores the group of a member, who is partial or not.
func restoreGroup(q questions, state Snapshot, signers []suite.Signer, partial bool) (*Group, error) {
	cfg := q.cfg
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	l, err := newStateLoader(state, cfg.CodePoints, q.suite, nil)
	if err != nil {
		return nil, err
	}
	g := &Group{cfg: cfg, inbox: inbox{mu: new(sync.Mutex)}}
	if l.partial() == partial {
		err = l.group(g, signers)
	} else {
		err = badState("it is of a partial member, or not of one")
	}
	if err == nil {
		err = q.membership(g.public)
	}
	if err == nil {
		err = q.everyMember(g.public)
	}
	if err == nil {
		err = q.token(g.cfg.Signer) // that of the leaf
	}
	if err != nil {
		e := epoch{secrets: l.epoch.secrets, self: g.self}
		e.abandon()
		g.inbox.abandon()
		if g.inbox.ratchets != nil {
			g.inbox.ratchets.Destroy()
		}
		if g.inbox.exporter != nil {
			g.inbox.exporter.Destroy()
		}
		return nil, err
	}
	cfg.tellEntered(g.public, int64(g.leaf), event.EntryRestored, nil)
	return g, nil
}

// stateLoader reads the records of a saved state.
type stateLoader struct {
	suite   suite.Suite
	numbers message.CodePoints      // the client's
	epoch   *savedEpoch             // without secrets for a public group
	records map[recordKind]Snapshot // in order
	nodes   *treeLoader

	manifest *manifest
	places   resumptionSlots
}

// newStateLoader sorts the records of a state by kind, and reads the record of the epoch
// and its suite. base is the tree that the state refers to, or nil.
func newStateLoader(state Snapshot, numbers message.CodePoints, suiteOf func(suite.ID) (suite.Suite, error), base *ratchettree.Tree) (*stateLoader, error) {
	l, err := sortRecords(state, numbers)
	if err != nil {
		return nil, err
	}
	if err := l.checkManifest(); err != nil {
		return nil, err
	}
	epoch, err := l.one(recordEpoch)
	if err != nil {
		return nil, err
	}
	if l.epoch, err = parseRecord(l, epoch, "epoch", (*savedEpoch).unmarshal); err != nil {
		return nil, err
	}
	if err := l.begin(suiteOf, base); err != nil {
		l.epoch.secrets.Destroy()
		return nil, err
	}
	return l, nil
}

// parseRecord reads the value of a record, in which drafts have the client's numbers.
func parseRecord[T any](l *stateLoader, value []byte, what string, unmarshal func(*T, *wire.Reader)) (*T, error) {
	return wire.ParseNew(value, what, func(x *T, r *wire.Reader) {
		message.Number(r, l.numbers)
		unmarshal(x, r)
	})
}

func sortRecords(state Snapshot, numbers message.CodePoints) (*stateLoader, error) {
	l := &stateLoader{numbers: numbers, records: make(map[recordKind]Snapshot)}
	for i, r := range state {
		if i > 0 && compareRecords(state[i-1], r) >= 0 {
			return nil, badState("records are not in the order of their keys")
		}
		if len(r.Key) == 0 {
			return nil, badState("record without a key")
		}
		kind := kindOfKey(r.Key)
		n, known := kind.length()
		if !known || n != 0 && n != len(r.Key) {
			return nil, badState("record of an unknown kind")
		}
		l.records[kind] = append(l.records[kind], r)
	}
	return l, nil
}

// begin finds the suite of the epoch and prepares to read its tree.
func (l *stateLoader) begin(suiteOf func(suite.ID) (suite.Suite, error), base *ratchettree.Tree) error {
	var err error
	if l.suite, err = suiteOf(l.epoch.context.CipherSuite); err != nil {
		return err
	}
	l.nodes = newTreeLoader(l.suite, base)
	for _, r := range l.records[recordTreeNode] {
		l.nodes.inputs[string(r.Key[1:])] = r.Value
	}
	if base == nil && !l.partial() || len(l.records[recordWidth]) > 0 {
		value, err := l.one(recordWidth)
		if err != nil {
			return err
		}
		width, err := wire.ParseNew(value, "width", (*savedWidth).unmarshal)
		if err != nil {
			return err
		}
		l.nodes.width = max(l.nodes.width, uint32(*width))
	}
	return nil
}

// one returns the value of a kind that has exactly one record.
func (l *stateLoader) one(kind recordKind) ([]byte, error) {
	if n := len(l.records[kind]); n != 1 {
		return nil, badState("%d records of kind %q, want 1", n, byte(kind))
	}
	return l.records[kind][0].Value, nil
}

// only refuses records of kinds that the state may not have.
func (l *stateLoader) only(kinds ...recordKind) error {
	for kind := range l.records {
		if !slices.Contains(kinds, kind) {
			return badState("record of kind %q has no place in it", byte(kind))
		}
	}
	return nil
}

// group fills in a group. signers are the member's signers beside the one of the group's
// configuration.
func (l *stateLoader) group(g *Group, signers []suite.Signer) error {
	err := l.only(recordManifest, recordEpoch, recordTreeNode, recordWidth, recordPast, recordResumption,
		recordProposal, recordSecret, recordRatchet, recordMessageKey, recordExporter, recordSlice)
	if err == nil && l.partial() && len(l.records[recordTreeNode])+len(l.records[recordWidth]) > 0 {
		err = badState("partial member has nodes of a tree")
	}
	if err != nil {
		return err
	}
	public, secrets, err := l.publicState()
	if err != nil {
		return err
	}
	g.public, g.secrets, g.leaf = public, secrets, l.epoch.leaf
	leaf, err := l.ownLeaf(public)
	if err != nil {
		return err
	}
	if !bytes.Equal(g.cfg.Signer.PublicKey(), leaf.SignatureKey) {
		signers = append([]suite.Signer{g.cfg.Signer}, signers...)
		if g.cfg, err = g.cfg.ofLeaf(leaf, signers); err != nil {
			return err
		}
	}
	if g.self, err = l.memberView(public, nil); err != nil {
		return err
	}
	b := &g.inbox
	b.ratchets = restoredSecretTree(l.suite, public.tree.Width)
	if secret := secrets.TakeEncryption(); secret != nil {
		b.ratchets.Nodes[treemath.Root(public.tree.Width)] = secret
	}
	if err := l.past(g); err != nil {
		return err
	}
	if err := l.resumptions(g); err != nil {
		return err
	}
	if err := l.proposals(g, signers); err != nil {
		return err
	}
	if err := l.secrets(g); err != nil {
		return err
	}
	if err := l.beginning(g); err != nil {
		return err
	}
	if b.exporter, err = l.exporter(); err != nil {
		return err
	}
	restored := new(savedState)
	restored.become(g, l.places)
	b.saving = restoredSaving(restored, l.manifest)
	if !l.partial() {
		if err := l.nodes.allUsed(restored.width); err != nil {
			return err
		}
	}
	if begins := l.epoch.begins; begins != (savedBeginning{}) { // the group may have sent what the state reserves
		if err := b.ratchets.Open(g.leaf, begins); err != nil {
			return err
		}
	}
	for _, kind := range secrettree.RatchetKinds() {
		b.saving.reserved[kind] = b.ratchets.NextGeneration(g.leaf, kind)
	}
	return nil
}

// publicState returns the public state and the secrets of the epoch.
func (l *stateLoader) publicState() (*publicState, *schedule.EpochSecrets, error) {
	e := l.epoch
	p, err := l.publicTree()
	if err != nil {
		return nil, nil, err
	}
	nh := l.suite.Info().KDF.Nh
	for _, row := range e.secrets.Table() {
		if row.Secret == &e.secrets.Encryption && *row.Secret == nil {
			continue
		}
		if len(*row.Secret) != nh {
			return nil, nil, badState("secret %q does not have %d bytes", row.Label, nh)
		}
	}
	if err := p.checkTag(e.secrets); err != nil {
		return nil, nil, err
	}
	return p, e.secrets, nil
}

// publicTree returns the public state of the epoch, with its confirmation tag unchecked.
func (l *stateLoader) publicTree() (*publicState, error) {
	e := l.epoch
	t, err := l.tree()
	if err != nil {
		return nil, err
	}
	parts := publicParts{suite: l.suite, numbers: l.numbers.Complete(), context: *e.context, tree: t, reInit: e.reInit, partial: l.partial()}
	if e.reInit != nil {
		if parts.announced, err = check.ReadGroupExtensions(e.reInit.Extensions, parts.numbers); err != nil {
			return nil, err
		}
	}
	p, err := newPublicState(parts, e.confirmationTag)
	if err != nil {
		return nil, err
	}
	return p, checkTree(t, p.extensions)
}

// tree returns the tree of the epoch, or the slice of a partial member.
func (l *stateLoader) tree() (*ratchettree.Tree, error) {
	e := l.epoch
	if l.partial() {
		return l.slice()
	}
	t, err := l.nodes.tree(e.context.TreeHash, e.width, e.root.input)
	if err != nil {
		return nil, err
	}
	if err := t.EnterKeys(); err != nil {
		return nil, err
	}
	return t, t.Validate()
}

// ownLeaf returns the member's leaf.
func (l *stateLoader) ownLeaf(p *publicState) (*message.LeafNode, error) {
	leaf := p.tree.Leaf(l.epoch.leaf).LeafNode()
	if leaf == nil {
		return nil, badState("own leaf %d is blank", l.epoch.leaf)
	}
	return leaf, nil
}

// memberView returns the member's view of the epoch. held finds the keys that the group
// itself holds.
func (l *stateLoader) memberView(p *publicState, held func(public []byte) *ratchettree.PrivateKey) (_ *memberView, err error) {
	leaf, err := l.ownLeaf(p)
	if err != nil {
		return nil, err
	}
	defer l.epoch.destroyKeys()
	v := &memberView{leaf: l.epoch.leaf, pathKeys: make(map[ratchettree.NodeIndex]*ratchettree.PrivateKey)}
	defer func() {
		if err != nil {
			v.abandon()
		}
	}()
	last := -1
	for i := range l.epoch.keys {
		saved := &l.epoch.keys[i]
		n := saved.node
		if level := n.Level(); last >= 0 && (level == 0 || last > 0 && level >= last) {
			return nil, badState("private keys are not in order")
		}
		last = n.Level()
		var public []byte
		if n == treemath.NodeOf(v.leaf) {
			public = leaf.EncryptionKey
		} else if parent := p.tree.Parent(n); parent != nil && treemath.NodeOf(v.leaf).InSubtree(n) {
			public = parent.EncryptionKey
		} else {
			return nil, badState("private key of node %d is not the member's", n)
		}
		key, err := l.openKey(&saved.savedKey, public, held)
		if err != nil {
			return nil, fmt.Errorf("%w (node %d)", err, n)
		}
		if n == treemath.NodeOf(v.leaf) {
			v.leafKey = key
		} else {
			v.pathKeys[n] = key
		}
	}
	if v.leafKey == nil {
		return nil, badState("private key of the own leaf is missing")
	}
	return v, v.complete(p.tree)
}

// openKey opens the private key that belongs to a public key.
func (l *stateLoader) openKey(saved *savedKey, public []byte, held func([]byte) *ratchettree.PrivateKey) (*ratchettree.PrivateKey, error) {
	if saved.form == keyHeld {
		if held == nil || len(saved.key) > 0 {
			return nil, badState("private key is wrongly marked as the group's")
		}
		if key := held(public); key != nil {
			return key, nil
		}
		return nil, badState("group does not hold the private key")
	}
	return openPairedKey(l.suite, saved, public)
}

// openPairedKey returns the private key of a public key, which was saved as bytes or as a
// reference. If the environment refuses the key, the error says so and blames no state.
func openPairedKey(s suite.Suite, saved *savedKey, public []byte) (_ *ratchettree.PrivateKey, err error) {
	open, class := s.ParsePrivateKey, errState
	if saved.form != keyBytes {
		open = func(reference []byte) (suite.PrivateKey, error) { return suite.OpenReference(s, reference) }
		class = errReference
	}
	opened, err := open(saved.key)
	if errors.Is(err, suite.ErrEnvironment) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: private key: %w", class, err)
	}
	key := ratchettree.NewPrivateKey(opened)
	key.Key.Stored, key.Key.Foreign = saved.form != keyBytes, saved.form == keyLent
	defer func() {
		if err != nil {
			key.Abandon()
		}
	}()
	if !bytes.Equal(key.PublicKey(), public) {
		return nil, badState("private key is not that of the public key")
	}
	if saved.form != keyBytes {
		return key, nil
	}
	again, err := key.Bytes() // a key may have several encodings
	defer clear(again)
	if errors.Is(err, suite.ErrEnvironment) {
		return nil, err
	}
	if err != nil || subtle.ConstantTimeCompare(again, saved.key) != 1 {
		return nil, badState("private key is not as it was saved")
	}
	return key, nil
}

// errReference says that a provider does not open a reference. The fault may be the
// provider's.
var errReference = errors.New("mls: open the reference of a private key")
