package device

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/stats"
	"github.com/mlsuite/mlsuite/suite"
)

// Plan says how to calibrate.
type Plan struct {
	Rounds int              // over all suites, 1 or more
	Sample time.Duration    // of each primitive with public keys in a round; the others get a quarter
	Step   func(suite.Info) // called before each sample of a suite; may be nil
}

// Calibrate measures the primitives of suites on this machine. A round takes a sample of each
// primitive of every suite, in random order of the suites. Prices are the least of the
// rounds, with intervals: see [stats.NewCost].
func Calibrate(ctx context.Context, now time.Time, suites []suite.Suite, plan Plan) (*Device, error) {
	d := &Device{
		Schema: Schema, Date: now.UTC().Format(time.DateOnly), Machine: host.ThisMachine(),
		Modules: result.Modules(), Clock: measure.Clock, Rounds: plan.Rounds,
	}
	pricers := make([]*limit.Pricer, len(suites))
	order := make([]int, len(suites))
	for i, s := range suites {
		var err error
		p := measure.Plan{Count: 1, Time: plan.Sample}
		if pricers[i], err = limit.NewPricer(ctx, p, s); err != nil {
			return nil, err
		}
		order[i] = i
	}
	samples := make([][]limit.Prices, len(suites))
	for range plan.Rounds {
		rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
		for _, i := range order {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if plan.Step != nil {
				plan.Step(suites[i].Info())
			}
			p, err := pricers[i].Sample()
			if err != nil {
				return nil, err
			}
			samples[i] = append(samples[i], p)
		}
	}
	for i, s := range suites {
		d.Suites = append(d.Suites, NewSuite(s, samples[i]))
	}
	return d, nil
}

// NewSuite estimates the prices of a suite from those of rounds, one or more.
func NewSuite(s suite.Suite, rounds []limit.Prices) Suite {
	i := s.Info()
	priced := Suite{Name: i.Name, ID: result.Code(i.ID), Prices: map[string]result.Figure{}}
	for _, p := range suite.Provenance(s) {
		priced.Providers = append(priced.Providers, fmt.Sprintf("%s: %s", p.Primitive, p.Package))
	}
	for p := range len(limit.Prices{}) {
		var samples []float64
		for _, prices := range rounds {
			samples = append(samples, prices[p])
		}
		primitive := limit.Primitive(p)
		priced.Prices[primitive.String()] = figure(primitive, samples)
	}
	return priced
}

// figure estimates a price: by the least sample, but that of a byte by the median, since it
// is the difference of two calls, which noise makes lower as well as higher.
func figure(p limit.Primitive, samples []float64) result.Figure {
	e := stats.NewCost(samples)
	i := e.Interval
	if p == limit.HashedByte || p == limit.AEADByte {
		i = e.Median
	}
	// Too few samples leave an end open.
	return result.Figure{
		Value: i.Center, Low: i.Low, High: min(i.High, slices.Max(samples)), Median: e.Median.Center,
	}
}
