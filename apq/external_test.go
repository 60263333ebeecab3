package apq

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// groupInfo returns the pair of GroupInfos of a member.
func (w *world) groupInfo(of string) []byte {
	w.Helper()
	info, err := w.groups[of].GroupInfo(w.Context(), noon, true)
	require.NoError(w, err)
	return info
}

// joinExternally lets a client join by a pair of external commits, which all members adopt.
func (w *world) joinExternally(name, by string, cfg Config, options ExternalJoinOptions) *Candidate {
	w.Helper()
	c, err := ExternalJoin(w.Context(), noon, cfg, w.groupInfo(by), options)
	require.NoError(w, err)
	delete(w.groups, name) // an earlier leaf
	for other, g := range w.groups {
		r, err := g.Process(w.Context(), noon, c.Message)
		require.NoError(w, err)
		require.True(w, r.Commit.Full())
		w.groups[other], err = r.Commit.Adopt()
		require.NoError(w, err)
	}
	w.groups[name], err = c.Adopt()
	require.NoError(w, err)
	w.agree()
	return c
}

// A client joins from outside by one pair of external commits (draft-ietf-mls-combiner,
// Section 3.2.2), after PARTIAL commits too.
func TestExternalJoin(t *testing.T) {
	for _, s := range []suites{small, {0x0007, 0xF00B, ConfidentialityAndAuthenticity}} {
		w := newWorld(t, s, []string{"ann", "bob"})
		w.commit("bob", CommitOptions{})
		require.False(t, w.commit("ann", CommitOptions{}).Full())
		c := w.joinExternally("cid", "ann", w.config("cid"), ExternalJoinOptions{})
		require.Equal(t, w.groups["ann"].T().Epoch(), c.Info().TEpoch)
		require.Equal(t, message.SenderNewMemberCommit, c.T().Committer().Type)
		w.talk("cid")
		w.commit("cid", CommitOptions{})
		w.commit("bob", CommitOptions{Remove: []message.LeafIndex{w.groups["cid"].T().OwnLeaf()}})
		require.Len(t, w.groups, 2)
	}
}

// A client that has lost its state comes back in its own place in both groups. If one
// group lacks it, nothing is removed there: Air's messenger once failed to resynchronize
// with one leg missing.
func TestResync(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob", "cid"})
	cfg := *w.groups["bob"].cfg
	w.joinExternally("bob", "ann", cfg, ExternalJoinOptions{Resync: true})
	require.Len(t, w.groups, 3)
	w.commit("bob", CommitOptions{})
	w.talk("bob")

	// Without Resync, the client would be there twice.
	_, err := ExternalJoin(t.Context(), noon, cfg, w.groupInfo("ann"), ExternalJoinOptions{})
	require.ErrorIs(t, err, message.ErrInvalid)
}

// A client joins groups that belong together or none.
func TestGroupInfosAreRefused(t *testing.T) {
	w, other := newWorld(t, small, []string{"ann", "bob"}), newWorld(t, small, []string{"eve", "fay"})
	old := w.pairOf(w.groupInfo("ann"))
	w.commit("bob", CommitOptions{Full: true})
	now, foreign := w.pairOf(w.groupInfo("ann")), other.pairIn("eve", other.groupInfo("eve"))
	cfg := w.config("cid")
	refused := func(b []byte) error {
		c, err := ExternalJoin(t.Context(), noon, cfg, b, ExternalJoinOptions{})
		require.Error(t, err)
		require.Nil(t, c)
		return err
	}
	requireRule(t, refused(w.marshalled(MessagePair{T: foreign.T, PQ: now.PQ})), "5.1.2", 0)
	requireRule(t, refused(w.marshalled(MessagePair{T: old.T, PQ: now.PQ})), "5.1.2", 0)
	requireRule(t, refused(w.marshalled(MessagePair{T: now.T, PQ: old.PQ})), "5.1.2", 0)
	require.Error(t, refused(w.marshalled(MessagePair{T: now.PQ, PQ: now.T})))
	require.ErrorIs(t, refused(now.T), message.ErrUnsupported)
	require.ErrorIs(t, refused(w.keyPackage("cid").Message), message.ErrUnsupported)
	_, err := ExternalJoin(t.Context(), noon, client(t, suites{0x0001, 0xF007, 0}, "cid"), w.marshalled(*now), ExternalJoinOptions{})
	require.ErrorIs(t, err, message.ErrInvalid)
	_, err = ExternalJoin(t.Context(), noon, client(t, suites{0x0001, 0xF002, 0}, "cid"), w.marshalled(*now), ExternalJoinOptions{})
	requireRule(t, err, "7.1.1", PQ)
}

func (w *world) pairIn(name string, b []byte) *MessagePair {
	w.Helper()
	p, err := ParseMessagePair(b, w.groups[name].cfg.numbers())
	require.NoError(w, err)
	return p
}

// Halves of external joins are refused, one group's by itself and those of two clients.
func TestHalfExternalJoinsAreRefused(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	join := func(name string) *MessagePair {
		c, err := ExternalJoin(t.Context(), noon, w.config(name), w.groupInfo("ann"), ExternalJoinOptions{})
		require.NoError(t, err)
		return w.pairOf(c.Message)
	}
	cid, dan := join("cid"), join("dan")
	require.ErrorIs(t, w.refused("bob", cid.T), mls.ErrUnknownPSK)
	requireRule(t, w.refused("bob", cid.PQ), "3", PQ)
	requireRule(t, w.refused("bob", w.marshalled(MessagePair{T: cid.T, PQ: dan.PQ})), "5.2", T)
	alone, err := w.groups["ann"].T().GroupInfo(t.Context(), noon, true)
	require.NoError(t, err)
	cfg, _, err := w.config("eve").Prepare()
	require.NoError(t, err)
	c, err := mls.ExternalJoin(t.Context(), noon, cfg, alone, mls.ExternalJoinOptions{})
	require.NoError(t, err)
	requireRule(t, w.refused("bob", c.Message), "3.2.2", T)
}

// running is a T group that can come under a PQ group, and PQ KeyPackages of all but the
// first member.
type running struct {
	configs  map[string]Config
	groups   map[string]*mls.Group
	own      map[string]*mls.OwnKeyPackage
	packages []*message.KeyPackage
}

func newRunning(t *testing.T, names ...string) *running {
	r := &running{map[string]Config{}, map[string]*mls.Group{}, map[string]*mls.OwnKeyPackage{}, nil}
	var adds []message.Proposal
	own := map[string]*mls.OwnKeyPackage{}
	for i, name := range names {
		r.configs[name] = client(t, small, name)
		cfg, pq, err := r.configs[name].Prepare()
		require.NoError(t, err)
		if i == 0 {
			extensions, err := r.configs[name].Extensions(nil)
			require.NoError(t, err)
			r.groups[name], err = mls.CreateGroup(t.Context(), noon, cfg, nil, extensions...)
			require.NoError(t, err)
			continue
		}
		own[name], err = mls.NewKeyPackage(t.Context(), noon, cfg, mls.KeyPackageOptions{})
		require.NoError(t, err)
		adds = append(adds, message.Add{KeyPackage: own[name].KeyPackage})
		r.own[name], err = mls.NewKeyPackage(t.Context(), noon, pq, mls.KeyPackageOptions{})
		require.NoError(t, err)
		r.packages = append(r.packages, r.own[name].KeyPackage)
	}
	if len(adds) == 0 {
		return r
	}
	c, err := r.groups[names[0]].Commit(t.Context(), noon, mls.CommitOptions{}, adds...)
	require.NoError(t, err)
	r.groups[names[0]], err = c.Adopt()
	require.NoError(t, err)
	for name, k := range own {
		joined, err := k.Join(t.Context(), noon, c.Welcome, mls.JoinOptions{})
		require.NoError(t, err)
		r.groups[name], err = joined.Adopt()
		require.NoError(t, err)
	}
	return r
}

// start lets a member make the PQ group, which all others join.
func (r *running) start(t *testing.T, by string) *world {
	w := &world{TB: t, suites: small, groups: map[string]*Group{}}
	g, welcome, err := Start(t.Context(), noon, r.configs[by], r.groups[by], r.packages, CreateOptions{})
	require.NoError(t, err)
	w.groups[by] = g
	for name, k := range r.own {
		w.groups[name], err = JoinPQ(t.Context(), noon, r.configs[name], r.groups[name], k, welcome, nil)
		require.NoError(t, err)
	}
	return w
}

// A T group that runs already comes under a PQ group (draft-ietf-mls-combiner, Section 3).
func TestLateStart(t *testing.T) {
	r := newRunning(t, "ann", "bob", "cid")
	w := r.start(t, "ann")
	g := w.groups["ann"]
	require.Nil(t, g.Info())
	_, err := g.GroupInfo(t.Context(), noon, true)
	requireRule(t, err, "3", T)
	w.talk("bob")

	// Until a FULL commit binds it, the T group goes on by itself.
	c, err := g.T().Commit(t.Context(), noon, mls.CommitOptions{})
	require.NoError(t, err)
	for name, g := range w.groups {
		next := &Candidate{cfg: g.cfg, from: g, t: c}
		if name != "ann" {
			received, err := g.Process(t.Context(), noon, c.Message)
			require.NoError(t, err)
			next = received.Commit
		}
		w.groups[name], err = next.Adopt()
		require.NoError(t, err)
	}
	eve, _, err := client(t, small, "eve").Prepare()
	require.NoError(t, err)
	k, err := mls.NewKeyPackage(t.Context(), noon, eve, mls.KeyPackageOptions{})
	require.NoError(t, err)
	add, err := w.groups["ann"].T().Propose(t.Context(), noon, message.Add{KeyPackage: k.KeyPackage}, nil)
	require.NoError(t, err)
	_, err = w.groups["bob"].Process(t.Context(), noon, add)
	require.NoError(t, err, "by itself, it may grow")
	require.NoError(t, w.groups["bob"].T().ForgetProposals())
	require.NoError(t, w.groups["ann"].T().ForgetProposals())

	require.True(t, w.groups["bob"].FullDue())
	require.True(t, w.commit("bob", CommitOptions{}).Full())
	require.NotNil(t, w.groups["ann"].Info())
	w.commit("cid", CommitOptions{})
	w.commit("ann", CommitOptions{})
	require.False(t, w.commit("ann", CommitOptions{}).Full())
	w.add("ann", "dan")

	// A group that is bound already does not start again.
	_, _, err = Start(t.Context(), noon, r.configs["ann"], w.groups["ann"].T(), r.packages, CreateOptions{})
	requireRule(t, err, "3", T)
	_, err = JoinPQ(t.Context(), noon, r.configs["bob"], w.groups["bob"].T(), r.own["bob"], nil, nil)
	requireRule(t, err, "3", T)
}

// A group that is not bound yet restarts.
func TestLateStartAcrossARestart(t *testing.T) {
	w := newRunning(t, "ann", "bob").start(t, "ann")
	for name, g := range w.groups {
		var s, torn stored
		s.save(t, g)
		torn.save(t, newRunning(t, "ann", "bob").start(t, "ann").groups["ann"])
		_, err := Restore(noon, *g.cfg, s.t, torn.pq)
		require.ErrorIs(t, err, ErrLegLost)
		w.groups[name], err = Restore(noon, *g.cfg, s.t, s.pq)
		require.NoError(t, err)
		s.save(t, w.groups[name])
	}
	require.True(t, w.commit("bob", CommitOptions{}).Full())
}

// A group of one starts late, too.
func TestLateStartAlone(t *testing.T) {
	r := newRunning(t, "ann")
	w := r.start(t, "ann")
	require.True(t, w.commit("ann", CommitOptions{}).Full())
	w.add("ann", "bob")
}

// A PQ group is for the T group and for its members.
func TestLateStartIsRefused(t *testing.T) {
	r, other := newRunning(t, "ann", "bob", "cid"), newRunning(t, "ann", "bob", "cid")
	start := func(cfg Config, g *mls.Group, packages []*message.KeyPackage, options CreateOptions) ([]byte, error) {
		_, welcome, err := Start(t.Context(), noon, cfg, g, packages, options)
		return welcome, err
	}
	ann := r.configs["ann"]
	_, err := start(ann, r.groups["ann"], r.packages[:1], CreateOptions{})
	requireRule(t, err, "3.2.1", T)
	_, err = start(ann, r.groups["ann"], nil, CreateOptions{})
	requireRule(t, err, "3.2.1", T)
	_, err = start(ann, r.groups["ann"], r.packages, CreateOptions{PQGroupID: r.groups["ann"].GroupID()})
	requireRule(t, err, "5.1", 0)
	_, err = start(client(t, suites{0x0002, 0xF006, 0}, "ann"), r.groups["ann"], r.packages, CreateOptions{})
	requireRule(t, err, "7.1", T)
	_, err = start(client(t, suites{0x0001, 0xF002, 0}, "ann"), r.groups["ann"], r.packages, CreateOptions{})
	requireRule(t, err, "7.1.1", PQ)
	plain, err := mls.CreateGroup(t.Context(), noon, client(t, small, "ann").T, nil)
	require.NoError(t, err)
	_, err = start(ann, plain, nil, CreateOptions{})
	requireRule(t, err, "6", T)

	// A Welcome to the PQ group of another T group, or of none.
	_, pq, err := other.configs["ann"].Prepare()
	require.NoError(t, err)
	numbers := message.CodePoints{}.Complete()
	join := func(info *Info, without ...message.ExtensionType) error {
		cfg := other.configs["ann"]
		extensions, err := cfg.withInfo(nil, info)
		require.NoError(t, err)
		extensions = slices.DeleteFunc(extensions, func(x message.Extension) bool { return slices.Contains(without, x.Type) })
		g, err := mls.CreateGroup(t.Context(), noon, pq, []byte("pq"), extensions...)
		require.NoError(t, err)
		var adds []message.Proposal
		for _, k := range r.packages {
			adds = append(adds, message.Add{KeyPackage: k})
		}
		c, err := g.Commit(t.Context(), noon, mls.CommitOptions{}, adds...)
		require.NoError(t, err)
		_, err = JoinPQ(t.Context(), noon, r.configs["bob"], r.groups["bob"], r.own["bob"], c.Welcome, nil)
		return err
	}
	good := Info{TGroupID: r.groups["bob"].GroupID(), PQGroupID: []byte("pq"), TSuite: 1, PQSuite: 0xF006, TEpoch: 1, PQEpoch: 1}
	for name, c := range map[string]struct {
		change  func(i *Info)
		section string
		leg     Leg
	}{
		"another T group":  {func(i *Info) { i.TGroupID = []byte("x") }, "5.1", T},
		"epoch to come":    {func(i *Info) { i.TEpoch = 2 }, "5.1.1", T},
		"another PQ epoch": {func(i *Info) { i.PQEpoch = 0 }, "5.1.1", PQ},
		"another mode":     {func(i *Info) { i.Mode = 1 }, "7.1", 0},
		"another PQ suite": {func(i *Info) { i.PQSuite = 0xF007 }, "5.1", PQ},
		"another PQ group": {func(i *Info) { i.PQGroupID = []byte("x") }, "5.1", PQ},
	} {
		t.Run(name, func(t *testing.T) {
			info := good
			c.change(&info)
			requireRule(t, join(&info), c.section, c.leg)
		})
	}
	requireRule(t, join(nil), "5.1", PQ)
	requireRule(t, join(&good, numbers.RequiredWireFormats), "6", PQ)
	require.NoError(t, join(&good))
}

// A member that leaves the T group before it is bound leaves the PQ group, too, and the PQ
// group is to be made again.
func TestMembershipChangesBeforeTheGroupIsBound(t *testing.T) {
	w := newRunning(t, "ann", "bob", "cid").start(t, "ann")
	c, err := w.groups["ann"].T().Commit(t.Context(), noon, mls.CommitOptions{}, message.Remove{Removed: w.groups["cid"].T().OwnLeaf()})
	require.NoError(t, err)
	pq := w.groups["cid"].PQ()
	for _, name := range []string{"bob", "cid"} {
		r, err := w.groups[name].Process(t.Context(), noon, c.Message)
		require.NoError(t, err)
		w.groups[name], err = r.Commit.Adopt()
		if name == "cid" {
			require.ErrorIs(t, err, mls.ErrRemoved)
			_, err = pq.EpochAuthenticator()
			require.ErrorIs(t, err, mls.ErrRetired)
			continue
		}
		require.NoError(t, err)
	}
	_, err = w.groups["bob"].Commit(t.Context(), noon, CommitOptions{})
	requireRule(t, err, "3.2.1", PQ)
}

// Before it is bound, the T group goes on by itself, and yet nothing in it alone can bind it,
// be it known to its members or to their applications: neither an Info, which no FULL commit
// has brought, nor a pre-shared key of the PQ group.
func TestNothingAloneBindsAGroup(t *testing.T) {
	w := newRunning(t, "ann", "bob", "cid").start(t, "ann")
	cid, bob := w.groups["cid"], w.groups["bob"]
	numbers := cid.cfg.numbers()
	key := mls.ApplicationPSK{Component: numbers.APQInfo, ID: []byte("psk"), Secret: make([]byte, 32)}
	psk := message.PreSharedKey{PSK: message.PreSharedKeyID{Component: numbers.APQInfo, ID: key.ID}}
	update := func(change func(i *Info)) message.Proposal {
		info := *cid.pqInfo()
		info.TEpoch, info.PQEpoch = info.TEpoch+1, info.PQEpoch+1
		change(&info)
		updates, err := cid.cfg.updates(nil, &info)
		require.NoError(t, err)
		return updates[0]
	}
	commit := func(proposals ...message.Proposal) (*mls.Candidate, error) {
		return cid.T().Commit(t.Context(), noon, mls.CommitOptions{ApplicationPSKs: []mls.ApplicationPSK{key}}, proposals...)
	}
	for name, c := range map[string]struct {
		proposals []message.Proposal
		section   string
	}{
		"update of the Info":       {[]message.Proposal{update(func(*Info) {}), psk}, "5.1.1"},
		"update to another's":      {[]message.Proposal{update(func(i *Info) { i.PQGroupID = []byte("another") }), psk}, "5.1.1"},
		"pre-shared key by itself": {[]message.Proposal{psk}, "5.2"},
	} {
		t.Run(name, func(t *testing.T) {
			alone, err := commit(c.proposals...)
			require.NoError(t, err)
			require.ErrorIs(t, w.refused("bob", alone.Message), mls.ErrUnknownPSK)
			r, err := bob.T().ProcessWithPSKs(t.Context(), noon, []mls.ApplicationPSK{key}, alone.Message)
			require.NoError(t, err)
			requireRule(t, bob.checkPartial(&Candidate{cfg: bob.cfg, t: r.Commit}), c.section, T)
			waits, err := cid.T().Propose(t.Context(), noon, c.proposals[0], nil)
			require.NoError(t, err)
			requireRule(t, w.refused("bob", waits), c.section, T)
			require.Empty(t, bob.T().Proposals())
			require.NoError(t, cid.T().ForgetProposals())
		})
	}
	// What nobody could take, the component refuses.
	for name, c := range map[string]struct {
		proposals []message.Proposal
		section   string
		leg       Leg
	}{
		"update without the key": {[]message.Proposal{update(func(*Info) {})}, "5.2", T},
		"with a key of another":  {[]message.Proposal{update(func(*Info) {}), message.PreSharedKey{PSK: message.PreSharedKeyID{ID: []byte("psk")}}}, "5.2", T},
		"for another T group":    {[]message.Proposal{update(func(i *Info) { i.TGroupID = []byte("another") }), psk}, "5.1", T},
		"for another epoch":      {[]message.Proposal{update(func(i *Info) { i.TEpoch++ }), psk}, "5.1", T},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := commit(c.proposals...)
			requireRule(t, err, c.section, c.leg)
		})
	}
	require.True(t, w.commit("bob", CommitOptions{}).Full())
}

// No GroupContextExtensions brings an Info into a group that comes under no PQ group yet, nor
// one in place of another: not even where it may change the dictionary.
func TestExtensionsBringNoInfo(t *testing.T) {
	cfg := client(t, small, "ann")
	prepared, _, err := cfg.Prepare()
	require.NoError(t, err)
	prepared.PSKs = pskStore{"psk": make([]byte, 32)}
	g, err := mls.CreateGroup(t.Context(), noon, prepared, []byte("t"))
	require.NoError(t, err)
	numbers := cfg.numbers()
	extensions := func(i *Info) message.Proposal {
		data, err := i.Marshal()
		require.NoError(t, err)
		x, err := with(nil, numbers.AppDataDictionary, &message.AppDataDictionary{{ID: numbers.APQInfo, Data: data}})
		require.NoError(t, err)
		return message.GroupContextExtensions{Extensions: x}
	}
	psk := message.PreSharedKey{PSK: message.PreSharedKeyID{Component: numbers.APQInfo, ID: []byte("psk")}}
	first := newInfo(1, 1)
	_, err = g.Commit(t.Context(), noon, mls.CommitOptions{}, extensions(first), psk)
	requireRule(t, err, "5.1.1", 0)
	data, err := (&Update{Type: FullUpdate, Info: *first}).Marshal()
	require.NoError(t, err)
	c, err := g.Commit(t.Context(), noon, mls.CommitOptions{}, message.AppDataUpdate{Component: numbers.APQInfo, Update: data}, psk)
	require.NoError(t, err)
	g, err = c.Adopt()
	require.NoError(t, err)
	for _, p := range []message.Proposal{extensions(newInfo(2, 2)), message.GroupContextExtensions{}} {
		_, err = g.Commit(t.Context(), noon, mls.CommitOptions{}, p)
		requireRule(t, err, "5.1.1", 0)
	}
}
