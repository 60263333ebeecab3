package migrate_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// three makes a small world without chaos, and its members prepared.
func three(t *testing.T, adjust ...func(*client)) *world {
	w := newWorld(t, 3, classic, hybrid768, "pq-confidential", adjust...)
	for _, c := range w.clients {
		c.prepare()
	}
	return w
}

// deliver lets all take the commit that the delivery service accepted.
func (w *world) deliver(by *client, c *mls.Candidate) {
	by.pending = c
	w.log = append(w.log, c.Message)
	for _, c := range w.clients {
		c.follow()
	}
}

// end commits a ReInit, by member 0.
func (w *world) end(to suite.ID) {
	w.Helper()
	c := w.clients[0]
	w.deliver(c, c.commits(message.ReInit{GroupID: []byte("the new group"), CipherSuite: to}))
}

// commits makes a commit in the old group.
func (c *client) commits(proposals ...message.Proposal) (commit *mls.Candidate) {
	c.w.Helper()
	c.sending("old", c.old, func() (err error) {
		commit, err = c.old.Commit(c.w.Context(), testTime, mls.CommitOptions{}, proposals...)
		return err
	})
	return commit
}

// talk lets the members of the old group agree and send.
func (w *world) talk() {
	w.Helper()
	want, err := w.clients[0].old.EpochAuthenticator()
	require.NoError(w, err)
	for _, c := range w.clients {
		got, err := c.old.EpochAuthenticator()
		require.NoError(w, err)
		require.Equal(w, want, got)
		c.sending("old", c.old, func() error {
			m, err := c.old.Encrypt(w.Context(), testTime, []byte("hello"), nil)
			if err != nil {
				return err
			}
			for _, other := range w.clients {
				if other != c {
					_, err = other.old.Process(w.Context(), testTime, m)
					require.NoError(w, err)
				}
			}
			return nil
		})
	}
}

func (c *client) enters(welcome []byte) error {
	var err error
	c.next, err = c.migration.Enter(c.w.Context(), testTime, c.old, welcome, nil)
	return err
}

// Until the commit of the ReInit is accepted, nothing that fails or comes to nothing
// touches the old group.
func TestFailureBeforeReInitLeavesTheOldGroup(t *testing.T) {
	w := three(t)
	w.talk()
	a, b := w.clients[0], w.clients[1]
	// Somebody is not ready, or the target is refused.
	_, err := w.plan(with(b.migration.KeyPackage()), func(o *migrate.Options) { o.Target = hybrid768 }).ReInit(nil)
	var notReady *migrate.NotReady
	require.ErrorAs(t, err, &notReady)
	_, err = w.plan(func(o *migrate.Options) { o.Target = classic }).ReInit(nil)
	require.ErrorIs(t, err, policy.ErrRefused)
	// Create and Enter come too early.
	_, err = a.migration.Create(t.Context(), testTime, a.old, w.keyPackages())
	require.ErrorIs(t, err, message.ErrInvalid)
	require.ErrorIs(t, a.enters(nil), message.ErrMalformed)
	w.talk()
	// A ReInit is committed, and loses against another commit.
	reInit, err := w.plan(with(w.keyPackages()...)).ReInit([]byte("the new group"))
	require.NoError(t, err)
	lost, won := a.commits(reInit), b.commits()
	w.deliver(b, won)
	w.talk()
	_, err = lost.Adopt()
	require.ErrorIs(t, err, mls.ErrRetired)
	// A ReInit is proposed, and the delivery service drops its commit. The proposal is
	// there for the next one.
	var proposal []byte
	a.sending("old", a.old, func() (err error) { proposal, err = a.old.Propose(t.Context(), testTime, reInit, nil); return err })
	for _, c := range w.clients[1:] {
		_, err = c.old.Process(t.Context(), testTime, proposal)
		require.NoError(t, err)
	}
	a.commits()
	w.deliver(b, b.commits())
	require.Equal(t, hybrid768, a.old.ReInit().CipherSuite)
	w.run()
	w.requireMoved()
}

// Of two who made the new group the delivery service picks one, and the other comes
// along with the rest.
func TestRace(t *testing.T) {
	w := three(t)
	w.end(hybrid768)
	a, b, c := w.clients[0], w.clients[1], w.clients[2]
	first, err := a.migration.Create(t.Context(), testTime, a.old, w.keyPackages())
	require.NoError(t, err)
	second, err := b.migration.Create(t.Context(), testTime, b.old, w.keyPackages())
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	require.NoError(t, c.enters(second))
	require.NoError(t, a.enters(second))
	require.NoError(t, b.enters(second))
	w.requireMoved()
}

// A member that lost its key package gets a Welcome of its own time: the first is given
// up.
func TestDrop(t *testing.T) {
	w := three(t)
	w.end(hybrid768)
	a, c := w.clients[0], w.clients[2]
	lost, err := a.migration.Create(t.Context(), testTime, a.old, w.keyPackages())
	require.NoError(t, err)
	c.prepare()
	require.ErrorIs(t, c.enters(lost), mls.ErrNotRecipient)
	a.migration.Drop()
	require.Nil(t, a.migration.Welcome())
	welcome, err := a.migration.Create(t.Context(), testTime, a.old, w.keyPackages())
	require.NoError(t, err)
	require.NotEqual(t, lost, welcome)
	for _, c := range w.clients {
		require.NoError(t, c.enters(welcome))
	}
	w.requireMoved()
	_, err = a.migration.Create(t.Context(), testTime, a.old, w.keyPackages())
	require.ErrorIs(t, err, migrate.ErrEntered)
	_, err = a.migration.Save()
	require.ErrorIs(t, err, migrate.ErrEntered)
}

// The new group is of the members of the old one, whoever else has a key package.
func TestCreateTakesMembersAlone(t *testing.T) {
	w := three(t)
	w.end(hybrid768)
	a := w.clients[0]
	cfg := a.will
	cfg.Credential = message.BasicCredential([]byte("stranger"))
	stranger, err := migrate.Prepare(t.Context(), testTime, cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	cfg = w.clients[1].will
	cfg.Suite = classic
	other, err := mls.NewKeyPackage(t.Context(), testTime, mls.Config{
		Suites: all.Registry(), Suite: classic, Credential: cfg.Credential, Signer: cfg.Signer,
	}, mls.KeyPackageOptions{})
	require.NoError(t, err)
	packages := append(w.keyPackages(), stranger.KeyPackage(), other.KeyPackage)
	_, err = a.migration.Create(t.Context(), testTime, a.old, packages[:2])
	require.EqualError(t, err, "migrate: not ready for MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519: member 2 has published no key package")
	require.Nil(t, a.migration.Welcome())
	_, err = a.migration.Create(t.Context(), testTime.Add(100*24*time.Hour), a.old, packages)
	require.ErrorContains(t, err, "member 1 has a key package that will not do")
	noAnswer := a.will
	noAnswer.Authenticator = silent{a.will.Authenticator}
	unsure, err := migrate.Prepare(t.Context(), testTime, noAnswer, mls.KeyPackageOptions{})
	require.NoError(t, err)
	_, err = unsure.Create(t.Context(), testTime, a.old, packages)
	require.ErrorIs(t, err, errSilent)
	welcome, err := a.migration.Create(t.Context(), testTime, a.old, packages)
	require.NoError(t, err)
	_, err = stranger.Enter(t.Context(), testTime, a.old, welcome, nil)
	require.ErrorIs(t, err, mls.ErrNotRecipient)
	// A group that was made is entered in the place of the one that it follows.
	early := newWorld(t, 3, classic, hybrid768, "pq-confidential").clients[0].old
	_, err = a.migration.Enter(t.Context(), testTime, early, welcome, nil)
	require.ErrorIs(t, err, message.ErrInvalid)
	for _, c := range w.clients {
		require.NoError(t, c.enters(welcome))
	}
	w.requireMoved()
}

// A group that somebody else makes of all key packages, with the id and the parameters
// of the ReInit, but without the old group's secret, is no follow-up.
func TestEnterRefusesAGroupWithoutTheOldOnesSecret(t *testing.T) {
	w := three(t)
	w.end(hybrid768)
	cfg := w.clients[0].will // who left the old group, say
	cfg.Policy = nil
	g, err := mls.CreateGroup(t.Context(), testTime, cfg, []byte("the new group"))
	require.NoError(t, err)
	var adds []message.Proposal
	for _, kp := range w.keyPackages()[1:] {
		adds = append(adds, message.Add{KeyPackage: kp})
	}
	c, err := g.Commit(t.Context(), testTime, mls.CommitOptions{}, adds...)
	require.NoError(t, err)
	require.ErrorContains(t, w.clients[1].enters(c.Welcome), "resumption PSK of the group that it is to follow")
	w.run() // it is as it was
	w.requireMoved()
}

// refusing is suites in an environment that lets nobody open a private key.
type refusing struct{ mls.Suites }

func (r refusing) Suite(id suite.ID) (suite.Suite, error) {
	s, err := r.Suites.Suite(id)
	return refusingSuite{s}, err
}

type refusingSuite struct{ suite.Suite }

func (refusingSuite) ParsePrivateKey([]byte) (suite.PrivateKey, error) {
	return nil, &suite.EnvironmentError{Algorithm: "ML-KEM-768", Cause: errors.New("refused here")}
}

func TestRestoreRefuses(t *testing.T) {
	w := three(t)
	w.end(hybrid768)
	a := w.clients[0]
	_, err := a.migration.Create(t.Context(), testTime, a.old, w.keyPackages())
	require.NoError(t, err)
	s, err := a.migration.Save()
	require.NoError(t, err)
	require.Len(t, s, 2)
	for name, state := range map[string]mls.Snapshot{
		"nothing":         nil,
		"no key package":  s[1:],
		"twice":           {s[0], s[0]},
		"another record":  {s[0], {Key: []byte("other"), Value: s[1].Value}},
		"exchanged":       {{Key: s[0].Key, Value: s[1].Value}},
		"no state":        {{Key: s[0].Key, Value: []byte("no")}},
		"one more record": {s[0], s[1], s[1]},
	} {
		_, err := migrate.Restore(testTime, a.will, state)
		require.ErrorIs(t, err, message.ErrMalformed, name)
	}
	cfg := a.will
	cfg.Signer = w.clients[1].will.Signer
	_, err = migrate.Restore(testTime, cfg, s)
	require.Error(t, err)
	cfg = a.will
	cfg.Suites = refusing{cfg.Suites}
	_, err = migrate.Restore(testTime, cfg, s)
	require.ErrorIs(t, err, suite.ErrEnvironment)
	require.NotErrorIs(t, err, message.ErrMalformed, "the state is good")
	m, err := migrate.Restore(testTime, a.will, s)
	require.NoError(t, err)
	require.Equal(t, a.migration.Welcome(), m.Welcome())
	_, err = migrate.Prepare(t.Context(), testTime, mls.Config{}, mls.KeyPackageOptions{})
	require.Error(t, err)
}

// The engine of each member refuses a downgrade, and what the policy does not allow, at
// every step: whatever others do.
func TestDowngradeIsRefused(t *testing.T) {
	downgrade := func(err error) {
		t.Helper()
		var d *policy.Downgrade
		require.ErrorAs(t, err, &d)
		require.ErrorIs(t, err, policy.ErrRefused)
	}
	lawless := func(c *client) {
		if c.name == "member 0" {
			c.w.free = append(c.w.free, c)
		}
	}
	t.Run("the ReInit", func(t *testing.T) {
		w := newWorld(t, 3, nist, classic, "any", lawless)
		a, b := w.clients[0], w.clients[1]
		_, err := b.old.Commit(t.Context(), testTime, mls.CommitOptions{}, message.ReInit{CipherSuite: classic})
		downgrade(err)
		_, err = b.old.Propose(t.Context(), testTime, message.ReInit{CipherSuite: classic}, nil)
		downgrade(err)
		before := b.old.Epoch()
		_, err = b.old.Process(t.Context(), testTime, a.commits(message.ReInit{CipherSuite: classic}).Message)
		downgrade(err)
		require.Equal(t, before, b.old.Epoch())
		require.Nil(t, b.old.ReInit())
	})
	t.Run("the policy", func(t *testing.T) {
		w := newWorld(t, 3, classic, nist, "pq-confidential", lawless)
		a, b := w.clients[0], w.clients[1]
		_, err := b.old.Commit(t.Context(), testTime, mls.CommitOptions{}, message.ReInit{CipherSuite: nist})
		var refusal *policy.Refusal
		require.ErrorAs(t, err, &refusal)
		require.Equal(t, "pq-confidential", refusal.Policy)
		_, err = b.old.Process(t.Context(), testTime, a.commits(message.ReInit{CipherSuite: nist}).Message)
		require.ErrorAs(t, err, &refusal)
	})
	t.Run("the follow-up group", func(t *testing.T) {
		// The rule comes when the ReInit is there already.
		w := newWorld(t, 3, nist, classic, "any", func(c *client) { c.w.free = append(c.w.free, c) })
		for _, c := range w.clients {
			c.prepare()
		}
		w.end(classic)
		a, b := w.clients[0], w.clients[1]
		b.will.Policy = w.policy
		b.restart()
		_, err := b.migration.Create(t.Context(), testTime, b.old, w.keyPackages())
		downgrade(err)
		welcome, err := a.migration.Create(t.Context(), testTime, a.old, w.keyPackages())
		require.NoError(t, err)
		downgrade(b.enters(welcome))
		b.will.Policy = nil
		b.restart()
		own := b.offer()
		b.will.Policy = w.policy
		b.restart()
		downgrade(b.enters(own))
		// Allowed by name, it goes on from where it was.
		b.will.Policy = allowing(t, nist, classic)
		b.restart()
		for _, c := range w.clients {
			require.NoError(t, c.enters(welcome))
		}
		w.requireMoved()
	})
	t.Run("the suite of the follow-up group", func(t *testing.T) {
		w := three(t)
		w.end(hybrid768)
		b := w.clients[1]
		b.will.Policy = leaveAlone(w.policy)
		b.restart()
		_, err := b.migration.Create(t.Context(), testTime, b.old, w.keyPackages())
		require.ErrorIs(t, err, errLeaveAlone)
		require.ErrorIs(t, b.enters(w.clients[0].offer()), errLeaveAlone)
		// Nor does it enter what it made before.
		b.will.Policy = w.policy
		b.restart()
		own := b.offer()
		b.will.Policy = leaveAlone(w.policy)
		b.restart()
		require.ErrorIs(t, b.enters(own), errLeaveAlone)
		b.will.Policy = w.policy
		b.restart()
		w.run()
		w.requireMoved()
	})
}

// What the old group had when it ended may go on in the new one, as the engine has it,
// whatever a date has done to it since: nobody is stranded by it.
func TestWhatTheOldGroupHadMovesAlong(t *testing.T) {
	w := three(t)
	w.end(hybrid768)
	no := errors.New("no credential begins any more")
	for _, c := range w.clients {
		c.will.Policy = suite.PolicyFunc(func(q suite.Question) error {
			if _, ok := q.Subject.(message.CredentialType); ok && q.Use == suite.Start {
				return no
			}
			return w.policy.Judge(q)
		})
		c.restart()
	}
	_, err := migrate.Prepare(t.Context(), testTime, w.clients[0].will, mls.KeyPackageOptions{})
	require.ErrorIs(t, err, no)
	w.run()
	w.requireMoved()
}

// offer makes the new group, and saves it.
func (c *client) offer() []byte {
	b, err := c.migration.Create(c.w.Context(), testTime, c.old, c.w.keyPackages())
	require.NoError(c.w, err)
	c.save("migration", c.migration)
	return b
}

// Somebody outside the group asks for the move, who then has another key.
func TestReInitFromOutside(t *testing.T) {
	authority := func(id suite.ID) (suite.Signer, message.Extension) {
		signer, err := suiteOf(t, id).GenerateSigner()
		require.NoError(t, err)
		data, err := message.Marshal(&message.ExternalSenders{{SignatureKey: signer.PublicKey(), Credential: message.BasicCredential([]byte("authority"))}})
		require.NoError(t, err)
		return signer, message.Extension{Type: message.ExtensionExternalSenders, Data: data}
	}
	signer, before := authority(nist)
	_, after := authority(cnsa2)
	cfg := func(name string, id suite.ID) mls.Config {
		s, err := suiteOf(t, id).GenerateSigner()
		require.NoError(t, err)
		return mls.Config{Suites: all.Registry(), Suite: id, Credential: message.BasicCredential([]byte(name)), Signer: s}
	}
	old, err := mls.CreateGroup(t.Context(), testTime, cfg("a", nist), []byte("old"), before)
	require.NoError(t, err)
	known, err := all.Registry().Select(nameOfSuite(t, cnsa2))
	require.NoError(t, err)
	plan, err := migrate.NewPlan(t.Context(), testTime, old, migrate.Options{Registry: known})
	require.NoError(t, err)
	reInit, err := plan.ReInit([]byte("new"), after)
	require.NoError(t, err)
	outside := mls.ExternalProposer{Suite: old.Suite(), GroupID: old.GroupID(), Epoch: old.Epoch()}
	m, err := outside.Propose(t.Context(), signer, 0, reInit)
	require.NoError(t, err)
	_, err = old.Process(t.Context(), testTime, m)
	require.NoError(t, err)
	commit, err := old.Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	old, err = commit.Adopt()
	require.NoError(t, err)

	// A group of one moves, too.
	migration, err := migrate.Prepare(t.Context(), testTime, cfg("a", cnsa2), mls.KeyPackageOptions{})
	require.NoError(t, err)
	welcome, err := migration.Create(t.Context(), testTime, old, nil)
	require.NoError(t, err)
	g, err := migration.Enter(t.Context(), testTime, old, welcome, nil)
	require.NoError(t, err)
	data, ok := g.GroupContext().Extensions.Find(message.ExtensionExternalSenders)
	require.True(t, ok)
	require.Equal(t, after.Data, data)
	require.Equal(t, 1, g.Size())
}

var errLeaveAlone = errors.New("nothing but to leave")

// leaveAlone is a policy that lets members of a suite leave and no more.
func leaveAlone(p suite.Policy) suite.Policy {
	return suite.PolicyFunc(func(q suite.Question) error {
		if _, ok := q.Subject.(suite.Info); ok && (q.Use == suite.Start || q.Use == suite.Continue) {
			return errLeaveAlone
		}
		return p.Judge(q)
	})
}

// Whoever made the new group enters it by the same questions as those who join it, and a
// refusal is the engine's.
func TestTheMakerEntersByTheQuestionsOfJoiners(t *testing.T) {
	late := testTime.Add(24 * time.Hour)
	no := errors.New("not from tomorrow on")
	for name, is := range map[string]func(subject any) bool{
		"suite":           func(subject any) bool { return isOf[suite.Info](subject) },
		"move":            func(subject any) bool { return isOf[suite.Move](subject) },
		"wire format":     func(subject any) bool { return isOf[message.WireFormat](subject) },
		"credential type": func(subject any) bool { return isOf[message.CredentialType](subject) },
		"lifetime":        func(subject any) bool { return isOf[message.Lifetime](subject) },
		"pre-shared key":  func(subject any) bool { return isOf[suite.PSKInfo](subject) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, 2, classic, hybrid768, "pq-confidential", func(c *client) {
				c.will.Policy = suite.PolicyFunc(func(q suite.Question) error {
					if is(q.Subject) && !q.Listing && !q.Time.Before(late) {
						return no
					}
					return nil
				})
				c.w.free = append(c.w.free, c)
			})
			maker, joiner := w.clients[0], w.clients[1]
			for _, c := range w.clients {
				c.prepare()
			}
			w.end(hybrid768)
			welcome := maker.offer()
			refusal := func(c *client) suite.PolicyError {
				_, err := c.migration.Enter(t.Context(), late, c.old, welcome, nil)
				require.ErrorIs(t, err, no)
				var refusal *suite.PolicyError
				require.ErrorAs(t, err, &refusal)
				return *refusal
			}
			require.Equal(t, refusal(joiner), refusal(maker))
			maker.restart()
			require.Equal(t, refusal(joiner), refusal(maker), "after a restart")
			for _, c := range w.clients {
				require.NoError(t, c.enters(welcome))
			}
			w.requireMoved()
		})
	}
	t.Run("authentication service", func(t *testing.T) {
		w := three(t)
		w.end(hybrid768)
		maker := w.clients[0]
		welcome := maker.offer()
		maker.will.Authenticator = silent{maker.will.Authenticator}
		maker.restart()
		require.ErrorIs(t, maker.enters(welcome), errSilent)
	})
}

func isOf[T any](x any) bool { _, ok := x.(T); return ok }

// Whoever is not a member yet joins the new group by what its maker hands in with the
// Welcome, before anybody has sent anything in it.
func TestGroupInfoOfTheNewGroup(t *testing.T) {
	w := three(t)
	w.end(hybrid768)
	a := w.clients[0]
	_, _, err := a.migration.GroupInfo(t.Context(), testTime)
	require.ErrorIs(t, err, mls.ErrRetired, "there is none yet")
	welcome, err := a.migration.Create(t.Context(), testTime, a.old, w.keyPackages())
	require.NoError(t, err)
	info, tree, err := a.migration.GroupInfo(t.Context(), testTime)
	require.NoError(t, err)
	for _, c := range w.clients {
		require.NoError(t, c.enters(welcome))
	}
	_, _, err = a.migration.GroupInfo(t.Context(), testTime)
	require.ErrorIs(t, err, migrate.ErrEntered)

	b := w.clients[1]
	leaf := b.next.OwnLeaf()
	again, err := mls.ExternalJoin(t.Context(), testTime, b.will, info, mls.ExternalJoinOptions{RatchetTree: tree, Remove: &leaf})
	require.NoError(t, err)
	received, err := a.next.Process(t.Context(), testTime, again.Message)
	require.NoError(t, err)
	want, err := received.Commit.EpochAuthenticator()
	require.NoError(t, err)
	got, err := again.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, want, got)
}
