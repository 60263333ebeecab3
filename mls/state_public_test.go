package mls

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// publicStateOfEverything returns the state of a public group that has everything
// that such a state can hold.
func publicStateOfEverything(t testing.TB) (Config, Snapshot) {
	t.Helper()
	groups := clique(t, 0x0001, 4, publicHandshake)
	populate(t, groups)
	info, err := groups[1].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	cfg := Config{Suites: mlstest.AllSuites()}
	public, err := NewPublicGroup(t.Context(), insiderTime, cfg, info, nil)
	require.NoError(t, err)
	for _, p := range []message.Proposal{message.Remove{Removed: 3}, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "joiner").KeyPackage}} {
		m, err := groups[2].Propose(t.Context(), insiderTime, p, nil)
		require.NoError(t, err)
		_, err = public.Process(t.Context(), insiderTime, m)
		require.NoError(t, err)
	}
	m, err := groups[1].ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
	require.NoError(t, err)
	_, err = public.Process(t.Context(), insiderTime, m)
	require.NoError(t, err)
	state, err := storeAll(public)
	require.NoError(t, err)
	kinds := map[recordKind]bool{}
	for _, r := range state {
		kinds[recordKind(r.Key[0])] = true
	}
	require.Len(t, kinds, 6, "of all kinds")
	return cfg, state
}

// Each check of a restored public group, beside those that it shares with a member's,
// has a state that only it refuses.
func TestForgedPublicStatesAreRefused(t *testing.T) {
	cfg, state := publicStateOfEverything(t)
	member, memberState := stateOfEverything(t)
	inPublic := func(change func(*savedPublic)) Snapshot { return edited(t, state, recordPublic.key(), change) }
	info := func(change func(*message.GroupInfo)) Snapshot {
		m, err := message.Parse[message.Message](state.value(t, recordGroupInfo.key()))
		require.NoError(t, err)
		change(m.GroupInfo)
		b, err := message.Marshal(m)
		require.NoError(t, err)
		return state.with(recordGroupInfo.key(), b)
	}
	treeNode := func() []byte {
		for _, r := range state {
			if recordKind(r.Key[0]) == recordTreeNode {
				return r.Key
			}
		}
		require.Fail(t, "no tree")
		return nil
	}()
	key, err := mlstest.Suite(t, 0x0001).GenerateKey()
	require.NoError(t, err)
	stranger, err := saveKey(ratchettree.NewPrivateKey(key))
	require.NoError(t, err)
	for name, c := range map[string]struct {
		state Snapshot
		want  string
	}{
		"nothing":                     {Snapshot{}, "records of kind"},
		"of a member":                 {memberState, "no place"},
		"unsorted":                    {append(state[1:len(state):len(state)], state[0]), "order"},
		"no epoch":                    {state.with(recordPublic.key(), nil), "records of kind"},
		"a member's epoch":            {state.with(recordPublic.key(), memberState.value(t, recordEpoch.key())), "epoch is malformed"},
		"epoch that is cut off":       {state.with(recordPublic.key(), []byte{0}), "truncated"},
		"secrets":                     {state.with(append(recordSecret.of(1), 0, 0, 0, 3), make([]byte, 32)), "no place"},
		"past epoch":                  {state.with(recordPast.of(0), []byte{1, 0}), "no place"},
		"unknown suite":               {inPublic(func(p *savedPublic) { p.context.CipherSuite = 0x0A0A }), ""},
		"another suite":               {inPublic(func(p *savedPublic) { p.context.CipherSuite = 0x0002 }), ""},
		"another tree hash":           {inPublic(func(p *savedPublic) { p.context.TreeHash[0] ^= 1 }), "match its hash"},
		"wider than the state":        {inPublic(func(p *savedPublic) { p.width = 1 << 30 }), "leaves"},
		"no width":                    {state.with(recordWidth.key(), nil), "records of kind"},
		"more width":                  {state.with(recordWidth.key(), make([]byte, 8)), "of no ratchet tree"},
		"no node":                     {state.with(treeNode, nil), "missing"},
		"node of no tree":             {state.with(append(recordTreeNode.key(), make([]byte, 32)...), []byte{}), "no ratchet tree"},
		"extension that nobody knows": {inPublic(func(p *savedPublic) { p.context.Extensions = message.Extensions{{Type: 0xF100}} }), "member does not support"},
		"another transcript":          {inPublic(func(p *savedPublic) { p.context.ConfirmedTranscriptHash[0] ^= 1 }), "group_context"},
		"another confirmation tag":    {inPublic(func(p *savedPublic) { p.confirmationTag[0] ^= 1 }), "confirmation_tag"},
		"another epoch":               {inPublic(func(p *savedPublic) { p.context.Epoch++ }), ""},
		"proposal with a gap":         {state.with(recordProposal.at(1), nil), "next one"},
		"two with one reference":      {state.with(recordProposal.at(3), state.value(t, recordProposal.at(0))), "the same reference"},
		"invalid proposal":            {edited(t, state, recordProposal.at(0), func(p *savedProposal) { p.Proposal = message.Remove{Removed: 9} }), "12.1.3"},
		"key of an Update":            {edited(t, state, recordProposal.at(2), func(p *savedProposal) { p.updateKey = &stranger }), "has a private key"},
		"GroupInfo that is none":      {state.with(recordGroupInfo.key(), []byte{1}), ""},
		"GroupInfo of another epoch":  {info(func(i *message.GroupInfo) { i.GroupContext.Epoch++ }), "another epoch"},
		"GroupInfo with another mark": {info(func(i *message.GroupInfo) { i.Signature[0] ^= 1 }), "GroupInfo signature does not verify"},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.state.clone()
			g, err := RestorePublicGroup(insiderTime, cfg, c.state)
			require.Error(t, err)
			require.Nil(t, g)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, before, c.state, "the state is the caller's")
		})
	}
	_, err = RestoreGroup(insiderTime, member, state)
	require.ErrorIs(t, err, message.ErrMalformed, "a member's state has secrets")
	_, err = RestorePublicGroup(insiderTime, Config{}, state)
	require.ErrorIs(t, err, errNoSuites)
	forbidden := errors.New("forbidden")
	_, err = RestorePublicGroup(insiderTime, Config{Suites: cfg.Suites, Policy: mlstest.Refusing(forbidden)}, state)
	require.ErrorIs(t, err, forbidden)
}

// A delta of a public group is O(log n), and that of a fork is of its own branch.
func TestPublicDeltas(t *testing.T) {
	sim, err := NewSimulation(t.Context(), insiderTime, SimulationConfig{
		Suites: mlstest.AllSuites(), Suite: 0x0001, Members: 64, Shape: "steady", Adjust: publicHandshake,
	})
	require.NoError(t, err)
	g, err := sim.Member(0)
	require.NoError(t, err)
	info, err := g.GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	public, err := NewPublicGroup(t.Context(), insiderTime, Config{Suites: mlstest.AllSuites()}, info, nil)
	require.NoError(t, err)
	first, err := storeDelta(public)
	require.NoError(t, err)
	require.Greater(t, len(first.Put), 2*64, "without a state, a delta is all")
	state := Snapshot{}.Apply(first)

	adopt := func(leaf message.LeafIndex) *PublicGroup {
		committer, err := sim.Member(leaf)
		require.NoError(t, err)
		c, err := committer.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		r, err := public.Process(t.Context(), insiderTime, c.Message)
		require.NoError(t, err)
		return r.Commit.Adopt()
	}
	left, right := adopt(1), adopt(50)
	delta, err := storeDelta(left)
	require.NoError(t, err)
	require.Less(t, len(delta.Put), 1+7+3, "an epoch, and the nodes of a path")
	require.Less(t, sizeOf(delta), sizeOf(first)/8)
	whole, err := storeAll(left)
	require.NoError(t, err)
	state = state.Apply(delta)
	require.Equal(t, whole, state)
	require.NotContains(t, recordKeys(whole), string(recordGroupInfo.key()), "that of the epoch before")

	// A delta of the other branch turns what is stored into the state of that branch, and
	// so does one of the epoch before.
	for _, branch := range []*PublicGroup{right, left, public, right} {
		delta, err = storeDelta(branch)
		require.NoError(t, err)
		require.Less(t, len(delta.Put), 1+2*7+3)
		whole, err = storeAll(branch)
		require.NoError(t, err)
		state = state.Apply(delta)
		require.Equal(t, whole, state)
	}
	restored, err := RestorePublicGroup(insiderTime, Config{Suites: mlstest.AllSuites()}, whole)
	require.NoError(t, err)
	require.True(t, bytes.Equal(right.public.contextBytes, restored.public.contextBytes))
	require.Equal(t, right.public.interim, restored.public.interim)
}

// What a message and the delta after it allocate does not grow with the proposals that
// are saved.
func TestPublicDeltasDoNotGrowWithProposals(t *testing.T) {
	groups := clique(t, 0x0001, 2, publicHandshake)
	info, err := groups[0].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	public, err := NewPublicGroup(t.Context(), insiderTime, Config{Suites: mlstest.AllSuites()}, info, nil)
	require.NoError(t, err)
	state, err := storeAll(public)
	require.NoError(t, err)
	proposed := func() []byte {
		b, err := groups[1].Propose(t.Context(), insiderTime, externalPSK("another nonce"), nil)
		require.NoError(t, err)
		return b
	}
	take := func(message []byte) *Delta {
		_, err := public.Process(t.Context(), insiderTime, message)
		require.NoError(t, err)
		delta, err := storeDelta(public)
		require.NoError(t, err)
		return delta
	}
	cost := func(saved int) int {
		for len(public.Proposals()) < saved {
			state = state.Apply(take(proposed()))
		}
		var messages [][]byte
		for range 5 {
			messages = append(messages, proposed())
		}
		var deltas []*Delta
		least := mlstest.LeastAllocated(func() {
			deltas = append(deltas, take(messages[len(deltas)]))
		})
		for _, delta := range deltas {
			state = state.Apply(delta)
		}
		return least
	}
	few, many := cost(100), cost(1000)
	t.Logf("%d bytes after 100 proposals, %d after 1,000", few, many)
	require.LessOrEqual(t, many, few+few/8)

	whole, err := storeAll(public)
	require.NoError(t, err)
	require.Equal(t, whole, state)
	_, err = RestorePublicGroup(insiderTime, Config{Suites: mlstest.AllSuites()}, state)
	require.NoError(t, err)
	_, err = RestorePublicGroup(insiderTime, Config{Suites: mlstest.AllSuites()}, state.Apply(&Delta{Delete: [][]byte{recordProposal.at(1004)}}))
	require.ErrorContains(t, err, "of different states")
}

func recordKeys(s Snapshot) []string {
	var keys []string
	for _, r := range s {
		keys = append(keys, string(r.Key))
	}
	return keys
}
