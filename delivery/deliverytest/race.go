package deliverytest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
)

func testRace(t *testing.T, n Network) { race(t, n, Faults{}) }

func testRaceWithFaults(t *testing.T, n Network) {
	race(t, n, Faults{LostRequest: 0.1, LostAnswer: 0.1, Twice: 0.1, Short: 0.3, LostHint: 0.3})
}

// race lets clients commit at once in one group, and send between commits. In the end the
// stream has one commit for each epoch, each of a client that was told that it had won, and
// each message once.
func race(t *testing.T, n Network, f Faults) {
	clients, epochs := 4, 10
	if os.Getenv("MLSUITE_WIDE") != "" {
		clients, epochs = 8, 50
	}
	begin(t, n.Client("ann"), "g")
	won := make([]map[string]uint64, clients) // epochs by the IDs of the commits that won
	sent := make([]map[string]bool, clients)
	var wait sync.WaitGroup
	for i := range clients {
		won[i], sent[i] = map[string]uint64{}, map[string]bool{}
		s := Faulty(n.Client(fmt.Sprint("racer", i)), f, rand.New(rand.NewPCG(1, uint64(i))))
		wait.Go(func() { assert.NoError(t, racer(t.Context(), s, epochs, won[i], sent[i])) })
	}
	wait.Wait()

	next := uint64(1)
	messages := map[string]int{}
	for _, e := range fetch(t, n.Client("ann"), groupG, 0)[1:] {
		var of int
		_, err := fmt.Sscanf(e.From, "racer%d", &of)
		require.NoError(t, err)
		if e.Kind == delivery.KindMessage {
			require.True(t, sent[of][e.ID])
			messages[e.From+e.ID]++
			continue
		}
		require.Equal(t, next, e.Epoch)
		require.Contains(t, won[of], e.ID, "its client knows that it won")
		require.Equal(t, e.Epoch, won[of][e.ID])
		delete(won[of], e.ID)
		next++
	}
	require.Equal(t, uint64(epochs), next)
	for i := range clients {
		require.Empty(t, won[i], "who was told that it won did win")
		for id := range sent[i] {
			require.Equal(t, 1, messages[fmt.Sprint("racer", i, id)], "message %s of client %d", id, i)
		}
	}
}

// racer commits until the group is in an epoch, and sends after each attempt.
func racer(ctx context.Context, s delivery.Service, epochs int, won map[string]uint64, sent map[string]bool) error {
	epoch := uint64(1)
	for attempt := 0; epoch < uint64(epochs); attempt++ {
		id := fmt.Sprint("commit", attempt)
		err := repeat(func() error { _, err := s.Submit(ctx, commit(id, "g", epoch)); return err })
		var lost *delivery.EpochError
		switch {
		case err == nil:
			won[id] = epoch
			epoch++
		case errors.As(err, &lost):
			epoch = lost.Current
		default:
			return err
		}
		m := delivery.Message{ID: fmt.Sprint("message", attempt), Group: "g", Epoch: epoch, Message: []byte("hello")}
		sent[m.ID] = true
		if err := repeat(func() error { _, err := s.Send(ctx, m); return err }); err != nil {
			return err
		}
	}
	return nil
}

// repeat calls until the outcome is known.
func repeat(call func() error) error {
	for {
		err := call()
		if !errors.Is(err, delivery.ErrUnknown) && !errors.Is(err, delivery.ErrUnavailable) {
			return err
		}
	}
}
