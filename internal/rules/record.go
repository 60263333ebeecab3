package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

//go:embed verdicts.tsv
var verdictsTSV string

// recorded is what a mutation run found of a mutant.
type recorded struct {
	id      string // of a check or a planted fault
	verdict string
	test    string // that failed, if one did
}

const verdictsHeader = "mutant\tverdict\ttest"

// loadVerdicts returns what was recorded of each mutant, by its id.
func loadVerdicts() (map[string]recorded, error) {
	lines := strings.Split(strings.TrimSuffix(verdictsTSV, "\n"), "\n")
	if lines[0] != verdictsHeader {
		return nil, fmt.Errorf("verdicts.tsv: the first line is %q, not %q", lines[0], verdictsHeader)
	}
	all := map[string]recorded{}
	for i, line := range lines[1:] {
		f := strings.Split(line, "\t")
		if len(f) != 3 {
			return nil, fmt.Errorf("verdicts.tsv, line %d: want a mutant, a verdict and a test", i+2)
		}
		all[f[0]] = recorded{f[0], f[1], f[2]}
	}
	return all, nil
}

// knownMutants returns the ids of all checks that are taken out and of all planted
// faults, and how many checks are not taken out.
func knownMutants(root string) (ids []string, fixed int, err error) {
	files, err := allChecks(root)
	if err != nil {
		return nil, 0, err
	}
	for _, f := range files {
		for _, c := range f.checks {
			switch {
			case c.isCall:
			case len(c.edits) == 0:
				fixed++
			default:
				ids = append(ids, c.id)
			}
		}
	}
	planted, err := loadPlanted()
	if err != nil {
		return nil, 0, err
	}
	for i := range planted {
		ids = append(ids, planted[i].String())
	}
	return ids, fixed, nil
}

// recorder returns what keeps the verdict on a mutant beside those on others that are there
// still, so that a run that is interrupted has kept what it found.
func recorder(root string, verdicts map[string]recorded) (func(*mutant) error, error) {
	known, _, err := knownMutants(root)
	if err != nil {
		return nil, err
	}
	slices.Sort(known)
	known = slices.Compact(known)
	return func(x *mutant) error {
		verdicts[x.id] = recorded{x.id, x.verdict.String(), x.failed}
		var b strings.Builder
		b.WriteString(verdictsHeader + "\n")
		for _, id := range known {
			if v, ok := verdicts[id]; ok {
				fmt.Fprintf(&b, "%s\t%s\t%s\n", v.id, v.verdict, v.test)
			}
		}
		return os.WriteFile(filepath.Join(root, "internal", "rules", "verdicts.tsv"), []byte(b.String()), 0o644)
	}, nil
}

// summary is a table of the verdicts on mutants, of which verdicts has some.
func summary(ids []string, verdicts map[string]recorded, redundant []redundantCheck, fixed int) string {
	counts := map[string]int{}
	const excused, missing = "redundant by design", "not run since they came or changed their names"
	planted := 0
	for _, id := range ids {
		if strings.Contains(id, plantedFor) {
			planted++
		}
		v, ok := verdicts[id]
		switch {
		case !ok:
			counts[missing]++
		case v.verdict == survived.String() && slices.ContainsFunc(redundant, func(r redundantCheck) bool { return r.check == id }):
			counts[excused]++
		default:
			counts[v.verdict]++
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "| Packages %s | |\n|---|---|\n", strings.Join(mutated(), ", "))
	fmt.Fprintf(&b, "| checks | %d |\n| planted faults | %d |\n", len(ids)-planted, planted)
	for _, kind := range []string{killedByOwn.String(), killedByOther.String(), timedOut.String(), excused, survived.String(), missing} {
		fmt.Fprintf(&b, "| %s | %d |\n", kind, counts[kind])
	}
	fmt.Fprintf(&b, "| not taken out: refusals without a condition, for whatever no case before them knows | %d |\n", fixed)
	return b.String()
}
