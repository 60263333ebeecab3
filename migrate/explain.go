package migrate

import (
	"fmt"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/policy"
)

// Explain returns the plan for people: the target and what the move costs, or why there
// is none, and what stands in the way of the other suites.
func (p *Plan) Explain() string {
	var b strings.Builder
	size := 0
	if len(p.Targets) > 0 {
		size = len(p.Targets[0].Members)
	}
	fmt.Fprintf(&b, "A group of %d in epoch %d at %s, of %s %s.\n", size, p.Epoch, policy.DateOf(p.At), p.From.ID, p.From.Name)
	if p.To == nil {
		fmt.Fprintf(&b, "It cannot move: %v.\n", p.Failure)
	}
	if n := len(p.Strangers); n > 0 {
		fmt.Fprintf(&b, "Left out: %d key packages of others.\n", n)
	}
	if p.To != nil && p.To.Suite.ID == p.From.ID {
		b.WriteString("It stays where it is: that is the most preferred suite that will do.\n")
	} else if p.To != nil {
		p.To.explain(&b, "To")
		p.To.Cost.explain(&b)
	}
	for i := range p.Targets {
		if t := &p.Targets[i]; t != p.To && t.Suite.ID != p.From.ID {
			t.explain(&b, "Not to")
		}
	}
	return b.String()
}

func (t *Target) explain(b *strings.Builder, heading string) {
	fmt.Fprintf(b, "\n%s %s %s\n", heading, t.Suite.ID, t.Suite.Name)
	line := func(label, format string, args ...any) {
		fmt.Fprintf(b, "  %-9s %s\n", label, fmt.Sprintf(format, args...))
	}
	for _, w := range t.Weaker {
		line("weaker", "%s", w)
	}
	if t.Refusal != nil {
		for _, reason := range t.Refusal.Reasons() {
			line("refused", "%s/%s: found %s, wanted %s", reason.Policy, reason.Rule, reason.Found, reason.Wanted)
		}
	}
	waiting := t.Waiting()
	if len(waiting) == 0 {
		line("ready", "all members")
		return
	}
	line("ready", "%d of %d members", len(t.Members)-len(waiting), len(t.Members))
	for _, m := range waiting {
		line("waiting", "%s", m)
	}
}

func (c *Cost) explain(b *strings.Builder) {
	line := func(label string, w Work, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if w.CPU > 0 {
			text += fmt.Sprintf(" in %s", w.CPU.Round(10*time.Microsecond))
		}
		fmt.Fprintf(b, "  %-9s %s\n", label, text)
	}
	line("each", c.KeyPackage, "publishes a key package of %d bytes or more", c.KeyPackageBytes)
	line("one", c.Create, "makes the group, with a Welcome of %d bytes or more", c.WelcomeBytes)
	line("others", c.Join, "join it")
	line("then", c.Commit, "the first commit that renews keys is of %d bytes or more", c.CommitBytes)
}
