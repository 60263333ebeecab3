package bench

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/stats"
)

// sideBySide returns the command that prices suites on sets of providers.
func (p program) sideBySide() *cobra.Command {
	f := runFlags{precision: 100 * stats.Precision}
	cmd := &cobra.Command{
		Use:   "providers",
		Short: "Price suites on several sets of providers, side by side",
		Long: "Providers prices the primitives of suites on the providers that the suites use, and on other\n" +
			"sets. All make the same bytes. A round prices every suite on every set, in random order.\n\nSets:\n" +
			describe(p.namedSets()) + "\n" +
			`A set for another FIPS 140-3 mode than that of the process is priced by a child process. The
sets on the Go Cryptographic Module want a program that is built with one:
GOFIPS140=v1.26.0 go run ./cmd/suitebench providers

suitebench report makes a page of what --format json writes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, format, err := f.parseProviders(p)
			if err != nil {
				return err
			}
			return s.report(cmd, format, f.output)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.suites, "suites", "all", "`LIST` of suites, as of suitebench run")
	p.addCodePoints(cmd, &f.peers)
	flags.StringVar(&f.providers, "providers", "all", "`LIST` of sets beside that of the suites, or all")
	flags.StringVar(&f.format, "format", "table", "`FORMAT` of the output: "+list(providerFormats()))
	flags.StringVarP(&f.output, "output", "o", "", "`FILE` to write instead of standard output")
	flags.IntVar(&f.rounds, "rounds", priceRounds, "rounds over all suites and sets, as far as the budget allows")
	flags.DurationVar(&f.budget, "budget", defaultBudget, "`TIME` after which no further round begins; 0 for the rounds and no more")
	flags.DurationVar(&f.sample, "sample", defaultSample, "four times the CPU `TIME` of a primitive in a round, at least")
	f.policies.addRestriction(cmd)
	return cmd
}

// parseProviders returns what to price, and in which form to write it.
func (f *runFlags) parseProviders(p program) (s settings, w format, err error) {
	if err := s.restrict(p, f.peers, f.policies); err != nil {
		return s, w, err
	}
	if err := s.choose(f.suites); err != nil {
		return s, w, err
	}
	if w, err = choose("--format", f.format, providerFormats()); err != nil {
		return s, w, err
	}
	s.elsewhere, s.everyProvider = p.elsewhere(f.peers), true
	if err := s.addProviders(p, f.providers); err != nil {
		return s, w, err
	}
	s.Sizes, s.Operations = []int{}, []string{}
	err = f.addRounds(&s)
	return s, w, err
}

func providerFormats() []format {
	return []format{{"table", writeProviders}, {"json", writeJSON[*result.Results]}}
}

// writeProviders writes a table for each suite that has alternatives, with a line for each
// primitive.
func writeProviders(w io.Writer, r *result.Results) error {
	if err := writeHeading(w, r); err != nil {
		return err
	}
	width := screenOf(w).width
	var b strings.Builder
	b.WriteString("\n")
	for i, set := range r.ProviderSets {
		text := set.About
		if i == 0 || set.FIPS140 != r.ProviderSets[0].FIPS140 {
			text += "; FIPS 140-3 mode is " + set.FIPS140
		}
		if set.Missing == "" {
			fmt.Fprintf(&b, "%-11s  %s\n", set.Name, text)
		}
	}
	for _, reason := range missing(r.ProviderSets) {
		fmt.Fprintf(&b, "missing      %s: %s\n", strings.Join(reason.sets, ", "), reason.why)
	}
	if _, err := io.WriteString(w, wrap(b.String(), width)); err != nil {
		return err
	}
	var alone []string
	for _, s := range r.Suites {
		if len(s.Alternatives) == 0 {
			alone = append(alone, s.ID.String())
			continue
		}
		if _, err := fmt.Fprintf(w, "\n%s %s\n", s.ID, s.Name); err != nil {
			return err
		}
		t := providerTable(s)
		fit(width, t)
		if err := t.write(w); err != nil {
			return err
		}
	}
	b.Reset()
	if len(alone) > 0 {
		fmt.Fprintf(&b, "\nOn the first set alone: %s.\n", strings.Join(alone, ", "))
	}
	b.WriteString(`
Figures are microseconds of CPU time, the median of rounds beside a fixed loop. ± is the wider half
of the 95 % interval in per cent. FASTEST is the set that was faster than each other one by more
than 2 %, at a confidence of 95 % for each, and OF OWN what it takes in proportion to the first set.
`)
	_, err := io.WriteString(w, wrap(b.String(), min(width, pageWidth)))
	return err
}

// absence is why there is nothing of some sets.
type absence struct {
	why  string
	sets []string
}

// missing returns the reasons why there is nothing of sets, each once.
func missing(sets []result.ProviderSet) []absence {
	var all []absence
	for _, set := range sets {
		if set.Missing == "" {
			continue
		}
		i := slices.IndexFunc(all, func(a absence) bool { return a.why == set.Missing })
		if i < 0 {
			i = len(all)
			all = append(all, absence{why: set.Missing})
		}
		all[i].sets = append(all[i].sets, set.Name)
	}
	return all
}

// providerTable returns the lines of one suite.
func providerTable(s result.Suite) *table {
	t := &table{tight: true, titles: []string{"PRIMITIVE", " " + result.OwnProviders, " ±"}, optional: []string{" ±"}}
	for _, a := range s.Alternatives {
		t.titles = append(t.titles, " "+a.Set, " ±")
		t.optional = append(t.optional, " ±")
	}
	t.titles = append(t.titles, "FASTEST", " OF OWN")
	for i := range len(limit.Prices{}) {
		p := limit.Primitive(i)
		name, unit := p.String(), 1e3
		if of, ok := strings.CutSuffix(name, "Byte"); ok {
			name, unit = of+"KiB", 1e3/1024
		}
		line := []string{name}
		price := func(f result.Figure) {
			line = append(line, strconv.FormatFloat(f.Value/unit, 'f', 2, 64), percent(f, true))
		}
		price(s.Prices[p.String()])
		for _, a := range s.Alternatives {
			price(a.Prices[p.String()])
		}
		t.add(append(line, fastestOf(s, p.String())...)...)
	}
	return t
}

// fastestOf returns the name of the fastest set for a primitive, and what it takes of the
// suite's own price.
func fastestOf(s result.Suite, primitive string) []string {
	set, ok := s.Fastest[primitive]
	if !ok {
		return []string{"-", "-"}
	}
	i := slices.IndexFunc(s.Alternatives, func(a result.Alternative) bool { return a.Set == set })
	if i < 0 {
		return []string{set, "1.00"}
	}
	return []string{set, strconv.FormatFloat(s.Alternatives[i].Ratios[primitive].Value, 'f', 2, 64)}
}
