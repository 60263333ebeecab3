package mls

import (
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// expect returns the error that processing a message gives, as far as the message
// itself decides on it.
func (s *seat) expect(x *sent) error {
	limits := s.group.cfg.Limits
	switch {
	case s.gone:
		return ErrRetired
	case s.room != x.room:
		return ErrWrongGroup
	case x.epoch != s.epoch && (x.content != message.ContentApplication || !s.remembers(x.epoch)):
		if x.epoch > s.epoch {
			return ErrFutureEpoch
		}
		return ErrPastEpoch
	case x.sender == s:
		return ErrOwnMessage
	case !x.private:
		return nil
	}
	return s.ratchet(x).check(x.generation, limits)
}

// author is the member, as others see it in an epoch.
func (s *seat) author(epoch uint64) message.Author {
	a := s.actor
	return message.Author{Epoch: epoch, Credential: message.BasicCredential([]byte(a.name)), SignatureKey: a.signers[s.room.suite.Info().ID].PublicKey()}
}

// remembers reports whether a past epoch is in the window for late messages.
func (s *seat) remembers(epoch uint64) bool {
	return s.first <= epoch && epoch <= s.epoch && s.epoch-epoch <= uint64(s.group.cfg.Limits.pastEpochs())
}

func (s *seat) ratchet(x *sent) *ratchetModel {
	name := x.ratchet()
	if s.ratchets[name] == nil {
		s.ratchets[name] = &ratchetModel{}
	}
	return s.ratchets[name]
}

// opened enters that a message was opened.
func (s *seat) opened(x *sent) {
	if x.private {
		s.ratchet(x).open(x.generation, s.group.cfg.Limits)
	}
}

// missing returns the proposals that a commit refers to and a member does not have.
func (s *seat) missing(c *commitModel) []*sent {
	return slices.DeleteFunc(slices.Clone(s.room.epoch(s.epoch).proposals), func(x *sent) bool {
		return s.held[x.ref] || !slices.Contains(c.refs, x.ref)
	})
}

// receive processes a message and checks that what comes of it is what the model
// says. It returns the candidate of a commit.
func (m *model) receive(s *seat, x *sent) *Candidate {
	want := s.expect(x)
	if want == nil && x.commit != nil {
		if len(s.missing(x.commit)) > 0 {
			want = fault.ErrMissingProposals
		} else if !slices.Contains(x.commit.removed, s.leaf) {
			want = s.knows(x.commit.psks, s.epoch)
		}
	}
	if want != nil {
		m.refused(s, want, func() error {
			_, err := s.group.Process(m.ctx, insiderTime, x.bytes)
			return err
		})
		return nil
	}
	r, err := s.group.Process(m.ctx, insiderTime, x.bytes)
	require.NoError(m, err)
	s.opened(x)
	switch x.content {
	case message.ContentApplication:
		require.Equal(m, &ApplicationMessage{
			Author: x.sender.author(x.epoch), Sender: x.sender.leaf, Generation: x.generation, Data: []byte(x.text), AuthenticatedData: []byte("aad"),
		}, r.Application)
	case message.ContentProposal:
		require.Equal(m, x.ref, string(r.Proposal.Ref))
		if x.sender != nil {
			require.Equal(m, x.sender.author(x.epoch), r.Proposal.Author)
		}
		s.held[x.ref] = true
	case message.ContentCommit:
		c := r.Commit
		require.Equal(m, x.commit.by.author(x.epoch), c.Author())
		require.Equal(m, slices.Contains(x.commit.removed, s.leaf), c.Removed())
		require.Equal(m, x.commit.after.facts.context, string(c.next.public.contextBytes))
		if !c.Removed() {
			require.Equal(m, x.commit.after.facts, factsOfCandidate(m, c))
		}
		s.looked[x.commit] = c
	}
	return r.Commit
}

// deliver hands any message that was ever sent to anybody: in order or not, for the
// first time or again, to whom it is meant for or not.
func (m *model) deliver() {
	s := m.seat(func(*seat) bool { return true })
	room := s.room
	if m.chance(8, "of another group") {
		room = draw(m, "group", m.rooms)
	}
	x := oneOf(m, "message", room.messages, func(*sent) bool { return true })
	for range rapid.IntRange(1, 2).Draw(m.T, "times") {
		m.receive(s, x)
	}
}

// catchUp lets a member read messages that it can, in any order. None of them opens
// again.
func (m *model) catchUp() {
	s := m.seat(func(*seat) bool { return true })
	readable := slices.DeleteFunc(slices.Clone(s.room.messages), func(x *sent) bool {
		return x.content != message.ContentApplication || s.expect(x) != nil
	})
	if len(readable) == 0 {
		m.Skip("nothing to read")
	}
	read := drawSome(m, "messages", readable, 8)
	for _, x := range append(read, read...) {
		m.receive(s, x)
	}
}

// tamper hands a member a message with an octet changed, or without its end. Only
// an external commit has no more than a confirmation tag over what its signature
// does not cover, and whom it removes cannot check that.
func (m *model) tamper() {
	s := m.seat(func(*seat) bool { return true })
	x := oneOf(m, "message", s.room.messages, func(x *sent) bool {
		return x.commit == nil || !x.commit.external || !slices.Contains(x.commit.removed, s.leaf)
	})
	b := mlstest.Flipped(x.bytes, rapid.IntRange(0, len(x.bytes)-1).Draw(m.T, "octet"))
	if m.chance(4, "cut") {
		b = x.bytes[:rapid.IntRange(0, len(x.bytes)-1).Draw(m.T, "length")]
	}
	m.refused(s, nil, func() error {
		_, err := s.group.Process(m.ctx, insiderTime, b)
		return err
	})
}

// advance lets a member follow to the next epoch.
func (m *model) advance() {
	m.advanceSeat(m.seat(func(s *seat) bool { return s.epoch < s.room.head().number }))
}

// advanceAll lets everybody follow to the latest epoch.
func (m *model) advanceAll() {
	behind := func(s *seat) bool { return s.epoch < s.room.head().number }
	m.seat(behind)
	for _, s := range m.seats(behind) {
		for s.live() && behind(s) {
			m.advanceSeat(s)
		}
	}
}

func (m *model) advanceSeat(s *seat) {
	e := s.room.epoch(s.epoch)
	won := s.room.epoch(s.epoch + 1).commit
	for _, other := range drawSome(m, "look at", e.commits, 2) { // without adopting it
		if other != won {
			m.receive(s, other.message)
		}
	}
	next := s.looked[won]
	if won.by == s {
		next = won.candidate
	}
	if next == nil {
		missing := s.missing(won)
		if len(missing) > 0 && m.chance(2, "commit first") {
			m.receive(s, won.message)
		}
		for len(missing) > 0 {
			i := rapid.IntRange(0, len(missing)-1).Draw(m.T, "proposal")
			m.receive(s, missing[i])
			missing = slices.Delete(missing, i, i+1)
		}
		next = m.receive(s, won.message)
	}
	old := s.group
	g, err := next.Adopt()
	retired := func() {
		_, err := old.Process(m.ctx, insiderTime, won.message.bytes)
		require.ErrorIs(m, err, ErrRetired)
		_, err = old.Commit(m.ctx, insiderTime, CommitOptions{})
		require.ErrorIs(m, err, ErrRetired)
		_, err = next.Adopt()
		require.ErrorIs(m, err, ErrRetired)
	}
	if slices.Contains(won.removed, s.leaf) {
		require.ErrorIs(m, err, ErrRemoved)
		s.gone = true
		retired()
		return
	}
	require.NoError(m, err)
	s.enter(g)
	retired()
}

// watch lets a delivery service follow a commit to the next epoch, if everything it
// takes is public.
func (m *model) watch(r *room, c *commitModel) {
	e, follower := r.head(), r.follower
	r.follower = nil
	messages := slices.DeleteFunc(slices.Clone(e.proposals), func(x *sent) bool { return !slices.Contains(c.refs, x.ref) })
	if messages = append(messages, c.message); slices.ContainsFunc(messages, func(x *sent) bool { return x.private }) {
		return
	}
	if follower == nil {
		i := slices.IndexFunc(r.seats, (*seat).atHead)
		if i < 0 {
			return
		}
		info, err := r.seats[i].group.GroupInfo(m.ctx, insiderTime, true)
		require.NoError(m, err)
		cfg := r.seats[i].actor.config(r.suite.Info().ID)
		cfg.Proposals = customTypes()
		follower, err = NewPublicGroup(m.ctx, insiderTime, cfg, info, nil)
		require.NoError(m, err)
	}
	for _, x := range messages {
		if m.durable && m.chance(3, "restart of the delivery service") {
			state, err := storeAll(follower)
			require.NoError(m, err)
			follower, err = RestorePublicGroup(insiderTime, *follower.cfg, m.reload(state))
			require.NoError(m, err)
		}
		received, err := follower.Process(m.ctx, insiderTime, x.bytes)
		require.NoError(m, err)
		if received.Commit != nil {
			r.follower = received.Commit.Adopt()
		}
	}
	p := r.follower.public
	require.Equal(m, c.after.facts.context, string(p.contextBytes))
	require.Equal(m, c.after.facts.treeHash, string(p.tree.Hash()))
	require.Equal(m, c.candidate.next.public.confirmationTag, p.confirmationTag)
}

// join lets a client answer an invitation, maybe late.
func (m *model) join() {
	var invited []*seat
	for _, r := range m.rooms {
		for _, s := range r.seats {
			if s.offer != nil {
				invited = append(invited, s)
			}
		}
	}
	m.joinSeat(oneOf(m, "invited", invited, func(*seat) bool { return true }))
}

func (m *model) joinSeat(s *seat) {
	m.Logf("%s joins epoch %d of %s", s.actor.name, s.first, s.room.id)
	if m.durable && m.chance(2, "restart") {
		m.restartKeyPackage(s)
	}
	options := JoinOptions{RatchetTree: s.offer.tree}
	b := s.offer.welcome
	welcome, err := message.Parse[message.Message](b)
	require.NoError(m, err)
	if len(welcome.Welcome.Secrets) == 1 { // no octet is for another
		_, err = s.offer.own.Join(m.ctx, insiderTime, mlstest.Flipped(b, rapid.IntRange(0, len(b)-1).Draw(m.T, "octet")), options)
		require.Error(m, err)
	}
	g, err := adopted(s.offer.own.Join(m.ctx, insiderTime, b, options))
	if want := m.expectJoin(s); want != nil {
		require.ErrorIs(m, err, want)
		return
	}
	require.NoError(m, err)
	_, err = s.offer.own.Join(m.ctx, insiderTime, b, options)
	require.ErrorIs(m, err, ErrKeyPackageUsed, "a key package is for one join")
	saved := s.offer.own.saved
	s.enter(g)
	if saved {
		m.firstSave(s)
	}
}

// expectJoin returns the error of a join.
func (m *model) expectJoin(s *seat) error {
	for _, id := range s.offer.psks {
		if id.Usage == 0 {
			if _, err := s.actor.ExternalPSK(m.ctx, id.ID); err != nil {
				return err
			}
			continue
		}
		old := s.actor.seatIn(id.GroupID)
		switch {
		case old == nil:
			return ErrUnknownPSK
		case old.gone:
			return ErrRetired
		case id.Epoch < old.first || id.Epoch > old.epoch || id.Epoch+resumptionWindow < old.epoch:
			return ErrUnknownPSK
		}
		e := old.room.epoch(old.epoch)
		for _, o := range s.room.epoch(s.first).members() {
			if id.Usage == message.ResumptionPSKBranch && e.seatOf(o.actor) == nil {
				return message.ErrInvalid
			}
		}
	}
	return nil
}

// eavesdrop lets somebody who is out of a group try all it has on what is sent
// there now.
func (m *model) eavesdrop() {
	s := m.seat(func(s *seat) bool { return !slices.Contains(s.room.head().occupants, s) })
	x := oneOf(m, "message", s.room.messages, func(x *sent) bool {
		return x.private && x.epoch > s.epoch && !slices.Contains(s.room.epoch(x.epoch).occupants, s)
	})
	private := privateIn(m, x.bytes)
	f := s.group.public.framing(s.group.secrets)
	f.Group, f.GroupContext = &message.GroupContext{GroupID: x.room.id, Epoch: x.epoch}, []byte(x.room.epoch(x.epoch).facts.context)
	m.refused(s, ErrDecrypt, func() error {
		_, _, err := f.UnprotectPrivate(s.group.inbox.ratchets.Finder(s.group.inbox.mu, s.group.cfg.Limits.ratchet()), private)
		return err
	})
}
