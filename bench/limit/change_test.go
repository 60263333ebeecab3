package limit_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// shapes are the trees of the simulation, node by node.
func shapes() map[string]func(members int) *limit.Shape {
	return map[string]func(int) *limit.Shape{
		"blank": limit.BlankShape, "steady": limit.SteadyShape, "unmerged": limit.UnmergedShape, "sparse": limit.SparseShape,
	}
}

// shaped is a group of a shape, in the engine and as the formulas see it.
type shaped struct {
	bench
	shape func() *limit.Shape
	limit.Group
}

// inShapes runs a test in groups of all shapes.
func inShapes(t *testing.T, sizes []int, test func(t *testing.T, g shaped)) {
	trees := map[string]func(members int) limit.Tree{
		"blank": func(n int) limit.Tree { return limit.Blank(n, 0) }, "steady": func(n int) limit.Tree { return limit.Steady(n, 0) },
		"unmerged": func(n int) limit.Tree { return limit.Unmerged(n, 0) }, "sparse": limit.Sparse,
	}
	for _, id := range []suite.ID{0x0001, 0xF002} {
		for shape, of := range shapes() {
			for _, members := range sizes {
				t.Run(fmt.Sprintf("%s/%s/%d", id, shape, members), func(t *testing.T) {
					b := newBench(t, id, shape, members)
					test(t, shaped{b, func() *limit.Shape { return of(members) }, limit.Group{Suite: b.counter.Info(), Tree: trees[shape](members)}})
				})
			}
		}
	}
}

// some returns up to three leaves other than leaf 0: the nearest, one in the middle and the
// last.
func (g shaped) some() []int {
	leaves := g.sim.Leaves()[1:]
	some := []int{int(leaves[0])}
	for _, leaf := range []int{int(leaves[len(leaves)/2]), int(leaves[len(leaves)-1])} {
		if leaf != some[len(some)-1] {
			some = append(some, leaf)
		}
	}
	return some
}

// commit compares a commit by leaf 0 with the formula, and the receivers' work with it.
// ready, if not nil, readies a member. The one at leaf absent receives nothing.
func (g shaped) commit(t *testing.T, c limit.Change, absent int, ready func(*mls.Group), proposals ...message.Proposal) {
	member := func(leaf uint32) *mls.Group {
		m := g.member(leaf)
		if ready != nil {
			ready(m)
		}
		return m
	}
	committer := member(0)
	var made *mls.Candidate
	require.Equal(t, calls(c.Make()), g.calls(func() {
		var err error
		made, err = committer.Commit(t.Context(), now, mls.CommitOptions{}, proposals...)
		require.NoError(t, err)
	}), "commit")
	for i, level := range c.After.Path {
		if int(level.First) == absent {
			continue
		}
		receiver := member(level.First)
		require.Equal(t, calls(c.Process(i)), g.calls(func() {
			_, err := receiver.Process(t.Context(), now, made.Message)
			require.NoError(t, err)
		}), "process by leaf %d", level.First)
	}
}

// The engine makes the calls of the formula where a commit removes one or several, and where
// the tree gets narrower with them.
func TestEngineMeetsLimitOfRemoving(t *testing.T) {
	inShapes(t, []int{2, 3, 8, 17}, func(t *testing.T, g shaped) {
		lists := [][]int{g.some()}
		for _, leaf := range g.some() {
			lists = append(lists, []int{leaf})
		}
		for _, leaves := range lists {
			var removes []message.Proposal
			for _, leaf := range leaves {
				removes = append(removes, message.Remove{Removed: message.LeafIndex(leaf)})
			}
			g.commit(t, g.Removing(g.shape(), leaves...), -1, nil, removes...)
		}
	})
}

func TestEngineMeetsLimitOfUpdating(t *testing.T) {
	inShapes(t, []int{3, 8, 17}, func(t *testing.T, g shaped) {
		leaf := g.some()[1]
		author := g.member(uint32(leaf))
		var proposal []byte
		made := g.counter.of(func() {
			var err error
			proposal, err = author.ProposeUpdate(t.Context(), now, mls.LeafOptions{}, nil)
			require.NoError(t, err)
		})
		require.Equal(t, calls(g.Update().Plus(ownCheck())), calls(made), "update")
		receiver := g.member(0)
		require.Equal(t, calls(g.ProcessUpdate()), g.calls(func() {
			_, err := receiver.Process(t.Context(), now, proposal)
			require.NoError(t, err)
		}), "process update")

		g.commit(t, g.Updating(g.shape(), leaf), leaf, func(m *mls.Group) {
			_, err := m.Process(t.Context(), now, proposal)
			require.NoError(t, err)
		})
	})
}

// ownCheck is what the engine does with a leaf that it has made, as with every other: it
// verifies the leaf and checks its key, though RFC 9420 does not demand it.
func ownCheck() limit.Cost { return limit.Cost{limit.Verify: 1, limit.CheckKey: 1} }

func TestEngineMeetsLimitOfAddingSeveral(t *testing.T) {
	inShapes(t, []int{2, 3, 8, 17}, func(t *testing.T, g shaped) {
		for _, k := range []int{1, 2, 10} {
			adds := make([]message.Proposal, k)
			for i := range adds {
				adds[i] = message.Add{KeyPackage: g.keyPackage().KeyPackage}
			}
			committer := g.member(0)
			require.Equal(t, calls(g.AddEach(g.shape(), k)), g.calls(func() {
				_, err := committer.Commit(t.Context(), now, mls.CommitOptions{}, adds...)
				require.NoError(t, err)
			}), "add %d", k)
		}
	})
}

// One Add by the formula of several is the Add that has one of its own, but for the bytes of
// the populated parents above it.
func TestAddingOneIsAnAdd(t *testing.T) {
	for members := 2; members < 40; members++ {
		g := limit.Group{Tree: limit.Steady(members, 0)}
		require.Equal(t, calls(g.Add()), calls(g.AddEach(limit.SteadyShape(members), 1)), members)
	}
}

func TestEngineMeetsLimitOfEntering(t *testing.T) {
	inShapes(t, []int{2, 3, 8, 17}, func(t *testing.T, g shaped) {
		member := g.member(0)
		var info []byte
		require.Equal(t, calls(g.GroupInfo()), g.calls(func() {
			var err error
			info, err = member.GroupInfo(t.Context(), now, true)
			require.NoError(t, err)
		}), "GroupInfo")
		g.near(t, g.FollowFrom(), g.counter.of(func() {
			_, err := mls.NewPublicGroup(t.Context(), now, mls.Config{Suites: g.suites}, info, nil)
			require.NoError(t, err)
		}), "follow")

		signer, err := g.counter.GenerateSigner()
		require.NoError(t, err)
		client := mls.Config{Suites: g.suites, Suite: g.suite, Signer: signer, Credential: message.BasicCredential([]byte("newcomer"))}
		var joined *mls.Candidate
		change := g.Entering(g.shape())
		g.near(t, change.Enter(), g.counter.of(func() {
			joined, err = mls.ExternalJoin(t.Context(), now, client, info, mls.ExternalJoinOptions{})
			require.NoError(t, err)
		}), "external join")
		for i, level := range change.After.Path {
			receiver := g.member(level.First)
			require.Equal(t, calls(change.ProcessEnter(i)), g.calls(func() {
				_, err := receiver.Process(t.Context(), now, joined.Message)
				require.NoError(t, err)
			}), "process by leaf %d", level.First)
		}
	})
}

// near compares the calls of who checks a whole tree with the formula, but for the hashes
// that a join leaves out as well.
func (g shaped) near(t *testing.T, want, made limit.Cost, what string) {
	t.Helper()
	want = calls(want)
	excess := made[limit.Hash] - want[limit.Hash]
	require.GreaterOrEqual(t, excess, 0.0, what)
	nodes := 0
	if g.Tree.Parents > 0 {
		nodes = 2<<g.Tree.Depth - 1
	}
	require.LessOrEqual(t, excess, float64(g.Tree.Parents+nodes), what)
	want[limit.Hash] = made[limit.Hash]
	require.Equal(t, want, calls(made), what)
}

func TestEngineMeetsLimitOfJoinWithTreeOutside(t *testing.T) {
	b := newBench(t, 0x0001, "blank", 8)
	g := limit.Group{Suite: b.counter.Info(), Tree: limit.Blank(8, 0)}
	kp := b.keyPackage()
	c, err := b.member(0).Commit(t.Context(), now, mls.CommitOptions{WithoutTree: true}, message.Add{KeyPackage: kp.KeyPackage})
	require.NoError(t, err)
	tree, err := c.RatchetTree()
	require.NoError(t, err)
	require.Equal(t, calls(g.JoinTreeOutside()), b.calls(func() {
		_, err := kp.Join(t.Context(), now, c.Welcome, mls.JoinOptions{RatchetTree: tree})
		require.NoError(t, err)
	}))
	require.Equal(t, calls(g.Join()), calls(g.JoinTreeOutside()))
	require.Less(t, g.JoinTreeOutside().At(limit.Prices{limit.HashedByte: 1, limit.AEADByte: 1}),
		g.Join().At(limit.Prices{limit.HashedByte: 1, limit.AEADByte: 1}), "the tree is hashed for itself, and not in the Welcome")
}

func TestEngineMeetsLimitOfProposalsFromOutside(t *testing.T) {
	b := newBench(t, 0x0001, "steady", 3)
	g := limit.Group{Suite: b.counter.Info(), Tree: limit.Steady(3, 0)}
	s, err := b.suites.Suite(b.suite)
	require.NoError(t, err)
	member, kp := b.member(0), b.keyPackage()
	outside := mls.ExternalProposer{Suite: s, GroupID: member.GroupID(), Epoch: member.Epoch()}
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	require.Equal(t, calls(g.ProposeFromOutside()), b.calls(func() {
		_, err := outside.Propose(t.Context(), signer, 0, message.Remove{Removed: 1})
		require.NoError(t, err)
	}))
	require.Equal(t, calls(g.ProposeJoin()), b.calls(func() {
		_, err := outside.ProposeJoin(t.Context(), kp)
		require.NoError(t, err)
	}))
}

func TestEngineMeetsLimitOfReInit(t *testing.T) {
	b := newBench(t, 0x0001, "steady", 8)
	g := limit.Group{Suite: b.counter.Info(), Tree: limit.Steady(8, 0)}
	member := b.member(0)
	trial := limit.Cost{limit.Extract: 1} // whether the next suite takes the resumption PSK
	require.Equal(t, calls(g.ReInit().Plus(trial)), b.calls(func() {
		_, err := member.Commit(t.Context(), now, mls.CommitOptions{}, message.ReInit{GroupID: []byte("next"), CipherSuite: b.suite})
		require.NoError(t, err)
	}))
}

// A late message costs what one in time costs.
func TestEngineMeetsLimitOfLateMessages(t *testing.T) {
	b := newBench(t, 0x0001, "steady", 8)
	g := limit.Group{Tree: limit.Steady(8, 0)}
	sender, receiver := b.member(0), b.member(5)
	c, err := b.member(0).Commit(t.Context(), now, mls.CommitOptions{})
	require.NoError(t, err)
	received, err := receiver.Process(t.Context(), now, c.Message)
	require.NoError(t, err)
	receiver, err = received.Commit.Adopt()
	require.NoError(t, err)
	for i := range 2 { // the first one opens the ratchet
		message, err := sender.Encrypt(t.Context(), now, []byte("hello"), nil)
		require.NoError(t, err)
		made := b.counter.of(func() {
			_, err := receiver.Process(t.Context(), now, message)
			require.NoError(t, err)
		})
		if i == 1 {
			require.Equal(t, calls(g.Decrypt(5)), calls(made))
		}
	}
}

// A saved group derives again the private keys that it has, and makes no other call with a
// public or private key.
func TestEngineMeetsLimitOfRestoring(t *testing.T) {
	for shape, nodes := range shapes() {
		var founder mls.Config
		b := newBench(t, 0x0001, shape, 9)
		sim, err := mls.NewSimulation(t.Context(), now, mls.SimulationConfig{
			Suites: b.suites, Suite: b.suite, Members: 9, Shape: shape,
			Adjust: func(c *mls.Config) {
				if founder.Suites == nil {
					founder = *c
				}
			},
		})
		require.NoError(t, err)
		member, err := sim.Member(0)
		require.NoError(t, err)
		var d *mls.Delta
		made := b.counter.of(func() {
			d, err = member.Save()
			require.NoError(t, err)
		})
		require.Equal(t, counts{}, of(made), "save")
		made = b.counter.of(func() {
			_, err := mls.RestoreGroup(now, founder, mls.Snapshot{}.Apply(d))
			require.NoError(t, err)
		})
		require.Equal(t, of(limit.Group{}.Restore(nodes(9))), of(made), "restore, %s", shape)
	}
}
