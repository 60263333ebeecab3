package guard

import (
	"context"
	"encoding/binary"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/store"
)

// A guard is a reader of the streams that it follows: the service keeps for it what it has not
// read, as for clients. It acknowledges where it begins to follow a group, and in CatchUp. So
// requests do not wait for acknowledgements.

// CatchUp reads on in the streams of all groups that the guard follows, and acknowledges what it
// has stored. Until then, the service keeps what came since the last time. Call it when the guard
// begins, and then more often than the service deletes what all have read or what is too old: else
// the guard may lose a group that has had nothing but application data. A group that cannot be
// read now is logged and left for the next time. The error is the store's or that of ctx.
func (g *Guard) CatchUp(ctx context.Context) error {
	groups, err := g.all(ctx)
	if err != nil {
		return err
	}
	read := map[delivery.Stream]delivery.Position{} // two groups of a pair read one stream
	for _, group := range groups {
		of, position, err := g.catchUp(ctx, group)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			g.cfg.Logger.WarnContext(ctx, "not caught up", "group", group, "error", err)
			position = 0 // and nothing of the stream is acknowledged
		}
		if other, ok := read[of]; ok {
			position = min(position, other)
		}
		read[of] = position
	}
	for of, position := range read {
		if position > 0 {
			g.acknowledge(ctx, of, position)
		}
	}
	return ctx.Err()
}

// all returns the groups that are followed.
func (g *Guard) all(ctx context.Context) (groups []string, err error) {
	prefix := store.Key([]byte("position"))
	err = g.cfg.Store.View(ctx, func(r store.Reader) error {
		for e, err := range r.Scan(prefix, nil) {
			if err != nil {
				return err
			}
			groups = append(groups, string(e.Key[len(prefix)+2:])) // behind its length
		}
		return nil
	})
	return groups, err
}

// catchUp follows a group, and returns the stream that it reads and up to where: 0 if it is not
// followed. It does not bring a group into memory of which there is nothing new.
func (g *Guard) catchUp(ctx context.Context, group string) (of delivery.Stream, position delivery.Position, err error) {
	of = delivery.Stream{Group: group}
	release, err := g.take(ctx, group)
	if err != nil {
		return of, 0, err
	}
	defer release()
	f := &followed{}
	err = g.view(ctx, func(r store.Reader) error {
		if err := f.readPartner(g, r, group); err != nil {
			return err
		}
		stored, err := r.Get(positionOf(group))
		if len(stored) == 8 {
			f.position = delivery.Position(binary.BigEndian.Uint64(stored))
		}
		return err
	})
	of = f.stream(group)
	if err != nil || f.position == 0 {
		return of, 0, err
	}
	entries, err := g.cfg.Service.Fetch(ctx, of, f.position, 1)
	if err == nil && len(entries) == 0 {
		return of, f.position, nil
	}
	f, err = g.follow(ctx, group) // which knows what to do about a gap
	if err != nil || f.public == nil {
		return of, 0, err
	}
	if f.behind > 0 {
		err = g.save(ctx, group, f)
	}
	return of, f.position, err
}

// acknowledge says that the guard has stored what it follows up to a position. If that fails,
// the service keeps more than it has to, or, where the guard has just begun, may delete what the
// guard has not read until CatchUp.
func (g *Guard) acknowledge(ctx context.Context, of delivery.Stream, position delivery.Position) {
	if err := g.cfg.Service.Acknowledge(ctx, of, position); err != nil {
		g.cfg.Logger.WarnContext(ctx, "not acknowledged", "group", of.Group, "error", err)
	}
}

// stopReading takes the stream of a group that is no longer followed off what the guard reads,
// unless the other group of its pair is followed.
func (g *Guard) stopReading(ctx context.Context, group string, f *followed) error {
	if f.partner != "" {
		var other []byte
		err := g.view(ctx, func(r store.Reader) (err error) {
			other, err = r.Get(positionOf(f.partner))
			return err
		})
		if err != nil || other != nil {
			return err
		}
	}
	if err := g.cfg.Service.Leave(ctx, f.stream(group)); err != nil {
		g.cfg.Logger.WarnContext(ctx, "still a reader", "group", group, "error", err)
	}
	return nil
}
