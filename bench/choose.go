package bench

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// judged is a suite and the common verdict of policies on it.
type judged struct {
	suite.Info
	policy.Verdict
}

// writeChoice writes which suite to pick for a new group under all of policies. If there
// is none, it writes what stands in the way of each suite, and returns an error.
func writeChoice(w io.Writer, r *registry.Registry, policies []*policy.Policy, now time.Time) error {
	together := policy.All(policies...)
	var allowed, denied []judged
	for info := range r.All() {
		if v := together.Verdict(info, now); v.Allow {
			allowed = append(allowed, judged{info, v})
		} else {
			denied = append(denied, judged{info, v})
		}
	}
	slices.SortStableFunc(allowed, func(a, b judged) int { return compareEnds(b.Until, a.Until) })
	order := make([]string, 0, len(allowed)+len(denied))
	for _, j := range slices.Concat(allowed, denied) {
		order = append(order, j.Name)
	}
	r, err := r.Select(order...)
	if err != nil {
		return err
	}
	chosen, err := policy.Choose(r, nil, together, now)
	var none *policy.NoSuite
	if errors.As(err, &none) {
		return errors.Join(writeText(w, explainNone(none, denied, policies, now)), err)
	}
	if err != nil {
		return err
	}
	return writeText(w, explainChoice(chosen, allowed, denied, policies, now))
}

// compareEnds compares the last days of verdicts. Zero means no end.
func compareEnds(a, b policy.Date) int {
	switch {
	case a == b:
		return 0
	case a.IsZero():
		return 1
	case b.IsZero():
		return -1
	}
	return a.Compare(b)
}

// explainChoice says why chosen, the first of allowed, is the choice.
func explainChoice(chosen suite.Info, allowed, denied []judged, policies []*policy.Policy, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n\n", chosen.ID, chosen.Name)
	fmt.Fprintf(&b, "%s at %s: %d of %d suites are allowed. What is allowed for the longest goes first, and among equals the order of suitebench suites.\n\n",
		policyNames(policies), policy.DateOf(now), len(allowed), len(allowed)+len(denied))
	t := table{titles: []string{"ID", "SUITE", "ALLOWED UNTIL"}}
	for _, j := range allowed {
		t.add(j.ID.String(), j.Name, cmp.Or(j.Until.String(), "no end"))
	}
	t.format(&b)
	if len(allowed[0].Notes) > 0 {
		b.WriteString("\nNotes on the first:\n")
	}
	for _, note := range allowed[0].Notes {
		fmt.Fprintf(&b, "  %s\n", note)
	}
	if len(denied) > 0 {
		b.WriteString("\nDenied, by which rules:\n")
	}
	for _, j := range denied {
		fmt.Fprintf(&b, "  %s  %s\n", j.ID, j.failed())
	}
	return b.String()
}

// failed returns the rules that deny a suite, by policy, and what would help.
func (j judged) failed() string {
	var b strings.Builder
	before := ""
	for _, f := range j.Findings {
		switch {
		case f.Passed || f.Certainty == policy.Unverified:
			continue
		case f.Policy == before:
			b.WriteString(", " + f.Rule)
			continue
		case before != "":
			b.WriteString("; ")
		}
		b.WriteString(f.Policy + ": " + f.Rule)
		before = f.Policy
	}
	if j.With != "" {
		b.WriteString(" (allowed with " + j.With + ")")
	}
	return b.String()
}

// explainNone says which suites each policy allows, and what stands in the way of each
// suite, in full for the suites that the fewest rules deny.
func explainNone(none *policy.NoSuite, denied []judged, policies []*policy.Policy, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "No suite is allowed by all of %s at %s.\n\nEach allows:\n", policyNames(policies), policy.DateOf(now))
	width := 0
	for _, p := range policies {
		width = max(width, len(p.Name()))
	}
	for _, p := range policies {
		var ids []string
		for _, j := range denied {
			if p.Verdict(j.Info, now).Allow {
				ids = append(ids, j.ID.String())
			}
		}
		fmt.Fprintf(&b, "  %-*s  %s\n", width, p.Name(), cmp.Or(strings.Join(ids, " "), "none"))
	}
	fewest := math.MaxInt
	for _, o := range none.Obstacles {
		fewest = min(fewest, reasons(o))
	}
	nearest := policy.NoSuite{At: none.At}
	var others strings.Builder
	for i, o := range none.Obstacles {
		if reasons(o) == fewest {
			nearest.Obstacles = append(nearest.Obstacles, o)
		} else {
			fmt.Fprintf(&others, "  %s  %s\n", o.Suite, denied[i].failed())
		}
	}
	_, explained, _ := strings.Cut(nearest.Explain(), "\n") // without its heading
	b.WriteString("\nWhat stands in the way, of the nearest suites:\n" + explained)
	if others.Len() > 0 {
		b.WriteString("\nOf the others:\n" + others.String())
	}
	return b.String()
}

// reasons returns the number of rules that deny the suite of an obstacle.
func reasons(o policy.Obstacle) (n int) {
	for _, r := range o.Refusals {
		n += len(r.Reasons())
	}
	return n
}

func policyNames(policies []*policy.Policy) string {
	var names []string
	for _, p := range policies {
		names = append(names, p.Name())
	}
	return strings.Join(names, ", ")
}
