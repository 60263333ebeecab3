// Package measure measures what an operation costs: CPU time and allocations.
//
// CPU time is the user and system time of the whole process, with all threads and the
// garbage collector; see [Clock]. Unlike wall time, it does not grow when another process
// takes the core. Goroutines that run on two cores at once slow each other down and spin
// while they wait, so a measurement is steadiest under GOMAXPROCS(1), which the caller sets.
package measure

import (
	"context"
	"runtime"
	"slices"
	"time"
)

// Plan says how long to measure.
type Plan struct {
	Count int           // samples, at least 1
	Time  time.Duration // of all samples together, at least; every sample runs the operation at least once

	// Now returns the CPU time so far; nil is [Clock].
	Now func() time.Duration
}

// maxBatch bounds the repetitions of one sample, and so what prepare makes at once.
const maxBatch = 1 << 14

// Operation is what is measured.
type Operation struct {
	// Prepare readies n repetitions, unmeasured. It may be nil.
	Prepare func(n int) error
	// Do runs repetition i of those that Prepare readied last.
	Do func(i int) error
}

// Sample is the cost of one repetition, a mean over the repetitions of one sample.
type Sample struct {
	CPU        float64 // nanoseconds
	Allocs     float64 // heap objects
	AllocBytes float64 // bytes of them
}

// Run warms op up with one sample's repetitions, then returns plan.Count samples
// of it. It returns the first error of op, or that of ctx.
func Run(ctx context.Context, plan Plan, op Operation) ([]Sample, error) {
	n, err := plan.Batch(ctx, op)
	if err != nil {
		return nil, err
	}
	samples := make([]Sample, plan.Count)
	for i := range samples {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if samples[i], err = plan.Take(op, n); err != nil {
			return nil, err
		}
	}
	return samples, nil
}

// Batch warms op up, and returns the number of repetitions of a sample that takes its
// share of the plan's time, at least 1 and at most 16,384. It returns the first error of
// op, or that of ctx.
func (p Plan) Batch(ctx context.Context, op Operation) (int, error) {
	share := p.Time / time.Duration(p.Count)
	batch := 1
	for {
		s, err := p.Take(op, batch)
		if err != nil {
			return 0, err
		}
		took := time.Duration(s.CPU * float64(batch))
		if took >= share || batch == maxBatch {
			return batch, nil
		}
		batch = grow(batch, took, share)
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
}

// grow returns the number of repetitions that fill share, if batch of them took less: at
// most a hundred times as many, because a short run says little.
func grow(batch int, took, share time.Duration) int {
	next := batch * 100
	if took > 0 {
		next = min(next, int(float64(batch)*float64(share)/float64(took))+1)
	}
	return min(max(next, batch+1), maxBatch)
}

// Take returns one sample of n repetitions of op. It returns the first error of op.
func (p Plan) Take(op Operation, n int) (Sample, error) {
	now := p.Now
	if now == nil {
		now = cpuTime
	}
	if op.Prepare != nil {
		if err := op.Prepare(n); err != nil {
			return Sample{}, err
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	start := now()
	for i := range n {
		if err := op.Do(i); err != nil {
			return Sample{}, err
		}
	}
	took := now() - start
	runtime.ReadMemStats(&after)
	return Sample{
		CPU:        float64(took) / float64(n),
		Allocs:     float64(after.Mallocs-before.Mallocs) / float64(n),
		AllocBytes: float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, nil
}

// Median returns the median of each quantity by itself. It returns the zero
// Sample for no samples.
func Median(samples []Sample) Sample {
	of := func(quantity func(Sample) float64) float64 {
		values := make([]float64, len(samples))
		for i, s := range samples {
			values[i] = quantity(s)
		}
		return median(values)
	}
	return Sample{
		CPU:        of(func(s Sample) float64 { return s.CPU }),
		Allocs:     of(func(s Sample) float64 { return s.Allocs }),
		AllocBytes: of(func(s Sample) float64 { return s.AllocBytes }),
	}
}

// Least returns the least of each quantity by itself. It returns the zero Sample
// for no samples.
func Least(samples []Sample) Sample {
	if len(samples) == 0 {
		return Sample{}
	}
	least := samples[0]
	for _, s := range samples[1:] {
		least = Sample{min(least.CPU, s.CPU), min(least.Allocs, s.Allocs), min(least.AllocBytes, s.AllocBytes)}
	}
	return least
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
