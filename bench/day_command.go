package bench

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// classic is the suite that others are compared with: the one that RFC 9420 demands of all.
const classic suite.ID = 0x0001

// dayFlags are the flags, as given, that say what a day is.
type dayFlags struct {
	given day.Day
	cmd   *cobra.Command
}

func (f *dayFlags) add(cmd *cobra.Command) {
	f.cmd = cmd
	f.given.AddFlags(cmd.Flags())
}

// day returns the day of a name or a file, as the flags change it.
func (f *dayFlags) day(name string) (day.Day, error) {
	d, err := day.Open(name)
	if err != nil {
		return d, err
	}
	d = d.With(f.given, f.cmd.Flags().Changed)
	return d, d.Check()
}

func (p program) day() *cobra.Command {
	var f dayFlags
	var combiner combinerFlags
	var pricing pricingFlags
	var policies policyFlags
	var suites, format string
	cmd := &cobra.Command{
		Use:   "day [NAME|FILE]",
		Short: "Say what a day of a group costs, and in which suite it costs least",
		Long: `Day says what a day of a group costs: bytes and CPU time for a member who adds and removes
others (committer), any other member, somebody who joins, and the delivery service; in
which suite a member's day costs least; what the same day costs over pairwise sessions
and sender keys; and what it costs in a pair of a classical and a post-quantum group under
the amortized combiner, by the interval of FULL commits.

NAME is an example, team (the default), agency or channel; FILE is YAML with the fields
that have the names of the flags. Flags change single fields.

CPU time is that of the primitives at the prices of a device, a lower bound, times what the
engine takes beyond them in a --results file. Bytes are least sizes, and what messages have
beyond these in that file. Joins and removals leave blank and unmerged nodes in the tree,
for which renewals have more to encrypt. Suites are ranked by CPU time and the time of the
bytes on the link together, if that is resolved, and only where they certainly differ.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			w, err := choose("--format", format, p.dayFormats(policies))
			if err != nil {
				return err
			}
			d, err := f.day(append(args, day.Examples()[0])[0])
			if err != nil {
				return err
			}
			s := settings{}
			if err := s.restrict(p, policies.peers, policies); err != nil {
				return err
			}
			if err := s.choose(suites); err != nil {
				return err
			}
			if len(s.suites) == 0 {
				return fmt.Errorf("no suite is left under %s", strings.Join(s.policies, ", "))
			}
			pair, err := combiner.open(s.Registry)
			if err != nil {
				return err
			}
			report, err := newDayReport(cmd, s, d, pricing, pair)
			if err != nil {
				return err
			}
			return w.write(cmd.OutOrStdout(), report)
		},
	}
	f.add(cmd)
	combiner.add(cmd)
	pricing.add(cmd)
	cmd.Flags().StringVar(&suites, "suites", "all", "`LIST` of suites, as of suitebench run")
	policies.addRestriction(cmd)
	policies.peers = registry.Private().Name
	p.addCodePoints(cmd, &policies.peers)
	cmd.Flags().StringVar(&format, "format", "text", "`FORMAT` of the output: "+list(p.dayFormats(policies)))
	return cmd
}

// newDayReport prices the day in all suites of s, and beside them in the classic one and in a
// pair, which may be nil.
func newDayReport(cmd *cobra.Command, s settings, d day.Day, flags pricingFlags, pair *combined) (dayReport, error) {
	priced := slices.Clone(s.suites)
	beside := []suite.ID{classic}
	if pair != nil {
		for _, info := range pair.suites() {
			beside = append(beside, info.ID)
		}
	}
	for _, id := range beside {
		is := func(c suite.Suite) bool { return c.Info().ID == id }
		if one, err := s.Registry.Suite(id); err == nil && !slices.ContainsFunc(priced, is) && suite.Probe(one) == nil {
			priced = append(priced, one)
		}
	}
	bar := newProgress(cmd.OutOrStdout(), cmd.ErrOrStderr(), false)
	step := bar.steps(priceRounds * len(priced))
	p, err := flags.open(cmd.Context(), priced, func(i suite.Info) { step("prices, " + i.ID.String()) })
	bar.finish()
	if err != nil {
		return dayReport{}, err
	}
	r := dayReport{
		Schema: daySchema, Day: d, Ciphertexts: d.Ciphertexts(), Link: p.link, Policies: s.policies, With: s.with, LeftOut: s.leftOut, pricing: p,
		Device:   dayDevice{Date: p.device.Date, Machine: p.device.Machine, Rounds: p.device.Rounds, Doubt: p.device.Doubt},
		Warnings: p.warnings(),
	}
	var infos []suite.Info
	for _, c := range s.suites {
		infos = append(infos, c.Info())
	}
	if err := r.price(infos, infoOf(s.Registry, classic)); err != nil || pair == nil {
		return r, err
	}
	if err := r.combine(pair); err != nil || r.Combiner == nil {
		return r, err
	}
	r.Combiner.Denied = deniers(s.policy, pair.pair, time.Now())
	return r, nil
}
