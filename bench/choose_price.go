package bench

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
)

// byPrice are the flags, as given, of a choice by price.
type byPrice struct {
	by, day string
	pricing pricingFlags
}

// The orders in which policy choose takes suites.
const (
	orderEnd   = "end"
	orderPrice = "price"
)

func (f *byPrice) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.by, "by", orderEnd, "`ORDER` of the suites: end, what is allowed for the longest first; price, what costs least first")
	cmd.Flags().StringVar(&f.day, "day", day.Examples()[0], "`NAME|FILE` of the group's day, by its price: as of suitebench day")
	f.pricing.add(cmd)
}

// check refuses flags that do not go together.
func (f *byPrice) check(cmd *cobra.Command) error {
	if f.by != orderEnd && f.by != orderPrice {
		return fmt.Errorf("--by: unknown %q: choose from %s, %s", f.by, orderEnd, orderPrice)
	}
	for _, flag := range []string{"day", "device", "results", "link"} {
		if f.by != orderPrice && cmd.Flags().Changed(flag) {
			return fmt.Errorf("--%s is for --by price", flag)
		}
	}
	return nil
}

// writeChoiceByPrice writes in which of the suites that all of policies allow for a new
// group a day costs least. If they allow none, it does as writeChoice.
func writeChoiceByPrice(cmd *cobra.Command, r *registry.Registry, policies []*policy.Policy, now time.Time, f byPrice) error {
	d, err := day.Open(f.day)
	if err != nil {
		return err
	}
	together := policy.All(policies...)
	s := settings{Config: Config{Registry: r}, policy: together, leftOut: omissions(r, together, now)}
	for _, p := range policies {
		s.policies = append(s.policies, p.Name())
	}
	if s.suites, err = parseSuites("suites", r, together, []string{"all"}, now); err != nil {
		return err
	}
	if len(s.suites) == 0 {
		return writeChoice(cmd.OutOrStdout(), r, policies, now)
	}
	if err := s.probe(true); err != nil {
		return err
	}
	report, err := newDayReport(cmd, s, d, f.pricing, nil)
	if err != nil {
		return err
	}
	until := map[string]string{}
	for _, c := range s.suites {
		until[c.Info().Name] = cmp.Or(together.Verdict(c.Info(), now).Until.String(), "no end")
	}
	best := report.Suites[0]
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n\n%s\n\n%s", best.ID, best.Suite, report.Recommendation, report.heading())
	on := screenOf(cmd.OutOrStdout())
	text := on.within(textWidth).text(b.String())
	b.Reset()
	report.writeRanking(&b, on, until)
	_, err = fmt.Fprint(cmd.OutOrStdout(), text, b.String())
	return err
}
