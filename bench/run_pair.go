package bench

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/scale"
	"github.com/mlsuite/mlsuite/suite"
)

// addPair takes the pair of suitebench run. Its suites are among those that are measured, in a
// steady group, and so are commit and process.
func (s *settings) addPair(pair, every string) error {
	if pair == "" {
		return nil
	}
	c := &combined{asked: true}
	var err error
	if c.pair, err = findPair(s.Registry, pair); err == nil {
		err = apq.CheckSuites(apq.Mode(c.pair.Mode), c.pair.T, c.pair.PQ)
	}
	if err != nil {
		return fmt.Errorf("--pair: %w", err)
	}
	if c.every, err = parseIntervals(every); err != nil {
		return err
	}
	for _, info := range []suite.Info{c.pair.T, c.pair.PQ} {
		if !slices.ContainsFunc(s.suites, func(cs suite.Suite) bool { return cs.Info().ID == info.ID }) {
			return fmt.Errorf("--pair: %s is not among the suites that are measured", info.Name)
		}
	}
	for _, op := range []string{"commit", "process"} {
		if !slices.Contains(s.Operations, op) {
			return errors.New("--pair: it wants commit and process among --ops")
		}
	}
	if !slices.Contains(s.Trees, "steady") {
		return errors.New("--pair: it wants steady among --tree")
	}
	s.pair = c
	return nil
}

// of prices the pair by what a run measured of its suites, in each size of steady group that both
// have.
func (c *combined) of(r *result.Results) []result.Pair {
	device := deviceOf(r)
	var of [2]day.Pricing
	for i, info := range c.suites()[:2] {
		prices, ok := device.Prices(info)
		if !ok {
			return nil
		}
		of[i] = day.Pricing{Suite: info, Prices: prices}
	}
	pair := day.Combiner{T: of[0], PQ: of[1]}
	var all []result.Pair
	for i := range r.Cells {
		commit := &r.Cells[i]
		if commit.Op != "commit" || commit.Tree != "steady" || commit.ID != result.Code(c.pair.T.ID) || commit.Samples == nil {
			continue
		}
		inPQ := *commit
		inPQ.ID = result.Code(c.pair.PQ.ID)
		cells := [3]*result.Cell{}
		for j, find := range []struct {
			of *result.Cell
			op string
		}{{commit, "process"}, {&inPQ, "commit"}, {&inPQ, "process"}} {
			if cell, ok := r.Find(find.of, find.op); ok && cell.Samples != nil {
				cells[j] = cell
			}
		}
		if slices.Contains(cells[:], nil) {
			continue
		}
		groups := pair.Groups(commit.GroupSize)
		besideCommit, besideProcess := pair.Beside(commit.GroupSize)
		plain := scale.Group(c.pair.T, commit.GroupSize).CommitMessageBytes()
		one := result.Pair{
			T: c.pair.T.Name, TID: result.Code(c.pair.T.ID), PQ: c.pair.PQ.Name, PQID: result.Code(c.pair.PQ.ID), GroupSize: commit.GroupSize,
		}
		for _, every := range c.every {
			share := 1 / float64(every)
			bytes := groups.RenewalMessageBytes(share)
			one.Intervals = append(one.Intervals, result.PairInterval{
				Every: every, Commit: commit.CPU.Plus(cells[1].CPU.Plus(besideCommit).Times(share)),
				Process: cells[0].CPU.Plus(cells[2].CPU.Plus(besideProcess).Times(share)), Bytes: bytes, Times: bytes / plain,
			})
		}
		all = append(all, one)
	}
	return all
}

// withPairs writes the prices of pairs below what write writes.
func withPairs(write func(io.Writer, *result.Results) error) func(io.Writer, *result.Results) error {
	return func(w io.Writer, r *result.Results) error {
		if err := write(w, r); err != nil || len(r.Pairs) == 0 {
			return err
		}
		var b strings.Builder
		for _, p := range r.Pairs {
			fmt.Fprintf(&b, "\nA pair of %s and %s (draft-ietf-mls-combiner), %d members: a renewal, if one in so many is FULL\n\n", p.TID, p.PQID, p.GroupSize)
			t := table{titles: []string{"RENEWALS", " BYTES", " TIMES", " COMMIT", " ±", " PROCESS", " ±"}}
			for _, i := range p.Intervals {
				t.add(fmt.Sprintf("FULL every %d", i.Every), whole(i.Bytes), fmt.Sprintf("%.2f", i.Times),
					day.Duration(i.Commit.Value), spread(i.Commit), day.Duration(i.Process.Value), spread(i.Process))
			}
			t.format(&b)
		}
		b.WriteString(wrap("\nTIMES are those of the bytes in the first group alone. Bytes are those of the formats, for a leaf that lists what the combiner needs. CPU times are those measured in both groups, and the price of what a FULL commit takes beside.\n", textWidth))
		_, err := io.WriteString(w, b.String())
		return err
	}
}
