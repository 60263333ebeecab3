package bench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

// madeUp is a suite with made-up prices of rounds: all primitives cost 100 and then 110, in
// turn, and those of the sets that many times as much. A set has no price in some rounds.
func madeUp(t *testing.T, rounds int, times map[string]limit.Prices) *suiteRun {
	t.Helper()
	own, err := all.Registry().Suite(0xF00B)
	require.NoError(t, err)
	s := &suiteRun{info: own.Info(), suite: own}
	sets := append([]registry.ProviderSet{fast.ProviderSet()}, all.ProviderSets()...)
	for _, set := range sets {
		other, err := set.Suite(own.Info())
		require.NoError(t, err)
		if _, ok := times[set.Name]; ok {
			s.others = append(s.others, &alternative{set: set.Name, mode: fipsMode(), suite: other})
		}
	}
	for round := range rounds {
		prices := flat(100 + 10*float64(round%2))
		s.prices = append(s.prices, prices)
		for i, a := range s.others {
			theirs := unpriced()
			if round%len(s.others) == i {
				for p := range theirs {
					theirs[p] = prices[p] * times[a.set][p]
				}
			}
			a.prices = append(a.prices, theirs)
		}
	}
	return s
}

func flat(price float64) (p limit.Prices) {
	for i := range p {
		p[i] = price
	}
	return p
}

func TestTheFastestIsNamedWhereItCanBeTold(t *testing.T) {
	quick, standard := flat(1), flat(1)
	quick[limit.Verify], quick[limit.Open], quick[limit.Seal], quick[limit.DeriveKey] = 0.25, 0.99, 0.5, 2
	standard[limit.Seal], standard[limit.DeriveKey], standard[limit.Prepare] = 0.6, 3, 0.001
	quick[limit.Hash] = 0.1 // the same code: it cannot be
	f := madeUp(t, 20, map[string]limit.Prices{"fast": quick, "crypto-hpke": standard}).fastest()

	require.Equal(t, map[string]string{"Verify": "fast", "Seal": "fast", "DeriveKey": result.OwnProviders}, f.names)
	require.Equal(t, 0.25, f.value[limit.Verify])
	require.Equal(t, 0.5, f.value[limit.Seal])
	require.Equal(t, 1.0, f.value[limit.Prepare], "of the set that seals, or the suite's own")
	require.Equal(t, 1.0, f.value[limit.Open], "one per cent is none")
	require.Equal(t, 1.0, f.value[limit.DeriveKey], "the suite's own is the fastest")
	require.Equal(t, 1.0, f.value[limit.Hash])
	for p := range f.value {
		require.LessOrEqual(t, f.low[p], f.value[p])
		require.LessOrEqual(t, f.value[p], f.high[p])
	}
}

// Of two that are alike none is the fastest, and the limit takes the lower price.
func TestTwoThatAreFasterHaveNoWinner(t *testing.T) {
	quick, standard := flat(1), flat(1)
	quick[limit.Open], standard[limit.Open] = 0.50, 0.505
	standard[limit.Seal], standard[limit.Prepare] = 0.5, 0.001
	f := madeUp(t, 20, map[string]limit.Prices{"fast": quick, "crypto-hpke": standard}).fastest()
	require.Equal(t, map[string]string{"Seal": "crypto-hpke", "Prepare": "crypto-hpke"}, f.names)
	require.Equal(t, 0.5, f.value[limit.Open])
	require.InDelta(t, 0.001, f.value[limit.Prepare], 1e-9)
}

// Too few rounds tell nothing apart: the interval of a median has no upper end below five.
func TestFewRoundsNameNoFastest(t *testing.T) {
	s := madeUp(t, 4, map[string]limit.Prices{"fast": flat(0.1)})
	require.Empty(t, s.fastest().names)
	require.Equal(t, flat(1), s.fastest().value)
	s = madeUp(t, 8, map[string]limit.Prices{"fast": flat(0.1)})
	require.Equal(t, "fast", s.fastest().names["Verify"])
}

func TestTheLimitOnTheFastestIsNeverAboveTheOwn(t *testing.T) {
	times := flat(1)
	times[limit.Verify], times[limit.Sign], times[limit.Seal] = 0.25, 4, 0.99
	s := madeUp(t, 20, map[string]limit.Prices{"fast": times})
	c := &cell{op: operation{name: "commit"}, task: &task{}, limit: limit.Cost{limit.Verify: 2, limit.Sign: 1, limit.Seal: 3, limit.HashedByte: 1000}}
	for round := range s.prices {
		c.samples = append(c.samples, measure.Sample{CPU: 3 * c.limit.At(s.prices[round]), Loop: 2})
	}
	x := c.result(s, s.fastest(), 10, 0, 0.05)
	require.NotNil(t, x.LimitFastest)
	require.Less(t, x.LimitFastest.Value, x.Limit.Value)
	require.InDelta(t, x.Limit.Value-10*2*0.75*105, x.LimitFastest.Value, 1e-6)
	require.InDelta(t, 1.5*x.Limit.Value/x.LimitFastest.Value, x.RatioFastest.Value, 1e-6)
	require.LessOrEqual(t, x.RatioFastest.Low, x.RatioFastest.Value)
	require.GreaterOrEqual(t, x.RatioFastest.High, x.RatioFastest.Value)
	for _, sample := range x.Samples {
		require.LessOrEqual(t, sample.LimitFastest, sample.Limit)
		require.Positive(t, sample.LimitFastest)
	}

	// With fewer rounds nothing could be told, and without others there is nothing to tell.
	for _, of := range []*suiteRun{madeUp(t, 4, map[string]limit.Prices{"fast": times}), madeUp(t, 4, nil)} {
		few := *c
		few.samples = c.samples[:4]
		x = few.result(of, of.fastest(), 10, 0, 0.05)
		require.Nil(t, x.LimitFastest)
		require.Nil(t, x.RatioFastest)
		require.Zero(t, x.Samples[0].LimitFastest)
	}
}

// Only a primitive with other providers, or in another mode, can cost something else.
func TestSameProvidersAreNotCompared(t *testing.T) {
	s := madeUp(t, 2, map[string]limit.Prices{"fast": flat(1), "crypto-hpke": flat(1)})
	info := suite.Describe(s.suite)
	quick, standard := s.others[0], s.others[1]
	for p, want := range map[limit.Primitive][2]bool{
		limit.DeriveKey: {true, true}, limit.Seal: {true, true}, limit.Open: {true, true}, limit.CheckKey: {true, true},
		limit.Sign: {true, false}, limit.Verify: {true, false}, limit.Hash: {false, false}, limit.HashedByte: {false, false},
		limit.Expand: {false, false}, limit.AEAD: {false, false}, limit.Prepare: {true, true},
	} {
		require.Equal(t, want, [2]bool{quick.differs(p, info), standard.differs(p, info)}, p)
	}
	for p := range len(limit.Prices{}) {
		away := *quick
		away.mode = "another"
		require.True(t, away.differs(limit.Primitive(p), info))
	}
}

// One alternative in a round, in turn, or every one; a round that fails leaves nothing.
func TestAlternativesArePricedInTurn(t *testing.T) {
	s := &suiteRun{pricer: pricerOf(t), others: []*alternative{{source: fixed(1)}, {source: fixed(2)}}}
	for round := range 4 {
		loops, err := s.price(round, false)
		require.NoError(t, err)
		require.Len(t, loops, 2)
	}
	loops, err := s.price(4, true)
	require.NoError(t, err)
	require.Len(t, loops, 3)
	require.Len(t, s.prices, 5)
	require.Len(t, s.others[0].priced(), 3)
	require.Len(t, s.others[1].priced(), 3)
	require.Equal(t, flat(2), s.others[1].prices[1])
	s.keep(1)
	require.Len(t, s.prices, 1)
	require.Len(t, s.others[0].priced(), 1)
	require.Empty(t, s.others[1].priced())
}

// fixed prices every primitive alike.
type fixed float64

func (f fixed) Sample() (limit.Prices, float64, error) { return flat(float64(f)), 1, nil }

func pricerOf(t *testing.T) *limit.Pricer {
	t.Helper()
	s, err := all.Registry().Suite(0x0002)
	require.NoError(t, err)
	p, err := limit.NewPricer(t.Context(), measure.Plan{Count: 1}, s)
	require.NoError(t, err)
	return p
}
