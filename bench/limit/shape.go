package limit

// Shape is a ratchet tree node by node: where there are members, which parents are
// populated, and how many leaves below are unmerged. It changes as RFC 9420 says that
// proposals and paths change a tree, and counts the nodes whose tree hashes change with
// them. [Tree] is what the member at one leaf sees of it.
type Shape struct {
	heights [][]shapeNode // of nodes, from left to right; the leaves are at height 0
	free    int           // no leaf to its left is blank
}

type shapeNode struct {
	members  int  // at or below it
	filled   bool // a leaf of a member, or a populated parent
	unmerged int  // leaves of a parent
	changed  bool
}

// BlankShape returns the shape whose tree is [Blank].
func BlankShape(members int) *Shape {
	s := &Shape{heights: [][]shapeNode{make([]shapeNode, 1)}}
	for range members {
		s.add()
	}
	s.settle()
	return s
}

// SteadyShape returns the shape whose tree is [Steady].
func SteadyShape(members int) *Shape {
	s := BlankShape(members)
	s.populate()
	return s
}

// UnmergedShape returns the shape whose tree is [Unmerged].
func UnmergedShape(members int) *Shape {
	s := SteadyShape(members)
	for leaf := 1; leaf < members; leaf += 2 {
		s.remove(leaf)
	}
	s.truncate()
	s.populate()
	for leaf := 1; leaf < members; leaf += 2 {
		s.add()
	}
	s.settle()
	return s
}

// SparseShape returns the shape whose tree is [Sparse].
func SparseShape(members int) *Shape {
	s := SteadyShape(2 * members)
	for leaf := 1; leaf < 2*members; leaf += 2 {
		s.remove(leaf)
	}
	s.truncate()
	s.renew(0)
	s.settle()
	return s
}

// Leaves returns the leaves of members, from left to right.
func (s *Shape) Leaves() []int {
	var leaves []int
	for i := range s.heights[0] {
		if s.heights[0][i].filled {
			leaves = append(leaves, i)
		}
	}
	return leaves
}

// depth returns the number of parents from a leaf to the root.
func (s *Shape) depth() int { return len(s.heights) - 1 }

func (s *Shape) at(height, leaf int) *shapeNode { return &s.heights[height][leaf>>height] }

// settle forgets which nodes have changed.
func (s *Shape) settle() {
	for _, nodes := range s.heights {
		for i := range nodes {
			nodes[i].changed = false
		}
	}
}

// populate populates every parent with members on both sides, as commits of members do.
func (s *Shape) populate() {
	for h := 1; h <= s.depth(); h++ {
		for i := range s.heights[h] {
			below := s.heights[h-1]
			n := &s.heights[h][i]
			n.filled, n.unmerged = below[2*i].members > 0 && below[2*i+1].members > 0, 0
		}
	}
}

// add puts a member at the leftmost blank leaf, and makes the tree wider if there is none
// (Section 7.7). It returns the leaf.
func (s *Shape) add() int {
	leaf := s.free
	for leaf < len(s.heights[0]) && s.heights[0][leaf].filled {
		leaf++
	}
	if leaf == len(s.heights[0]) {
		s.widen()
	}
	s.free = leaf + 1
	for h := range s.heights {
		n := s.at(h, leaf)
		n.members++
		n.changed = true
		if h > 0 && n.filled {
			n.unmerged++
		}
	}
	s.at(0, leaf).filled = true
	return leaf
}

// widen doubles the number of leaves.
func (s *Shape) widen() {
	members := s.heights[s.depth()][0].members
	for h, nodes := range s.heights {
		blank := make([]shapeNode, len(nodes))
		for i := range blank {
			blank[i].changed = true
		}
		s.heights[h] = append(nodes, blank...)
	}
	s.heights = append(s.heights, []shapeNode{{members: members, changed: true}})
}

// remove blanks a leaf and the parents above it (Section 12.1.3).
func (s *Shape) remove(leaf int) {
	s.blank(leaf)
	for h := range s.heights {
		s.at(h, leaf).members--
	}
	s.at(0, leaf).filled = false
	s.free = min(s.free, leaf)
}

// blank blanks the parents above a leaf that changes.
func (s *Shape) blank(leaf int) {
	s.at(0, leaf).changed = true
	for h := 1; h <= s.depth(); h++ {
		n := s.at(h, leaf)
		n.filled, n.unmerged, n.changed = false, 0, true
	}
}

// truncate drops the right half as long as it is empty (Section 7.8).
func (s *Shape) truncate() {
	for s.depth() > 0 && s.heights[s.depth()-1][1].members == 0 {
		s.heights = s.heights[:s.depth()]
		for h := range s.heights {
			s.heights[h] = s.heights[h][:len(s.heights[h])/2]
		}
	}
}

// renew gives a member new keys up to the root (Section 7.5).
func (s *Shape) renew(leaf int) {
	s.blank(leaf)
	for h := range s.depth() {
		if s.at(h, leaf^1<<h).members > 0 {
			s.at(h+1, leaf).filled = true
		}
	}
}

// tree returns the tree as the member at leaf sees it.
func (s *Shape) tree(leaf int) Tree {
	t := Tree{Members: s.heights[s.depth()][0].members, Depth: s.depth()}
	for _, parents := range s.heights[1:] {
		for i := range parents {
			if parents[i].filled {
				t.Parents++
			}
		}
	}
	for h := range s.depth() {
		beside := leaf ^ 1<<h
		if n := s.at(h, beside); n.members > 0 {
			t.Path = append(t.Path, Level{
				Receivers: n.members, Resolution: s.resolution(h, beside>>h), First: uint32(s.first(h, beside>>h)),
			})
		}
	}
	return t
}

// resolution returns the number of nodes in the resolution of a node (Section 4.1.1).
func (s *Shape) resolution(height, i int) int {
	n := &s.heights[height][i]
	switch {
	case n.members == 0:
		return 0
	case n.filled:
		return 1 + n.unmerged
	}
	return s.resolution(height-1, 2*i) + s.resolution(height-1, 2*i+1)
}

// first returns the leftmost leaf of a member below a node that has one.
func (s *Shape) first(height, i int) int {
	for ; height > 0; height-- {
		i *= 2
		if s.heights[height-1][i].members == 0 {
			i++
		}
	}
	return i
}

// changed returns the number of leaves and of parents that have changed. Where except is
// 0 or greater, it leaves out that leaf and the parents above it.
func (s *Shape) changed(except int) (leaves, parents int) {
	for h, nodes := range s.heights {
		for i := range nodes {
			switch {
			case !nodes[i].changed || except >= 0 && except>>h == i:
			case h == 0:
				leaves++
			default:
				parents++
			}
		}
	}
	return leaves, parents
}
