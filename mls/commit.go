package mls

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Commit makes a commit of the proposals that arrived in this epoch, and of proposals,
// which it sends by value (RFC 9420, Section 12.4.1). The Group is unchanged, except that
// a PrivateMessage uses a generation of the handshake ratchet.
//
// Without proposals, the commit only replaces the keys on the committer's path. Of
// proposals that arrived and exclude each other, a SelfRemove takes precedence over a
// Remove, even one by value, a Remove over an Update, and a later Update over an earlier
// one. An own Update is left out, because the path renews the committer's leaf, and an own
// SelfRemove, which others commit. Proposals that the policy refuses and Adds that have
// expired since they arrived are left out too.
//
// A ReInit is committed alone, and after everything else. If it arrived and there is
// nothing else to commit, by value or from others, a commit covers it and ends the
// group, even a commit that was meant only to renew keys. [Candidate.Proposals] shows
// that before the commit is sent; with WithoutPending, the commit leaves it out.
//
// A commit that only removes members, or only ends the group by a ReInit, asks the policy
// whether the member may leave. Where the policy does not let the group go on, a commit
// covers such proposals and no others.
//
// Errors:
//
//   - [ErrRetired]: the group is retired, or the one that [Config].PSKs returns for a
//     resumption PSK.
//   - [ErrReInit]: a ReInit has ended the group.
//   - [ErrUnsaved]: the group has to be saved before it sends a PrivateMessage.
//   - [ErrGeneration]: all 2^32 generations of the handshake ratchet are used.
//   - [*suite.PolicyError]: the policy refuses the group, one of proposals, a pre-shared
//     key, or the committer's new credential.
//   - [message.ErrMalformed]: one of proposals is not complete, or its extensions do not
//     parse.
//   - [message.ErrUnsupported]: one of proposals is of a type that the client does not
//     declare, or a ReInit to a suite or version that it does not have;
//     options.Leaf.Signer has no key of the suite; or the tree or the epoch has reached
//     its limit.
//   - [ErrUnknownPSK], [ErrUnusablePSK]: a pre-shared key is missing, or the suite
//     refuses it.
//   - [message.ErrInvalid]: the proposals or the new leaf break a rule, or the
//     Authenticator refuses what one of proposals or options brings.
func (g *Group) Commit(ctx context.Context, now time.Time, options CommitOptions, proposals ...message.Proposal) (*Candidate, error) {
	return g.commitPlanned(ctx, now, &commitPlan{CommitOptions: options, byValue: proposals})
}

func (g *Group) commitPlanned(ctx context.Context, now time.Time, plan *commitPlan) (c *Candidate, err error) {
	defer func() { g.tellDenied(err) }()
	done, err := g.active()
	if err != nil {
		return nil, err
	}
	defer done()
	if err := plan.prepare(g.cfg); err != nil {
		return nil, err
	}
	list, q, err := g.judgedProposals(ctx, now, plan)
	if err != nil {
		return nil, err
	}
	return g.commit(ctx, q, plan, list)
}

// commit makes a commit of proposals about which the policy was asked.
func (g *Group) commit(ctx context.Context, q questions, plan *commitPlan, list []CommittedProposal) (*Candidate, error) {
	if err := g.maySend(g.handshakeFormat(), message.ContentCommit); err != nil {
		return nil, err // before the work, not after it
	}
	m := &commitMaker{
		cfg:        g.cfg,
		plan:       plan,
		public:     g.public,
		sender:     g.sender(),
		format:     g.handshakeFormat(),
		self:       g.self,
		initSecret: g.secrets.Init,
		psks: func(ids []message.PreSharedKeyID) ([]byte, error) {
			if plan.followUp != nil {
				return plan.followUp.pskSecret(q, g.public.suite, ids)
			}
			return q.resolvePSKs(ctx, g.public.suite, ids, g)
		},
	}
	c, ac, err := m.make(ctx, q, list)
	if err != nil {
		return nil, err
	}
	c.from = g
	c.Message, err = g.protect(ac)
	if err != nil {
		c.discard(ErrRetired)
		return nil, err
	}
	if err := g.track(c); err != nil {
		return nil, err
	}
	return c, nil
}

// commitMaker makes the commit of a member, or of a client that joins by it.
type commitMaker struct {
	cfg        *Config
	plan       *commitPlan
	public     *publicState
	sender     message.Sender
	format     message.WireFormat
	self       *memberView // in the old epoch; for a joiner, a leaf without keys
	initSecret []byte
	psks       func(ids []message.PreSharedKeyID) ([]byte, error) // psk_secret
}

// make returns the candidate without its Message, which the caller protects. The
// application was asked about the credentials in the list before.
func (m *commitMaker) make(ctx context.Context, q questions, list []CommittedProposal) (made *Candidate, _ *framing.AuthenticatedContent, err error) {
	p, s := m.public, m.public.suite
	defer p.tree.ForgetRefused(&err)
	rules := m.cfg.sending(q.now)
	rules.committer = m.sender
	rules.path = m.plan.ForcePath
	if m.plan.followUp != nil {
		rules.followUp = m.plan.followUp.id.Usage
	}
	a, err := p.apply(list, rules)
	if err != nil {
		return nil, nil, err
	}
	if m.sender.Type == message.SenderNewMemberCommit {
		a.committer = a.edit.ClaimLeaf()
		m.self = &memberView{leaf: a.committer}
	}
	var path *ownPath
	if a.needsPath || m.plan.ForcePath {
		if path, err = m.renewPath(ctx, q, a); err != nil {
			return nil, nil, err
		}
		defer path.destroy()
	}
	next, err := p.next(a)
	if err != nil {
		return nil, nil, err
	}
	if m.sender.Type == message.SenderNewMemberCommit {
		author := framing.AuthorOf(path.leaf, p.context.Epoch)
		for i := range list {
			if list[i].Ref == nil {
				list[i].Author = author
			}
		}
	}
	c := &framing.Commit{Proposals: make([]framing.ProposalOrRef, len(list))}
	for i, item := range list {
		if item.Ref != nil {
			c.Proposals[i].Ref = item.Ref
		} else {
			c.Proposals[i].Proposal = item.Proposal
		}
	}
	var (
		begun        epoch
		commitSecret []byte
	)
	defer func() {
		if made == nil {
			begun.destroy()
		}
	}()
	if path != nil {
		if c.Path, err = path.seal(next, m.self.leaf, a.added); err != nil {
			return nil, nil, err
		}
		begun.self, commitSecret = m.self.next(next.tree, path.leafKey, path.secrets), path.secrets.CommitSecret
	} else {
		begun.self, commitSecret = m.self.next(next.tree, m.self.leafKey, nil), make([]byte, s.Info().KDF.Nh)
	}
	content := p.content(m.sender, message.ContentCommit, m.plan.AuthenticatedData)
	content.Commit = c
	ac, err := framing.SignContent(ctx, m.cfg.Signer, m.format, content, p.contextBytes)
	if err != nil {
		return nil, nil, err
	}
	psk, err := m.psks(a.psks)
	if err != nil {
		return nil, nil, err
	}
	defer clear(psk)
	public, secrets, joiner, err := p.advance(next, &epochInput{m.initSecret, commitSecret, psk, m.cfg.SafeExporter}, ac, true)
	if err != nil {
		return nil, nil, err
	}
	defer clear(joiner)
	begun.public, begun.secrets = public, secrets
	ac.Auth.ConfirmationTag = public.confirmationTag

	cfg, welcome := m.plan.config(m.cfg), []byte(nil)
	if len(a.joiners) > 0 && !m.plan.noWelcome {
		w := welcomeBuilder{cfg: cfg, next: begun, joiner: joiner, psk: psk, psks: a.psks, withTree: !m.plan.WithoutTree, data: m.plan.JoinerData}
		if welcome, err = w.build(ctx, a, path); err != nil {
			return nil, nil, err
		}
	}
	return newCandidate(&Candidate{
		Welcome:    welcome,
		transition: newTransition(p, public, a, ac.Content.AuthenticatedData),
		cfg:        cfg,
	}, begun), ac, nil
}

// ownPath is the path that a committer makes.
type ownPath struct {
	leaf    *message.LeafNode
	encoded ratchettree.Leaf // leaf as it is encoded
	leafKey *ratchettree.PrivateKey
	secrets *ratchettree.PathSecrets
}

// destroy overwrites the path secrets, and gives up the private keys.
func (p *ownPath) destroy() {
	p.leafKey.Release()
	p.secrets.Destroy()
}

// seal encrypts the path to the members of the next epoch, whose context is still the
// provisional one.
func (p *ownPath) seal(next *provisional, leaf message.LeafIndex, added []message.LeafIndex) (*ratchettree.UpdatePath, error) {
	provisional, err := message.Marshal(&next.context)
	if err != nil {
		return nil, err
	}
	nodes, err := p.secrets.Seal(next.tree, leaf, provisional, added)
	if err != nil {
		return nil, err
	}
	return &ratchettree.UpdatePath{LeafNode: p.leaf, Nodes: nodes, Encoded: p.encoded}, nil
}

// renewPath gives the committer a new leaf and new keys on its filtered direct
// path (RFC 9420, Section 7.5).
func (m *commitMaker) renewPath(ctx context.Context, q questions, a *applied) (*ownPath, error) {
	s, own := m.public.suite, m.self.leaf
	if err := q.begin().token(m.plan.Leaf.Signer); err != nil { // of nil it asks nothing
		return nil, err
	}
	leaf, err := m.plan.config(m.cfg).draftLeaf(q, s, message.LeafNode{Source: codepoint.LeafNodeCommit}, m.public, own)
	if err != nil {
		return nil, err
	}
	if err := ratchettree.SupportsGroup(leaf, &a.extensions.Needs); err != nil {
		return nil, err
	}
	leafKey, err := ratchettree.GenerateKey(s, "leaf")
	if err != nil {
		return nil, err
	}
	nodes := a.edit.FilteredDirectPath(own)
	secret := make([]byte, s.Info().KDF.Nh)
	rand.Read(secret)
	secrets, err := ratchettree.DerivePathSecrets(s, nodes, secret)
	if err != nil {
		leafKey.Release()
		return nil, err
	}
	path := &ownPath{leaf: leaf, leafKey: leafKey, secrets: secrets}
	if err := m.mergeLeaf(ctx, a, path, nodes); err != nil {
		path.destroy()
		return nil, err
	}
	return path, nil
}

// mergeLeaf merges a committer's path into the tree, and signs the leaf that goes with
// it.
func (m *commitMaker) mergeLeaf(ctx context.Context, a *applied, path *ownPath, nodes []ratchettree.NodeIndex) error {
	own, leaf := m.self.leaf, path.leaf
	var err error
	if leaf.ParentHash, err = a.edit.MergePath(own, nodes, path.secrets.PublicKeys()); err != nil {
		return err
	}
	place := m.public.place(own)
	place.Room = a.edit.Scratch()
	if path.encoded, err = m.plan.config(m.cfg).signLeaf(ctx, leaf, path.leafKey, place); err != nil {
		return err
	}
	if m.plan.own != nil { // the caller's credential, key and extensions may not fit together
		place.Encoded = path.encoded
		if err := check.LeafNode(leaf, m.public.suite, codepoint.LeafNodeCommit, place); err != nil {
			return atLeaf(err, own)
		}
	}
	place.Room.Reset() // for the edit, which hashes in it
	a.edit.SetLeaf(own, leaf, path.encoded)
	return nil
}

// CommitOptions says what [Group.Commit] does besides sending proposals by value. The zero
// value is for an ordinary commit.
type CommitOptions struct {
	// Leaf changes what the committer's leaf says. The commit then replaces the keys on
	// the committer's path, as with ForcePath.
	Leaf LeafOptions

	// AuthenticatedData goes along with the commit, authenticated and unencrypted (RFC
	// 9420, Section 6.3.1).
	AuthenticatedData []byte

	// ForcePath makes the commit replace the keys on the committer's path even where RFC
	// 9420, Section 12.4, does not require it, as when all its proposals are Adds.
	ForcePath bool

	// ApplicationPSKs are pre-shared keys that proposals of this commit inject, beside those
	// of Config.PSKs.
	ApplicationPSKs []ApplicationPSK

	// WithoutPending leaves out the proposals that arrived in this epoch. Otherwise Cover,
	// unless nil, reports of each whether the commit may cover it. Cover must not call the
	// Group.
	WithoutPending bool
	Cover          func(p *CommittedProposal) bool

	// WithoutTree leaves the ratchet tree out of the Welcome. Joiners get it from
	// [Candidate.RatchetTree], or [Group.RatchetTree] of the new epoch.
	WithoutTree bool

	// JoinerData is data of components for those whom the commit adds: the dictionary of the
	// GroupInfo in the Welcome, which others cannot read (draft-ietf-mls-extensions-10, Section
	// 4.6). It needs Config.Components.
	JoinerData message.AppDataDictionary
}

// commitPlan is what a commit is to do.
type commitPlan struct {
	CommitOptions
	byValue   []message.Proposal
	own       *Config   // the committer's with Leaf applied, or nil
	followUp  *followUp // what the first commit of a follow-up group links it to, or nil
	noWelcome bool      // for simulations that make many members at once
}

// prepare completes the plan of a commit by the member whose configuration is c. It
// returns an error if the plan has a proposal that is not complete.
func (p *commitPlan) prepare(c *Config) error {
	for _, proposal := range p.byValue {
		if err := check.Complete(proposal); err != nil {
			return err
		}
	}
	if err := c.checkJoinerData(p.JoinerData); err != nil {
		return err
	}
	if p.Leaf.empty() {
		return nil
	}
	p.ForcePath = true
	var err error
	p.own, err = c.with(p.Leaf)
	return err
}

// config returns the committer's configuration in the next epoch. c is its present one.
func (p *commitPlan) config(c *Config) *Config {
	if p.own != nil {
		return p.own
	}
	return c
}

// leads reports whether a commit of these proposals only leads out of the group.
func (p *commitPlan) leads(list []CommittedProposal) bool { return leaveOnly(list) && p.own == nil }

// covered returns those of the pending proposals that the commit may cover.
func (p *commitPlan) covered(pending []CommittedProposal) []CommittedProposal {
	if p.Cover == nil {
		return pending
	}
	var list []CommittedProposal
	for i := range pending {
		if p.Cover(&pending[i]) {
			list = append(list, pending[i])
		}
	}
	return list
}
