// Package stats estimates costs from measurements that are taken in rounds over all cells on
// a machine that is noisy and shared, and says which of them can be told apart.
//
// A cell is one quantity that a benchmark measures, such as the time of a commit in one suite
// at one size. A round measures every cell once, in random order. The samples of a cell are a
// slice of float64 with one element a round, in the order of the rounds; NaN stands for a
// round without a measurement, and a slice may end early. Element r of two cells of one run
// was therefore measured in the same round. All samples are positive.
//
// # What holds on a noisy machine
//
// Noise adds: a neighbour on the other half of the core, an interrupt or a lower frequency
// only ever makes an operation slower, by a tenth or by all of it, for milliseconds or for
// the whole run. Medians of times follow the share of slow rounds, which differs between
// runs. The least times hold better, but nothing bounds how far they lie above the cost
// without disturbance, and of an operation that varies by itself, such as a signature by
// rejection sampling, they are the luckiest.
//
// A fixed loop beside each sample is slowed by much the same. [Undisturbed] therefore divides
// each sample by its loop, and [NewCost] takes the median of the rounds, which repeats between
// runs as well as the least times do, and has an interval that assumes nothing. The loop's own
// time without disturbance, which [Reference] takes of all samples of a run, brings back the
// unit.
//
// What remains is what slows the loop and the operation unlike: a neighbour that takes the
// memory rather than the arithmetic, or an operation that computes in units which the
// loop leaves alone. [Shift] is what two runs differ by for such reasons.
//
// The functions are pure, take no time and no random numbers, and leave their arguments alone.
package stats

import (
	"math"
	"slices"

	"golang.org/x/perf/benchmath"
)

const (
	// Confidence is the confidence level of an interval unless its description gives another.
	Confidence = 0.95

	// Precision is the relative width up to which a cell is resolved by default.
	Precision = 0.05

	// LeastRounds is the least number of rounds of a cell that is resolved.
	LeastRounds = 15
)

// Interval is an estimate with its confidence interval. The bounds of a quantity that too
// few samples were taken of are infinite, or 0 below a cost; the zero Interval and one with
// NaN in it estimate nothing.
type Interval struct {
	Center, Low, High float64
}

// RelativeWidth returns the distance of the farther bound from the center, divided by the
// center: 0.05 is ±5 %. It is infinite if i estimates nothing.
func (i Interval) RelativeWidth() float64 {
	w := max(i.High-i.Center, i.Center-i.Low) / i.Center
	if math.IsNaN(w) || i.Center <= 0 {
		return math.Inf(1)
	}
	return w
}

// Resolved reports whether the relative width is at most precision.
func (i Interval) Resolved(precision float64) bool { return i.RelativeWidth() <= precision }

// Estimate is what the samples of a cell say.
type Estimate struct {
	Interval          // of the median
	P90      Interval // the ninetieth percentile; it is unbounded above below 36 rounds
	Rounds   int      // that have a sample
}

// Resolved reports whether e has at least [LeastRounds] rounds and its relative width is at
// most precision.
func (e Estimate) Resolved(precision float64) bool {
	return e.Rounds >= LeastRounds && e.Interval.Resolved(precision)
}

// Within returns e with an interval that allows for a doubt: see [Doubt].
func (e Estimate) Within(doubt float64) Estimate {
	e.Low, e.High = e.Low*(1-doubt), e.High*(1+doubt)
	return e
}

// measured returns the samples there are, in ascending order.
func measured(samples []float64) []float64 {
	sorted := slices.DeleteFunc(slices.Clone(samples), math.IsNaN)
	slices.Sort(sorted)
	return sorted
}

// describe returns the estimate of sorted samples.
func describe(sorted []float64) Estimate {
	return Estimate{Interval: median(sorted, Confidence), P90: quantile(sorted, 0.9), Rounds: len(sorted)}
}

// median returns the median of sorted samples with its interval by order statistics.
func median(sorted []float64, confidence float64) Interval {
	if len(sorted) == 0 {
		return Interval{}
	}
	thresholds := benchmath.DefaultThresholds
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(sorted), &thresholds), confidence)
	return Interval{Center: s.Center, Low: max(s.Lo, 0), High: s.Hi}
}

// quantile returns the q-quantile of sorted samples with its interval by order statistics:
// at most half of what the confidence leaves lies on either side.
func quantile(sorted []float64, q float64) Interval {
	n := len(sorted)
	if n == 0 {
		return Interval{}
	}
	tail := (1 - Confidence) / 2
	i := Interval{Center: at(sorted, q), High: math.Inf(1)}
	below := 0.0 // the probability that at most k samples lie below the quantile
	for k := range n {
		below += binomial(n, k, q)
		if below <= tail {
			i.Low = sorted[k]
		}
		if below >= 1-tail {
			i.High = sorted[k]
			break
		}
	}
	return i
}

// binomial returns the probability of k successes, each of probability p, in n trials.
func binomial(n, k int, p float64) float64 {
	lgamma := func(x int) float64 { v, _ := math.Lgamma(float64(x) + 1); return v }
	return math.Exp(lgamma(n) - lgamma(k) - lgamma(n-k) + float64(k)*math.Log(p) + float64(n-k)*math.Log1p(-p))
}

// at returns the q-quantile of sorted values, interpolated. There is at least one.
func at(sorted []float64, q float64) float64 {
	h := q * float64(len(sorted)-1)
	i := min(int(h), len(sorted)-1)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (h-float64(i))*(sorted[i+1]-sorted[i])
}
