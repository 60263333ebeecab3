package policy

import (
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// Explain returns the verdict on a suite on the day of now in words, with what each rule
// found, and which of the given suites would do.
func (p *Policy) Explain(info suite.Info, suites iter.Seq[suite.Info], now time.Time) string {
	v := p.Verdict(info, now)
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s under %s at %s: %s\n", info.ID, info.Name, p.Name(), DateOf(now), v)
	for _, f := range v.Findings {
		verdict := "pass"
		switch {
		case !f.Passed && f.Certainty == Unverified:
			verdict = "note"
		case !f.Passed:
			verdict = "FAIL"
		}
		until := ""
		if f.Passed && !f.Until.IsZero() {
			until = " until " + f.Until.String()
		}
		fmt.Fprintf(&b, "\n  %s  %s/%s%s\n", verdict, f.Policy, f.Rule, until)
		fmt.Fprintf(&b, "    found   %s\n    wanted  %s\n", f.Found, f.Wanted)
		fmt.Fprintf(&b, "    source  %s [%s]\n", f.Source, f.Certainty)
		fmt.Fprintf(&b, "    force   %s, checked %s\n", f.Force, f.Source.Checked)
	}
	if len(v.Notes) > 0 {
		b.WriteString("\nNotes:\n")
		for _, n := range v.Notes {
			fmt.Fprintf(&b, "  %s\n", n)
		}
	}
	if !v.Allow {
		var instead strings.Builder
		for other := range suites {
			if last, ok := p.allows(aboutSuite, p.of(other), DateOf(now)); ok {
				fmt.Fprintf(&instead, "  %s %s", other.ID, other.Name)
				if !last.IsZero() {
					fmt.Fprintf(&instead, " until %s", last)
				}
				instead.WriteByte('\n')
			}
		}
		if instead.Len() == 0 {
			b.WriteString("\nNo suite of the registry would do.\n")
		} else {
			b.WriteString("\nSuites that would do:\n" + instead.String())
		}
	}
	return b.String()
}

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
	fmt.Fprintf(b, "    source  %s [%s], checked %s\n", r.Source, r.Certainty, r.Source.Checked)
}

// indented returns text as one line, indented by n.
func indented(text string, n int) string {
	return strings.Repeat(" ", n) + strings.Join(strings.Fields(text), " ")
}
