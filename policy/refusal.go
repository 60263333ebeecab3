package policy

import (
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// ErrRefused is the class of every [*Refusal].
var ErrRefused = errors.New("policy: refused")

// Refusal is a policy's refusal of a [suite.Question], with the reasons.
//
// The fields from Policy to Otherwise are the first reason. Also has the others.
type Refusal struct {
	Policy string // such as "cnsa-1.0"
	Rule   string // such as "curve"
	Source string // document, version and section that the rule comes from
	Found  string // such as "X25519"
	Wanted string // such as "P-384"
	Force  string // "law", "guidance" or "mapping"

	// Otherwise is what the source says of what the rule denies: "prohibited", "not
	// recommended" or "not listed", or "" if the profile does not say.
	Otherwise string

	Also []Reason

	// With is the parameter of the policy that would allow the subject, or "" if none
	// would.
	With string

	// Suite and Name are those of the refused suite, or of the target of the move.
	Suite suite.ID
	Name  string
	Use   suite.Use
	At    time.Time

	// Subject is what was refused, such as "credential", if that is not a suite.
	Subject string

	// Instead are the suites of RFC 9420 and of the draft that the policy would let begin
	// on that day. If it refuses a move, they are those to which a move may lead. Instead
	// is nil if that depends on who provides a suite, and if the question was for a list.
	// A program that has a registry puts the registry's [Choices] here.
	Instead []Choice

	other error // the error of somebody else's policy, or nil
}

// Reason is one rule that was not satisfied.
type Reason struct {
	Policy string `json:"policy,omitempty"`
	Rule   string `json:"rule,omitempty"`
	Source string `json:"source,omitempty"`
	Found  string `json:"found,omitempty"`
	Wanted string `json:"wanted,omitempty"`
	Force  string `json:"force,omitempty"`

	Otherwise string `json:"otherwise,omitempty"`
}

// Choice is a suite that could be taken. Its ID is 0 for a suite whose code point no
// document gives: the program chooses that.
type Choice struct {
	ID   suite.ID
	Name string
}

// Choices returns suites in the form that a [Refusal] has them. The result is not nil,
// even if there are no suites.
//
//	refusal.Instead = policy.Choices(all.Registry().Allowed(p, refusal.Use, refusal.At))
func Choices(suites iter.Seq[suite.Info]) []Choice {
	all := []Choice{}
	for info := range suites {
		all = append(all, Choice{info.ID, info.Name})
	}
	return all
}

// String returns the code point and the name, or the name alone if the ID is 0.
func (c Choice) String() string {
	if c.ID == 0 {
		return c.Name
	}
	return c.ID.String() + " " + c.Name
}

// RefusalOf returns the refusal that a policy's answer to q is or wraps, or nil if the
// answer is nil. The answer of somebody else's policy becomes the reason of a Refusal
// that wraps it.
func RefusalOf(q suite.Question, answer error) *Refusal {
	if answer == nil {
		return nil
	}
	if r, ok := errors.AsType[*Refusal](answer); ok {
		return r
	}
	r := &Refusal{Policy: "custom", Found: answer.Error(), Use: q.Use, At: q.Time, other: answer}
	switch s := q.Subject.(type) {
	case suite.Info:
		r.Suite, r.Name = s.ID, s.Name
	case suite.Move:
		r.Suite, r.Name = s.To.ID, s.To.Name
	case suite.PairInfo:
		r.Subject = s.String()
	default:
		r.Subject = fmt.Sprintf("%T", s)
	}
	return r
}

// Reasons returns all reasons, beginning with the first.
func (r *Refusal) Reasons() []Reason {
	return append([]Reason{{r.Policy, r.Rule, r.Source, r.Found, r.Wanted, r.Force, r.Otherwise}}, r.Also...)
}

// Error returns the first reason in one line.
func (r *Refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "policy: %s refused for %s by policy %s", r.what(), r.Use, r.Policy)
	for _, part := range []struct{ label, text string }{
		{": ", r.Rule}, {": found ", r.Found}, {", wanted ", r.Wanted}, {"; see ", r.Source},
	} {
		if part.text != "" {
			b.WriteString(part.label + part.text)
		}
	}
	return b.String()
}

// Explain returns all reasons in words, in several lines.
func (r *Refusal) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is refused for %s at %s.\n", r.what(), r.Use, r.At.UTC().Format(time.DateOnly))
	for _, reason := range r.Reasons() {
		fmt.Fprintf(&b, "\n  %s: %s\n", reason.Policy, reason.Rule)
		for _, line := range []struct{ label, text string }{
			{"found", reason.Found}, {"wanted", reason.Wanted}, {"source", reason.Source}, {"force", reason.Force}, {"rest", reason.Otherwise},
		} {
			if line.text != "" {
				fmt.Fprintf(&b, "    %-7s %s\n", line.label, line.text)
			}
		}
	}
	if r.With != "" {
		fmt.Fprintf(&b, "\nThe policy would allow it with its parameter %s.\n", r.With)
	}
	switch {
	case len(r.Instead) > 0:
		b.WriteString("\nSuites that would do:\n")
		for _, c := range r.Instead {
			fmt.Fprintf(&b, "  %s\n", c)
		}
	case r.Instead != nil:
		b.WriteString("\nNo suite of the registry would do.\n")
	}
	return b.String()
}

func (r *Refusal) what() string {
	if r.Subject != "" {
		return r.Subject
	}
	return r.Suite.String() + " " + r.Name
}

// LogValue returns the reasons as a group. It has policy, rule, source, found, wanted,
// force and otherwise of the first reason; also, a list of the others; with; and instead, a
// list of suites. Empty attributes are left out.
func (r *Refusal) LogValue() slog.Value {
	var attrs []slog.Attr
	for _, part := range []struct{ key, text string }{
		{"policy", r.Policy}, {"rule", r.Rule}, {"source", r.Source}, {"found", r.Found},
		{"wanted", r.Wanted}, {"force", r.Force}, {"otherwise", r.Otherwise}, {"with", r.With},
	} {
		if part.text != "" {
			attrs = append(attrs, slog.String(part.key, part.text))
		}
	}
	if len(r.Also) > 0 {
		attrs = append(attrs, slog.Any("also", slices.Clone(r.Also)))
	}
	if len(r.Instead) > 0 {
		instead := make([]string, len(r.Instead))
		for i, c := range r.Instead {
			if instead[i] = c.Name; c.ID != 0 {
				instead[i] = c.ID.String()
			}
		}
		attrs = append(attrs, slog.Any("instead", instead))
	}
	return slog.GroupValue(attrs...)
}

// Unwrap returns [ErrRefused], and the answer from which [RefusalOf] made r, if any.
func (r *Refusal) Unwrap() []error {
	if r.other != nil {
		return []error{ErrRefused, r.other}
	}
	return []error{ErrRefused}
}
