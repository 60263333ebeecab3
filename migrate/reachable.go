package migrate

import (
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// Reachable returns what [mls.Config].Reachable may list for a client of the given suites
// at the time: those that p allows, and those to which p allows a group of one of them to
// move. They are of r, in its order. So the client's leaves are shorter than if they listed
// all suites, and a plan still finds the client ready for each move that p allows. Nil
// stands for the policy of [Options]: everything but downgrades.
//
// A policy may allow more, or less, later. A client that follows it makes its Config anew
// and updates its leaf.
func Reachable(r *registry.Registry, p suite.Policy, now time.Time, suites ...suite.ID) []suite.ID {
	if p == nil {
		p = policy.All()
	}
	reachable := []suite.ID{}
	for info := range r.All() {
		q := suite.Question{Use: suite.Start, Time: now, Subject: info, Listing: true}
		allowed := slices.Contains(suites, info.ID) && p.Judge(q) == nil
		if allowed || slices.ContainsFunc(suites, func(id suite.ID) bool {
			from, err := r.Suite(id)
			return err == nil && movesFrom(suite.Describe(from), p).Judge(q) == nil
		}) {
			reachable = append(reachable, info.ID)
		}
	}
	return reachable
}
