package bench

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// Group sizes; the upper is what mls.Simulation makes in minutes.
const (
	minSize = 2
	maxSize = 100_000
)

// parseSuites returns the suites of r that the selectors name, as findSuite takes
// them, or for all those that p allows for a new group. A named suite that it denies is
// an error, its own. An error on a selector begins with the flag.
func parseSuites(flag string, r *registry.Registry, p suite.Policy, selectors []string, now time.Time) ([]suite.Suite, error) {
	if slices.Equal(selectors, []string{"all"}) {
		var all []suite.Suite
		for info := range r.Allowed(p, suite.Start, now) {
			s, err := r.Suite(info.ID)
			if err != nil {
				return nil, err
			}
			all = append(all, s)
		}
		return all, nil
	}
	return parseEach(flag, selectors, func(selector string) (suite.Suite, error) {
		info, err := findSuite(r, selector)
		if err != nil {
			return nil, err
		}
		if err := (suite.Question{Use: suite.Start, Time: now, Subject: info}).Ask(p); err != nil {
			return nil, err
		}
		return r.Suite(info.ID)
	})
}

// findSuite returns the suite of r that a selector names: by its name or a part that no
// other name has, in upper or lower case, by its code point, or by its number in the
// draft, as TBD2 or T2.
func findSuite(r *registry.Registry, selector string) (suite.Info, error) {
	drafts, err := draftNumbers()
	if err != nil {
		return suite.Info{}, err
	}
	id, notNumber := strconv.ParseUint(selector, 0, 16)
	var partial []suite.Info
	for i := range r.All() {
		draft, ok := drafts[i.Name]
		if strings.EqualFold(selector, i.Name) || notNumber == nil && suite.ID(id) == i.ID ||
			ok && (strings.EqualFold(selector, draft) || strings.EqualFold(selector, shortDraft(draft))) {
			return i, nil
		}
		if selector != "" && notNumber != nil && strings.Contains(strings.ToUpper(i.Name), strings.ToUpper(selector)) {
			partial = append(partial, i)
		}
	}
	switch len(partial) {
	case 0:
		return suite.Info{}, fmt.Errorf("unknown suite %q, see suitebench suites", selector)
	case 1:
		return partial[0], nil
	}
	return suite.Info{}, fmt.Errorf("%q is part of the names of %d suites, such as %s and %s", selector, len(partial), partial[0].Name, partial[1].Name)
}

// shortDraft returns T2 for TBD2.
func shortDraft(draft string) string { return "T" + strings.TrimPrefix(draft, "TBD") }

// draftNumbers returns TBD1 to TBD11 of draft-ietf-mls-pq-ciphersuites-06, by name
// of the suite.
func draftNumbers() (map[string]string, error) {
	definitions, err := registry.PQDraft(registry.PrivateUse())
	if err != nil {
		return nil, err
	}
	numbers := map[string]string{}
	for i, d := range definitions {
		numbers[d.Name] = fmt.Sprintf("TBD%d", i+1)
	}
	return numbers, nil
}

func parseSize(text string) (int, error) {
	size, err := strconv.Atoi(text)
	if errors.Is(err, strconv.ErrSyntax) {
		return 0, fmt.Errorf("%q is not a number", text)
	}
	if err != nil || size < minSize || size > maxSize {
		return 0, fmt.Errorf("%s is out of range: %d to %d", text, minSize, maxSize)
	}
	return size, nil
}

// parseList parses a flag's comma-separated list.
func parseList[T comparable](flag, text string, parse func(string) (T, error)) ([]T, error) {
	return parseEach(flag, strings.Split(text, ","), parse)
}

// parseEach parses each item of a list, no two of which may be the same.
func parseEach[T comparable](flag string, items []string, parse func(string) (T, error)) ([]T, error) {
	var values []T
	for _, item := range items {
		item = strings.TrimSpace(item)
		value, err := parse(item)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", flag, err)
		}
		if slices.Contains(values, value) {
			return nil, fmt.Errorf("%s: %s is given twice", flag, item)
		}
		values = append(values, value)
	}
	return values, nil
}

// parseNames parses a flag's list of names of choices, or all of them.
func parseNames[T fmt.Stringer](flag, text string, from []T) ([]string, error) {
	if text == "all" {
		var names []string
		for _, c := range from {
			names = append(names, c.String())
		}
		return names, nil
	}
	return parseList(flag, text, func(name string) (string, error) {
		_, err := choose(flag, name, from)
		// parseList names the flag itself.
		return name, errors.Unwrap(err)
	})
}

// choices returns the choices of the given names.
func choices[T fmt.Stringer](what string, names []string, from []T) ([]T, error) {
	var chosen []T
	if _, err := parseEach(what, names, func(name string) (string, error) {
		c, err := choose(what, name, from)
		chosen = append(chosen, c)
		return name, errors.Unwrap(err)
	}); err != nil {
		return nil, err
	}
	return chosen, nil
}

// choose returns the choice of the given name.
func choose[T fmt.Stringer](flag, name string, choices []T) (chosen T, err error) {
	for _, c := range choices {
		if c.String() == name {
			return c, nil
		}
	}
	return chosen, fmt.Errorf("%s: %w", flag, fmt.Errorf("unknown %q: choose from %s", name, list(choices)))
}

// list returns the names of choices.
func list[T fmt.Stringer](choices []T) string {
	var names []string
	for _, c := range choices {
		names = append(names, c.String())
	}
	return strings.Join(names, ", ")
}

// findPair returns the pair of groups that "T+PQ" or "T+PQ:MODE" names, with suites as
// [findSuite] takes them. Without a mode, it is 0.
func findPair(r *registry.Registry, text string) (suite.PairInfo, error) {
	names, mode, hasMode := strings.Cut(text, ":")
	classical, postQuantum, ok := strings.Cut(names, "+")
	if !ok || hasMode && mode != "0" && mode != "1" {
		return suite.PairInfo{}, fmt.Errorf("%q is no pair of groups, such as 7+TBD11 or 7+TBD11:1", text)
	}
	t, err := findSuite(r, classical)
	if err != nil {
		return suite.PairInfo{}, err
	}
	pq, err := findSuite(r, postQuantum)
	if err != nil {
		return suite.PairInfo{}, err
	}
	pair := suite.PairInfo{T: t, PQ: pq}
	if mode == "1" {
		pair.Mode = 1
	}
	return pair, nil
}

// findPairs returns the pairs of groups that a flag names, none of them twice.
func findPairs(r *registry.Registry, texts []string) ([]suite.PairInfo, error) {
	var all []suite.PairInfo
	_, err := parseEach("--pair", texts, func(text string) (string, error) {
		pair, err := findPair(r, text)
		all = append(all, pair)
		return pair.String(), err
	})
	return all, err
}
