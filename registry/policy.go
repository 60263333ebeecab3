package registry

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/suite"
)

// The classes of what a registry answers. Compare with [errors.Is].
var (
	// ErrUnknown says that no suite has the code point or name.
	ErrUnknown = errors.New("registry: unknown cipher suite")
	// ErrRefused is the class of every [*Refusal].
	ErrRefused = errors.New("registry: refused by policy")
)

// Policy judges the use of a suite at a time: nil allows it. It is a pure
// function, safe for concurrent use.
//
// The info is that of [suite.Describe]: its provenance is marked
// [suite.Provided.SelfDeclared] where it is the word of a part or a Suite of somebody
// else's. A policy that refuses [suite.Leave] locks a group in
// its suite.
type Policy func(info suite.Info, use suite.Use, now time.Time) *Refusal

// Refusal is a policy's no, and the reasons. The policy fills in what it is about,
// the registry the question and the suites that would do.
//
// The fields from Policy to Force are the first reason; Also are the others.
type Refusal struct {
	Policy string // such as "cnsa-1.0"
	Rule   string // such as "curve"
	Source string // document, version and section that the rule comes from
	Found  string // such as "X25519"
	Wanted string // such as "P-384"
	Force  string // "law", "guidance" or "mapping"
	Also   []Reason

	// With is the parameter of the policy that would allow it; "" if none would.
	With string

	Suite suite.ID
	Name  string
	Use   suite.Use
	At    time.Time

	// Subject is what was refused where it is not a suite, such as "credential".
	Subject string

	// Instead are the suites that the policies allow for this use at this time, the
	// most preferred first. Where no registry was asked they are those of the documents
	// that the policy knows, or nil.
	Instead []Choice
}

// Reason is one rule that was not satisfied.
type Reason struct {
	Policy, Rule, Source, Found, Wanted, Force string
}

// Choice is a suite that could be taken. Its ID is 0 where that is the program's to
// say, of a suite that has no code point of a document's.
type Choice struct {
	ID   suite.ID
	Name string
}

// String returns code point and name, or the name alone.
func (c Choice) String() string {
	if c.ID == 0 {
		return c.Name
	}
	return c.ID.String() + " " + c.Name
}

// Reasons returns all reasons, the first included.
func (r *Refusal) Reasons() []Reason {
	return append([]Reason{{r.Policy, r.Rule, r.Source, r.Found, r.Wanted, r.Force}}, r.Also...)
}

// Error returns the first reason in one line.
func (r *Refusal) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "registry: %s refused for %s by policy %s", r.what(), r.Use, r.Policy)
	for _, part := range []struct{ label, text string }{
		{": ", r.Rule}, {": found ", r.Found}, {", wanted ", r.Wanted}, {"; see ", r.Source},
	} {
		if part.text != "" {
			b.WriteString(part.label + part.text)
		}
	}
	return b.String()
}

// Explain returns all reasons, for people, in several lines.
func (r *Refusal) Explain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s is refused for %s at %s.\n", r.what(), r.Use, r.At.UTC().Format(time.DateOnly))
	for _, reason := range r.Reasons() {
		fmt.Fprintf(&b, "\n  %s: %s\n", reason.Policy, reason.Rule)
		for _, line := range []struct{ label, text string }{
			{"found", reason.Found}, {"wanted", reason.Wanted}, {"source", reason.Source}, {"force", reason.Force},
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

// Unwrap returns [ErrRefused].
func (r *Refusal) Unwrap() error { return ErrRefused }
