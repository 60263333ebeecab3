package apq

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// insiderWorld is a group in which cid sends proposals that its copy of this package would
// not make.
type insiderWorld struct{ *world }

func newInsiderWorld(t *testing.T, adjust ...func(*Config)) insiderWorld {
	return insiderWorld{settled(t, []string{"ann", "bob", "cid", "dan"}, append(adjust, publicHandshake)...)}
}

// half returns a proposal of cid in one of the groups.
func (w insiderWorld) half(leg Leg, p message.Proposal, authenticatedData string) []byte {
	w.Helper()
	m, err := w.groups["cid"].leg(leg).Propose(w.Context(), noon, p, []byte(authenticatedData))
	require.NoError(w, err)
	return m
}

// pair hands a pair of proposals of cid to all others, who take it.
func (w insiderWorld) pair(t, pq message.Proposal, authenticatedData string) {
	w.Helper()
	m := w.marshalled(MessagePair{T: w.half(T, t, authenticatedData), PQ: w.half(PQ, pq, authenticatedData)})
	w.propose("cid", m, nil)
}

func (w insiderWorld) remove(leg Leg, who string) message.Proposal {
	return message.Remove{Removed: w.groups[who].leg(leg).OwnLeaf()}
}

// alone hands cid's Remove of a member in the T group alone to all others, who refuse it.
func (w insiderWorld) alone(who string) {
	w.Helper()
	m := w.half(T, w.remove(T, who), "alone")
	for name := range w.groups {
		if name != "cid" {
			_, err := w.groups[name].Process(w.Context(), noon, m)
			requireRule(w, err, "3", T)
		}
	}
}

// Adds of which one group takes one and the other takes both, since their credentials differ:
// the pairs with a half that is left out are left out whole.
func TestHalvesAreLeftOut(t *testing.T) {
	sameFamily := func(c *Config) {
		c.PQ.Credential = message.BasicCredential(append([]byte("pq:"), c.T.Credential.Content...))
		c.SameMember = func(t, pq message.Credential) bool {
			return string(pq.Content[:6]) == "pq:"+string(t.Content[:3])
		}
	}
	for _, two := range []Leg{T, PQ} {
		w := newInsiderWorld(t, sameFamily)
		a, b := w.published(w.keyPackage("eve I")), w.published(w.keyPackage("eve II"))
		second := KeyPackages{T: a.T, PQ: b.PQ}
		if two == T {
			second = KeyPackages{T: b.T, PQ: a.PQ}
		}
		w.pair(message.Add{KeyPackage: a.T}, message.Add{KeyPackage: a.PQ}, "1")
		w.pair(message.Add{KeyPackage: second.T}, message.Add{KeyPackage: second.PQ}, "2")
		for _, by := range []string{"ann", "bob", "dan"} {
			c := w.make(by, CommitOptions{})
			require.Equal(t, c.T().Size(), c.PQ().Size())
			c.Discard()
		}
	}
}

// Whatever one member proposes, each other one commits, and sends then.
func TestNoInsiderFreezesAPair(t *testing.T) {
	dan := []string{"dan"}
	for _, c := range []struct {
		name    string
		propose func(w insiderWorld)
		options func(w insiderWorld) CommitOptions
		gone    []string // after a commit of bob
	}{
		{"two Removes of one", func(w insiderWorld) {
			w.pair(w.remove(T, "dan"), w.remove(PQ, "dan"), "1")
			w.pair(w.remove(T, "dan"), w.remove(PQ, "dan"), "2")
			w.alone("ann")
		}, nil, dan},
		{"a Remove by value, too", func(w insiderWorld) {
			w.pair(w.remove(T, "dan"), w.remove(PQ, "dan"), "")
			w.alone("ann")
		}, func(w insiderWorld) CommitOptions {
			return CommitOptions{Remove: []message.LeafIndex{w.groups["dan"].T().OwnLeaf()}}
		}, dan},
		{"two Adds of one", func(w insiderWorld) {
			both := w.published(w.keyPackage("eve"))
			w.pair(message.Add{KeyPackage: both.T}, message.Add{KeyPackage: both.PQ}, "1")
			w.pair(message.Add{KeyPackage: both.T}, message.Add{KeyPackage: both.PQ}, "2")
			w.alone("ann")
		}, nil, nil},
		{"Adds of which T takes one, and PQ both", func(w insiderWorld) {
			a, b := w.published(w.keyPackage("eve")), w.published(w.keyPackage("eve"))
			w.pair(message.Add{KeyPackage: a.T}, message.Add{KeyPackage: a.PQ}, "1")
			w.pair(message.Add{KeyPackage: a.T}, message.Add{KeyPackage: b.PQ}, "2")
			w.alone("ann")
		}, nil, nil},
		{"Adds of which PQ takes one, and T both", func(w insiderWorld) {
			a, b := w.published(w.keyPackage("eve")), w.published(w.keyPackage("eve"))
			w.pair(message.Add{KeyPackage: a.T}, message.Add{KeyPackage: a.PQ}, "1")
			w.pair(message.Add{KeyPackage: b.T}, message.Add{KeyPackage: a.PQ}, "2")
		}, nil, nil},
		{"an Add of a member's credential", func(w insiderWorld) {
			both := w.published(w.keyPackage("bob"))
			w.pair(message.Add{KeyPackage: both.T}, message.Add{KeyPackage: both.PQ}, "")
		}, nil, nil},
		{"a Remove of the committer", func(w insiderWorld) {
			w.pair(w.remove(T, "bob"), w.remove(PQ, "bob"), "")
			w.alone("ann")
		}, nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newInsiderWorld(t)
			c.propose(w)
			var options CommitOptions
			if c.options != nil {
				options = c.options(w)
			}
			committed := w.make("bob", options)
			for _, by := range []string{"ann", "dan"} {
				if by != "dan" || c.options == nil {
					w.make(by, options).Discard()
				}
			}
			require.Equal(t, committed.T().Size(), committed.PQ().Size())
			require.LessOrEqual(t, committed.T().Size(), 5)
			for name, g := range w.groups {
				next := committed
				if name != "bob" {
					r, err := g.Process(t.Context(), noon, committed.Message)
					require.NoError(t, err, name)
					next = r.Commit
				}
				adopted, err := next.Adopt()
				if next.Removed() {
					require.ErrorIs(t, err, mls.ErrRemoved)
					delete(w.groups, name)
					continue
				}
				require.NoError(t, err, name)
				w.groups[name] = adopted
			}
			for _, name := range c.gone {
				require.NotContains(t, w.groups, name)
			}
			require.Len(t, w.groups, 4-len(c.gone))
			w.talk("ann")
		})
	}
}

// A member that has proposed to leave commits, and others remove it.
func TestLeavingMemberCommits(t *testing.T) {
	w := newInsiderWorld(t)
	b, err := w.groups["bob"].ProposeRemove(t.Context(), noon, w.groups["bob"].T().OwnLeaf())
	w.propose("bob", b, err)
	w.alone("ann")
	w.make("bob", CommitOptions{}).Discard()
	w.commit("ann", CommitOptions{})
	require.NotContains(t, w.groups, "bob")
}

// What is safe by itself is committed beside what is left out.
func TestSieveTakesWhatIsSafe(t *testing.T) {
	w := newInsiderWorld(t)
	before := w.groups["bob"].T().Leaf(w.groups["bob"].T().OwnLeaf()).EncryptionKey
	b, err := w.groups["bob"].ProposeUpdate(t.Context(), noon, UpdateOptions{})
	w.propose("bob", b, err)
	w.alone("dan")
	require.False(t, w.commit("ann", CommitOptions{}).Full())
	require.NotEqual(t, before, w.groups["bob"].T().Leaf(w.groups["bob"].T().OwnLeaf()).EncryptionKey)
	require.Contains(t, w.groups, "dan")
}

// An Update that gives its sender another identity in one group is refused, and stands in
// nobody's way. One in both groups is committed.
func TestUpdatesOfIdentities(t *testing.T) {
	w := newInsiderWorld(t)
	next, other := message.BasicCredential([]byte("cid II")), message.BasicCredential([]byte("cid III"))
	update := func(leg Leg, credential *message.Credential) []byte {
		m, err := w.groups["cid"].leg(leg).ProposeUpdate(t.Context(), noon, mls.LeafOptions{Credential: credential}, nil)
		require.NoError(t, err)
		return m
	}
	half := update(T, &next)
	pairs := [][]byte{
		w.marshalled(MessagePair{T: update(T, &next), PQ: update(PQ, nil)}),
		w.marshalled(MessagePair{T: update(T, nil), PQ: update(PQ, &next)}),
		w.marshalled(MessagePair{T: update(T, &next), PQ: update(PQ, &other)}),
	}
	for _, name := range []string{"ann", "bob", "dan"} {
		_, err := w.groups[name].T().Process(t.Context(), noon, half) // by the engine, past this package
		require.NoError(t, err)
		_, err = w.groups[name].Process(t.Context(), noon, update(T, &next))
		requireRule(t, err, "3", T)
		for _, pair := range pairs {
			_, err := w.groups[name].Process(t.Context(), noon, pair)
			requireRule(t, err, "3", 0)
		}
	}
	w.commit("ann", CommitOptions{})
	require.Equal(t, "cid", string(w.groups["ann"].T().Leaf(w.groups["cid"].T().OwnLeaf()).Credential.Content))
	w.talk("bob")

	b, err := w.groups["cid"].ProposeUpdate(t.Context(), noon, UpdateOptions{
		Full: true, TLeaf: mls.LeafOptions{Credential: &next}, PQLeaf: mls.LeafOptions{Credential: &next},
	})
	w.propose("cid", b, err)
	require.True(t, w.commit("bob", CommitOptions{}).Full())
	require.Equal(t, "cid II", string(w.groups["ann"].PQ().Leaf(w.groups["cid"].PQ().OwnLeaf()).Credential.Content))
}

// However many Updates an insider sends, the members of the two groups are compared once
// where a member looks at what waits.
func TestUpdatesThatWaitCostLittle(t *testing.T) {
	const members, updates = 12, 16
	calls, names := 0, []string{"ann", "bob"}
	for i := len(names); i < members; i++ {
		names = append(names, fmt.Sprint("member ", i))
	}
	twoNames := func(c *Config) {
		c.PQ.Credential = message.BasicCredential(append([]byte("pq:"), c.T.Credential.Content...))
		c.SameMember = func(t, pq message.Credential) bool {
			calls++
			return "pq:"+string(t.Content) == string(pq.Content)
		}
	}
	w := newWorld(t, small, names, twoNames)
	ann, bob := w.groups["ann"], w.groups["bob"]
	for i := range updates {
		for _, leg := range []Leg{T, PQ} { // each of another identity
			next := message.BasicCredential(fmt.Append(nil, leg, i))
			m, err := bob.leg(leg).ProposeUpdate(t.Context(), noon, mls.LeafOptions{Credential: &next}, nil)
			require.NoError(t, err)
			_, err = ann.leg(leg).Process(t.Context(), noon, m) // by the engine, past this package
			require.NoError(t, err)
		}
	}
	require.Len(t, ann.T().Proposals(), updates)
	calls = 0
	require.Empty(t, ann.sieve().pairs)
	require.LessOrEqual(t, calls, 2*members+updates*updates+2*updates)
}

// A pair has no two leaves with the same credential in one group: a Remove could reach
// different ones of two devices.
func TestTwinsAreRefused(t *testing.T) {
	w := settled(t, []string{"ann", "bob"})
	both := w.published(w.keyPackage("bob"))
	_, err := w.groups["ann"].Commit(t.Context(), noon, CommitOptions{Add: []KeyPackages{both}})
	requireRule(t, err, "3.2.1", T)
	require.ErrorContains(t, err, "leaves 1 and 2")
	c := w.fake("ann", func(f *fakeFull) {
		f.t, f.pq = []message.Proposal{message.Add{KeyPackage: both.T}}, []message.Proposal{message.Add{KeyPackage: both.PQ}}
	})
	requireRule(t, w.refused("bob", c.Message), "3.2.1", T)
	k := w.keyPackage("cid")
	one := w.published(k)
	c = w.fake("ann", func(f *fakeFull) {
		f.t = []message.Proposal{message.Add{KeyPackage: one.T}}
		f.pq = []message.Proposal{message.Add{KeyPackage: one.PQ}, message.Add{KeyPackage: both.PQ}}
	})
	for _, err := range []error{w.refused("bob", c.Message), w.joinRefused(k, c.Welcome)} {
		requireRule(t, err, "3.2.1", PQ)
		require.ErrorContains(t, err, "have the same credential")
	}
}

// Proposals that wait in both groups are paired without a look at all others for each, whether
// or not the credentials of a member are identical.
func TestCounterpartsAreFoundInOrder(t *testing.T) {
	const n = 500
	for name, same := range map[string]func(t, pq message.Credential) bool{
		"nil":       nil,
		"identical": func(t, pq message.Credential) bool { return string(t.Content) == string(pq.Content) },
		"others":    func(t, pq message.Credential) bool { return "pq:"+string(t.Content) == string(pq.Content) },
	} {
		t.Run(name, func(t *testing.T) {
			asked, prefix := 0, map[string]string{"others": "pq:"}[name]
			g := &Group{cfg: &Config{}}
			if same != nil {
				g.cfg.SameMember = func(t, pq message.Credential) bool {
					asked++
					return same(t, pq)
				}
			}
			proposals := func(prefix string) []waiting {
				all := make([]waiting, n)
				for i := range all {
					who := message.BasicCredential(fmt.Append(nil, prefix, i/2)) // each twice, by two authors
					all[i] = waiting{who: &who, changes: true}
					all[i].Proposal = message.Add{}
					all[i].Sender = message.Sender{Type: message.SenderMember}
					all[i].Author.Credential = message.BasicCredential(fmt.Append(nil, prefix, "by ", i%2))
				}
				return all
			}
			pq := proposals(prefix)
			c := g.counterparts(pq)
			stranger, who := proposals("")[0], message.BasicCredential([]byte("stranger"))
			stranger.who = &who
			require.Nil(t, c.find(&stranger))
			for i, p := range proposals("") {
				other := c.find(&p)
				require.Same(t, &pq[i], other)
				other.used = true
			}
			extra := proposals("")[7]
			require.Nil(t, c.find(&extra))
			require.LessOrEqual(t, asked, 3*n)
		})
	}
}
