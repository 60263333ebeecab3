package guard

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/memory"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/store"
	storememory "github.com/mlsuite/mlsuite/store/memory"
	"github.com/mlsuite/mlsuite/suite"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// world is a service in memory behind a guard.
type world struct {
	t      *testing.T
	server *memory.Server
	disk   *storememory.Disk
	cfg    Config
	guard  *Guard
	ids    int
}

func newWorld(t *testing.T, change func(*Config)) *world {
	w := &world{t: t, server: memory.NewServer(memory.Options{Now: func() time.Time { return noon }}), disk: storememory.NewDisk()}
	w.cfg = Config{
		MLS: mls.Config{Suites: mlstest.SuitesWith(t, 1)}, Service: w.server.Client("guard"),
		Now: func() time.Time { return noon },
	}
	if change != nil {
		change(&w.cfg)
	}
	w.restart()
	return w
}

// restart ends the guard, and starts another one on its store.
func (w *world) restart() {
	w.disk.Kill()
	s, err := w.disk.Open()
	require.NoError(w.t, err)
	w.cfg.Store = s
	w.guard, err = New(w.cfg)
	require.NoError(w.t, err)
}

func (w *world) service(name string) delivery.Service { return w.guard.Service(w.server.Client(name)) }

// member is a client with a group.
type member struct {
	w     *world
	name  string
	cfg   mls.Config
	group *mls.Group
}

func (w *world) member(name string, of suite.ID, public bool) *member {
	suites := mlstest.SuitesWith(w.t, of)
	s, err := suites.Suite(of)
	require.NoError(w.t, err)
	signer, err := s.GenerateSigner()
	require.NoError(w.t, err)
	return &member{w: w, name: name, cfg: mls.Config{
		Suites: suites, Suite: of, Signer: signer, PublicHandshake: public,
		Credential: message.BasicCredential([]byte(name)),
	}}
}

func (m *member) service() delivery.Service { return m.w.service(m.name) }

// candidate is a commit of the member's, and what it hands in with it.
type candidate struct {
	*mls.Candidate
	delivery.Submission
}

func (m *member) commit(proposals ...message.Proposal) candidate {
	m.w.t.Helper()
	c, err := m.group.Commit(m.w.t.Context(), noon, mls.CommitOptions{}, proposals...)
	require.NoError(m.w.t, err)
	return m.submission(c, m.group.Epoch())
}

func (m *member) submission(c *mls.Candidate, epoch uint64) candidate {
	info, err := c.GroupInfo(m.w.t.Context(), noon, false)
	require.NoError(m.w.t, err)
	tree, err := c.RatchetTree()
	require.NoError(m.w.t, err)
	m.w.ids++
	return candidate{c, delivery.Submission{
		ID:      fmt.Sprint(m.w.ids),
		Commits: []delivery.Commit{{Group: string(c.GroupID()), Epoch: epoch, Message: c.Message, GroupInfo: info, Tree: tree}},
	}}
}

// submit hands a commit in, and adopts it if it is taken.
func (m *member) submit(c candidate) error {
	if _, err := m.service().Submit(m.w.t.Context(), c.Submission); err != nil {
		return err
	}
	var err error
	m.group, err = c.Adopt()
	return err
}

// begin makes a group of one and lets it reach epoch 1.
func (m *member) begin(id string) error {
	var err error
	m.group, err = mls.CreateGroup(m.w.t.Context(), noon, m.cfg, []byte(id))
	require.NoError(m.w.t, err)
	return m.submit(m.commit())
}

// add lets joiner into the group, with a Welcome.
func (m *member) add(joiner *member) {
	m.w.t.Helper()
	kp, err := mls.NewKeyPackage(m.w.t.Context(), noon, joiner.cfg, mls.KeyPackageOptions{})
	require.NoError(m.w.t, err)
	c := m.commit(message.Add{KeyPackage: kp.KeyPackage})
	c.Welcomes = []delivery.Welcome{{Clients: []string{joiner.name}, Group: string(m.group.GroupID()), Message: c.Welcome}}
	require.NoError(m.w.t, m.submit(c))
	join, err := kp.Join(m.w.t.Context(), noon, c.Welcome, mls.JoinOptions{})
	require.NoError(m.w.t, err)
	joiner.group, err = join.Adopt()
	require.NoError(m.w.t, err)
}

// known returns the group as the guard knows it.
func (w *world) known(group string) *mls.PublicGroup {
	w.t.Helper()
	release, err := w.guard.take(w.t.Context(), group)
	require.NoError(w.t, err)
	defer release()
	f, err := w.guard.follow(w.t.Context(), group)
	require.NoError(w.t, err)
	return f.public
}

func (w *world) requireRefused(err error, rule string) {
	w.t.Helper()
	var refusal *delivery.RefusalError
	require.ErrorAs(w.t, err, &refusal)
	require.Equal(w.t, rule, refusal.Rule)
}

const (
	ruleCommit   = "a commit is one that members take"
	ruleHeader   = "a commit is of the group and the epoch that it is handed in for"
	ruleInfo     = "a GroupInfo is of the epoch that its commit begins"
	ruleWelcome  = "a Welcome is one that clients take"
	ruleProposal = "a proposal is one that members take"
)

func TestGuardFollowsAndServesTheTree(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Cached = 1 })
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	require.NoError(t, w.member("dan", 1, true).begin("h")) // for which the cache has no room
	ann.add(bob)
	proposal, err := ann.group.ProposeUpdate(t.Context(), noon, mls.LeafOptions{}, nil)
	require.NoError(t, err)
	_, err = ann.service().Send(t.Context(), delivery.Message{ID: "p", Group: "g", Epoch: 2, Message: proposal})
	require.NoError(t, err)
	_, err = bob.group.Process(t.Context(), noon, proposal)
	require.NoError(t, err)
	w.restart()
	c := bob.commit() // refers to the proposal, which the guard reads from the stream again
	c.Commits[0].Tree = nil
	require.NoError(t, bob.submit(c))
	require.Equal(t, uint64(3), w.known("g").Epoch())
	require.Equal(t, 2, w.known("g").Size())

	info, err := w.service("carl").GroupInfo(t.Context(), "g")
	require.NoError(t, err)
	carl := w.member("carl", 1, true)
	join, err := mls.ExternalJoin(t.Context(), noon, carl.cfg, info.Message, mls.ExternalJoinOptions{RatchetTree: info.Tree})
	require.NoError(t, err)
	require.NoError(t, carl.submit(carl.submission(join, 3)))
	require.Equal(t, 3, w.known("g").Size())
	text, err := carl.group.Encrypt(t.Context(), noon, []byte("hello"), nil)
	require.NoError(t, err)
	_, err = carl.service().Send(t.Context(), delivery.Message{ID: "m", Group: "g", Epoch: 4, Message: text})
	require.NoError(t, err)
}

func TestGuardRefusesWhatMembersWouldNotTake(t *testing.T) {
	w := newWorld(t, nil)
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	other := w.member("ann", 1, true)
	require.NoError(t, other.begin("h"))
	stale := ann.commit()
	require.NoError(t, ann.submit(ann.commit()))

	for name, c := range map[string]struct {
		change func(*candidate)
		rule   string
	}{
		"no message of MLS":   {func(c *candidate) { c.Commits[0].Message = []byte("commit") }, ruleHeader},
		"another group's":     {func(c *candidate) { c.Commits[0].Message = other.commit().Commits[0].Message }, ruleHeader},
		"of an earlier epoch": {func(c *candidate) { c.Commits[0].Message = stale.Commits[0].Message }, ruleHeader},
		"no commit":           {func(c *candidate) { c.Commits[0].Message = c.Commits[0].GroupInfo }, ruleHeader},
		"a forged signature": {func(c *candidate) {
			c.Commits[0].Message = mlstest.Flipped(c.Commits[0].Message, len(c.Commits[0].Message)-120)
		}, ruleCommit},
		"another epoch's info": {func(c *candidate) { c.Commits[0].GroupInfo = stale.Commits[0].GroupInfo }, ruleCommit},
		"another tree":         {func(c *candidate) { c.Commits[0].Tree = stale.Commits[0].Tree }, ruleCommit},
		"a Welcome that is none": {func(c *candidate) {
			c.Welcomes = []delivery.Welcome{{Clients: []string{"x"}, Group: "g", Message: c.Commits[0].GroupInfo}}
		}, ruleWelcome},
	} {
		bad := ann.commit()
		c.change(&bad)
		_, err := ann.service().Submit(t.Context(), bad.Submission)
		require.Error(t, err, name)
		w.requireRefused(err, c.rule)
	}
	for name, change := range map[string]func(*delivery.Message){
		"another group":   func(m *delivery.Message) { m.Group = "h" },
		"another epoch":   func(m *delivery.Message) { m.Epoch = 2 },
		"a forged one":    func(m *delivery.Message) { m.Message = mlstest.Flipped(m.Message, len(m.Message)-40) },
		"no message":      func(m *delivery.Message) { m.Message = m.Message[1:] },
		"a commit as one": func(m *delivery.Message) { m.Message = ann.commit().Commits[0].Message },
	} {
		proposal, err := ann.group.ProposeUpdate(t.Context(), noon, mls.LeafOptions{}, nil)
		require.NoError(t, err)
		m := delivery.Message{ID: "p " + name, Group: "g", Epoch: 3, Message: proposal}
		change(&m)
		_, err = ann.service().Send(t.Context(), m)
		var refusal *delivery.RefusalError
		require.ErrorAs(t, err, &refusal, name)
	}
	require.Len(t, w.server.Entries(delivery.Stream{Group: "g"}), 3, "nothing of it has reached the stream")
	require.NoError(t, ann.group.ForgetProposals())
	require.NoError(t, ann.submit(ann.commit()), "the group goes on")

	_, err := ann.service().Submit(t.Context(), stale.Submission)
	var late *delivery.EpochError
	require.ErrorAs(t, err, &late)
	require.Equal(t, uint64(4), late.Current)
}

func TestGuardEnforcesThePolicy(t *testing.T) {
	p, err := policy.Load("nist-curves")
	require.NoError(t, err)
	w := newWorld(t, func(c *Config) { c.MLS.Policy = p })
	for _, public := range []bool{true, false} {
		err = w.member("ann", 1, public).begin(fmt.Sprint("x25519 ", public))
		var refusal *delivery.RefusalError
		require.ErrorAs(t, err, &refusal)
		require.ErrorContains(t, refusal.Err, "nist-curves")
		require.NoError(t, w.member("ann", 2, public).begin(fmt.Sprint("P-256 ", public)))
	}
	_, err = w.service("ann").Claim(t.Context(), "bob", 1)
	w.requireRefused(err, "the policy allows the suite")
	for of, allowed := range map[suite.ID]bool{1: false, 2: true} {
		m := w.member("ann", of, true)
		kp, err := mls.NewKeyPackage(t.Context(), noon, m.cfg, mls.KeyPackageOptions{})
		require.NoError(t, err)
		encoded, err := message.Marshal(&message.Message{KeyPackage: kp.KeyPackage})
		require.NoError(t, err)
		publish := func(as suite.ID) error {
			return m.service().Publish(t.Context(), delivery.Stock{Add: []delivery.KeyPackage{{Suite: as, Ref: kp.Ref, Message: encoded}}})
		}
		if allowed {
			require.NoError(t, publish(of))
		} else {
			w.requireRefused(publish(of), "a key package is one that members add")
		}
		w.requireRefused(publish(of+5), "a key package is of the suite that it is published for")
	}
}

func TestPrivateHandshakes(t *testing.T) {
	w := newWorld(t, nil)
	ann, bob := w.member("ann", 1, false), w.member("bob", 1, false)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	require.Nil(t, w.known("g"), "there is nothing to see")
	c := ann.commit()
	stale := c.Commits[0].GroupInfo
	require.NoError(t, ann.submit(c))
	c = ann.commit()
	c.Commits[0].GroupInfo = stale
	_, err := ann.service().Submit(t.Context(), c.Submission)
	w.requireRefused(err, ruleInfo)

	public := w.member("carl", 1, true)
	require.NoError(t, public.begin("h"))
	private := w.member("carl", 1, false)
	private.group, err = mls.CreateGroup(t.Context(), noon, private.cfg, []byte("h"))
	require.NoError(t, err)
	private.group, err = private.commit().Adopt()
	require.NoError(t, err)
	_, err = private.service().Submit(t.Context(), private.commit().Submission)
	w.requireRefused(err, ruleCommit)
	require.ErrorIs(t, err, errPrivate)

	only := newWorld(t, func(c *Config) { c.PublicOnly = true })
	err = only.member("ann", 1, false).begin("g")
	only.requireRefused(err, ruleCommit)
	require.ErrorIs(t, err, errPrivate)
}

func err2[T any](_ T, err error) error { return err }

// Where something has gone past the guard, it follows what members follow, and gives a
// group up that no member follows, until a commit brings the whole state.
func TestPastTheGuard(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	past := func(sub delivery.Submission) {
		_, err := w.server.Client("ann").Submit(t.Context(), sub)
		require.NoError(t, err)
	}
	c := ann.commit()
	past(c.Submission)
	ann.group = must(c.Adopt())(t)
	require.Equal(t, uint64(2), w.known("g").Epoch())

	c = ann.commit()
	bad := c.Submission
	bad.Commits = []delivery.Commit{c.Commits[0]}
	bad.Commits[0].Message = mlstest.Flipped(c.Commits[0].Message, len(c.Commits[0].Message)-120)
	past(bad)
	ann.group = must(c.Adopt())(t)
	require.Nil(t, w.known("g"))
	blind := ann.commit()
	blind.Commits[0].GroupInfo, blind.Commits[0].Tree = nil, nil
	_, err := ann.service().Submit(t.Context(), blind.Submission)
	require.ErrorIs(t, err, delivery.ErrUnseen)
	w.restart()
	require.Nil(t, w.known("g"), "nor by the record, which came with what no member takes")
	require.NoError(t, ann.submit(ann.commit()))
	require.Equal(t, uint64(4), w.known("g").Epoch())
	w.restart()
	require.Equal(t, uint64(4), w.known("g").Epoch())

	c = ann.commit()
	past(c.Submission)
	ann.group = must(c.Adopt())(t)
	w.server.Drop(1000) // nobody can read the last commit any more
	require.Nil(t, w.known("g"))
	require.NoError(t, ann.submit(ann.commit()))
	require.Equal(t, uint64(6), w.known("g").Epoch())
}

func must[T any](x T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		require.NoError(t, err)
		return x
	}
}

func TestDamagedStateOfTheGuard(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	require.NoError(t, w.cfg.Store.Update(t.Context(), func(wr store.Writer) error {
		for e, err := range wr.Scan(recordsOf("g"), nil) {
			require.NoError(t, err)
			return wr.Put(e.Key, bytes.Repeat([]byte{7}, 10))
		}
		return errors.New("no record")
	}))
	w.restart()
	require.Equal(t, uint64(1), w.known("g").Epoch(), "by the record of the service")
	require.NoError(t, ann.submit(ann.commit()))
	require.Equal(t, uint64(2), w.known("g").Epoch())
}

func TestRequestsAreLimited(t *testing.T) {
	now := noon
	w := newWorld(t, func(c *Config) {
		hourly := Rate{Every: time.Hour, Burst: 2}
		c.Limits = Limits{Commits: hourly, Messages: hourly, Claims: hourly, Joins: hourly, Packages: hourly}
		c.Now = func() time.Time { return now }
	})
	ann := w.service("ann")
	for what, ask := range map[string]func(delivery.Service) error{
		"commits":                func(s delivery.Service) error { return err2(s.Submit(t.Context(), delivery.Submission{})) },
		"messages":               func(s delivery.Service) error { return err2(s.Send(t.Context(), delivery.Message{})) },
		"claims of key packages": func(s delivery.Service) error { return err2(s.Claim(t.Context(), "bob", 1)) },
		"key packages":           func(s delivery.Service) error { return s.Publish(t.Context(), delivery.Stock{}) },
		"group infos":            func(s delivery.Service) error { return err2(s.GroupInfo(t.Context(), "g")) },
	} {
		var limit *delivery.LimitError
		for range 2 {
			require.False(t, errors.As(ask(ann), &limit), what)
		}
		require.ErrorAs(t, ask(ann), &limit, what)
		require.Equal(t, delivery.LimitError{What: what, Retry: time.Hour}, *limit)
		require.False(t, errors.As(ask(w.service("bob")), &limit), "limits are each client's own")
		now = now.Add(time.Hour)
		require.False(t, errors.As(ask(ann), &limit), what)
		require.ErrorAs(t, ask(ann), &limit, what)
	}
}

// Submissions for the same groups in another order do not wait for each other for ever.
func TestSubmissionsOfTwoGroups(t *testing.T) {
	w := newWorld(t, nil)
	a, b := w.member("a", 1, true), w.member("b", 1, true)
	require.NoError(t, a.begin("g"))
	require.NoError(t, b.begin("h"))
	done := make(chan error)
	for i := range 8 {
		first, second := a.commit(), b.commit()
		if i%2 == 1 {
			first, second = second, first
		}
		first.Commits = append(first.Commits, second.Commits...)
		go func() { done <- err2(w.service(fmt.Sprint("client", i)).Submit(t.Context(), first.Submission)) }()
	}
	won := 0
	for range 8 {
		err := <-done
		var lost *delivery.EpochError
		if err == nil {
			won++
		} else {
			require.ErrorAs(t, err, &lost)
		}
	}
	require.Equal(t, 1, won)
	require.Equal(t, uint64(2), w.known("g").Epoch())
	require.Equal(t, uint64(2), w.known("h").Epoch())
}

// A proposal of an epoch that the group has not reached waits for its commit: nothing is wrong
// with it.
func TestProposalBeforeItsEpoch(t *testing.T) {
	w := newWorld(t, nil)
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	c := ann.commit()
	ann.group = must(c.Adopt())(t)
	proposal, err := ann.group.ProposeUpdate(t.Context(), noon, mls.LeafOptions{}, nil)
	require.NoError(t, err)
	m := delivery.Message{ID: "p", Group: "g", Epoch: 2, Message: proposal}
	_, err = ann.service().Send(t.Context(), m)
	var early *delivery.EpochError
	require.ErrorAs(t, err, &early)
	require.Equal(t, uint64(1), early.Current)
	require.NoError(t, err2(ann.service().Submit(t.Context(), c.Submission)))
	require.NoError(t, err2(ann.service().Send(t.Context(), m)))
}

// What a client hands in is counted by its size, and what it has in stock by number.
func TestBytesAndStockAreBounded(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Limits.KiB, c.Limits.Stock = Rate{Every: time.Minute, Burst: 100}, 3
	})
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	send := func(n int) error {
		return w.writes("ann", "g", 1, ann.encrypted(string(make([]byte, n))))
	}
	require.ErrorIs(t, send(101<<10), delivery.ErrTooLarge)
	require.NoError(t, send(60<<10))
	var limit *delivery.LimitError
	require.ErrorAs(t, send(60<<10), &limit)
	require.Equal(t, "bytes handed in", limit.What)
	large := ann.commit()
	large.Commits[0].Tree = make([]byte, 90<<10)
	_, err := ann.service().Submit(t.Context(), large.Submission)
	require.ErrorAs(t, err, &limit)
	many := ann.commit()
	many.Welcomes = []delivery.Welcome{{Clients: make([]string, 50), Group: "g", Message: make([]byte, 1<<10)}}
	_, err = ann.service().Submit(t.Context(), many.Submission)
	require.ErrorAs(t, err, &limit, "it would be in 50 inboxes")
	require.NoError(t, ann.submit(ann.commit()))

	two := ann.stock(2)
	require.NoError(t, ann.service().Publish(t.Context(), two))
	require.NoError(t, ann.service().Publish(t.Context(), two), "repeated, they are the same")
	require.ErrorAs(t, ann.service().Publish(t.Context(), ann.stock(2)), &limit)
	require.Equal(t, "key packages in stock", limit.What)
	_, err = w.service("bob").Claim(t.Context(), "ann", 1)
	require.NoError(t, err)
	require.NoError(t, ann.service().Publish(t.Context(), ann.stock(2)))
}
