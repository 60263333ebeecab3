package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Position is a place in a profile's file. Lines and columns count from 1.
type Position struct {
	File   string
	Line   int
	Column int
	Key    string // such as "rules[2].allow[0].until"; "" for the file itself
}

// Problem is something wrong with a profile.
type Problem struct {
	Position
	Text string
}

// String returns the problem as "file:line:column: key: text".
func (p Problem) String() string {
	if p.Key == "" {
		return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", p.File, p.Line, p.Column, p.Key, p.Text)
}

// Problems is the error of profiles that are wrong. It has all problems, in the order of
// the given files and of their lines.
type Problems []Problem

// Error returns one line for each problem.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.String()
	}
	return "policy: " + strings.Join(lines, "\n")
}

// maxProblems is the largest number of problems that one call reports.
const maxProblems = 100

// problems collects Problems.
type problems struct{ found Problems }

func (p *problems) add(at Position, format string, args ...any) {
	problem := Problem{at, fmt.Sprintf(format, args...)}
	if len(p.found) < maxProblems && !slices.Contains(p.found, problem) {
		p.found = append(p.found, problem)
	}
}

// sorted returns the problems in the order of files, or nil if there are none.
func (p *problems) sorted(files []File) Problems {
	order := func(name string) int {
		return slices.IndexFunc(files, func(f File) bool { return f.Name == name })
	}
	slices.SortStableFunc(p.found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(order(a.File), order(b.File)), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return p.found
}
