package stats

import (
	"math"
	"math/rand/v2"
)

// noise returns what a sample is more than its floor, relative to it.
type noise func(*rand.Rand) float64

func noises() map[string]noise {
	return map[string]noise{
		"exponential": func(r *rand.Rand) float64 { return 0.03 * r.ExpFloat64() },
		// Infinite variance.
		"heavy tail": func(r *rand.Rand) float64 { return 0.03 * (math.Pow(1-r.Float64(), -1/1.2) - 1) },
		"uniform":    func(r *rand.Rand) float64 { return 0.1 * r.Float64() },
		// Few samples close to the floor.
		"rayleigh":   func(r *rand.Rand) float64 { return 0.03 * math.Sqrt(2*r.ExpFloat64()) },
		"log-normal": func(r *rand.Rand) float64 { return 0.03 * math.Exp(r.NormFloat64()) },
	}
}

// machine makes samples.
type machine struct {
	noise noise

	// A burst begins at a quiet round with probability enter and ends at a later one with
	// probability leave. In it every sample takes 1.2 to 2.2 times as long: part of that
	// depends on the burst, part on the cell.
	enter, leave float64

	drift float64 // the relative growth of all costs from the first round to the last
}

func quiet(n noise) machine { return machine{noise: n} }

// bursty machines are disturbed in two rounds of five, for seven rounds on average.
func bursty(n noise) machine { return machine{noise: n, enter: 0.1, leave: 0.15} }

func drifting(n noise) machine { return machine{noise: n, drift: 0.03} }

// run returns the samples of cells with the floors given.
func (m machine) run(r *rand.Rand, floors []float64, rounds int) [][]float64 {
	samples := make([][]float64, len(floors))
	burst := m.enter > 0 && r.Float64() < m.enter/(m.enter+m.leave)
	strength := r.Float64()
	for round := range rounds {
		if burst {
			burst = r.Float64() >= m.leave
		} else if burst = r.Float64() < m.enter; burst {
			strength = r.Float64()
		}
		for c, floor := range floors {
			s := floor * (1 + m.noise(r)) * (1 + m.drift*float64(round)/float64(rounds))
			if burst {
				s *= 1.2 + 0.5*strength + 0.5*float64(c%3)/2
			}
			samples[c] = append(samples[c], s)
		}
	}
	return samples
}

// repeated returns n equal numbers.
func repeated(x float64, n int) []float64 {
	xs := make([]float64, n)
	for i := range xs {
		xs[i] = x
	}
	return xs
}
