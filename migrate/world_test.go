package migrate_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/migrate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

var testTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const (
	classic   suite.ID = 0x0001 // MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519
	nist      suite.ID = 0x0007 // MLS_256_DHKEMP384_AES256GCM_SHA384_P384
	hybrid768 suite.ID = 0xF002 // MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519
	cnsa2     suite.ID = 0xF00B // MLS_256_MLKEM1024_AES256GCM_SHA384_MLDSA87
)

func nameOfSuite(t testing.TB, id suite.ID) string { return suiteOf(t, id).Info().Name }

func suiteOf(t testing.TB, id suite.ID) suite.Suite {
	t.Helper()
	s, err := all.Registry().Suite(id)
	require.NoError(t, err)
	return s
}

func load(t testing.TB, name string) *policy.Policy {
	t.Helper()
	p, err := policy.Load(name)
	require.NoError(t, err)
	return p
}

// directory is an authentication service that knows the signature keys of clients by
// their names, and a client by its name before "/".
type directory map[string]string // credential and key to client

func (d directory) register(credential message.Credential, key []byte) {
	d[string(credential.Content)+"\x00"+string(key)] = clientOf(credential)
}

func (d directory) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	verdicts := make([]error, len(changes))
	for i, c := range changes {
		if d[string(c.Credential.Content)+"\x00"+string(c.SignatureKey)] == "" {
			verdicts[i] = errors.New("unknown key")
		}
	}
	return verdicts, nil
}

func (directory) SameClient(old, next message.Credential) bool {
	return clientOf(old) == clientOf(next)
}

func clientOf(c message.Credential) string {
	name, _, _ := strings.Cut(string(c.Content), "/")
	return name
}

// client is a member with what it keeps: its signers and its disk survive a crash.
type client struct {
	w    *world
	name string
	was  mls.Config // in the old group
	will mls.Config // in the new group
	disk map[string][]byte

	old       *mls.Group
	pending   *mls.Candidate // its commit in the old group
	migration *migrate.Migration
	next      *mls.Group
}

// world is a group that moves, and its delivery service.
type world struct {
	testing.TB
	rng      *rand.Rand
	registry *registry.Registry
	policy   *policy.Policy
	clients  []*client
	free     []*client // under no policy

	// What the delivery service has accepted.
	log        [][]byte // commits of the old group; the first is of epoch 1
	committers []*client
	packages   map[string][]byte
	welcome    []byte

	chaos bool           // messages are lost, members crash
	rest  map[string]int // where they crashed, by the place
	stats struct{ lost, raced, own int }

	// Without chaos, one crash at that of the places that members come by.
	crashAt, passed int
}

// newWorld makes a live group of the suite from, whose members then come under a policy
// that lets them move to another.
func newWorld(t testing.TB, size int, from, to suite.ID, profile string, adjust ...func(*client)) *world {
	t.Helper()
	w := &world{TB: t, policy: load(t, profile), packages: map[string][]byte{}, rest: map[string]int{}}
	known, err := all.Registry().Select(nameOfSuite(t, to), nameOfSuite(t, from))
	require.NoError(t, err)
	w.registry = known
	book := directory{}
	sameScheme := suiteOf(t, from).Info().Signature.Scheme == suiteOf(t, to).Info().Signature.Scheme
	for i := range size {
		name := fmt.Sprintf("member %d", i)
		c := &client{w: w, name: name, disk: map[string][]byte{}}
		c.was = mls.Config{Suites: known, Suite: from, Credential: message.BasicCredential([]byte(name)), Authenticator: book}
		c.was.Signer, err = suiteOf(t, from).GenerateSigner()
		require.NoError(t, err)
		c.will = c.was
		c.will.Suite = to
		if !sameScheme {
			c.will.Credential = message.BasicCredential([]byte(name + "/new"))
			c.will.Signer, err = suiteOf(t, to).GenerateSigner()
			require.NoError(t, err)
		}
		for _, cfg := range []mls.Config{c.was, c.will} {
			book.register(cfg.Credential, cfg.Signer.PublicKey())
		}
		for _, f := range adjust {
			f(c)
		}
		w.clients = append(w.clients, c)
	}
	w.fill(t)
	for _, c := range w.clients { // the policy comes
		if !slices.Contains(w.free, c) {
			c.was.Policy, c.will.Policy = w.policy, w.policy
		}
		c.restart()
	}
	return w
}

// fill makes the old group.
func (w *world) fill(t testing.TB) {
	first, err := mls.CreateGroup(t.Context(), testTime, w.clients[0].was, []byte("the old group"))
	require.NoError(t, err)
	joiners := make([]*mls.OwnKeyPackage, len(w.clients))
	var adds []message.Proposal
	for i, c := range w.clients[1:] {
		joiners[i+1], err = mls.NewKeyPackage(t.Context(), testTime, c.was, mls.KeyPackageOptions{})
		require.NoError(t, err)
		adds = append(adds, message.Add{KeyPackage: joiners[i+1].KeyPackage})
	}
	commit, err := first.Commit(t.Context(), testTime, mls.CommitOptions{}, adds...)
	require.NoError(t, err)
	require.NoError(t, parallel.For(len(w.clients), func(i int) (err error) {
		c := w.clients[i]
		if i == 0 {
			c.old, err = commit.Adopt()
			return err
		}
		join, err := joiners[i].Join(t.Context(), testTime, commit.Welcome, mls.JoinOptions{})
		if err == nil {
			c.old, err = join.Adopt()
		}
		return err
	}))
	for _, c := range w.clients {
		c.save("old", wholeState{c.old})
	}
}

// chance is true with a probability, where there is chaos.
func (w *world) chance(p float64) bool { return w.chaos && w.rng.Float64() < p }

// lost reports whether a message does not arrive.
func (w *world) lost() bool {
	if w.chance(0.15) {
		w.stats.lost++
		return true
	}
	return false
}

// down makes a member crash now and then, and come back from its disk.
func (c *client) down(where string) bool {
	c.w.passed++
	if !c.w.chance(0.12) && c.w.passed != c.w.crashAt {
		return false
	}
	c.w.rest[where]++
	c.restart()
	return true
}

// mayAct is true now and then of one of whom there should not be too many.
func (w *world) mayAct() bool { return !w.chaos || w.rng.IntN(len(w.clients)/3) == 0 }

// restart forgets all that is not on disk.
func (c *client) restart() {
	t := c.w
	t.Helper()
	c.old, c.pending, c.migration, c.next = nil, nil, nil, nil
	var err error
	if c.disk["new"] != nil {
		c.next, err = mls.RestoreGroup(testTime, c.will, c.state("new"))
		require.NoError(t, err)
		return
	}
	c.old, err = mls.RestoreGroup(testTime, c.was, c.state("old"))
	require.NoError(t, err)
	if c.disk["pending"] != nil {
		c.pending, err = c.old.RestoreCandidate(testTime, c.state("pending"))
		require.NoError(t, err)
	}
	if c.disk["migration"] != nil {
		c.migration, err = migrate.Restore(testTime, c.will, c.state("migration"))
		require.NoError(t, err)
	}
}

func (c *client) state(what string) mls.Snapshot {
	c.w.Helper()
	s, err := mls.ParseSnapshot(c.disk[what])
	require.NoError(c.w, err)
	return s
}

func (c *client) save(what string, of interface{ Save() (mls.Snapshot, error) }) {
	c.w.Helper()
	s, err := of.Save()
	require.NoError(c.w, err)
	c.disk[what], err = s.Marshal()
	require.NoError(c.w, err)
}

// wholeState is a group whose whole state is stored when Save returns it.
type wholeState struct{ *mls.Group }

func (g wholeState) Save() (mls.Snapshot, error) {
	d, err := g.Group.Save()
	if err != nil {
		return nil, err
	}
	d.Stored()
	return mls.Snapshot{}.Apply(d), nil
}

// step lets a member do the next thing. It may crash after each part of it.
func (c *client) step() {
	switch {
	case c.next != nil:
		delete(c.disk, "old")
		delete(c.disk, "pending")
		delete(c.disk, "migration")
	case c.migration == nil:
		c.prepare()
	case c.w.packages[c.name] == nil:
		c.publish()
	case c.old.ReInit() != nil && c.w.welcome != nil:
		c.enter()
	case c.old.ReInit() != nil:
		c.create()
	case c.old.Epoch() <= uint64(len(c.w.log)):
		c.follow()
	case len(c.w.packages) == len(c.w.clients):
		c.commit()
	}
}

func (c *client) prepare() {
	var err error
	c.migration, err = migrate.Prepare(c.w.Context(), testTime, c.will, mls.KeyPackageOptions{})
	require.NoError(c.w, err)
	if c.down("after making the key package") {
		return
	}
	c.save("migration", c.migration)
	if !c.down("after saving the key package") {
		c.publish()
	}
}

func (c *client) publish() {
	b, err := message.Marshal(c.migration.KeyPackage())
	require.NoError(c.w, err)
	if !c.w.lost() {
		c.w.packages[c.name] = b
	}
	c.down("after publishing the key package")
}

func (w *world) keyPackages() []*message.KeyPackage {
	var all []*message.KeyPackage
	for _, c := range w.clients {
		if b := w.packages[c.name]; b != nil {
			kp, err := message.Parse[message.KeyPackage](b)
			require.NoError(w, err)
			all = append(all, kp)
		}
	}
	return all
}

// commit makes a commit of a ReInit, or now and then another, and sends the one that it
// has made and saved.
func (c *client) commit() {
	w := c.w
	switch {
	case c.pending != nil && !w.lost():
		w.log, w.committers = append(w.log, c.pending.Message), append(w.committers, c)
		c.down("after sending the commit")
		return
	case c.pending != nil || !w.mayAct():
		return
	}
	plan, err := migrate.NewPlan(w.Context(), testTime, c.old, migrate.Options{
		Registry: w.registry, Policy: w.policy, KeyPackages: w.keyPackages(), Authenticator: c.was.Authenticator,
	})
	require.NoError(w, err)
	reInit, err := plan.ReInit([]byte("the new group"))
	require.NoError(w, err)
	require.Equal(w, c.will.Suite, reInit.CipherSuite)
	proposals := []message.Proposal{reInit}
	if w.chance(0.4) {
		proposals = nil
	}
	c.sending("old", c.old, func() (err error) {
		c.pending, err = c.old.Commit(w.Context(), testTime, mls.CommitOptions{}, proposals...)
		return err
	})
	if c.down("after making the commit") {
		return
	}
	c.save("old", wholeState{c.old})
	c.save("pending", c.pending)
	c.down("after saving the commit")
}

// sending saves a group that has been restored, if it has to be, for what send does.
func (c *client) sending(what string, g *mls.Group, send func() error) {
	c.w.Helper()
	err := send()
	if errors.Is(err, mls.ErrUnsaved) {
		c.save(what, wholeState{g})
		err = send()
	}
	require.NoError(c.w, err)
}

// follow takes the next commit of the old group.
func (c *client) follow() {
	w := c.w
	if w.lost() {
		return
	}
	message := w.log[c.old.Epoch()-1]
	var candidate *mls.Candidate
	if c.pending != nil && bytes.Equal(c.pending.Message, message) {
		candidate = c.pending
	} else {
		received, err := c.old.Process(w.Context(), testTime, message)
		require.NoError(w, err)
		candidate = received.Commit
		if c.down("after processing the commit") {
			return
		}
	}
	before := c.old
	next, err := candidate.Adopt()
	require.NoError(w, err)
	if c.pending != nil && candidate != c.pending {
		w.stats.raced++
	}
	c.old, c.pending = next, nil
	if c.down("after adopting the commit") {
		return
	}
	c.save("old", wholeState{c.old})
	delete(c.disk, "pending")
	if w.chance(0.2) { // it arrives again
		_, err := c.old.Process(w.Context(), testTime, message)
		require.Error(w, err)
		_, err = before.Process(w.Context(), testTime, message)
		require.ErrorIs(w, err, mls.ErrRetired)
	}
	c.down("after saving the old group")
}

// create makes the new group, and offers the one that it has made and saved.
func (c *client) create() {
	w := c.w
	offer := c.migration.Welcome()
	switch {
	case offer != nil:
		again, err := c.migration.Create(w.Context(), testTime, c.old, nil)
		require.NoError(w, err)
		require.Equal(w, offer, again)
		if !w.lost() {
			w.welcome = offer
			c.down("after sending the Welcome")
		}
		return
	case !w.mayAct():
		return
	}
	_, err := c.migration.Create(w.Context(), testTime, c.old, w.keyPackages())
	require.NoError(w, err)
	if c.down("after making the new group") {
		return
	}
	c.save("migration", c.migration)
	c.down("after saving the new group that was made")
}

// enter takes the Welcome that was accepted.
func (c *client) enter() {
	w := c.w
	if w.lost() {
		return
	}
	own := bytes.Equal(c.migration.Welcome(), w.welcome)
	old, m := c.old, c.migration
	raced := !own && m.Welcome() != nil
	var err error
	c.next, err = m.Enter(w.Context(), testTime, old, w.welcome, nil)
	require.NoError(w, err)
	_, err = old.EpochAuthenticator()
	require.ErrorIs(w, err, mls.ErrRetired)
	_, err = m.Enter(w.Context(), testTime, old, w.welcome, nil)
	require.ErrorIs(w, err, migrate.ErrEntered, "it arrives again")
	_, err = c.next.Encrypt(w.Context(), testTime, nil, nil)
	require.ErrorIs(w, err, mls.ErrUnsaved, "what it was entered by could be used again")
	if c.down("after entering") {
		return
	}
	c.save("new", wholeState{c.next})
	if own {
		w.stats.own++
	}
	if raced {
		w.stats.raced++
	}
	c.down("after saving the new group")
}

// run lets members take turns until all are in the new group.
func (w *world) run() {
	for range 400 {
		done := true
		order := w.clients
		if w.chaos {
			order = slices.Clone(order)
			w.rng.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		}
		for _, c := range order {
			c.step()
			done = done && c.next != nil && len(c.disk) == 1
		}
		if done {
			return
		}
	}
	require.Fail(w, "members are stuck")
}

// requireMoved checks that all are in one group, and talk there.
func (w *world) requireMoved() {
	w.Helper()
	agree := func() {
		w.Helper()
		want, err := w.clients[0].next.EpochAuthenticator()
		require.NoError(w, err)
		for _, c := range w.clients {
			got, err := c.next.EpochAuthenticator()
			require.NoError(w, err)
			require.Equal(w, want, got, c.name)
			require.Equal(w, c.will.Suite, c.next.Suite().Info().ID)
			require.Equal(w, "the new group", string(c.next.GroupID()))
			require.Equal(w, len(w.clients), c.next.Size())
		}
	}
	agree()
	first, last := w.clients[0], w.clients[len(w.clients)-1]
	var m []byte
	var commit *mls.Candidate
	first.sending("new", first.next, func() (err error) {
		m, err = first.next.Encrypt(w.Context(), testTime, []byte("hello"), nil)
		return err
	})
	last.sending("new", last.next, func() (err error) {
		commit, err = last.next.Commit(w.Context(), testTime, mls.CommitOptions{})
		return err
	})
	require.NoError(w, parallel.For(len(w.clients), func(i int) error {
		c := w.clients[i]
		if c != first {
			r, err := c.next.Process(w.Context(), testTime, m)
			if err != nil || string(r.Application.Data) != "hello" {
				return fmt.Errorf("%s: %v, %w", c.name, r, err)
			}
		}
		candidate := commit
		if c != last {
			r, err := c.next.Process(w.Context(), testTime, commit.Message)
			if err != nil {
				return err
			}
			candidate = r.Commit
		}
		next, err := candidate.Adopt()
		c.next = next
		return err
	}))
	agree()
}
