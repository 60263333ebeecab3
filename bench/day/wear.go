package day

import (
	"math"

	"github.com/mlsuite/mlsuite/bench/limit"
)

// Ciphertexts is the mean number of path secrets that a commit with a path encrypts on the
// day, in the long run. It is more than one for each level, as in a steady tree: a removal
// blanks the parents of who goes, and who is added without a path stays an unmerged leaf of
// its parents, until a member below a parent commits with a path.
//
// At a parent with a share f of the members below it, removals arrive at the rate f*Removes.
// All but the f-th part of them blank it, for the committer is elsewhere. Below it there are f*Renewals
// commits with a path, and those of the removals that its committers make. So it is blank as
// often as the last of these events was a blanking, and an Add below it stays unmerged until
// the next of them. The copath node at a height is one in the resolution if it is populated,
// and its unmerged leaves; if it is blank, so is the child on the side of who went, down to
// the leaf, and the other child is as any other. Simulated trees have up to a fifth less.
func (d Day) Ciphertexts() float64 {
	members, committers := float64(d.Members), float64(d.Committers)
	refilled := 1.0 // the part of the leaves of removed members that others have got
	if d.Removes > 0 {
		refilled = min(1, d.Joins/d.Removes)
	}
	sum, blank, mean := 0.0, refilled, 1.0 // the nodes in the resolution at a height: if it is blank, and in the mean
	for height, level := range limit.Steady(d.Members, 0).Path {
		receivers := float64(level.Receivers)
		share := receivers / members
		if height > 0 {
			blank += mean
			none := math.Pow(1-share, committers) // that no committer is below
			without := d.worn(share, receivers, blank, d.Renewals)
			with := without
			if none < 1 {
				with = d.worn(share, receivers, blank, d.Renewals+d.Removes/(1-none))
			}
			mean = min(receivers, none*without+(1-none)*with)
		}
		sum += mean
	}
	return sum
}

// worn is the mean number of nodes in the resolution of a parent with a share of the members
// below it, which are so many; blank is that of a blank one, and commits are those with a
// path on the day, if they came from all members alike.
func (d Day) worn(share, receivers, blank, commits float64) float64 {
	blankings := d.Removes * (1 - share)
	if commits+blankings == 0 {
		if d.Joins > 0 {
			return receivers
		}
		return 1
	}
	isBlank := blankings / (commits + blankings)
	unmerged := min(receivers-1, d.Joins/(commits+blankings))
	return isBlank*blank + (1-isBlank)*(1+unmerged)
}

// Levels is the number of Ciphertexts in a steady tree.
func (d Day) Levels() int { return len(limit.Steady(d.Members, 0).Path) }
