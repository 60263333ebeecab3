package mls

import (
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/message"
)

// commit lets a member of the latest epoch commit. The delivery service has not
// decided on it yet.
func (m *model) commit() {
	s := m.seat(func(s *seat) bool {
		return s.atHead() && !s.ended() && s.sends < maxHandshakes
	})
	e := s.room.head()
	options, proposals, fit := m.commitOptions(s, e)
	if !fit {
		m.refused(s, nil, func() error {
			_, err := s.group.Commit(m.ctx, insiderTime, options, proposals...)
			return err
		})
		return
	}
	m.commitWith(s, options, proposals)
}

// commitWith lets a member make a commit that has to succeed.
func (m *model) commitWith(s *seat, options CommitOptions, proposals []message.Proposal) {
	m.save(s)
	before, handshakes := fingerprint(s.group), s.group.inbox.ratchets.Version
	c, err := s.group.Commit(m.ctx, insiderTime, options, proposals...)
	require.NoError(m, err)
	if s.group.cfg.PublicHandshake {
		require.Equal(m, before, fingerprint(s.group), "a commit leaves the group as it is")
	} else {
		require.Equal(m, handshakes+1, s.group.inbox.ratchets.Version, "a commit uses one generation")
	}
	x := m.send(s.room, s, &sent{bytes: c.Message, content: message.ContentCommit})
	x.commit = m.commitModel(s, c, x)
	s.room.head().commits = append(s.room.head().commits, x.commit)
	if !options.WithoutPending {
		m.checkSelection(s, x.commit)
	}
	for _, joiner := range x.commit.joiners {
		if options.WithoutTree || m.chance(2, "tree beside") {
			joiner.offer.tree, err = c.RatchetTree()
			require.NoError(m, err)
		}
	}
}

// commitOptions draws how a commit is made and what it has by value. If that does not fit, the commit
// is to have nothing else, and has to be refused.
func (m *model) commitOptions(s *seat, e *epochModel) (options CommitOptions, proposals []message.Proposal, fit bool) {
	about := map[string]bool{}
	for range rapid.IntRange(0, 3).Draw(m.T, "proposals") {
		p := m.proposal(s, e)
		what := message.TypeOf(p).String()
		switch p := p.(type) {
		case message.Add:
			what = string(p.KeyPackage.LeafNode.SignatureKey)
		case message.Remove:
			what = string(leafKey(p.Removed))
		case message.PreSharedKey:
			what = string(m.name("psk"))
		case message.Custom:
			what = string(p.Data)
		}
		if about[what] || message.TypeOf(p) == codepoint.ProposalReInit && len(proposals) > 0 {
			continue
		}
		about[what] = true
		proposals = append(proposals, p)
		if message.TypeOf(p) == codepoint.ProposalReInit {
			break
		}
	}
	fit = m.fits(s, e, proposals)
	options.WithoutPending = !fit || m.chance(2, "without pending")
	options.ForcePath = m.chance(4, "force path")
	options.WithoutTree = m.chance(4, "without tree")
	return options, proposals, fit
}

// fits reports whether a member can commit proposals, without any others.
func (m *model) fits(s *seat, e *epochModel, proposals []message.Proposal) bool {
	custom, members := e.has(customExtension), map[*actor]bool{}
	for _, o := range e.members() {
		members[o.actor] = true
	}
	for _, p := range proposals {
		switch p := p.(type) {
		case message.Remove:
			if p.Removed == s.leaf {
				return false
			}
			delete(members, e.occupants[p.Removed].actor)
		case message.GroupContextExtensions:
			_, custom = p.Extensions.Find(customExtension)
		case message.PreSharedKey:
			if s.knows([]message.PreSharedKeyID{p.PSK}, e.number) != nil {
				return false
			}
		}
	}
	for _, p := range proposals {
		if add, ok := p.(message.Add); ok {
			who := m.keyPackages[string(add.KeyPackage.InitKey)].actor
			if members[who] {
				return false
			}
			members[who] = true
		}
	}
	for a := range members {
		if custom && a.plain {
			return false
		}
	}
	return true
}

// checkSelection checks that a commit covers what arrived and can be covered.
func (m *model) checkSelection(s *seat, c *commitModel) {
	if c.reInit != nil {
		return
	}
	e := s.room.head()
	for _, x := range e.proposals {
		if !s.held[x.ref] {
			continue
		}
		switch p := x.proposal.(type) {
		case message.Remove:
			if p.Removed != s.leaf {
				require.Contains(m, c.removed, p.Removed, "a Remove that arrived is covered")
			}
		case message.Custom:
			require.Contains(m, c.refs, x.ref, "a custom proposal that arrived is covered")
		case message.Update:
			covered := slices.ContainsFunc(c.candidate.proposals, func(c CommittedProposal) bool {
				return message.TypeOf(c.Proposal) == codepoint.ProposalUpdate && c.Sender.Leaf == x.sender.leaf
			})
			require.Equal(m, x.sender != s && !slices.Contains(c.removed, x.sender.leaf), covered, "an Update that arrived is covered")
		}
	}
}

// commitModel works out what a commit leads to.
func (m *model) commitModel(by *seat, c *Candidate, x *sent) *commitModel {
	r := by.room
	made := &commitModel{by: by, candidate: c, message: x, external: c.committer.Type == message.SenderNewMemberCommit}
	p := c.next.public
	made.after = &epochModel{
		number: r.head().number + 1, facts: factsOfCandidate(m, c), extensions: p.context.Extensions, commit: made,
	}
	require.Equal(m, made.after.number, c.Epoch())
	occupants := slices.Clone(r.head().occupants)
	for _, item := range c.Proposals() {
		if item.Ref != nil {
			made.refs = append(made.refs, string(item.Ref))
		}
		switch p := item.Proposal.(type) {
		case message.Remove:
			made.removed = append(made.removed, p.Removed)
			occupants[p.Removed] = nil
		case message.PreSharedKey:
			made.psks = append(made.psks, p.PSK)
		case message.ReInit:
			made.reInit = &p
		}
	}
	for len(occupants) > 1 && !slices.ContainsFunc(occupants[len(occupants)/2:], func(s *seat) bool { return s != nil }) {
		occupants = occupants[:len(occupants)/2]
	}
	take := func(s *seat) {
		i := slices.Index(occupants, nil)
		if i < 0 {
			i = len(occupants)
			occupants = append(occupants, make([]*seat, len(occupants))...)
		}
		occupants[i] = s
	}
	for _, item := range c.Proposals() {
		add, ok := item.Proposal.(message.Add)
		if !ok {
			continue
		}
		who := m.keyPackages[string(add.KeyPackage.InitKey)]
		joiner := &seat{actor: who.actor, room: r, first: made.after.number,
			offer: &offer{own: who.own, welcome: c.Welcome, psks: made.psks}}
		made.joiners = append(made.joiners, joiner)
		take(joiner)
	}
	if made.external {
		take(by)
	}
	made.after.occupants = occupants
	return made
}

// decide lets the delivery service accept one of the commits of the latest epoch,
// of those that all members can process.
func (m *model) decide() {
	r := oneOf(m, "group", m.rooms, func(r *room) bool { return r.ended == nil && len(r.head().commits) > 0 })
	c := oneOf(m, "commit", r.head().commits, func(c *commitModel) bool {
		for _, s := range r.head().members() {
			if s.knows(c.psks, r.head().number) != nil && !slices.Contains(c.removed, r.head().leafOf(s)) {
				return false
			}
		}
		return true
	})
	m.accept(c)
}

// accept begins the epoch of a commit.
func (m *model) accept(c *commitModel) {
	r := c.by.room
	m.watch(r, c)
	r.epochs = append(r.epochs, c.after)
	r.ended = c.reInit
	r.seats = append(r.seats, c.joiners...)
	m.checkEpoch(r, c.candidate.next.public)
	if c.external {
		r.seats = append(r.seats, c.by)
		m.adoptJoin(c.by, c.candidate)
	}
	m.Logf("%s commits to epoch %d of %s", c.by.actor.name, c.after.number, r.id)
}

// knows returns the error of a member, when it is in an epoch, to whom one of the
// PSKs is not known.
func (s *seat) knows(psks []message.PreSharedKeyID, epoch uint64) error {
	for _, id := range psks {
		switch {
		case id.Usage == 0:
			if _, err := s.actor.ExternalPSK(s.actor.model.ctx, id.ID); err != nil {
				return err
			}
		case id.Epoch < s.first || id.Epoch+resumptionWindow < epoch:
			return ErrUnknownPSK
		}
	}
	return nil
}

// joinExternally lets a client commit from outside, in the place of its earlier
// leaf if it is a member.
func (m *model) joinExternally() {
	from := m.seat(func(s *seat) bool { return s.atHead() && !s.ended() })
	r, e, a := from.room, from.room.head(), draw(m, "who", m.actors)
	inside := m.chance(2, "tree inside")
	info, err := from.group.GroupInfo(m.ctx, insiderTime, inside)
	require.NoError(m, err)
	var options ExternalJoinOptions
	if !inside {
		options.RatchetTree, err = from.group.RatchetTree()
		require.NoError(m, err)
	}
	if m.chance(3, "psk") {
		options.PSKs = append(options.PSKs, externalPSK(commonPSK).PSK)
	}
	old := e.seatOf(a)
	if old != nil {
		m.refused(from, message.ErrInvalid, func() error {
			_, err := ExternalJoin(m.ctx, insiderTime, a.config(r.suite.Info().ID), info, options)
			return err
		})
		options.Remove = new(e.leafOf(old))
		if earlier := a.seatIn(r.id); earlier == old && !earlier.gone && m.chance(2, "resumption psk") {
			options.PSKs = append(options.PSKs, resumptionPSK(r.id, old.epoch).PSK)
		}
	}
	c, err := ExternalJoin(m.ctx, insiderTime, a.config(r.suite.Info().ID), info, options)
	if a.plain && e.has(customExtension) {
		require.ErrorIs(m, err, message.ErrInvalid)
		return
	}
	require.NoError(m, err)
	s := &seat{actor: a, room: r, first: e.number + 1}
	x := m.send(r, nil, &sent{bytes: c.Message, content: message.ContentCommit})
	x.commit = m.commitModel(s, c, x)
	e.commits = append(e.commits, x.commit)
}
