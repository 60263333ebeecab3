package bench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/bench/baseline"
	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/internal/page"
	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// deviceOf returns the machine of results with the prices that they have.
func deviceOf(r *result.Results) *device.Device {
	d := &device.Device{
		Schema: device.Schema, Machine: r.Machine, Modules: r.Modules, Clock: r.Measurement.Clock, Rounds: r.Measurement.Rounds,
		State: r.State, Warnings: r.Warnings, Doubt: r.Measurement.Doubt,
	}
	for _, s := range r.Suites {
		if len(s.Prices) == len(limit.Prices{}) {
			d.Suites = append(d.Suites, device.Suite{Name: s.Name, ID: s.ID, Providers: s.Providers, Prices: s.Prices})
		}
	}
	return d
}

// addDays adds to a page what days cost: those of files, or else the examples at the prices
// of the first results. From these it also takes what MLS costs beside other schemes.
func addDays(in *page.Input, known *registry.Registry, given []dayReport) error {
	var infos []suite.Info
	prices := pricing{link: defaultLink * 1e6}
	if len(in.Files) > 0 {
		prices.results = in.Files[0].Results
		prices.device = deviceOf(prices.results)
		for info := range known.All() {
			if _, ok := prices.device.Prices(info); ok {
				infos = append(infos, info)
			}
		}
	}
	days := given
	if len(days) == 0 && len(infos) > 0 {
		for _, name := range day.Examples() {
			d, err := day.Example(name)
			if err != nil {
				return err
			}
			r := dayReport{Day: d, Link: prices.link, pricing: prices}
			if err := r.price(infos, infoOf(known, classic)); err != nil {
				return err
			}
			if err := r.combine(defaultCombined(known)); err != nil {
				return err
			}
			days = append(days, r)
		}
	}
	taken := map[string]int{}
	for _, r := range days {
		d := pageDay(r, len(given) == 0)
		if taken[d.Name]++; taken[d.Name] > 1 {
			d.Name = fmt.Sprintf("%s (%d)", d.Name, taken[d.Name])
		}
		in.Days = append(in.Days, d)
	}
	if len(days) > 0 {
		in.Baselines = prices.baselines(infos, days[0])
	}
	return nil
}

func infoOf(r *registry.Registry, id suite.ID) *suite.Info {
	s, err := r.Suite(id)
	if err != nil {
		return nil
	}
	info := s.Info()
	return &info
}

// pageDay returns a day as a page shows it.
func pageDay(r dayReport, ofRun bool) page.Day {
	d := page.Day{Name: r.Day.Name, Recommendation: r.Recommendation, Payer: r.Ranked, About: []string{r.group()}}
	if ofRun {
		d.About = append(d.About, fmt.Sprintf("Prices are those of this run, times what it found the engine to take beyond its primitives. The link has %g Mbit/s.", r.Link/1e6))
	} else {
		d.About = append(d.About, strings.TrimSpace(r.origin()))
		for _, w := range r.Warnings {
			d.About = append(d.About, "Warning, "+w+".")
		}
	}
	convert := func(from []daySuite) []page.DaySuite {
		var to []page.DaySuite
		for _, s := range from {
			x := page.DaySuite{Suite: s.Suite, ID: s.ID, KEM: s.KEM, Signature: s.Signature, Scheme: s.Scheme, Rank: s.Rank, Stored: s.Stored}
			if s.Time != nil {
				x.Time = *s.Time
			}
			for _, p := range s.Parties {
				x.Parties = append(x.Parties, page.DayParty{Name: p.Party, CPU: p.CPU, Up: p.Up, Down: p.Down})
			}
			to = append(to, x)
		}
		return to
	}
	d.Suites, d.Beside = convert(r.Suites), convert(r.Beside)
	if r.Combiner != nil {
		d.Combiner = r.Combiner.page()
	}
	return d
}

// baselines returns what MLS costs beside other schemes, in the suite that is the cheapest
// on a day. Without the prices of that suite there are no curves.
func (p pricing) baselines(known []suite.Info, r dayReport) *page.Baselines {
	if len(r.Suites) == 0 || len(r.Crossovers) == 0 {
		return nil
	}
	best := r.Suites[0]
	b := &page.Baselines{Suite: best.Suite, ID: best.ID, Message: r.Day.Size}
	for _, c := range r.Crossovers {
		b.Crossings = append(b.Crossings, page.Crossing(c))
	}
	i := slices.IndexFunc(known, func(i suite.Info) bool { return i.Name == best.Suite && result.Code(i.ID) == best.ID })
	if i < 0 {
		return b
	}
	prices, _ := p.device.Prices(known[i])
	for _, of := range []struct {
		operation, payer string
		load             func(baseline.Scheme, baseline.Group) baseline.Load
	}{
		{"sending a message", "the sender", func(s baseline.Scheme, g baseline.Group) baseline.Load { return s.Message(g, b.Message).Actor }},
		{"renewing keys", "who renews", func(s baseline.Scheme, g baseline.Group) baseline.Load { return s.Renew(g).Actor }},
		{"renewing keys", "each other member", func(s baseline.Scheme, g baseline.Group) baseline.Load { return s.Renew(g).Member }},
	} {
		for _, scheme := range []baseline.Scheme{baseline.MLS(), baseline.Pairwise(), baseline.SenderKeys()} {
			c := page.Curve{Operation: of.operation, Payer: of.payer, Scheme: scheme.Name}
			for _, n := range []int{3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000} {
				l := of.load(scheme, baseline.Group{Suite: known[i], Members: n, Speakers: n})
				c.Sizes = append(c.Sizes, n)
				c.CPU = append(c.CPU, prices.Of(l.Cost))
				c.Bytes = append(c.Bytes, l.Up+l.Down)
			}
			b.Curves = append(b.Curves, c)
		}
	}
	return b
}
