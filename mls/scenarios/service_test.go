package scenarios_test

import (
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
)

// service is a delivery service: it accepts one commit in each epoch of a group, and one
// group of each id.
type service struct {
	accepted map[string]*parcel // by group and epoch
	public   *mls.PublicGroup   // of the group that it follows, or nil
}

// serviceDoes plays a command of the delivery service.
func (w *world) serviceDoes(s *sentence) {
	w.t.Helper()
	switch s.one("accepts", "delivers", "follows by") {
	case "accepts":
		w.accepts(w.sent(s), w.except(s))
	case "delivers":
		w.delivers(w.sent(s), w.except(s))
	default:
		w.follows(w.sent(s))
	}
}

// except takes "but not to NAME...".
func (w *world) except(s *sentence) []*client {
	w.t.Helper()
	var left []*client
	if s.take("but not to") {
		for _, name := range s.rest() {
			left = append(left, w.existing(name))
		}
	}
	return left
}

// accepts lets a commit begin the next epoch: its author adopts it, the members receive
// and adopt it, and the joiners join. A Welcome that comes without a commit begins a group.
func (w *world) accepts(p *parcel, except []*client) {
	w.t.Helper()
	place := fmt.Sprintf("epoch %d of %s", p.epoch, p.group)
	if p.kind == "welcome" {
		place = "group " + p.group
	}
	if before := w.service.accepted[place]; before != nil {
		w.see("service", "%s has %s already", place, before)
		return
	}
	if !w.publicReceives(p) {
		return
	}
	w.service.accepted[place] = p
	others := slices.DeleteFunc(slices.Clone(w.clients), func(c *client) bool {
		return c == p.author || c.groups[p.group] == nil || slices.Contains(p.joiners, c) || slices.Contains(except, c)
	})
	for _, c := range others {
		if c.candidates[p] == nil {
			c.receives(p, &sentence{t: w.t})
		}
	}
	for _, c := range append([]*client{p.author}, others...) {
		if c.candidates[p] != nil && !slices.Contains(except, c) {
			c.adopts(p)
		}
	}
	for _, c := range p.joiners {
		if !slices.Contains(except, c) {
			c.joinsBy(w.welcome(p), p.follows)
		}
	}
}

// welcome returns the Welcome that belongs to a commit.
func (w *world) welcome(p *parcel) *parcel {
	w.t.Helper()
	if p.kind == "welcome" {
		return p
	}
	i := slices.Index(w.parcels, p) + 1
	require.Less(w.t, i, len(w.parcels))
	require.Equal(w.t, "welcome", w.parcels[i].kind)
	return w.parcels[i]
}

// delivers shows a proposal or an application message to all members but its author.
func (w *world) delivers(p *parcel, except []*client) {
	w.t.Helper()
	w.publicReceives(p)
	for _, c := range w.clients {
		if c != p.author && c.groups[p.group] != nil && !slices.Contains(except, c) {
			c.receives(p, &sentence{t: w.t})
		}
	}
}

// follows starts a public group, with which the service checks what it accepts.
func (w *world) follows(info *parcel) {
	public, err := mls.NewPublicGroup(w.ctx(), w.now, mls.Config{Suites: mlstest.AllSuites()}, info.data, nil)
	if err != nil {
		w.see("service", "error: %v", err)
		return
	}
	w.service.public = public
	w.see("service", "follows %s in epoch %d with %s", public.GroupID(), public.Epoch(), members(public.Members()))
}

// publicReceives shows a handshake to the service's public group, if it follows the group,
// and reports whether the message is good.
func (w *world) publicReceives(p *parcel) bool {
	g := w.service.public
	if g == nil || string(g.GroupID()) != p.group || p.kind == "message" || p.kind == "welcome" {
		return true
	}
	received, err := g.Process(w.ctx(), w.now, p.data)
	if err != nil {
		w.see("service", "error: %v", err)
		return false
	}
	if received.Commit != nil {
		w.see("service", "received %s: %s", p, changes(received.Commit))
		w.service.public = received.Commit.Adopt()
		return true
	}
	w.see("service", "kept %s: %s", p, proposal(g.Members(), received.Proposal))
	return true
}
