package bench

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/scale"
	"github.com/mlsuite/mlsuite/bench/stats"
)

// scaleSizes returns the groups of which suitebench scale tells the cost.
func scaleSizes() []int { return []int{100, 1000, 10_000, 100_000, 1_000_000, scale.MaxMembers} }

// The largest group that suitebench scale measures: unless told otherwise, and at least.
const (
	defaultMeasure = 10_000
	leastMeasure   = 100
)

// scaleReport is what suitebench scale prints. Its JSON form is a contract.
type scaleReport struct {
	Command  []string     `json:"command"`
	Machine  host.Machine `json:"machine"`
	Warnings []string     `json:"warnings"`
	Rounds   int          `json:"rounds"`
	*scale.Scale
	results *result.Results
}

func scaleFormats() []writer[scaleReport] {
	return []writer[scaleReport]{{"text", writeScale}, {"json", writeJSON[scaleReport]}}
}

// scaleFlags are the flags of suitebench scale, as given.
type scaleFlags struct {
	runFlags
	format, results string
	measure         int
}

func (p program) scale() *cobra.Command {
	f := scaleFlags{runFlags: runFlags{
		peers: defaultPeers(), trees: defaultTree, format: "table", message: defaultMessage, precision: 100 * stats.Precision, sample: defaultSample,
	}}
	cmd := &cobra.Command{
		Use:   "scale [SUITE]",
		Short: "Say what operations cost groups of up to ten million members",
		Long: fmt.Sprintf(`Scale says what operations of a suite cost steady groups of 100 to %d members, and how
wrong it is where it measured: by default in groups of up to %d members, which takes about
two minutes. The suite is %s unless another is named.

The figures are those of a model: what the primitives cost, which a formula counts for any
number of members, times the ratio x that was measured in the largest group; for add, which
writes and signs the tree, and so much for each byte. For a measured group, x is that of the
largest of the others, so that the error says what to expect of a group that was not
measured. Bytes follow from the formats of RFC 9420 alone, for clients with one suite and a
short basic credential.`, scale.MaxMembers, defaultMeasure, classic),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := choose("--format", f.format, scaleFormats())
			if err != nil {
				return err
			}
			if err := f.check(cmd); err != nil {
				return err
			}
			f.suites = append(args, classic.String())[0]
			r, failed := f.report(p, cmd)
			if r.Scale == nil {
				return failed
			}
			if err := w.write(cmd.OutOrStdout(), r); err != nil {
				return err
			}
			return failed
		},
	}
	flags := cmd.Flags()
	p.addCodePoints(cmd, &f.peers)
	flags.StringVar(&f.ops, "ops", strings.Join(scale.Operations(), ","), "`LIST` of operations, or all")
	flags.IntVar(&f.measure, "measure", defaultMeasure, fmt.Sprintf("`MEMBERS` of the largest group to measure, %d to %d", leastMeasure, maxSize))
	flags.StringVar(&f.results, "results", "", "`FILE` of suitebench run --format json, to take in place of measuring")
	flags.IntVar(&f.rounds, "rounds", stats.LeastRounds, "rounds over all operations and groups, as far as the budget allows")
	flags.DurationVar(&f.budget, "budget", time.Minute, "`TIME` after which no further round begins; 0 for the rounds and no more")
	flags.DurationVar(&f.making, "making", defaultMaking, "`TIME` for making the groups, before the budget begins; 0 for no bound")
	flags.StringVar(&f.format, "format", "text", "`FORMAT` of the output: "+list(scaleFormats()))
	return cmd
}

// check refuses flags that do not go together, and a largest group that is out of range.
func (f scaleFlags) check(cmd *cobra.Command) error {
	for _, flag := range []string{"measure", "rounds", "budget", "making"} {
		if f.results != "" && cmd.Flags().Changed(flag) {
			return fmt.Errorf("--%s is for measuring, and --results takes what was measured", flag)
		}
	}
	if f.measure < leastMeasure || f.measure > maxSize {
		return fmt.Errorf("--measure: %d is out of range: %d to %d", f.measure, leastMeasure, maxSize)
	}
	return nil
}

// report measures, or reads what was measured, and tells what follows from it. After an
// interrupt there may be both a report and an error.
func (f scaleFlags) report(p program, cmd *cobra.Command) (r scaleReport, err error) {
	run := f.runFlags
	if f.ops == "all" {
		run.ops = strings.Join(scale.Operations(), ",")
	}
	sizes := []string{}
	for _, n := range scaleSizes() {
		if n < f.measure {
			sizes = append(sizes, strconv.Itoa(n))
		}
	}
	run.sizes = strings.Join(append(sizes, strconv.Itoa(f.measure)), ",")
	s, _, err := run.parse(p)
	if err != nil {
		return r, err
	}
	for _, op := range s.Operations {
		if !slices.Contains(scale.Operations(), op) {
			return r, fmt.Errorf("--ops: there is no model of %s: choose from %s", op, strings.Join(scale.Operations(), ", "))
		}
	}
	if len(s.suites) != 1 {
		return r, fmt.Errorf("scale is for one suite, not for %d", len(s.suites))
	}
	if f.results != "" {
		var pricing pricing
		err = readFile("--results", f.results, pricing.readResults)
		r.results = pricing.results
	} else {
		r.results, err = s.measure(cmd, false)
	}
	if r.results == nil {
		return r, err
	}
	r.Command, r.Machine, r.Warnings, r.Rounds = commandLine(cmd), r.results.Machine, r.results.Warnings, r.results.Measurement.Rounds
	var unknown error
	r.Scale, unknown = scale.New(r.results, s.suites[0].Info(), s.Operations, scaleSizes())
	return r, cmp.Or(err, unknown)
}

// writeScale writes a table for people, and what it rests on.
func writeScale(w io.Writer, r scaleReport) error {
	if err := writeHeading(w, r.results); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s %s, steady tree\n\n", r.ID, r.Suite)
	t := table{tight: true, titles: []string{
		"OPERATION", " MEMBERS", " PRIMITIVES", " x", " TIME", " MEASURED", " ±", " ERROR", " BYTES", " MEASURED", " ERROR",
	}}
	for _, o := range r.Operations {
		for _, p := range o.Points {
			t.add(scaleRow(o.Name, p)...)
		}
	}
	t.format(&b)
	fmt.Fprintf(&b, "\n%s", wrap(r.verdict(), textWidth))
	_, err := io.WriteString(w, b.String())
	return err
}

// scaleRow returns the cells of a line.
func scaleRow(op string, p scale.Point) []string {
	row := []string{op, strconv.Itoa(p.Members), day.Duration(p.Limit), "-", "-", "", "", "", strconv.FormatFloat(p.Bytes, 'f', 0, 64), "", ""}
	if p.TooLong {
		row[8] += "*"
	}
	if p.CPU != nil {
		row[3], row[4] = strconv.FormatFloat(p.CPU.Value/p.Limit, 'f', 2, 64), day.Duration(p.CPU.Value)
	}
	if m := p.Measured; m != nil {
		row[5], row[6] = day.Duration(m.CPU.Value), percent(m.CPU, m.Resolved)
		if m.Error != nil {
			row[7] = signed(*m.Error, 0)
		}
		row[9], row[10] = strconv.Itoa(m.Bytes), signed(m.ErrorBytes, 1)
	}
	return row
}

// signed shows a relative error in per cent.
func signed(e float64, digits int) string {
	text := strconv.FormatFloat(100*e, 'f', digits, 64)
	if strings.Trim(text, "-0.") == "" {
		return "0"
	}
	if e > 0 {
		text = "+" + text
	}
	return text
}

// verdict says in words what the model is, and how far it was wrong.
func (r scaleReport) verdict() string {
	var errs []string
	largest, long := 0, false
	for _, o := range r.Operations {
		largest = max(largest, o.FittedAt)
		long = long || slices.ContainsFunc(o.Points, func(p scale.Point) bool { return p.TooLong })
		if o.Error != nil {
			errs = append(errs, fmt.Sprintf("%s %.0f %%", o.Name, 100**o.Error))
		}
	}
	text := fmt.Sprintf("TIME is PRIMITIVES times x, the ratio that was measured in the largest group, of %d members; for a measured group, in the largest of the others. For add it is PRIMITIVES and a time for each byte that was measured likewise. ERROR is in per cent of the measured figure. Beyond %d members nothing was measured.\n", largest, largest)
	if len(errs) > 0 {
		text += "The largest errors of TIME: " + strings.Join(errs, ", ") + ".\n"
	} else {
		text += "One group was measured, so there is no error to tell: measure two.\n"
	}
	if long {
		text += "* A Welcome cannot carry a tree of 2^30 bytes or more (RFC 9420, Section 2.1.2): joiners have to get it otherwise.\n"
	}
	return text
}
