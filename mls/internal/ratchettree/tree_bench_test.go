package ratchettree

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// BenchmarkTreeCommit is the tree's part of a commit: an edit, a path, a leaf and
// the hashes. It reports the bytes allocated at three sizes, as ratios to those at
// 1,024 members.
func BenchmarkTreeCommit(b *testing.B) {
	s := mlstest.Suite(b, 1)
	var smallest float64
	for _, n := range []int{1 << 10, 1 << 13, 1 << 17} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			l := newLeafMaker(uint64(n))
			tree := l.steady(b, s, n)
			nodes := tree.FilteredDirectPath(0)
			leaf := l.leaf(codepoint.LeafNodeCommit)
			commit := func() {
				e := tree.Edit()
				hash, err := e.MergePath(0, nodes, l.keys(len(nodes)))
				require.NoError(b, err)
				committed := *leaf
				committed.EncryptionKey, committed.ParentHash = l.key(), hash
				e.SetLeaf(0, &committed, nil)
				tree, err = e.Freeze()
				require.NoError(b, err)
			}
			b.ReportAllocs()
			for b.Loop() {
				commit()
			}
			bytes := mlstest.AllocatedBytes(200, func(int) { commit() })
			if smallest == 0 {
				smallest = bytes
			}
			b.ReportMetric(bytes/smallest, "bytes/bytes-at-1024")
		})
	}
}

// hashAll returns what it takes to hash all nodes of a tree once, on all cores.
func hashAll(b *testing.B, t *Tree) time.Duration {
	b.Helper()
	t.Root.Each(t.RootIndex(), func(_ NodeIndex, n *Node) { n.hashes = nil })
	start := time.Now()
	require.NoError(b, NewTreeHasher(t.Suite).Rehash(t.Root, t.RootIndex(), int(2*t.Width)))
	return time.Since(start)
}

// shortest returns the shortest of five times.
func shortest(f func() time.Duration) time.Duration {
	least := f()
	for range 4 {
		least = min(least, f())
	}
	return least
}

// timed returns what a call of f takes.
func timed(f func()) func() time.Duration {
	return func() time.Duration {
		start := time.Now()
		f()
		return time.Since(start)
	}
}

// BenchmarkTreeAdd adds 10,000 members in one edit to a group of one, and to one of
// 10,000 whose tree is steady; it reports the ratio to hashing all nodes of the new
// tree once.
func BenchmarkTreeAdd(b *testing.B) {
	const added = 10_000
	s := mlstest.Suite(b, 1)
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			l := newLeafMaker(uint64(n))
			tree := l.steady(b, s, n)
			leaves := make([]*message.LeafNode, added)
			for i := range leaves {
				leaves[i] = l.leaf(codepoint.LeafNodeKeyPackage)
			}
			next := tree
			add := func() {
				e := tree.Edit()
				for _, leaf := range leaves {
					e.AddLeaf(leaf)
				}
				var err error
				next, err = e.Freeze()
				require.NoError(b, err)
			}
			b.ReportAllocs()
			for b.Loop() {
				add()
			}
			ratio := float64(shortest(timed(add)))
			ratio /= float64(shortest(func() time.Duration { return hashAll(b, next) }))
			b.ReportMetric(ratio, "add/hash")
		})
	}
}

// BenchmarkTreeJoin builds and validates trees of 10,000 members as a joiner does,
// and reports both as ratios to hashing all nodes once.
func BenchmarkTreeJoin(b *testing.B) {
	const members = 10_000
	s, l := mlstest.Suite(b, 1), newLeafMaker(1)
	for _, c := range []struct {
		shape string
		grow  func(testing.TB, suite.Suite, int) *Tree
	}{{"blank", l.tree}, {"steady", l.steady}, {"unmerged", l.unmerged}} {
		b.Run(c.shape, func(b *testing.B) {
			nodes := c.grow(b, s, members).Nodes()
			var joined *Tree
			build := func() {
				var err error
				joined, err = TreeFromNodes(s, nodes.Sparse())
				require.NoError(b, err)
			}
			validate := func() { require.NoError(b, joined.Validate()) }
			for b.Loop() {
				build()
				validate()
			}
			times := [...]time.Duration{shortest(timed(build)), shortest(timed(validate))}
			once := float64(shortest(func() time.Duration { return hashAll(b, joined) }))
			b.ReportMetric(float64(times[0])/once, "build/hash")
			b.ReportMetric(float64(times[1])/once, "validate/hash")
		})
	}
}
