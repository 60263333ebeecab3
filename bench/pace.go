package bench

import (
	"fmt"
	"time"
)

// partOf returns which part of a time has passed, of which so much is left.
func partOf(passed, left time.Duration) float64 {
	return float64(passed) / float64(max(passed+left, 1))
}

// roundsTake returns how long the rounds over a number of cells may take, before the first.
func (c *Config) roundsTake(cells int) time.Duration {
	if c.Budget > 0 {
		return c.Budget
	}
	const beside = 2 // what preparing a sample and pricing primitives take, in samples
	return time.Duration(c.Rounds*cells) * (1 + beside) * c.Sample
}

// pace is how far the rounds of a run are.
type pace struct {
	made   time.Duration // that making the groups took
	passed time.Duration // since the first round began
	rounds int           // that are done, of this run
}

// left returns how long the rounds may go on.
func (p pace) left(c *Config, rounds, cells int) time.Duration {
	switch {
	case c.Budget > 0:
		return max(0, c.Budget-p.passed)
	case p.rounds == 0:
		return max(0, c.roundsTake(cells)-p.passed)
	}
	return time.Duration(float64(p.passed) * max(0, float64(rounds-p.rounds)) / float64(p.rounds))
}

// tell says which suite is measured next.
func (r *run) tell(s *suiteRun) {
	before := 0
	if r.Earlier != nil {
		before = r.Earlier.Measurement.Rounds
	}
	p := pace{made: r.made, passed: time.Since(r.started), rounds: r.rounds - before}
	r.progress(partOf(p.made+p.passed, p.left(&r.Config, r.Rounds-before, r.cells())),
		fmt.Sprintf("round %d, %s, %d of %d cells to resolve", r.rounds+1, s.info.ID, r.open, r.cells()))
}
