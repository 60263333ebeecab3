package gate

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/jetstream/internal/inflight"
	"github.com/mlsuite/mlsuite/delivery/jetstream/internal/inflight/cut"
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
