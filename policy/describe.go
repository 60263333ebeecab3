package policy

import (
	"fmt"
	"strings"
)

// Describe returns what the policy is in words: its profiles with their parameters,
// rules, sources and notes. As in Explain, a text is one line of any length, which the
// caller breaks.
func (p *Policy) Describe() string {
	var b strings.Builder
	parameters, rules := p.Parameters(), p.Rules()
	for i, q := range p.Profiles() {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s\n", q.Name, q.Title)
		for _, line := range []struct{ label, text string }{
			{"version", q.Version}, {"date", q.Date}, {"extends", strings.Join(q.Extends, ", ")}, {"existing", q.Existing.String()},
			{"for", q.Audience}, {"level", q.Classification}, {"zone", otherThan("UTC", q.Zone)}, {"ends", q.Ends.String()}, {"digest", q.Digest},
		} {
			if line.text != "" {
				fmt.Fprintf(&b, "  %-9s %s\n", line.label, line.text)
			}
		}
		if q.Text != "" {
			fmt.Fprintf(&b, "\n%s\n", indented(q.Text, 2))
		}
		for _, d := range parameters {
			if d.Profile != q.Name {
				continue
			}
			fixed := ""
			if d.Fixed {
				fixed = ", for good"
			}
			fmt.Fprintf(&b, "\n  parameter %s: %s%s\n%s\n", d.Name, d.Value, fixed, indented(d.Text, 4))
		}
		for _, r := range rules {
			if r.Profile == q.Name {
				r.describe(&b)
			}
		}
		for _, m := range q.Moves {
			fmt.Fprintf(&b, "\n  move from %s to %s\n%s\n", m.From, m.To, indented(m.Reason, 4))
		}
		for _, n := range q.Notes {
			fmt.Fprintf(&b, "\n  note\n%s\n", indented(n, 4))
		}
	}
	return b.String()
}

func (r *Rule) describe(b *strings.Builder) {
	fmt.Fprintf(b, "\n  rule %s (%s, %s)\n", r.ID, r.About, r.Force)
	fmt.Fprintf(b, "    wanted  %s\n", r.Wanted)
	if r.When != "" {
		fmt.Fprintf(b, "    when    %s\n", r.When)
	}
	for _, a := range r.Allow {
		fmt.Fprintf(b, "    allow   %s\n", a)
	}
	if r.Otherwise != "" {
		fmt.Fprintf(b, "    else    %s\n", r.Otherwise)
	}
	if r.Legs != BothLegs {
		fmt.Fprintf(b, "    legs    %s\n", r.Legs)
	}
	fmt.Fprintf(b, "    source  %s [%s]", r.Source, r.Certainty)
	if r.Source.Checked != "" { // the end of a whole file was checked by nobody
		fmt.Fprintf(b, ", checked %s", r.Source.Checked)
	}
	b.WriteByte('\n')
}

// otherThan returns s, or "" if it is the usual.
func otherThan(usual, s string) string {
	if s == usual {
		return ""
	}
	return s
}

// indented returns text as one line, indented by n.
func indented(text string, n int) string {
	return strings.Repeat(" ", n) + strings.Join(strings.Fields(text), " ")
}
