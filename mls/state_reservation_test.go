package mls

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// usedKeys are the keys and nonces, without the random reuse guard, that somebody
// has sent with.
type usedKeys map[string]string

// send lets g send a message, a commit if handshake, and notes what it is sent with.
func (u usedKeys) send(t testing.TB, g *Group, handshake bool, why string) error {
	t.Helper()
	contentType := ContentApplication
	if handshake {
		contentType = ContentCommit
	}
	p, err := g.inbox.ratchets.next(g.leaf, contentType)
	require.NoError(t, err)
	name := fmt.Sprintf("%x %x", p.key, p.nonce)
	what := fmt.Sprintf("%s: epoch %d, %s, generation %d", why, g.Epoch(), contentType, p.generation)
	p.discard()
	if handshake {
		_, err = g.Commit(t.Context(), insiderTime, CommitOptions{})
	} else {
		_, err = g.Encrypt(t.Context(), insiderTime, []byte("text"), nil)
	}
	if err == nil {
		require.Empty(t, u[name], "sent again: %s", what)
		u[name] = what
	}
	return err
}

// A client that saves what it has to, and goes down again and again, repeats no key
// and nonce. It goes down before and after it stores, sends, and adopts commits.
func TestRestartsRepeatNoKey(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	cfg := *groups[0].cfg
	state, err := groups[0].Save()
	require.NoError(t, err)
	used := usedKeys{}
	r := rand.New(rand.NewPCG(1, 2))
	g, restarts, refused := groups[0], 0, 0
	store := func() {
		if r.IntN(4) == 0 {
			state, err = g.Save()
			require.NoError(t, err)
			return
		}
		delta, err := g.EpochDelta()
		require.NoError(t, err)
		state = state.Apply(&delta.Delta)
	}
	commits := map[uint64][]byte{} // what the delivery service has, by the epoch that they end
	for range 1500 {
		switch n := r.IntN(20); {
		case n < 14:
			err := used.send(t, g, n < 6, fmt.Sprintf("life %d", restarts))
			if err != nil {
				require.ErrorIs(t, err, ErrUnsaved)
				refused++
				store()
				require.NoError(t, used.send(t, g, n < 6, "stored"))
			}
		case n < 16:
			store()
		case n < 18: // it goes down, with what it has not stored
			g, err = RestoreGroup(insiderTime, cfg, state)
			require.NoError(t, err)
			restarts++
		case n == 18: // somebody commits, or has done so before it went down
			if commits[g.Epoch()] == nil {
				c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
				require.NoError(t, err)
				commits[g.Epoch()] = c.Message
				groups[1], err = c.Adopt()
				require.NoError(t, err)
			}
			received, err := g.Process(t.Context(), insiderTime, commits[g.Epoch()])
			require.NoError(t, err)
			g, err = received.Commit.Adopt()
			require.NoError(t, err)
		}
	}
	require.Greater(t, restarts, 50)
	require.Greater(t, refused, 20)
	require.Greater(t, len(used), 500)
}

// Whichever earlier state is restored: it sends with no key and nonce with which the
// group sent within the generations that the state reserves, and the group sends
// with no others.
func TestEarlierStatesRepeatNoKey(t *testing.T) {
	for _, handshake := range []bool{false, true} {
		g := clique(t, 0x0001, 2)[0]
		cfg := *g.cfg
		used := usedKeys{}
		for range 10 {
			require.NoError(t, used.send(t, g, handshake, "before"), "a group that was never saved just sends")
		}
		state, err := g.Save()
		require.NoError(t, err)
		states := []Snapshot{state}
		for range sendBlock / 2 {
			require.NoError(t, used.send(t, g, handshake, "reserved"))
			delta, err := g.MessageDelta()
			require.NoError(t, err)
			require.True(t, delta.Empty(), "sending costs nothing")
			state = state.Apply(&delta.Delta)
			states = append(states, state)
		}
		for range sendBlock / 2 {
			require.NoError(t, used.send(t, g, handshake, "reserved, too"))
		}
		require.ErrorIs(t, used.send(t, g, handshake, "beyond"), ErrUnsaved)
		require.ErrorIs(t, used.send(t, g, handshake, "beyond"), ErrUnsaved)
		for _, state := range states {
			again, err := RestoreGroup(insiderTime, cfg, state)
			require.NoError(t, err)
			branch := usedKeys{}
			for k, v := range used {
				branch[k] = v
			}
			require.ErrorIs(t, branch.send(t, again, handshake, "restored"), ErrUnsaved)
			delta, err := again.MessageDelta()
			require.NoError(t, err)
			require.Equal(t, map[recordKind]int{recordRatchet: 1, recordManifest: 1}, kindsOf(delta.Put))
			for range sendBlock {
				require.NoError(t, branch.send(t, again, handshake, "restored"))
			}
			require.ErrorIs(t, branch.send(t, again, handshake, "restored"), ErrUnsaved)
		}
		delta, err := g.MessageDelta()
		require.NoError(t, err)
		require.NotEmpty(t, delta.Put)
		require.NoError(t, used.send(t, g, handshake, "saved again"))
	}
}

// kindsOf counts records by kind.
func kindsOf(all []Record) map[recordKind]int {
	kinds := map[recordKind]int{}
	for _, r := range all {
		kinds[recordKind(r.Key[0])]++
	}
	return kinds
}

// A group that is saved after each message is never refused to send.
func TestSavingReservesInTime(t *testing.T) {
	g := clique(t, 0x0001, 2)[0]
	_, err := g.Save()
	require.NoError(t, err)
	used, records := usedKeys{}, 0
	for range 10 * sendBlock {
		require.NoError(t, used.send(t, g, false, "saved"))
		delta, err := g.MessageDelta()
		require.NoError(t, err)
		records += kindsOf(delta.Put)[recordRatchet]
	}
	require.InDelta(t, 10*sendBlock/(sendBlock/2), records, 2, "a record for each half of a block")
}

// A client that is restored often, and sends by one of its ratchets or by none, does
// not run away from what the others accept of the other.
func TestIdleRatchetsReserveNothing(t *testing.T) {
	for _, sends := range []bool{false, true} {
		groups := clique(t, 0x0001, 2)
		g, cfg := groups[0], *groups[0].cfg
		for range 40 {
			m, err := groups[1].Encrypt(t.Context(), insiderTime, []byte("to another client"), nil)
			require.NoError(t, err)
			_, err = g.Process(t.Context(), insiderTime, m)
			require.NoError(t, err)
			state, err := g.Save()
			require.NoError(t, err)
			g, err = RestoreGroup(insiderTime, cfg, state)
			require.NoError(t, err)
			if !sends {
				continue
			}
			_, err = g.Encrypt(t.Context(), insiderTime, nil, nil)
			require.ErrorIs(t, err, ErrUnsaved)
			_, err = g.MessageDelta()
			require.NoError(t, err)
			m, err = g.Encrypt(t.Context(), insiderTime, []byte("once in a life"), nil)
			require.NoError(t, err)
			_, err = groups[1].Process(t.Context(), insiderTime, m)
			require.NoError(t, err)
		}
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
		require.ErrorIs(t, err, ErrUnsaved)
		_, err = g.MessageDelta()
		require.NoError(t, err)
		c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		require.EqualValues(t, sendBlock+1, g.inbox.ratchets.ratchets[g.leaf].handshake.next)
		_, err = groups[1].Process(t.Context(), insiderTime, c.Message)
		require.NoError(t, err)
	}
}

// Public handshake messages use no ratchet, and wait for nothing.
func TestPublicHandshakeNeedsNoReservation(t *testing.T) {
	g := clique(t, 0x0001, 2, publicHandshake)[0]
	state, err := g.Save()
	require.NoError(t, err)
	g, err = RestoreGroup(insiderTime, *g.cfg, state)
	require.NoError(t, err)
	_, err = g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
}

// The last generations of a ratchet are saved like others.
func TestReservationAtTheEndOfARatchet(t *testing.T) {
	g := clique(t, 0x0001, 2)[0]
	require.NoError(t, g.inbox.ratchets.open(g.leaf))
	g.inbox.ratchets.ratchets[g.leaf].application.next = 1<<32 - 3
	state, err := g.Save()
	require.NoError(t, err)
	used := usedKeys{}
	for range 3 {
		require.NoError(t, used.send(t, g, false, "last"))
	}
	_, err = g.Encrypt(t.Context(), insiderTime, nil, nil)
	require.ErrorIs(t, err, ErrGeneration)
	again, err := RestoreGroup(insiderTime, *g.cfg, state)
	require.NoError(t, err)
	_, err = again.Encrypt(t.Context(), insiderTime, nil, nil)
	require.ErrorIs(t, err, ErrGeneration)
	second, err := again.Save()
	require.NoError(t, err)
	require.Equal(t, state, second)
}

// What a restored group saves before it is to send reserves nothing, so that restarts use
// no generations up; what it saves after it was told to does.
func TestSavedBeforeTheFirstMessageReservesNothing(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	g := groups[0]
	state, err := g.Save()
	require.NoError(t, err)
	encrypt := func() ([]byte, error) { return g.Encrypt(t.Context(), insiderTime, []byte("hello"), nil) }
	for restart := range 30 {
		g, err = RestoreGroup(insiderTime, *g.cfg, state)
		require.NoError(t, err)
		switch restart % 3 {
		case 0:
			delta, err := g.EpochDelta()
			require.NoError(t, err)
			require.Empty(t, delta.Put)
			require.Empty(t, delta.Delete)
		case 1:
			delta, err := g.MessageDelta()
			require.NoError(t, err)
			require.Empty(t, delta.Put)
		case 2:
			state, err = g.Save()
			require.NoError(t, err)
		}
	}
	_, err = encrypt()
	require.ErrorIs(t, err, ErrUnsaved, "what was saved before does not count")
	_, err = encrypt()
	require.ErrorIs(t, err, ErrUnsaved, "nor does the answer alone")
	delta, err := g.EpochDelta()
	require.NoError(t, err)
	require.NotEmpty(t, delta.Put)
	m, err := encrypt()
	require.NoError(t, err)
	// Nothing was skipped but what the first state had reserved.
	received, err := groups[1].Process(t.Context(), insiderTime, m)
	require.NoError(t, err)
	require.Equal(t, []byte("hello"), received.Application.Data)
	require.LessOrEqual(t, g.inbox.ratchets.ratchets[g.leaf].of(ContentApplication).next, uint64(2*sendBlock))
}
