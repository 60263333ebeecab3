package jetstream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/jetstream/internal/inflight"
	"github.com/mlsuite/mlsuite/delivery/jetstream/internal/inflight/cut"
)

// A request whose connection is lost fails then, and not when its time is over: its answer
// would never come. The next one is on the new connection.
func TestRequestsEndWithTheirConnection(t *testing.T) {
	server, err := Start(t.Context(), ServerOptions{Folder: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(server.Stop)
	dialer := &cut.Dialer{}
	back := make(chan struct{}, 1)
	nc, err := nats.Connect(server.URL().String(), Queue(), nats.SetCustomDialer(dialer), nats.MaxReconnects(-1), nats.ReconnectWait(time.Millisecond),
		nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	s, err := Connect(t.Context(), nc, "ann")
	require.NoError(t, err)

	ctx, group := t.Context(), delivery.Stream{Group: "group"}
	_, err = s.Submit(ctx, commitOf("first", "group", 0))
	require.NoError(t, err)
	told, err := s.Watch(ctx, group)
	require.NoError(t, err)
	<-told
	for name, request := range map[string]func() error{
		"submit": func() error { _, err := s.Submit(ctx, commitOf("second", "group", 1)); return err },
		"send": func() error {
			_, err := s.Send(ctx, delivery.Message{ID: "1", Group: "group", Epoch: 1, Message: []byte("m")})
			return err
		},
		"fetch":        func() error { _, err := s.Fetch(ctx, group, 0, 0); return err },
		"info":         func() error { _, err := s.GroupInfo(ctx, "group"); return err },
		"acknowledge":  func() error { return s.Acknowledge(ctx, group, 1) },
		"acknowledged": func() error { _, err := s.Acknowledged(ctx, group); return err },
		"leave":        func() error { return s.Leave(ctx, group) },
		"stocked":      func() error { _, err := s.Stocked(ctx); return err },
		"claim":        func() error { _, err := s.Claim(ctx, "bob", 1); return err },
		"publish":      func() error { return s.Publish(ctx, delivery.Stock{Remove: [][]byte{{1}}}) },
		"health":       func() error { _, err := s.Health(ctx); return err },
		"watch":        func() error { _, err := s.Watch(ctx, group); return err },
	} {
		t.Run(name, func(t *testing.T) {
			var err error
			for attempt := 0; err == nil && attempt < 5; attempt++ {
				asked, failed := dialer.Hold(), make(chan error, 1)
				go func() { failed <- request() }()
				<-asked
				dialer.Cut()
				err = <-failed
				<-back // without an error, something else was sent before the cut, as by what tells of the group
			}
			require.ErrorIs(t, err, inflight.ErrLost)
			require.True(t, errors.Is(err, delivery.ErrUnavailable) || errors.Is(err, delivery.ErrUnknown), "%v", err)
			_, err = s.Fetch(ctx, group, 0, 0)
			require.NoError(t, err)
		})
	}
	for range told { // which ends too, so that its reader looks at what it has missed
	}

	// What was known of epochs on the old connection is asked for again: the server may have lost
	// them.
	s.know("group", 9)
	losses := s.open.Losses()
	dialer.Cut()
	<-back
	require.Eventually(t, func() bool { return s.open.Losses() > losses }, 10*time.Second, time.Millisecond)
	var epoch *delivery.EpochError
	_, err = s.Send(ctx, delivery.Message{ID: "9", Group: "group", Epoch: 9, Message: []byte("m")})
	require.ErrorAs(t, err, &epoch)
	require.Less(t, epoch.Current, uint64(9))

	// Without a connection nothing is sent.
	server.Stop()
	for nc.IsConnected() {
		time.Sleep(time.Millisecond)
	}
	_, err = s.Send(ctx, delivery.Message{ID: "2", Group: "group", Epoch: 1, Message: []byte("m")})
	require.ErrorIs(t, err, delivery.ErrUnavailable)
	require.ErrorIs(t, err, inflight.ErrLost)

	// Nor is it the caller's doing if the connection is lost between two attempts.
	between, lost := context.WithCancelCause(ctx)
	lost(inflight.ErrLost)
	for err = nil; err == nil; { // a pause of no time may end first
		err = pause(between, 8)
	}
	require.ErrorIs(t, err, delivery.ErrUnavailable)
	require.ErrorIs(t, err, inflight.ErrLost)

	// The error of a caller's context stays that.
	ended, cancel := context.WithCancel(ctx)
	cancel()
	_, err = s.Fetch(ended, group, 0, 0)
	require.Equal(t, context.Canceled, err)
}
