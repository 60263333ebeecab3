package main

import (
	"context"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/delivery/memory"
	"github.com/mlsuite/mlsuite/mls"
)

// Each gate's guard is a reader under a name of its own, which stays, and it says what it has read
// when it begins.
func TestGuardIsAReader(t *testing.T) {
	f, err := parsed(t)
	require.NoError(t, err)
	server := memory.NewServer(memory.Options{})
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	var names []string
	connect := func(_ context.Context, client string) (delivery.Service, error) {
		names = append(names, client)
		return server.Client(client), jetstream.CheckName(client)
	}
	ours, others := t.TempDir(), t.TempDir()
	for _, folder := range []string{ours, others} {
		_, done, err := f.newGuard(t.Context(), connect, folder, log)
		require.NoError(t, err)
		done()
	}
	g, done, err := f.newGuard(t.Context(), connect, ours, log)
	require.NoError(t, err)
	defer done()
	require.NotEqual(t, names[0], names[1])
	require.Equal(t, names[0], names[2])

	ann := begin(t, mls.Config{})
	ann.service = g.Service(server.Client("ann"))
	require.NoError(t, ann.commit())
	text, err := ann.group.Encrypt(t.Context(), time.Now(), []byte("text"), nil)
	require.NoError(t, err)
	last, err := server.Client("ann").Send(t.Context(), delivery.Message{ID: "text", Group: "g", Epoch: 1, Message: text})
	require.NoError(t, err)
	read := func() delivery.Position {
		at, err := server.Client(names[0]).Acknowledged(t.Context(), delivery.Stream{Group: "g"})
		require.NoError(t, err)
		return at
	}
	require.Positive(t, read())
	require.Less(t, read(), last)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		catchUpEvery(ctx, g, 0, log)
	}()
	require.Eventually(t, func() bool { return read() == last }, 10*time.Second, time.Millisecond)
	stop()
	<-ended
}
