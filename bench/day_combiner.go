package bench

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/internal/page"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// combinerFlags are the flags, as given, that say which pair of groups is priced.
type combinerFlags struct {
	pair, hybrid, every string
	cmd                 *cobra.Command
}

// The defaults of combinerFlags.
const (
	defaultPair   = "1+TBD6"
	defaultHybrid = "TBD2"
	defaultEvery  = "1,2,5,10,20,50,80,100,200,500,1000"

	maxEvery = 1_000_000
)

// ratios returns the multiples of a classical commit's bytes whose intervals are told.
func ratios() []float64 { return []float64{2, 1.5, 1.2, 1.1} }

func (f *combinerFlags) add(cmd *cobra.Command) {
	f.cmd = cmd
	flags := cmd.Flags()
	flags.StringVar(&f.pair, "pair", defaultPair, "pair of groups under the amortized combiner, as `T+PQ[:MODE]`, such as 7+TBD11")
	flags.StringVar(&f.hybrid, "hybrid", defaultHybrid, "`SUITE` of a group with post-quantum keys in every commit, with which the pair is compared")
	flags.StringVar(&f.every, "every", defaultEvery, "`LIST` of intervals: every so many renewals, one is FULL")
}

// combined is what a day is priced in beside single groups: a pair, and a hybrid suite.
type combined struct {
	pair   suite.PairInfo
	hybrid suite.Info
	every  []int
	asked  bool // for this pair or hybrid suite, and not for the defaults
}

// open returns the suites of the pair and the intervals. It returns nil if the registry lacks a
// suite that was not asked for.
func (f *combinerFlags) open(r *registry.Registry) (*combined, error) {
	c := combined{asked: f.cmd.Flags().Changed("pair") || f.cmd.Flags().Changed("hybrid")}
	var err error
	if c.every, err = parseIntervals(f.every); err != nil {
		return nil, err
	}
	if c.pair, err = findPair(r, f.pair); err != nil {
		if !c.asked {
			return nil, nil
		}
		return nil, fmt.Errorf("--pair: %w", err)
	}
	if err := apq.CheckSuites(apq.Mode(c.pair.Mode), c.pair.T, c.pair.PQ); err != nil {
		return nil, fmt.Errorf("--pair: %w", err)
	}
	if c.hybrid, err = findSuite(r, f.hybrid); err != nil {
		if !c.asked {
			return nil, nil
		}
		return nil, fmt.Errorf("--hybrid: %w", err)
	}
	return &c, nil
}

// defaultCombined returns the defaults, or nil if r lacks one of their suites.
func defaultCombined(r *registry.Registry) *combined {
	pair, noPair := findPair(r, defaultPair)
	hybrid, noHybrid := findSuite(r, defaultHybrid)
	every, err := parseIntervals(defaultEvery)
	if noPair != nil || noHybrid != nil || err != nil {
		return nil
	}
	return &combined{pair: pair, hybrid: hybrid, every: every}
}

// parseIntervals reads the list of --every.
func parseIntervals(text string) ([]int, error) {
	every, err := parseEach("--every", strings.Split(text, ","), func(item string) (int, error) {
		n, err := strconv.Atoi(item)
		if err != nil || n < 1 || n > maxEvery {
			return 0, fmt.Errorf("%q is no interval from 1 to %d", item, maxEvery)
		}
		return n, nil
	})
	slices.Sort(every)
	return every, err
}

// suites returns the suites whose prices it takes.
func (c *combined) suites() []suite.Info { return []suite.Info{c.pair.T, c.pair.PQ, c.hybrid} }

// dayCombiner is what the day costs in a pair of groups under the amortized combiner, and beside
// it in the classical group alone and in a hybrid one. Its JSON form is a contract.
type dayCombiner struct {
	T         namedSuite      `json:"t"`
	PQ        namedSuite      `json:"pq"`
	Mode      uint8           `json:"mode"`
	Denied    []string        `json:"denied_by,omitempty"` // policies that deny the pair
	Classical combinerPrice   `json:"classical"`           // T alone
	Hybrid    combinerPrice   `json:"hybrid"`
	Intervals []combinerPrice `json:"intervals"`
	Reached   []combinerReach `json:"reached"`
}

type namedSuite struct {
	Suite string      `json:"suite"`
	ID    result.Code `json:"id"`
}

func nameOf(i suite.Info) namedSuite { return namedSuite{i.Name, result.Code(i.ID)} }

// combinerPrice is a price in a pair of which every so many renewals one is FULL, or in a group
// of one suite. Times are those of the classical group: of a renewal's bytes, and of the bytes of
// the day of the party that is ranked.
type combinerPrice struct {
	Every int         `json:"every,omitempty"`
	Suite *namedSuite `json:"suite,omitempty"`
	day.Price
	Times    float64 `json:"times"`
	DayTimes float64 `json:"day_times"`
}

// combinerReach is the least interval from which on a renewal has in the mean at most so many
// times the bytes of one in the classical group, or 0 if none is enough.
type combinerReach struct {
	Times float64 `json:"times"`
	Every int     `json:"every"`
}

// combine prices the day in a pair. Without the prices of a suite it prices nothing, and returns
// an error if the pair was asked for.
func (r *dayReport) combine(c *combined) error {
	if c == nil {
		return nil
	}
	var of [3]day.Pricing
	for i, info := range c.suites() {
		prices, ok := r.pricing.device.Prices(info)
		if !ok && c.asked {
			return fmt.Errorf("the device has no prices of %s", info.Name)
		}
		if !ok {
			return nil
		}
		of[i] = day.Pricing{Suite: info, Prices: prices, Overhead: r.pricing.overhead(r.Day, info)}
	}
	pair := day.Combiner{T: of[0], PQ: of[1]}
	classical, hybrid := nameOf(c.pair.T), nameOf(c.hybrid)
	out := &dayCombiner{
		T: nameOf(c.pair.T), PQ: nameOf(c.pair.PQ), Mode: c.pair.Mode,
		Classical: combinerPrice{Suite: &classical, Price: r.Day.Plain(pair.T)},
		Hybrid:    combinerPrice{Suite: &hybrid, Price: r.Day.Plain(of[2])},
	}
	for _, every := range c.every {
		out.Intervals = append(out.Intervals, combinerPrice{Every: every, Price: r.Day.Combined(pair, every)})
	}
	for _, times := range ratios() {
		out.Reached = append(out.Reached, combinerReach{times, r.Day.Reaches(pair, times)})
	}
	total := func(p combinerPrice) float64 { c := p.Of(r.Ranked); return c.Up + c.Down }
	for _, p := range out.prices() {
		p.Times = p.Bytes / out.Classical.Bytes
		if all := total(out.Classical); all > 0 {
			p.DayTimes = total(*p) / all
		}
	}
	r.Combiner = out
	return nil
}

// prices returns all prices: the classical one, those of the intervals and the hybrid one.
func (c *dayCombiner) prices() []*combinerPrice {
	all := []*combinerPrice{&c.Classical}
	for i := range c.Intervals {
		all = append(all, &c.Intervals[i])
	}
	return append(all, &c.Hybrid)
}

// label names what is priced in a few characters.
func (c *dayCombiner) label(p *combinerPrice) string {
	if p.Every > 0 {
		return fmt.Sprintf("FULL every %d", p.Every)
	}
	return p.Suite.ID.String() + " alone"
}

// reaches says from which interval on a renewal comes how near a classical one.
func (c *dayCombiner) reaches() string {
	var parts []string
	never := ""
	for _, r := range c.Reached {
		if r.Every == 0 {
			never = fmt.Sprintf(" No interval brings them to %g times.", r.Times)
			break
		}
		parts = append(parts, fmt.Sprintf("%g times from an interval of %d on", r.Times, r.Every))
	}
	text := fmt.Sprintf("The bytes of a renewal are in the mean more than %g times those in %s alone at every interval.", c.Reached[0].Times, c.T.ID)
	if len(parts) > 0 {
		text = fmt.Sprintf("The bytes of a renewal are in the mean at most so many times those in %s alone: %s.%s", c.T.ID, strings.Join(parts, ", "), never)
	}
	if best := c.best(); best.DayTimes > 0 {
		text += fmt.Sprintf(" Of these intervals, %d has the fewest bytes of a whole day, %.2f times: rarer FULL commits leave more blank nodes in the tree of PQ, for which joins and removals pay.", best.Every, best.DayTimes)
	}
	return text
}

// best returns the interval at which the day of the party that is ranked has the fewest bytes.
func (c *dayCombiner) best() combinerPrice {
	return slices.MinFunc(c.Intervals, func(a, b combinerPrice) int { return cmp.Compare(a.DayTimes, b.DayTimes) })
}

// heading says what is priced.
func (c *dayCombiner) heading() string {
	text := fmt.Sprintf("The same day in a pair of groups (draft-ietf-mls-combiner), %s with %s in mode %d: one in so many renewals is FULL, and every commit that adds or removes somebody. Bytes are those of the formats.", c.T.ID, c.PQ.ID, c.Mode)
	if len(c.Denied) > 0 {
		text += " The pair is denied by " + strings.Join(c.Denied, ", ") + "."
	}
	return text
}

// page returns the prices as a page shows them.
func (c *dayCombiner) page() *page.Combiner {
	of := func(p *combinerPrice) page.CombinerPrice {
		return page.CombinerPrice{Name: c.label(p), Every: p.Every, Bytes: p.Bytes, Times: p.Times, Commit: p.Commit, Process: p.Process}
	}
	out := &page.Combiner{About: []string{c.reaches(), c.heading()}, Classical: of(&c.Classical), Hybrid: of(&c.Hybrid)}
	for i := range c.Intervals {
		out.Intervals = append(out.Intervals, of(&c.Intervals[i]))
	}
	return out
}

// write writes the prices for people. payer is the party whose day is shown.
func (c *dayCombiner) write(b *strings.Builder, on screen, payer string) {
	width := min(on.width, textWidth)
	b.WriteString("\n" + wrap(c.heading()+"\n\n", width))
	t := table{
		titles:   []string{"RENEWALS", " BYTES", " TIMES", " COMMIT", " ±", " PROCESS", " ±", " DAY UP", " DOWN", " TIMES"},
		optional: []string{" ±", " DAY UP", " COMMIT"},
	}
	for _, p := range c.prices() {
		of := p.Of(payer)
		t.add(c.label(p), day.Bytes(p.Bytes), fmt.Sprintf("%.2f", p.Times), day.Duration(p.Commit.Value), spread(p.Commit),
			day.Duration(p.Process.Value), spread(p.Process), day.Bytes(of.Up), day.Bytes(of.Down), fmt.Sprintf("%.2f", p.DayTimes))
	}
	fit(on.width, &t)
	t.format(b)
	b.WriteString("\n" + wrap(c.reaches()+"\n", width))
}

// check returns an error if a file says what no report says.
func (c *dayCombiner) check() error {
	if len(c.Intervals) == 0 || c.Classical.Suite == nil || c.Hybrid.Suite == nil || len(c.Reached) == 0 {
		return errors.New("combiner: there is no interval, classical or hybrid suite")
	}
	for i, p := range c.prices() {
		if p.Suite == nil && (i == 0 || p.Every < 1 || p.Every > maxEvery) {
			return fmt.Errorf("combiner: price %d: there is no suite and no interval", i)
		}
		if !(p.Bytes > 0) || !(p.Times > 0) {
			return fmt.Errorf("combiner: %s: bytes or times are not above 0", c.label(p))
		}
		figures := []result.Figure{{Value: p.Bytes}, {Value: p.Times}, {Value: p.DayTimes}, p.Commit, p.Process}
		for _, of := range p.Parties {
			figures = append(figures, of.CPU, result.Figure{Value: of.Up}, result.Figure{Value: of.Down})
		}
		for _, f := range figures {
			if err := f.Check(); err != nil {
				return fmt.Errorf("combiner: %s: %w", c.label(p), err)
			}
		}
	}
	for _, r := range c.Reached {
		if !(r.Times > 0) || r.Every < 0 {
			return fmt.Errorf("combiner: reached: %g times at an interval of %d", r.Times, r.Every)
		}
	}
	return nil
}

// deniers returns the policies that deny the pair at a time.
func deniers(p suite.Policy, pair suite.PairInfo, now time.Time) []string {
	q := suite.Question{Use: suite.Start, Time: now, Subject: pair, Listing: true}
	refusal := policy.RefusalOf(q, q.Ask(p))
	if refusal == nil {
		return nil
	}
	var names []string
	for _, reason := range refusal.Reasons() {
		if !slices.Contains(names, reason.Policy) {
			names = append(names, reason.Policy)
		}
	}
	return names
}
