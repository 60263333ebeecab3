package mls

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
)

// savedThing is a saved state with the call that takes it.
type savedThing struct {
	state   Snapshot
	restore restorer
}

// restorer restores a state. What it returns can be saved again.
type restorer func(Snapshot) (any, error)

func restoring[T any](restore func(Snapshot) (T, error)) restorer {
	return func(s Snapshot) (any, error) { return restore(s) }
}

// takes reports whether a state, perhaps a damaged one, is restored. What is restored
// saves as it was, but for the own ratchets of a group: it reserves other generations, and a
// restart derives them, in place of the secret that they follow from.
func (restore restorer) takes(t *testing.T, state Snapshot) bool {
	restored, err := restore(state)
	if err != nil {
		return false
	}
	var again Snapshot
	switch restored := restored.(type) {
	case interface{ Save() (Snapshot, error) }:
		again, err = restored.Save()
	case interface{ Save() (*Delta, error) }:
		again, err = storeAll(restored)
	}
	require.NoError(t, err)
	if g, ok := restored.(*Group); ok {
		own := binary.BigEndian.AppendUint32(recordRatchet.of(g.Epoch()), uint32(g.leaf))
		unreserved := &Delta{Delete: [][]byte{own, recordManifest.key()}}
		e, err := wire.ParseNew(state.value(t, recordEpoch.key()), "epoch", (*savedEpoch).unmarshal)
		require.NoError(t, err)
		if e.begins != (savedBeginning{}) {
			require.True(t, restore.takes(t, again))
			unreserved.Delete = append(unreserved.Delete, recordSecret.of(g.Epoch()))
			state = edited(t, state, recordEpoch.key(), func(e *savedEpoch) { e.begins, e.secrets.Encryption = savedBeginning{}, nil })
		}
		state, again = state.Apply(unreserved), again.Apply(unreserved)
	}
	require.Equal(t, state, again)
	return true
}

func ofMember(cfg Config, state Snapshot) savedThing {
	return savedThing{state, restoring(func(s Snapshot) (*Group, error) { return RestoreGroup(insiderTime, cfg, s) })}
}

func ofPublic(cfg Config, state Snapshot) savedThing {
	return savedThing{state, restoring(func(s Snapshot) (*PublicGroup, error) { return RestorePublicGroup(insiderTime, cfg, s) })}
}

// savedThings are states of all that can be saved.
func savedThings(t *testing.T) map[string]savedThing {
	snapshot := func(s Snapshot, err error) Snapshot {
		require.NoError(t, err)
		return s
	}
	all := map[string]savedThing{"member": ofMember(stateOfEverything(t)), "public group": ofPublic(publicStateOfEverything(t))}

	alone, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "alone"), nil)
	require.NoError(t, err)
	all["creator"] = ofMember(*alone.cfg, snapshot(storeAll(alone)))
	for range 2 {
		c, err := alone.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		alone, err = c.Adopt()
		require.NoError(t, err)
		all["only member"] = ofMember(*alone.cfg, snapshot(storeAll(alone)))
	}
	for name, states := range map[string][]savedThing{"member by deltas": memberStates(t).all(), "public group by deltas": publicStates(t).all()} {
		for i, s := range states {
			all[fmt.Sprintf("%s %d", name, i)] = s
		}
	}

	groups := clique(t, 0x0001, 3, publicHandshake)
	populate(t, groups)
	_, err = groups[1].ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
	require.NoError(t, err)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage}, message.Remove{Removed: 2})
	require.NoError(t, err)
	in := func(g *Group) restorer {
		return restoring(func(s Snapshot) (*Candidate, error) { return g.RestoreCandidate(insiderTime, s) })
	}
	all["own commit"] = savedThing{snapshot(c.Save()), in(groups[0])}
	r, err := groups[1].Process(t.Context(), insiderTime, c.Message)
	require.NoError(t, err)
	all["received commit"] = savedThing{snapshot(r.Commit.Save()), in(groups[1])}
	joining := func(cfg Config) restorer {
		return restoring(func(s Snapshot) (*Candidate, error) { return RestoreCandidate(insiderTime, cfg, s) })
	}
	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	joiner := client(t, 0x0001, "external")
	c, err = ExternalJoin(t.Context(), insiderTime, joiner, info, ExternalJoinOptions{})
	require.NoError(t, err)
	all["external join"] = savedThing{snapshot(c.Save()), joining(joiner)}
	again := client(t, 0x0001, "member 0")
	c, err = groups[0].Branch(t.Context(), insiderTime, again, nil, nil, nil, FollowUpOptions{})
	require.NoError(t, err)
	all["branch"] = savedThing{snapshot(c.Save()), joining(again)}

	k, err := NewKeyPackage(t.Context(), insiderTime, joiner, KeyPackageOptions{LastResort: true})
	require.NoError(t, err)
	all["key package"] = savedThing{snapshot(k.Save()), restoring(func(s Snapshot) (*OwnKeyPackage, error) {
		return RestoreKeyPackage(insiderTime, joiner, s)
	})}
	return all
}

// A saved state from which any record is missing is refused, whatever it is of.
func TestStateWithoutARecordIsRefused(t *testing.T) {
	for name, s := range savedThings(t) {
		t.Run(name, func(t *testing.T) {
			_, err := s.restore(s.state)
			require.NoError(t, err)
			for i, r := range s.state {
				without := append(s.state.clone()[:i:i], s.state[i+1:]...)
				_, err := s.restore(without)
				require.ErrorIs(t, err, message.ErrMalformed, "%c %x", r.Key[0], r.Key[1:])
			}
		})
	}
}

// deltas is a saved state and what was stored after it.
type deltas struct {
	first   Snapshot
	deltas  []*Delta
	restore restorer
}

// all returns the states after each delta.
func (d *deltas) all() []savedThing {
	states := []savedThing{{d.first, d.restore}}
	for _, delta := range d.deltas {
		states = append(states, savedThing{states[len(states)-1].state.Apply(delta), d.restore})
	}
	return states
}

// memberStates are those of a member who receives messages, proposals and commits.
func memberStates(t *testing.T) *deltas {
	t.Helper()
	groups := clique(t, 0x0001, 4)
	populate(t, groups)
	first, err := storeAll(groups[0])
	require.NoError(t, err)
	d := &deltas{first: first, restore: ofMember(*groups[0].cfg, nil).restore}
	msg := func() {
		delta, err := storeDelta(groups[0])
		require.NoError(t, err)
		d.deltas = append(d.deltas, delta)
	}
	receive := func(m []byte) {
		_, err := groups[0].Process(t.Context(), insiderTime, m)
		require.NoError(t, err)
		msg()
	}
	for range 2 {
		skipped, next := applicationMessage(t, groups[1]), applicationMessage(t, groups[1])
		receive(next)
		receive(skipped)
		_, err = groups[0].ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
		require.NoError(t, err)
		msg()
		m, err := groups[2].Propose(t.Context(), insiderTime, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage}, nil)
		require.NoError(t, err)
		receive(m)
		groups[0].ForgetProposals()
		delta, err := storeDelta(groups[0])
		require.NoError(t, err)
		d.deltas = append(d.deltas, delta)
		c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		follow(t, groups, 1, c)
		delta, err = storeDelta(groups[0])
		require.NoError(t, err)
		d.deltas = append(d.deltas, delta)
	}
	return d
}

// savedFollower returns a public group that follows a member's, with its saved state.
func savedFollower(t *testing.T, g *Group) (Config, *PublicGroup, Snapshot) {
	t.Helper()
	info, err := g.GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	cfg := Config{Suites: g.cfg.Suites}
	public, err := NewPublicGroup(t.Context(), insiderTime, cfg, info, nil)
	require.NoError(t, err)
	state, err := storeAll(public)
	require.NoError(t, err)
	return cfg, public, state
}

// publicStates are those of a public group that follows proposals and commits.
func publicStates(t *testing.T) *deltas {
	t.Helper()
	groups := clique(t, 0x0001, 3, publicHandshake)
	cfg, public, first := savedFollower(t, groups[0])
	d := &deltas{first: first, restore: ofPublic(cfg, nil).restore}
	save := func() {
		delta, err := storeDelta(public)
		require.NoError(t, err)
		d.deltas = append(d.deltas, delta)
	}
	for range 2 {
		for range 2 {
			m, err := groups[2].Propose(t.Context(), insiderTime, externalPSK("psk"), nil)
			require.NoError(t, err)
			_, err = public.Process(t.Context(), insiderTime, m)
			require.NoError(t, err)
			save()
		}
		c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{WithoutPending: true})
		require.NoError(t, err)
		r, err := public.Process(t.Context(), insiderTime, c.Message)
		require.NoError(t, err)
		public = r.Commit.Adopt()
		save()
		follow(t, groups, 1, c)
		info, err := groups[0].GroupInfo(t.Context(), insiderTime, false)
		require.NoError(t, err)
		require.NoError(t, public.SetGroupInfo(info))
		save()
	}
	return d
}

// What a store makes of a state that loses a delta, or keeps a part of one, is refused.
func TestTornStateIsRefused(t *testing.T) {
	for name, d := range map[string]*deltas{"member": memberStates(t), "public group": publicStates(t)} {
		t.Run(name, func(t *testing.T) {
			states, torn := d.all(), 0
			for i, delta := range d.deltas {
				before, after := states[i].state, states[i+1].state
				mixed := []Snapshot{
					before.Apply(&Delta{Delete: delta.Delete}),
					before.Apply(&Delta{Put: delta.Put}),
				}
				if i+1 < len(d.deltas) {
					mixed = append(mixed, before.Apply(d.deltas[i+1]))
				}
				for _, r := range before { // a record that stayed as it was
					mixed = append(mixed, after.Apply(&Delta{Put: []Record{r}}))
				}
				for _, r := range delta.Put { // or that came alone
					mixed = append(mixed, before.Apply(&Delta{Put: []Record{r}}))
				}
				for _, m := range mixed {
					if sameState(m, before) || sameState(m, after) || i+1 < len(d.deltas) && sameState(m, states[i+2].state) {
						continue
					}
					torn++
					_, err := d.restore(m)
					require.ErrorIs(t, err, message.ErrMalformed)
				}
			}
			require.Greater(t, torn, 5*len(d.deltas))
		})
	}
}

func sameState(a, b Snapshot) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !bytes.Equal(a[i].Key, b[i].Key) || !bytes.Equal(a[i].Value, b[i].Value) {
			return false
		}
	}
	return true
}

// Until one of them is stored, the deltas of all branches turn the state that is stored
// into that of their branch.
func TestStateOfForkedPublicGroups(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	cfg, public, first := savedFollower(t, groups[0])
	var branches []*PublicGroup
	for i, proposals := range [][]message.Proposal{{message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage}}, nil} { // one is wider
		c, err := groups[i].Commit(t.Context(), insiderTime, CommitOptions{}, proposals...)
		require.NoError(t, err)
		r, err := public.Process(t.Context(), insiderTime, c.Message)
		require.NoError(t, err)
		branches = append(branches, r.Commit.Adopt())
	}
	for _, branch := range branches {
		delta, err := branch.Delta()
		require.NoError(t, err)
		restored, err := RestorePublicGroup(insiderTime, cfg, first.Apply(delta))
		require.NoError(t, err)
		require.Equal(t, branch.public.contextBytes, restored.public.contextBytes)
	}
}
