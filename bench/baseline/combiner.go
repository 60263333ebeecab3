package baseline

import "github.com/mlsuite/mlsuite/bench/limit"

// The two groups of a pair (draft-ietf-mls-combiner) are two schemes, each in its own suite and
// with the same members: what somebody pays is the sum. All messages are in the T group. A
// commit that adds or removes somebody is in both, and has a path in each; a renewal is in the
// PQ group only if it is FULL.

// CombinerT is the T group of a pair in which a part full of the renewals is FULL, from 0 to 1.
func CombinerT(full float64) Scheme {
	return Scheme{
		Name: "combiner, T", Message: mlsMessage,
		Add: func(g Group) Toll {
			of, beside := g.steady().FullOfT()
			return g.addWithPath(of, beside)
		},
		Remove: func(g Group) Toll {
			of, beside := g.removed().FullOfT()
			return g.fullRemoval(of, beside)
		},
		Renew: func(g Group) Toll {
			of, beside := g.steady().FullOfT()
			return mlsRenew(g).times(1 - full).plus(g.fullRenewal(of, beside).times(full))
		},
	}
}

// CombinerPQ is the PQ group of a pair, of whose renewals all are FULL.
func CombinerPQ() Scheme {
	return Scheme{
		Name: "combiner, PQ", Message: func(Group, int) Toll { return Toll{} },
		Add: func(g Group) Toll {
			of, beside := g.steady().FullOfPQ()
			return g.addWithPath(of, beside)
		},
		Remove: func(g Group) Toll {
			of, beside := g.removed().FullOfPQ()
			return g.fullRemoval(of, beside)
		},
		Renew: func(g Group) Toll {
			of, beside := g.steady().FullOfPQ()
			return g.fullRenewal(of, beside)
		},
	}
}

// fullRenewal is the toll of one group's part of a FULL commit, in which each member pays
// beside the commit what beside says.
func (g Group) fullRenewal(of limit.Group, beside limit.Cost) Toll {
	return g.renewal(of, g.others(), of.Commit().Plus(beside), of.MeanProcess().Plus(beside), of.Follow())
}

// fullRemoval is the same of one that removes a member.
func (g Group) fullRemoval(of limit.Group, beside limit.Cost) Toll {
	leaf := g.removedLeaf()
	return g.renewal(of, g.others()-1, of.Remove(leaf).Plus(beside), of.MeanProcessRemove(leaf).Plus(beside), of.FollowRemove(leaf))
}

// addWithPath is the same of one that adds a member.
func (g Group) addWithPath(of limit.Group, beside limit.Cost) Toll {
	adding := of.Adding()
	t := g.renewal(adding, g.others(), of.AddWithPath().Plus(beside), of.MeanProcessAddWithPath().Plus(beside), of.FollowAddWithPath())
	return t.welcoming(g, of, of.JoinWithPath().Plus(beside))
}
