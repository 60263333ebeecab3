// Package policy says which cipher suites a mandate allows, until when, and why.
//
// A policy is data: rules on algorithms, sizes, dates and provenance, each with the
// document that it comes from, written in a file (FORMAT.md). Twenty-two profiles come
// with the package. An organisation writes its own, which may extend them.
//
//	p, err := policy.Load("cnsa-2.0-transition")          // a built-in profile
//	p, err := policy.Load("anssi", policy.WithDigest(d))  // this text of it and no other
//	p, err := policy.Parse("org.yaml", data)              // your own
//	p, err = p.With("hybrid", "category-date=2033-12-31") // its parameters
//	p = policy.All(p, q)                                  // what both allow
//
// [Policy.Verdict] returns the verdict on a suite at a date, with what each rule found.
// [Policy.Explain] puts it into words, [NewMatrix] makes a table of verdicts, and [Choose]
// picks the suite that all members and all policies permit. [Lint] reports everything that
// is wrong with files, by line and key.
//
// The engine enforces a policy: it asks the policy about everything that enters a group.
// That takes one field:
//
//	cfg.Policy = p
//
// A refusal is a [*Refusal]. It says which rule, from which document, found what and wanted
// what.
//
// Dates are days in UTC, or in the time zone that a profile names. What is allowed until a
// day is allowed through the whole of that day. A date stops what is new. Existing groups
// follow what the profile says under existing ([Existing]), and can always be left.
//
// No verdict of this package is an approval. The rules are this project's reading of their
// sources. What it could not verify is marked and never enforced.
package policy
