package migrate

import (
	"context"
	"math"
	"time"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/suite"
)

// Cost is the least that RFC 9420 makes a move to a suite cost, for a group of a given
// number of members, by the closed formula that suitebench calls the limit. Bytes leave
// out credentials, capabilities and length prefixes, some hundred bytes for each member.
type Cost struct {
	KeyPackage Work // of each member, to prepare
	Create     Work // of the one who makes the new group
	Join       Work // of each other member

	// Commit and Process are for the first commit in the new group that renews keys. All
	// parents of its tree are blank, so it encrypts to every member.
	Commit  Work
	Process Work

	KeyPackageBytes int
	WelcomeBytes    int // for all joiners together, with the tree
	CommitBytes     int
}

// Work is the cost of one step.
type Work struct {
	// Primitives are the calls into the cipher suite, by their names in [Prices]. For
	// Process, they are a mean and may be fractions.
	Primitives map[string]float64

	CPU time.Duration // at the prices of the plan; 0 without any
}

// Prices are what each primitive of a suite costs on some machine, in nanoseconds of CPU
// time, by name. DeriveKey, Prepare, Seal, Open, Sign, Verify, VerifyFirst, CheckKey, Extract,
// Expand, MAC, Hash and AEAD are the costs of a call. HashedByte, SignedByte, VerifiedByte and
// AEADByte are the costs that a byte of input adds. A missing primitive costs nothing.
type Prices map[string]float64

// Measure measures the prices of a suite on this machine, for about the given time. A
// second is plenty.
func Measure(ctx context.Context, s suite.Suite, during time.Duration) (Prices, error) {
	// Price takes the plan's time for each of eight primitives and a quarter of it for
	// each of the other nine.
	measured, err := limit.Price(ctx, measure.Plan{Count: 5, Time: during / 10}, s)
	if err != nil {
		return nil, err
	}
	return byName(measured), nil
}

// byName returns the values that are not 0, by the names of the primitives.
func byName[T ~[len(limit.Cost{})]float64](values T) map[string]float64 {
	named := make(map[string]float64, len(values))
	for i, v := range values {
		if v != 0 {
			named[limit.Primitive(i).String()] = v
		}
	}
	return named
}

// CostOf returns the cost of moving a group of members, at least one, to a suite. prices
// may be nil.
func CostOf(info suite.Info, members int, prices Prices) Cost {
	g := limit.Group{Suite: info, Tree: limit.Blank(max(members, 1), 0)}
	work := func(c limit.Cost) Work {
		w := Work{Primitives: byName(c)}
		for name, count := range w.Primitives {
			w.CPU += time.Duration(count * prices[name])
		}
		return w
	}
	cost := Cost{
		KeyPackage: work(g.KeyPackage()), Create: work(g.FollowUp()), Commit: work(g.Commit()),
		KeyPackageBytes: int(math.Round(g.KeyPackageBytes())),
		WelcomeBytes:    int(math.Round(g.WelcomeBytes())),
		CommitBytes:     int(math.Round(g.CommitBytes())),
	}
	if g.Tree.Members > 1 {
		cost.Join, cost.Process = work(g.JoinFollowUp()), work(g.MeanProcess())
	}
	return cost
}
