package guard

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

const rulePair = "a pair is two commits of the groups that it is handed in for"

// asPair returns the commits of two groups with one message, in the stream of the first.
func asPair(t *testing.T, first, second candidate) delivery.Submission {
	t.Helper()
	pair := apq.MessagePair{T: first.Commits[0].Message, PQ: second.Commits[0].Message}
	sub := first.Submission
	sub.Commits = []delivery.Commit{first.Commits[0], second.Commits[0]}
	var err error
	sub.Commits[0].Message, err = pair.Marshal(apq.SuggestedCodePoints())
	require.NoError(t, err)
	sub.Commits[1].Message = nil
	return sub
}

// pairOf is a client with the two groups of a pair.
type pairOf struct{ t, pq *member }

func (p pairOf) full(t *testing.T) (delivery.Submission, func()) {
	first, second := p.t.commit(), p.pq.commit()
	return asPair(t, first, second), func() {
		p.t.group, p.pq.group = must(first.Adopt())(t), must(second.Adopt())(t)
	}
}

// beginPair makes two groups that begin as a pair.
func (w *world) beginPair(name, t, pq string, public bool) pairOf {
	p := pairOf{w.member(name, 1, public), w.member(name, 1, public)}
	for id, m := range map[string]*member{t: p.t, pq: p.pq} {
		var err error
		m.group, err = mls.CreateGroup(w.t.Context(), noon, m.cfg, []byte(id))
		require.NoError(w.t, err)
	}
	sub, adopt := p.full(w.t)
	require.NoError(w.t, err2(p.t.service().Submit(w.t.Context(), sub)))
	adopt()
	return p
}

// The guard follows both groups of a pair over the stream of one, also what went past it.
func TestGuardFollowsPairs(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Cached = 1 })
	p := w.beginPair("ann", "t", "pq", true)
	at := func(epoch, pq uint64) {
		t.Helper()
		require.Equal(t, []uint64{epoch, pq}, []uint64{w.known("t").Epoch(), w.known("pq").Epoch()})
	}
	at(1, 1)
	require.NoError(t, p.t.submit(p.t.commit()))
	at(2, 1)
	sub, adopt := p.full(t)
	require.NoError(t, err2(p.t.service().Submit(t.Context(), sub)))
	require.NoError(t, err2(p.t.service().Submit(t.Context(), sub)), "repeated")
	adopt()
	at(3, 2)
	w.restart()
	at(3, 2)
	sub, adopt = p.full(t)
	require.NoError(t, err2(w.server.Client("ann").Submit(t.Context(), sub)))
	adopt()
	w.restart()
	sub, adopt = p.full(t)
	require.NoError(t, err2(p.t.service().Submit(t.Context(), sub)))
	adopt()
	at(5, 4)
	blind, _ := p.full(t)
	blind.Commits[1].Tree = nil
	require.NoError(t, err2(p.t.service().Submit(t.Context(), blind)))
	info, err := p.t.service().GroupInfo(t.Context(), "pq")
	require.NoError(t, err)
	require.Equal(t, uint64(5), info.Epoch)
	require.NotEmpty(t, info.Tree, "the guard serves it")
}

// What is no pair of commits of two groups that belong together is refused, whether or not
// the guard sees into them.
func TestGuardRefusesWhatIsNoPair(t *testing.T) {
	for _, public := range []bool{true, false} {
		w := newWorld(t, nil)
		p, other := w.beginPair("ann", "t", "pq", public), w.beginPair("ann", "t2", "pq2", public)
		alone := w.member("ann", 1, public)
		require.NoError(t, alone.begin("x"))
		full := func(t1, pq *member) delivery.Submission { return asPair(t, t1.commit(), pq.commit()) }
		changed := func(change func(*delivery.Submission)) delivery.Submission {
			sub := full(p.t, p.pq)
			change(&sub)
			return sub
		}
		for name, c := range map[string]struct {
			sub  delivery.Submission
			rule string
		}{
			"legs of two pairs":         {full(p.t, other.pq), rulePair},
			"legs of two T groups":      {full(p.t, other.t), rulePair},
			"swapped legs":              {full(p.pq, p.t), rulePair},
			"T with a group by itself":  {full(p.t, alone), rulePair},
			"PQ with a group by itself": {full(alone, p.pq), rulePair},
			"PQ alone":                  {p.pq.commit().Submission, rulePair},
			"half a pair":               {changed(func(s *delivery.Submission) { s.Commits = s.Commits[:1] }), rulePair},
			"the other half":            {changed(func(s *delivery.Submission) { s.Commits[0].Message = p.t.commit().Commits[0].Message }), rulePair},
			"for another group":         {changed(func(s *delivery.Submission) { s.Commits[1].Group = "pq2" }), rulePair},
			"in another group's stream": {changed(func(s *delivery.Submission) { s.Commits[0].Group = "t2" }), rulePair},
			"of another epoch of PQ":    {changed(func(s *delivery.Submission) { s.Commits[1].Epoch = 0 }), ""},
			"no messages":               {changed(func(s *delivery.Submission) { s.Commits[0].Message = s.Commits[0].Message[:20] }), ""},
			"of the GroupInfo of T":     {changed(func(s *delivery.Submission) { s.Commits[1].GroupInfo = s.Commits[0].GroupInfo }), ""},
			"with a Welcome of a KeyPackage": {changed(func(s *delivery.Submission) {
				s.Welcomes = []delivery.Welcome{{Clients: []string{"x"}, Group: "t", Message: s.Commits[0].GroupInfo}}
			}), ruleWelcome},
		} {
			_, err := p.t.service().Submit(t.Context(), c.sub)
			if c.rule != "" {
				require.Error(t, err, name)
				w.requireRefused(err, c.rule)
				continue
			}
			require.Error(t, err, name)
		}
		for _, group := range []string{"t", "t2"} {
			require.Len(t, w.server.Entries(delivery.Stream{Group: group}), 1)
		}
		require.NoError(t, err2(p.t.service().Submit(t.Context(), full(p.t, p.pq))), "the pair goes on")
	}
}

// A pair of Welcomes is for the clients that it is handed in for, in both groups.
func TestPairsOfWelcomes(t *testing.T) {
	w := newWorld(t, nil)
	p := w.beginPair("ann", "t", "pq", true)
	join := func(m *member) (candidate, []byte) {
		kp, err := mls.NewKeyPackage(t.Context(), noon, w.member("bob", 1, true).cfg, mls.KeyPackageOptions{})
		require.NoError(t, err)
		c := m.commit(message.Add{KeyPackage: kp.KeyPackage})
		return c, c.Welcome
	}
	first, welcomeT := join(p.t)
	second, welcomePQ := join(p.pq)
	sub := asPair(t, first, second)
	pair, err := (&apq.MessagePair{T: welcomeT, PQ: welcomePQ}).Marshal(apq.SuggestedCodePoints())
	require.NoError(t, err)
	for _, clients := range [][]string{{"bob", "mal"}, {"bob"}} {
		sub.Welcomes = []delivery.Welcome{{Clients: clients, Group: "t", Message: pair}}
		_, err = p.t.service().Submit(t.Context(), sub)
		if len(clients) > 1 {
			w.requireRefused(err, ruleWelcome)
		}
	}
	require.NoError(t, err)
	require.Equal(t, 2, w.known("pq").Size())
}
