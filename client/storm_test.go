package client_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/deliverytest"
)

// storm is clients in one group whose processes end at random.
type storm struct {
	t      testing.TB
	w      *world
	random *rand.Rand
	group  string
	actors []*actor
	eve    *auditor
	fates  map[string]*killer
	record map[string]*recording
	faults deliverytest.Faults

	sent  []string
	maybe map[string]bool
	kills int
	over  bool
}

// fate gives a client another process, which may end after some operations.
func (s *storm) fate(a *actor, dies bool) {
	k := &killer{disk: a.disk}
	if dies {
		k.left, k.fate = 1+s.random.IntN(20), fate(s.random.IntN(2))
	}
	s.fates[a.name] = k
	a.store, a.delivery = nil, nil
	a.wrap(k, s.record[a.name])
	killed := a.delivery
	a.delivery = func(service delivery.Service) delivery.Service {
		return deliverytest.Faulty(killed(service), s.faults, rand.New(rand.NewPCG(s.random.Uint64(), 1)))
	}
	a.disk.Kill()
	for a.tryOpen() != nil {
		require.True(s.t, k.dead)
		s.kills++
		k = &killer{disk: a.disk}
		s.fates[a.name] = k
		a.wrap(k, s.record[a.name])
	}
}

// tryOpen is open for a client whose process may end on it.
func (a *actor) tryOpen() error {
	s, err := a.disk.Open()
	require.NoError(a.w.t, err)
	a.cfg.Store, a.cfg.Delivery = a.store(s), a.delivery(a.w.server.Client(a.name))
	a.Client, err = client.Open(ctx, a.cfg)
	return err
}

// act lets a client do something, and begins its next process if it died of it.
func (s *storm) act(a *actor, f func() error) error {
	err := f()
	if s.fates[a.name].dead {
		s.kills++
		s.fate(a, !s.over)
		return errDied
	}
	return err
}

var errDied = errors.New("the process ended")

// tolerable reports whether an error is what a client may say in a storm.
func tolerable(err error) bool {
	return err == nil || errors.Is(err, errDied) || errors.Is(err, client.ErrUndecided) || errors.Is(err, client.ErrNoGroup) ||
		errors.Is(err, delivery.ErrUnknown) || errors.Is(err, delivery.ErrUnavailable) || errors.Is(err, client.ErrLeft) ||
		errors.Is(err, delivery.ErrNoKeyPackage) || errors.Is(err, ctx.Err()) && ctx.Err() != nil
}

func newStorm(t testing.TB, kind kindOfLife, seed uint64, clients int, faults deliverytest.Faults) *storm {
	s := &storm{
		t: t, w: newWorld(t), random: rand.New(rand.NewPCG(seed, 0)), group: "storm",
		fates: map[string]*killer{}, record: map[string]*recording{}, maybe: map[string]bool{},
	}
	s.eve = s.w.auditor("eve", kind.suites...)
	var names []string
	for i := range clients {
		a := s.w.actor(fmt.Sprintf("c%d", i), kind.config...)
		require.NoError(t, a.Sync(ctx))
		s.actors, s.record[a.name] = append(s.actors, a), &recording{}
		names = append(names, a.name)
	}
	_, err := kind.create(s.actors[0], s.group, nil)
	require.NoError(t, err)
	s.begin(names)
	s.faults = faults
	for _, a := range s.actors {
		s.fate(a, true)
	}
	return s
}

// begin invites all, the auditor first, before the storm.
func (s *storm) begin(names []string) {
	for _, a := range s.actors {
		s.fate(a, false)
	}
	first := s.actors[0]
	for first.Add(ctx, s.group, append([]string{"eve"}, names[1:]...)...) != nil {
		require.NoError(s.t, ctx.Err())
	}
	s.calm()
}

// blow lets a random client do a random thing.
func (s *storm) blow(n int) {
	a := s.actors[s.random.IntN(len(s.actors))]
	short, cancel := shortly()
	defer cancel()
	err := s.act(a, func() error {
		switch s.random.IntN(10) {
		case 0, 1, 2:
			text := fmt.Sprintf("%s: %d", a.name, n)
			_, err := a.Send(short, s.group, fmt.Append(nil, n))
			if !errors.Is(err, client.ErrNoGroup) {
				s.sent = append(s.sent, text)
				s.maybe[text] = err != nil
			}
			return err
		case 3:
			return a.Update(short, s.group)
		case 4:
			return a.handleAll()
		}
		err := a.Sync(short)
		if short.Err() != nil {
			return nil
		}
		return err
	})
	if !tolerable(err) && short.Err() == nil {
		require.NoError(s.t, err)
	}
}

// calm lets all do what there is to do, until nothing is left.
func (s *storm) calm() {
	for round := 0; ; round++ {
		require.Less(s.t, round, 50)
		busy := false
		for _, a := range s.actors {
			if s.act(a, func() error { return a.Sync(ctx) }) != nil {
				busy = true
			}
		}
		if !busy && round > 2 {
			return
		}
	}
}

// check looks at what all have in the end.
func (s *storm) check() {
	s.over, s.faults = true, deliverytest.Faults{}
	for _, a := range s.actors {
		s.fate(a, false)
	}
	s.calm()
	s.calm()
	agree(s.t, s.group, s.actors...)
	first := s.actors[0].counted()
	for _, a := range s.actors {
		counts := a.counted()
		for _, text := range s.sent {
			want := 1
			if s.maybe[text] {
				want = first[text]
				require.LessOrEqual(s.t, want, 1)
			}
			require.Equal(s.t, want, counts[text], "%s has %q", a.name, text)
		}
		for text := range counts {
			for _, bad := range []string{"refused", "trouble", "failed", "unsent"} {
				require.NotContains(s.t, text, bad, a.name)
			}
		}
	}
	require.NotZero(s.t, s.eve.audit(s.t, s.group, slices.Collect(maps.Values(s.record))...))
}

// Processes of ten clients end at random, on a network that fails: no message is lost or
// doubled, no key is used twice, and all agree.
func TestTenClientsInAStorm(t *testing.T) {
	kills, seeds := 40, uint64(1)
	switch {
	case full():
		kills, seeds = 1000, 4
	case wide():
		kills = 300
	}
	for n := range 2 * seeds {
		kind, seed := kindsOfLife()[n%2], n/2
		t.Run(fmt.Sprintf("%s %d", kind.name, seed), func(t *testing.T) {
			s := newStorm(t, kind, seed, 10, deliverytest.Faults{LostRequest: 0.03, LostAnswer: 0.03, Twice: 0.03, Short: 0.2})
			for n := 0; s.kills < kills; n++ {
				s.blow(n)
			}
			s.check()
			t.Logf("%d kills, %d messages", s.kills, len(s.sent))
		})
	}
}
