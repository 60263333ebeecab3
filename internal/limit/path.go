package limit

import "math/bits"

// Path is the direct path of a committer, the part of a tree's shape that a cost
// depends on.
type Path struct {
	Depth  int     // parents from the leaf to the root
	Levels []Level // the filtered direct path (RFC 9420, Section 4.1.2), from the leaf up
}

// Level is one node of a filtered direct path.
type Level struct {
	Receivers  int    // members below its copath child
	Resolution int    // nodes in the resolution of that child, joiners of the same commit left out
	First      uint32 // leaf index of the leftmost of the receivers
}

// Blank returns the path of a leaf in a tree of members at leaves 0 to members-1
// and no populated parent.
func Blank(members int, leaf uint32) Path {
	return path(members, leaf, func(receivers int) int { return receivers })
}

// Steady is Blank where every parent that can be populated is, without unmerged leaves.
func Steady(members int, leaf uint32) Path {
	return path(members, leaf, func(int) int { return 1 })
}

// path walks up from leaf: at height h the copath child is the subtree of 2^h
// leaves beside the one that leaf is in.
func path(members int, leaf uint32, resolution func(receivers int) int) Path {
	p := Path{Depth: depth(members)}
	for h := range p.Depth {
		first := (int(leaf)>>h ^ 1) << h
		receivers := min(members-first, 1<<h)
		if receivers <= 0 {
			continue
		}
		p.Levels = append(p.Levels, Level{Receivers: receivers, Resolution: resolution(receivers), First: uint32(first)})
	}
	return p
}

// depth returns the height of the smallest tree that holds the members.
func depth(members int) int { return bits.Len(uint(members - 1)) }

// AddLeaf returns the path after a member joins at leaf, the number of members so
// far, in the commit that p is the path of: its levels are those of the larger
// tree, and the joiner is in no resolution.
func (p Path) AddLeaf(members int, committer uint32) Path {
	joined := Blank(members+1, committer)
	for i, level := range joined.Levels {
		level.Resolution = 0
		for _, before := range p.Levels {
			if before.First == level.First {
				level.Resolution = before.Resolution
			}
		}
		joined.Levels[i] = level
	}
	return joined
}

// ciphertexts returns how many path secrets the committer seals.
func (p Path) ciphertexts() int {
	var sum int
	for _, level := range p.Levels {
		sum += level.Resolution
	}
	return sum
}

// receivers returns how many members read the path.
func (p Path) receivers() int {
	var sum int
	for _, level := range p.Levels {
		sum += level.Receivers
	}
	return sum
}
