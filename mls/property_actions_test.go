package mls

import (
	"bytes"
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

// proposal draws a proposal for a member's current epoch, not an Update. It may be
// unfit, by design: anybody may propose anything.
func (m *model) proposal(s *seat, e *epochModel) message.Proposal {
	switch draw(m, "proposal", []message.ProposalType{
		codepoint.ProposalAdd, codepoint.ProposalAdd, codepoint.ProposalAdd, codepoint.ProposalAdd, codepoint.ProposalRemove, codepoint.ProposalRemove, codepoint.ProposalRemove,
		codepoint.ProposalPSK, codepoint.ProposalGroupContextExtensions, codepoint.ProposalReInit, strangeProposal, bareProposal,
	}) {
	case strangeProposal:
		return m.custom(e, strangeProposal)
	case bareProposal:
		return m.custom(e, bareProposal)
	case codepoint.ProposalAdd:
		outside := slices.DeleteFunc(slices.Clone(m.actors), func(a *actor) bool { return e.seatOf(a) != nil })
		if len(outside) == 0 || m.chance(8, "member") {
			outside = m.actors
		}
		return message.Add{KeyPackage: draw(m, "who", outside).keyPackage(s.room.suite.Info().ID)}
	case codepoint.ProposalRemove:
		return message.Remove{Removed: e.leafOf(draw(m, "who", e.members()))}
	case codepoint.ProposalPSK:
		if m.chance(4, "resumption") {
			ago := rapid.Uint64Range(0, s.epoch-s.first).Draw(m.T, "epochs ago")
			return resumptionPSK(s.room.id, s.epoch-min(ago, resumptionWindow))
		}
		return externalPSK(draw(m, "psk", []string{commonPSK, commonPSK, privatePSK, "nobody has it"}))
	case codepoint.ProposalGroupContextExtensions:
		return message.GroupContextExtensions{Extensions: m.extensions(s.room)}
	}
	if len(m.rooms) >= maxRooms || !m.chance(3, "reinit") {
		return externalPSK(commonPSK)
	}
	return message.ReInit{GroupID: m.name("group"), CipherSuite: draw(m, "suite", m.suites)}
}

// custom is a proposal of a custom type, or of a PSK where a member does not support it.
func (m *model) custom(e *epochModel, t message.ProposalType) message.Proposal {
	if slices.ContainsFunc(e.members(), func(s *seat) bool { return s.actor.plain }) {
		return externalPSK(commonPSK)
	}
	return message.Custom{ProposalType: t, Data: m.name("content")}
}

// extensions draws the extensions of a group.
func (m *model) extensions(r *room) message.Extensions {
	var list message.Extensions
	if m.chance(2, "custom") {
		list = append(list, message.Extension{Type: customExtension, Data: m.name("data")})
	}
	if m.chance(2, "required") {
		data, err := message.Marshal(&message.RequiredCapabilities{Credentials: []message.CredentialType{message.CredentialBasic}})
		require.NoError(m, err)
		list = append(list, message.Extension{Type: message.ExtensionRequiredCapabilities, Data: data})
	}
	if m.chance(2, "external senders") {
		outside := m.actors[len(m.actors)-1].config(r.suite.Info().ID)
		data, err := message.Marshal(&message.ExternalSenders{{SignatureKey: outside.Signer.PublicKey(), Credential: outside.Credential}})
		require.NoError(m, err)
		list = append(list, message.Extension{Type: message.ExtensionExternalSenders, Data: data})
	}
	return list
}

// propose lets a member propose, maybe in an epoch that has passed.
func (m *model) propose() {
	s := m.seat(func(s *seat) bool {
		return !s.ended() && s.sends < maxHandshakes
	})
	m.save(s)
	var msg []byte
	var err error
	if m.chance(2, "update") {
		msg, err = s.group.ProposeUpdate(m.ctx, insiderTime, LeafOptions{}, nil)
	} else {
		p := m.proposal(s, s.room.epoch(s.epoch))
		msg, err = s.group.Propose(m.ctx, insiderTime, p, []byte("aad"))
		if !s.takes(p) {
			require.ErrorIs(m, err, message.ErrInvalid, "no commit could cover it")
			return
		}
	}
	require.NoError(m, err)
	kept := s.group.inbox.cache.proposals[len(s.group.inbox.cache.proposals)-1]
	s.held[string(kept.Ref)] = true
	m.send(s.room, s, &sent{bytes: msg, content: message.ContentProposal, ref: string(kept.Ref), proposal: kept.Proposal})
}

// takes reports whether the seat's group can take a proposal: an Add of a client that is no
// member, or whose Remove waits, and that supports the group's extensions; extensions that
// all members support.
func (s *seat) takes(p message.Proposal) bool {
	lacks := func(leaf *message.LeafNode) bool {
		return !slices.Contains(leaf.Capabilities.Extensions, customExtension)
	}
	switch p := p.(type) {
	case message.Add:
		leaf := &p.KeyPackage.LeafNode
		if _, custom := s.group.public.context.Extensions.Find(customExtension); custom && lacks(leaf) {
			return false
		}
		holder, held := s.group.public.tree.HasSignatureKey(leaf.SignatureKey)
		return !held || leavingBy(s.group.inbox.pending())[holder]
	case message.GroupContextExtensions:
		if _, custom := p.Extensions.Find(customExtension); !custom {
			return true
		}
		for _, leaf := range s.group.Members() {
			if lacks(leaf) {
				return false
			}
		}
	}
	return true
}

// ended reports whether the seat's epoch is the last of its group.
func (s *seat) ended() bool { return s.room.ended != nil && s.epoch == s.room.head().number }

// proposeFromOutside lets a client ask to be added, or an external sender propose.
func (m *model) proposeFromOutside() {
	r := oneOf(m, "group", m.rooms, func(r *room) bool { return r.ended == nil })
	e := r.head()
	outside := ExternalProposer{Suite: r.suite, GroupID: r.id, Epoch: e.number}
	var msg []byte
	var err error
	var p message.Proposal
	if a := draw(m, "who", m.actors); e.has(message.ExtensionExternalSenders) && m.chance(2, "external sender") {
		p = m.proposal(&seat{actor: a, room: r, epoch: e.number, first: e.number}, e)
		signer := m.actors[len(m.actors)-1].config(r.suite.Info().ID).Signer
		msg, err = outside.Propose(m.ctx, signer, 0, p)
	} else {
		kp := a.keyPackage(r.suite.Info().ID)
		p = message.Add{KeyPackage: kp}
		msg, err = outside.ProposeJoin(m.ctx, m.keyPackages[string(kp.InitKey)].own)
	}
	require.NoError(m, err)
	public := publicIn(m, msg)
	ref, err := framing.ProposalRef(r.suite, &framing.AuthenticatedContent{WireFormat: message.WireFormatPublicMessage, Content: public.Content, Auth: public.Auth})
	require.NoError(m, err)
	m.send(r, nil, &sent{bytes: msg, content: message.ContentProposal, ref: string(ref), proposal: p})
}

// send enters a message.
func (m *model) send(r *room, s *seat, x *sent) *sent {
	x.room, x.sender, x.epoch = r, s, r.head().number
	if s != nil {
		x.epoch = s.epoch
		x.private = x.content == message.ContentApplication || !s.group.cfg.PublicHandshake
		if x.private {
			x.generation = uint32(s.group.inbox.ratchets.Ratchets[s.leaf].Of(x.content).Next - 1)
			require.GreaterOrEqual(m, x.generation, s.sentBy[x.ratchet()], "a generation is used once")
			s.sentBy[x.ratchet()] = x.generation + 1
		}
		if x.content != message.ContentApplication {
			s.sends++
		}
	}
	if x.content == message.ContentProposal {
		e := r.epoch(x.epoch)
		e.proposals = append(e.proposals, x)
	}
	r.messages = append(r.messages, x)
	return x
}

// talk lets a member send application data, maybe in an epoch that has passed.
func (m *model) talk() {
	s := m.seat(func(s *seat) bool { return true })
	if s.ended() || m.awaitsCommit(s) {
		want := ErrReInit
		if !s.ended() {
			want = ErrPendingProposals
		}
		m.refused(s, want, func() error {
			_, err := s.group.Encrypt(m.ctx, insiderTime, []byte("too early or too late"), nil)
			return err
		})
		return
	}
	n := rapid.IntRange(1, 4).Draw(m.T, "messages")
	if m.chance(8, "many") {
		n = int(m.limits.MaxForward) + 3
	}
	for range n {
		m.save(s)
		text := m.name("text")
		msg, err := s.group.Encrypt(m.ctx, insiderTime, text, []byte("aad"))
		require.NoError(m, err)
		m.send(s.room, s, &sent{bytes: msg, content: message.ContentApplication, text: string(text)})
	}
}

// awaitsCommit reports whether a member has a proposal that it commits before it sends
// data: any of a member but a PSK that it has not, or one from outside that it could
// commit.
func (m *model) awaitsCommit(s *seat) bool {
	e := s.room.epoch(s.epoch)
	return slices.ContainsFunc(e.proposals, func(x *sent) bool {
		_, psk := x.proposal.(message.PreSharedKey)
		return s.held[x.ref] && (x.sender != nil && !psk || m.fits(s, e, []message.Proposal{x.proposal}))
	})
}

// refuse asks a member for what it has to refuse.
func (m *model) refuse() {
	s := m.seat(func(s *seat) bool { return !s.ended() })
	e := s.room.epoch(s.epoch)
	self := message.Add{KeyPackage: s.actor.keyPackage(s.room.suite.Info().ID)}
	psk := externalPSK(commonPSK)
	psk.PSK.Nonce = bytes.Repeat([]byte{1}, s.room.suite.Info().KDF.Nh)
	proposals := draw(m, "proposals", [][]message.Proposal{
		{message.Remove{Removed: s.leaf}}, {message.Remove{Removed: message.LeafIndex(len(e.occupants))}}, {self}, {externalPSK("nobody has it")},
		{psk, psk}, {message.GroupContextExtensions{}, message.GroupContextExtensions{}}, {message.ReInit{CipherSuite: m.suites[0]}, psk},
		{message.GroupContextExtensions{Extensions: message.Extensions{{Type: 0xF200}}}}, {resumptionPSK(s.room.id, s.epoch+1)},
	})
	m.refused(s, nil, func() error {
		_, err := s.group.Commit(m.ctx, insiderTime, CommitOptions{WithoutPending: true}, proposals...)
		return err
	})
}

// branch lets a member create a group of some members of its epoch.
func (m *model) branch() {
	if len(m.rooms) >= maxRooms || !m.chance(4, "branch") {
		m.Skip("groups enough")
	}
	s := m.seat(func(*seat) bool { return true })
	id := s.room.suite.Info().ID
	others := slices.DeleteFunc(s.room.epoch(s.epoch).members(), func(o *seat) bool { return o == s })
	var members []*message.KeyPackage
	for _, o := range drawSome(m, "members", others, len(others)) {
		members = append(members, o.actor.keyPackage(id))
	}
	stranger := oneOf(m, "stranger", append(m.actors, nil), func(a *actor) bool {
		return a == nil || s.room.epoch(s.epoch).seatOf(a) == nil
	})
	if stranger != nil {
		m.refused(s, message.ErrInvalid, func() error {
			_, err := s.group.Branch(m.ctx, insiderTime, s.actor.config(id), nil, nil, []*message.KeyPackage{stranger.keyPackage(id)}, FollowUpOptions{})
			return err
		})
	}
	c, err := s.group.Branch(m.ctx, insiderTime, s.actor.config(id), m.name("group"), nil, members, FollowUpOptions{})
	require.NoError(m, err)
	m.follow(s, c)
}

// reinitialize lets a member create the group that follows one that has ended.
func (m *model) reinitialize() {
	s := m.seat(func(s *seat) bool { return s.ended() && !s.room.followed })
	r := s.room.ended
	var members []*message.KeyPackage
	for _, o := range s.room.head().members() {
		if o != s {
			members = append(members, o.actor.keyPackage(r.CipherSuite))
		}
	}
	if len(members) > 0 {
		m.refused(s, message.ErrInvalid, func() error {
			_, err := s.group.Reinitialize(m.ctx, insiderTime, s.actor.config(r.CipherSuite), members[1:], FollowUpOptions{})
			return err
		})
	}
	c, err := s.group.Reinitialize(m.ctx, insiderTime, s.actor.config(r.CipherSuite), members, FollowUpOptions{})
	require.NoError(m, err)
	s.room.followed = true
	m.follow(s, c)
}

const maxRooms = 4

// follow enters a group that follows another, in epoch 1.
func (m *model) follow(s *seat, c *Candidate) {
	want := factsOfCandidate(m, c)
	psks := c.proposals[0].Proposal.(message.PreSharedKey).PSK
	g, err := c.Adopt()
	require.NoError(m, err)
	r := m.open(s.actor, g)
	e := r.head()
	require.EqualValues(m, 1, e.number)
	require.Equal(m, want, e.facts)
	for _, item := range c.proposals[1:] {
		who := m.keyPackages[string(item.Proposal.(message.Add).KeyPackage.InitKey)]
		joiner := &seat{actor: who.actor, room: r, first: 1,
			offer: &offer{own: who.own, welcome: c.Welcome, psks: []message.PreSharedKeyID{psks}}}
		r.seats, e.occupants = append(r.seats, joiner), append(e.occupants, joiner)
	}
	for n := len(e.occupants); n&(n-1) != 0; n++ {
		e.occupants = append(e.occupants, nil)
	}
	m.checkEpoch(r, g.public)
}
