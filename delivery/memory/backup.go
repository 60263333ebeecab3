package memory

import (
	"maps"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
)

// Backup keeps what the server has now. Calling restore puts the server back there, as one
// that is restored from a backup, or that loses power before what it has accepted is durable:
// what came later is gone, and its positions are given anew. Connections outlive it, and
// nobody is told.
func (s *Server) Backup() (restore func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.copy()
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		again := kept.copy()
		s.last, s.streams, s.groups, s.stocks = again.last, again.streams, again.groups, again.stocks
		s.taken, s.claims = again.taken, again.claims
	}
}

// copy returns a server with what s has, without its connections. What is in an entry or a key
// package never changes.
func (s *Server) copy() *Server {
	c := &Server{
		last: s.last, groups: map[string]*group{}, taken: maps.Clone(s.taken),
		streams: map[delivery.Stream]*stream{}, stocks: map[string]*stock{}, claims: map[claimant][]time.Time{},
	}
	for of, st := range s.streams {
		c.streams[of] = &stream{entries: slices.Clone(st.entries), dropped: st.dropped, acked: maps.Clone(st.acked)}
	}
	for id, g := range s.groups {
		kept := *g
		kept.info.SelfRemoves = slices.Clone(g.info.SelfRemoves)
		c.groups[id] = &kept
	}
	for client, st := range s.stocks {
		c.stocks[client] = &stock{once: slices.Clone(st.once), lastResort: maps.Clone(st.lastResort), handedOut: maps.Clone(st.handedOut)}
	}
	for who, times := range s.claims {
		c.claims[who] = slices.Clone(times)
	}
	return c
}
