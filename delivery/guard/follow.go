package guard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/internal/grouprecords"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// followed is a group as the guard knows it. Whoever has the group's turn may use it.
type followed struct {
	public   *mls.PublicGroup // nil if the guard does not follow it
	position delivery.Position

	// unsure says that the group has begun without a commit, as one that follows a ReInit does,
	// and that nobody has shown since whether its handshakes are public.
	unsure, settled bool // settled: it was, as far as the store knows

	apart bool      // the guard does not begin with the record of the service: see begin.go
	asked time.Time // when the guard last looked for that record, and could not begin with it

	partner string // the other group of a pair, or ""
	first   bool   // the stream of this one has the commits of both
	pair    *suite.PairInfo

	last lastCommit // that was read since the group is in memory

	stored   uint64      // epoch of the stored state
	changed  bool        // the state may be another one than the stored one
	behind   int         // number of entries that were read since it was stored
	past     []pastPoint // to which the stored state can be taken back, in their order
	recalled bool        // they were brought back into memory, or could not be
	seen     []sight     // epochs that can be annotated, in their order, up to that of public

	checked checked
	members map[string]bool              // names of clients with a leaf, or nil if they have not been asked for
	moved   map[string]delivery.Position // by name, not stored yet: where somebody left, or 0 if somebody entered

	compared bool // moveBack has compared who is a member with who was one when the guard lost the group
}

// checked is the epoch that the last commit begins which was handed in, if it was found
// good, whatever became of it.
type checked struct {
	commit []byte
	next   *mls.PublicGroup     // nil if nothing can be seen of it
	by     *mls.PublicCandidate // nil if next is a group that begins
	moved  moved

	private bool // the commit is a private one
}

// The store has, of each group that is followed, its records under recordsOf, and 8 bytes
// under positionOf: the Position up to which they follow the stream. What takes them back to
// earlier ones is under pastOf and pointOf: see past.go. Who has left it has 8
// bytes under leftOf: see names.go.
func recordsOf(group string) []byte  { return store.Key([]byte("group"), []byte(group)) }
func positionOf(group string) []byte { return store.Key([]byte("position"), []byte(group)) }

// Of a group that is unsure, the store has a byte under unsureOf.
func unsureOf(group string) []byte { return store.Key([]byte("unsure"), []byte(group)) }

// follow returns a group as the stream has it now. The caller has its turn.
func (g *Guard) follow(ctx context.Context, group string) (*followed, error) {
	f, err := g.load(ctx, group)
	begins := err == nil && f.public == nil
	if begins {
		err = g.begin(ctx, group, f)
	}
	if err != nil || f.public == nil {
		return f, err
	}
	for {
		entries, err := g.cfg.Service.Fetch(ctx, f.stream(group), f.position, 0)
		if gap := (*delivery.GapError)(nil); errors.As(err, &gap) {
			if begins { // or this would not end with a service that contradicts itself
				return nil, fmt.Errorf("%w: guard: behind the record of the service: %v", delivery.ErrUnavailable, err)
			}
			return g.beginAgain(ctx, group, f, err)
		}
		if err != nil || len(entries) == 0 {
			return f, err
		}
		for _, e := range entries {
			err := f.read(ctx, g, group, e)
			if open := undecidedBy(ctx, err); open != nil { // which says nothing of the entry
				return nil, g.readUpTo(ctx, group, f, open)
			}
			if errors.Is(err, errPrivate) {
				g.cfg.Logger.InfoContext(ctx, "not followed: handshakes are private", "group", group)
				return g.drop(ctx, group, nil, true)
			}
			if err != nil {
				return g.lose(ctx, group, f, fmt.Errorf("entry at position %d: %w", e.Position, err))
			}
		}
		if !f.changed && f.behind < maxBehind {
			continue
		}
		if err := g.save(ctx, group, f); err != nil {
			g.forget(group) // or who has left would not be known
			return nil, err
		}
	}
}

// readUpTo stores what was read before an entry of which nothing was found out, and returns why: or
// who is asked again and again would have to answer for all of it at once.
func (g *Guard) readUpTo(ctx context.Context, group string, f *followed, open error) error {
	g.cfg.Logger.WarnContext(ctx, "not read yet", "group", group, "behind", f.position, "error", open)
	if f.changed {
		if err := g.save(ctx, group, f); err != nil {
			g.forget(group)
			return err
		}
	}
	return open
}

// maxBehind is the number of entries with application data after which the position is stored.
// The state does not depend on them, and a guard that begins again reads them anew.
const maxBehind = 256

// read follows the group over one entry. The error says that the service has taken a commit which
// is none, or that nothing was found out of the entry (undecidedBy). It leaves the group as it was.
func (f *followed) read(ctx context.Context, g *Guard, group string, e delivery.Entry) error {
	if g.isPair(e.Message) {
		half, epoch := g.legOf(e.Message, group)
		if half == nil {
			return errPartner
		}
		e.Message, e.Epoch = half, epoch
	} else if e.Group != group {
		f.pass(e.Position)
		return nil // it is of the other group of a pair alone
	}
	if e.Kind == delivery.KindMessage {
		if m, err := message.Parse[message.Message](e.Message); err == nil && m.PublicMessage != nil {
			_, err := f.public.Process(ctx, g.cfg.Now(), e.Message)
			if undecidedBy(ctx, err) != nil {
				return err // a commit may refer to the proposal
			}
			f.changed = true // members do not take what is refused either
		}
		f.pass(e.Position)
		return nil
	}
	if e.Epoch < f.public.Epoch() {
		f.pass(e.Position)
		return nil
	}
	if f.unsure {
		if m, err := message.Parse[message.Message](e.Message); err == nil && m.PrivateMessage != nil {
			return errPrivate
		}
	}
	next, by, moves := f.checked.next, f.checked.by, f.checked.moved
	if next == nil || !bytes.Equal(e.Message, f.checked.commit) {
		received, err := f.public.Process(ctx, g.cfg.Now(), e.Message)
		if err != nil {
			return err
		}
		if received.Commit == nil {
			return errors.New("no commit")
		}
		next, by, moves = received.Commit.Adopt(), received.Commit, g.movedBy(received.Commit)
	}
	f.pass(e.Position)
	f.changed, f.last = true, lastCommit{e.Position, e.ID, e.From}
	f.settled, f.unsure = f.settled || f.unsure, false
	f.enter(g, next, by)
	f.move(moves, e.Position)
	return nil
}

// pass notes that an entry was read.
func (f *followed) pass(at delivery.Position) {
	f.position = at
	f.behind++
}

// took follows a group over a commit that was checked and that the service has accepted,
// or that it had before.
func (g *Guard) took(ctx context.Context, f *followed, c *leg, position delivery.Position) error {
	g.keep(c.Group, f) // others may have filled the memory since
	if err := g.pairUp(ctx, c.Group, f, c); err != nil {
		return err
	}
	if f.checked.private && f.public == nil && !f.apart {
		if err := g.setApart(ctx, c.Group, f); err != nil {
			return err
		}
	}
	if f.public == nil && f.checked.next != nil && f.checked.next.Epoch() == c.Epoch+1 {
		f.position, f.unsure = position, len(c.Message) == 0
		f.enter(g, f.checked.next, nil)
		if err := g.moveBack(ctx, c.Group, f); err != nil {
			return err
		}
		if err := g.save(ctx, c.Group, f); err != nil {
			return err
		}
		g.acknowledge(ctx, f.stream(c.Group), position)
		return nil
	}
	f, err := g.follow(ctx, c.Group)
	if err == nil && f.public != nil && f.public.Epoch() <= c.Epoch {
		_, err = g.readAgain(ctx, c.Group, f)
	}
	return err
}

// load returns a group from memory or from the store.
func (g *Guard) load(ctx context.Context, group string) (*followed, error) {
	g.mu.Lock()
	f, ok := g.groups.Get(group)
	g.mu.Unlock()
	if ok {
		return f, nil
	}
	f = &followed{}
	var state mls.Snapshot
	err := g.view(ctx, func(r store.Reader) error {
		if err := f.readPartner(g, r, group); err != nil {
			return err
		}
		if err := f.readApart(r, group); err != nil {
			return err
		}
		position, err := r.Get(positionOf(group))
		if err != nil || len(position) != 8 {
			return err
		}
		f.position = delivery.Position(binary.BigEndian.Uint64(position))
		unsure, err := r.Get(unsureOf(group))
		if err != nil {
			return err
		}
		f.unsure = unsure != nil
		if err := f.readPast(r, group); err != nil {
			return err
		}
		state, err = grouprecords.Get(r, recordsOf(group))
		return err
	})
	if err != nil {
		return nil, err
	}
	if len(state) > 0 {
		cfg := g.cfg.MLS
		cfg.Policy = g.policy(f.pair)
		restored, err := mls.RestorePublicGroup(g.cfg.Now(), cfg, state)
		if open := undecidedBy(ctx, err); open != nil { // which says nothing of the state
			return nil, open
		}
		if err != nil {
			return g.beginAgain(ctx, group, nil, err)
		}
		f.enter(g, restored, nil)
		f.stored = restored.Epoch()
	}
	g.keep(group, f)
	return f, nil
}

func (g *Guard) keep(group string, f *followed) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.groups.Add(group, f)
}

// forget drops what is in memory and not in the store.
func (g *Guard) forget(group string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.groups.Remove(group)
}

// save stores what is new of a group.
func (g *Guard) save(ctx context.Context, group string, f *followed) error {
	delta, err := f.public.Delta()
	if err != nil {
		return err
	}
	return g.write(ctx, group, f, delta, nil)
}

// write stores what delta says of a group, and what is new beside it, in one transaction behind
// what first writes, if it is not nil.
func (g *Guard) write(ctx context.Context, group string, f *followed, delta *mls.Delta, first func(store.Writer) error) error {
	past := f.past
	if err := g.update(ctx, func(w store.Writer) (err error) {
		if first != nil {
			if err := first(w); err != nil {
				return err
			}
		}
		if past, err = g.storePast(w, group, f, delta); err != nil {
			return err
		}
		if err := grouprecords.Apply(w, recordsOf(group), delta); err != nil {
			return err
		}
		switch {
		case f.unsure:
			err = w.Put(unsureOf(group), []byte{1})
		case f.settled:
			err = w.Delete(unsureOf(group))
		}
		if err == nil && f.apart {
			err = w.Delete(apartOf(group))
		}
		if err == nil && f.compared {
			err = w.Delete(wasOf(group))
		}
		if err != nil {
			return err
		}
		return errors.Join(f.storeMoved(w, group), w.Put(positionOf(group), store.Number(uint64(f.position))))
	}); err != nil {
		return err
	}
	delta.Stored()
	f.moved, f.past, f.stored, f.settled = nil, past, f.public.Epoch(), false
	f.apart, f.compared = false, false
	f.changed, f.behind = false, 0
	return nil
}

// lose gives up a group that the guard can no longer follow: the stream has something that no
// member takes. The next commit has to bring the whole state of its epoch. was is as for drop.
func (g *Guard) lose(ctx context.Context, group string, was *followed, cause error) (*followed, error) {
	g.cfg.Logger.ErrorContext(ctx, "lost", "group", group, "error", cause)
	return g.drop(ctx, group, was, true)
}

// drop ends following a group. Who has left it is kept: it may be followed again. With apart, it
// is not by the record of the service. was is the group as it was followed up to now, of which it
// is kept who is a member, or nil if nobody knows that.
func (g *Guard) drop(ctx context.Context, group string, was *followed, apart bool) (*followed, error) {
	g.forget(group)
	err := g.update(ctx, func(w store.Writer) error {
		err := errors.Join(w.Delete(recordsOf(group)), w.Delete(positionOf(group)), w.Delete(unsureOf(group)), w.Delete(pastOf(group)), w.Delete(pointOf(group)))
		if err == nil && apart {
			err = w.Put(apartOf(group), []byte{1})
		}
		if err == nil && was != nil {
			err = was.storeMembers(g, w, group)
		}
		return err
	})
	f := &followed{apart: apart}
	if err == nil {
		err = g.view(ctx, func(r store.Reader) error { return f.readPartner(g, r, group) })
	}
	if err == nil {
		err = g.stopReading(ctx, group, f)
	}
	if err == nil {
		g.keep(group, f)
	}
	return f, err
}
