package mls

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/treemath"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// usedKeys are the keys and nonces, without the random reuse guard, that somebody
// has sent with.
type usedKeys map[string]string

// send lets g send a message, a commit if handshake, and notes what it is sent with.
func (u usedKeys) send(t testing.TB, g *Group, handshake bool, why string) error {
	t.Helper()
	contentType := message.ContentApplication
	if handshake {
		contentType = message.ContentCommit
	}
	var p secrettree.UnusedKey
	err := g.inbox.ratchets.Next(&p, g.leaf, contentType)
	require.NoError(t, err)
	name := fmt.Sprintf("%x %x", p.Key, p.Nonce)
	what := fmt.Sprintf("%s: epoch %d, %s, generation %d", why, g.Epoch(), contentType, p.Generation)
	p.Discard()
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

// A client that stores what it has to, and goes down again and again, repeats no key and
// nonce. It goes down before and after it stores, sends, and adopts commits. It loses
// deltas before they are stored, and forgets that they were.
func TestRestartsRepeatNoKey(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	cfg := *groups[0].cfg
	state, err := storeAll(groups[0])
	require.NoError(t, err)
	used := usedKeys{}
	r := rand.New(rand.NewPCG(1, 2))
	g, restarts, refused := groups[0], 0, 0
	var untold []*Delta
	store := func(tell bool) {
		delta, err := g.Delta()
		if r.IntN(8) == 0 {
			delta, err = g.Save()
		}
		require.NoError(t, err)
		if !tell && r.IntN(2) == 0 {
			return // it is lost
		}
		state = state.Apply(delta)
		if untold = append(untold, delta); tell {
			delta.Stored()
		}
	}
	commits := map[uint64][]byte{} // what the delivery service has, by the epoch that they end
	for range 2000 {
		switch n := r.IntN(24); {
		case n < 14:
			err := used.send(t, g, n < 6, fmt.Sprintf("life %d", restarts))
			if err != nil {
				require.ErrorIs(t, err, ErrUnsaved)
				refused++
				store(true)
				require.NoError(t, used.send(t, g, n < 6, "stored"))
			}
		case n < 16:
			store(true)
		case n < 20:
			store(false)
		case n < 21 && len(untold) > 0: // whichever epoch, or life, it is of
			untold[r.IntN(len(untold))].Stored()
		case n < 23: // it goes down, with what it has not stored
			g, err = RestoreGroup(insiderTime, cfg, state)
			require.NoError(t, err)
			restarts++
		case n == 23: // somebody commits, or has done so before it went down
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
// group sent within the generations that the state reserves, and the group sends with no
// others.
func TestEarlierStatesRepeatNoKey(t *testing.T) {
	for _, handshake := range []bool{false, true} {
		g := clique(t, 0x0001, 2)[0]
		cfg := *g.cfg
		g.inbox.saving.sent = [2]uint64{} // a commit that made the group
		used := usedKeys{}
		const sent = 20
		for range sent {
			require.NoError(t, used.send(t, g, handshake, "before"), "a group that was never saved just sends")
		}
		state, err := storeAll(g)
		require.NoError(t, err)
		states := []Snapshot{state}
		for i := range sent {
			require.NoError(t, used.send(t, g, handshake, "reserved"), "as many as it had sent")
			delta, err := g.Delta() // and nobody says that it is stored
			require.NoError(t, err)
			require.True(t, i > sent/4 || len(delta.Put) == 0, "sending costs nothing while much is reserved")
			state = state.Apply(delta)
			states = append(states, state)
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
			_, err = storeDelta(again)
			require.NoError(t, err)
			require.NoError(t, branch.send(t, again, handshake, "restored"))
			require.ErrorIs(t, branch.send(t, again, handshake, "restored"), ErrUnsaved)
		}
		_, err = storeDelta(g)
		require.NoError(t, err)
		require.NoError(t, used.send(t, g, handshake, "saved again"))
	}
}

// kindsOf counts records by kind.
func kindsOf(all []Record) map[recordKind]int {
	kinds := map[recordKind]int{}
	for _, r := range all {
		kinds[kindOfKey(r.Key)]++
	}
	return kinds
}

// A group that is saved before each message is never refused, restored or not, and seldom
// has something to store.
func TestSavingReservesInTime(t *testing.T) {
	g := clique(t, 0x0001, 2)[0]
	state, err := storeAll(g)
	require.NoError(t, err)
	used := usedKeys{}
	for _, restored := range []bool{false, true} {
		if restored {
			g, err = RestoreGroup(insiderTime, *g.cfg, state)
			require.NoError(t, err)
		}
		records := 0
		for range 10 * sendBlock {
			delta, err := storeDelta(g)
			require.NoError(t, err)
			state = state.Apply(delta)
			records += kindsOf(delta.Put)[recordRatchet]
			require.NoError(t, used.send(t, g, false, "saved"))
		}
		require.InDelta(t, 10*sendBlock/(sendBlock/2), records, 13, "a record for each half of a block, and more at first")
	}
}

// The first save of a restored group is like any other: what it reserves can be used. It
// costs two ratchets, and the first one in an epoch the secrets beside the way to them.
func TestFirstSaveOfARestoredGroup(t *testing.T) {
	groups := clique(t, 0x0001, 8)
	populate(t, groups)
	state, err := storeAll(groups[0])
	require.NoError(t, err)
	for _, c := range []struct {
		deletes int
		puts    map[recordKind]int
	}{
		{0, map[recordKind]int{recordEpoch: 1, recordSecret: 1, recordRatchet: 2, recordManifest: 1}},
		{0, map[recordKind]int{recordRatchet: 2, recordManifest: 1}},
	} {
		g, err := RestoreGroup(insiderTime, *groups[0].cfg, state)
		require.NoError(t, err)
		delta, err := storeDelta(g)
		require.NoError(t, err)
		require.Len(t, delta.Delete, c.deletes)
		require.Equal(t, c.puts, kindsOf(delta.Put))
		used := usedKeys{}
		require.NoError(t, used.send(t, g, false, "restored"))
		require.NoError(t, used.send(t, g, true, "restored"))
		state = state.Apply(delta).Apply(madeDelta(t, g))
	}
}

// A group that sends nothing in an epoch derives nothing to be saved. What it reserves are
// two numbers: few generations for handshakes, more for application messages, however
// many it sent in other epochs.
func TestEpochWithoutOwnMessagesDerivesNothingToBeSaved(t *testing.T) {
	f := &frail{}
	groups := clique(t, 0x0001, 3, f.config, func(cfg *Config) { cfg.PublicHandshake = false })
	g := groups[0]
	_, err := storeAll(g)
	require.NoError(t, err)
	g.inbox.saving.sent = [2]uint64{1000, 1000}
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	follow(t, groups, 1, c)
	g = groups[0]
	f.arm(0)
	_, err = storeDelta(g)
	require.NoError(t, err)
	require.Equal(t, 1+len(g.self.pathKeys), f.steps, "each private key is read, and nothing else is asked of the suite")
	require.Equal(t, [2]uint64{firstHandshakeBlock, firstApplicationBlock}, g.inbox.saving.usable)
	used := usedKeys{}
	for _, handshake := range []bool{true, false} {
		for sent := uint64(0); sent < 3*sendBlock; sent++ {
			if used.send(t, g, handshake, "in the epoch") == nil {
				continue
			}
			require.True(t, sent%sendBlock == 0 || sent&(sent-1) == 0, "%d: the blocks get larger", sent)
			_, err := storeDelta(g)
			require.NoError(t, err)
			require.NoError(t, used.send(t, g, handshake, "in the epoch"))
		}
	}
}

// leadsTo reports whether a secret of a node leads to the first keys of a leaf in an epoch.
func (s Snapshot) leadsTo(t testing.TB, epoch uint64, leaf message.LeafIndex) bool {
	const nh = 32
	for _, r := range s {
		switch kindOfKey(r.Key) {
		case recordSecret:
			size := 4 + nh
			if of, _ := secrettree.SecretNameOf(r.Key); of == epoch {
				for page := r.Value; len(page) > 0; page = page[size:] {
					if treemath.NodeOf(leaf).InSubtree(treemath.NodeIndex(binary.BigEndian.Uint32(page))) {
						return true
					}
				}
			}
		case recordEpoch:
			e, err := wire.ParseNew(r.Value, "epoch", (*savedEpoch).unmarshal)
			require.NoError(t, err)
			if e.context.Epoch == epoch && e.secrets.Encryption != nil {
				return true
			}
		}
	}
	return false
}

// requireNoSentKey requires that a state does not lead to the first keys with which g sent
// in an epoch.
func requireNoSentKey(t testing.TB, state Snapshot, g *Group, epoch uint64) {
	t.Helper()
	require.False(t, state.leadsTo(t, epoch, g.leaf))
	for _, kind := range secrettree.RatchetKinds() {
		name := secrettree.NameOfRatchet(g.leaf, kind)
		if epoch == g.Epoch() {
			var r secrettree.SavedRatchet
			require.NoError(t, wire.Parse(state.value(t, name.AppendKey(nil, epoch)), "ratchet", r.Unmarshal))
			require.Positive(t, r.Next)
		} else {
			require.False(t, slices.ContainsFunc(state, func(r Record) bool { return bytes.Equal(r.Key, name.AppendKey(nil, epoch)) }))
		}
	}
}

// Once a message was sent, the next stored state holds nothing that its key follows from.
func TestSentMessageLeavesTheState(t *testing.T) {
	for _, handshake := range []bool{false, true} {
		g := clique(t, 0x0001, 4)[0]
		state, err := storeAll(g)
		require.NoError(t, err)
		require.True(t, state.leadsTo(t, g.Epoch(), g.leaf), "nothing was sent before it was saved")
		require.NoError(t, usedKeys{}.send(t, g, handshake, "first"))
		requireNoSentKey(t, state.Apply(madeDelta(t, g)), g, g.Epoch())
	}
}

// A message that was sent before the process ended leaves the state with the first Delta
// after the restart, although the group sends nothing any more, and whether or not the
// epoch has ended by then.
func TestRestartLeavesNoSentKey(t *testing.T) {
	for _, handshake := range []bool{false, true} {
		for _, ended := range []bool{false, true} {
			groups := clique(t, 0x0001, 5)
			g := groups[0]
			state, err := storeAll(g)
			require.NoError(t, err)
			require.NoError(t, usedKeys{}.send(t, g, handshake, "before the process ends"))
			epoch := g.Epoch()
			g, err = RestoreGroup(insiderTime, *g.cfg, state)
			require.NoError(t, err)
			if ended {
				c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
				require.NoError(t, err)
				received, err := g.Process(t.Context(), insiderTime, c.Message)
				require.NoError(t, err)
				g, err = received.Commit.Adopt()
				require.NoError(t, err)
			}
			state = state.Apply(madeDelta(t, g))
			requireNoSentKey(t, state, g, epoch)
			_, err = RestoreGroup(insiderTime, *g.cfg, state)
			require.NoError(t, err)
		}
	}
}

// A life of a client in which it saves wastes at most as many generations of a ratchet as
// it sent in it, or one. One in which it saves nothing wastes none.
func TestRestartsWasteFewGenerations(t *testing.T) {
	const lives = 30
	next := func(g *Group) int { return int(g.inbox.ratchets.NextGeneration(g.leaf, secrettree.ApplicationRatchet)) }
	for _, sends := range []int{0, 1, 10} {
		g := clique(t, 0x0001, 2)[0]
		state, err := storeAll(g)
		require.NoError(t, err)
		used := usedKeys{}
		for range lives {
			g, err = RestoreGroup(insiderTime, *g.cfg, state)
			require.NoError(t, err)
			_, err = g.Encrypt(t.Context(), insiderTime, nil, nil)
			require.ErrorIs(t, err, ErrUnsaved)
			g, err = RestoreGroup(insiderTime, *g.cfg, state)
			require.NoError(t, err)
			began := next(g)
			for range sends {
				delta, err := storeDelta(g)
				require.NoError(t, err)
				state = state.Apply(delta)
				require.NoError(t, used.send(t, g, false, "in a life"))
			}
			delta, err := storeDelta(g)
			require.NoError(t, err)
			state = state.Apply(delta)
			g, err = RestoreGroup(insiderTime, *g.cfg, state)
			require.NoError(t, err)
			require.LessOrEqual(t, next(g)-began-sends, max(1, sends))
		}
	}
}

// Public handshake messages use no ratchet, and wait for nothing.
func TestPublicHandshakeNeedsNoReservation(t *testing.T) {
	g := clique(t, 0x0001, 2, publicHandshake)[0]
	state, err := storeAll(g)
	require.NoError(t, err)
	g, err = RestoreGroup(insiderTime, *g.cfg, state)
	require.NoError(t, err)
	_, err = g.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
}

// The last generations of a ratchet are saved like others.
func TestReservationAtTheEndOfARatchet(t *testing.T) {
	g := clique(t, 0x0001, 2)[0]
	require.NoError(t, usedKeys{}.send(t, g, false, "first"))
	g.inbox.ratchets.Ratchets[g.leaf].Application.Next = 1<<32 - 3
	g.inbox.saving.sent[secrettree.ApplicationRatchet] = sendBlock
	state, err := storeAll(g)
	require.NoError(t, err)
	used := usedKeys{}
	for range 3 {
		require.NoError(t, used.send(t, g, false, "last"))
	}
	_, err = g.Encrypt(t.Context(), insiderTime, nil, nil)
	require.ErrorIs(t, err, ErrGeneration)
	for range 2 {
		g, err = RestoreGroup(insiderTime, *g.cfg, state)
		require.NoError(t, err)
		_, err = g.Encrypt(t.Context(), insiderTime, nil, nil)
		require.ErrorIs(t, err, ErrGeneration)
		delta, err := storeDelta(g)
		require.NoError(t, err)
		require.Equal(t, 1, kindsOf(delta.Put)[recordRatchet], "of the handshake ratchet alone")
		state = state.Apply(delta)
	}
}
