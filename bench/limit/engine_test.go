package limit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// bench is a simulated group whose engine calls are counted.
type bench struct {
	*testing.T
	sim     *mls.Simulation
	counter *counter
	suites  *registry.Registry
	suite   suite.ID
}

func newBench(t *testing.T, id suite.ID, shape string, members int) bench {
	s, err := all.Registry().Suite(id)
	require.NoError(t, err)
	c := &counter{Suite: s}
	suites, err := registry.New(registry.Set{c})
	require.NoError(t, err)
	sim, err := mls.NewSimulation(t.Context(), now, mls.SimulationConfig{Suites: suites, Suite: id, Members: members, Shape: shape})
	require.NoError(t, err)
	require.Len(t, sim.Leaves(), members)
	return bench{t, sim, c, suites, id}
}

func (b bench) member(leaf uint32) *mls.Group {
	g, err := b.sim.Member(message.LeafIndex(leaf))
	require.NoError(b, err)
	return g
}

func (b bench) keyPackage() *mls.OwnKeyPackage {
	signer, err := b.counter.GenerateSigner()
	require.NoError(b, err)
	kp, err := mls.NewKeyPackage(b.Context(), now, mls.Config{
		Suites: b.suites, Suite: b.suite, Signer: signer, Credential: message.BasicCredential([]byte("newcomer")),
	}, mls.KeyPackageOptions{})
	require.NoError(b, err)
	return kp
}

// The engine makes exactly the calls of the formula, of each primitive: more would
// be waste, fewer would make the limit no limit. Bytes are not counted.
func TestEngineMeetsLimit(t *testing.T) {
	shapes := []struct {
		shape string
		tree  func(members int, leaf uint32) limit.Tree
	}{
		{"blank", limit.Blank},
		{"steady", limit.Steady},
		{"unmerged", limit.Unmerged},
		{"sparse", func(members int, _ uint32) limit.Tree { return limit.Sparse(members) }},
	}
	for _, id := range []suite.ID{0x0001, 0xF002} {
		for _, s := range shapes {
			for _, members := range []int{2, 3, 8, 100} {
				t.Run(fmt.Sprintf("%s/%s/%d", id, s.shape, members), func(t *testing.T) {
					b := newBench(t, id, s.shape, members)
					committers := []uint32{0, 1, uint32(members) / 2, uint32(members) - 1}
					if s.shape == "sparse" {
						committers = committers[:1]
					}
					slices.Sort(committers)
					for _, leaf := range slices.Compact(committers) {
						b.commitAndProcess(limit.Group{Tree: s.tree(members, leaf)}, leaf)
					}
					b.addAndJoin(limit.Group{Tree: s.tree(members, 0)})
				})
			}
		}
	}
}

// calls are those of a cost that are counted in an engine.
func calls(c limit.Cost) limit.Cost {
	c[limit.HashedByte], c[limit.AEADByte] = 0, 0
	return c
}

func (b bench) commitAndProcess(g limit.Group, leaf uint32) {
	committer := b.member(leaf)
	var c *mls.Candidate
	made := b.counter.of(func() {
		var err error
		c, err = committer.Commit(b.Context(), now, mls.CommitOptions{})
		require.NoError(b, err)
	})
	require.Equal(b, calls(g.Commit()), made, "commit of leaf %d", leaf)

	for i, level := range g.Tree.Path {
		receiver := b.member(level.First)
		made := b.counter.of(func() {
			_, err := receiver.Process(b.Context(), now, c.Message)
			require.NoError(b, err)
		})
		require.Equal(b, calls(g.Process(i)), made, "process by leaf %d of the commit of leaf %d", level.First, leaf)
	}
}

func (b bench) addAndJoin(g limit.Group) {
	var kp *mls.OwnKeyPackage
	require.Equal(b, calls(g.KeyPackage()), b.counter.of(func() { kp = b.keyPackage() }), "key package")

	committer := b.member(0)
	var c *mls.Candidate
	made := b.counter.of(func() {
		var err error
		c, err = committer.Commit(b.Context(), now, mls.CommitOptions{}, message.Add{KeyPackage: kp.KeyPackage})
		require.NoError(b, err)
	})
	require.Equal(b, calls(g.Add()), made, "add")
	made = b.counter.of(func() {
		_, err := adopted(kp.Join(b.Context(), now, c.Welcome, mls.JoinOptions{}))
		require.NoError(b, err)
	})
	b.joins(g, made)
}

// adopted is for a join that the client takes as it comes.
func adopted(c *mls.Candidate, err error) (*mls.Group, error) {
	if err != nil {
		return nil, err
	}
	return c.Adopt()
}

// joins compares the calls of a join with the formula. It leaves out two kinds of
// hashes, which depend on the order of past commits: a parent hash for the other
// child, of which there is one at most for each parent, and original tree hashes,
// of which there is one at most for each node.
func (b bench) joins(g limit.Group, made limit.Cost) {
	want := calls(g.Join())
	excess := made[limit.Hash] - want[limit.Hash]
	require.GreaterOrEqual(b, excess, 0.0, "hashes of a join")
	nodes := 0
	if g.Tree.Parents > 0 {
		nodes = 2<<g.Tree.Depth - 1
	}
	require.LessOrEqual(b, excess, float64(g.Tree.Parents+nodes), "hashes of a join")
	want[limit.Hash] = made[limit.Hash]
	require.Equal(b, want, made, "join")
}

func TestEngineMeetsLimitOfMessages(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0xF002} {
		b := newBench(t, id, "steady", 8)
		g := limit.Group{Tree: limit.Steady(8, 0)}
		sender, receiver := b.member(0), b.member(5)
		encrypt := func() []byte {
			message, err := sender.Encrypt(t.Context(), now, []byte("hello"), nil)
			require.NoError(t, err)
			return message
		}
		decrypt := func(message []byte) {
			_, err := receiver.Process(t.Context(), now, message)
			require.NoError(t, err)
		}
		decrypt(encrypt()) // both come down the secret tree for the first one
		var message []byte
		require.Equal(t, calls(g.Encrypt(5)), b.counter.of(func() { message = encrypt() }))
		require.Equal(t, calls(g.Decrypt(5)), b.counter.of(func() { decrypt(message) }))
	}
}
