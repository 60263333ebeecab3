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

func newBench(t *testing.T, id suite.ID, shape string, members int, adjust ...func(*mls.Config)) bench {
	s, err := all.Registry().Suite(id)
	require.NoError(t, err)
	c := &counter{Suite: s}
	suites, err := registry.New(registry.Set{c})
	require.NoError(t, err)
	sim, err := mls.NewSimulation(t.Context(), now, mls.SimulationConfig{
		Suites: suites, Suite: id, Members: members, Shape: shape,
		Adjust: func(cfg *mls.Config) {
			for _, f := range adjust {
				f(cfg)
			}
		},
	})
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
		Suites: b.suites, Suite: b.suite, Signer: signer, Credential: message.BasicCredential([]byte("newcomer 11")),
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
						b.commitAndProcess(limit.Group{Suite: b.counter.Info(), Tree: s.tree(members, leaf), Contents: b.contents()}, leaf)
					}
					b.addAndJoin(s.shape, limit.Group{Suite: b.counter.Info(), Tree: s.tree(members, 0), Contents: b.contents()})
				})
			}
		}
	}
}

// calls is a cost without the bytes.
func calls(c limit.Cost) limit.Cost {
	for _, p := range []limit.Primitive{limit.HashedByte, limit.SignedByte, limit.VerifiedByte, limit.AEADByte} {
		c[p] = 0
	}
	return c
}

// calls returns the calls that f makes.
func (b bench) calls(f func()) limit.Cost { return calls(b.counter.of(f)) }

// contents are the sizes of what the clients of the simulation put into their structures: 11
// bytes of identity, the capabilities that follow from one suite, and an extension with a
// reserved type wherever there may be one.
func (b bench) contents() *limit.Contents {
	grease := limit.Extension(4)
	return &limit.Contents{
		GroupID: b.counter.Info().Hash.Size, Leaf: limit.LeafContents(11, [5]int{1, 2, 1, 1, 3}, 4),
		KeyPackage: grease, GroupInfo: grease,
	}
}

// signs compares the bytes that are signed and verified with the formula. It is exact but for
// what the closed form of a tree does not know, some bytes for each of the nodes in what is
// signed: which leaves have committed (one that did so alone has no parent hash), which are
// unmerged, and where nodes are blank.
func (b bench) signs(want, made limit.Cost, nodes int) {
	b.Helper()
	for _, of := range []limit.Primitive{limit.SignedByte, limit.VerifiedByte} {
		require.LessOrEqual(b, want[of]-15*float64(min(nodes, 1)), made[of], of)
		require.LessOrEqual(b, made[of], want[of]+120*float64(nodes), of)
	}
}

func (b bench) commitAndProcess(g limit.Group, leaf uint32) {
	committer := b.member(leaf)
	var c *mls.Candidate
	made := b.counter.of(func() {
		var err error
		c, err = committer.Commit(b.Context(), now, mls.CommitOptions{})
		require.NoError(b, err)
	})
	require.Equal(b, calls(g.Commit()), calls(made), "commit of leaf %d", leaf)
	b.signs(g.Commit(), made, 0)

	for i, level := range g.Tree.Path {
		receiver := b.member(level.First)
		made := b.counter.of(func() {
			_, err := receiver.Process(b.Context(), now, c.Message)
			require.NoError(b, err)
		})
		require.Equal(b, calls(g.Process(i)), calls(made), "process by leaf %d of the commit of leaf %d", level.First, leaf)
		b.signs(g.Process(i), made, 0)
	}
}

func (b bench) addAndJoin(shape string, g limit.Group) {
	unknown := 0
	switch {
	case shape == "unmerged", shape == "sparse":
		unknown = g.Tree.Members + g.Tree.Parents
	case shape == "steady":
		unknown = 1 // the newcomer is an unmerged leaf of some parents
	}
	var kp *mls.OwnKeyPackage
	made := b.counter.of(func() { kp = b.keyPackage() })
	require.Equal(b, calls(g.KeyPackage()), calls(made), "key package")
	b.signs(g.KeyPackage(), made, 0)

	committer := b.member(0)
	var c *mls.Candidate
	made = b.counter.of(func() {
		var err error
		c, err = committer.Commit(b.Context(), now, mls.CommitOptions{}, message.Add{KeyPackage: kp.KeyPackage})
		require.NoError(b, err)
	})
	require.Equal(b, calls(g.Add()), calls(made), "add")
	b.signs(g.Add(), made, unknown)
	made = b.counter.of(func() {
		_, err := adopted(kp.Join(b.Context(), now, c.Welcome, mls.JoinOptions{}))
		require.NoError(b, err)
	})
	b.joins(g, made)
	b.signs(g.Join(), made, unknown)
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
	require.Equal(b, want, calls(made), "join")
}

func TestEngineMeetsLimitOfMessages(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0xF002} {
		b := newBench(t, id, "steady", 8)
		g := limit.Group{Suite: b.counter.Info(), Tree: limit.Steady(8, 0), Contents: b.contents()}
		sender, receiver := b.member(0), b.member(5)
		var message []byte
		for first := range 2 { // both come down the secret tree for the first one
			made := b.counter.of(func() {
				var err error
				message, err = sender.Encrypt(t.Context(), now, []byte("hello"), nil)
				require.NoError(t, err)
			})
			b.signs(g.Encrypt(5), made, 0)
			if first == 1 {
				require.Equal(t, calls(g.Encrypt(5)), calls(made))
			}
			made = b.counter.of(func() {
				_, err := receiver.Process(t.Context(), now, message)
				require.NoError(t, err)
			})
			b.signs(g.Decrypt(5), made, 0)
			if first == 1 {
				require.Equal(t, calls(g.Decrypt(5)), calls(made))
			}
		}
	}
}
