package memory

import (
	"bytes"
	"context"
	"slices"

	"github.com/mlsuite/mlsuite/delivery"
)

func (s *service) Submit(ctx context.Context, sub delivery.Submission) (delivery.Position, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	if err := sub.Check(); err != nil {
		return 0, err
	}
	v := s.server
	if was, ok := v.taken[taken{s.client, sub.ID}]; ok {
		if err := sub.CheckOnce(was.sum); err != nil {
			return 0, err
		}
		v.invite(was.follow)
		was.follow = nil
		v.taken[taken{s.client, sub.ID}] = was
		return was.position, nil
	}
	if err := v.check(sub); err != nil {
		return 0, err
	}
	for _, c := range sub.Commits {
		of := delivery.Stream{Group: c.Group}
		if len(c.Message) > 0 {
			v.append(of, delivery.Entry{
				Kind: delivery.KindCommit, ID: sub.ID, From: s.client,
				Group: c.Group, Epoch: c.Epoch, Message: bytes.Clone(c.Message),
			})
		} else {
			v.last++ // the epoch begins at a Position, though nothing tells of it
			v.stream(of)
		}
		v.groups[c.Group] = &group{epoch: c.Epoch + 1, began: v.last, info: delivery.GroupInfo{
			Epoch: c.Epoch + 1, Position: v.last, Message: bytes.Clone(c.GroupInfo), Tree: bytes.Clone(c.Tree),
		}}
	}
	var invitations []invitation
	for _, w := range sub.Welcomes {
		e := delivery.Entry{ // whose bytes all share: Fetch copies them
			Kind: delivery.KindWelcome, ID: sub.ID, From: s.client, Start: v.groups[w.Group].began,
			Group: w.Group, Epoch: v.groups[w.Group].epoch, Message: bytes.Clone(w.Message), Tree: bytes.Clone(w.Tree),
		}
		for _, client := range w.Clients {
			invitations = append(invitations, invitation{client, e})
		}
	}
	now := len(invitations)
	if v.options.AtOnce > 0 {
		now = min(now, v.options.AtOnce)
	}
	v.invite(invitations[:now])
	v.taken[taken{s.client, sub.ID}] = took{v.last, sub.Sum(), invitations[now:]}
	if now < len(invitations) {
		return 0, delivery.ErrUnknown
	}
	return v.last, nil
}

// invite puts Welcomes into inboxes.
func (v *Server) invite(all []invitation) {
	for _, in := range all {
		v.append(delivery.Stream{Client: in.client}, in.entry)
	}
}

// check returns why a Submission is not taken now.
func (v *Server) check(sub delivery.Submission) error {
	for _, c := range sub.Commits {
		if err := v.checkSizes(c.Message, c.GroupInfo, c.Tree); err != nil {
			return err
		}
		g := v.groups[c.Group]
		if g == nil && c.Epoch != 0 || g != nil && g.epoch != c.Epoch {
			return epochError(c.Group, c.Epoch, g)
		}
	}
	for _, w := range sub.Welcomes {
		if err := v.checkSizes(w.Message, w.Tree); err != nil {
			return err
		}
	}
	return nil
}

func (v *Server) checkSizes(messages ...[]byte) error {
	for _, m := range messages {
		if v.options.MaxMessage > 0 && len(m) > v.options.MaxMessage {
			return delivery.ErrTooLarge
		}
	}
	return nil
}

func epochError(id string, epoch uint64, g *group) error {
	e := &delivery.EpochError{Group: id, Epoch: epoch}
	if g != nil {
		e.Current, e.CurrentPosition = g.epoch, g.began
	}
	return e
}

func (s *service) Send(ctx context.Context, m delivery.Message) (delivery.Position, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return 0, err
	}
	defer leave()
	if err := m.Check(); err != nil {
		return 0, err
	}
	v := s.server
	if was, ok := v.taken[taken{s.client, m.ID}]; ok {
		return was.position, nil
	}
	if err := v.checkSizes(m.Message); err != nil {
		return 0, err
	}
	g := v.groups[m.Group]
	if g == nil {
		return 0, delivery.ErrNoGroup
	}
	if m.Epoch > g.epoch {
		return 0, epochError(m.Group, m.Epoch, g)
	}
	if pending := &g.info.SelfRemoves; m.SelfRemove && m.Epoch == g.epoch && len(*pending) < delivery.MaxSelfRemoves {
		*pending = append(*pending, bytes.Clone(m.Message))
	}
	v.append(delivery.Stream{Group: m.Group}, delivery.Entry{
		Kind: delivery.KindMessage, ID: m.ID, From: s.client,
		Group: m.Group, Epoch: m.Epoch, Message: bytes.Clone(m.Message),
	})
	v.taken[taken{s.client, m.ID}] = took{position: v.last}
	return v.last, nil
}

func (s *service) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	st, leave, err := s.read(ctx, of)
	if err != nil {
		return nil, err
	}
	defer leave()
	if after < st.dropped {
		e := &delivery.GapError{Stream: of, After: after, Kept: st.dropped}
		if len(st.entries) > 0 {
			e.Oldest = st.entries[0].Position
		}
		return nil, e
	}
	first, _ := slices.BinarySearchFunc(st.entries, after+1, func(e delivery.Entry, p delivery.Position) int {
		return int(int64(e.Position) - int64(p))
	})
	found := st.entries[first:]
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return copied(found), nil
}

// read begins a call on a stream, as enter does. The error is ErrNoGroup for another client's
// inbox and for a group that is unknown.
func (s *service) read(ctx context.Context, of delivery.Stream) (st *stream, leave func(), err error) {
	if leave, err = s.enter(ctx); err != nil {
		return nil, nil, err
	}
	if of.Group != "" && s.server.groups[of.Group] == nil || of.Group == "" && of.Client != s.client {
		leave()
		return nil, nil, delivery.ErrNoGroup
	}
	return s.server.stream(of), leave, nil
}

func copied(entries []delivery.Entry) []delivery.Entry {
	out := slices.Clone(entries)
	for i := range out {
		out[i].Message, out[i].Tree = bytes.Clone(out[i].Message), bytes.Clone(out[i].Tree)
	}
	return out
}

func (s *service) GroupInfo(ctx context.Context, id string) (delivery.GroupInfo, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return delivery.GroupInfo{}, err
	}
	defer leave()
	g := s.server.groups[id]
	if g == nil || len(g.info.Message) == 0 {
		return delivery.GroupInfo{}, delivery.ErrNoGroup
	}
	info := g.info
	info.Message, info.Tree = bytes.Clone(info.Message), bytes.Clone(info.Tree)
	info.SelfRemoves = slices.Clone(info.SelfRemoves)
	for i, m := range info.SelfRemoves {
		info.SelfRemoves[i] = bytes.Clone(m)
	}
	return info, nil
}

func (s *service) Acknowledge(ctx context.Context, of delivery.Stream, position delivery.Position) error {
	st, leave, err := s.read(ctx, of)
	if err != nil {
		return err
	}
	defer leave()
	st.acked[s.client] = max(st.acked[s.client], position)
	return nil
}

func (s *service) Acknowledged(ctx context.Context, of delivery.Stream) (delivery.Position, error) {
	st, leave, err := s.read(ctx, of)
	if err != nil {
		return 0, err
	}
	defer leave()
	return st.acked[s.client], nil
}

func (s *service) Leave(ctx context.Context, of delivery.Stream) error {
	st, leave, err := s.read(ctx, of)
	if err != nil {
		return err
	}
	defer leave()
	delete(st.acked, s.client)
	return nil
}
