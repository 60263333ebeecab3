package stats

import "math"

// quickest is the quantile of the loop's times that [Reference] takes.
const quickest = 0.001

// Reference returns the time of the fixed loop on this machine without disturbance: the 0.1 %
// quantile of all its times in a run. The loop takes a fraction of a millisecond, so some of
// thousands of its runs are disturbed by nothing, however busy the machine is. It is NaN if
// there is none.
func Reference(loops []float64) float64 {
	times := measured(loops)
	if len(times) == 0 {
		return math.NaN()
	}
	return at(times, quickest)
}

// unlike is the share of what slows the loop by which it may slow an operation otherwise: the
// operation takes memory and caches that the loop does not, or units of the core that a
// neighbour leaves alone. Between runs beside compilers that slowed the loop by 70 and 80 % in
// the median, costs differed by 15 % in the median cell; between runs slowed by 58 and 26 %, by
// 4 %.
const unlike = 0.1

// Doubt returns the relative amount by which all costs of a run may be off together, because
// what disturbed it slowed operations otherwise than the loop: a tenth of what it slowed the
// loop by, in the median. No number of rounds makes it less; a quieter machine does. It is 0
// if there is no loop.
func Doubt(loops []float64, reference float64) float64 {
	times := measured(loops)
	if len(times) == 0 || !(reference > 0) {
		return 0
	}
	return unlike * max(0, at(times, 0.5)/reference-1)
}

// NewCost estimates the cost of an operation: the median of the samples, with the interval by
// order statistics. It assumes nothing about their distribution, but that the rounds are alike
// once the loop is divided out; see [Undisturbed].
//
// Where a run goes on until the cell is resolved, the interval covers in nine runs of ten.
func NewCost(samples []float64) Estimate { return describe(measured(samples)) }

// Undisturbed returns what samples would have taken without disturbance: each divided by what
// the fixed loop took beside it, and multiplied by the reference, which is the time of the loop
// without disturbance; see [Reference].
func Undisturbed(samples, loops []float64, reference float64) []float64 {
	undisturbed := ratios(samples, loops)
	for r := range undisturbed {
		undisturbed[r] *= reference
	}
	return undisturbed
}

// NewRatio estimates the ratio of two costs that were measured in the same rounds, such as
// an operation and its primitives: the median of the ratios of the rounds that have both,
// with the interval by order statistics.
func NewRatio(numerator, denominator []float64) Estimate {
	return describe(measured(ratios(numerator, denominator)))
}

// ratios returns the ratio of each round, NaN where a sample is missing.
func ratios(numerator, denominator []float64) []float64 {
	quotients := make([]float64, min(len(numerator), len(denominator)))
	for r := range quotients {
		quotients[r] = math.NaN()
		if denominator[r] > 0 {
			quotients[r] = numerator[r] / denominator[r]
		}
	}
	return quotients
}
