package guard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// A service that was restored from a backup, or that lost power before what it had accepted was
// durable, may be in an earlier epoch of a group than its guard is. Then the guard goes back,
// too: else it would let pass, as repetitions, commits that the service now takes.

// lastCommit is the commit that the guard has read last in a group's stream.
type lastCommit struct {
	position delivery.Position
	id, from string
}

// back is called where somebody is in an earlier epoch of a group than the guard. It returns
// the group as the service has it, if the service is, too. The caller has the group's turn.
func (g *Guard) back(ctx context.Context, group string, f *followed, epoch uint64) (*followed, error) {
	if f.public == nil || epoch >= f.public.Epoch() {
		return f, nil
	}
	if c := f.last; c.position > 0 { // which costs less than the GroupInfo
		found, err := g.cfg.Service.Fetch(ctx, f.stream(group), c.position-1, 1)
		if err == nil && len(found) > 0 && c == (lastCommit{found[0].Position, found[0].ID, found[0].From}) {
			return f, nil
		}
	}
	info, err := g.cfg.Service.GroupInfo(ctx, group)
	if errors.Is(err, delivery.ErrNoGroup) { // then nothing tells
		return f, nil
	}
	if err != nil || info.Epoch >= f.public.Epoch() {
		return f, err
	}
	then, err := g.at(ctx, group, f, info)
	if open := undecidedBy(ctx, err); open != nil {
		return nil, open
	}
	if err != nil {
		if err := g.update(ctx, func(w store.Writer) error { return forgetLeft(w, group, info.Position) }); err != nil {
			return nil, err
		}
		return g.beginAgain(ctx, group, nil, fmt.Errorf("the service has lost what followed epoch %d: %w", info.Epoch, err))
	}
	if then.unsure, err = g.beganWithoutCommit(ctx, group, then, info); err != nil {
		return nil, err
	}
	then.settled = !then.unsure
	g.cfg.Logger.ErrorContext(ctx, "the service has lost epochs", "group", group, "from", info.Epoch+1, "to", f.public.Epoch())
	g.forget(group)
	if err := g.saveWhole(ctx, group, then, func(w store.Writer) error { return forgetLeft(w, group, info.Position) }); err != nil {
		return nil, err
	}
	g.keep(group, then)
	return g.follow(ctx, group)
}

// beganWithoutCommit reports whether a group that is in the epoch of a GroupInfo has begun with it,
// and no commit shows whether its handshakes are public.
func (g *Guard) beganWithoutCommit(ctx context.Context, group string, f *followed, info delivery.GroupInfo) (bool, error) {
	if info.Epoch != 1 {
		return false, nil
	}
	entries, err := g.cfg.Service.Fetch(ctx, f.stream(group), info.Position-1, 1)
	if gap := (*delivery.GapError)(nil); errors.As(err, &gap) {
		return true, nil
	}
	return len(entries) == 0 || entries[0].Position != info.Position, err
}

// readAgain is called where the service may be in a later epoch of a group than the guard, which
// has read the stream to its end. If the commit that began the epoch is where the guard has read
// something else, the service has lost that, and has given its position anew. Then the guard reads
// the stream from its beginning. It returns the group as the service has it. The caller has the
// group's turn.
func (g *Guard) readAgain(ctx context.Context, group string, f *followed) (*followed, error) {
	info, err := g.cfg.Service.GroupInfo(ctx, group)
	if errors.Is(err, delivery.ErrNoGroup) { // then nothing tells
		return f, nil
	}
	if err != nil || info.Epoch <= f.public.Epoch() || info.Position > f.position {
		return f, err
	}
	var begin delivery.Position
	_, err = g.cfg.Service.Fetch(ctx, f.stream(group), begin, 1)
	if gap := (*delivery.GapError)(nil); errors.As(err, &gap) {
		begin, err = gap.Kept, nil
	}
	if err != nil {
		return nil, err
	}
	g.cfg.Logger.ErrorContext(ctx, "the service has lost entries", "group", group, "epoch", f.public.Epoch(), "from", info.Position)
	f.position = begin
	if err := g.saveWhole(ctx, group, f, nil); err != nil { // without its past, whose positions are lost
		g.forget(group)
		return nil, err
	}
	return g.follow(ctx, group)
}

// at returns a group in the epoch of a GroupInfo, an earlier one than f is in.
func (g *Guard) at(ctx context.Context, group string, f *followed, info delivery.GroupInfo) (*followed, error) {
	m, err := message.Parse[message.Message](info.Message)
	if err != nil {
		return nil, err
	}
	if m.GroupInfo == nil {
		return nil, fmt.Errorf("guard: no GroupInfo: %w", message.ErrInvalid)
	}
	want := m.GroupInfo.GroupContext
	is := func(public *mls.PublicGroup) bool {
		has := public.GroupContext()
		return has.Epoch == want.Epoch && bytes.Equal(has.ConfirmedTranscriptHash, want.ConfirmedTranscriptHash) && bytes.Equal(has.TreeHash, want.TreeHash)
	}
	for i, s := range f.seen {
		if is(s.public) {
			then := &followed{position: info.Position, partner: f.partner, first: f.first, pair: f.pair, public: s.public, seen: f.seen[: i+1 : i+1]}
			for _, s := range then.seen { // a commit that is lost may have added again who had left
				if s.by != nil {
					then.move(g.movedBy(s.by), min(s.began, info.Position))
				}
			}
			return then, nil
		}
	}
	if len(f.past) == 0 {
		return nil, errors.New("the guard has no state of that epoch")
	}
	then, err := g.oldest(ctx, group, f)
	if err != nil {
		return nil, err
	}
	err = g.readOn(ctx, group, then, func() bool { return is(then.public) })
	return then, err
}

// saveWhole stores a group instead of all that is stored of it, behind what first writes.
func (g *Guard) saveWhole(ctx context.Context, group string, f *followed, first func(store.Writer) error) error {
	whole, err := f.public.Save()
	if err != nil {
		return err
	}
	return g.write(ctx, group, f, whole, first)
}

// forgetLeft deletes who has left a group by a commit behind a position, which is lost.
func forgetLeft(w store.Writer, group string, began delivery.Position) error {
	var again [][]byte
	for e, err := range w.Scan(leftOf(group), nil) {
		if err != nil {
			return err
		}
		if len(e.Value) == 8 && delivery.Position(binary.BigEndian.Uint64(e.Value)) > began {
			again = append(again, e.Key)
		}
	}
	for _, k := range again {
		if err := w.Delete(k); err != nil {
			return err
		}
	}
	return nil
}
