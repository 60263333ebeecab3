package apq

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// fakeFull is a FULL commit by a member who may break the rules.
type fakeFull struct {
	t, pq                 []message.Proposal
	tUpdates, pqUpdates   []Update             // nil: the right ones
	tOptions, pqOptions   mls.CommitOptions    // with a path
	psk                   func(p *combinedPSK) // changes it
	withoutPSK            bool
	pqBy                  *Group // makes the PQ half, if not nil
	noTUpdate, noPQUpdate bool
}

// fake returns a FULL commit without any checks of this package. The engine's are there.
func (w *world) fake(by string, change func(f *fakeFull)) *Candidate {
	w.Helper()
	c, err := w.tryFake(by, change)
	require.NoError(w, err)
	return c
}

func (w *world) tryFake(by string, change func(f *fakeFull)) (*Candidate, error) {
	w.Helper()
	g := w.groups[by]
	f := &fakeFull{pqBy: g}
	f.tOptions.ForcePath, f.pqOptions.ForcePath = true, true
	change(f)
	list := func(p []message.Proposal, updates []Update, none bool) []message.Proposal {
		next := Info{
			TGroupID: g.t.GroupID(), PQGroupID: g.pq.GroupID(), Mode: g.cfg.Mode, TSuite: g.cfg.T.Suite, PQSuite: g.cfg.PQ.Suite,
			TEpoch: g.t.Epoch() + 1, PQEpoch: g.pq.Epoch() + 1,
		}
		if none {
			return p
		}
		right, err := g.cfg.updates(g.Info(), &next)
		require.NoError(w, err)
		if updates != nil {
			right = nil
			for i := range updates {
				data, err := updates[i].Marshal()
				require.NoError(w, err)
				right = append(right, message.AppDataUpdate{Component: g.cfg.numbers().APQInfo, Update: data})
			}
		}
		return append(p, right...)
	}
	c := &Candidate{cfg: g.cfg, from: g}
	var err error
	if c.pq, err = f.pqBy.pq.Commit(w.Context(), noon, f.pqOptions, list(f.pq, f.pqUpdates, f.noPQUpdate)...); err != nil {
		return nil, err
	}
	psk, err := g.cfg.exportPSK(c.pq, g.t.Suite())
	require.NoError(w, err)
	if f.psk != nil {
		f.psk(psk)
	}
	proposals := list(f.t, f.tUpdates, f.noTUpdate)
	if f.withoutPSK {
		c.t, err = g.t.Commit(w.Context(), noon, f.tOptions, proposals...)
	} else {
		c.t, err = g.cfg.commitWithPSK(w.Context(), noon, g.t, f.tOptions, psk, proposals)
	}
	if err != nil {
		return nil, err
	}
	require.NoError(w, c.pack())
	return c, nil
}

// refused shows that a member refuses a message, and that nothing changes by it.
func (w *world) refused(name string, msg []byte) error {
	w.Helper()
	before := w.state(name)
	r, err := w.groups[name].Process(w.Context(), noon, msg)
	require.Error(w, err)
	require.Nil(w, r)
	require.Equal(w, before, w.state(name))
	return err
}

// joinRefused shows that a client refuses a pair of Welcomes.
func (w *world) joinRefused(k *OwnKeyPackage, welcome []byte) error {
	w.Helper()
	c, err := k.Join(w.Context(), noon, welcome, JoinOptions{})
	require.Error(w, err)
	require.Nil(w, c)
	return err
}

func (w *world) pairOf(b []byte) *MessagePair {
	w.Helper()
	p, err := ParseMessagePair(b, w.groups["ann"].cfg.numbers())
	require.NoError(w, err)
	return p
}

func (w *world) marshalled(p MessagePair) []byte {
	w.Helper()
	b, err := p.Marshal(w.groups["ann"].cfg.numbers())
	require.NoError(w, err)
	return b
}

// A FULL commit with the parts of an honest one is accepted, so that what is refused below
// is refused for its fault.
func TestFakesAreGood(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	w.adopt("ann", w.fake("ann", func(f *fakeFull) {}))
	w.talk("bob")
}

// Members refuse FULL commits that do not do the same in both groups
// (draft-ietf-mls-combiner, Sections 3, 5 and 6).
func TestFullCommitsAreRefused(t *testing.T) {
	type fault struct {
		change  func(w *world, f *fakeFull)
		section string
		leg     Leg
	}
	info := func(w *world) Info {
		i := *w.groups["ann"].Info()
		i.TEpoch, i.PQEpoch = w.groups["ann"].T().Epoch()+1, w.groups["ann"].PQ().Epoch()+1
		return i
	}
	for name, c := range map[string]fault{
		"no PSK": {func(_ *world, f *fakeFull) { f.withoutPSK = true }, "5.2", T},
		"another PSK ID": {func(_ *world, f *fakeFull) {
			f.psk = func(p *combinedPSK) { p.id = bytes.Repeat([]byte{1}, len(p.id)) }
		}, "5.2", T},
		"no update in T":  {func(_ *world, f *fakeFull) { f.noTUpdate = true }, "5.1.1", T},
		"no update in PQ": {func(_ *world, f *fakeFull) { f.noPQUpdate = true }, "5.1.1", PQ},
		"another epoch of T in T": {func(w *world, f *fakeFull) {
			i := info(w)
			f.tUpdates = []Update{{Type: NewTEpoch, Epoch: i.TEpoch + 1}, {Type: NewPQEpoch, Epoch: i.PQEpoch}}
		}, "5.1.2", 0},
		"another epoch of T in both": {func(w *world, f *fakeFull) {
			i := info(w)
			f.tUpdates = []Update{{Type: NewTEpoch, Epoch: i.TEpoch + 1}, {Type: NewPQEpoch, Epoch: i.PQEpoch}}
			f.pqUpdates = f.tUpdates
		}, "5.1.1", T},
		"another epoch of PQ in both": {func(w *world, f *fakeFull) {
			i := info(w)
			i.PQEpoch++
			f.tUpdates = []Update{{Type: FullUpdate, Info: i}}
			f.pqUpdates = f.tUpdates
		}, "5.1.1", PQ},
		"remove in T alone": {func(w *world, f *fakeFull) {
			f.t = []message.Proposal{message.Remove{Removed: w.groups["cid"].T().OwnLeaf()}}
		}, "3.2.1", PQ},
		"remove in PQ alone": {func(w *world, f *fakeFull) {
			f.pq = []message.Proposal{message.Remove{Removed: w.groups["cid"].PQ().OwnLeaf()}}
		}, "3.2.1", T},
		"add in T alone": {func(w *world, f *fakeFull) {
			f.t = []message.Proposal{message.Add{KeyPackage: w.keyPackage("dan").T.KeyPackage}}
		}, "3.2.1", T},
		"add in PQ alone": {func(w *world, f *fakeFull) {
			f.pq = []message.Proposal{message.Add{KeyPackage: w.keyPackage("dan").PQ.KeyPackage}}
		}, "3.2.1", PQ},
		"adds of different clients": {func(w *world, f *fakeFull) {
			f.t = []message.Proposal{message.Add{KeyPackage: w.keyPackage("dan").T.KeyPackage}}
			f.pq = []message.Proposal{message.Add{KeyPackage: w.keyPackage("eve").PQ.KeyPackage}}
		}, "3.2.1", PQ},
		"re-init in both": {func(w *world, f *fakeFull) {
			f.noTUpdate, f.noPQUpdate, f.withoutPSK = true, true, true
			f.t = []message.Proposal{message.ReInit{GroupID: []byte("t2"), CipherSuite: 1}}
			f.pq = []message.Proposal{message.ReInit{GroupID: []byte("pq2"), CipherSuite: 0xF006}}
		}, "7.1", 0},
		"halves of two members": {func(w *world, f *fakeFull) { f.pqBy = w.groups["cid"] }, "6", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, small, []string{"ann", "bob", "cid"})
			bad := w.fake("ann", func(f *fakeFull) { c.change(w, f) })
			requireRule(t, w.refused("bob", bad.Message), c.section, c.leg)
			bad.Discard()
			w.commit("ann", CommitOptions{Full: true})
		})
	}
}

// Who is removed from one group alone refuses that, too.
func TestRemovalFromOneGroupIsRefused(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob", "cid"})
	for _, leg := range []Leg{T, PQ} {
		bad := w.fake("ann", func(f *fakeFull) {
			if leg == T {
				f.t = []message.Proposal{message.Remove{Removed: w.groups["cid"].T().OwnLeaf()}}
			} else {
				f.pq = []message.Proposal{message.Remove{Removed: w.groups["cid"].PQ().OwnLeaf()}}
			}
		})
		requireRule(t, w.refused("cid", bad.Message), "3.3", 0)
		bad.Discard()
	}
}

// The engine's callback keeps updates that change more than the epochs from everybody, this
// member's own among them (draft-ietf-mls-combiner, Section 5.1.1).
func TestUpdatesOfMoreThanEpochsAreRefused(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	for name, change := range map[string]func(i *Info){
		"mode":           func(i *Info) { i.Mode = 1 },
		"T suite":        func(i *Info) { i.TSuite = 2 },
		"PQ group":       func(i *Info) { i.PQGroupID = []byte("another") },
		"epoch of T":     func(i *Info) { i.TEpoch-- },
		"swapped groups": func(i *Info) { i.TGroupID, i.PQGroupID = i.PQGroupID, i.TGroupID },
	} {
		_, err := w.tryFake("ann", func(f *fakeFull) {
			i := *w.groups["ann"].Info()
			i.TEpoch, i.PQEpoch = i.TEpoch+1, i.PQEpoch+1
			change(&i)
			f.pqUpdates = []Update{{Type: FullUpdate, Info: i}}
		})
		require.ErrorIs(t, err, message.ErrInvalid, name)
	}
}

// The first FULL commit has a full update (draft-ietf-mls-combiner, Section 5.1.1).
func TestFirstFullCommitHasFullUpdate(t *testing.T) {
	w := newWorld(t, small, []string{"ann"})
	c := w.fake("ann", func(f *fakeFull) {
		f.tUpdates = []Update{{Type: NewTEpoch, Epoch: 1}, {Type: NewPQEpoch, Epoch: 1}}
		f.pqUpdates = f.tUpdates
	})
	requireRule(t, w.groups["ann"].checkFull(c, &combinedPSK{id: pskID(c)}), "5.1.1", T)
}

// pskID returns the ID of the PSK that a T commit injects.
func pskID(c *Candidate) []byte {
	for _, p := range c.t.Proposals() {
		if psk, ok := p.Proposal.(message.PreSharedKey); ok {
			return psk.PSK.ID
		}
	}
	return nil
}

// Members refuse PARTIAL commits that change the membership or the Info, and halves of
// pairs. Air's server once took membership changes of T alone.
func TestPartialCommitsAreRefused(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob", "cid"})
	ann := w.groups["ann"]
	commit := func(g *mls.Group, proposals ...message.Proposal) []byte {
		c, err := g.Commit(t.Context(), noon, mls.CommitOptions{}, proposals...)
		require.NoError(t, err)
		t.Cleanup(c.Discard)
		return c.Message
	}
	full := w.pairOf(w.make("ann", CommitOptions{Full: true}).Message)
	for name, c := range map[string]struct {
		msg     []byte
		section string
		leg     Leg
	}{
		"add":      {commit(ann.T(), message.Add{KeyPackage: w.keyPackage("dan").T.KeyPackage}), "3", T},
		"remove":   {commit(ann.T(), message.Remove{Removed: w.groups["cid"].T().OwnLeaf()}), "3", T},
		"re-init":  {commit(ann.T(), message.ReInit{GroupID: []byte("next"), CipherSuite: 1}), "7.1", T},
		"half, PQ": {full.PQ, "3", PQ},
		"PQ alone": {commit(ann.PQ()), "3", PQ},
	} {
		t.Run(name, func(t *testing.T) { requireRule(t, w.refused("bob", c.msg), c.section, c.leg) })
	}
	t.Run("half, T", func(t *testing.T) {
		err := w.refused("bob", full.T)
		require.ErrorIs(t, err, mls.ErrUnknownPSK)
	})
	w.commit("bob", CommitOptions{Full: true})
}

// Members refuse proposals that would change one group alone, and their own commits leave
// them out.
func TestProposalsInOneGroupAreRefused(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob", "cid"}, publicHandshake)
	for _, name := range []string{"bob", "cid"} {
		w.commit(name, CommitOptions{})
	}
	propose := func(g *mls.Group, p message.Proposal) []byte {
		m, err := g.Propose(t.Context(), noon, p, nil)
		require.NoError(t, err)
		return m
	}
	ann, bob := w.groups["ann"], w.groups["bob"]
	remove := message.Remove{Removed: w.groups["cid"].T().OwnLeaf()}
	for name, c := range map[string]struct {
		msg     []byte
		section string
		leg     Leg
	}{
		"add":        {propose(ann.T(), message.Add{KeyPackage: w.keyPackage("dan").T.KeyPackage}), "3", T},
		"remove":     {propose(ann.T(), remove), "3", T},
		"re-init":    {propose(ann.T(), message.ReInit{GroupID: []byte("next"), CipherSuite: 1}), "7.1", T},
		"remove, PQ": {propose(ann.PQ(), message.Remove{Removed: w.groups["cid"].PQ().OwnLeaf()}), "3", PQ},
	} {
		t.Run(name, func(t *testing.T) {
			requireRule(t, w.refused("bob", c.msg), c.section, c.leg)
			require.Empty(t, bob.T().Proposals(), "the only one is forgotten")
		})
	}
	// One beside a good one stays, and nobody commits it.
	update, err := w.groups["cid"].T().ProposeUpdate(t.Context(), noon, mls.LeafOptions{}, nil)
	require.NoError(t, err)
	_, err = bob.Process(t.Context(), noon, update)
	require.NoError(t, err)
	w.refused("bob", propose(ann.T(), remove))
	require.Len(t, bob.T().Proposals(), 2)
	require.NoError(t, ann.T().ForgetProposals())
	_, err = ann.Process(t.Context(), noon, update)
	require.NoError(t, err)
	c := w.commit("bob", CommitOptions{})
	require.False(t, c.Full())
	require.Len(t, c.T().Proposals(), 1)
	require.IsType(t, message.Update{}, c.T().Proposals()[0].Proposal)
	require.Len(t, w.groups, 3)
}

// A server that swaps the legs, or puts together legs of two groups or of two commits, is
// found out. Air's server once took swapped legs.
func TestPairsOfOtherLegsAreRefused(t *testing.T) {
	w, other := newWorld(t, small, []string{"ann", "bob"}), newWorld(t, small, []string{"ann", "bob"})
	full, again := w.pairOf(w.make("ann", CommitOptions{Full: true}).Message), w.pairOf(w.make("ann", CommitOptions{Full: true}).Message)
	foreign := w.pairOf(other.make("ann", CommitOptions{Full: true}).Message)
	requireRule(t, w.refused("bob", w.marshalled(MessagePair{T: full.PQ, PQ: full.T})), "6", 0)
	requireRule(t, w.refused("bob", w.marshalled(MessagePair{T: foreign.T, PQ: full.PQ})), "6", T)
	requireRule(t, w.refused("bob", w.marshalled(MessagePair{T: full.T, PQ: foreign.PQ})), "6", PQ)
	require.ErrorIs(t, w.refused("bob", w.marshalled(*foreign)), mls.ErrWrongGroup)
	requireRule(t, w.refused("bob", w.marshalled(MessagePair{T: full.T, PQ: again.PQ})), "5.2", T)

	late := w.pairOf(w.commit("bob", CommitOptions{Full: true}).Message)
	own := w.make("ann", CommitOptions{Full: true})
	next := w.pairOf(own.Message)
	requireRule(t, w.refused("bob", w.marshalled(MessagePair{T: next.T, PQ: late.PQ})), "3.1", 0)
	require.ErrorIs(t, w.refused("bob", w.marshalled(MessagePair{T: late.T, PQ: next.PQ})), mls.ErrPastEpoch)
	ann, err := own.Adopt()
	require.NoError(t, err)
	c, err := ann.Commit(t.Context(), noon, CommitOptions{Full: true})
	require.NoError(t, err)
	requireRule(t, w.refused("bob", w.marshalled(MessagePair{T: late.T, PQ: w.pairOf(c.Message).PQ})), "3.1", 0)
}

// Nobody makes a member believe that a group is lost: the header of a PQ half, which the
// delivery service can change, does not say how far the PQ group is.
func TestHeaderLosesNoGroup(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	ann := w.groups["ann"]
	commit := w.make("ann", CommitOptions{Full: true}).Message
	proposal, err := ann.ProposeAdd(t.Context(), noon, w.published(w.keyPackage("cid")))
	require.NoError(t, err)
	for name, msg := range map[string][]byte{"commit": commit, "proposal": proposal} {
		t.Run(name, func(t *testing.T) {
			pair := *w.pairOf(msg)
			header := append([]byte{byte(len(ann.PQ().GroupID()))}, ann.PQ().GroupID()...)
			at := bytes.Index(pair.PQ, header)
			require.GreaterOrEqual(t, at, 0)
			pair.PQ = bytes.Clone(pair.PQ)
			pair.PQ[at+len(header)+7]++ // the last byte of the epoch
			err := w.refused("bob", w.marshalled(pair))
			requireRule(t, err, "3.1", 0)
			require.NotErrorIs(t, err, ErrLegLost)
			r, err := w.groups["bob"].Process(t.Context(), noon, msg)
			require.NoError(t, err)
			if r.Commit != nil {
				r.Commit.Discard()
			}
		})
	}
}

// Application data travels in T alone (draft-ietf-mls-combiner, Section 3.4).
func TestApplicationDataInPQIsRefused(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	m, err := w.groups["ann"].PQ().Encrypt(t.Context(), noon, []byte("hello"), nil)
	require.NoError(t, err)
	requireRule(t, w.refused("bob", m), "3.4", PQ)
	good, err := w.groups["ann"].Encrypt(t.Context(), noon, []byte("hello"), nil)
	require.NoError(t, err)
	_, err = (&MessagePair{T: good, PQ: m}).Marshal(message.CodePoints{})
	require.ErrorIs(t, err, message.ErrMalformed)
}

// A client joins both groups or none, and only groups that belong together
// (draft-ietf-mls-combiner, Section 3.2.1).
func TestWelcomesAreRefused(t *testing.T) {
	w, other := newWorld(t, small, []string{"ann", "bob"}), newWorld(t, small, []string{"eve", "fay"})
	k := w.keyPackage("cid")
	add := CommitOptions{Add: []KeyPackages{w.published(k)}}
	good := w.make("ann", add)
	foreign := other.make("eve", add)
	pair, two := w.pairOf(good.Welcome), w.pairOf(foreign.Welcome)
	again := w.pairOf(w.make("ann", add).Welcome)

	require.ErrorIs(t, w.joinRefused(k, pair.T), message.ErrUnsupported)
	require.Error(t, w.joinRefused(k, w.marshalled(MessagePair{T: pair.PQ, PQ: pair.T})))
	requireRule(t, w.joinRefused(k, w.marshalled(MessagePair{T: two.T, PQ: pair.PQ})), "5.2", T)
	requireRule(t, w.joinRefused(k, w.marshalled(MessagePair{T: again.T, PQ: pair.PQ})), "5.2", T)

	for name, c := range map[string]struct {
		change  func(f *fakeFull)
		section string
		leg     Leg
	}{
		"no PSK":        {func(f *fakeFull) { f.withoutPSK = true }, "5.2", T},
		"stale in PQ":   {func(f *fakeFull) { f.noPQUpdate = true }, "5.1.2", 0},
		"stale in both": {func(f *fakeFull) { f.noPQUpdate, f.noTUpdate = true, true }, "5.1.1", PQ},
		"a member of T alone": {func(f *fakeFull) {
			f.t = append(f.t, message.Add{KeyPackage: w.keyPackage("dan").T.KeyPackage})
		}, "3.2.1", T},
		"a member of PQ alone": {func(f *fakeFull) {
			f.pq = append(f.pq, message.Add{KeyPackage: w.keyPackage("dan").PQ.KeyPackage})
		}, "3.2.1", PQ},
	} {
		t.Run(name, func(t *testing.T) {
			bad := w.fake("ann", func(f *fakeFull) {
				f.t, f.pq = []message.Proposal{message.Add{KeyPackage: k.T.KeyPackage}}, []message.Proposal{message.Add{KeyPackage: k.PQ.KeyPackage}}
				c.change(f)
			})
			requireRule(t, w.joinRefused(k, bad.Welcome), c.section, c.leg)
		})
	}
	// A client for other suites or another mode refuses the group.
	authentic := suites{0x0001, 0xF00A, ConfidentialityAndAuthenticity}
	v := newWorld(t, authentic, []string{"ann"})
	cfg := client(t, suites{0x0001, 0xF00A, ConfidentialityOnly}, "cid")
	own, err := NewKeyPackage(t.Context(), noon, cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	welcome := v.make("ann", CommitOptions{Add: []KeyPackages{v.published(own)}}).Welcome
	requireRule(t, v.joinRefused(own, welcome), "7.1", 0)

	joined, err := k.Join(t.Context(), noon, good.Welcome, JoinOptions{})
	require.NoError(t, err)
	joined.Discard()
}
