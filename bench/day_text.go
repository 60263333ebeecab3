package bench

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/mlsuite/mlsuite/bench/baseline"
	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/result"
)

func dayFormats() []writer[dayReport] {
	return []writer[dayReport]{{"text", writeDay}, {"json", writeJSON[dayReport]}}
}

// writeDay writes a day for people: the answer first, then what it rests on.
func writeDay(w io.Writer, r dayReport) error {
	var b strings.Builder
	s := screenOf(w)
	width := min(s.width, textWidth)
	b.WriteString(wrap(r.Recommendation+"\n\n"+r.heading(), width))
	r.writeRanking(&b, s, nil)

	best := r.Suites[0]
	fmt.Fprintf(&b, "\nWho pays in %s:\n\n", best.ID)
	t := table{titles: []string{"PARTY", " CPU", " ±", " UP", " DOWN"}}
	for _, p := range best.Parties {
		t.add(p.Party, day.Duration(p.CPU.Value), spread(p.CPU), day.Bytes(p.Up), day.Bytes(p.Down))
	}
	t.format(&b)
	b.WriteString(wrap(fmt.Sprintf("\nThe CPU time of the service is to follow the group, if handshakes are public. It stores %s. A joiner pays once.\n",
		day.Bytes(best.Stored)), width))

	fmt.Fprintf(&b, "\nThe same day otherwise, for a %s and the service:\n\n", r.Ranked)
	t = table{titles: []string{"ID", "SCHEME", " CPU", " UP", " DOWN", " SERVICE IN", " SERVICE OUT"}, optional: []string{" SERVICE IN", " UP"}}
	for _, x := range append([]daySuite{best}, r.Beside...) {
		c, service := basis(x.Parties), x.Parties[len(x.Parties)-1]
		t.add(x.ID.String(), x.Scheme, day.Duration(c.CPU.Value), day.Bytes(c.Up), day.Bytes(c.Down),
			day.Bytes(service.Down), day.Bytes(service.Up))
	}
	fit(s.width, &t)
	t.format(&b)

	b.WriteString(wrap(fmt.Sprintf("\nFrom so many members on MLS costs less than the other schemes, in %s if everybody speaks (-: not up to %d):\n\n",
		best.ID, baseline.MaxCrossover), width))
	r.writeCrossovers(&b, s)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeRanking writes the day of a member in each suite. A column with the last day on which
// each is allowed, by name, is there if until is not nil.
func (r dayReport) writeRanking(b *strings.Builder, on screen, until map[string]string) {
	fmt.Fprintf(b, "\nThe day of a %s:\n\n", r.Ranked)
	t := table{titles: []string{" RANK", "ID", "KEM", "SIGNATURE", " CPU", " ±", " UP", " DOWN", " TIME"}, optional: []string{"SIGNATURE", " ±", "KEM"}}
	if until != nil {
		t.titles = append(t.titles, "ALLOWED UNTIL")
	}
	for _, s := range r.Suites {
		c := basis(s.Parties)
		row := []string{
			fmt.Sprint(s.Rank), s.ID.String(), s.KEM, s.Signature, day.Duration(c.CPU.Value), spread(c.CPU),
			day.Bytes(c.Up), day.Bytes(c.Down), day.Duration(s.Time.Value),
		}
		if until != nil {
			row = append(row, until[s.Suite])
		}
		t.add(row...)
	}
	fit(on.width, &t)
	t.paint(b, on)
}

// heading says what the figures are of.
func (r dayReport) heading() string { return r.group() + "\n" + r.origin() }

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

// spread shows how far the farther end of an interval is from its figure.
func spread(f result.Figure) string {
	if f.Value == 0 {
		return "-"
	}
	percent := 100 * max(f.High-f.Value, f.Value-f.Low) / f.Value
	return fmt.Sprintf("%.0f %%", math.Ceil(percent))
}
