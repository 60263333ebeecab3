package apq

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// propose delivers a proposal to all but its sender.
func (w *world) propose(by string, msg []byte, err error) {
	w.Helper()
	require.NoError(w, err)
	for name, g := range w.groups {
		if name != by {
			r, err := g.Process(w.Context(), noon, msg)
			require.NoError(w, err, name)
			require.NotNil(w, r.Proposal)
			require.Equal(w, IsMessagePair(msg, g.cfg.numbers()), r.PQProposal != nil)
		}
	}
}

// settled returns a group whose members have all made their first commit.
func settled(t *testing.T, names []string, adjust ...func(*Config)) *world {
	w := newWorld(t, small, names, adjust...)
	for _, name := range names[1:] {
		w.commit(name, CommitOptions{})
	}
	return w
}

// Updates of T alone go with PARTIAL commits, and pairs of Updates with FULL ones.
func TestUpdates(t *testing.T) {
	w := settled(t, []string{"ann", "bob", "cid"})
	g := w.groups["bob"]
	before := [2][]byte{g.T().Leaf(g.T().OwnLeaf()).EncryptionKey, g.PQ().Leaf(g.PQ().OwnLeaf()).EncryptionKey}
	b, err := g.ProposeUpdate(t.Context(), noon, UpdateOptions{})
	w.propose("bob", b, err)
	require.False(t, w.groups["ann"].FullDue())
	require.False(t, w.commit("ann", CommitOptions{}).Full())
	g = w.groups["bob"]
	require.NotEqual(t, before[0], g.T().Leaf(g.T().OwnLeaf()).EncryptionKey)
	require.Equal(t, before[1], g.PQ().Leaf(g.PQ().OwnLeaf()).EncryptionKey)

	b, err = g.ProposeUpdate(t.Context(), noon, UpdateOptions{Full: true})
	w.propose("bob", b, err)
	require.True(t, w.groups["cid"].FullDue())
	require.True(t, w.commit("cid", CommitOptions{}).Full())
	g = w.groups["bob"]
	require.NotEqual(t, before[1], g.PQ().Leaf(g.PQ().OwnLeaf()).EncryptionKey)
}

// Pairs of proposals to add and remove make the next commit FULL, which covers them.
func TestMembershipByProposals(t *testing.T) {
	w := settled(t, []string{"ann", "bob", "cid"})
	k := w.keyPackage("dan")
	b, err := w.groups["bob"].ProposeAdd(t.Context(), noon, w.published(k))
	w.propose("bob", b, err)
	b, err = w.groups["ann"].ProposeRemove(t.Context(), noon, w.groups["cid"].T().OwnLeaf())
	w.propose("ann", b, err)
	require.True(t, w.groups["bob"].FullDue())
	c := w.make("bob", CommitOptions{})
	require.True(t, c.Full())
	joined, err := k.Join(t.Context(), noon, c.Welcome, JoinOptions{})
	require.NoError(t, err)
	delete(w.groups, "dan")
	for _, name := range []string{"ann", "bob", "cid"} {
		next := c
		if name != "bob" {
			r, err := w.groups[name].Process(t.Context(), noon, c.Message)
			require.NoError(t, err)
			next = r.Commit
		}
		w.groups[name], err = next.Adopt()
		if name == "cid" {
			require.ErrorIs(t, err, mls.ErrRemoved)
			delete(w.groups, name)
			continue
		}
		require.NoError(t, err)
	}
	w.groups["dan"], err = joined.Adopt()
	require.NoError(t, err)
	w.agree()
	_, err = w.groups["dan"].ProposeRemove(t.Context(), noon, 77)
	requireRule(t, err, "3.3", T)
	_, err = w.groups["dan"].Commit(t.Context(), noon, CommitOptions{Remove: []message.LeafIndex{77}})
	requireRule(t, err, "3.3", T)
}

// A pair of proposals asks for one thing, from one member.
func TestPairsOfProposalsAreRefused(t *testing.T) {
	w := settled(t, []string{"ann", "bob", "cid", "dan"}, publicHandshake)
	propose := func(g *mls.Group, p message.Proposal) []byte {
		m, err := g.Propose(t.Context(), noon, p, nil)
		require.NoError(t, err)
		return m
	}
	remove := func(of, who string, leg Leg) []byte {
		g := w.groups[of]
		return propose(g.leg(leg), message.Remove{Removed: w.groups[who].leg(leg).OwnLeaf()})
	}
	reInit := message.ReInit{GroupID: []byte("next"), CipherSuite: 1}
	psk := message.PreSharedKey{PSK: message.PreSharedKeyID{ID: []byte("psk")}}
	for name, c := range map[string]struct {
		pair    MessagePair
		section string
		leg     Leg
	}{
		"two members":  {MessagePair{remove("ann", "cid", T), remove("ann", "dan", PQ)}, "3", 0},
		"by two":       {MessagePair{remove("ann", "cid", T), remove("dan", "cid", PQ)}, "6", 0},
		"two types":    {MessagePair{propose(w.groups["ann"].T(), psk), remove("ann", "cid", PQ)}, "6", 0},
		"two re-inits": {MessagePair{propose(w.groups["ann"].T(), reInit), propose(w.groups["ann"].PQ(), reInit)}, "7.1", T},
	} {
		t.Run(name, func(t *testing.T) {
			err := w.refused("bob", w.marshalled(c.pair))
			requireRule(t, err, c.section, c.leg)
			require.Empty(t, w.groups["bob"].T().Proposals())
			require.Empty(t, w.groups["bob"].PQ().Proposals())
		})
	}
	require.False(t, w.groups["bob"].FullDue())
}

// A FULL commit covers the changes of the membership that both groups have, and leaves out
// what one has alone.
func TestFullCommitsLeaveOutWhatOneGroupHas(t *testing.T) {
	w := settled(t, []string{"ann", "bob", "cid", "dan"}, publicHandshake)
	ann, bob := w.groups["ann"], w.groups["bob"]
	alone, err := ann.T().Propose(t.Context(), noon, message.Remove{Removed: w.groups["dan"].T().OwnLeaf()}, nil)
	require.NoError(t, err)
	_, err = bob.T().Process(t.Context(), noon, alone) // by the engine, past this package
	require.NoError(t, err)
	b, err := ann.ProposeRemove(t.Context(), noon, w.groups["cid"].T().OwnLeaf())
	w.propose("ann", b, err)
	c := w.commit("bob", CommitOptions{})
	require.True(t, c.Full())
	require.NotContains(t, w.groups, "cid")
	require.Contains(t, w.groups, "dan")

	// One that is alone in the PQ group does not make anything unsafe but itself.
	alone, err = w.groups["ann"].PQ().Propose(t.Context(), noon, message.Remove{Removed: w.groups["dan"].PQ().OwnLeaf()}, nil)
	require.NoError(t, err)
	_, err = w.groups["bob"].PQ().Process(t.Context(), noon, alone)
	require.NoError(t, err)
	require.NoError(t, w.groups["ann"].PQ().ForgetProposals())
	c = w.commit("bob", CommitOptions{})
	require.True(t, c.Full())
	require.Len(t, w.groups, 3)
}

// An external sender of both groups proposes a change of the membership by a pair.
func TestExternalSendersProposePairs(t *testing.T) {
	outsider := client(t, small, "server")
	extension := func(cfg *mls.Config) message.Extensions {
		list := message.ExternalSenders{{SignatureKey: cfg.Signer.PublicKey(), Credential: cfg.Credential}}
		data, err := message.Marshal(&list)
		require.NoError(t, err)
		return message.Extensions{{Type: message.ExtensionExternalSenders, Data: data}}
	}
	w := &world{TB: t, suites: small, groups: map[string]*Group{}}
	g, err := Create(t.Context(), noon, w.config("ann"), CreateOptions{TExtensions: extension(&outsider.T), PQExtensions: extension(&outsider.PQ)})
	require.NoError(t, err)
	w.groups["ann"] = g
	w.add("ann", "bob", "cid")
	propose := func(leg Leg, who string) []byte {
		g := w.groups["ann"].leg(leg)
		p := mls.ExternalProposer{Suite: g.Suite(), GroupID: g.GroupID(), Epoch: g.Epoch()}
		m, err := p.Propose(t.Context(), outsider.of(leg).Signer, 0, message.Remove{Removed: w.groups[who].leg(leg).OwnLeaf()})
		require.NoError(t, err)
		return m
	}
	requireRule(t, w.refused("ann", propose(T, "cid")), "3", T)
	requireRule(t, w.refused("ann", w.marshalled(MessagePair{T: propose(T, "cid"), PQ: propose(PQ, "bob")})), "3", 0)
	pair := w.marshalled(MessagePair{T: propose(T, "cid"), PQ: propose(PQ, "cid")})
	for _, name := range []string{"ann", "bob", "cid"} {
		_, err := w.groups[name].Process(t.Context(), noon, pair)
		require.NoError(t, err)
	}
	require.True(t, w.commit("ann", CommitOptions{}).Full())
	require.NotContains(t, w.groups, "cid")
}

// A member takes another credential in both groups at once.
func TestNewCredential(t *testing.T) {
	w := settled(t, []string{"ann", "bob"})
	next := message.BasicCredential([]byte("ann II"))
	_, err := w.groups["ann"].Commit(t.Context(), noon, CommitOptions{TLeaf: mls.LeafOptions{Credential: &next}})
	requireRule(t, err, "3.2.1", PQ)
	_, err = w.groups["ann"].Commit(t.Context(), noon, CommitOptions{PQLeaf: mls.LeafOptions{Credential: &next}})
	requireRule(t, err, "3.2.1", PQ)
	c := w.commit("ann", CommitOptions{TLeaf: mls.LeafOptions{Credential: &next}, PQLeaf: mls.LeafOptions{Credential: &next}})
	require.True(t, c.Full())
	w.commit("bob", CommitOptions{})
}

// A member leaves both groups by a pair of Removes. Its SelfRemove stands in nobody's way.
func TestSelfRemoveIsRefused(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"}, func(c *Config) { c.T.SelfRemove, c.PQ.SelfRemove = true, true })
	ann, bob := w.groups["ann"], w.groups["bob"]
	leaves, err := bob.T().Propose(t.Context(), noon, message.SelfRemove{}, nil)
	require.NoError(t, err)
	_, err = ann.Process(t.Context(), noon, leaves)
	requireRule(t, err, "3.3", T)
	requireRule(t, bob.unsafe(PQ, message.SelfRemove{}), "3.3", PQ)
	c, err := ann.Commit(t.Context(), noon, CommitOptions{})
	require.NoError(t, err)
	require.False(t, c.Full())
	received, err := bob.Process(t.Context(), noon, c.Message)
	require.NoError(t, err)
	require.False(t, received.Commit.Removed())
}
