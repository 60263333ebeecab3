package limit_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/limit"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// bench is a simulated group whose engine calls are counted.
type bench struct {
	*testing.T
	sim    *mls.Simulation
	calls  *counter
	suites *registry.Registry
}

func newBench(t *testing.T, shape mls.TreeShape, members int) bench {
	s, err := all.Registry().Suite(0x0001, suite.Start, now)
	require.NoError(t, err)
	c := &counter{Suite: s}
	suites, err := registry.New(registry.Set{c})
	require.NoError(t, err)
	sim, err := mls.NewSimulation(t.Context(), now, mls.SimulationConfig{Suites: suites, Suite: 0x0001, Members: members, Shape: shape})
	require.NoError(t, err)
	require.Equal(t, members, sim.Size())
	return bench{t, sim, c, suites}
}

func (b bench) member(leaf uint32) *mls.Group {
	g, err := b.sim.Member(mls.LeafIndex(leaf))
	require.NoError(b, err)
	return g
}

func (b bench) keyPackage() *mls.OwnKeyPackage {
	signer, err := b.calls.GenerateSigner()
	require.NoError(b, err)
	kp, err := mls.NewKeyPackage(b.Context(), now, mls.Config{
		Suites: b.suites, Suite: 0x0001, Signer: signer, Credential: mls.BasicCredential([]byte("newcomer")),
	})
	require.NoError(b, err)
	return kp
}

// The engine makes exactly the calls of the formula: more would be waste, fewer
// would make the limit no limit.
func TestEngineMeetsLimit(t *testing.T) {
	shapes := map[mls.TreeShape]func(members int, leaf uint32) limit.Tree{
		mls.TreeBlank:    limit.Blank,
		mls.TreeSteady:   limit.Steady,
		mls.TreeUnmerged: limit.Unmerged,
		mls.TreeSparse:   func(members int, _ uint32) limit.Tree { return limit.Sparse(members) },
	}
	for shape, tree := range shapes {
		for _, members := range []int{2, 3, 8, 32, 100} {
			t.Run(fmt.Sprintf("%s/%d", shape, members), func(t *testing.T) {
				b := newBench(t, shape, members)
				committers := []uint32{0, 1, uint32(members) / 2, uint32(members) - 1}
				if shape == mls.TreeSparse {
					committers = committers[:1]
				}
				slices.Sort(committers)
				for _, leaf := range slices.Compact(committers) {
					b.commitAndProcess(limit.Group{Tree: tree(members, leaf)}, leaf)
				}
				b.addAndJoin(limit.Group{Tree: tree(members, 0)})
			})
		}
	}
}

func (b bench) commitAndProcess(g limit.Group, leaf uint32) {
	committer := b.member(leaf)
	var c *mls.Candidate
	calls := b.calls.of(func() {
		var err error
		c, err = committer.Commit(b.Context(), now)
		require.NoError(b, err)
	})
	require.Equal(b, of(g.Commit()), calls, "commit of leaf %d", leaf)

	for i, level := range g.Tree.Path {
		receiver := b.member(level.First)
		calls := b.calls.of(func() {
			_, err := receiver.Process(b.Context(), now, c.Message)
			require.NoError(b, err)
		})
		require.Equal(b, of(g.Process(i)), calls, "process by leaf %d of the commit of leaf %d", level.First, leaf)
	}
}

func (b bench) addAndJoin(g limit.Group) {
	var kp *mls.OwnKeyPackage
	require.Equal(b, of(g.KeyPackage()), b.calls.of(func() { kp = b.keyPackage() }), "key package")

	committer := b.member(0)
	var c *mls.Candidate
	calls := b.calls.of(func() {
		var err error
		c, err = committer.Commit(b.Context(), now, mls.Add(kp.KeyPackage))
		require.NoError(b, err)
	})
	require.Equal(b, of(g.Add()), calls, "add")
	calls = b.calls.of(func() {
		_, err := kp.Join(b.Context(), now, c.Welcome)
		require.NoError(b, err)
	})
	require.Equal(b, of(g.Join()), calls, "join")
}

func TestEngineMeetsLimitOfMessages(t *testing.T) {
	b := newBench(t, mls.TreeSteady, 8)
	g := limit.Group{Tree: limit.Steady(8, 0)}
	sender, receiver := b.member(0), b.member(5)
	var message []byte
	calls := b.calls.of(func() {
		var err error
		message, err = sender.Encrypt(b.Context(), now, []byte("hello"), nil)
		require.NoError(t, err)
	})
	require.Equal(t, of(g.Encrypt(5)), calls)
	calls = b.calls.of(func() {
		_, err := receiver.Process(b.Context(), now, message)
		require.NoError(t, err)
	})
	require.Equal(t, of(g.Decrypt(5)), calls)
}
