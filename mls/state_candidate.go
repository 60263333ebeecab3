package mls

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// savedCandidate is a candidate without the epoch that it begins.
//
//	struct {
//	    opaque from<V>;                     // confirmation tag of the epoch that it ends; empty for a joiner
//	    opaque message<V>;                  // MLSMessage; empty for another member's commit
//	    opaque welcome<V>;                  // MLSMessage, or empty
//	    Sender committer;
//	    uint32 leaf_index;                  // the committer's in the next epoch
//	    opaque authenticated_data<V>;
//	    SavedProposal proposals<V>;
//	    uint32 added<V>;                    // leaves
//	} SavedCandidate;
type savedCandidate struct {
	from, message, welcome []byte
	committer              message.Sender
	leaf                   message.LeafIndex
	aad                    []byte
	proposals              []savedProposal
	added                  []message.LeafIndex
}

func (c *savedCandidate) marshal(w *wire.Writer) {
	w.Bytes(c.from)
	w.Bytes(c.message)
	w.Bytes(c.welcome)
	message.Write(w, &c.committer)
	w.Uint32(uint32(c.leaf))
	w.Bytes(c.aad)
	wire.WriteAll(w, c.proposals, (*savedProposal).marshal)
	w.Vector(func(w *wire.Writer) {
		for _, leaf := range c.added {
			w.Uint32(uint32(leaf))
		}
	})
}

func (c *savedCandidate) unmarshal(r *wire.Reader) {
	r.Unbounded()
	c.from = r.Bytes()
	c.message, c.welcome = r.Bytes(), r.Bytes()
	message.Read(r, &c.committer)
	c.leaf = message.LeafIndex(r.Uint32())
	c.aad = r.Bytes()
	c.proposals = wire.ReadAll(r, (*savedProposal).skip, (*savedProposal).unmarshal)
	for v := r.Vector(); !v.Empty(); {
		c.added = append(c.added, message.LeafIndex(v.Uint32()))
	}
}

// Save returns the candidate's state, with its secrets, so that a commit that waits
// outlives a restart. [Group.RestoreCandidate] restores it in the restored group.
// [RestoreCandidate] restores it without a group if this member joins by the commit: by
// an external commit, or by one that begins a follow-up group.
//
// The state is O(log n) in a group, apart from the Welcome, and O(n) without one. Save
// the group as well: the candidate is nothing without it. A PrivateMessage with another
// member's commit opens once, so if a group is saved between [Group.Process] and
// [Candidate.Adopt], the candidate has to be saved too. A candidate that somebody will
// restore must not be discarded: that deletes keys in a provider ([suite.ReferencedKey])
// to which the saved state refers.
//
// A join by a Welcome is not saved. Keep the key
// package ([OwnKeyPackage.Save]) and the Welcome until the join is adopted.
//
// A candidate that removes this member is not saved. It leads to no Group: its owner
// keeps the group's state until it decides to adopt the candidate and to delete that
// state. To decide after a restart, save the group before Process and not between Process
// and Adopt, and process the message again.
//
// Errors:
//
//   - [ErrRetired]: the candidate was adopted or discarded, or its Group is retired.
//   - [ErrRemoved]: the commit removes this member.
//   - [message.ErrUnsupported]: this client joins by a Welcome.
//   - the suite's own: a private key cannot be saved.
func (c *Candidate) Save() (Snapshot, error) {
	if c.own != nil {
		return nil, fmt.Errorf("%w: cannot save a join by a Welcome; save its key package and the Welcome", message.ErrUnsupported)
	}
	saved := &savedCandidate{
		message: c.Message, welcome: c.Welcome,
		committer: c.committer, leaf: c.leaf, aad: c.aad, added: c.added,
	}
	for _, p := range c.proposals {
		saved.proposals = append(saved.proposals, savedProposal{CommittedProposal: p})
	}
	var base *ratchettree.Tree
	if c.from != nil {
		done, err := c.from.alive()
		if err != nil {
			return nil, err
		}
		defer done()
		base = c.from.public.tree
		saved.from = c.from.public.confirmationTag
	}
	defer c.lock()()
	if err := c.alive(); err != nil {
		return nil, err
	}
	d, public, self := &Delta{}, c.next.public, c.next.self
	s := &saver{delta: d, manifest: newManifest()}
	s.put(recordCandidate.id(0), saved.marshal)
	var held func(*ratchettree.PrivateKey) bool
	if c.from != nil {
		held = c.from.holds
	}
	s.epoch(&savedEpoch{savedPublic: public.saved(), leaf: self.leaf, secrets: c.next.secrets}, public, self, held)
	s.end()
	s.exporter(c.next.exporterTree())
	public.tree.Differing(base, func(n *ratchettree.Node, i ratchettree.NodeIndex) {
		s.treeNode(n, i, public.tree.HashSize)
	})
	if base == nil || base.Width < public.tree.Width {
		width := savedWidth(public.tree.Width)
		s.put(recordWidth.id(0), width.marshal)
	}
	if s.err != nil {
		d.Destroy()
		return nil, s.err
	}
	s.seal()
	c.saved = true
	return Snapshot{}.Apply(d), nil
}

// holds reports whether a private key is one of the member's, or that of an own Update.
func (g *Group) holds(key *ratchettree.PrivateKey) bool {
	own := g.held(key.PublicKey())
	defer own.Release()
	return own != nil && own.Same(key)
}

// held returns a share of the private key that belongs to a public key, or nil. The key
// is one of the member's, or that of an own Update.
func (g *Group) held(public []byte) *ratchettree.PrivateKey {
	for key := range g.self.keys() {
		if bytes.Equal(key.PublicKey(), public) {
			return key.Share()
		}
	}
	g.inbox.mu.Lock()
	defer g.inbox.mu.Unlock()
	for _, own := range g.inbox.updates {
		if bytes.Equal(own.key.PublicKey(), public) {
			return own.key.Share()
		}
	}
	return nil
}

// RestoreCandidate returns a candidate that [Candidate.Save] saved, in the group that it
// comes from, in the same epoch. signers are this member's signers beside the group's and
// those of its Updates; the candidate's is among them if it has another one (see
// [LeafOptions]). RestoreCandidate asks the policy whether the group may be read, or,
// if the commit only leads out of it, whether it may be left.
//
// Restore a candidate only once: two candidates with references to one private key would
// each delete it for the other.
//
// Errors:
//
//   - [ErrRetired].
//   - those of [RestoreGroup]. The state counts as damaged if it is of another group or
//     epoch, too.
func (g *Group) RestoreCandidate(now time.Time, state Snapshot, signers ...suite.Signer) (*Candidate, error) {
	done, err := g.alive()
	if err != nil {
		return nil, err
	}
	defer done()
	c, l, err := loadCandidate(g.cfg, state, func(suite.ID) (suite.Suite, error) { return g.public.suite, nil }, g, signers)
	if err != nil {
		return nil, err
	}
	q := g.cfg.ask(suite.Receive, now)
	if leaveOnly(c.proposals) {
		q = q.as(suite.Leave)
	}
	err = q.group(g.public)
	if err == nil {
		err = q.members(c.public)
	}
	if err == nil {
		err = q.token(c.cfg.Signer)
	}
	from, next := &g.public.context, l.epoch.context
	if err == nil && (next.Epoch-1 != from.Epoch || next.CipherSuite != from.CipherSuite ||
		!bytes.Equal(next.GroupID, from.GroupID) || l.epoch.leaf != g.leaf) {
		err = badState("candidate is of another group or epoch")
	}
	if err != nil {
		c.abandon()
		return nil, err
	}
	if err := g.track(c); err != nil {
		return nil, err
	}
	return c, nil
}

// RestoreCandidate returns a candidate that [Candidate.Save] saved, by which this member
// joins a group. cfg is as for [RestoreGroup]. RestoreCandidate asks
// the policy whether the group may begin for this client, or, if it follows a group that
// a ReInit has ended, whether it may be read. [OwnKeyPackage.Join] with JoinOptions.Made asks
// the rest about such a group.
//
// Errors:
//
//   - those of [RestoreGroup].
func RestoreCandidate(now time.Time, cfg Config, state Snapshot) (*Candidate, error) {
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	q := cfg.ask(suite.Receive, now)
	c, _, err := loadCandidate(&cfg, state, q.suite, nil, nil)
	if err != nil {
		return nil, err
	}
	if c.previous != nil && c.previous.Usage == message.ResumptionPSKReInit {
		err = q.everyMember(c.public)
	} else { // there is no group of this client yet
		q = q.as(suite.Start)
		if _, err = q.suite(c.public.context.CipherSuite); err == nil {
			err = q.everyMember(c.public)
		}
		if err == nil {
			err = q.wireFormat(cfg.handshakeFormat())
		}
	}
	if err == nil {
		err = q.token(cfg.Signer)
	}
	if err != nil {
		c.abandon()
		return nil, err
	}
	return c, nil
}

// loadCandidate reads a candidate from g, or one by which this member joins if g is nil.
func loadCandidate(cfg *Config, state Snapshot, suiteOf func(suite.ID) (suite.Suite, error), g *Group, signers []suite.Signer) (_ *Candidate, _ *stateLoader, err error) {
	var base *ratchettree.Tree
	var from []byte
	var held func([]byte) *ratchettree.PrivateKey
	var baseWidth uint32
	if g != nil {
		base, from, held = g.public.tree, g.public.confirmationTag, g.held
		baseWidth = base.Width
	}
	l, err := newStateLoader(state, cfg.CodePoints, suiteOf, base)
	if err != nil {
		return nil, nil, err
	}
	begun := epoch{secrets: l.epoch.secrets}
	defer func() {
		if err != nil {
			begun.abandon()
		}
	}()
	if err := l.only(recordManifest, recordCandidate, recordEpoch, recordTreeNode, recordWidth, recordExporter); err != nil {
		return nil, nil, err
	}
	value, err := l.one(recordCandidate)
	if err != nil {
		return nil, nil, err
	}
	saved, err := parseRecord(l, value, "candidate", (*savedCandidate).unmarshal)
	if err != nil {
		return nil, nil, err
	}
	if !bytes.Equal(saved.from, from) {
		return nil, nil, badState("candidate is not from this group and epoch")
	}
	public, secrets, err := l.publicState()
	if err != nil {
		return nil, nil, err
	}
	begun.public = public
	if secrets.Encryption == nil {
		return nil, nil, badState("encryption_secret is missing")
	}
	if l.epoch.begins != (savedBeginning{}) {
		return nil, nil, badState("ratchets of a candidate begin somewhere")
	}
	if err := l.nodes.allUsed(savedWidth(max(public.tree.Width, baseWidth))); err != nil {
		return nil, nil, err
	}
	leaf, err := l.ownLeaf(public)
	if err != nil {
		return nil, nil, err
	}
	if cfg, err = cfg.inCandidate(leaf, g, signers); err != nil {
		return nil, nil, err
	}
	if begun.self, err = l.memberView(public, held); err != nil {
		return nil, nil, err
	}
	if begun.exporter, err = l.exporter(); err != nil {
		return nil, nil, err
	}
	c := &Candidate{
		cfg: cfg, from: g,
		transition: transition{committer: saved.committer, leaf: saved.leaf, aad: saved.aad, added: saved.added, publicView: viewOf(public)},
	}
	if g != nil {
		c.old = g.public
	}
	if c.Message, c.Welcome, err = saved.messages(); err != nil {
		return nil, nil, err
	}
	if err := c.checkCommitter(l.epoch.leaf); err != nil {
		return nil, nil, err
	}
	for _, p := range saved.proposals {
		if p.updateKey != nil {
			return nil, nil, badState("proposal of a candidate has a private key")
		}
		if p.Author, err = c.proposer(&p.CommittedProposal); err != nil {
			return nil, nil, err
		}
		c.proposals = append(c.proposals, p.CommittedProposal)
	}
	c.previous = previousOf(c.proposals)
	if i := slices.IndexFunc(c.added, func(leaf message.LeafIndex) bool { return public.tree.Leaf(leaf) == nil }); i >= 0 {
		return nil, nil, badState("added leaf %d is blank", c.added[i])
	}
	if g != nil {
		if err := c.checkChanges(g.public.tree); err != nil {
			return nil, nil, err
		}
		c.changes = &changes{old: g.public.tree, next: public.tree, proposals: c.proposals, added: c.added, committer: c.committer, leaf: c.leaf}
	}
	newCandidate(c, begun).saved = true
	return c, l, nil
}

// checkChanges checks that the leaves exist that [Candidate.Changes] tells of. from is
// the tree of the group that the commit is made in.
func (c *Candidate) checkChanges(from *ratchettree.Tree) error {
	adds := 0
	for i, p := range c.proposals {
		var leaf message.LeafIndex
		switch proposal := p.Proposal.(type) {
		case message.Add:
			adds++
			continue
		case message.Update:
			leaf = p.Sender.Leaf
			if c.public.tree.Leaf(leaf) == nil {
				return badState("leaf %d, which proposal %d updates, is blank", leaf, i)
			}
		case message.Remove:
			leaf = proposal.Removed
		case message.SelfRemove:
			leaf = p.Sender.Leaf
		default:
			continue
		}
		if from.Leaf(leaf) == nil {
			return badState("leaf %d of proposal %d was not a member", leaf, i)
		}
	}
	if adds != len(c.added) {
		return badState("%d leaves are added by %d Adds", len(c.added), adds)
	}
	if s := c.committer; s.Type != message.SenderMember && adds > 0 {
		return badState("commit of a %s with %d Adds", s.Type, adds)
	}
	return nil
}

// checkCommitter checks the committer's leaf. It has to be a member, in the epoch that
// the commit ends too, unless the committer joins: then the leaf is new. own is this
// member's leaf.
func (c *Candidate) checkCommitter(own message.LeafIndex) error {
	s, leaf, old := c.committer, c.public.tree.Leaf(c.leaf), ratchettree.Leaf(nil)
	if c.old != nil {
		old = c.old.tree.Leaf(c.leaf)
	}
	switch {
	case leaf == nil:
		return badState("committer %d is not a member", c.leaf)
	case s.Type == message.SenderMember && (c.leaf != s.Leaf || c.old != nil && old == nil):
		return badState("committer %d is not a member", s.Leaf)
	case s.Type == message.SenderMember:
		return nil
	case s.Type != message.SenderNewMemberCommit || c.old == nil && c.leaf != own ||
		old != nil && keepsKey(old, leaf.EncryptionKey()):
		return badState("commit of a %s at leaf %d", s.Type, c.leaf)
	}
	return nil
}

// proposer returns the author of one of the commit's proposals, by value or by reference.
func (c *Candidate) proposer(p *CommittedProposal) (message.Author, error) {
	switch {
	case p.Ref == nil && p.Sender != c.committer:
		return message.Author{}, badState("proposal by value is not the committer's")
	case p.Ref == nil:
		return c.Author(), nil
	case c.old == nil && p.isSelfRemove():
		return message.Author{}, nil // in a tree that is not in the state
	case c.old == nil:
		return message.Author{}, badState("candidate of a join refers to a proposal")
	}
	return c.old.proposer(p.Sender, p.Proposal)
}

// inCandidate returns the configuration of a member that has leaf in the epoch of a
// candidate from g, or joins by the candidate if g is nil.
func (c *Config) inCandidate(leaf *message.LeafNode, g *Group, signers []suite.Signer) (*Config, error) {
	if g == nil {
		if !bytes.Equal(c.Signer.PublicKey(), leaf.SignatureKey) {
			return nil, errSigner
		}
		return c, nil
	}
	if now := g.public.tree.Leaf(g.leaf); keepsKey(now, leaf.EncryptionKey) {
		return c, nil
	}
	signers = slices.Clip(signers)
	g.inbox.mu.Lock()
	for _, own := range g.inbox.updates {
		signers = append(signers, own.cfg.Signer)
	}
	g.inbox.mu.Unlock()
	return c.ofLeaf(leaf, signers)
}

// previousOf returns what the first commit of a follow-up group says of the old group.
func previousOf(list []CommittedProposal) *event.PreviousGroup {
	for _, c := range list {
		p, ok := c.Proposal.(message.PreSharedKey)
		if ok && p.PSK.Usage != 0 && p.PSK.Usage != message.ResumptionPSKApplication {
			return &event.PreviousGroup{ID: p.PSK.GroupID, Epoch: p.PSK.Epoch, Usage: p.PSK.Usage}
		}
	}
	return nil
}

// messages returns the commit and the Welcome, each nil if there is none.
func (c *savedCandidate) messages() (msg, welcome []byte, err error) {
	for _, x := range []struct {
		b    []byte
		into *[]byte
		ok   func(*message.Message) bool
	}{
		{c.message, &msg, func(m *message.Message) bool { return m.ContentType() == message.ContentCommit }},
		{c.welcome, &welcome, func(m *message.Message) bool { return m.Welcome != nil }},
	} {
		if len(x.b) == 0 {
			continue
		}
		m, err := message.Parse[message.Message](x.b)
		if err != nil {
			return nil, nil, fmt.Errorf("%w: %w", errState, err)
		}
		if !x.ok(m) {
			return nil, nil, badState("candidate has a %s in place of its commit or its Welcome", m.WireFormat())
		}
		*x.into = x.b
	}
	return msg, welcome, nil
}
