package bench

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/bench/result"
)

// resumable returns an error that says in what the earlier results differ from the run, before
// its groups are made.
func (r *run) resumable(trees []tree, ops []operation) error {
	if r.Earlier == nil {
		return nil
	}
	err := r.sameOrigin(r.Earlier)
	if err == nil {
		err = r.sameCells(r.Earlier, trees, ops)
	}
	if err != nil {
		return fmt.Errorf("bench: no going on from the earlier results: %w", err)
	}
	return nil
}

// resume takes up the rounds of the earlier results, which are resumable.
func (r *run) resume() error {
	if r.Earlier == nil {
		return nil
	}
	if groups := r.unmade(); len(groups) > 0 {
		return fmt.Errorf("bench: no going on from the earlier results: %s: the %s group of %d was not made", groups[0].Suite, groups[0].Tree, groups[0].GroupSize)
	}
	if was, is := setNames(r.Earlier.ProviderSets), setNames(r.sets); was != is {
		return fmt.Errorf("bench: no going on from the earlier results: their sets of providers are %s, and here they are %s", was, is)
	}
	r.rounds, r.loops = r.Earlier.Measurement.Rounds, slices.Clone(r.Earlier.Measurement.Loops)
	for _, s := range r.suites {
		i := slices.IndexFunc(r.Earlier.Suites, s.is)
		old := r.Earlier.Suites[i]
		s.prices = pricesOf(old.PriceSamples, r.rounds)
		for _, a := range s.others {
			a.resume(old.Alternatives, r.rounds)
		}
		for _, c := range s.cells {
			x := c.identity(s)
			old, _ := r.Earlier.Find(&x, x.Op)
			c.take(old.Samples)
		}
	}
	return nil
}

// is reports whether a suite of results is this one.
func (s *suiteRun) is(o result.Suite) bool {
	return o.Name == s.info.Name && o.ID == result.Code(s.info.ID)
}

// sameOrigin returns an error that names what of the machine, the program or the settings
// differs.
func (r *run) sameOrigin(earlier *result.Results) error {
	here := &result.Results{
		Machine:     host.ThisMachine(),
		Measurement: result.Measurement{Clock: measure.Clock, SampleNS: r.Sample.Nanoseconds(), MessageBytes: r.Message, Reachable: codes(r.Reachable)},
	}
	for _, s := range r.suites {
		here.Suites = append(here.Suites, result.Suite{Name: s.info.Name, ID: result.Code(s.info.ID), Providers: device.Providers(s.suite)})
	}
	facts := differences(earlier, here)
	modules := result.Modules()
	for i := range max(len(modules), len(earlier.Modules)) {
		if was, is := module(earlier.Modules, i), module(modules, i); was != is {
			facts = append(facts, fact{"module", was, is})
		}
	}
	if len(facts) > 0 {
		f := facts[0]
		return fmt.Errorf("their %s is %s, and here it is %s", f.what, f.was, f.is)
	}
	return nil
}

// module names a module with its version.
func module(list []result.Module, i int) string {
	if i >= len(list) {
		return "none"
	}
	return strings.TrimSpace(list[i].Path + " " + list[i].Version)
}

// sameCells returns an error unless the earlier results have just the cells of the run,
// and all samples and prices of their rounds.
func (r *run) sameCells(earlier *result.Results, trees []tree, ops []operation) error {
	rounds := earlier.Measurement.Rounds
	if len(earlier.Measurement.Loops) == 0 {
		return errors.New("they have no times of the fixed loop")
	}
	found := map[*result.Cell]bool{}
	for _, s := range r.suites {
		i := slices.IndexFunc(earlier.Suites, s.is)
		if i < 0 {
			return fmt.Errorf("they lack the suite %s %s", s.info.ID, s.info.Name)
		}
		for p := range len(limit.Prices{}) {
			name := limit.Primitive(p).String()
			if n := len(earlier.Suites[i].PriceSamples[name]); n != rounds {
				return fmt.Errorf("they have %d prices of %s in %s, and %d rounds", n, name, s.info.Name, rounds)
			}
		}
		for _, x := range s.planned(r.Sizes, trees, ops) {
			old, ok := earlier.Find(&x, x.Op)
			if !ok || old.Suite != x.Suite || len(old.Samples) == 0 {
				return fmt.Errorf("they lack %s", x.Title())
			}
			if len(old.Samples) != rounds {
				return fmt.Errorf("they have %d samples of %s, and %d rounds", len(old.Samples), x.Title(), rounds)
			}
			found[old] = true
		}
	}
	for i := range earlier.Cells {
		if c := &earlier.Cells[i]; c.Samples != nil && !found[c] {
			return fmt.Errorf("they have %s, which this run does not measure", c.Title())
		}
	}
	return nil
}

// planned returns the cells of the suite that the run is to measure.
func (s *suiteRun) planned(sizes []int, trees []tree, ops []operation) []result.Cell {
	var all []result.Cell
	for _, t := range trees {
		for _, size := range sizes {
			for _, op := range within(size, ops) {
				all = append(all, (&cell{op: op, tree: t.shape, size: size}).identity(s))
			}
		}
	}
	return all
}

func setNames(sets []result.ProviderSet) string {
	var names []string
	for _, s := range sets {
		names = append(names, s.Name)
	}
	return cmp.Or(strings.Join(names, ", "), "none")
}

// pricesOf returns prices by round from those by the name of the primitive.
func pricesOf(samples map[string][]float64, rounds int) []limit.Prices {
	prices := make([]limit.Prices, rounds)
	for p := range len(limit.Prices{}) {
		of := samples[limit.Primitive(p).String()]
		for i := range min(rounds, len(of)) {
			prices[i][p] = of[i]
		}
	}
	return prices
}

// resume takes up the prices of earlier rounds, as far as there are any.
func (a *alternative) resume(earlier []result.Alternative, rounds int) {
	a.prices = make([]limit.Prices, rounds)
	for i := range a.prices {
		a.prices[i] = unpriced()
	}
	for _, old := range earlier {
		if old.Set != a.set {
			continue
		}
		priced := pricesOf(old.PriceSamples, len(old.PricedIn))
		for k, i := range old.PricedIn {
			if 0 <= i && i < rounds {
				a.prices[i] = priced[k]
			}
		}
	}
}

// priceSamples returns prices by the name of the primitive.
func priceSamples(rounds []limit.Prices) map[string][]float64 {
	samples := map[string][]float64{}
	for p := range len(limit.Prices{}) {
		name := limit.Primitive(p).String()
		for _, prices := range rounds {
			samples[name] = append(samples[name], prices[p])
		}
	}
	return samples
}

// take takes up the samples of earlier rounds.
func (c *cell) take(samples []result.Sample) {
	for _, s := range samples {
		c.samples = append(c.samples, measure.Sample{CPU: s.CPU, Loop: s.Loop, Allocs: s.Allocs, AllocBytes: s.AllocBytes})
		if s.Instructions > 0 {
			c.counted = append(c.counted, s.Instructions)
		}
	}
}

// takeUp returns the results to go on from, or nil, and takes the settings from them.
func (f *runFlags) takeUp(cmd *cobra.Command) (*result.Results, error) {
	if f.earlier == "" {
		return nil, nil
	}
	earlier, err := readResults(f.earlier)
	if err == nil {
		if err = continued(cmd, earlier); err == nil {
			return earlier, nil
		}
		err = fmt.Errorf("%s: %w", f.earlier, err)
	}
	return nil, fmt.Errorf("--continue: %w", err)
}

// resumedBy returns the name of the command that goes on from the results of a command.
func resumedBy(cmd *cobra.Command) string {
	if !cmd.HasParent() {
		return "run"
	}
	return cmd.Name()
}

// counted returns the operations of earlier results that ran once, for their bytes.
func counted(earlier *result.Results) []string {
	if earlier == nil {
		return nil
	}
	var ops []string
	for _, c := range earlier.Cells {
		if c.Samples == nil && !slices.Contains(ops, c.Op) {
			ops = append(ops, c.Op)
		}
	}
	return ops
}

// continued takes the flags that were not given from the command of earlier results, so that
// the run goes on as it began. Where the report goes, it does not take.
func continued(cmd *cobra.Command, earlier *result.Results) error {
	words := earlier.Command
	if len(words) > 0 && !strings.HasPrefix(words[0], "--") { // the default run has no name
		if words[0] != cmd.Name() {
			return fmt.Errorf("the results are of suitebench %s, not of suitebench %s", words[0], cmd.Name())
		}
		words = words[1:]
	}
	given := map[string]bool{"output": true, "continue": true}
	cmd.Flags().Visit(func(f *pflag.Flag) { given[f.Name] = true })
	for _, word := range words {
		name, value, ok := strings.Cut(strings.TrimPrefix(word, "--"), "=")
		if !ok || cmd.Flags().Lookup(name) == nil {
			return fmt.Errorf("the results are of a command with %q, which this program does not know", word)
		}
		if given[name] {
			continue
		}
		if err := cmd.Flags().Set(name, value); err != nil {
			return fmt.Errorf("the results are of a command with %q: %w", word, err)
		}
	}
	return nil
}
