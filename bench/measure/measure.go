// Package measure measures what an operation costs: CPU time and allocations.
//
// CPU time is the user and system time of the whole process, with all threads and the
// garbage collector; see [Clock]. Unlike wall time, it does not grow when another process
// takes the core. Goroutines that run on two cores at once slow each other down and spin
// while they wait, so a measurement is steadiest under GOMAXPROCS(1), which the caller sets.
//
// A neighbour on the other half of a core, or a lower frequency, makes CPU time longer all
// the same, for milliseconds or minutes. A fixed loop beside each sample, [Work], shows by
// how much: the CPU time of an operation in proportion to that of the loop holds where CPU
// times do not.
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

	// Each, if not nil, is told the CPU time of each repetition of a sample. Reading the clock
	// takes a part of a microsecond of it.
	Each func(time.Duration)
}

// maxBatch bounds the repetitions of one sample, and so what prepare makes at once.
const maxBatch = 1 << 14

// Operation is what is measured.
type Operation struct {
	// Prepare readies n repetitions, unmeasured. It may be nil.
	Prepare func(n int) error
	// Do runs repetition i of those that Prepare readied last.
	Do func(i int) error
	// Most bounds the repetitions of a sample where Prepare takes much time or memory; 0 is
	// no bound of its own.
	Most int
}

// Sample is the cost of one repetition, a mean over the repetitions of one sample.
type Sample struct {
	CPU        float64 // nanoseconds
	Loop       float64 // nanoseconds of a fixed loop, the mean of a run right before the sample and one right behind it
	QuickLoop  float64 // nanoseconds of the quicker of the two
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
// share of the plan's time, at least 1 and at most 16,384 or what op bounds. Where it is
// close to that share, it believes the least of three samples: a disturbed one would make
// every later sample short. It returns the first error of op, or that of ctx.
func (p Plan) Batch(ctx context.Context, op Operation) (int, error) {
	share := p.Time / time.Duration(p.Count)
	batch, most := 1, maxBatch
	if op.Most > 0 {
		most = min(most, op.Most)
	}
	for {
		s, err := p.Take(op, batch)
		took := time.Duration(s.CPU * float64(batch))
		for try := 0; err == nil && try < 2 && took >= share && took < 4*share; try++ {
			if s, err = p.Take(op, batch); err == nil {
				took = min(took, time.Duration(s.CPU*float64(batch)))
			}
		}
		if err != nil {
			return 0, err
		}
		if took >= share || batch == most {
			return batch, nil
		}
		batch = min(grow(batch, took, share), most)
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
	first := loopTime(now)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	took, err := p.repeat(op, n, now)
	if err != nil {
		return Sample{}, err
	}
	runtime.ReadMemStats(&after)
	second := loopTime(now)
	return Sample{
		CPU:        float64(took) / float64(n),
		Loop:       float64(first+second) / 2,
		QuickLoop:  float64(min(first, second)),
		Allocs:     float64(after.Mallocs-before.Mallocs) / float64(n),
		AllocBytes: float64(after.TotalAlloc-before.TotalAlloc) / float64(n),
	}, nil
}

// repeat runs n repetitions of op, and returns the CPU time that they took.
func (p Plan) repeat(op Operation, n int, now func() time.Duration) (took time.Duration, err error) {
	start := now()
	for i := range n {
		if err := op.Do(i); err != nil {
			return 0, err
		}
		if p.Each != nil {
			one := now() - start
			took += one
			p.Each(one)
			start = now()
		}
	}
	if p.Each == nil {
		took = now() - start
	}
	return took, nil
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
		Loop:       of(func(s Sample) float64 { return s.Loop }),
		QuickLoop:  of(func(s Sample) float64 { return s.QuickLoop }),
		Allocs:     of(func(s Sample) float64 { return s.Allocs }),
		AllocBytes: of(func(s Sample) float64 { return s.AllocBytes }),
	}
}

// Used returns the CPU time of this process so far; see [Clock].
func Used() time.Duration { return cpuTime() }

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
