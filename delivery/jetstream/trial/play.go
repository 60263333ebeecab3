package trial

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/bench/result"
)

// play plays the day of all groups.
func (t *trial) play(ctx context.Context) error {
	for _, s := range t.sides {
		s.stored[0] = s.storage(t.folder)
	}
	begun, chaos := time.Now(), newChaos(t)
	slots := len(t.sides[0].plan)
	for slot := range slots {
		turns := [][]*side{t.sides}
		if t.cfg.Rounds > 0 {
			turns = nil
			for _, i := range t.random.Perm(len(t.sides)) {
				turns = append(turns, []*side{t.sides[i]})
			}
		}
		for i, turn := range turns {
			done := (float64(slot) + float64(i)/float64(len(turns))) / float64(slots)
			t.cfg.Progress(done, fmt.Sprintf("round %d", slot+1))
			if err := t.turn(ctx, slot, turn, chaos, begun); err != nil {
				return err
			}
		}
	}
	for _, s := range t.sides {
		s.stored[1] = s.storage(t.folder)
		s.kinds = t.kindsOf(ctx, s)
	}
	return nil
}

// turn plays a round of the day of some suites, and waits until all is done.
func (t *trial) turn(ctx context.Context, slot int, sides []*side, chaos *chaos, begun time.Time) error {
	before := make([]spent, len(sides))
	for i, s := range sides {
		before[i] = t.spentBy(ctx, s)
	}
	started := time.Now()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var deeds, trouble sync.WaitGroup
	calm := make(chan struct{})
	if t.cfg.Chaos {
		trouble.Go(func() {
			if err := chaos.reign(ctx, sides, calm); err != nil {
				stop(err)
			}
		})
	}
	for _, s := range sides {
		// Each suite has its own random numbers, so that others do not change its day.
		random := rand.New(rand.NewPCG(t.cfg.Seed, uint64(slot)<<16|uint64(s.info.ID)|uint64(s.suite.PQ)<<32))
		deeds.Go(func() { s.play(ctx, t, random, s.plan[slot], started, &deeds, begun) })
	}
	deeds.Wait()
	close(calm)
	trouble.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := t.dispelDoubts(ctx, sides); err != nil {
		return err
	}
	if err := t.settle(ctx, ""); err != nil {
		return err
	}
	for i, s := range sides {
		after := t.spentBy(ctx, s)
		s.seconds += time.Since(started).Seconds()
		s.spent.plus(before[i], after)
		if t.server == nil || !t.alone() {
			continue
		}
		if s.service == nil {
			s.service = &result.ServiceUse{Stored: result.Growth{Before: before[i].stored, After: before[i].stored}}
		}
		// Other suites have their turns too: what counts is the growth in this one's.
		s.service.Stored.After += after.stored - before[i].stored
		s.service.CPU, s.service.Read, s.service.Written = s.spent.service, s.spent.read, s.spent.written
	}
	return nil
}

// play begins each deed at its time, or later if the client that is to do it is busy.
func (s *side) play(ctx context.Context, t *trial, random *rand.Rand, actions []action, started time.Time, deeds *sync.WaitGroup, begun time.Time) {
	for _, a := range actions {
		select {
		case <-time.After(time.Until(started.Add(a.at))):
		case <-ctx.Done():
			return
		}
		t.cfg.Progress(min(time.Since(begun).Seconds()/t.cfg.For.Seconds(), 1), fmt.Sprintf("the day in %v", s.suite))
		p := s.parties[a.group]
		n := t.cfg.Day.Speakers
		switch a.do {
		case renew:
			n = t.cfg.Day.Members
		case join, remove:
			n = t.cfg.Day.Committers
		}
		actor := p.actor(random, n)
		deeds.Go(func() {
			select {
			case s.busy[actor] <- struct{}{}:
			case <-ctx.Done():
				return
			}
			defer func() { <-s.busy[actor] }()
			s.mu.Lock()
			s.late = max(s.late, time.Since(started.Add(a.at)))
			s.mu.Unlock()
			switch a.do {
			case send:
				s.send(ctx, t, a.group, actor, s.namesOf(p.steady), &s.latency)
			case renew:
				s.renew(ctx, t, a.group, actor, &s.commits)
			default:
				s.change(ctx, t, a.group, actor, a.do)
			}
		})
	}
}

// send lets a client send the next message of a group, to members of the given names.
func (s *side) send(ctx context.Context, t *trial, party, actor int, to []string, times *histogram) {
	p := s.parties[party]
	s.mu.Lock()
	p.next++
	number := p.next
	s.asked[party][number] = true
	if times != nil {
		s.messages++
	}
	s.mu.Unlock()
	f := flight{p.id, number}
	t.tracker.expect(f, to, times)
	err := t.insist(ctx, func() error {
		_, err := s.clients[actor].call(ctx, request{Do: "send", Group: p.id, Number: number, Size: t.cfg.Day.Size})
		return err
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case err == nil:
		s.accepted[party][number] = true
	case errors.Is(err, errKilled):
		s.doubts[doubt{party, actor}] = true
		t.tracker.doubt(f)
	default:
		delete(s.asked[party], number)
		t.tracker.forget(f)
		if ctx.Err() == nil {
			t.note("%s did not send: %v", s.names[actor], err)
		}
	}
}

// insist repeats what fails, such as with a full outbox, unless the client was killed.
func (t *trial) insist(ctx context.Context, try func() error) error {
	for deadline := time.Now().Add(t.cfg.Patience); ; {
		err := try()
		if err == nil || errors.Is(err, errKilled) || ctx.Err() != nil || time.Now().After(deadline) {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// renew renews a client's keys in a group, and takes the time if times is not nil.
func (s *side) renew(ctx context.Context, t *trial, party, actor int, times *stopwatch) {
	begun := time.Now()
	_, err := s.clients[actor].call(ctx, request{Do: "renew", Group: s.parties[party].id})
	switch {
	case err == nil && times != nil:
		times.since(begun)
	case err != nil && !errors.Is(err, errKilled) && ctx.Err() == nil:
		t.note("%s did not renew its keys: %v", s.names[actor], err)
	}
}

// change lets a member join or leave. It asks again if the client was killed: that changes
// nothing if it is done already.
func (s *side) change(ctx context.Context, t *trial, party, actor int, do deed) {
	s.changes[party].Lock()
	defer s.changes[party].Unlock()
	p := s.parties[party]
	who, ok := p.change(do)
	if !ok {
		return
	}
	leaves := flight{leaver(p.id, s.names[who]), leavingOf}
	if do == remove {
		t.tracker.expect(leaves, s.namesOf([]int{who}), nil)
	}
	err := errKilled
	for errors.Is(err, errKilled) {
		_, err = s.clients[actor].call(ctx, request{Do: string(do), Group: p.id, Names: []string{s.names[who]}})
	}
	if err != nil {
		t.tracker.forget(leaves)
	}
	if err != nil && ctx.Err() == nil {
		t.note("%s: %s of %s failed: %v", s.names[actor], do, s.names[who], err)
	}
}

// dispelDoubts lets each client that was killed while it took a message send another one. The
// messages of a client keep their order: when all have that one, they have the other or
// never will.
func (t *trial) dispelDoubts(ctx context.Context, sides []*side) error {
	for _, s := range sides {
		s.mu.Lock()
		var all []doubt
		for d := range s.doubts {
			all = append(all, d)
		}
		clear(s.doubts)
		s.mu.Unlock()
		err := each(ctx, atOnce, len(all), func(i int) error {
			s.send(ctx, t, all[i].party, all[i].client, s.namesOf(s.parties[all[i].party].steady), nil)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// settle waits until all has arrived, except at a client that is away. If nothing arrives
// any more, it goes on: the check will tell what is missing.
func (t *trial) settle(ctx context.Context, away string) error {
	patience := time.NewTimer(t.cfg.Patience)
	defer patience.Stop()
	for done := t.tracker.done(); ; {
		open, changed := t.tracker.open(away)
		if open == 0 {
			return nil
		}
		if now := t.tracker.done(); now != done {
			done = now
			patience.Reset(t.cfg.Patience)
		}
		select {
		case <-changed:
		case <-patience.C:
			t.note("%d messages or moves did not arrive everywhere within %v", open, t.cfg.Patience)
			return t.tracker.giveUp(away)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
