package apq

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// next is a ReInit to a hybrid suite.
func (w *world) next() message.ReInit {
	w.Helper()
	g := w.groups["ann"]
	x, err := g.cfg.WithoutInfo(g.T().GroupContext().Extensions)
	require.NoError(w, err)
	return message.ReInit{GroupID: []byte("next"), Version: 1, CipherSuite: 0xF002, Extensions: x}
}

// plainConfig is that of a member in a group by itself.
func (w *world) plainConfig(name string, id suite.ID) mls.Config {
	cfg := mls.Config{Suites: mlstest.AllSuites(), Suite: id, Credential: message.BasicCredential([]byte(name))}
	var err error
	cfg.Signer, err = mlstest.Suite(w, id).GenerateSigner()
	require.NoError(w, err)
	return cfg
}

// whole returns what a store has of a member's groups.
func whole(t *testing.T, g *Group) (s stored) {
	d, err := g.Save()
	require.NoError(t, err)
	s.t, s.pq = s.t.Apply(d.T), s.pq.Apply(d.PQ)
	d.Stored()
	return s
}

// restarted returns the Group of another process.
func restarted(t *testing.T, g *Group) *Group {
	s := whole(t, g)
	again, err := Restore(noon, *g.cfg, s.t, s.pq)
	require.NoError(t, err)
	return again
}

// Members leave the combiner: a commit in both groups ends them, also after restarts on the
// way, and one group of another suite follows.
func TestPairEndsForOneGroup(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob", "cid"})
	ann := w.groups["ann"]
	c, err := ann.End(t.Context(), noon, w.next())
	require.NoError(t, err)
	require.True(t, c.Full())
	state, err := c.Save()
	require.NoError(t, err)
	sent := c.Message
	ann = restarted(t, ann)
	c, err = ann.RestoreCandidate(noon, state)
	require.NoError(t, err)
	require.Equal(t, sent, c.Message)
	for _, name := range []string{"bob", "cid"} {
		received, err := w.groups[name].Process(t.Context(), noon, c.Message)
		require.NoError(t, err)
		w.groups[name], err = received.Commit.Adopt()
		require.NoError(t, err)
	}
	ann, err = c.Adopt()
	require.NoError(t, err)
	ann = restarted(t, ann)
	bob := w.groups["bob"]
	for _, g := range []*Group{ann, bob} {
		require.Equal(t, []byte("next"), g.T().ReInit().GroupID)
		require.Equal(t, []byte("next"), g.PQ().ReInit().GroupID)
		_, err = g.Commit(t.Context(), noon, CommitOptions{})
		require.ErrorIs(t, err, mls.ErrReInit)
	}

	own := map[string]*mls.OwnKeyPackage{}
	var packages []*message.KeyPackage
	for _, name := range []string{"bob", "cid"} {
		own[name], err = mls.NewKeyPackage(t.Context(), noon, w.plainConfig(name, 0xF002), mls.KeyPackageOptions{Follows: w.groups[name].T()})
		require.NoError(t, err)
		packages = append(packages, own[name].KeyPackage)
	}
	made, err := ann.T().Reinitialize(t.Context(), noon, w.plainConfig("ann", 0xF002), packages, mls.FollowUpOptions{})
	require.NoError(t, err)
	join, err := own["bob"].Join(t.Context(), noon, made.Welcome, mls.JoinOptions{Follows: bob.T()})
	require.NoError(t, err)
	next, err := made.Adopt()
	require.NoError(t, err)
	followed, err := join.Adopt()
	require.NoError(t, err)
	require.Empty(t, next.GroupContext().Extensions, "nothing of the combiner is left")
	text, err := next.Encrypt(t.Context(), noon, []byte("hello"), nil)
	require.NoError(t, err)
	_, err = followed.Process(t.Context(), noon, text)
	require.NoError(t, err)
	bob.Destroy()
}

// Both groups end for the same next one, by the same member, or neither ends.
func TestUnequalEndsAreRefused(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob", "cid"})
	commit := func(g *mls.Group, p ...message.Proposal) *mls.Candidate {
		c, err := g.Commit(t.Context(), noon, mls.CommitOptions{ForcePath: len(p) == 0}, p...)
		require.NoError(t, err)
		return c
	}
	ann, cid := w.groups["ann"], w.groups["cid"]
	next := w.next()
	other := next
	other.GroupID = []byte("another")
	weaker := next
	weaker.CipherSuite = 1
	for name, c := range map[string]struct {
		t, pq   *mls.Candidate
		section string
		leg     Leg
	}{
		"T alone":              {commit(ann.T(), next), commit(ann.PQ()), "7.1", PQ},
		"PQ alone":             {commit(ann.T()), commit(ann.PQ(), next), "7.1", T},
		"for another group":    {commit(ann.T(), next), commit(ann.PQ(), other), "7.1", 0},
		"for another suite":    {commit(ann.T(), weaker), commit(ann.PQ(), next), "7.1", 0},
		"by different members": {commit(ann.T(), next), commit(cid.PQ(), next), "6", 0},
	} {
		msg, err := (&MessagePair{T: c.t.Message, PQ: c.pq.Message}).Marshal(ann.cfg.numbers())
		require.NoError(t, err, name)
		requireRule(t, w.refused("bob", msg), c.section, c.leg)
		c.t.Discard()
		c.pq.Discard()
	}
	w.commit("ann", CommitOptions{Full: true})
	alone, err := mls.CreateGroup(t.Context(), noon, w.plainConfig("ann", 1), []byte("t"))
	require.NoError(t, err)
	_, err = newGroup(ann.cfg, alone, nil).End(t.Context(), noon, next)
	require.ErrorIs(t, err, errUnbound, "no FULL commit has bound it")
}

// A store has the end of one group and not of the other.
func TestEndOfOneLegIsLost(t *testing.T) {
	w := newWorld(t, small, []string{"ann", "bob"})
	ann := w.groups["ann"]
	before := whole(t, ann)
	c, err := ann.End(t.Context(), noon, w.next())
	require.NoError(t, err)
	ann, err = c.Adopt()
	require.NoError(t, err)
	after := whole(t, ann)
	for leg, mixed := range map[Leg]stored{T: {before.t, after.pq}, PQ: {after.t, before.pq}} {
		_, err := Restore(noon, *ann.cfg, mixed.t, mixed.pq)
		require.ErrorIs(t, err, ErrLegLost)
		var lost *LegError
		require.ErrorAs(t, err, &lost)
		require.Equal(t, leg, lost.Leg)
	}
}

// What the combiner adds to extensions goes, and what the application has stays.
func TestExtensionsWithoutInfo(t *testing.T) {
	cfg := client(t, small, "ann")
	numbers := cfg.numbers()
	added, err := cfg.withInfo(nil, &Info{})
	require.NoError(t, err)
	plain, err := cfg.WithoutInfo(added)
	require.NoError(t, err)
	require.Empty(t, plain)

	own := message.AppDataDictionary{}.With(0x8001, []byte("own"))
	required := message.RequiredCapabilities{Extensions: []message.ExtensionType{0xF100}, Proposals: []message.ProposalType{numbers.AppDataUpdate}}
	mine, err := with(nil, numbers.AppDataDictionary, &own)
	require.NoError(t, err)
	mine, err = with(mine, message.ExtensionRequiredCapabilities, &required)
	require.NoError(t, err)
	mine = append(mine, message.Extension{Type: 0xF100, Data: []byte("x")})
	added, err = cfg.withInfo(mine, &Info{})
	require.NoError(t, err)
	plain, err = cfg.WithoutInfo(added)
	require.NoError(t, err)
	dictionary, err := read[message.AppDataDictionary](plain, numbers.AppDataDictionary)
	require.NoError(t, err)
	require.Equal(t, own, dictionary)
	left, err := read[message.RequiredCapabilities](plain, message.ExtensionRequiredCapabilities)
	require.NoError(t, err)
	require.Equal(t, []message.ExtensionType{0xF100, numbers.AppDataDictionary}, left.Extensions)
	require.Equal(t, []message.ProposalType{numbers.AppDataUpdate}, left.Proposals)
	_, has := plain.Find(numbers.RequiredWireFormats)
	require.False(t, has)
	data, _ := plain.Find(0xF100)
	require.Equal(t, []byte("x"), data)

	_, err = cfg.WithoutInfo(message.Extensions{{Type: numbers.RequiredWireFormats, Data: []byte{9}}})
	require.ErrorIs(t, err, message.ErrMalformed)
}

// A policy that takes a suite in pairs only does not let members leave a pair for it, and one
// that judges moves is asked about that from each suite.
func TestPoliciesJudgeTheEnd(t *testing.T) {
	no := errors.New("no")
	var moves []suite.ID
	inPairs := suite.PolicyFunc(func(q suite.Question) error {
		switch s := q.Subject.(type) {
		case suite.Info:
			if s.ID == small.t && !q.Listing {
				return no
			}
		case suite.Move:
			moves = append(moves, s.From.ID)
			if s.From.ID == small.pq && s.To.ID == 0x0002 {
				return no
			}
		}
		return nil
	})
	w := newWorld(t, small, []string{"ann", "bob"}, func(c *Config) { c.T.Policy, c.PQ.Policy = inPairs, inPairs })
	ann, bob := w.groups["ann"], w.groups["bob"]
	for _, to := range []suite.ID{small.t, 0x0002} {
		next := w.next()
		next.CipherSuite = to
		_, err := ann.End(t.Context(), noon, next)
		require.ErrorIs(t, err, no, to)
		var refused *suite.PolicyError
		require.ErrorAs(t, err, &refused)
	}

	// Who asks no policy does not lead the others out.
	ann.cfg.T.Policy, ann.cfg.PQ.Policy = nil, nil
	next := w.next()
	next.CipherSuite = small.t
	c, err := ann.End(t.Context(), noon, next)
	require.NoError(t, err)
	require.ErrorIs(t, w.refused("bob", c.Message), no)
	c.Discard()
	moves = nil
	c, err = ann.End(t.Context(), noon, w.next())
	require.NoError(t, err)
	_, err = bob.Process(t.Context(), noon, c.Message)
	require.NoError(t, err)
	require.Contains(t, moves, small.t)
	require.Contains(t, moves, small.pq)
}
