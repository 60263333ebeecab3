package limit

import "math/bits"

// Tree is the part of a ratchet tree on which a cost depends: its size, and the path of
// the committer.
type Tree struct {
	Members int
	Depth   int     // parents from a leaf to the root
	Parents int     // those of the whole tree that are populated
	Path    []Level // filtered direct path of the committer (RFC 9420, Section 4.1.2), from its leaf up
}

// Level is one node of a filtered direct path.
type Level struct {
	Receivers  int    // members below its copath child
	Resolution int    // nodes in the resolution of that child
	First      uint32 // leaf index of the leftmost of the receivers
}

// Blank returns the tree of members at leaves 0 to members-1 with no populated parent,
// and the path of a leaf: the first commit encrypts to everybody.
func Blank(members int, leaf uint32) Tree {
	return walk(members, leaf, 0, func(receivers int) int { return receivers })
}

// Steady is Blank with every parent that has members on both sides populated, without
// unmerged leaves: a commit encrypts to one node at each level.
func Steady(members int, leaf uint32) Tree {
	return walk(members, leaf, members-1, func(int) int { return 1 })
}

// Unmerged is Steady after the members at odd leaves were replaced without a path. The
// parents are those of a steady tree of the even leaves, and every odd leaf below them is
// unmerged. The parent of leaves 2i and 2i+1 is blank.
func Unmerged(members int, leaf uint32) Tree {
	return walk(members, leaf, (members+1)/2-1, func(receivers int) int {
		if receivers <= 2 {
			return receivers
		}
		return 1 + receivers/2 // the lowest parent above them all, and the odd leaves
	})
}

// Sparse is a steady tree of twice as many members after leaf 0 removed those at odd
// leaves, with the path of leaf 0. Only that path is populated.
func Sparse(members int) Tree {
	t := Blank(members, 0)
	t.Depth = depth(2*members - 1)
	t.Parents = len(t.Path)
	for i := range t.Path {
		t.Path[i].First *= 2
	}
	return t
}

// walk goes up from leaf: at height h the copath child is the subtree of 2^h
// leaves beside the one that leaf is in.
func walk(members int, leaf uint32, parents int, resolution func(receivers int) int) Tree {
	t := Tree{Members: members, Depth: depth(members), Parents: parents}
	for h := range t.Depth {
		first := (int(leaf)>>h ^ 1) << h
		receivers := min(members-first, 1<<h)
		if receivers <= 0 {
			continue
		}
		t.Path = append(t.Path, Level{Receivers: receivers, Resolution: resolution(receivers), First: uint32(first)})
	}
	return t
}

// depth returns the height of the smallest tree that has so many leaves.
func depth(leaves int) int { return bits.Len(uint(leaves - 1)) }

// ciphertexts returns the number of path secrets that the committer seals.
func (t Tree) ciphertexts() int {
	var sum int
	for _, level := range t.Path {
		sum += level.Resolution
	}
	return sum
}

// withJoiner returns the tree after one Add without a path.
func (t Tree) withJoiner() Tree {
	t.Members++
	t.Depth = max(t.Depth, depth(t.Members))
	return t
}
