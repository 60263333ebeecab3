package apq

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// with returns a GroupContext with another Info, or without one if it is nil.
func (w *world) with(context message.GroupContext, info *Info) message.GroupContext {
	w.Helper()
	numbers := (message.CodePoints{}).Complete()
	data, ok := context.Extensions.Find(numbers.AppDataDictionary)
	require.True(w, ok)
	d, err := message.Parse[message.AppDataDictionary](data)
	require.NoError(w, err)
	next := d.Without(numbers.APQInfo)
	if info != nil {
		encoded, err := info.Marshal()
		require.NoError(w, err)
		next = next.With(numbers.APQInfo, encoded)
	}
	data, err = message.Marshal(&next)
	require.NoError(w, err)
	context.Extensions = withExtension(context.Extensions, numbers.AppDataDictionary, data)
	return context
}

// The Infos of two groups are there, equal, and match the groups and what the client is for
// (draft-ietf-mls-combiner, Sections 3.2.1, 5.1 and 5.1.2).
func TestInfosOfGroups(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	g := w.groups["ann"]
	tc, pq := g.T().GroupContext(), g.PQ().GroupContext()
	info, err := g.cfg.infosOf(tc, pq, true)
	require.NoError(t, err)
	require.Equal(t, g.Info(), info)
	later := tc
	later.Epoch++
	_, err = g.cfg.infosOf(later, pq, false)
	require.NoError(t, err, "a PARTIAL commit leaves the Info")
	_, err = g.cfg.infosOf(later, pq, true)
	requireRule(t, err, "5.1.1", T)

	numbers := g.cfg.numbers()
	without := func(c message.GroupContext, t message.ExtensionType) message.GroupContext {
		c.Extensions = slices.DeleteFunc(slices.Clone(c.Extensions), func(x message.Extension) bool { return x.Type == t })
		return c
	}
	formats := func(c message.GroupContext, list string) message.GroupContext {
		c.Extensions = withExtension(c.Extensions, numbers.RequiredWireFormats, []byte(list))
		return c
	}
	both := func(change func(i *Info)) [2]message.GroupContext {
		next := *info
		change(&next)
		return [2]message.GroupContext{w.with(tc, &next), w.with(pq, &next)}
	}
	for name, c := range map[string]struct {
		contexts [2]message.GroupContext
		section  string
		leg      Leg
	}{
		"none in T":             {[2]message.GroupContext{w.with(tc, nil), pq}, "5.1", T},
		"none in PQ":            {[2]message.GroupContext{tc, w.with(pq, nil)}, "5.1", PQ},
		"no dictionary in T":    {[2]message.GroupContext{without(tc, numbers.AppDataDictionary), pq}, "5.1", T},
		"no formats in T":       {[2]message.GroupContext{without(tc, numbers.RequiredWireFormats), pq}, "6", T},
		"no formats in PQ":      {[2]message.GroupContext{tc, without(pq, numbers.RequiredWireFormats)}, "6", PQ},
		"other formats in PQ":   {[2]message.GroupContext{tc, formats(pq, "\x02\xf0\x01")}, "6", PQ},
		"formats do not parse":  {[2]message.GroupContext{formats(tc, "\x01\x00"), pq}, "6", T},
		"unequal":               {[2]message.GroupContext{tc, both(func(i *Info) { i.TEpoch-- })[1]}, "5.1.2", 0},
		"another T group":       {both(func(i *Info) { i.TGroupID = []byte("x") }), "5.1", T},
		"another PQ group":      {both(func(i *Info) { i.PQGroupID = []byte("x") }), "5.1", PQ},
		"groups swapped":        {both(func(i *Info) { i.TGroupID, i.PQGroupID = i.PQGroupID, i.TGroupID }), "5.1", T},
		"another T suite":       {both(func(i *Info) { i.TSuite = 2 }), "5.1", T},
		"another PQ suite":      {both(func(i *Info) { i.PQSuite = 0xF007 }), "5.1", PQ},
		"another mode":          {both(func(i *Info) { i.Mode = 1 }), "7.1", 0},
		"T group is older":      {both(func(i *Info) { i.TEpoch++ }), "5.1.1", T},
		"PQ group is older":     {both(func(i *Info) { i.PQEpoch++ }), "5.1.1", PQ},
		"PQ group is newer":     {both(func(i *Info) { i.PQEpoch-- }), "5.1.1", PQ},
		"contexts are swapped":  {[2]message.GroupContext{pq, tc}, "5.1", T},
		"PQ context of T again": {[2]message.GroupContext{tc, tc}, "5.1", PQ},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := g.cfg.infosOf(c.contexts[0], c.contexts[1], false)
			requireRule(t, err, c.section, c.leg)
		})
	}
	one := tc
	one.GroupID = pq.GroupID
	twin := both(func(i *Info) { i.TGroupID = i.PQGroupID })
	one = w.with(one, &Info{TGroupID: pq.GroupID, PQGroupID: pq.GroupID, TSuite: 1, PQSuite: 0xF006, TEpoch: info.TEpoch, PQEpoch: info.PQEpoch})
	_, err = g.cfg.infosOf(one, twin[1], false)
	requireRule(t, err, "5.1", 0)
	bad := withExtension(tc.Extensions, numbers.AppDataDictionary, []byte{4, 0, 6, 1, 0})
	_, err = g.cfg.infosOf(message.GroupContext{Extensions: bad}, pq, false)
	requireRule(t, err, "5.1", T)
	require.ErrorIs(t, err, message.ErrMalformed)
}

// The component refuses what is no update of an Info, and a removal.
func TestComponentRefuses(t *testing.T) {
	update := Component(message.CodePoints{}).Update
	good := newInfo(1, 1)
	encoded := func(u Update) []byte {
		b, err := u.Marshal()
		require.NoError(t, err)
		return b
	}
	old, err := good.Marshal()
	require.NoError(t, err)
	next := encoded(Update{Type: FullUpdate, Info: *newInfo(2, 2)})
	got, err := update(&mls.ComponentCommit{Old: old, Updates: [][]byte{next}})
	require.NoError(t, err)
	want, err := newInfo(2, 2).Marshal()
	require.NoError(t, err)
	require.Equal(t, want, got)
	for name, c := range map[string]*mls.ComponentCommit{
		"removal":               {Old: old, Remove: true},
		"half an update":        {Old: old, Updates: [][]byte{next[:len(next)-1]}},
		"half an Info before":   {Old: old[1:], Updates: [][]byte{next}},
		"a step back":           {Old: want, Updates: [][]byte{encoded(Update{Type: FullUpdate, Info: *good})}},
		"epochs of none before": {Updates: [][]byte{encoded(Update{Type: NewTEpoch, Epoch: 1}), encoded(Update{Type: NewPQEpoch, Epoch: 1})}},
	} {
		_, err := update(c)
		require.Error(t, err, name)
	}
}

func newInfo(t, pq uint64) *Info {
	return &Info{TGroupID: []byte("t"), PQGroupID: []byte("pq"), TSuite: 1, PQSuite: 0xF006, TEpoch: t, PQEpoch: pq}
}

// What only a FULL commit may hold, a PARTIAL one may not, nor a proposal that waits.
func TestPartialCommitsHoldNothingOfFullOnes(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	ann := w.groups["ann"]
	numbers := ann.cfg.numbers()
	next := *ann.Info()
	next.TEpoch, next.PQEpoch = next.TEpoch+1, next.PQEpoch+1
	updates, err := ann.cfg.updates(ann.Info(), &next)
	require.NoError(t, err)
	var less message.Extensions
	for _, x := range ann.T().GroupContext().Extensions {
		if x.Type != numbers.RequiredWireFormats {
			less = append(less, x)
		}
	}
	psk := mls.ApplicationPSK{Component: numbers.APQInfo, ID: []byte("psk"), Secret: make([]byte, 32)}
	for name, c := range map[string]struct {
		proposals []message.Proposal
		section   string
	}{
		"update of the Info": {updates, "5.1.1"},
		"formats":            {[]message.Proposal{message.GroupContextExtensions{Extensions: less}}, "6"},
		"pre-shared key":     {[]message.Proposal{message.PreSharedKey{PSK: message.PreSharedKeyID{Component: numbers.APQInfo, ID: psk.ID}}}, "5.2"},
	} {
		t.Run(name, func(t *testing.T) {
			c1, err := ann.T().Commit(t.Context(), noon, mls.CommitOptions{ApplicationPSKs: []mls.ApplicationPSK{psk}}, c.proposals...)
			require.NoError(t, err)
			r, err := w.groups["bob"].T().ProcessWithPSKs(t.Context(), noon, []mls.ApplicationPSK{psk}, c1.Message)
			require.NoError(t, err)
			requireRule(t, w.groups["bob"].checkPartial(&Candidate{cfg: ann.cfg, t: r.Commit}), c.section, T)
			requireRule(t, ann.unsafe(T, c.proposals[0]), c.section, T)
		})
	}
	// A GroupContextExtensions that drops the dictionary never gets that far: the engine
	// refuses it, because required_capabilities names AppDataUpdate.
	var none message.Extensions
	for _, x := range ann.T().GroupContext().Extensions {
		if x.Type != numbers.AppDataDictionary {
			none = append(none, x)
		}
	}
	gone := message.GroupContextExtensions{Extensions: none}
	_, err = ann.T().Commit(t.Context(), noon, mls.CommitOptions{}, gone)
	require.ErrorIs(t, err, message.ErrInvalid)
	requireRule(t, ann.unsafe(T, gone), "5.1.1", T)
}

// pskStore has pre-shared keys of the application.
type pskStore map[string][]byte

func (s pskStore) ExternalPSK(_ context.Context, id []byte) ([]byte, error) {
	return s[string(id)], nil
}
func (s pskStore) Group([]byte) *mls.Group { return nil }
func (s pskStore) ApplicationPSK(_ context.Context, _ message.ComponentID, id []byte) ([]byte, error) {
	return s[string(id)], nil
}

// A key that the application has takes no place of that of the PQ group, in a commit and in
// a Welcome. Other keys of the application go beside it.
func TestKeysOfTheApplication(t *testing.T) {
	fake := []byte("a key ID as long as apq_psk_id..")
	store := pskStore{string(fake): make([]byte, 32), "mine": make([]byte, 32)}
	with := func(c *Config) { c.T.PSKs = store }
	w := newWorld(t, small, []string{"ann", "bob"}, with)
	k := w.keyPackage("cid")
	bad := w.fake("ann", func(f *fakeFull) {
		f.psk = func(p *combinedPSK) { p.id, p.secret = fake, make([]byte, 32) }
		f.t, f.pq = []message.Proposal{message.Add{KeyPackage: k.T.KeyPackage}}, []message.Proposal{message.Add{KeyPackage: k.PQ.KeyPackage}}
	})
	requireRule(t, w.refused("bob", bad.Message), "5.2", T)
	requireRule(t, w.joinRefused(k, bad.Welcome), "5.2", T)
	bad = w.fake("bob", func(f *fakeFull) { f.psk = func(p *combinedPSK) { p.id, p.secret = fake, make([]byte, 32) } })
	err := w.refused("ann", bad.Message) // who created the group, and has the key
	requireRule(t, err, "5.2", T)
	require.NotErrorIs(t, err, mls.ErrUnknownPSK)

	external := message.PreSharedKey{PSK: message.PreSharedKeyID{ID: []byte("mine")}}
	own := message.PreSharedKey{PSK: message.PreSharedKeyID{Component: 0x8001, ID: []byte("mine")}}
	c := w.commit("ann", CommitOptions{Add: []KeyPackages{w.published(k)}, Proposals: []message.Proposal{external, own}})
	joined, err := k.Join(t.Context(), noon, c.Welcome, JoinOptions{})
	require.NoError(t, err)
	w.groups["cid"], err = joined.Adopt()
	require.NoError(t, err)
	w.agree()

	poor := client(t, small, "dan")
	own2, err := NewKeyPackage(t.Context(), noon, poor, mls.KeyPackageOptions{})
	require.NoError(t, err)
	for _, p := range []message.Proposal{external, own} {
		c := w.make("ann", CommitOptions{Add: []KeyPackages{w.published(own2)}, Proposals: []message.Proposal{p}})
		require.ErrorIs(t, w.joinRefused(own2, c.Welcome), mls.ErrUnknownPSK)
	}
	require.Nil(t, own2.psks.Group([]byte("x")))
	require.Nil(t, k.psks.Group([]byte("x")))
}

// Key packages outlive a restart, and are destroyed in both groups.
func TestKeyPackagesAreSaved(t *testing.T) {
	w := newWorld(t, small, []string{"ann"})
	k := w.keyPackage("bob")
	tState, err := k.T.Save()
	require.NoError(t, err)
	pqState, err := k.PQ.Save()
	require.NoError(t, err)
	restored, err := RestoreKeyPackage(noon, *k.cfg, tState, pqState)
	require.NoError(t, err)
	require.Equal(t, k.Message, restored.Message)
	_, err = RestoreKeyPackage(noon, *k.cfg, pqState, tState)
	require.Error(t, err)
	_, err = RestoreKeyPackage(noon, *k.cfg, tState, nil)
	var leg *LegError
	require.ErrorAs(t, err, &leg)
	require.Equal(t, PQ, leg.Leg)
	c := w.make("ann", CommitOptions{Add: []KeyPackages{w.published(restored)}})
	joined, err := restored.Join(t.Context(), noon, c.Welcome, JoinOptions{})
	require.NoError(t, err)
	require.NoError(t, w.groups["ann"].cfg.agree(joined.T(), joined.PQ()))
	restored.Destroy()
	require.ErrorIs(t, w.joinRefused(restored, c.Welcome), mls.ErrKeyPackageUsed)
}

// What is no message of a group, or of both, is refused.
func TestOtherMessagesAreRefused(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	k := w.keyPackage("cid")
	c := w.make("ann", CommitOptions{Add: []KeyPackages{w.published(k)}})
	for _, m := range [][]byte{k.Message, c.Welcome, w.pairOf(k.Message).T, w.groupInfo("ann")} {
		require.ErrorIs(t, w.refused("bob", m), message.ErrUnsupported)
	}
	require.ErrorIs(t, w.refused("bob", nil), message.ErrMalformed)
	require.ErrorIs(t, w.refused("bob", c.Message[:len(c.Message)-1]), message.ErrMalformed)
	require.ErrorIs(t, w.refused("ann", c.Message), mls.ErrOwnMessage)
	for _, m := range [][]byte{c.Welcome, c.Message} {
		_, err := ParseKeyPackages(m, message.CodePoints{})
		require.ErrorIs(t, err, message.ErrUnsupported)
	}
	_, err := ParseKeyPackages(nil, message.CodePoints{})
	require.ErrorIs(t, err, message.ErrMalformed)
	before := w.state("bob")
	_, err = w.groups["bob"].Process(t.Context(), noon, c.Message, c.Message[:9])
	require.ErrorIs(t, err, message.ErrMalformed)
	require.Equal(t, before, w.state("bob"))
}

// The halves of a commit have senders of one type.
func TestHalvesOfAMemberAndAJoinerAreRefused(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"}, publicHandshake)
	joiner, err := ExternalJoin(t.Context(), noon, w.config("cid"), w.groupInfo("ann"), ExternalJoinOptions{})
	require.NoError(t, err)
	pq := w.pairOf(joiner.Message).PQ
	ann := w.groups["ann"]
	r, err := ann.PQ().Process(t.Context(), noon, pq)
	require.NoError(t, err)
	psk, err := ann.cfg.exportPSK(r.Commit, ann.T().Suite())
	require.NoError(t, err)
	next := *joiner.Info()
	updates, err := ann.cfg.updates(ann.Info(), &next)
	require.NoError(t, err)
	c, err := ann.cfg.commitWithPSK(t.Context(), noon, ann.T(), mls.CommitOptions{ForcePath: true}, psk, updates)
	require.NoError(t, err)
	requireRule(t, w.refused("bob", w.marshalled(MessagePair{T: c.Message, PQ: pq})), "6", 0)
}

// A client says what it lacks.
func TestConfigsAreRefused(t *testing.T) {
	for _, change := range []func(c *Config){
		func(c *Config) { c.T.Suites = nil },
		func(c *Config) { c.PQ.Suites = nil },
		func(c *Config) { c.PQ.Suite = 0xEEEE },
		func(c *Config) { c.PQ.Signer = c.T.Signer; c.PQ.Suite = 0xF007 },
		func(c *Config) { c.T.Suite = 0xF006 },
		func(c *Config) {
			c.T.LeafExtensions = message.Extensions{{Type: (message.CodePoints{}).Complete().SupportedWireFormats, Data: []byte{1}}}
		},
	} {
		cfg := client(t, small, "ann", change)
		_, err := Create(t.Context(), noon, cfg, CreateOptions{})
		require.Error(t, err)
		_, err = NewKeyPackage(t.Context(), noon, cfg, mls.KeyPackageOptions{})
		require.Error(t, err)
		_, err = Restore(noon, cfg, nil, nil)
		require.Error(t, err)
	}
	numbers := (message.CodePoints{}).Complete()
	for _, x := range []message.ExtensionType{numbers.AppDataDictionary, numbers.RequiredWireFormats, message.ExtensionRequiredCapabilities} {
		_, err := Create(t.Context(), noon, client(t, small, "ann"), CreateOptions{TExtensions: message.Extensions{{Type: x, Data: []byte{9}}}})
		require.ErrorIs(t, err, message.ErrMalformed, x)
	}
}
