package mls_test

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// witness keeps the events of one client.
type witness struct {
	mu     sync.Mutex
	events []event.Event
	ask    func()
}

func (w *witness) Observe(e event.Event) {
	if w.ask != nil {
		w.ask()
	}
	if x, ok := e.(event.SecretExported); ok && x.Label == "test" {
		return // by world.agree
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.events = append(w.events, e)
}

// take returns the events since the last time, and forgets them.
func (w *witness) take() []event.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	events := w.events
	w.events = nil
	return events
}

// witnessed is a world with a witness for each client.
type witnessed struct {
	*world
	witnesses map[string]*witness
	signers   map[string]suite.Signer // the last of each client
}

func newWitnessed(t *testing.T, names ...string) *witnessed {
	w := &witnessed{witnesses: map[string]*witness{}, signers: map[string]suite.Signer{}}
	w.world = newWorld(t, 0x0001, func(c *mls.Config) {
		c.PublicHandshake, c.SafeExporter = true, true
		c.Observer = w.of(string(c.Credential.Content))
		w.signers[string(c.Credential.Content)] = c.Signer
	}, names...)
	for _, name := range names {
		w.of(name).take()
	}
	return w
}

func (w *witnessed) of(name string) *witness {
	if w.witnesses[name] == nil {
		w.witnesses[name] = &witness{}
	}
	return w.witnesses[name]
}

// state is what a client's next event says of its group.
func (w *witnessed) state(name string) event.GroupState {
	g := w.groups[name]
	return event.GroupState{ID: g.GroupID(), Epoch: g.Epoch(), Suite: g.Suite().Info(), Leaf: int64(g.OwnLeaf())}
}

// change is what a commit did to a member who is there after it.
func (w *witnessed) change(name string, reason event.Reason) event.Change {
	return changeOf(w.groups[name], w.groups[name].OwnLeaf(), reason)
}

func changeOf(g *mls.Group, leaf message.LeafIndex, reason event.Reason) event.Change {
	n := g.Leaf(leaf)
	c := event.Change{Leaf: leaf, Credential: n.Credential, SignatureKey: n.SignatureKey, Reason: reason}
	if reason == event.Updated {
		c.Old = &n.Credential
	}
	return c
}

// author is a client who commits in an epoch.
func (w *witnessed) author(name string, epoch uint64) message.Author {
	return message.Author{Epoch: epoch, Credential: message.BasicCredential([]byte(name)), SignatureKey: w.signers[name].PublicKey()}
}

func (w *witnessed) all(g *mls.Group) []event.Change {
	var all []event.Change
	for i := range g.Members() {
		all = append(all, changeOf(g, i, event.Joined))
	}
	return all
}

func requireEvents(t *testing.T, got []event.Event, want ...event.Event) {
	t.Helper()
	require.Empty(t, cmp.Diff(want, got))
}

func member(leaf message.LeafIndex) message.Sender {
	return message.Sender{Type: message.SenderMember, Leaf: leaf}
}

func TestObserverOfCreationAndCommits(t *testing.T) {
	w := newWitnessed(t, "a")
	created := &witness{}
	cfg := config(t, 0x0001, "creator")
	cfg.Observer = created
	g, err := mls.CreateGroup(t.Context(), testTime, cfg, []byte("group"))
	require.NoError(t, err)
	requireEvents(t, created.take(), event.GroupEntered{
		Group: event.GroupState{ID: []byte("group"), Suite: g.Suite().Info()},
		How:   event.EntryCreated,
		Size:  len(w.all(g)), Members: w.all(g),
	})

	w.add("a", "b", "c", "d")
	requireEvents(t, w.of("b").take(), event.GroupEntered{Group: w.state("b"), How: event.EntryWelcome, Size: len(w.all(w.groups["b"])), Members: w.all(w.groups["b"])})
	got := w.of("a").take()
	require.Len(t, got, 1)
	added := got[0].(event.EpochAdopted).Changes
	slices.SortFunc(added, func(a, b event.Change) int { return int(a.Leaf) - int(b.Leaf) })
	want := w.all(w.groups["a"])[1:]
	for i := range want {
		want[i].Reason = event.Added
	}
	require.Empty(t, cmp.Diff(want, added[len(added)-3:]), "an Add each")

	// A commit with everything: an Update, a Remove, extensions, a PSK.
	msg, err := w.groups["c"].ProposeUpdate(t.Context(), testTime, mls.LeafOptions{}, nil)
	require.NoError(t, err)
	w.propose("c", msg)
	gone := changeOf(w.groups["a"], w.groups["d"].OwnLeaf(), event.Removed)
	leaving := w.state("d")
	for _, witness := range w.witnesses {
		witness.take()
	}
	c := w.commit("a",
		message.Remove{Removed: w.groups["d"].OwnLeaf()},
		message.GroupContextExtensions{Extensions: message.Extensions{{Type: message.ExtensionRequiredCapabilities, Data: []byte{0, 0, 0}}}},
		resumptionPSK(w.groups["a"].GroupID(), w.groups["a"].Epoch()))
	psk := c.Proposals()[3].Proposal.(message.PreSharedKey).PSK
	for _, name := range []string{"a", "b", "c"} {
		requireEvents(t, w.of(name).take(), event.EpochAdopted{
			Group:     w.state(name),
			Committer: member(w.groups["a"].OwnLeaf()),
			Author:    w.author("a", leaving.Epoch),
			Changes: []event.Change{
				w.change("c", event.Updated), gone, w.change("a", event.Updated),
			},
			ExtensionsChanged: true,
			PSKs:              []message.PreSharedKeyID{psk},
		})
	}
	requireEvents(t, w.of("d").take(), event.GroupLeft{
		Group: leaving, Committer: member(w.groups["a"].OwnLeaf()), Author: w.author("a", leaving.Epoch),
	})

	// A candidate that is not adopted is no fact.
	_, err = w.groups["b"].Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	require.Empty(t, w.of("b").take())
}

func TestObserverOfExternalJoins(t *testing.T) {
	w := newWitnessed(t, "a", "b")
	follower := &witness{}
	info, err := w.groups["a"].GroupInfo(t.Context(), testTime, true)
	require.NoError(t, err)
	public, err := mls.NewPublicGroup(t.Context(), testTime, mls.Config{Suites: config(t, 1, "x").Suites, Observer: follower}, info, nil)
	require.NoError(t, err)
	outside := w.state("a")
	outside.Leaf = -1
	requireEvents(t, follower.take(), event.GroupEntered{Group: outside, How: event.EntryFollowed, Size: len(w.all(w.groups["a"])), Members: w.all(w.groups["a"])})

	// By a commit that removes an earlier leaf of the joiner.
	again := w.config("b")
	c, err := mls.ExternalJoin(t.Context(), testTime, again, info, mls.ExternalJoinOptions{Remove: new(w.groups["b"].OwnLeaf())})
	require.NoError(t, err)
	gone := changeOf(w.groups["a"], w.groups["b"].OwnLeaf(), event.Removed)
	delete(w.groups, "b")
	r, err := public.Process(t.Context(), testTime, c.Message)
	require.NoError(t, err)
	public = r.Commit.Adopt()
	require.Same(t, public, r.Commit.Adopt(), "told once")
	w.adopt("", c)
	w.of("b").take()
	w.groups["b"], err = c.Adopt()
	require.NoError(t, err)
	requireEvents(t, w.of("b").take(), event.GroupEntered{Group: w.state("b"), How: event.EntryExternal, Size: len(w.all(w.groups["b"])), Members: w.all(w.groups["b"])})
	back := w.change("b", event.Resynced)
	back.Old = &gone.Credential
	adopted := event.EpochAdopted{
		Group:     w.state("a"),
		Committer: message.Sender{Type: message.SenderNewMemberCommit},
		Author:    w.author("b", w.state("a").Epoch-1),
		Changes:   []event.Change{gone, back},
	}
	requireEvents(t, w.of("a").take(), adopted)
	adopted.Group.Leaf = -1
	requireEvents(t, follower.take(), adopted)

	_, err = public.Process(t.Context(), testTime, c.Message)
	require.ErrorIs(t, err, fault.ErrWrongEpoch)
	_, err = public.Process(t.Context(), testTime, []byte("x"))
	require.Error(t, err)
	got := follower.take()
	require.Len(t, got, 2)
	require.ErrorIs(t, got[0].(event.MessageRefused).Err, fault.ErrWrongEpoch)
	require.Equal(t, message.WireFormat(0), got[1].(event.MessageRefused).Format)
}

func TestObserverOfFollowUps(t *testing.T) {
	w := newWitnessed(t, "a", "b")
	w.commit("a", message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003})
	ended := w.of("b").take()[0].(event.EpochAdopted)
	require.Equal(t, suite.ID(0x0003), ended.ReInit.CipherSuite)
	require.Empty(t, ended.Changes)
	w.of("a").take()

	previous := &event.PreviousGroup{
		ID: w.groups["a"].GroupID(), Epoch: w.groups["a"].Epoch(), Suite: 0x0001, Usage: message.ResumptionPSKReInit,
	}
	old := w.groups
	follow := func(usage message.ResumptionPSKUsage, id suite.ID, make func(mls.Config, *message.KeyPackage) (*mls.Candidate, error)) {
		w.id, w.groups = id, map[string]*mls.Group{}
		joiner := w.config("b")
		joiner.PSKs = &store{groups: []*mls.Group{old["b"]}}
		kp, err := mls.NewKeyPackage(t.Context(), testTime, joiner, mls.KeyPackageOptions{})
		require.NoError(t, err)
		c, err := make(w.config("a"), kp.KeyPackage)
		require.NoError(t, err)
		require.Empty(t, w.of("a").take(), "the group is there once its first commit is adopted")
		w.groups["a"], err = c.Adopt()
		require.NoError(t, err)
		w.groups["b"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
		require.NoError(t, err)
		previous.Usage = usage
		for name, how := range map[string]event.Entry{"a": event.EntryCreated, "b": event.EntryWelcome} {
			requireEvents(t, w.of(name).take(), event.GroupEntered{
				Group: w.state(name), How: how, Size: len(w.all(w.groups[name])), Members: w.all(w.groups[name]), Previous: previous,
			})
		}
	}
	follow(message.ResumptionPSKReInit, 0x0003, func(cfg mls.Config, kp *message.KeyPackage) (*mls.Candidate, error) {
		return old["a"].Reinitialize(t.Context(), testTime, cfg, []*message.KeyPackage{kp}, mls.FollowUpOptions{})
	})
	follow(message.ResumptionPSKBranch, 0x0001, func(cfg mls.Config, kp *message.KeyPackage) (*mls.Candidate, error) {
		return old["a"].Branch(t.Context(), testTime, cfg, nil, nil, []*message.KeyPackage{kp}, mls.FollowUpOptions{})
	})
}

func TestObserverOfRestoredGroups(t *testing.T) {
	w := newWitnessed(t, "a", "b")
	saved, err := storeAll(w.groups["b"])
	require.NoError(t, err)
	signer := w.signers["b"]
	cfg := w.config("b")
	_, err = mls.RestoreGroup(testTime, cfg, saved)
	require.Error(t, err, "another signer")
	require.Empty(t, w.of("b").take())
	cfg.Signer, w.signers["b"] = signer, signer
	g, err := mls.RestoreGroup(testTime, cfg, saved)
	require.NoError(t, err)
	requireEvents(t, w.of("b").take(), event.GroupEntered{Group: w.state("b"), How: event.EntryRestored, Size: 2})
	w.groups["b"] = g
	_, err = storeAll(g)
	require.NoError(t, err)
	w.commit("b")
	requireEvents(t, w.of("b").take(), event.EpochAdopted{
		Group:     w.state("b"),
		Committer: member(g.OwnLeaf()),
		Author:    w.author("b", g.Epoch()),
		Changes:   []event.Change{w.change("b", event.Updated)},
	})

	// A candidate that joins, from a saved state: it tells the old group's id.
	w.commit("a", message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0003})
	old := w.groups
	w.id = 0x0003
	kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("b"), mls.KeyPackageOptions{})
	require.NoError(t, err)
	next := w.config("a")
	c, err := old["a"].Reinitialize(t.Context(), testTime, next, []*message.KeyPackage{kp.KeyPackage}, mls.FollowUpOptions{})
	require.NoError(t, err)
	state, err := c.Save()
	require.NoError(t, err)
	w.of("a").take()
	c, err = mls.RestoreCandidate(testTime, next, state)
	require.NoError(t, err)
	require.Empty(t, w.of("a").take())
	_, err = c.Adopt()
	require.NoError(t, err)
	require.Equal(t,
		&event.PreviousGroup{ID: old["a"].GroupID(), Epoch: old["a"].Epoch(), Usage: message.ResumptionPSKReInit},
		w.of("a").take()[0].(event.GroupEntered).Previous)
}

func TestObserverOfExportsAndRefusals(t *testing.T) {
	w := newWitnessed(t, "a", "b")
	a, b := w.groups["a"], w.groups["b"]
	before := w.state("a")
	c, err := a.Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	for _, export := range []func(string, []byte, int) ([]byte, error){a.Export, c.Export} {
		_, err = export("label", []byte("context"), 17)
		require.NoError(t, err)
		_, err = export("label", nil, -1)
		require.Error(t, err)
	}
	after := before
	after.Epoch++
	requireEvents(t, w.of("a").take(),
		event.SecretExported{Group: before, Label: "label", Length: 17},
		event.SecretExported{Group: after, Label: "label", Length: 17})
	for _, export := range []func(message.ComponentID) ([]byte, error){a.SafeExportSecret, c.SafeExportSecret} {
		_, err = export(6)
		require.NoError(t, err)
		_, err = export(6)
		require.ErrorIs(t, err, mls.ErrConsumed)
	}
	requireEvents(t, w.of("a").take(),
		event.SecretExported{Group: before, Component: new(message.ComponentID(6)), Length: 32},
		event.SecretExported{Group: after, Component: new(message.ComponentID(6)), Length: 32})

	w.of("b").ask = func() { b.Epoch(); _, _ = b.EpochAuthenticator() } // no lock is held
	forged := bytes.Clone(c.Message)
	forged[len(forged)-1] ^= 1
	_, err = b.Process(t.Context(), testTime, forged)
	require.Error(t, err)
	refused := w.of("b").take()
	require.Len(t, refused, 1)
	got := refused[0].(event.MessageRefused)
	require.Equal(t, err, got.Err)
	got.Err = nil
	require.Empty(t, cmp.Diff(event.MessageRefused{
		Group: w.state("b"), Format: message.WireFormatPublicMessage, Content: message.ContentCommit,
	}, got))

	// What is one's own is not another's, and a handle that is used up refuses nothing.
	_, err = a.Process(t.Context(), testTime, c.Message)
	require.ErrorIs(t, err, mls.ErrOwnMessage)
	w.adopt("a", c)
	w.of("b").ask = nil
	w.of("a").take()
	w.of("b").take()
	_, err = b.Process(t.Context(), testTime, c.Message)
	require.ErrorIs(t, err, mls.ErrRetired)
	require.Empty(t, w.of("a").take())
	require.Empty(t, w.of("b").take())

	// A Welcome for somebody else.
	kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("late"), mls.KeyPackageOptions{})
	require.NoError(t, err)
	welcome := w.add("a", "c").Welcome
	_, err = kp.Join(t.Context(), testTime, welcome, mls.JoinOptions{})
	require.ErrorIs(t, err, mls.ErrNotRecipient)
	requireEvents(t, dropErrors(w.of("late").take()),
		event.MessageRefused{Group: event.GroupState{Leaf: -1}, Format: codepoint.WireFormatWelcome})
}

// dropErrors returns refusals without their errors.
func dropErrors(events []event.Event) []event.Event {
	for i, e := range events {
		if r, ok := e.(event.MessageRefused); ok {
			r.Err = nil
			events[i] = r
		}
	}
	return events
}

func TestEntryString(t *testing.T) {
	require.Equal(t, "created", event.EntryCreated.String())
	require.Equal(t, "followed", event.EntryFollowed.String())
	require.Equal(t, "upgraded", event.EntryUpgraded.String())
	for _, e := range []event.Entry{-1, 0, 7} {
		require.Equal(t, fmt.Sprintf("Entry(%d)", int(e)), e.String())
	}
}
