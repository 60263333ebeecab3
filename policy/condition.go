package policy

import (
	"cmp"
	"fmt"
	"math"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/mlsuite/mlsuite/suite"
)

// condition is one question about one fact. The conditions of a list have to hold all
// together.
type condition struct {
	fact fact
	at   Position

	words    []string // of a word: one of these, or with not none of them
	not      bool
	in       reference // of a word: the list that has it, in place of words
	min, max int64     // of a number, a duration or a flag, both included

	minVersion, maxVersion string // of a version; "" is no bound

	// Of packages: patterns for all that are derived, for at least one that is, and for
	// all that are the word of somebody else's part.
	only, some, declared []string
}

// holds reports whether the condition is true of f under the values of parameters. Under
// nil, these can be any.
func (c *condition) holds(f *facts, s settings) bool {
	switch c.fact.kind {
	case word:
		if c.in.used() {
			w := c.fact.word(f)
			return s == nil && isListable(w) || s[c.in.key].has(w)
		}
		return slices.Contains(c.words, c.fact.word(f)) != c.not
	case number, duration, flag:
		n := c.fact.number(f)
		return c.min <= n && n <= c.max
	case version:
		v := c.fact.word(f)
		return (c.minVersion == "" || compareVersions(v, c.minVersion) >= 0) &&
			(c.maxVersion == "" || compareVersions(v, c.maxVersion) <= 0)
	}
	return c.holdsOfPackages(f)
}

// holdsOfPackages is holds for a provenance. A suite satisfies nothing if it does not say
// where one of its primitives comes from. A self-declared provenance is no evidence: it
// satisfies only what declared asks for.
func (c *condition) holdsOfPackages(f *facts) bool {
	some := len(c.some) == 0
	for _, p := range f.primitives() {
		if p.providers.Len() == 0 {
			return false
		}
		for one := range p.providers.All() {
			if !c.takes(one) {
				return false
			}
			some = some || !one.SelfDeclared && matchesPackage(c.some, one.Package)
		}
	}
	return some
}

// takes reports whether the condition accepts that a provenance names p.
func (c *condition) takes(p suite.Provided) bool {
	if p.SelfDeclared {
		return matchesPackage(c.declared, p.Package)
	}
	return len(c.only) == 0 || matchesPackage(c.only, p.Package)
}

// found describes what the condition looked at.
func (c *condition) found(f *facts) string {
	if c.fact.kind != packages {
		return c.fact.found(f)
	}
	var wrong, all []string
	add := func(to *[]string, text string) {
		if !slices.Contains(*to, text) {
			*to = append(*to, text)
		}
	}
	for _, p := range f.primitives() {
		if p.providers.Len() == 0 {
			add(&wrong, "no provenance of the "+p.role)
		}
		for one := range p.providers.All() {
			from := cmp.Or(one.Package, "an unnamed package")
			add(&all, from)
			text := one.Primitive + " from " + from
			if one.SelfDeclared {
				text += " by its own word"
			}
			if !c.takes(one) {
				add(&wrong, text)
			}
		}
	}
	switch {
	case len(all) == 0:
		return "no provenance"
	case len(wrong) > 0:
		return strings.Join(wrong, ", ")
	}
	slices.Sort(all)
	return "primitives from " + strings.Join(all, ", ")
}

// String returns the condition as it reads in a profile.
func (c *condition) String() string {
	var value string
	switch c.fact.kind {
	case word:
		switch value = list(c.words); {
		case c.in.used():
			value = "{in: " + c.in.name + "}"
		case c.not:
			value = "{not: " + value + "}"
		}
	case number, duration:
		value = bounds(c.fact.kind, c.min, c.max)
	case flag:
		value = strconv.FormatBool(c.min == 1)
	case version:
		value = rangeOf(c.minVersion, c.maxVersion)
	case packages:
		var parts []string
		if len(c.only) > 0 {
			parts = append(parts, "only: ["+strings.Join(c.only, ", ")+"]")
		}
		if len(c.some) > 0 {
			parts = append(parts, "some: ["+strings.Join(c.some, ", ")+"]")
		}
		if len(c.declared) > 0 {
			parts = append(parts, "declared: ["+strings.Join(c.declared, ", ")+"]")
		}
		value = "{" + strings.Join(parts, ", ") + "}"
	}
	return c.fact.name + ": " + value
}

func list(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return "[" + strings.Join(words, ", ") + "]"
}

func bounds(k kind, lowest, highest int64) string {
	write := func(n int64) string { return strconv.FormatInt(n, 10) }
	if k == duration {
		write = seconds
	}
	if lowest == highest {
		return write(lowest)
	}
	var low, high string
	if lowest > 0 {
		low = write(lowest)
	}
	if highest < math.MaxInt64 {
		high = write(highest)
	}
	return rangeOf(low, high)
}

func rangeOf(lowest, highest string) string {
	var parts []string
	if lowest != "" {
		parts = append(parts, "min: "+lowest)
	}
	if highest != "" {
		parts = append(parts, "max: "+highest)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// holdAll reports whether all conditions hold.
func holdAll(conditions []condition, f *facts, s settings) bool {
	for i := range conditions {
		if !conditions[i].holds(f, s) {
			return false
		}
	}
	return true
}

// latest is the version by which an unfrozen module calls itself.
const latest = "latest"

// compareVersions compares versions such as v1.26.0, and ignores what follows the
// numbers. latest is above all others, and anything that is no version is below.
func compareVersions(a, b string) int {
	x, y := versionNumbers(a), versionNumbers(b)
	return slices.Compare(x[:], y[:])
}

func versionNumbers(v string) [3]int {
	if v == latest {
		return [3]int{math.MaxInt, 0, 0}
	}
	numbers, ok := parseVersion(v)
	if !ok {
		return [3]int{-1, 0, 0}
	}
	return numbers
}

// parseVersion parses vMAJOR.MINOR.PATCH and drops a suffix after "-" or "+".
func parseVersion(v string) (numbers [3]int, ok bool) {
	v, ok = strings.CutPrefix(v, "v")
	if end := strings.IndexAny(v, "-+"); end >= 0 {
		v = v[:end]
	}
	parts := strings.Split(v, ".")
	if !ok || len(parts) != len(numbers) {
		return numbers, false
	}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return numbers, false
		}
		numbers[i] = int(n)
	}
	return numbers, true
}

// matchesPackage reports whether one of the patterns matches an import path: the path
// itself, or "root/..." for root and everything below it.
func matchesPackage(patterns []string, importPath string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		if root, ok := strings.CutSuffix(p, "/..."); ok {
			return importPath == root || strings.HasPrefix(importPath, root+"/")
		}
		return importPath == p
	})
}

// checkPattern returns an error if p is no pattern for import paths.
func checkPattern(p string) error {
	root := strings.TrimSuffix(p, "/...")
	if root == "" || path.Clean(root) != root || path.IsAbs(root) || strings.ContainsAny(root, " *?[]\\") || strings.HasPrefix(root, ".") {
		return fmt.Errorf("%q is no import path", p)
	}
	return nil
}
