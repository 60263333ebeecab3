package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
)

// Day is what a day of a group costs.
type Day struct {
	Name           string
	About          []string // sentences on the group, and on where the prices are from
	Recommendation string
	Payer          string // the party whose day is ranked
	Suites         []DaySuite
	Beside         []DaySuite // the same day in other schemes, or in the classic suite
	Combiner       *Combiner  // nil: it is not priced
}

// DaySuite is a day in a suite and a scheme.
type DaySuite struct {
	Suite     string
	ID        result.Code
	KEM       string // short names, as in results
	Signature string
	Scheme    string
	Rank      int           // 0 if Time is not resolved
	Time      result.Figure // CPU time and the time of the bytes on the link; zero if not ranked
	Parties   []DayParty
	Stored    float64 // bytes that the service stores
}

// DayParty is what a party pays on the day.
type DayParty struct {
	Name     string
	CPU      result.Figure
	Up, Down float64 // bytes
}

func (s DaySuite) party(name string) DayParty {
	i := slices.IndexFunc(s.Parties, func(p DayParty) bool { return p.Name == name })
	if i < 0 {
		return DayParty{}
	}
	return s.Parties[i]
}

// days returns the sections on days of groups: which suite costs what, who pays, and the
// same day otherwise.
func (c *cast) days(all []Day) []section {
	costs := section{
		ID: "days", Name: "What a day costs",
		About: "What a day of a group costs a member: CPU time and the time of the bytes on its link, with the 95 % interval. Suites share a rank unless they certainly differ.",
	}
	pays := section{
		ID: "day-payers", Name: "Who pays on a day",
		About: "CPU time of each party on the day, in the suite that costs a member least. A joiner pays once. The service follows the group.",
	}
	otherwise := section{
		ID: "day-otherwise", Name: "The same day otherwise",
		About: "The day of a member over sessions with everybody and over sender keys, priced from the same primitives, and in the classic suite.",
	}
	for i, d := range all {
		costs.Answers = append(costs.Answers, answer{Head: d.Name, Sentences: append([]string{d.Recommendation}, d.About...)})
		id := fmt.Sprintf("day-%d", i)
		costs.add(c.dayTimes(id, d))
		costs.add(c.dayBytes(id, d))
		if len(d.Suites) > 0 {
			pays.add(c.dayPayers(id, d))
			otherwise.add(c.dayOtherwise(id, d))
		}
	}
	if len(all) > 0 {
		costs.Tables = []table{c.dayTable("day-table", all)}
	}
	if len(pays.Charts) > 0 {
		pays.Tables = []table{c.payerTable("day-payers-table", all)}
	}
	if len(otherwise.Charts) > 0 {
		otherwise.Tables = []table{c.otherwiseTable("day-otherwise-table", all)}
	}
	return []section{costs, pays, otherwise, c.combiners(all)}
}

// add adds a chart that has something to show.
func (s *section) add(ch chart, ok bool) {
	if ok {
		s.Charts = append(s.Charts, ch)
	}
}

// bars makes a chart with a row for each series that it can show.
func bars(id, title, caption, table string, all []series, x axis) (chart, bool) {
	left := 0
	var drawn []series
	for _, s := range all {
		var ok bool
		if s.points[0].y, ok = shown(s.points[0].y); !ok {
			left++
			continue
		}
		drawn = append(drawn, s)
	}
	if len(drawn) == 0 {
		return chart{}, false
	}
	pictures := rows(id, title, fmt.Sprintf("%s, %s.", title, count(len(drawn), "row", "rows")), drawn, x)
	return chart{Caption: caption, Pictures: pictures, Table: table, Left: leftOut(left)}, true
}

func (c *cast) dayTimes(id string, d Day) (chart, bool) {
	var all []series
	for _, s := range d.Suites {
		m := c.by[identity{s.Suite, s.ID}]
		hint := fmt.Sprintf("%s, %s: %s %s", m.label(), d.Name, duration(s.Time.Value), plusMinus(s.Time))
		rank := ""
		if s.Rank > 0 {
			rank = strconv.Itoa(s.Rank)
			hint += ", rank " + rank
		}
		all = append(all, series{member: m, rank: rank, points: []point{{y: s.Time, resolved: s.Rank > 0, title: hint}}})
	}
	title := fmt.Sprintf("The day of a %s: CPU time and link, %s", d.Payer, d.Name)
	return bars(id+"-time", title, title, "day-table", all, axis{tick: tickDuration, log: true})
}

func (c *cast) dayBytes(id string, d Day) (chart, bool) {
	var all []series
	for _, s := range d.Suites {
		m, p := c.by[identity{s.Suite, s.ID}], s.party(d.Payer)
		n := p.Up + p.Down
		hint := fmt.Sprintf("%s, %s: %s bytes up, %s down", m.label(), d.Name, grouped(p.Up), grouped(p.Down))
		all = append(all, series{member: m, points: []point{{y: result.Figure{Value: n, Low: n, High: n}, resolved: true, title: hint}}})
	}
	title := fmt.Sprintf("The day of a %s: bytes up and down, %s", d.Payer, d.Name)
	return bars(id+"-bytes", title, title, "day-table", all, axis{tick: tickBytes, log: true})
}

func (c *cast) dayPayers(id string, d Day) (chart, bool) {
	best := d.Suites[0]
	var all []series
	for i, p := range best.Parties {
		hint := fmt.Sprintf("%s, %s: %s %s", p.Name, d.Name, duration(p.CPU.Value), plusMinus(p.CPU))
		all = append(all, series{member: role(p.Name, p.Name, i), points: []point{{y: p.CPU, resolved: true, title: hint}}})
	}
	title := fmt.Sprintf("CPU time on the day by party, %s, %s", d.Name, best.ID)
	return bars(id+"-payers", title, title, "day-payers-table", all, axis{tick: tickDuration, log: true})
}

func (c *cast) dayOtherwise(id string, d Day) (chart, bool) {
	if len(d.Beside) == 0 {
		return chart{}, false
	}
	var all []series
	for _, s := range append([]DaySuite{d.Suites[0]}, d.Beside...) {
		p := s.party(d.Payer)
		hint := fmt.Sprintf("%s in %s, %s: %s %s, %s bytes", s.Scheme, s.ID, d.Name, duration(p.CPU.Value), plusMinus(p.CPU), grouped(p.Up+p.Down))
		m := scheme(s.Scheme)
		m.Short += " · " + s.ID.String()
		m.Tag += " · " + s.ID.String()
		all = append(all, series{member: m, points: []point{{y: p.CPU, resolved: true, title: hint}}})
	}
	title := fmt.Sprintf("CPU time of a %s on the day, %s", d.Payer, d.Name)
	return bars(id+"-otherwise", title, title, "day-otherwise-table", all, axis{tick: tickDuration, log: true})
}

// dayTable is a table of all days, of which it shows one.
func (c *cast) dayTable(id string, all []Day) table {
	t := table{ID: id, Caption: "A day in each suite", First: "Suite", Filter: "Day", Chosen: all[0].Name, Codes: true, Columns: []column{
		{"Rank", "by the time of the day", true}, {"Time", "CPU time and the bytes on the link", true}, {"±", "the 95 % interval, relative to the figure", true},
		{"CPU", "of the party that is ranked", true}, {"± of CPU", "its 95 % interval, relative", true}, {"Up", "bytes that it sends", true}, {"Down", "bytes that it receives", true},
		{"Service in", "bytes that the service receives", true}, {"Service out", "bytes that it sends", true}, {"Stored", "bytes that it stores", true},
	}}
	for _, d := range all {
		t.Sizes = append(t.Sizes, d.Name)
		for _, s := range d.Suites {
			p, service := s.party(d.Payer), s.party("service")
			t.Rows = append(t.Rows, row{Member: c.by[identity{s.Suite, s.ID}], Size: d.Name, Cells: []entry{
				s.place(), span(s.Time), spreadOf(s.Time), span(p.CPU), spreadOf(p.CPU),
				whole(p.Up), whole(p.Down), whole(service.Down), whole(service.Up), whole(s.Stored),
			}})
		}
	}
	return t
}

func (c *cast) payerTable(id string, all []Day) table {
	t := table{ID: id, Caption: "Parties of a day", First: "Party", Filter: "Day", Chosen: all[0].Name, Columns: []column{
		{"Suite", "in which the day costs a member least", false}, {"CPU", "on the day", true}, {"±", "the 95 % interval, relative to the figure", true},
		{"Up", "bytes that it sends", true}, {"Down", "bytes that it receives", true},
	}}
	for _, d := range all {
		if len(d.Suites) == 0 {
			continue
		}
		t.Sizes = append(t.Sizes, d.Name)
		for i, p := range d.Suites[0].Parties {
			t.Rows = append(t.Rows, row{Member: role(p.Name, p.Name, i), Size: d.Name, Cells: []entry{
				{Text: c.by[identity{d.Suites[0].Suite, d.Suites[0].ID}].label()}, span(p.CPU), spreadOf(p.CPU), whole(p.Up), whole(p.Down),
			}})
		}
	}
	return t
}

func (c *cast) otherwiseTable(id string, all []Day) table {
	t := table{ID: id, Caption: "Days in other schemes", First: "Scheme", Filter: "Day", Chosen: all[0].Name, Columns: []column{
		{"Suite", "whose primitives the scheme uses", false}, {"CPU", "of the party that is ranked", true}, {"±", "the 95 % interval, relative to the figure", true},
		{"Up", "bytes that it sends", true}, {"Down", "bytes that it receives", true},
		{"Service in", "bytes that the service receives", true}, {"Service out", "bytes that it sends", true},
	}}
	for _, d := range all {
		if len(d.Suites) == 0 {
			continue
		}
		t.Sizes = append(t.Sizes, d.Name)
		for _, s := range append([]DaySuite{d.Suites[0]}, d.Beside...) {
			p, service := s.party(d.Payer), s.party("service")
			t.Rows = append(t.Rows, row{Member: scheme(s.Scheme), Size: d.Name, Cells: []entry{
				{Text: c.by[identity{s.Suite, s.ID}].label()}, span(p.CPU), spreadOf(p.CPU), whole(p.Up), whole(p.Down), whole(service.Down), whole(service.Up),
			}})
		}
	}
	return t
}

// place shows the rank.
func (s DaySuite) place() entry {
	if s.Rank == 0 {
		return entry{Text: "not resolved", Class: "n open"}
	}
	return figure(strconv.Itoa(s.Rank), float64(s.Rank))
}

// span shows a time, and sorts by it.
func span(f result.Figure) entry {
	if !(f.Value > 0) {
		return missing()
	}
	return figure(duration(f.Value), f.Value)
}

// schemes are the ways to keep a group, in the order of their colours.
func schemes() []string { return []string{"MLS", "pairwise sessions", "sender keys"} }

// scheme returns how the page names a way to keep a group.
func scheme(name string) *member {
	return role(name, map[string]string{"pairwise sessions": "pairwise"}[name], slices.Index(schemes(), name))
}

// role returns how the page names what is no suite. Its short form may be empty.
func role(name, short string, colour int) *member {
	if short == "" {
		short = name
	}
	key := strings.Map(func(r rune) rune {
		if 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' {
			return r
		}
		return '-'
	}, name)
	return &member{
		Key: "s-" + key, Name: name, Short: clip(name, 40), Tag: clip(short, 30), colour: ink(fmt.Sprintf("r%d", max(colour, 0)%roles)),
	}
}

// roles is the number of colours of what is no suite.
const roles = 5
