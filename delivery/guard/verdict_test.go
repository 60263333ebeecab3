package guard

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// outage is an authentication service and the environment of a guard, either of which may be out of
// order.
type outage struct {
	down  bool
	until int // calls that are answered, though it is down
	short bool
	env   bool
}

var errDown = fmt.Errorf("connection refused: %w", context.DeadlineExceeded)

// change lets a guard depend on o.
func (o *outage) change(t *testing.T) func(*Config) {
	return func(c *Config) {
		c.NameOf, c.MLS.Authenticator = basicName, o
		c.MLS.Suites = mlstest.Around(mlstest.SuitesWith(t, 1), func(s suite.Suite) suite.Suite { return confined{s, o} })
	}
}

func (o *outage) answers() error {
	if !o.down {
		return nil
	}
	if o.until == 0 {
		return errDown
	}
	o.until--
	return nil
}

func (o *outage) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	if o.short {
		return nil, nil
	}
	return make([]error, len(changes)), o.answers()
}

func (o *outage) SameClient(old, next message.Credential) bool { return true }

// judging is an outage that judges senders, too, and has nothing else to say.
type judging struct {
	authenticates
	o *outage
}

type authenticates struct{}

func (authenticates) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	return make([]error, len(changes)), nil
}

func (authenticates) SameClient(old, next message.Credential) bool { return true }

func (j judging) JudgeSender(context.Context, time.Time, event.Occasion, message.Author) (*event.Lapse, error) {
	return nil, j.o.answers()
}

// confined is a suite that may not be used where the guard runs.
type confined struct {
	suite.Suite
	o *outage
}

func (s confined) Verify(pub, msg, signature []byte) error {
	if s.o.env {
		return &suite.EnvironmentError{Algorithm: "Ed25519", Cause: errDown}
	}
	return s.Suite.Verify(pub, msg, signature)
}

func requireUndecided(t *testing.T, err error) {
	t.Helper()
	require.ErrorIs(t, err, delivery.ErrUnavailable)
	require.NotErrorAs(t, err, new(*delivery.RefusalError))
	require.NotErrorIs(t, err, context.DeadlineExceeded, "which would be the client's own")
	require.NotErrorIs(t, err, message.ErrInvalid)
}

// outages are the ways in which a guard may find no verdict.
var outages = map[string]func(o *outage, w *world, on bool){
	"no answer":        func(o *outage, _ *world, on bool) { o.down = on },
	"too few verdicts": func(o *outage, _ *world, on bool) { o.short = on },
	"the environment":  func(o *outage, _ *world, on bool) { o.env = on },
	"no word of senders": func(o *outage, w *world, on bool) {
		o.down = on
		if _, ok := w.cfg.MLS.Authenticator.(judging); !ok {
			w.cfg.MLS.Authenticator = judging{o: o}
			w.restart()
		}
	},
}

// What is handed in while nobody judges it is not refused: the guard takes the same when somebody
// does.
func TestWithoutAVerdictNothingIsRefused(t *testing.T) {
	for name, set := range outages {
		t.Run(name, func(t *testing.T) {
			o := &outage{}
			w := newWorld(t, o.change(t))
			set(o, w, false)
			ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
			submit := func(m *member, c candidate) {
				t.Helper()
				set(o, w, true)
				requireUndecided(t, err2(m.service().Submit(t.Context(), c.Submission)))
				set(o, w, false)
				require.NoError(t, m.submit(c))
			}
			ann.group = must(mls.CreateGroup(t.Context(), noon, ann.cfg, []byte("g")))(t)
			if first := ann.commit(); name == "no word of senders" {
				require.NoError(t, ann.submit(first))
			} else {
				submit(ann, first)
			}
			kp := must(mls.NewKeyPackage(t.Context(), noon, bob.cfg, mls.KeyPackageOptions{}))(t)
			c := ann.commit(message.Add{KeyPackage: kp.KeyPackage})
			c.Commits[0].GroupInfo, c.Commits[0].Tree = nil, nil // so that nothing but what the guard knows tells
			submit(ann, c)
			require.Equal(t, uint64(2), w.known("g").Epoch())
			require.NoError(t, ann.submit(ann.commit()))

			if name == "no word of senders" { // who is outside sends nothing that is judged
				return
			}
			carl, joined := w.joins("carl", "g", true)
			submit(carl, joined)
			asks := delivery.Message{ID: "asks", Group: "g", Epoch: 4, Message: w.asks("dan", "g", 4)}
			set(o, w, true)
			requireUndecided(t, err2(w.service("dan").Send(t.Context(), asks)))
			set(o, w, false)
			require.NoError(t, err2(w.service("dan").Send(t.Context(), asks)))
			require.Len(t, w.known("g").Proposals(), 1)

			stock := bob.stock(1)
			set(o, w, true)
			requireUndecided(t, bob.service().Publish(t.Context(), stock))
			set(o, w, false)
			require.NoError(t, bob.service().Publish(t.Context(), stock))
		})
	}
}

// What a guard reads while nobody judges it, since it went past it, is not lost: it is read when
// somebody does.
func TestWithoutAVerdictNothingIsLost(t *testing.T) {
	for name, set := range outages {
		for _, restarts := range []bool{false, true} {
			t.Run(fmt.Sprint(name, restarts), func(t *testing.T) {
				o := &outage{}
				w := newWorld(t, o.change(t))
				set(o, w, false)
				ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
				require.NoError(t, ann.begin("g"))
				ann.add(bob)
				asks := w.asks("dan", "g", 2)
				require.NoError(t, err2(w.server.Client("dan").Send(t.Context(), delivery.Message{ID: "asks", Group: "g", Epoch: 2, Message: asks})))
				require.NoError(t, err2(ann.group.Process(t.Context(), noon, asks)))
				c := ann.remove(bob) // covers the proposal
				c.Commits[0].GroupInfo, c.Commits[0].Tree = nil, nil
				require.NoError(t, err2(w.server.Client("ann").Submit(t.Context(), c.Submission)))
				ann.group = must(c.Adopt())(t)
				require.Equal(t, 2, ann.group.Size())
				restart := func() {
					if restarts {
						w.restart()
					}
				}
				restart()
				set(o, w, true)
				for range 2 {
					requireUndecided(t, w.writes("bob", "g", 2, bob.encrypted("text")))
					requireUndecided(t, err2(bob.service().Fetch(t.Context(), delivery.Stream{Group: "g"}, 0, 0)))
					requireUndecided(t, err2(w.annotator("ann").Tree(t.Context(), "g", 3)))
					require.NoError(t, w.guard.CatchUp(t.Context()))
					restart()
				}
				set(o, w, false)
				require.Equal(t, uint64(3), w.known("g").Epoch())
				w.requireRefused(w.writes("bob", "g", 2, bob.encrypted("text")), ruleSender)
				_, left, err := w.guard.hasLeft(t.Context(), "g", "bob")
				require.NoError(t, err)
				require.True(t, left)
			})
		}
	}
}

// A guard does not begin with the record of the service while nobody judges it, and looks again
// with the next request.
func TestWithoutAVerdictNothingBegins(t *testing.T) {
	for _, name := range []string{"no answer", "too few verdicts", "the environment"} {
		t.Run(name, func(t *testing.T) {
			o := &outage{}
			w := newWorld(t, o.change(t))
			ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
			require.NoError(t, ann.begin("g"))
			ann.add(bob)
			late := bob.encrypted("too late")
			require.NoError(t, ann.submit(ann.remove(bob)))
			other := w.beside()
			outages[name](o, other, true)
			requireUndecided(t, other.writes("bob", "g", 2, late))
			outages[name](o, other, false)
			other.requireRefused(other.writes("bob", "g", 2, late), ruleSender)
			require.Equal(t, uint64(3), other.known("g").Epoch())
		})
	}
}

// Whoever judges now and then is asked about each commit once: the guard stores what it has read.
func TestGuardComesForwardBetweenOutages(t *testing.T) {
	o := &outage{}
	w := newWorld(t, o.change(t))
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	for i := range 6 {
		joiner := w.member(fmt.Sprint("member ", i), 1, true)
		kp := must(mls.NewKeyPackage(t.Context(), noon, joiner.cfg, mls.KeyPackageOptions{}))(t)
		c := ann.commit(message.Add{KeyPackage: kp.KeyPackage})
		require.NoError(t, err2(w.server.Client("ann").Submit(t.Context(), c.Submission)))
		ann.group = must(c.Adopt())(t)
	}
	for round := range uint64(3) {
		o.down, o.until = true, 2
		require.NoError(t, w.guard.CatchUp(t.Context()))
		w.restart()
		f := must(w.guard.load(t.Context(), "g"))(t)
		require.Equal(t, 3+2*round, f.public.Epoch())
	}
	require.Equal(t, ann.group.Epoch(), w.known("g").Epoch())
}

// A verdict may name the environment, or an outage, and is one.
func TestVerdictsAreRefusals(t *testing.T) {
	for _, err := range []error{
		&suite.PolicyError{Err: &suite.EnvironmentError{Algorithm: "X25519", Cause: errDown}},
		&message.ValidationError{Section: "5.3.1", Err: &suite.EnvironmentError{Algorithm: "RSA", Cause: errDown}},
		&message.ValidationError{Section: "5.3.1", Err: errDown},
		message.ErrInvalid,
	} {
		require.NoError(t, undecidedBy(t.Context(), err))
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, undecidedBy(ctx, message.ErrInvalid), context.Canceled, "nobody hears of it")
	require.NoError(t, undecidedBy(ctx, nil))
	require.Nil(t, asking(nil))
	require.False(t, errors.Is(&undecided{errDown}, context.DeadlineExceeded))
}
