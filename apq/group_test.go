package apq

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// pairsOfSuites returns pairs of suites that tests run over: each suite once, and all
// combinations in the wide form.
func pairsOfSuites() []suites {
	ts := []suite.ID{1, 7, 2, 3, 5, 4, 6}
	pqs := []suites{
		{pq: 0xF006}, {pq: 0xF00B, mode: 1}, {pq: 0xF007}, {pq: 0xF00A, mode: 1}, {pq: 0xF008}, {pq: 0xF00A}, {pq: 0xF00B},
	}
	var all []suites
	for i, s := range pqs {
		for n, t := range ts {
			if n == i || vectors.Wide() {
				s.t = t
				all = append(all, s)
			}
		}
	}
	return all
}

// A combined group lives: it is created, grows, makes PARTIAL and FULL commits by several
// members, in public and in private messages, and shrinks.
func TestLife(t *testing.T) {
	for i, s := range pairsOfSuites() {
		t.Run(fmt.Sprintf("%s and %s in mode %d", s.t, s.pq, s.mode), func(t *testing.T) {
			t.Parallel()
			var adjust []func(*Config)
			if i%2 == 0 {
				adjust = append(adjust, publicHandshake)
			}
			w := newWorld(t, s, []string{"ann", "bob", "cid"}, adjust...)
			require.Equal(t, &Info{
				TGroupID: w.groups["ann"].T().GroupID(), PQGroupID: w.groups["ann"].PQ().GroupID(), Mode: s.mode,
				TSuite: s.t, PQSuite: s.pq, TEpoch: 1, PQEpoch: 1,
			}, w.groups["cid"].Info())
			w.talk("bob")
			for _, name := range []string{"bob", "cid"} {
				require.True(t, w.groups[name].FullDue(), "the first commit of a joiner is FULL")
				require.True(t, w.commit(name, CommitOptions{}).Full())
				require.False(t, w.groups[name].FullDue())
			}
			info := w.groups["ann"].Info()
			for _, name := range []string{"ann", "bob", "cid"} {
				require.False(t, w.commit(name, CommitOptions{}).Full())
			}
			require.Equal(t, info, w.groups["ann"].Info(), "PARTIAL commits leave the Info")
			require.EqualValues(t, 6, w.groups["ann"].T().Epoch())
			require.EqualValues(t, 3, w.groups["ann"].PQ().Epoch())
			w.talk("cid")
			require.True(t, w.commit("ann", CommitOptions{Full: true}).Full())
			require.EqualValues(t, 7, w.groups["bob"].Info().TEpoch)
			require.EqualValues(t, 4, w.groups["bob"].Info().PQEpoch)
			require.True(t, w.commit("bob", CommitOptions{Remove: []message.LeafIndex{w.groups["ann"].T().OwnLeaf()}}).Full())
			require.Len(t, w.groups, 2)
			w.add("cid", "dan")
			w.talk("dan")
		})
	}
}

// A commit of both groups has a path in both, or nothing heals.
func TestFullCommitsHavePaths(t *testing.T) {
	w := newWorld(t, small, []string{"ann"})
	g := w.groups["ann"]
	before := [2][]byte{g.T().Leaf(0).EncryptionKey, g.PQ().Leaf(0).EncryptionKey}
	w.add("ann", "bob")
	g = w.groups["ann"]
	require.NotEqual(t, before[0], g.T().Leaf(0).EncryptionKey)
	require.NotEqual(t, before[1], g.PQ().Leaf(0).EncryptionKey)
}

// Of candidates, one is adopted, and the others end in both groups. Air's messenger once
// kept the PQ half of its own commit when another one won in the T group.
func TestLostRaces(t *testing.T) {
	for _, winner := range []bool{true, false} {
		w := newWorld(t, small, []string{"ann", "bob"})
		w.commit("bob", CommitOptions{})
		own := w.make("ann", CommitOptions{Full: true})
		other := w.make("bob", CommitOptions{Full: winner})
		require.Equal(t, winner, other.Full())
		w.adopt("bob", other)
		_, err := own.Adopt()
		require.ErrorIs(t, err, mls.ErrRetired)
		_, err = own.PQ().EpochAuthenticator()
		require.ErrorIs(t, err, mls.ErrRetired, "the PQ half ends too")
		_, err = w.groups["bob"].Process(t.Context(), noon, own.Message)
		require.ErrorIs(t, err, mls.ErrPastEpoch, "the commit that lost is of the past, and no fault")
		require.NotErrorIs(t, err, ErrLegLost)
		require.True(t, w.commit("ann", CommitOptions{Full: true}).Full(), "ann goes on")
	}
}

// A retired Group makes nothing any more, although its PQ group may live on in the next.
func TestRetiredGroup(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	w.commit("bob", CommitOptions{})
	old := w.groups["ann"]
	c := w.make("ann", CommitOptions{})
	require.False(t, c.Full())
	w.adopt("ann", c)
	_, err := old.Commit(t.Context(), noon, CommitOptions{Full: true})
	require.ErrorIs(t, err, mls.ErrRetired)
	_, err = old.Process(t.Context(), noon, c.Message)
	require.ErrorIs(t, err, mls.ErrRetired)
	_, err = old.Delta()
	require.ErrorIs(t, err, mls.ErrRetired)
	_, err = c.Adopt()
	require.ErrorIs(t, err, mls.ErrRetired)
	w.talk("ann")
	w.groups["ann"].Destroy()
	_, err = w.groups["ann"].Commit(t.Context(), noon, CommitOptions{})
	require.ErrorIs(t, err, mls.ErrRetired)
	_, err = w.groups["ann"].PQ().EpochAuthenticator()
	require.ErrorIs(t, err, mls.ErrRetired)
}

// A discarded candidate leaves everything as it was, and either both groups move or none.
func TestBothLegsOrNeither(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	before := w.state("ann")
	for _, discard := range []func(c *Candidate){
		(*Candidate).Discard,
		func(c *Candidate) { c.T().Discard() },
		func(c *Candidate) { c.PQ().Discard() },
	} {
		c := w.make("ann", CommitOptions{Full: true})
		discard(c)
		_, err := c.Adopt()
		require.ErrorIs(t, err, mls.ErrRetired)
		require.Equal(t, before, w.state("ann"))
	}
	w.commit("ann", CommitOptions{Full: true})
}

// A pair that arrives before the one before it waits, and one that comes again is late.
func TestPairsInOtherOrders(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"}, publicHandshake)
	first := w.make("ann", CommitOptions{Full: true})
	ann, err := first.Adopt()
	require.NoError(t, err)
	second, err := ann.Commit(t.Context(), noon, CommitOptions{Full: true})
	require.NoError(t, err)
	bob := w.groups["bob"]
	_, err = bob.Process(t.Context(), noon, second.Message)
	require.ErrorIs(t, err, mls.ErrFutureEpoch)
	require.NotErrorIs(t, err, ErrLegLost)
	r, err := bob.Process(t.Context(), noon, first.Message)
	require.NoError(t, err)
	bob, err = r.Commit.Adopt()
	require.NoError(t, err)
	_, err = bob.Process(t.Context(), noon, first.Message)
	require.ErrorIs(t, err, mls.ErrPastEpoch)
	require.NotErrorIs(t, err, ErrLegLost)
	r, err = bob.Process(t.Context(), noon, second.Message)
	require.NoError(t, err)
	_, err = r.Commit.Adopt()
	require.NoError(t, err)
}

// Credentials of the two groups may differ, where the application knows whose they are.
func TestSameMemberByCallback(t *testing.T) {
	twoNames := func(c *Config) {
		c.PQ.Credential = message.BasicCredential(append([]byte("pq:"), c.T.Credential.Content...))
	}
	byName := func(c *Config) {
		c.SameMember = func(t, pq message.Credential) bool { return "pq:"+string(t.Content) == string(pq.Content) }
	}
	w := newWorld(t, small, []string{"ann", "bob"}, twoNames, byName)
	w.commit("bob", CommitOptions{Full: true})

	g, err := Create(t.Context(), noon, client(t, small, "ann", twoNames), CreateOptions{})
	require.NoError(t, err)
	_, err = g.Commit(t.Context(), noon, CommitOptions{Full: true})
	require.Error(t, err, "without the callback, they are different members")
	require.ErrorIs(t, err, message.ErrInvalid)
}

// Leaf indices of one member may differ.
func TestLeafIndicesMayDiffer(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob", "cid", "dan"})
	w.commit("ann", CommitOptions{Remove: []message.LeafIndex{w.groups["bob"].T().OwnLeaf()}})
	k1, k2 := w.keyPackage("eve"), w.keyPackage("fay")
	a, b := w.published(k1), w.published(k2)
	// The PQ halves are added in the other order.
	c := w.fake("ann", func(f *fakeFull) {
		f.t = []message.Proposal{message.Add{KeyPackage: a.T}, message.Add{KeyPackage: b.T}}
		f.pq = []message.Proposal{message.Add{KeyPackage: b.PQ}, message.Add{KeyPackage: a.PQ}}
	})
	w.adopt("ann", c)
	for name, k := range map[string]*OwnKeyPackage{"eve": k1, "fay": k2} {
		joined, err := k.Join(t.Context(), noon, c.Welcome, JoinOptions{})
		require.NoError(t, err)
		w.groups[name], err = joined.Adopt()
		require.NoError(t, err)
	}
	w.agree()
	require.NotEqual(t, w.groups["eve"].T().OwnLeaf(), w.groups["eve"].PQ().OwnLeaf())
	w.commit("eve", CommitOptions{})
	w.commit("ann", CommitOptions{Remove: []message.LeafIndex{w.groups["eve"].T().OwnLeaf()}})
	require.NotContains(t, w.groups, "eve")
	w.talk("fay")
}

// A deployment may have other numbers than the drafts suggest.
func TestOtherCodePoints(t *testing.T) {
	own := message.CodePoints{
		AppDataDictionary: 0xF006, RequiredWireFormats: 0xF008, AppDataUpdate: 0xF0D8, ApplicationPSK: 0xF3, APQInfo: 0x8001, APQMessagePair: 0xF007,
	}
	w := newWorld(t, small, []string{"ann", "bob"}, func(c *Config) { c.T.CodePoints, c.PQ.CodePoints = own, own }, publicHandshake)
	c := w.commit("bob", CommitOptions{})
	require.Equal(t, []byte{0, 1, 0xF0, 0x07}, c.Message[:4])
	w.joinExternally("cid", "ann", w.config("cid"), ExternalJoinOptions{})
	w.talk("cid")
	cfg := client(t, small, "dan", func(c *Config) { c.T.CodePoints = own })
	_, err := Create(t.Context(), noon, cfg, CreateOptions{})
	require.ErrorContains(t, err, "CodePoints")
}

// A commit that refers to proposals that are missing can be processed again with them, although
// its PQ half opens only once.
func TestMissingProposalsAreHandedOver(t *testing.T) {
	for _, public := range []bool{false, true} {
		var adjust []func(*Config)
		if public {
			adjust = append(adjust, publicHandshake)
		}
		w := settled(t, []string{"ann", "bob", "cid"}, adjust...)
		update, err := w.groups["cid"].ProposeUpdate(t.Context(), noon, UpdateOptions{})
		require.NoError(t, err)
		full, err := w.groups["cid"].ProposeUpdate(t.Context(), noon, UpdateOptions{Full: true})
		require.NoError(t, err)
		for _, m := range [][]byte{update, full} {
			_, err = w.groups["ann"].Process(t.Context(), noon, m)
			require.NoError(t, err)
		}
		c := w.make("ann", CommitOptions{})
		require.True(t, c.Full())
		bob := w.groups["bob"]
		_, err = bob.Process(t.Context(), noon, c.Message)
		require.Error(t, err)
		var missing *mls.MissingProposalsError
		require.ErrorAs(t, err, &missing)
		pq := w.pairOf(full).PQ
		_, err = bob.Process(t.Context(), noon, c.Message, pq)
		require.ErrorAs(t, err, &missing, "T still lacks its own")
		var leg *LegError
		require.ErrorAs(t, err, &leg)
		require.Equal(t, T, leg.Leg)
		r, err := bob.Process(t.Context(), noon, c.Message, update, full)
		require.NoError(t, err)
		w.groups["bob"], err = r.Commit.Adopt()
		require.NoError(t, err)
		w.groups["ann"], err = c.Adopt()
		require.NoError(t, err)
		r, err = w.groups["cid"].Process(t.Context(), noon, c.Message)
		require.NoError(t, err)
		w.groups["cid"], err = r.Commit.Adopt()
		require.NoError(t, err)
		w.agree()
	}
}

// What the groups hold of their own, such as extensions, they keep.
func TestExtensionsOfTheCaller(t *testing.T) {
	const name message.ExtensionType = 0xF0AA
	with := func(c *Config) {
		c.T.Extensions = []message.ExtensionType{name}
	}
	g, err := Create(t.Context(), noon, client(t, small, "ann", with), CreateOptions{
		TGroupID: []byte("t"), PQGroupID: []byte("pq"), TExtensions: message.Extensions{{Type: name, Data: []byte("a chat")}},
	})
	require.NoError(t, err)
	c, err := g.Commit(t.Context(), noon, CommitOptions{})
	require.NoError(t, err)
	g, err = c.Adopt()
	require.NoError(t, err)
	data, ok := g.T().GroupContext().Extensions.Find(name)
	require.True(t, ok)
	require.Equal(t, "a chat", string(data))
	require.Equal(t, []byte("t"), g.Info().TGroupID)

	renamed := message.Extensions{}
	for _, x := range g.T().GroupContext().Extensions {
		if x.Type == name {
			x.Data = []byte("another")
		}
		renamed = append(renamed, x)
	}
	c, err = g.Commit(t.Context(), noon, CommitOptions{Proposals: []message.Proposal{message.GroupContextExtensions{Extensions: renamed}}})
	require.NoError(t, err)
	g, err = c.Adopt()
	require.NoError(t, err)
	data, _ = g.T().GroupContext().Extensions.Find(name)
	require.Equal(t, "another", string(data))

	// The demand for pairs stays (draft-ietf-mls-combiner, Section 6).
	var less message.Extensions
	for _, x := range renamed {
		if x.Type != (message.CodePoints{}).Complete().RequiredWireFormats {
			less = append(less, x)
		}
	}
	_, err = g.Commit(t.Context(), noon, CommitOptions{Proposals: []message.Proposal{message.GroupContextExtensions{Extensions: less}}})
	requireRule(t, err, "6", T)
	_, err = Create(t.Context(), noon, client(t, small, "ann"), CreateOptions{TGroupID: []byte("t"), PQGroupID: []byte("t")})
	requireRule(t, err, "5.1", 0)
}
