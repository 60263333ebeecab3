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

// providers returns who provides a primitive. Of the KDF and the AEAD, the provider of the
// suite's own calls comes first, before that of HPKE.
func providers(p limit.Primitive, i suite.Info) suite.Providers {
	first := func(all suite.Providers) suite.Providers { return suite.ProvidedBy(all.List()[:min(1, all.Len())]...) }
	switch p {
	case limit.DeriveKey, limit.CheckKey:
		return i.KEM.Provenance
	case limit.Prepare, limit.Seal, limit.Open:
		return i.KEM.Provenance.With(i.KDF.Provenance, i.AEAD.Provenance)
	case limit.Sign, limit.Verify, limit.VerifyFirst, limit.SignedByte, limit.VerifiedByte:
		return i.Signature.Provenance
	case limit.Extract, limit.Expand, limit.MAC:
		return first(i.KDF.Provenance)
	case limit.Hash, limit.HashedByte:
		return i.Hash.Provenance
	case limit.AEAD, limit.AEADByte:
		return first(i.AEAD.Provenance)
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

// offer is what a primitive costs on a set of providers, in proportion to the suite's own.
type offer struct {
	set string
	stats.Interval
}

// offers returns the offers for a primitive, the suite's own first.
func (s *suiteRun) offers(p limit.Primitive) []offer {
	all := []offer{{result.OwnProviders, stats.Interval{Center: 1, Low: 1, High: 1}}}
	info := suite.Describe(s.suite)
	for _, a := range s.others {
		if a.differs(p, info) {
			all = append(all, offer{a.set, a.ratio(p, s.prices).Interval})
		}
	}
	return all
}

// cheapest returns the cheapest of those offers that are certainly below the first, or the first.
func cheapest(offers []offer) offer {
	found := offers[0]
	for _, o := range offers[1:] {
		if certainly(o.Interval, offers[0].Interval) && o.Center < found.Center {
			found = o
		}
	}
	return found
}

// winner returns the set that is certainly below all others, or "".
func winner(offers []offer) string {
	for _, o := range offers {
		if len(offers) > 1 && !slices.ContainsFunc(offers, func(other offer) bool { return other != o && !certainly(o.Interval, other.Interval) }) {
			return o.set
		}
	}
	return ""
}

// fastest compares the providers of the suite. Prepare and Seal are of one set: what the one
// does not prepare the other has to do.
func (s *suiteRun) fastest() fastest {
	f := fastest{names: map[string]string{}}
	sealer := cheapest(s.offers(limit.Seal)).set
	for i := range f.value {
		p := limit.Primitive(i)
		offers := s.offers(p)
		if p == limit.Prepare {
			offers = slices.DeleteFunc(offers, func(o offer) bool { return o.set != sealer && o.set != result.OwnProviders })
		}
		b := cheapest(offers)
		f.low[i], f.value[i], f.high[i] = b.Low, b.Center, b.High
		if name := winner(offers); name != "" {
			f.names[p.String()] = name
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

// leastTold is the number of rounds below which the interval of a ratio has no upper end.
const leastTold = 5

// told reports whether the suite has other providers, and which of them are faster can be
// told.
func (s *suiteRun) told() bool {
	few := func(a *alternative) bool { return len(a.priced()) < leastTold }
	return len(s.others) > 0 && !slices.ContainsFunc(s.others, few)
}

// addFastest adds to a result what the cell costs in proportion to the fastest providers,
// given the suite's own prices by round, the CPU times without disturbance and the time of the
// fixed loop.
func (c *cell) addFastest(x *result.Cell, prices []limit.Prices, f fastest, cpu []float64, loop float64) {
	for i, limit := range c.atPart(prices, f.value) {
		x.Samples[i].LimitFastest = limit * x.Samples[i].Loop
	}
	estimate := func(part limit.Prices) (limit, ratio result.Figure) {
		limits := c.atPart(prices, part)
		for i := range limits {
			limits[i] *= loop
		}
		return figure(stats.NewCost(limits)), figure(stats.NewRatio(cpu, limits))
	}
	l, r := estimate(f.value)
	lowLimit, highRatio := estimate(f.low)
	highLimit, lowRatio := estimate(f.high)
	l.Low, l.High, r.Low, r.High = lowLimit.Low, highLimit.High, lowRatio.Low, highRatio.High
	x.LimitFastest, x.RatioFastest = &l, &r
}

// addAlternatives adds to a result what the other providers of the suite cost and which is the
// fastest, given the time of the fixed loop.
func (s *suiteRun) addAlternatives(x *result.Suite, f fastest, loop float64) {
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
		x.Fastest = f.names
	}
}
