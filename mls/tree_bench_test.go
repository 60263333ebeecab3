package mls

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

// allocatedPerCall returns how many bytes f allocates, over n calls.
func allocatedPerCall(n int, f func()) float64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc-before.TotalAlloc) / float64(n)
}

// elapsed returns the shortest of n calls of f.
func elapsed(n int, f func()) time.Duration {
	shortest := time.Duration(1<<63 - 1)
	for range n {
		start := time.Now()
		f()
		shortest = min(shortest, time.Since(start))
	}
	return shortest
}

// BenchmarkTreeCommit is the tree's part of a commit: an edit, a path, a leaf and
// the hashes. It reports the bytes allocated at three sizes, as ratios to those at
// 1,024 members.
func BenchmarkTreeCommit(b *testing.B) {
	s := testSuite(b, 1)
	var smallest float64
	for _, n := range []int{1 << 10, 1 << 13, 1 << 17} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			l := newLeafMaker(uint64(n))
			tree := l.steady(b, s, n)
			nodes, _ := tree.filteredDirectPath(0)
			leaf := l.leaf(LeafNodeCommit)
			commit := func() {
				e := tree.edit()
				hash, err := e.mergePath(0, nodes, l.keys(len(nodes)))
				require.NoError(b, err)
				committed := *leaf
				committed.EncryptionKey, committed.ParentHash = l.key(), hash
				e.setLeaf(0, &committed)
				tree, err = e.freeze()
				require.NoError(b, err)
			}
			b.ReportAllocs()
			for b.Loop() {
				commit()
			}
			bytes := allocatedPerCall(200, commit)
			if smallest == 0 {
				smallest = bytes
			}
			b.ReportMetric(bytes/smallest, "bytes/bytes-at-1024")
		})
	}
}

// BenchmarkTreeAdd adds 10,000 members in one edit to a group of one, and to one of
// 10,000 whose tree is steady; it reports the time in hashes of a parent node.
func BenchmarkTreeAdd(b *testing.B) {
	const added = 10_000
	s := testSuite(b, 1)
	for _, n := range []int{1, 10_000} {
		b.Run(fmt.Sprintf("members=%d", n), func(b *testing.B) {
			l := newLeafMaker(uint64(n))
			tree := l.steady(b, s, n)
			leaves := make([]*LeafNode, added)
			for i := range leaves {
				leaves[i] = l.leaf(LeafNodeKeyPackage)
			}
			b.ReportAllocs()
			for b.Loop() {
				e := tree.edit()
				for _, leaf := range leaves {
					e.addLeaf(leaf)
				}
				_, err := e.freeze()
				require.NoError(b, err)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/added, "ns/leaf")
		})
	}
}

// BenchmarkTreeJoin builds and validates trees of 10,000 members as a joiner does,
// and reports both as ratios to hashing all nodes once, on as many cores.
func BenchmarkTreeJoin(b *testing.B) {
	const members = 10_000
	s := testSuite(b, 1)
	for _, shape := range []string{"blank", "steady", "unmerged"} {
		b.Run(shape, func(b *testing.B) {
			l := newLeafMaker(1)
			grow := map[string]func(testing.TB, suite.Suite, int) *tree{
				"blank": l.tree, "steady": l.steady, "unmerged": l.unmerged,
			}
			nodes := grow[shape](b, s, members).nodes()
			var joined *tree
			build := func() {
				var err error
				joined, err = treeFromNodes(s, nodes)
				require.NoError(b, err)
			}
			validate := func() { require.NoError(b, joined.validate()) }
			hash := func() {
				joined.root.each(joined.rootIndex(), func(_ NodeIndex, n *node) { n.hashes = nil })
				require.NoError(b, newTreeHasher(s).rehash(joined.root, joined.rootIndex(), len(nodes)))
			}
			for b.Loop() {
				build()
				validate()
			}
			once := float64(elapsed(5, hash))
			b.ReportMetric(float64(elapsed(5, build))/once, "build/hash")
			b.ReportMetric(float64(elapsed(5, validate))/once, "validate/hash")
		})
	}
}
