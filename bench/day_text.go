package bench

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/mlsuite/mlsuite/bench/baseline"
	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/bench/stats"
)

func (p program) dayFormats(f policyFlags) []writer[dayReport] {
	return []writer[dayReport]{
		{"text", writeDay}, {"json", writeJSON[dayReport]}, {goBench, writeDayGoBench},
		{"html", func(w io.Writer, r dayReport) error { return p.writeDayPage(w, f, r) }},
	}
}

// writeDay writes a day for people: the answer first, then what it rests on.
func writeDay(w io.Writer, r dayReport) error {
	var b strings.Builder
	s := screenOf(w)
	width := min(s.width, textWidth)
	b.WriteString(s.within(textWidth).text(r.Recommendation + "\n\n" + r.heading()))
	r.writeRanking(&b, s, nil)
	r.writeParties(&b)
	b.WriteString(wrap("\nThe CPU time of the service is to follow the group, if handshakes are public. A joiner pays once.\n", width))
	best := r.Suites[0]

	fmt.Fprintf(&b, "\nThe same day otherwise, for a %s and the service:\n\n", r.Ranked)
	t := table{titles: []string{"ID", "SCHEME", " CPU", " ±", " UP", " DOWN", " SERVICE IN", " SERVICE OUT"}, optional: []string{" SERVICE IN", " UP", " ±"}}
	for _, x := range append([]daySuite{best}, r.Beside...) {
		c, service := basis(x.Parties), x.Parties[len(x.Parties)-1]
		t.add(x.ID.String(), x.Scheme, day.Duration(c.CPU.Value), spread(c.CPU), day.Bytes(c.Up), day.Bytes(c.Down),
			day.Bytes(service.Down), day.Bytes(service.Up))
	}
	fit(s.width, &t)
	t.format(&b)

	b.WriteString(wrap(fmt.Sprintf("\nFrom so many members on MLS costs less than the other schemes, in %s if everybody speaks, by figures without their intervals (-: not up to %d):\n\n",
		best.ID, baseline.MaxCrossover), width))
	r.writeCrossovers(&b, s)
	if r.Combiner != nil {
		r.Combiner.write(&b, s, r.Ranked)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeRanking writes the day of a member in each suite. A column with the last day on which
// each is allowed, by name, is there if until is not nil.
func (r dayReport) writeRanking(b *strings.Builder, on screen, until map[string]string) {
	fmt.Fprintf(b, "\nThe day of a %s:\n\n", r.Ranked)
	t := table{titles: []string{" RANK", "ID", "KEM", "SIGNATURE", " TIME", " ±", " CPU", " ±", " UP", " DOWN"}, optional: []string{"SIGNATURE", " ±", "KEM"}}
	if until != nil {
		t.titles = append(t.titles, "ALLOWED UNTIL")
	}
	unranked := false
	for _, s := range r.Suites {
		c := basis(s.Parties)
		row := []string{
			fmt.Sprint(s.Rank), s.ID.String(), s.KEM, s.Signature, day.Duration(s.Time.Value), spread(*s.Time),
			day.Duration(c.CPU.Value), spread(c.CPU), day.Bytes(c.Up), day.Bytes(c.Down),
		}
		if s.Rank == 0 {
			row[0], unranked = "-", true
		}
		if until != nil {
			row = append(row, until[s.Suite])
		}
		t.add(row...)
	}
	fit(on.width, &t)
	t.paint(b, on)
	if unranked {
		b.WriteString(wrap(fmt.Sprintf("\nRANK is - where TIME is not resolved to %.0f %% in %d rounds or more.\n", 100*stats.Precision, stats.LeastRounds), min(on.width, textWidth)))
	}
}

// writeParties writes what each party pays in each suite.
func (r dayReport) writeParties(b *strings.Builder) {
	b.WriteString("\nWho pays:\n\n")
	t := table{titles: []string{"ID", "PARTY", " CPU", " ±", " UP", " DOWN", " STORES"}}
	for _, s := range r.Suites {
		for _, p := range s.Parties {
			stored := ""
			if p.Party == day.Service {
				stored = day.Bytes(s.Stored)
			}
			t.add(s.ID.String(), p.Party, day.Duration(p.CPU.Value), spread(p.CPU), day.Bytes(p.Up), day.Bytes(p.Down), stored)
		}
	}
	t.format(b)
}

// heading says what the figures are of, and what makes them doubtful.
func (r dayReport) heading() string {
	text := r.group() + "\n" + r.origin()
	for _, w := range r.Warnings {
		text += "warning, " + w + "\n"
	}
	return text
}

// group says what happens in the group.
func (r dayReport) group() string {
	d := r.Day
	return fmt.Sprintf("%s: %d members, %d of them commit and %d speak; %g renewals, %g joins, %g removes, and %g messages of %d bytes a day.",
		d.Name, d.Members, d.Committers, d.Speakers, d.Renewals, d.Joins, d.Removes, d.Messages, d.Size)
}

// origin says where the figures are from.
func (r dayReport) origin() string {
	var b strings.Builder
	m := r.Device.Machine
	cpu, known := m.CPU.Get()
	if !known {
		cpu = "unknown CPU"
	}
	fmt.Fprintf(&b, "Prices: %s/%s, %s, %s, %s, %d rounds. ", m.OS, m.Arch, cpu, m.GoVersion, r.Device.Date, r.Device.Rounds)
	if r.Device.Doubt > 0 {
		fmt.Fprintf(&b, "Intervals allow for %.1f %% by which all prices may be off together. ", 100*r.Device.Doubt)
	}
	if r.Overhead {
		b.WriteString("CPU times are those of the primitives, times what the engine takes beyond them where the results say so. ")
	} else {
		b.WriteString("CPU times are those of the primitives alone, a lower bound. ")
	}
	b.WriteString("Bytes are least sizes")
	if r.pricing.results != nil {
		b.WriteString(", and what messages have beyond these in the results")
	}
	fmt.Fprintf(&b, ". Time is CPU time and the bytes on a link of %g Mbit/s.\n", r.Link/1e6)
	fmt.Fprintf(&b, "A commit that renews keys has %.1f ciphertexts in the mean, in the long run: %d if nobody joined or left.\n", r.Ciphertexts, r.Day.Levels())
	if len(r.Policies) > 0 {
		policies := strings.Join(r.Policies, ", ")
		if len(r.With) > 0 {
			policies += " with " + strings.Join(r.With, ", ")
		}
		fmt.Fprintf(&b, "Policies: %s; suites left out: %d.\n", policies, len(r.LeftOut))
	}
	if n := len(r.Unpriced); n > 0 {
		fmt.Fprintf(&b, "Suites that the device has no prices of: %d, such as %s.\n", n, r.Unpriced[0])
	}
	return b.String()
}

func (r dayReport) writeCrossovers(b *strings.Builder, on screen) {
	schemes := []baseline.Scheme{baseline.Pairwise(), baseline.SenderKeys()}
	t := table{titles: []string{"OPERATION", "PAYER"}}
	for _, s := range schemes {
		name := strings.ToUpper(s.Name)
		if on.width < 80 {
			t.dense = true
			name, _, _ = strings.Cut(name, " ")
		}
		t.titles = append(t.titles, " "+name+": CPU", " BYTES")
	}
	find := func(of dayCrossover, scheme string) dayCrossover {
		for _, c := range r.Crossovers {
			if c.Operation == of.Operation && c.Payer == of.Payer && c.Scheme == scheme {
				return c
			}
		}
		return dayCrossover{}
	}
	members := func(n int) string {
		if n == 0 {
			return "-"
		}
		return fmt.Sprint(n)
	}
	for _, c := range r.Crossovers {
		if c.Scheme != schemes[0].Name {
			continue
		}
		row := []string{c.Operation, c.Payer}
		for _, s := range schemes {
			x := find(c, s.Name)
			row = append(row, members(x.CPU), members(x.Bytes))
		}
		t.add(row...)
	}
	t.format(b)
}

// spread shows how far the farther end of an interval is from its figure: ? if it has no
// upper end.
func spread(f result.Figure) string {
	if f.Value == 0 {
		return "-"
	}
	width := f.Width()
	if math.IsInf(width, 1) {
		return "?"
	}
	return fmt.Sprintf("%.0f %%", math.Abs(math.Ceil(100*width-1e-6)))
}
