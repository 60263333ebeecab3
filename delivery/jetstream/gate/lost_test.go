package gate

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/jetstream/internal/inflight"
	"github.com/mlsuite/mlsuite/delivery/jetstream/internal/inflight/cut"
	"github.com/mlsuite/mlsuite/suite"
)

// As TestRequestsEndWithTheirConnection of package jetstream: a client does not wait for
// answers of a gate that have gone with the connection.
func TestRequestsEndWithTheirConnection(t *testing.T) {
	d := deploy(t, "ann")
	dialer, back := &cut.Dialer{}, make(chan struct{}, 1)
	nc := d.conn("ann", nats.SetCustomDialer(dialer), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond),
		nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	s, err := Dial(nc, "ann")
	require.NoError(t, err)
	ctx := t.Context()
	_, err = s.Submit(ctx, delivery.Submission{ID: "1", Commits: []delivery.Commit{{Group: "group", GroupInfo: []byte("info")}}})
	require.NoError(t, err)
	told, err := s.Watch(ctx, delivery.Stream{Group: "group"})
	require.NoError(t, err)
	for name, lost := range map[string]struct {
		request func() error
		is      error
	}{
		"fetch": {func() error { _, err := s.Fetch(ctx, delivery.Stream{Group: "group"}, 0, 0); return err }, delivery.ErrUnavailable},
		"send": {func() error {
			_, err := s.Send(ctx, delivery.Message{ID: "2", Group: "group", Epoch: 1, Message: []byte("m")})
			return err
		}, delivery.ErrUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := s.Health(ctx) // the gate is found
			require.NoError(t, err)
			asked, failed := dialer.Hold(), make(chan error, 1)
			go func() { failed <- lost.request() }()
			<-asked
			dialer.Cut()
			err = <-failed
			require.ErrorIs(t, err, inflight.ErrLost)
			require.ErrorIs(t, err, lost.is)
			require.False(t, errors.Is(err, delivery.ErrUnavailable) && errors.Is(err, delivery.ErrUnknown))
			<-back
		})
	}
	for range told { // it ends too
	}
	require.NoError(t, s.Close())
	_, err = s.Health(ctx)
	require.ErrorIs(t, err, delivery.ErrUnavailable)
}

// broken is a service all of whose calls fail.
type broken struct {
	delivery.Annotator
	err *error
}

func (s broken) Client() string                                { return "ann" }
func (s broken) Close() error                                  { return nil }
func (s broken) Publish(context.Context, delivery.Stock) error { return *s.err }
func (s broken) Stocked(context.Context) ([][]byte, error)     { return nil, *s.err }
func (s broken) Claim(context.Context, string, suite.ID) ([]byte, error) {
	return nil, *s.err
}

func (s broken) Submit(context.Context, delivery.Submission) (delivery.Position, error) {
	return 0, *s.err
}

func (s broken) Send(context.Context, delivery.Message) (delivery.Position, error) { return 0, *s.err }
func (s broken) Fetch(context.Context, delivery.Stream, delivery.Position, int) ([]delivery.Entry, error) {
	return nil, *s.err
}

func (s broken) GroupInfo(context.Context, string) (delivery.GroupInfo, error) {
	return delivery.GroupInfo{}, *s.err
}

func (s broken) Acknowledge(context.Context, delivery.Stream, delivery.Position) error { return *s.err }
func (s broken) Leave(context.Context, delivery.Stream) error                          { return *s.err }
func (s broken) Health(context.Context) (delivery.Health, error)                       { return delivery.Health{}, *s.err }

// Of a change that failed by an error which clients do not know, such as that of a gate that ends,
// nobody says that it was not made.
func TestOutcomeThatTheGateDoesNotKnow(t *testing.T) {
	d := deploy(t, "ann")
	require.NoError(t, d.gates[0].Close())
	failure := errors.New("the operator's password")
	d.gates = []*Gate{d.gate(Config{Service: func(context.Context, string) (delivery.Service, error) { return broken{err: &failure}, nil }})}
	d.admit([]string{"g"}, []string{"ann"})
	ann, g, ctx := d.Client("ann"), delivery.Stream{Group: "g"}, t.Context()
	for _, c := range []struct {
		changes bool
		call    func() error
	}{
		{true, func() error { return ann.Publish(ctx, delivery.Stock{}) }},
		{true, func() error { _, err := ann.Claim(ctx, "bob", 1); return err }},
		{true, func() error {
			_, err := ann.Submit(ctx, delivery.Submission{ID: "1", Commits: []delivery.Commit{{Group: "g", Epoch: 1}}})
			return err
		}},
		{true, func() error { _, err := ann.Send(ctx, delivery.Message{ID: "2", Group: "g"}); return err }},
		{true, func() error { return ann.Acknowledge(ctx, g, 1) }},
		{true, func() error { return ann.Leave(ctx, g) }},
		{false, func() error { _, err := ann.Stocked(ctx); return err }},
		{false, func() error { _, err := ann.Fetch(ctx, g, 0, 0); return err }},
		{false, func() error { _, err := ann.GroupInfo(ctx, "g"); return err }},
		{false, func() error { _, err := ann.Health(ctx); return err }},
	} {
		for _, failure = range []error{context.Canceled, errors.New("the operator's password")} {
			err := c.call()
			require.NotContains(t, err.Error(), "password")
			require.Equal(t, c.changes, errors.Is(err, delivery.ErrUnknown), "%v", err)
			require.Equal(t, !c.changes, errors.Is(err, delivery.ErrUnavailable), "%v", err)
		}
		failure = delivery.ErrUnavailable
		require.ErrorIs(t, c.call(), delivery.ErrUnavailable, "which says that nothing was done")
		failure = &delivery.RefusalError{Rule: "rule"}
		require.ErrorAs(t, c.call(), new(*delivery.RefusalError))
	}
}

// A gate that ends in the middle of a submission leaves one that the client's repetition
// completes at another gate. Who has a Welcome already reads the group at once, though nobody has
// said at a gate that it may.
func TestGateEndsBetweenBatches(t *testing.T) {
	d := deploy(t, "ann", "bob", "carl")
	require.NoError(t, d.gates[0].Close())
	dialer := &cut.Dialer{}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := nats.ClosedHandler(func(*nats.Conn) { cancel() }) // so that ann does not wait
	doomed, err := Serve(t.Context(), d.conn("gate", nats.SetCustomDialer(dialer), nats.NoReconnect(), ended), Config{})
	require.NoError(t, err)
	names := make([]string, 2100)
	for i := range names {
		names[i] = fmt.Sprint("other", i)
	}
	names[0], names[2099] = "bob", "carl"
	sub := delivery.Submission{
		ID: "1", Commits: []delivery.Commit{{Group: "g", Message: []byte("commit")}},
		Welcomes: []delivery.Welcome{{Clients: names, Group: "g", Message: []byte("welcome")}},
	}
	ann := d.Client("ann")
	_, err = ann.Health(t.Context()) // the gate is found
	require.NoError(t, err)
	dialer.CutAfter(250_000) // behind the first batch, and before the last one ends
	_, err = ann.Submit(ctx, sub)
	require.Error(t, err)
	_ = doomed.Close()

	d.gates[0] = d.gate(Config{})
	read := func(name string) (welcomes, entries int, err error) {
		s := d.Client(name)
		all, err := s.Fetch(t.Context(), delivery.Stream{Client: name}, 0, 0)
		require.NoError(t, err)
		said, err := s.Fetch(t.Context(), delivery.Stream{Group: "g"}, 0, 0)
		return len(all), len(said), err
	}
	welcomes, entries, err := read("bob")
	require.NoError(t, err)
	require.Equal(t, [2]int{1, 1}, [2]int{welcomes, entries})
	welcomes, _, err = read("carl")
	require.ErrorIs(t, err, delivery.ErrNoGroup)
	require.Zero(t, welcomes)
	_, err = ann.Submit(t.Context(), sub)
	require.NoError(t, err)
	for _, name := range []string{"bob", "carl"} {
		welcomes, entries, err = read(name)
		require.NoError(t, err)
		require.Equal(t, [2]int{1, 1}, [2]int{welcomes, entries}, name)
	}
}
