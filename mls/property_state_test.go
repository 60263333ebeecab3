package mls

import (
	"errors"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mlsuite/mlsuite/mls/message"
)

// reload returns a state as it comes back from storage.
func (m *model) reload(state Snapshot) Snapshot {
	b, err := state.Marshal()
	require.NoError(m, err)
	state, err = ParseSnapshot(b)
	require.NoError(m, err)
	return state
}

// save brings the saved state of a seat up to date, if it has one, as is due before
// it sends.
func (m *model) save(s *seat) {
	if s.store == nil {
		return
	}
	for {
		delta, err := s.group.Delta()
		require.NoError(m, err)
		if m.chance(8, "not stored") {
			continue
		}
		s.store = s.store.Apply(delta)
		if m.chance(8, "not told") {
			continue
		}
		delta.Stored()
		return
	}
}

// firstSave saves the whole state of a seat, which cannot send before.
func (m *model) firstSave(s *seat) {
	require.ErrorIs(m, s.group.maySend(message.WireFormatPrivateMessage, message.ContentApplication), ErrUnsaved)
	var err error
	s.store, err = storeAll(s.group)
	require.NoError(m, err)
}

// restart lets a member lose all but what it saved: the group, its own commits of
// this epoch and those that it received and did not adopt yet. Messages that it sent
// after it saved are not in the state.
func (m *model) restart() {
	s := m.seat(func(s *seat) bool { return m.durable && !s.restarted && !s.looksOut() })
	id := s.room.suite.Info().ID
	if s.store == nil || m.chance(3, "whole") {
		var err error
		s.store, err = storeAll(s.group)
		require.NoError(m, err)
	} else {
		m.save(s)
	}
	before := factsOf(m, s.group)
	commits := map[*commitModel]Snapshot{}
	for c, candidate := range s.candidates() {
		state, err := candidate.Save()
		require.NoError(m, err)
		commits[c] = m.reload(state)
	}
	if !s.ended() && len(s.held) == 0 {
		for i := range rapid.IntRange(0, 3).Draw(m.T, "sent since") {
			text := m.name("text")
			msg, err := s.group.Encrypt(m.ctx, insiderTime, text, []byte("aad"))
			if i > 0 && errors.Is(err, ErrUnsaved) { // the state reserves one message at least
				break
			}
			require.NoError(m, err)
			m.send(s.room, s, &sent{bytes: msg, content: message.ContentApplication, text: string(text)})
		}
	}
	s.store = m.reload(s.store)
	g, err := RestoreGroup(insiderTime, s.actor.config(id), s.store)
	require.NoError(m, err)
	require.Equal(m, before, factsOf(m, g))
	for c, state := range commits {
		candidate, err := g.RestoreCandidate(insiderTime, state)
		require.NoError(m, err)
		require.Equal(m, c.after.facts, factsOfCandidate(m, candidate))
		if c.by == s {
			c.candidate = candidate
		} else {
			s.looked[c] = candidate
		}
	}
	s.group, s.restarted = g, true
	for _, content := range []message.ContentType{message.ContentApplication, message.ContentCommit} {
		require.ErrorIs(m, g.maySend(message.WireFormatPrivateMessage, content), ErrUnsaved)
	}
	m.save(s)
}

// candidates are those that a restart has to bring back.
func (s *seat) candidates() map[*commitModel]*Candidate {
	all := map[*commitModel]*Candidate{}
	for _, c := range s.room.epoch(s.epoch).commits {
		if c.by == s {
			all[c] = c.candidate
		} else if candidate := s.looked[c]; candidate != nil {
			all[c] = candidate
		}
	}
	return all
}

// looksOut reports whether the seat has a candidate that removes it, which is not
// saved.
func (s *seat) looksOut() bool {
	for _, candidate := range s.looked {
		if candidate.Removed() {
			return true
		}
	}
	return false
}

// restartKeyPackage lets a client lose all of a key package but what it saved.
func (m *model) restartKeyPackage(s *seat) {
	state, err := s.offer.own.Save()
	require.NoError(m, err)
	s.offer.own, err = RestoreKeyPackage(insiderTime, s.actor.config(s.room.suite.Info().ID), m.reload(state))
	require.NoError(m, err)
}

// adoptJoin lets a client enter the group that its own commit leads to, after a
// restart or not.
func (m *model) adoptJoin(s *seat, c *Candidate) {
	restart := m.durable && m.chance(2, "restart")
	if restart {
		state, err := c.Save()
		require.NoError(m, err)
		c, err = RestoreCandidate(insiderTime, s.actor.config(s.room.suite.Info().ID), m.reload(state))
		require.NoError(m, err)
	}
	g, err := c.Adopt()
	require.NoError(m, err)
	s.enter(g)
	if restart {
		m.firstSave(s)
	}
}
