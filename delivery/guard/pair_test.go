package guard

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// pairWorld is a world with the suites of pairs.
func pairWorld(t *testing.T, change func(*Config)) *world {
	return newWorld(t, func(c *Config) {
		c.MLS.Suites = all.Registry()
		if change != nil {
			change(c)
		}
	})
}

// pairMember is a client in a pair of groups.
type pairMember struct {
	w     *world
	name  string
	cfg   apq.Config
	group *apq.Group
}

func (w *world) pairMember(name string, public bool) *pairMember {
	leg := func(id suite.ID) mls.Config {
		s, err := all.Registry().Suite(id)
		require.NoError(w.t, err)
		signer, err := s.GenerateSigner()
		require.NoError(w.t, err)
		return mls.Config{
			Suites: all.Registry(), Suite: id, Signer: signer, PublicHandshake: public,
			Credential: message.BasicCredential([]byte(name)),
		}
	}
	return &pairMember{w: w, name: name, cfg: apq.Config{T: leg(0x0001), PQ: leg(0xF006)}}
}

func (m *pairMember) service() delivery.Service { return m.w.service(m.name) }

// describe returns what a client hands in with the commit of one group.
func (m *pairMember) describe(c *mls.Candidate, msg []byte) delivery.Commit {
	m.w.t.Helper()
	info, err := c.GroupInfo(m.w.t.Context(), noon, false)
	require.NoError(m.w.t, err)
	tree, err := c.RatchetTree()
	require.NoError(m.w.t, err)
	return delivery.Commit{Group: string(c.GroupID()), Epoch: c.Epoch() - 1, Message: msg, GroupInfo: info, Tree: tree}
}

func (m *pairMember) submission(commits ...delivery.Commit) delivery.Submission {
	m.w.ids++
	return delivery.Submission{ID: fmt.Sprint(m.w.ids), Commits: commits}
}

// commit returns a commit as it is handed in, and what adopts it.
func (m *pairMember) commit(options apq.CommitOptions) (delivery.Submission, func()) {
	m.w.t.Helper()
	c, err := m.group.Commit(m.w.t.Context(), noon, options)
	require.NoError(m.w.t, err)
	sub := m.submission(m.describe(c.T(), c.Message))
	if c.Full() {
		sub.Commits = append(sub.Commits, m.describe(c.PQ(), nil))
	}
	if c.Welcome != nil {
		sub.Welcomes = []delivery.Welcome{{Clients: []string{"bob"}, Group: sub.Commits[0].Group, Message: c.Welcome}}
	}
	return sub, func() { m.group = must(c.Adopt())(m.w.t) }
}

// submit makes a commit that has to be taken.
func (m *pairMember) submit(options apq.CommitOptions) delivery.Submission {
	m.w.t.Helper()
	sub, adopt := m.commit(options)
	require.NoError(m.w.t, err2(m.service().Submit(m.w.t.Context(), sub)))
	adopt()
	return sub
}

// begin makes a pair of one.
func (m *pairMember) begin(t, pq string) {
	m.w.t.Helper()
	var err error
	m.group, err = apq.Create(m.w.t.Context(), noon, m.cfg, apq.CreateOptions{TGroupID: []byte(t), PQGroupID: []byte(pq)})
	require.NoError(m.w.t, err)
	m.submit(apq.CommitOptions{Full: true})
}

// keyPackages returns a pair of key packages of a client.
func (m *pairMember) keyPackages() apq.KeyPackages {
	own, err := apq.NewKeyPackage(m.w.t.Context(), noon, m.cfg, mls.KeyPackageOptions{})
	require.NoError(m.w.t, err)
	both, err := apq.ParseKeyPackages(own.Message, message.CodePoints{})
	require.NoError(m.w.t, err)
	return both
}

// The guard follows both groups of a pair over the stream of one, also what went past it.
func TestGuardFollowsPairs(t *testing.T) {
	w := pairWorld(t, func(c *Config) { c.Cached = 1 })
	ann := w.pairMember("ann", true)
	ann.begin("t", "pq")
	at := func(epoch, pq uint64) {
		t.Helper()
		require.Equal(t, []uint64{epoch, pq}, []uint64{w.known("t").Epoch(), w.known("pq").Epoch()})
	}
	at(1, 1)
	ann.submit(apq.CommitOptions{})
	at(2, 1)
	sub := ann.submit(apq.CommitOptions{Full: true})
	require.NoError(t, err2(ann.service().Submit(t.Context(), sub)), "repeated")
	at(3, 2)
	w.restart()
	at(3, 2)
	past, adopt := ann.commit(apq.CommitOptions{Full: true})
	require.NoError(t, err2(w.server.Client("ann").Submit(t.Context(), past)))
	adopt()
	w.restart()
	ann.submit(apq.CommitOptions{Full: true})
	at(5, 4)
	ann.submit(apq.CommitOptions{Add: []apq.KeyPackages{w.pairMember("bob", true).keyPackages()}})
	require.Equal(t, 2, w.known("pq").Size())
	blind, _ := ann.commit(apq.CommitOptions{Full: true})
	blind.Commits[1].Tree = nil
	require.NoError(t, err2(ann.service().Submit(t.Context(), blind)))
	info, err := ann.service().GroupInfo(t.Context(), "pq")
	require.NoError(t, err)
	require.Equal(t, uint64(6), info.Epoch)
	require.NotEmpty(t, info.Tree, "the guard serves it")
}

// What is no pair of commits of two groups that belong together is refused, whether or not
// the guard sees into them.
func TestGuardRefusesWhatIsNoPair(t *testing.T) {
	for _, public := range []bool{true, false} {
		w := pairWorld(t, nil)
		ann, other := w.pairMember("ann", public), w.pairMember("ann", public)
		ann.begin("t", "pq")
		other.begin("t2", "pq2")
		alone := w.member("ann", 1, public)
		require.NoError(t, alone.begin("x"))
		full := func(m *pairMember) delivery.Submission {
			sub, _ := m.commit(apq.CommitOptions{Full: true})
			return sub
		}
		changed := func(change func(*delivery.Submission)) delivery.Submission {
			sub := full(ann)
			change(&sub)
			return sub
		}
		// of returns a pair of the legs of others.
		of := func(first, second delivery.Commit) delivery.Submission {
			halves := func(c delivery.Commit) *apq.MessagePair {
				pair, err := apq.ParseMessagePair(c.Message, message.CodePoints{})
				if err != nil {
					return &apq.MessagePair{T: c.Message, PQ: c.Message}
				}
				return pair
			}
			var err error
			first.Message, err = (&apq.MessagePair{T: halves(first).T, PQ: halves(second).PQ}).Marshal(message.CodePoints{})
			require.NoError(t, err)
			second.Message = nil
			return ann.submission(first, second)
		}
		a, b, x := full(ann), full(other), alone.commit()
		second := func(s delivery.Submission) delivery.Commit {
			c := s.Commits[1]
			c.Message = s.Commits[0].Message
			return c
		}
		swapped := of(second(a), a.Commits[0])
		pair, err := apq.ParseMessagePair(a.Commits[0].Message, message.CodePoints{})
		require.NoError(t, err)
		swapped.Commits[0].Message, err = (&apq.MessagePair{T: pair.PQ, PQ: pair.T}).Marshal(message.CodePoints{})
		require.NoError(t, err)
		onlyPQ := ann.submission(second(a))
		onlyPQ.Commits[0].Message = pair.PQ

		for name, c := range map[string]struct {
			sub  delivery.Submission
			rule string
		}{
			"legs of two pairs":         {of(a.Commits[0], second(b)), rulePairs},
			"T with a group by itself":  {of(a.Commits[0], x.Commits[0]), rulePairs},
			"PQ with a group by itself": {of(x.Commits[0], second(a)), rulePairs},
			"swapped legs":              {swapped, rulePairs},
			"PQ alone":                  {onlyPQ, rulePairs},
			"half a pair":               {changed(func(s *delivery.Submission) { s.Commits = s.Commits[:1] }), rulePairs},
			"the other half":            {changed(func(s *delivery.Submission) { s.Commits[0].Message = pair.T }), rulePairs},
			"for another group":         {changed(func(s *delivery.Submission) { s.Commits[1].Group = "pq2" }), rulePairs},
			"in another group's stream": {changed(func(s *delivery.Submission) { s.Commits[0].Group = "t2" }), rulePairs},
			"half a message":            {changed(func(s *delivery.Submission) { s.Commits[0].Message = s.Commits[0].Message[:20] }), rulePairs},
			"of the GroupInfo of T":     {changed(func(s *delivery.Submission) { s.Commits[1].GroupInfo = s.Commits[0].GroupInfo }), ""},
			"with a Welcome that is none": {changed(func(s *delivery.Submission) {
				s.Welcomes = []delivery.Welcome{{Clients: []string{"x"}, Group: "t", Message: s.Commits[0].GroupInfo}}
			}), ruleWelcome},
		} {
			_, err := ann.service().Submit(t.Context(), c.sub)
			require.Error(t, err, name)
			var refusal *delivery.RefusalError
			require.ErrorAs(t, err, &refusal, name)
			if c.rule != "" {
				require.Equal(t, c.rule, refusal.Rule, name)
			}
		}
		late := changed(func(s *delivery.Submission) { s.Commits[1].Epoch = 0 })
		_, err = ann.service().Submit(t.Context(), late)
		var epoch *delivery.EpochError
		require.True(t, errors.As(err, &epoch) || err != nil, "of another epoch of PQ")
		for _, group := range []string{"t", "t2"} {
			require.Len(t, w.server.Entries(delivery.Stream{Group: group}), 1)
		}
		ann.submit(apq.CommitOptions{Full: true})
	}
}

// Of public groups, the guard sees what members check of a pair without secrets.
func TestGuardSeesIntoPairs(t *testing.T) {
	w := pairWorld(t, nil)
	ann, bob := w.pairMember("ann", true), w.pairMember("bob", true)
	ann.begin("t", "pq")
	ann.submit(apq.CommitOptions{Add: []apq.KeyPackages{bob.keyPackages()}})
	ctx := t.Context()
	alone := func(proposals ...message.Proposal) error {
		c, err := ann.group.T().Commit(ctx, noon, mls.CommitOptions{}, proposals...)
		require.NoError(t, err)
		defer c.Discard()
		return err2(ann.service().Submit(ctx, ann.submission(ann.describe(c, c.Message))))
	}
	for name, p := range map[string]message.Proposal{
		"Add":     message.Add{KeyPackage: w.pairMember("carl", true).keyPackages().T},
		"Remove":  message.Remove{Removed: 1},
		"APQInfo": update(t, ann, 2, 0),
	} {
		err := alone(p)
		require.Error(t, err, name)
		w.requireRefused(err, ruleCommit)
		require.ErrorIs(t, err, errHalf, name)
	}
	// injects injects a pre-shared key that is not the PQ group's, which only members see.
	other := mls.ApplicationPSK{Component: w.cfg.MLS.CodePoints.Complete().APQInfo, ID: []byte("other"), Secret: make([]byte, 32)}
	injects := message.PreSharedKey{PSK: message.PreSharedKeyID{Component: other.Component, ID: other.ID}}
	type list = []message.Proposal
	both := func(t1 list, pq message.Proposal) error {
		options := mls.CommitOptions{ForcePath: true, ApplicationPSKs: []mls.ApplicationPSK{other}}
		first, err := ann.group.T().Commit(ctx, noon, options, t1...)
		require.NoError(t, err)
		defer first.Discard()
		second, err := ann.group.PQ().Commit(ctx, noon, mls.CommitOptions{ForcePath: true}, pq)
		require.NoError(t, err)
		defer second.Discard()
		msg, err := (&apq.MessagePair{T: first.Message, PQ: second.Message}).Marshal(message.CodePoints{})
		require.NoError(t, err)
		return err2(ann.service().Submit(ctx, ann.submission(ann.describe(first, msg), ann.describe(second, nil))))
	}
	next := update(t, ann, 1, 1)
	for name, c := range map[string]struct {
		t  list
		pq message.Proposal
	}{
		"later epoch of T":  {list{injects, update(t, ann, 2, 1)}, update(t, ann, 2, 1)},
		"later epoch of PQ": {list{injects, update(t, ann, 1, 2)}, update(t, ann, 1, 2)},
		"two Infos":         {list{injects, next}, update(t, ann, 1, 2)},
		"members of T":      {list{injects, next, message.Remove{Removed: 1}}, next},
		"no pre-shared key": {list{next}, next},
	} {
		err := both(c.t, c.pq)
		require.Error(t, err, name)
		w.requireRefused(err, rulePairs)
	}
	require.NoError(t, both(list{injects, next}, next), "what the guard cannot see")
}

// update returns an AppDataUpdate to epochs so much later than now.
func update(t *testing.T, m *pairMember, inT, inPQ uint64) message.AppDataUpdate {
	info := *m.group.Info()
	info.TEpoch, info.PQEpoch = m.group.T().Epoch()+inT, m.group.PQ().Epoch()+inPQ
	if inPQ == 0 {
		info.PQEpoch++
	}
	data, err := (&apq.Update{Type: apq.FullUpdate, Info: info}).Marshal()
	require.NoError(t, err)
	return message.AppDataUpdate{Component: message.CodePoints{}.Complete().APQInfo, Update: data}
}

// The policy judges the pair where a group by itself would ask about its suite, also after a
// restart of the guard.
func TestGuardJudgesPairs(t *testing.T) {
	no := errors.New("no")
	for _, public := range []bool{true, false} {
		var refuse bool
		w := pairWorld(t, func(c *Config) {
			c.MLS.Policy = suite.PolicyFunc(func(q suite.Question) error {
				if _, alone := q.Subject.(suite.Info); alone && !q.Listing {
					return errors.New("asked about a suite alone")
				}
				if _, pair := q.Subject.(suite.PairInfo); pair && refuse {
					return no
				}
				return nil
			})
		})
		ann := w.pairMember("ann", public)
		ann.begin("t", "pq")
		w.restart()
		ann.submit(apq.CommitOptions{})
		ann.submit(apq.CommitOptions{Full: true})
		own, err := apq.NewKeyPackage(t.Context(), noon, ann.cfg, mls.KeyPackageOptions{})
		require.NoError(t, err)
		for of, kp := range map[suite.ID]*mls.OwnKeyPackage{0x0001: own.T, 0xF006: own.PQ} {
			encoded, err := message.Marshal(&message.Message{KeyPackage: kp.KeyPackage})
			require.NoError(t, err)
			stock := delivery.Stock{Add: []delivery.KeyPackage{{Suite: of, Ref: kp.Ref, Expires: noon.AddDate(0, 0, 1), Message: encoded}}}
			require.NoError(t, ann.service().Publish(t.Context(), stock))
			require.NoError(t, err2(ann.service().Claim(t.Context(), "ann", of)))
			refuse = true
			w.requireRefused(ann.service().Publish(t.Context(), stock), "a key package is one that members add")
			w.requireRefused(err2(ann.service().Claim(t.Context(), "ann", of)), "the policy allows the suite")
			refuse = false
		}
		w.requireRefused(err2(ann.service().Claim(t.Context(), "ann", 0xF002)), "the policy allows the suite")
		refuse = true
		sub, _ := ann.commit(apq.CommitOptions{Full: true})
		_, err = ann.service().Submit(t.Context(), sub)
		require.ErrorIs(t, err, no)
		require.Error(t, w.member("dan", 1, public).begin("x"))
	}
}

// A proposal to add or remove a member is a pair, too.
func TestPairsOfProposals(t *testing.T) {
	w := pairWorld(t, nil)
	ann, bob := w.pairMember("ann", true), w.pairMember("bob", true)
	ann.begin("t", "pq")
	ann.submit(apq.CommitOptions{Add: []apq.KeyPackages{bob.keyPackages()}})
	proposal, err := ann.group.ProposeRemove(t.Context(), noon, 1)
	require.NoError(t, err)
	m := delivery.Message{ID: "p", Group: "t", Epoch: 2, Message: proposal}
	for name, change := range map[string]func(*delivery.Message){
		"in PQ":         func(m *delivery.Message) { m.Group = "pq" },
		"another epoch": func(m *delivery.Message) { m.Epoch = 1 },
		"forged":        func(m *delivery.Message) { m.Message = mlstest.Flipped(m.Message, len(m.Message)-90) },
		"cut":           func(m *delivery.Message) { m.Message = m.Message[:len(m.Message)-1] },
	} {
		bad := m
		change(&bad)
		var refusal *delivery.RefusalError
		require.ErrorAs(t, err2(ann.service().Send(t.Context(), bad)), &refusal, name)
	}
	require.NoError(t, err2(ann.service().Send(t.Context(), m)))
	w.restart()
	ann.submit(apq.CommitOptions{}) // FULL, and refers to both
	require.Equal(t, 1, w.known("t").Size())
	require.Equal(t, 1, w.known("pq").Size())
}

// What members of a pair refuse in one of its groups alone, the guard refuses.
func TestProposalsInOneGroupOfAPair(t *testing.T) {
	w := pairWorld(t, nil)
	ann, bob := w.pairMember("ann", true), w.pairMember("bob", true)
	ann.begin("t", "pq")
	ann.submit(apq.CommitOptions{Add: []apq.KeyPackages{bob.keyPackages()}})
	ctx, inT, inPQ := t.Context(), ann.group.T(), ann.group.PQ()
	both := w.pairMember("carl", true).keyPackages()
	next := message.BasicCredential([]byte("ann II"))
	propose := func(g *mls.Group, p message.Proposal) []byte { return must(g.Propose(ctx, noon, p, nil))(t) }
	rename := func(g *mls.Group) []byte {
		return must(g.ProposeUpdate(ctx, noon, mls.LeafOptions{Credential: &next}, nil))(t)
	}
	for name, c := range map[string]struct {
		group string
		msg   []byte
	}{
		"Add":          {"t", propose(inT, message.Add{KeyPackage: both.T})},
		"Remove":       {"t", propose(inT, message.Remove{Removed: 1})},
		"ReInit":       {"t", propose(inT, message.ReInit{GroupID: []byte("next"), Version: 1, CipherSuite: 1})},
		"APQInfo":      {"t", propose(inT, update(t, ann, 1, 1))},
		"renaming":     {"t", rename(inT)},
		"Add, PQ":      {"pq", propose(inPQ, message.Add{KeyPackage: both.PQ})},
		"Remove, PQ":   {"pq", propose(inPQ, message.Remove{Removed: 1})},
		"ReInit, PQ":   {"pq", propose(inPQ, message.ReInit{GroupID: []byte("next"), Version: 1, CipherSuite: 1})},
		"new keys, PQ": {"pq", must(inPQ.ProposeUpdate(ctx, noon, mls.LeafOptions{}, nil))(t)},
	} {
		epoch := inT.Epoch()
		if c.group == "pq" {
			epoch = inPQ.Epoch()
		}
		err := err2(ann.service().Send(ctx, delivery.Message{ID: name, Group: c.group, Epoch: epoch, Message: c.msg}))
		var refusal *delivery.RefusalError
		require.ErrorAs(t, err, &refusal, name)
	}
	good := must(ann.group.ProposeUpdate(ctx, noon, apq.UpdateOptions{}))(t)
	require.NoError(t, err2(ann.service().Send(ctx, delivery.Message{ID: "good", Group: "t", Epoch: inT.Epoch(), Message: good})))
	pair := must((&apq.MessagePair{T: rename(inT), PQ: rename(inPQ)}).Marshal(message.CodePoints{}))(t)
	require.NoError(t, err2(ann.service().Send(ctx, delivery.Message{ID: "pair", Group: "t", Epoch: inT.Epoch(), Message: pair})))
}

// No two leaves of a group of a pair have the same credential.
func TestTwinsInAPair(t *testing.T) {
	w := pairWorld(t, nil)
	ann, twin := w.pairMember("ann", true), w.pairMember("ann", true).keyPackages()
	ann.begin("t", "pq")
	commit := func(g *mls.Group, k *message.KeyPackage) *mls.Candidate {
		return must(g.Commit(t.Context(), noon, mls.CommitOptions{ForcePath: true}, message.Add{KeyPackage: k}, update(t, ann, 1, 1)))(t)
	}
	first, second := commit(ann.group.T(), twin.T), commit(ann.group.PQ(), twin.PQ)
	msg := must((&apq.MessagePair{T: first.Message, PQ: second.Message}).Marshal(message.CodePoints{}))(t)
	err := err2(ann.service().Submit(t.Context(), ann.submission(ann.describe(first, msg), ann.describe(second, nil))))
	require.Error(t, err)
	w.requireRefused(err, rulePairs)
	require.ErrorContains(t, err, "leaves 0 and 1")
}

// A pair ends by the same ReInit in both of its groups.
func TestPairsEndTogether(t *testing.T) {
	w := pairWorld(t, nil)
	ann := w.pairMember("ann", true)
	ann.begin("t", "pq")
	ctx := t.Context()
	next := message.ReInit{GroupID: []byte("next"), Version: 1, CipherSuite: 0xF002}
	other := next
	other.GroupID = []byte("another")
	halves := func(t1, pq []message.Proposal) delivery.Submission {
		first := must(ann.group.T().Commit(ctx, noon, mls.CommitOptions{ForcePath: true}, t1...))(t)
		defer first.Discard()
		second := must(ann.group.PQ().Commit(ctx, noon, mls.CommitOptions{ForcePath: true}, pq...))(t)
		defer second.Discard()
		msg := must((&apq.MessagePair{T: first.Message, PQ: second.Message}).Marshal(message.CodePoints{}))(t)
		return ann.submission(
			delivery.Commit{Group: "t", Epoch: ann.group.T().Epoch(), Message: msg},
			delivery.Commit{Group: "pq", Epoch: ann.group.PQ().Epoch()},
		)
	}
	for name, sub := range map[string]delivery.Submission{
		"T alone":           halves([]message.Proposal{next}, nil),
		"PQ alone":          halves(nil, []message.Proposal{next}),
		"for another group": halves([]message.Proposal{next}, []message.Proposal{other}),
	} {
		_, err := ann.service().Submit(ctx, sub)
		require.Error(t, err, name)
		w.requireRefused(err, rulePairs)
	}
	c := must(ann.group.End(ctx, noon, next))(t)
	sub := ann.submission(
		delivery.Commit{Group: "t", Epoch: ann.group.T().Epoch(), Message: c.Message},
		delivery.Commit{Group: "pq", Epoch: ann.group.PQ().Epoch()},
	)
	require.NoError(t, err2(ann.service().Submit(ctx, sub)))
	for _, id := range []string{"t", "pq"} {
		require.Equal(t, []byte("next"), w.known(id).ReInit().GroupID)
	}
	w.restart()
	require.NotNil(t, w.known("t").ReInit())
}

// A commit of one group alone neither binds a T group to a PQ group, nor takes the demand for
// pairs from it, nor injects a pre-shared key of the PQ group: what members refuse.
func TestNothingAloneBindsAGroup(t *testing.T) {
	w := pairWorld(t, nil)
	ann := w.pairMember("ann", true)
	ctx := t.Context()
	key := mls.ApplicationPSK{Component: message.CodePoints{}.Complete().APQInfo, ID: []byte("psk"), Secret: make([]byte, 32)}
	psk := message.PreSharedKey{PSK: message.PreSharedKeyID{Component: key.Component, ID: key.ID}}
	alone := func(g *mls.Group, proposals ...message.Proposal) error {
		c := must(g.Commit(ctx, noon, mls.CommitOptions{ApplicationPSKs: []mls.ApplicationPSK{key}}, proposals...))(t)
		defer c.Discard()
		return err2(ann.service().Submit(ctx, ann.submission(ann.describe(c, c.Message))))
	}
	refused := func(group *mls.Group, proposals ...message.Proposal) {
		t.Helper()
		err := alone(group, proposals...)
		require.Error(t, err)
		w.requireRefused(err, ruleCommit)
		require.ErrorIs(t, err, errHalf)
	}

	cfg, _, err := ann.cfg.Prepare()
	require.NoError(t, err)
	running := must(mls.CreateGroup(ctx, noon, cfg, []byte("running"), must(ann.cfg.Extensions(nil))(t)...))(t)
	first := must(running.Commit(ctx, noon, mls.CommitOptions{}))(t)
	require.NoError(t, err2(ann.service().Submit(ctx, ann.submission(ann.describe(first, first.Message)))))
	running = must(first.Adopt())(t)
	info := apq.Info{TGroupID: []byte("running"), PQGroupID: []byte("none"), TSuite: 1, PQSuite: 0xF006, TEpoch: 2, PQEpoch: 1}
	data := must((&apq.Update{Type: apq.FullUpdate, Info: info}).Marshal())(t)
	bind := message.AppDataUpdate{Component: key.Component, Update: data}
	refused(running, bind, psk)
	refused(running, psk)
	waits := must(running.Propose(ctx, noon, bind, nil))(t)
	err = err2(ann.service().Send(ctx, delivery.Message{ID: "waits", Group: "running", Epoch: 1, Message: waits}))
	w.requireRefused(err, ruleProposal)
	require.ErrorIs(t, err, errHalf)
	require.NoError(t, running.ForgetProposals())
	require.NoError(t, alone(running, message.GroupContextExtensions{Extensions: running.GroupContext().Extensions}))

	ann.begin("t", "pq")
	inT := ann.group.T()
	demands := inT.GroupContext().Extensions
	without := slices.DeleteFunc(slices.Clone(demands), func(x message.Extension) bool {
		return x.Type == message.CodePoints{}.Complete().RequiredWireFormats
	})
	refused(inT, psk)
	refused(inT, message.GroupContextExtensions{Extensions: without})
	require.NoError(t, alone(inT, message.GroupContextExtensions{Extensions: demands}))
}
