package trial

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/bench/result"
)

// catchUp lets one client of each suite miss messages and a commit of its groups, and
// measures how long it takes to have them.
func (t *trial) catchUp(ctx context.Context) error {
	if t.cfg.Behind == 0 {
		return nil
	}
	for _, s := range t.sides {
		t.cfg.Progress(1, "catching up")
		first := s.parties[0]
		away := first.steady[len(first.steady)-1]
		x := &result.CatchUp{}
		s.clients[away].end(true)
		for i, p := range s.parties {
			others := slices.DeleteFunc(slices.Clone(p.steady), func(c int) bool { return c == away })
			if len(others) == len(p.steady) || len(others) == 0 {
				continue
			}
			for n := range t.cfg.Behind {
				s.send(ctx, t, i, others[n%len(others)], s.namesOf(p.steady), nil)
			}
			s.renew(ctx, t, i, others[0], nil)
			x.Groups, x.Messages, x.Commits = x.Groups+1, x.Messages+t.cfg.Behind, x.Commits+1
		}
		if err := t.settle(ctx, s.names[away]); err != nil {
			return err
		}
		begun := time.Now()
		if err := s.clients[away].start(ctx); err != nil {
			return err
		}
		if err := t.settle(ctx, ""); err != nil {
			return err
		}
		x.Seconds = time.Since(begun).Seconds()
		s.away = x
	}
	return nil
}

// move moves all groups.
func (t *trial) move(ctx context.Context) error {
	for _, s := range t.sides {
		if s.target == 0 {
			continue
		}
		t.cfg.Progress(1, "moving")
		begun := time.Now()
		err := each(ctx, atOnce, len(s.parties), func(i int) error {
			p := s.parties[i]
			t.tracker.expect(flight{p.id, moveOf}, s.namesOf(p.members()), &s.moves)
			err := t.insist(ctx, func() error {
				_, err := s.clients[p.steady[0]].call(ctx, request{Do: "move", Group: p.id, Suite: uint16(s.target)})
				return err
			})
			if err != nil && !errors.Is(err, errKilled) {
				t.note("group %s did not move: %v", p.id, err)
			}
			return context.Cause(ctx)
		})
		if err == nil {
			err = t.settle(ctx, "")
		}
		if err != nil {
			return err
		}
		s.moved = &result.Moves{To: result.Code(s.target), Groups: t.tracker.times(&s.moves).Count, Seconds: time.Since(begun).Seconds(), Latency: t.tracker.times(&s.moves)}
	}
	return nil
}

// last lets a member of each group send a last message, to all who are members now: who has
// it has all before it too, also those who came and went, for whom nobody else waits.
func (t *trial) last(ctx context.Context) error {
	for _, s := range t.sides {
		t.cfg.Progress(1, "the last messages")
		err := each(ctx, atOnce, len(s.parties), func(i int) error {
			p := s.parties[i]
			sender := p.steady[len(p.steady)-1]
			// It reads what there is first: who has just come reads nothing of earlier epochs.
			if _, err := s.clients[sender].call(ctx, request{Do: "sync"}); err != nil {
				t.note("%s: %v", s.names[sender], err)
			}
			s.send(ctx, t, i, sender, s.namesOf(p.members()), nil)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return t.settle(ctx, "")
}
