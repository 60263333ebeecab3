package bench

import (
	"math"
	"slices"

	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/stats"
	"github.com/mlsuite/mlsuite/suite"
)

// ratio estimates what a primitive costs in proportion to the suite's own, in the rounds
// that have both.
func (a *alternative) ratio(p limit.Primitive, own []limit.Prices) stats.Estimate {
	theirs, ours := make([]float64, len(own)), make([]float64, len(own))
	for i := range own {
		theirs[i], ours[i] = a.prices[i][p], own[i][p]
		if !(theirs[i] > 0 && ours[i] > 0) { // a byte that was too cheap to be priced
			theirs[i] = math.NaN()
		}
	}
	return stats.NewRatio(theirs, ours)
}

// differs reports whether a primitive has other providers, or another mode, than in the suite
// of info.
func (a *alternative) differs(p limit.Primitive, info suite.Info) bool {
	return a.mode != fipsMode() || !providers(p, suite.Describe(a.suite)).Equal(providers(p, info))
}

// providers returns who provides a primitive.
func providers(p limit.Primitive, i suite.Info) suite.Providers {
	switch p {
	case limit.DeriveKey, limit.CheckKey:
		return i.KEM.Provenance
	case limit.Prepare, limit.Seal, limit.Open:
		return i.KEM.Provenance.With(i.KDF.Provenance, i.AEAD.Provenance)
	case limit.Sign, limit.Verify:
		return i.Signature.Provenance
	case limit.Extract, limit.Expand, limit.MAC:
		return i.KDF.Provenance
	case limit.Hash, limit.HashedByte:
		return i.Hash.Provenance
	case limit.AEAD, limit.AEADByte:
		return i.AEAD.Provenance
	}
	return i.Providers()
}

// certainly reports whether a ratio is below another by more than runs differ anyway.
func certainly(below, other stats.Interval) bool {
	return below.Center > 0 && below.High*(1+stats.Shift) < other.Low
}

// fastest is, for each primitive, which part of the suite's own price the fastest provider
// takes: 1 where no other is certainly faster, with the ends of the interval.
type fastest struct {
	low, value, high limit.Prices
	names            map[string]string // of the sets that are certainly the fastest
}

// fastest compares the providers of the suite.
func (s *suiteRun) fastest() fastest {
	f := fastest{names: map[string]string{}}
	info := suite.Describe(s.suite)
	for i := range f.value {
		p := limit.Primitive(i)
		own := stats.Interval{Center: 1, Low: 1, High: 1}
		names, ratios := []string{result.OwnProviders}, []stats.Interval{own}
		best := own
		for _, a := range s.others {
			if !a.differs(p, info) {
				continue
			}
			r := a.ratio(p, s.prices).Interval
			names, ratios = append(names, a.set), append(ratios, r)
			if certainly(r, own) && r.Center < best.Center {
				best = r
			}
		}
		f.low[i], f.value[i], f.high[i] = best.Low, best.Center, best.High
		if len(names) == 1 {
			continue
		}
		for k, r := range ratios {
			if !slices.ContainsFunc(slices.Delete(slices.Clone(ratios), k, k+1), func(other stats.Interval) bool { return !certainly(r, other) }) {
				f.names[p.String()] = names[k]
			}
		}
	}
	return f
}

// atPart returns the limit of c in each round at a part of the suite's prices, in proportion
// to the fixed loop.
func (c *cell) atPart(prices []limit.Prices, part limit.Prices) []float64 {
	limits := make([]float64, len(c.samples))
	for i := range limits {
		p := prices[i]
		for k := range p {
			p[k] *= part[k]
		}
		limits[i] = c.limit.At(p)
	}
	return limits
}

// addFastest adds to a result what the cell costs in proportion to the fastest providers,
// given the time of the fixed loop.
func (c *cell) addFastest(x *result.Cell, s *suiteRun, loop float64) {
	if len(s.others) == 0 {
		return
	}
	f, cpu := s.fastest(), undisturbed(x, loop)
	for i, limit := range c.atPart(s.prices, f.value) {
		x.Samples[i].LimitFastest = limit * x.Samples[i].Loop
	}
	estimate := func(part limit.Prices) (limit, ratio result.Figure) {
		limits := c.atPart(s.prices, part)
		for i := range limits {
			limits[i] *= loop
		}
		return figure(stats.NewCost(limits, nil, 0)), figure(stats.NewRatio(cpu, limits))
	}
	l, r := estimate(f.value)
	lowLimit, highRatio := estimate(f.low)
	highLimit, lowRatio := estimate(f.high)
	l.Low, l.High, r.Low, r.High = lowLimit.Low, highLimit.High, lowRatio.Low, highRatio.High
	x.LimitFastest, x.RatioFastest = &l, &r
}

// addAlternatives adds to a result what the other providers of the suite cost, given the time
// of the fixed loop.
func (s *suiteRun) addAlternatives(x *result.Suite, loop float64) {
	info := suite.Describe(s.suite)
	for _, a := range s.others {
		rounds := a.priced()
		if len(rounds) == 0 {
			continue
		}
		priced := device.NewSuite(a.suite, rounds, loop)
		found := result.Alternative{Set: a.set, Providers: priced.Providers, Prices: priced.Prices, Ratios: map[string]result.Figure{}}
		found.PriceSamples = priceSamples(rounds)
		for i, p := range a.prices {
			if !math.IsNaN(p[0]) {
				found.PricedIn = append(found.PricedIn, i)
			}
		}
		for i := range len(limit.Prices{}) {
			if p := limit.Primitive(i); a.differs(p, info) {
				found.Ratios[p.String()] = figure(a.ratio(p, s.prices))
			}
		}
		x.Alternatives = append(x.Alternatives, found)
	}
	if len(x.Alternatives) > 0 {
		x.Fastest = s.fastest().names
	}
}
