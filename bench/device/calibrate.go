package device

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
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
// primitive of every suite, in random order of the suites. Prices are the medians of the
// rounds without disturbance, with intervals: see [stats.NewCost].
//
// If ctx ends after a whole round, Calibrate returns what the whole rounds say beside the
// error.
func Calibrate(ctx context.Context, now time.Time, suites []suite.Suite, plan Plan) (*Device, error) {
	d := &Device{
		Schema: Schema, Date: now.UTC().Format(time.DateOnly), Machine: host.ThisMachine(),
		Modules: result.Modules(), Clock: measure.Clock,
	}
	pricers := make([]*limit.Pricer, len(suites))
	for i, s := range suites {
		var err error
		p := measure.Plan{Count: 1, Time: plan.Sample}
		if pricers[i], err = limit.NewPricer(ctx, p, s); err != nil {
			return nil, err
		}
	}
	samples := make([][]limit.Prices, len(suites))
	var loops []float64
	round := func() error {
		for _, i := range rand.Perm(len(suites)) {
			if err := ctx.Err(); err != nil {
				return err
			}
			if plan.Step != nil {
				plan.Step(suites[i].Info())
			}
			p, beside, err := pricers[i].SampleBeside()
			if err != nil {
				return err
			}
			samples[i] = append(samples[i], p)
			loops = append(loops, beside[:]...)
		}
		return nil
	}
	watch := host.Start()
	var failed error
	for failed == nil && d.Rounds < plan.Rounds {
		watch.Round()
		if failed = round(); failed == nil {
			d.Rounds++
		}
	}
	if failed != nil && (d.Rounds == 0 || ctx.Err() == nil) {
		return nil, failed
	}
	loop := stats.Reference(loops)
	for i, s := range suites {
		d.Suites = append(d.Suites, NewSuite(s, samples[i][:d.Rounds], loop))
	}
	d.State, d.Doubt = watch.State(), stats.Doubt(loops, loop)
	d.Warnings = append([]string{}, d.State.Warnings()...)
	return d, failed
}

// NewSuite estimates the prices of a suite from those of rounds, one or more, which are in
// proportion to the fixed loop, and from the time of the loop in nanoseconds.
func NewSuite(s suite.Suite, rounds []limit.Prices, loop float64) Suite {
	i := s.Info()
	priced := Suite{Name: i.Name, ID: result.Code(i.ID), Providers: Providers(s), Prices: map[string]result.Figure{}}
	for p := range len(limit.Prices{}) {
		var samples []float64
		for _, prices := range rounds {
			samples = append(samples, prices[p]*loop)
		}
		priced.Prices[limit.Primitive(p).String()] = figure(samples)
	}
	return priced
}

// Providers returns which package provides each primitive of a suite, as "primitive: package".
func Providers(s suite.Suite) []string {
	var all []string
	for _, p := range suite.Provenance(s) {
		all = append(all, fmt.Sprintf("%s: %s", p.Primitive, p.Package))
	}
	return all
}

// figure estimates a price. Too few samples leave an end open.
func figure(samples []float64) result.Figure {
	e := stats.NewCost(samples)
	f := result.Figure{Value: e.Center, Low: e.Low, High: e.High, RawMedian: e.Center}
	if math.IsInf(e.High, 0) {
		f.High = 0
	}
	return f
}
