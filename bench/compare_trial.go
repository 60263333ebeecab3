package bench

import (
	"fmt"
	"strings"

	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/result"
)

// trialPair is a trial of the same groups in two files.
type trialPair struct{ old, new *result.Trial }

// trialPairs returns the trials that both results have.
func trialPairs(old, new *result.Results) (pairs []trialPair) {
	for i := range old.Trials {
		for j := range new.Trials {
			a, b := &old.Trials[i], &new.Trials[j]
			if a.ID == b.ID && a.PQ == b.PQ && a.Groups == b.Groups && a.GroupSize == b.GroupSize && a.Workload == b.Workload {
				pairs = append(pairs, trialPair{a, b})
				break
			}
		}
	}
	return pairs
}

// compareTrials writes the figures of trials beside each other. Each is of one trial, so that
// a change has no interval and no verdict.
func compareTrials(b *strings.Builder, pairs []trialPair) {
	t := table{titles: []string{"ID", "TRIAL", "FIGURE", " OLD", " NEW", " CHANGE"}}
	for _, p := range pairs {
		add := func(name string, old, new float64, text func(float64) string) {
			if old == 0 && new == 0 {
				return
			}
			change := "?"
			if old > 0 {
				change = fmt.Sprintf("%+.0f %%", 100*(new/old-1))
			}
			t.add(p.old.ID.String(), fmt.Sprintf("%s, %d of %d", p.old.Workload, p.old.Groups, p.old.GroupSize), name, text(old), text(new), change)
		}
		number := func(n float64) string { return fmt.Sprintf("%.0f", n) }
		a, z := p.old, p.new
		add("message, p50", a.Latency.P50, z.Latency.P50, day.Duration)
		add("message, p99", a.Latency.P99, z.Latency.P99, day.Duration)
		add("commit, p50", a.CommitLatency.P50, z.CommitLatency.P50, day.Duration)
		add("commit, p99", a.CommitLatency.P99, z.CommitLatency.P99, day.Duration)
		add("commits a minute", a.PerMinute, z.PerMinute, number)
		add("bytes up", a.Up, z.Up, day.Bytes)
		add("bytes down", a.Down, z.Down, day.Bytes)
		add("CPU time, all", a.AllCPU, z.AllCPU, day.Duration)
		add("CPU time, clients", a.ClientCPU, z.ClientCPU, day.Duration)
		add("clients' stores", a.Stored.After, z.Stored.After, day.Bytes)
		if a.CatchUp != nil && z.CatchUp != nil {
			add("catch-up", a.CatchUp.Seconds*1e9, z.CatchUp.Seconds*1e9, day.Duration)
		}
		if a.Move != nil && z.Move != nil {
			add("move of all", a.Move.Seconds*1e9, z.Move.Seconds*1e9, day.Duration)
		}
		add("lost or doubled", float64(a.Check.Lost+a.Check.Doubled), float64(z.Check.Lost+z.Check.Doubled), number)
	}
	t.format(b)
	b.WriteString("\nA trial is measured once: a change has no interval, and small ones mean nothing.\n")
}
