package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

//go:embed rules.tsv
var rulesTSV string

// Groups of rows that are of no section of the RFC.
const (
	groupPeers  = "peers"  // defects found in other implementations
	groupKeys   = "keys"   // public keys that must be refused
	groupErrors = "errors" // classes of errors of package mls, by their sentinel
	groupPolicy = "policy" // what the engine asks the client's policies
	groupCost   = "cost"   // what a message of a stranger, or of an insider, may cost
	groupLife   = "life"   // how long secrets and private keys live

	groupGuard = "guard" // what a delivery service refuses (package delivery/guard), and what clients may count on

	groupCombiner   = "combiner"   // draft-ietf-mls-combiner
	groupPartial    = "partial"    // draft-ietf-mls-partial
	groupExtensions = "extensions" // draft-ietf-mls-extensions, an item by its section, such as "4.6-1"
)

func groups() []string {
	return []string{groupPeers, groupKeys, groupErrors, groupPolicy, groupCost, groupLife, groupGuard, groupCombiner, groupExtensions, groupPartial}
}

// state says how a rule is held.
type state string

const (
	stateTested      state = "tested"      // a test breaks it and is refused
	stateShown       state = "shown"       // a duty of ours, not of the other side: a test shows that we keep it
	stateApplication state = "application" // a duty of the application
	stateNone        state = "none"        // nothing that an implementation could check
	stateOpen        state = "open"        // no test
)

func states() []state {
	return []state{stateTested, stateShown, stateApplication, stateNone, stateOpen}
}

// A rule is a row of rules.tsv.
type rule struct {
	section string // of RFC 9420, or a group
	item    string // ordinal of the keyword in the section, such as "3"; "3.2" for the second member of a list that it heads
	keyword string // of the RFC; empty for a member of a list and in groups
	state   state
	text    string   // in our words
	tests   []string // "mls.TestX/subtest": a folder of the module, a function, the first level of its subtests
	reason  string   // why there is no test, or what the tests cannot say
}

func (r *rule) String() string { return r.section + "/" + r.item }

// isDemand reports whether the row is one of the keywords in the RFC's text, not
// a member of a list and not of a group.
func (r *rule) isDemand() bool { return r.keyword != "" }

// loadRules returns the rows in order.
func loadRules() ([]rule, error) { return parseRules(rulesTSV) }

func parseRules(tsv string) ([]rule, error) {
	lines := strings.Split(strings.TrimSuffix(tsv, "\n"), "\n")
	if want := "section\titem\tkeyword\tstate\trule\ttests\treason"; lines[0] != want {
		return nil, fmt.Errorf("rules.tsv: the first line is %q, not %q", lines[0], want)
	}
	var all []rule
	seen := map[string]bool{}
	demands := map[string]int{}
	for i, line := range lines[1:] {
		r, err := parseRule(line)
		if err == nil && seen[r.String()] {
			err = fmt.Errorf("%s is there twice", &r)
		}
		if err == nil && r.isDemand() {
			demands[r.section]++
			if r.item != strconv.Itoa(demands[r.section]) {
				err = fmt.Errorf("%s is out of order", &r)
			}
		}
		if err != nil {
			return nil, fmt.Errorf("rules.tsv, line %d: %w", i+2, err)
		}
		seen[r.String()] = true
		all = append(all, r)
	}
	return all, nil
}

func parseRule(line string) (rule, error) {
	f := strings.Split(line, "\t")
	if len(f) != 7 {
		return rule{}, fmt.Errorf("%d fields, not 7", len(f))
	}
	r := rule{f[0], f[1], f[2], state(f[3]), f[4], strings.Fields(f[5]), f[6]}
	switch {
	case r.section == "" || r.item == "" || r.text == "":
		return rule{}, fmt.Errorf("a row without section, item or rule")
	case !slices.Contains(states(), r.state):
		return rule{}, fmt.Errorf("%s: no state %q", &r, r.state)
	case slices.Contains(groups(), r.section) && r.isDemand():
		return rule{}, fmt.Errorf("%s: a keyword outside the RFC", &r)
	case (r.state == stateTested || r.state == stateShown) && len(r.tests) == 0:
		return rule{}, fmt.Errorf("%s: %s by no test", &r, r.state)
	case r.state != stateTested && r.state != stateShown && r.reason == "":
		return rule{}, fmt.Errorf("%s: %s for no reason", &r, r.state)
	case r.state == stateOpen && len(r.tests) > 0:
		return rule{}, fmt.Errorf("%s: open, with tests", &r)
	}
	return r, nil
}

// A testName is what a rule names.
type testName struct {
	folder   string // of the module, such as "mls"
	function string
	subtest  string // first level, as go test prints it, or empty
}

func parseTestName(s string) (testName, error) {
	folder, rest, ok := strings.Cut(s, ".Test")
	if !ok || folder == "" {
		return testName{}, fmt.Errorf("%q is not folder.TestFunction", s)
	}
	function, subtest, _ := strings.Cut("Test"+rest, "/")
	return testName{folder, function, subtest}, nil
}
