package client_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

func now() time.Time { return time.Now() }

// wide says that the tests take their time.
func wide() bool { return os.Getenv("MLSUITE_WIDE") != "" || full() }

// full says that the tests leave nothing out.
func full() bool { return os.Getenv("MLSUITE_FULL") != "" }

// life is one client, whose processes end, among others that go on.
type life struct {
	t      testing.TB
	w      *world
	ann    *actor
	others []*actor
	k      *killer
	r      *recording
	sent   []string        // what is to arrive at everybody
	maybe  map[string]bool // Send did not return
	ended  bool            // the kill was reached
}

// step lets ann do something until it is done. If her process ends, another begins.
func (l *life) step(do func() error, done func() bool) {
	l.t.Helper()
	for range 50 {
		err := do()
		if l.k.dead && !l.ended {
			l.restart()
			continue
		}
		if passing(err) {
			continue
		}
		if done == nil || done() {
			require.NoError(l.t, err)
			return
		}
		if err != nil && !errors.Is(err, client.ErrNoGroup) {
			require.NoError(l.t, err)
		}
	}
	require.Fail(l.t, "a step is never done")
}

// passing reports whether an error is of an operation that failed once.
func passing(err error) bool {
	return errors.Is(err, errDisk) || errors.Is(err, delivery.ErrUnavailable)
}

func (l *life) restart() {
	l.ended = true
	l.ann.wrap(&killer{disk: l.ann.disk}, l.r)
	l.ann.open()
	require.NoError(l.t, l.ann.Sync(ctx))
}

// send sends a text once: if the process ends, it may be sent or not.
func (l *life) send(a *actor, group, text string) {
	l.t.Helper()
	l.sent = append(l.sent, a.name+": "+text)
	_, err := a.Send(ctx, group, []byte(text))
	if a == l.ann && l.k.dead && !l.ended {
		l.maybe[a.name+": "+text] = err != nil
		l.restart()
		return
	}
	if a == l.ann && passing(err) {
		l.maybe[a.name+": "+text] = true
		return
	}
	require.NoError(l.t, err)
}

// settle lets everybody do what there is to do.
func (l *life) settle() {
	l.t.Helper()
	l.step(l.ann.handleAll, nil)
	for range 3 {
		l.step(func() error { return l.ann.Sync(ctx) }, nil)
		for _, a := range l.others {
			require.NoError(l.t, a.Sync(ctx), a.name)
		}
	}
	l.step(l.ann.handleAll, nil)
}

// handleAll handles all events, and counts in the same transaction how often each message
// was.
func (a *actor) handleAll() error {
	events, err := a.Unconfirmed(ctx, 0)
	for _, e := range events {
		if err == nil {
			err = a.Confirm(ctx, e, func(w store.Writer) error { return countMessage(w, a.name, e) })
		}
	}
	return err
}

func countMessage(w store.Writer, own string, e client.Event) error {
	text := ""
	switch what := e.What.(type) {
	case *client.Message:
		text = what.From.Name + ": " + string(what.Data)
	case *client.Sent:
		text = own + ": " + string(what.Data)
	case *client.Refused:
		text = "refused " + what.What + ": " + what.Why
	case *client.InTrouble:
		text = "trouble " + string(what.Trouble) + ": " + what.Why
	case *client.Failed:
		text = "failed " + what.What + ": " + what.Why
	case *client.Unsent:
		text = "unsent " + string(what.Data)
	default:
		return nil
	}
	old, err := w.Get([]byte(text))
	if err != nil {
		return err
	}
	return w.Put([]byte(text), append(old, 'x'))
}

// counted returns how often each text was handled.
func (a *actor) counted() map[string]int {
	counts := map[string]int{}
	require.NoError(a.w.t, a.handleAll())
	require.NoError(a.w.t, a.Read(ctx, func(r store.Reader) error {
		for e, err := range r.Scan(nil, nil) {
			if err != nil {
				return err
			}
			counts[string(e.Key)] = len(e.Value)
		}
		return nil
	}))
	return counts
}

func withHybrid(cfg *client.Config) {
	cfg.KeyPackages.Suites = []suite.ID{classic, hybrid}
	cfg.KeyPackages.Count = 2
}

// kindOfLife is what the groups of a life are.
type kindOfLife struct {
	name   string
	config []func(*client.Config)
	create func(a *actor, id string, names []string) (string, error)
	suites []suite.ID // for which the auditor has key packages
	pairs  bool       // a group becomes a pair, too
}

func kindsOfLife() []kindOfLife {
	return []kindOfLife{
		{"groups", []func(*client.Config){withHybrid}, func(a *actor, id string, names []string) (string, error) {
			return a.CreateGroup(ctx, id, names)
		}, []suite.ID{classic, hybrid}, false},
		{"pairs", []func(*client.Config){withHybrid, inPairs}, func(a *actor, id string, names []string) (string, error) {
			return a.CreatePair(ctx, id, names)
		}, []suite.ID{classic, hybrid, postQuantum}, true},
	}
}

// live is a life in which ann does everything that a client does, and in which something
// happens to her operation with the number left. live reports whether there is one.
func live(t testing.TB, kind kindOfLife, left int, what fate) bool {
	w := newWorld(t)
	l := &life{t: t, w: w, maybe: map[string]bool{}}
	l.ann = w.actor("ann", kind.config...)
	bob, carl := w.actor("bob", kind.config...), w.actor("carl", kind.config...)
	l.others = []*actor{bob, carl}
	eve := w.auditor("eve", kind.suites...)
	l.k, l.r = l.ann.mortal(left, what)
	l.ann.disk.Kill()
	l.open()
	l.settle()

	has := func(a *actor, group string) func() bool {
		return func() bool { _, err := a.Group(group); return err == nil }
	}
	members := func(group string, n int) func() bool {
		return func() bool { info, err := l.ann.Group(group); return err == nil && info.Members == n }
	}
	const g = "one"
	l.step(func() error {
		_, err := kind.create(l.ann, g, []string{"eve", "bob"})
		if errors.Is(err, client.ErrExists) {
			return l.ann.Sync(ctx)
		}
		return err
	}, members(g, 3))
	l.send(l.ann, g, "1")
	l.send(l.ann, g, "2")
	l.settle()
	l.send(bob, g, "3")
	require.NoError(t, bob.Update(ctx, g)) // ann does not know yet
	l.send(l.ann, g, "4")
	l.step(func() error { return l.ann.Add(ctx, g, "carl") }, members(g, 4))
	l.settle()
	l.step(func() error { return l.ann.Update(ctx, g) }, nil)
	l.send(carl, g, "5")
	l.settle()

	_, err := kind.create(bob, "two", []string{"ann"})
	require.NoError(t, err)
	_, err = kind.create(carl, "three", []string{"bob"})
	require.NoError(t, err)
	l.settle()
	require.True(t, has(l.ann, "two")())
	l.step(func() error {
		err := l.ann.JoinExternal(ctx, "three")
		if errors.Is(err, client.ErrExists) {
			return nil
		}
		return err
	}, members("three", 3))
	l.send(l.ann, "three", "6")
	l.step(func() error { return l.ann.Remove(ctx, "three", "carl") }, members("three", 2))
	patience := 20 * time.Millisecond
	short := func() error {
		defer func() { patience = min(2*patience, time.Second) }() // for a machine that is busy
		return l.ann.leaveSoon("two", patience)
	}
	l.step(short, func() bool { require.NoError(t, bob.Sync(ctx)); return !has(l.ann, "two")() })

	if kind.pairs {
		_, err = bob.CreateGroup(ctx, "four", []string{"ann", "carl"})
		require.NoError(t, err)
		l.settle()
		l.step(func() error { return l.ann.Pair(ctx, "four") }, func() bool { info, err := l.ann.Group("four"); return err == nil && info.PQSuite != 0 })
		require.NoError(t, carl.Remove(ctx, "four", "bob"))
		l.settle()
		agree(t, "four", l.ann, carl)
	}
	l.send(l.ann, g, "7")
	l.settle()
	opened := eve.audit(t, g, l.r)
	require.GreaterOrEqual(t, opened, 5)

	l.send(l.ann, g, "8") // waits, and goes to whatever group there is then
	next := g
	l.step(func() error {
		if !has(l.ann, g)() {
			return nil
		}
		_, err := l.ann.Move(ctx, g, hybrid)
		if errors.Is(err, client.ErrEnded) {
			return l.ann.Sync(ctx)
		}
		return err
	}, func() bool { return !has(l.ann, g)() })
	l.settle()
	for _, info := range l.ann.Groups() {
		if info.Suite == hybrid {
			next = info.Group
		}
	}
	require.NotEqual(t, g, next, "%+v", l.ann.Groups())
	l.send(l.ann, next, "9")
	l.send(bob, next, "10")
	l.settle()
	l.check(next)
	return l.k.hit
}

// open opens ann's client, and again if the process ends on it.
func (l *life) open() {
	defer func() {
		if recover() != nil || l.ann.Client == nil {
			l.restart()
		}
	}()
	s, err := l.ann.disk.Open()
	require.NoError(l.t, err)
	l.ann.cfg.Store, l.ann.cfg.Delivery = l.ann.store(s), l.ann.delivery(l.w.service("ann"))
	l.ann.Client, err = client.Open(ctx, l.ann.cfg)
	if err != nil {
		l.restart()
	}
}

// leaveSoon asks to leave and does not wait long.
func (a *actor) leaveSoon(group string, within time.Duration) error {
	return a.soon(a.Leave, group, within)
}

// soon makes a call that others have to take part in, and does not wait long.
func (a *actor) soon(call func(context.Context, string) error, group string, within time.Duration) error {
	short, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	err := call(short, group)
	if errors.Is(err, client.ErrNoGroup) || errors.Is(err, client.ErrUndecided) || errors.Is(err, short.Err()) && short.Err() != nil {
		return nil
	}
	return err
}

// check looks at what all members have in the end.
func (l *life) check(group string) {
	agree(l.t, group, append(l.others, l.ann)...)
	counts := map[string]map[string]int{}
	for _, a := range append(l.others, l.ann) {
		counts[a.name] = a.counted()
	}
	bob, ann := counts["bob"], counts["ann"]
	for _, text := range l.sent {
		want := 1
		if l.maybe[text] {
			want = bob[text]
			require.LessOrEqual(l.t, want, 1, text)
		}
		require.Equal(l.t, want, bob[text], "bob has %q", text)
		require.Equal(l.t, want, ann[text], "ann has %q", text)
	}
	for name, c := range counts {
		for text := range c {
			for _, bad := range []string{"refused", "trouble", "failed", "unsent"} {
				require.NotContains(l.t, text, bad, name)
			}
		}
	}
}

// At each operation of a life, the process ends, or the operation fails: no group is lost,
// no message is lost or doubled, no key is used twice, and all agree.
func TestEveryBoundaryOfALife(t *testing.T) {
	stride := 23
	switch {
	case full():
		stride = 1
	case wide():
		stride = 4
	}
	for _, kind := range kindsOfLife() {
		for _, what := range []fate{diesBefore, diesAfter, fails} {
			t.Run(kind.name+", "+what.String(), func(t *testing.T) {
				for left, goesOn := 1, true; goesOn; left += stride {
					goesOn = false
					t.Run(fmt.Sprint(left), func(t *testing.T) { goesOn = live(t, kind, left, what) })
				}
			})
		}
	}
}
