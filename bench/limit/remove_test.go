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

// The engine makes the calls of the formula where a member goes or comes, for members and
// for who follows the public state.
func TestEngineMeetsLimitOfRemove(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0xF002} {
		for _, members := range []int{3, 6, 8, 9, 100} {
			for _, leaf := range []uint32{1, 2, 3, 4, 50} {
				if int(leaf) >= members-1 {
					continue
				}
				t.Run(fmt.Sprintf("%s/%d/%d", id, members, leaf), func(t *testing.T) {
					b := newBench(t, id, "steady", members)
					b.remove(limit.Group{Suite: b.counter.Info(), Tree: limit.Removed(members, leaf)}, leaf)
				})
			}
		}
	}
}

func (b bench) remove(g limit.Group, leaf uint32) {
	committer := b.member(0)
	var c *mls.Candidate
	made := b.counter.of(func() {
		var err error
		c, err = committer.Commit(b.Context(), now, mls.CommitOptions{}, message.Remove{Removed: message.LeafIndex(leaf)})
		require.NoError(b, err)
	})
	require.Equal(b, calls(g.Remove(leaf)), calls(made), "remove")
	for i, level := range g.Tree.Path {
		receiver := b.member(level.First)
		made := b.counter.of(func() {
			_, err := receiver.Process(b.Context(), now, c.Message)
			require.NoError(b, err)
		})
		require.Equal(b, calls(g.ProcessRemove(leaf, i)), calls(made), "process by leaf %d", level.First)
	}
	require.LessOrEqual(b, g.CommitBytes(), float64(len(c.Message)))
	require.Less(b, float64(len(c.Message)), g.CommitBytes()+float64(200*(1+len(g.Tree.Path))))
}

func TestEngineMeetsLimitOfProcessAdd(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0xF002} {
		for _, members := range []int{2, 3, 8, 100} {
			b := newBench(t, id, "steady", members)
			g := limit.Group{Suite: b.counter.Info(), Tree: limit.Steady(members, 0)}
			c, err := b.member(0).Commit(t.Context(), now, mls.CommitOptions{}, message.Add{KeyPackage: b.keyPackage().KeyPackage})
			require.NoError(t, err)
			receiver := b.member(1)
			require.Equal(t, calls(g.ProcessAdd()), b.calls(func() {
				_, err := receiver.Process(t.Context(), now, c.Message)
				require.NoError(t, err)
			}), "%s, %d", id, members)
			require.LessOrEqual(t, g.AddBytes(), float64(len(c.Message)))
			require.Less(t, float64(len(c.Message)), g.AddBytes()+300)
			require.LessOrEqual(t, g.AddWelcomeBytes(), float64(len(c.Welcome)))
			require.Less(t, float64(len(c.Welcome)), g.AddWelcomeBytes()+float64(200*(members+2)))
		}
	}
}

func TestEngineMeetsLimitOfFollowing(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0xF002} {
		for _, members := range []int{3, 8, 100} {
			t.Run(fmt.Sprintf("%s/%d", id, members), func(t *testing.T) {
				b := newBench(t, id, "steady", members)
				b.follow(members)
			})
		}
	}
}

func (b bench) follow(members int) {
	sim, err := mls.NewSimulation(b.Context(), now, mls.SimulationConfig{
		Suites: b.suites, Suite: b.suite, Members: members, Shape: "steady",
		Adjust: func(c *mls.Config) { c.PublicHandshake = true },
	})
	require.NoError(b, err)
	b.sim = sim
	info, err := b.member(0).GroupInfo(b.Context(), now, true)
	require.NoError(b, err)
	public, err := mls.NewPublicGroup(b.Context(), now, mls.Config{Suites: b.suites}, info, nil)
	require.NoError(b, err)

	steady := limit.Group{Suite: b.counter.Info(), Tree: limit.Steady(members, 0)}
	require.LessOrEqual(b, steady.StoredBytes(), float64(len(info)))
	require.Less(b, float64(len(info)), steady.StoredBytes()+float64(200*(members+1)))
	leaf := uint32(1)
	removed := limit.Group{Suite: b.counter.Info(), Tree: limit.Removed(members, leaf)}
	for _, c := range []struct {
		name      string
		want      limit.Cost
		proposals []message.Proposal
	}{
		{"commit", steady.Follow(), nil},
		{"add", steady.FollowAdd(), []message.Proposal{message.Add{KeyPackage: b.keyPackage().KeyPackage}}},
		{"remove", removed.FollowRemove(leaf), []message.Proposal{message.Remove{Removed: message.LeafIndex(leaf)}}},
	} {
		made, err := b.member(0).Commit(b.Context(), now, mls.CommitOptions{}, c.proposals...)
		require.NoError(b, err)
		require.Equal(b, calls(c.want), b.calls(func() {
			received, err := public.Process(b.Context(), now, made.Message)
			require.NoError(b, err)
			received.Commit.Adopt()
		}), c.name)
	}
}

func TestRemovedByHand(t *testing.T) {
	type levels = []limit.Level
	level := func(first uint32, receivers, resolution int) limit.Level {
		return limit.Level{First: first, Receivers: receivers, Resolution: resolution}
	}
	for _, c := range []struct {
		members int
		leaf    uint32
		want    limit.Tree
	}{
		{3, 1, limit.Tree{Members: 2, Depth: 2, Parents: 1, Path: levels{level(2, 1, 1)}}},
		{8, 1, limit.Tree{Members: 7, Depth: 3, Parents: 6, Path: levels{level(2, 2, 1), level(4, 4, 1)}}},
		{8, 2, limit.Tree{Members: 7, Depth: 3, Parents: 6, Path: levels{level(1, 1, 1), level(3, 1, 1), level(4, 4, 1)}}},
		// 4-5 and 4-7 get blank: 5 and 6-7 are left of the far half.
		{8, 4, limit.Tree{Members: 7, Depth: 3, Parents: 5, Path: levels{level(1, 1, 1), level(2, 2, 1), level(5, 3, 2)}}},
		{6, 4, limit.Tree{Members: 5, Depth: 3, Parents: 4, Path: levels{level(1, 1, 1), level(2, 2, 1), level(5, 1, 1)}}},
	} {
		require.Equal(t, c.want, limit.Removed(c.members, c.leaf), "%d without %d", c.members, c.leaf)
	}
}
