package bench

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/stats"
)

// compare returns the command that compares two runs.
func (p program) compare() *cobra.Command {
	return &cobra.Command{
		Use:   "compare OLD NEW",
		Short: "Compare two runs",
		Long: `Compare compares what two runs of suitebench run --format json wrote, cell by cell. Costs are
in proportion to the fixed loop that ran beside each sample, so a machine that was slower
during one run makes no difference. DELTA is the new cost in proportion to the old one, with
the wider half of its 95 % interval. P is of the Mann-Whitney U test, corrected for the number
of cells. SEEN is the smallest change that the comparison could have seen. A cell is called
faster or slower if P is at most 0.05 and the interval excludes every change that two runs of
one program show: 2 %, and a tenth of what the fixed loop was slowed by in both runs. A cell
with fewer than 15 rounds in one of them has no verdict. What differs in the machine, the
clock, the messages or the providers of both runs is a warning.

Trials of mlstrial --format json stand beside each other, where both files have the same.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, names []string) error {
			var files [2]*result.Results
			for i, name := range names {
				var err error
				if files[i], err = readResults(name); err != nil {
					return err
				}
			}
			return compareRuns(cmd.OutOrStdout(), files[0], files[1])
		},
	}
}

// readResults reads a results file.
func readResults(name string) (*result.Results, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	r, err := read(file)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// match is the cells that two runs have both measured.
type match struct {
	cells       []*result.Cell // as the old run has them
	old, new    [][]float64    // samples without disturbance
	comparisons [][]int        // cells that are ranked together
	doubt       float64        // of both runs
}

// comparison is what cells have in common that are ranked together.
type comparison struct {
	size     int
	tree, op string
}

func comparisonOf(c *result.Cell) comparison { return comparison{c.GroupSize, c.Tree, c.Op} }

// newMatch matches the cells of two runs, given the time of the fixed loop in each. With one
// time for both, what makes it slower together with the cells is no difference.
func newMatch(old, new *result.Results, oldLoop, newLoop float64) match {
	m := match{doubt: old.Measurement.Doubt + new.Measurement.Doubt}
	ranked := map[comparison]int{}
	for i := range old.Cells {
		a := &old.Cells[i]
		b, ok := new.Find(a, a.Op)
		if !ok || a.Samples == nil || b.Samples == nil {
			continue
		}
		k, ok := ranked[comparisonOf(a)]
		if !ok {
			k = len(m.comparisons)
			ranked[comparisonOf(a)] = k
			m.comparisons = append(m.comparisons, nil)
		}
		m.comparisons[k] = append(m.comparisons[k], len(m.cells))
		m.cells = append(m.cells, a)
		m.old, m.new = append(m.old, undisturbed(a, oldLoop)), append(m.new, undisturbed(b, newLoop))
	}
	return m
}

// writeComparison writes a line for each cell, those that changed most first, and those of
// which nothing can be said last.
func writeComparison(w io.Writer, m match) error {
	t := table{tight: true, titles: []string{
		"ID", " MEMBERS", "TREE", "OPERATION", " OLD ms", " NEW ms", " DELTA", " ±", " P", " SEEN", "VERDICT",
	}, optional: []string{" P", " OLD ms", "TREE"}}
	compared := stats.Compare(m.old, m.new, stats.Options{Doubt: m.doubt})
	order := make([]int, len(compared))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		x, y := compared[a], compared[b]
		if x.Significant != y.Significant {
			if x.Significant {
				return -1
			}
			return 1
		}
		return cmp.Compare(effect(y), effect(x))
	})
	changed, few := 0, 0
	for _, i := range order {
		c, cell := compared[i], m.cells[i]
		if c.Delta.Center == 0 {
			few++
			t.add(cell.ID.String(), strconv.Itoa(cell.GroupSize), cell.Tree, cell.Op, milliseconds(c.Old.Center), milliseconds(c.New.Center),
				"-", "-", "-", "-", "too few rounds")
			continue
		}
		verdict := "no change seen"
		if c.Significant {
			changed++
			verdict = "slower"
			if c.Delta.Center < 1 {
				verdict = "faster"
			}
		}
		t.add(cell.ID.String(), strconv.Itoa(cell.GroupSize), cell.Tree, cell.Op, milliseconds(c.Old.Center), milliseconds(c.New.Center),
			strconv.FormatFloat(c.Delta.Center, 'f', 3, 64), share(c.Delta.RelativeWidth()),
			strconv.FormatFloat(c.Adjusted, 'f', 3, 64), share(c.Seen), verdict)
	}
	fit(screenOf(w).width, &t)
	if err := t.write(w); err != nil {
		return err
	}
	text := fmt.Sprintf("\n%d of %d cells differ\n", changed, len(m.cells)-few)
	if few > 0 {
		text += fmt.Sprintf("cells with fewer than %d rounds in a run, too few to compare: %d\n", stats.LeastRounds, few)
	}
	_, err := io.WriteString(w, text)
	return err
}

// effect returns how far a cell changed, dearer and cheaper alike; -1 if that is not known.
func effect(c stats.Comparison) float64 {
	if c.Delta.Center == 0 {
		return -1
	}
	return math.Abs(math.Log(c.Delta.Center))
}

// share returns a part of 1 in per cent.
func share(x float64) string {
	if math.IsInf(x, 0) || math.IsNaN(x) {
		return "?"
	}
	return strconv.FormatFloat(100*x, 'f', 1, 64) + "%"
}

// selftest returns the command that measures the measuring.
func (p program) selftest() *cobra.Command {
	f := defaultRun()
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Measure twice, and say by how much the figures differ",
		Long: `Selftest runs the default twice on this machine, and says by how much the figures of a cell
differ, how many pairs of suites change rank, and how many differences a comparison calls
significant, though nothing has changed. It takes two minutes. What it prints is bounded by
the machine alone: run it before you believe a difference.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, _, err := f.parse(p)
			if err != nil {
				return err
			}
			s.SizesOnly = defaultSizesOnly()
			bar := newProgress(cmd.OutOrStdout(), cmd.ErrOrStderr(), false)
			var runs [2]*result.Results
			for i := range runs {
				show := func(done float64, what string) {
					bar.show((float64(i)+done)/2, fmt.Sprintf("run %d of 2, %s", i+1, what))
				}
				if runs[i], err = Run(cmd.Context(), s.config(show)); err != nil {
					bar.finish()
					return err
				}
			}
			bar.finish()
			return writeAgreement(cmd.OutOrStdout(), runs[0], runs[1])
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.suites, "suites", "all", "`LIST` of suites, as of suitebench run")
	flags.StringVar(&f.sizes, "sizes", defaultSizes, "`LIST` of group sizes")
	flags.IntVar(&f.rounds, "rounds", stats.LeastRounds, "rounds of each run, as far as the budget allows")
	flags.DurationVar(&f.budget, "budget", defaultBudget, "`TIME` after which no further round of a run begins; 0 for the rounds and no more")
	flags.DurationVar(&f.sample, "sample", defaultSample, "CPU `TIME` of an operation in a round, at least")
	return cmd
}

// writeAgreement writes how far two runs agree, and how busy the machine was.
func writeAgreement(w io.Writer, first, second *result.Results) error {
	if err := writeHeading(w, first); err != nil {
		return err
	}
	var b strings.Builder
	for _, warning := range second.Warnings {
		fmt.Fprintf(&b, "warning, second run: %s\n", warning)
	}
	m := newMatch(first, second, first.Measurement.LoopNS, second.Measurement.LoopNS)
	options := func(r *result.Results) stats.Options {
		return stats.Options{Precision: r.Measurement.Precision, Doubt: r.Measurement.Doubt}
	}
	a := stats.Agree(m.old, m.new, m.comparisons, options(first), options(second))
	fmt.Fprintf(&b, `
%d cells, %d and %d rounds
a cell differs by %s in the median, %s at the 90th percentile and %s at worst
%d pairs of suites; %d have the other order in the other run
%d pairs ranked apart; of these, figures that both runs resolve reverse %d, and any figures %d
%d of %d differences called significant
`, a.Cells, first.Measurement.Rounds, second.Measurement.Rounds, share(a.Median), share(a.P90), share(a.Worst),
		a.Pairs, a.Exchanged, a.Apart, a.Reversed, a.Doubted, a.Significant, a.Cells)
	_, err := io.WriteString(w, wrap(b.String(), min(screenOf(w).width, pageWidth)))
	return err
}
