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
		"rayleigh":   func(r *rand.Rand) float64 { return 0.03 * math.Sqrt(2*r.ExpFloat64()) },
		"log-normal": func(r *rand.Rand) float64 { return 0.03 * math.Exp(r.NormFloat64()) },
	}
}

// middle returns the median of noise, by a million samples.
func middle(n noise) float64 {
	r := rand.New(rand.NewPCG(0, 1))
	population := make([]float64, 1_000_000)
	for i := range population {
		population[i] = n(r)
	}
	return at(measured(population), 0.5)
}

// machine makes samples, and the loops beside them.
type machine struct {
	noise noise

	// A burst begins at a quiet sample with probability enter and ends at a later one with
	// probability leave. In it everything takes 1.2 to 1.8 times as long, the loop and the
	// cells alike but for unlike.
	enter, leave float64
	unlike       float64 // by how much more or less of a burst a cell takes, relative to the loop

	drift float64 // the relative growth of all times from the first round to the last
}

func quiet(n noise) machine { return machine{noise: n} }

// bursty machines are disturbed in two samples of five, for twenty on average.
func bursty(n noise) machine { return machine{noise: n, enter: 0.033, leave: 0.05} }

func drifting(n noise) machine { return machine{noise: n, drift: 0.1} }

// raw returns the samples of cells with the floors given, and the times of the loops
// beside them: 1 without disturbance.
func (m machine) raw(r *rand.Rand, floors []float64, rounds int) (samples, loops [][]float64) {
	samples, loops = make([][]float64, len(floors)), make([][]float64, len(floors))
	burst := m.enter > 0 && r.Float64() < m.enter/(m.enter+m.leave)
	strength := r.Float64()
	for round := range rounds {
		for _, c := range r.Perm(len(floors)) {
			if burst {
				burst = r.Float64() >= m.leave
			} else if burst = r.Float64() < m.enter; burst {
				strength = r.Float64()
			}
			slower := 1 + m.drift*float64(round)/float64(rounds)
			cell := slower
			if burst {
				slower *= 1.2 + 0.6*strength
				cell *= 1 + (0.2+0.6*strength)*(1+m.unlike*float64(c%3-1))
			}
			samples[c] = append(samples[c], floors[c]*(1+m.noise(r))*cell)
			loops[c] = append(loops[c], slower*(1+0.002*r.ExpFloat64()))
		}
	}
	return samples, loops
}

// run returns the samples of cells without disturbance.
func (m machine) run(r *rand.Rand, floors []float64, rounds int) [][]float64 {
	samples, loops := m.raw(r, floors, rounds)
	for c := range samples {
		samples[c] = Undisturbed(samples[c], loops[c], 1)
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
