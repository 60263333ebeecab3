package day_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/day"
)

// Without joins and removals a tree is steady, and in a small group it cannot get worse than
// blank.
func TestWearAtTheEnds(t *testing.T) {
	d := day.Day{Members: 1024, Committers: 1, Renewals: 100}
	require.InDelta(t, 10, d.Ciphertexts(), 1e-9)
	d.Renewals, d.Removes, d.Joins = 0, 10, 10
	require.Greater(t, d.Ciphertexts(), 500.0, "nobody renews: of most parents no commit with a path is below")
	require.LessOrEqual(t, d.Ciphertexts(), 1023.0)
	d.Renewals = 1e6
	require.InDelta(t, 10, d.Ciphertexts(), 0.01, "what wears is mended at once")
	last := 0.0
	for _, removes := range []float64{0, 1, 10, 100, 1000} {
		d := day.Day{Members: 1000, Committers: 10, Renewals: 100, Joins: removes, Removes: removes}
		require.Greater(t, d.Ciphertexts(), last)
		last = d.Ciphertexts()
	}
}

// wornTree is a ratchet tree of 2^height leaves, in which only the state of nodes counts.
type wornTree struct {
	height   int
	member   []bool
	blank    [][]bool             // parents, by height above the leaves and place
	unmerged [][]map[int]struct{} // leaves
}

func newWornTree(height int) *wornTree {
	w := &wornTree{height: height, member: make([]bool, 1<<height), blank: make([][]bool, height+1), unmerged: make([][]map[int]struct{}, height+1)}
	for i := range w.member {
		w.member[i] = true
	}
	for h := 1; h <= height; h++ {
		w.blank[h] = make([]bool, 1<<(height-h))
		w.unmerged[h] = make([]map[int]struct{}, 1<<(height-h))
		for i := range w.unmerged[h] {
			w.unmerged[h][i] = map[int]struct{}{}
		}
	}
	return w
}

// change visits the parents above a leaf: they get blank, or fresh, or an unmerged leaf.
func (w *wornTree) change(leaf int, f func(h, i int)) {
	for h := 1; h <= w.height; h++ {
		f(h, leaf>>h)
	}
}

func (w *wornTree) remove(leaf int) {
	w.member[leaf] = false
	w.change(leaf, func(h, i int) { w.blank[h][i] = true; clear(w.unmerged[h][i]) })
}

func (w *wornTree) commit(leaf int) {
	w.change(leaf, func(h, i int) { w.blank[h][i] = false; clear(w.unmerged[h][i]) })
}

func (w *wornTree) add() {
	for leaf, there := range w.member {
		if !there {
			w.member[leaf] = true
			w.change(leaf, func(h, i int) {
				if !w.blank[h][i] {
					w.unmerged[h][i][leaf] = struct{}{}
				}
			})
			return
		}
	}
}

func (w *wornTree) resolution(h, i int) int {
	switch {
	case h == 0 && w.member[i]:
		return 1
	case h == 0:
		return 0
	case w.blank[h][i]:
		return w.resolution(h-1, 2*i) + w.resolution(h-1, 2*i+1)
	}
	return 1 + len(w.unmerged[h][i])
}

func (w *wornTree) ciphertexts(leaf int) (sum int) {
	for h := range w.height {
		sum += w.resolution(h, leaf>>h^1)
	}
	return sum
}

// The formula says at most a fifth more than what happens in trees. It does not know that who
// is added gets the leaf of who went, whose parents are often still blank.
func TestWearIsThatOfTrees(t *testing.T) {
	for _, d := range []day.Day{
		{Members: 1024, Committers: 10, Renewals: 200, Joins: 20, Removes: 20},
		{Members: 1024, Committers: 10, Renewals: 200, Joins: 50, Removes: 50},
		{Members: 1024, Committers: 1, Renewals: 50, Joins: 20, Removes: 20},
		{Members: 256, Committers: 50, Renewals: 100, Joins: 30, Removes: 30},
		{Members: 4096, Committers: 10, Renewals: 500, Joins: 150, Removes: 150},
	} {
		random := rand.New(rand.NewPCG(1, 2))
		height := 0
		for 1<<height < d.Members {
			height++
		}
		w := newWornTree(height)
		step := d.Members / d.Committers // committers are spread over the tree
		member := func() int {
			for {
				if i := random.IntN(d.Members); w.member[i] {
					return i
				}
			}
		}
		sum, commits := 0, 0
		const warm, all = 40_000, 120_000
		for i := range all {
			switch x := random.Float64() * (d.Renewals + 2*d.Removes); {
			case x < d.Renewals:
				by := member()
				if i > warm {
					sum += w.ciphertexts(by)
					commits++
				}
				w.commit(by)
			case x < d.Renewals+d.Removes:
				by := random.IntN(d.Committers) * step
				gone := member()
				if gone%step == 0 && gone/step < d.Committers {
					continue // committers stay
				}
				w.remove(gone)
				w.commit(by)
			default:
				w.add()
			}
		}
		simulated := float64(sum) / float64(commits)
		require.Greater(t, d.Ciphertexts(), simulated, "%+v", d)
		require.Less(t, d.Ciphertexts(), 1.21*simulated, "%+v", d)
	}
}
