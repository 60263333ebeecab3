// Package policy says which cipher suites a mandate allows, until when, and why.
//
// A policy is data: rules on algorithms, sizes, dates and provenance, each with the
// document that it comes from, written in a file (FORMAT.md). Fifteen profiles come
// with the package; an organisation writes its own, which may extend them.
//
//	p, err := policy.Load("cnsa-2.0-transition")          // a built-in profile
//	p, err := policy.Parse("org.yaml", data)              // one's own
//	p, err = p.With("hybrid", "category-date=2033-12-31") // its parameters
//	p = policy.All(p, q)                                  // what both allow
//
// [Policy.Verdict] gives the verdict on a suite at a date, with what each rule found;
// [Policy.Explain] writes it for people, [NewMatrix] makes a table of it and [Choose]
// picks the suite that all members and all policies permit. [Lint] gives all that is
// wrong with files, by line and key.
//
// A policy is enforced by the engine, which asks it about all that enters a group. That is
// one field:
//
//	cfg.Policy = p
//
// It refuses with a [*Refusal], which says which rule, from which document, found what
// and wanted what.
//
// Dates are days in UTC: what is allowed until a day is allowed through the whole of
// it. A date stops what is new; groups that exist follow what the profile says under
// existing ([Existing]), and can always be left.
//
// No verdict of this package is an approval: the rules are this project's reading of
// their sources, and what it could not verify is marked and never enforced.
package policy
