package guard

import (
	"context"
	"errors"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/internal/publiccommit"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// A guard that did not see a group begin, or that has lost it, begins with what the service has of
// the group's epoch, if that is a GroupInfo with the tree. It reads the commit that began the
// epoch as well: so it knows that handshakes are public, and that the GroupInfo is the commit's.

// askEvery is the time after which a guard looks again whether it can begin to follow a group.
const askEvery = time.Minute

// Of a group with which the guard does not begin by the record of the service, the store has a
// byte under apartOf: handshakes are private, or something went past the guard that no member
// takes. A commit that comes with the GroupInfo and the tree ends that.
func apartOf(group string) []byte { return store.Key([]byte("apart"), []byte(group)) }

func (f *followed) readApart(r store.Reader, group string) error {
	value, err := r.Get(apartOf(group))
	f.apart = value != nil
	return err
}

// setApart notes that a group is not followed by the record of the service.
func (g *Guard) setApart(ctx context.Context, group string, f *followed) error {
	err := g.update(ctx, func(w store.Writer) error { return w.Put(apartOf(group), []byte{1}) })
	f.apart = err == nil
	return err
}

// begin begins to follow a group by the record of the service, if that can be. The caller has
// the group's turn.
func (g *Guard) begin(ctx context.Context, group string, f *followed) error {
	now := g.cfg.Now()
	if f.apart || f.partner != "" || !f.asked.IsZero() && now.Before(f.asked.Add(askEvery)) {
		return nil
	}
	info, err := g.cfg.Service.GroupInfo(ctx, group)
	if errors.Is(err, delivery.ErrNoGroup) || err == nil && info.Epoch == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	entries, err := g.cfg.Service.Fetch(ctx, delivery.Stream{Group: group}, info.Position-1, 1)
	if gap := (*delivery.GapError)(nil); err != nil && !errors.As(err, &gap) {
		return err
	}
	f.asked = now
	if err != nil || len(entries) == 0 || g.isPair(entries[0].Message) {
		return nil // it is no longer kept, or it is none of this group alone
	}
	commit := delivery.Commit{Group: group, Epoch: info.Epoch - 1, Message: entries[0].Message, GroupInfo: info.Message, Tree: info.Tree}
	m, err := checkHeader(&commit)
	switch {
	case err != nil || m == nil || publiccommit.External(m) && !g.cfg.PublicOnly:
		return nil // another commit may show more
	case m.PrivateMessage != nil:
		return g.setApart(ctx, group, f)
	}
	next, err := g.first(ctx, &commit, m, suite.Continue, g.cfg.MLS.Policy)
	if err != nil || g.infoIn(next.GroupContext().Extensions) != nil { // of a pair, both commits are needed
		if open := undecidedBy(ctx, err); open != nil {
			f.asked = time.Time{}
			return open
		}
		g.cfg.Logger.InfoContext(ctx, "not followed yet", "group", group, "epoch", info.Epoch, "error", err)
		return nil
	}
	f.position = info.Position
	f.enter(g, next, nil)
	if err := g.moveBack(ctx, group, f); err != nil {
		return g.notBegun(group, f, err)
	}
	if err := g.save(ctx, group, f); err != nil {
		return g.notBegun(group, f, err)
	}
	g.acknowledge(ctx, f.stream(group), f.position)
	g.cfg.Logger.InfoContext(ctx, "followed by the record of the service", "group", group, "epoch", info.Epoch)
	return nil
}

// notBegun takes back what is in memory of a group that could not be stored.
func (g *Guard) notBegun(group string, f *followed, err error) error {
	g.forget(group)
	f.public, f.seen, f.position = nil, nil, 0
	return err
}

// beginAgain gives up what the guard knows of a group, and follows it from what the service has. was
// is as for drop.
func (g *Guard) beginAgain(ctx context.Context, group string, was *followed, cause error) (*followed, error) {
	g.cfg.Logger.ErrorContext(ctx, "lost", "group", group, "error", cause)
	if _, err := g.drop(ctx, group, was, false); err != nil {
		return nil, err
	}
	return g.follow(ctx, group)
}
