package guard

import (
	"context"
	"encoding/binary"
	"errors"
	"maps"
	"slices"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/internal/grouprecords"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/store"
)

// A guard that has begun again, or has put a group out of memory, has the group's last epoch
// alone. For partial members that are behind, the store also has what takes the state back:
// each change leaves the records that it replaced, which are O(log n) for a commit. From the
// oldest state, the guard follows the stream anew.

// pastPoint is a state of a group that the store can go back to.
type pastPoint struct {
	position delivery.Position // up to which the state follows the stream
	epoch    uint64
}

// The store has of each pastPoint, under pointOf with the Position, its epoch, 8 bytes, and
// under pastOf with the Position, what leads there from the next point: the records that are
// put back, below pastPut, and the keys of those that go, below pastDelete.
func pointOf(group string, at ...delivery.Position) []byte { return atPosition("point", group, at) }
func pastOf(group string, at ...delivery.Position) []byte  { return atPosition("past", group, at) }

const pastPut, pastDelete = 'p', 'd'

func atPosition(space, group string, at []delivery.Position) []byte {
	path := [][]byte{[]byte(space), []byte(group)}
	for _, position := range at {
		path = append(path, store.Number(uint64(position)))
	}
	return store.Key(path...)
}

// readPast reads to which states the store can go back.
func (f *followed) readPast(r store.Reader, group string) error {
	f.past = nil
	for e, err := range r.Scan(pointOf(group), nil) {
		if err != nil {
			return err
		}
		at := binary.BigEndian.Uint64(e.Key[len(e.Key)-8:])
		f.past = append(f.past, pastPoint{delivery.Position(at), binary.BigEndian.Uint64(e.Value)})
	}
	return nil
}

// storePast writes what takes back the change of the stored state that delta is, and deletes
// what is too old. It returns the states that the store can go back to then. It is called
// before delta is applied.
func (g *Guard) storePast(w store.Writer, group string, f *followed, delta *mls.Delta) ([]pastPoint, error) {
	stored, err := w.Get(positionOf(group))
	switch {
	case err != nil:
		return nil, err
	case len(stored) != 8 || slices.ContainsFunc(delta.Delete, func(prefix []byte) bool { return len(prefix) == 0 }):
		return nil, errors.Join(w.Delete(pastOf(group)), w.Delete(pointOf(group))) // the whole state is another one
	case len(delta.Put) == 0:
		return f.past, nil
	}
	undo, err := grouprecords.Undo(w, recordsOf(group), delta)
	if err != nil {
		return nil, err
	}
	before := pastPoint{delivery.Position(binary.BigEndian.Uint64(stored)), f.stored}
	if err := w.Put(pointOf(group, before.position), store.Number(before.epoch)); err != nil {
		return nil, err
	}
	prefix := pastOf(group, before.position)
	if err := grouprecords.Put(w, append(prefix[:len(prefix):len(prefix)], pastPut), undo.Put); err != nil {
		return nil, err
	}
	for _, gone := range undo.Delete {
		if err := w.Put(slices.Concat(prefix, []byte{pastDelete}, gone), []byte{}); err != nil {
			return nil, err
		}
	}
	past := append(slices.Clone(f.past), before)
	kept := orElse(g.cfg.Annotated, 64)
	for len(past) > 0 && (past[0].epoch+uint64(kept)+1 < f.public.Epoch() || len(past) > maxPast*kept) {
		if err := errors.Join(w.Delete(pastOf(group, past[0].position)), w.Delete(pointOf(group, past[0].position))); err != nil {
			return nil, err
		}
		past = past[1:]
	}
	return past, nil
}

// maxPast bounds the number of states that the store can go back to, for each epoch: proposals
// change the state too.
const maxPast = 8

// recall brings the epochs before the first one that is in memory back into memory. It does so
// once, since it is O(n). The error says that it may come about later. Where it cannot, there are
// none.
func (g *Guard) recall(ctx context.Context, group string, f *followed) error {
	if len(f.past) == 0 || f.recalled {
		return nil
	}
	earlier, err := g.earlier(ctx, group, f)
	if open := undecidedBy(ctx, err); open != nil {
		return open
	}
	f.recalled = true
	if err != nil {
		g.cfg.Logger.WarnContext(ctx, "earlier epochs are not recalled", "group", group, "error", err)
		return nil
	}
	f.seen = append(earlier, f.seen[1:]...)
	return nil
}

// earlier returns the epochs up to the first one that is in memory.
func (g *Guard) earlier(ctx context.Context, group string, f *followed) ([]sight, error) {
	then, err := g.oldest(ctx, group, f)
	if err != nil {
		return nil, err
	}
	until := f.seen[0].public.Epoch()
	err = g.readOn(ctx, group, then, func() bool { return then.public.Epoch() == until })
	return then.seen, err
}

// oldest returns a group in the oldest state to which the store can go back.
func (g *Guard) oldest(ctx context.Context, group string, f *followed) (*followed, error) {
	var state mls.Snapshot
	err := g.cfg.Store.View(ctx, func(r store.Reader) (err error) {
		state, err = takenBack(r, group)
		return err
	})
	if errors.Is(err, store.ErrDamaged) { // which it stays
		return nil, err
	}
	if err := g.stored(ctx, err); err != nil {
		return nil, err
	}
	cfg := g.cfg.MLS
	cfg.Policy, cfg.Observer = g.policy(f.pair), nil
	restored, err := mls.RestorePublicGroup(g.cfg.Now(), cfg, state)
	if err != nil {
		return nil, err
	}
	then := &followed{position: f.past[0].position, partner: f.partner, first: f.first, pair: f.pair}
	then.enter(g, restored, nil)
	return then, nil
}

// readOn follows the stream until a group is where it is wanted.
func (g *Guard) readOn(ctx context.Context, group string, f *followed, there func() bool) error {
	for !there() {
		entries, err := g.cfg.Service.Fetch(ctx, f.stream(group), f.position, 0)
		gap := (*delivery.GapError)(nil)
		switch {
		case errors.As(err, &gap) || errors.Is(err, delivery.ErrNoGroup):
			return err
		case err != nil:
			return &undecided{err}
		case len(entries) == 0:
			return errors.New("the stream ends before the epoch")
		}
		for _, e := range entries {
			if err := f.read(ctx, g, group, e); err != nil {
				return err
			}
			if there() {
				break
			}
		}
	}
	return nil
}

// takenBack returns the oldest state of a group to which the store can go back.
func takenBack(r store.Reader, group string) (mls.Snapshot, error) {
	state, err := grouprecords.Get(r, recordsOf(group))
	if err != nil {
		return nil, err
	}
	records, decided := map[string][]byte{}, map[string]bool{}
	for _, record := range state {
		records[string(record.Key)] = record.Value
	}
	prefix := pastOf(group)
	for e, err := range r.Scan(prefix, nil) { // the oldest first, whose word counts
		if err != nil {
			return nil, err
		}
		rest := e.Key[len(prefix)+2+8:] // behind the Position, an element of 8 bytes with its length
		key := string(rest[1:])
		switch {
		case decided[key]:
		case rest[0] == pastPut:
			records[key] = e.Value
		default:
			delete(records, key)
		}
		decided[key] = true
	}
	state = nil
	for _, key := range slices.Sorted(maps.Keys(records)) {
		state = append(state, mls.Record{Key: []byte(key), Value: records[key]})
	}
	return state, nil
}
