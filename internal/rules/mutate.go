package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// mutated is the folder whose checks are taken out.
const mutated = "mls"

// switchSource is the file that the overlay adds to the package. One binary holds
// every mutant; the environment names the check that is out, so that a mutant
// costs a run of its tests and no compilation.
const switchSource = `package ` + mutated + `

import "os"

var checkThatIsOff = os.Getenv("` + checkVariable + `")

func checkIsOn(number string) bool { return number != checkThatIsOff }
`

const checkVariable = "MLSUITE_CHECK_OFF"

// verdict says what became of the tests without a check.
type verdict int

const (
	survived      verdict = iota // no test failed
	killedByOwn                  // a test of a rule about the check failed
	killedByOther                // a test of another rule failed
	timedOut
	numVerdicts
)

func (v verdict) String() string {
	return [...]string{"survived", "killed by its rule's tests", "killed by another rule's test", "timed out"}[v]
}

// mutate takes out the checks of package mls, one at a time, and runs the tests
// that the rules name. It fails if one survives that is not listed as redundant.
func mutate(root string, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	run := flags.String("run", "", "take out only the checks whose `name` matches")
	calls := flags.Bool("calls", false, "ignore the verdicts of calls instead of taking out the checks themselves")
	every := flags.Int("every", 1, "take out only every nth check")
	workers := flags.Int("j", 2, "mutants at once")
	limit := flags.Duration("timeout", 5*time.Minute, "longest run of a mutant's tests")
	verbose := flags.Bool("v", false, "print every mutant")
	record := flags.Bool("record", false, "keep the counts for "+documentName)
	if err := flags.Parse(args); err != nil {
		return err
	}
	pattern, err := regexp.Compile(*run)
	if err != nil {
		return err
	}
	if *every < 1 || *workers < 1 {
		return errors.New("-every and -j are at least 1")
	}
	if *record && (*run != "" || *every != 1 || *calls) {
		return errors.New("-record is for a whole run")
	}
	rules, err := loadRules()
	if err != nil {
		return err
	}
	redundant, err := loadRedundant()
	if err != nil {
		return err
	}
	files, err := findChecks(filepath.Join(root, mutated))
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rules-mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m := &mutation{root: root, dir: dir, limit: *limit, rules: rules, out: out, verbose: *verbose}
	mutants, fixed, err := m.build(files)
	if err != nil {
		return err
	}
	if err := m.baseline(); err != nil {
		return err
	}
	mutants = slices.DeleteFunc(mutants, func(x mutant) bool {
		return x.isCall != *calls || !pattern.MatchString(x.id)
	})
	var chosen []mutant
	for i := 0; i < len(mutants); i += *every {
		chosen = append(chosen, mutants[i])
	}
	begin := time.Now()
	if err := m.runAll(chosen, *workers); err != nil {
		return err
	}
	return m.report(chosen, fixed, redundant, time.Since(begin), *record)
}

type mutant struct {
	*check
	number  int
	verdict verdict
	failed  string // the test that failed
	took    time.Duration
}

type mutation struct {
	root, dir string
	limit     time.Duration
	rules     []rule
	out       io.Writer
	verbose   bool
	slow      map[string]time.Duration // of each test, without a mutation
}

func (m *mutation) binary() string { return filepath.Join(m.dir, "mutants.test") }

// build compiles the tests of the package with a switch at every check.
func (m *mutation) build(files []*sourceFile) (mutants []mutant, fixed []*check, err error) {
	replace := map[string]string{}
	overlay := func(path, text string) error {
		copied := filepath.Join(m.dir, filepath.Base(path))
		replace[path] = copied
		return os.WriteFile(copied, []byte(text), 0o600)
	}
	for _, f := range files {
		var edits []edit
		for _, c := range f.checks {
			if len(c.edits) == 0 {
				fixed = append(fixed, c)
				continue
			}
			mutants = append(mutants, mutant{check: c, number: len(mutants) + 1})
			for _, e := range c.edits {
				e.text = strings.ReplaceAll(e.text, checkNumber, strconv.Quote(strconv.Itoa(len(mutants))))
				edits = append(edits, e)
			}
		}
		if err := overlay(f.path, apply(f.src, edits)); err != nil {
			return nil, nil, err
		}
	}
	if err := overlay(filepath.Join(m.root, mutated, "check_is_on.go"), switchSource); err != nil {
		return nil, nil, err
	}
	description, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return nil, nil, err
	}
	name := filepath.Join(m.dir, "overlay.json")
	if err := os.WriteFile(name, description, 0o600); err != nil {
		return nil, nil, err
	}
	c := exec.Command("go", "test", "-c", "-vet=off", "-overlay", name, "-o", m.binary(), "./"+mutated)
	c.Dir = m.root
	if message, err := c.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("building the mutants: %w\n%s", err, message)
	}
	return mutants, fixed, nil
}

// apply makes edits of a file, in the order of their offsets.
func apply(src []byte, edits []edit) string {
	slices.SortStableFunc(edits, func(a, b edit) int { return cmp.Compare(a.offset, b.offset) })
	var b strings.Builder
	at := 0
	for _, e := range edits {
		b.Write(src[at:e.offset])
		b.WriteString(e.text)
		at = e.offset
	}
	b.Write(src[at:])
	return b.String()
}

// test runs tests of the package with one check out, or with none for number 0.
// It returns the name of a test that failed, or "".
func (m *mutation) test(number int, tests []string, args ...string) (failed string, output []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), m.limit)
	defer cancel()
	args = append([]string{"-test.run", "^(" + strings.Join(tests, "|") + ")$", "-test.failfast"}, args...)
	c := exec.CommandContext(ctx, m.binary(), args...)
	c.Dir = filepath.Join(m.root, mutated)
	c.Env = append(os.Environ(), checkVariable+"="+strconv.Itoa(number))
	output, err = c.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return "", output, nil
	case ctx.Err() != nil:
		return "", output, ctx.Err()
	case !errors.As(err, &exit):
		return "", output, err
	}
	if found := regexp.MustCompile(`--- FAIL: (\S+)`).FindSubmatch(output); found != nil {
		return string(found[1]), output, nil
	}
	return "a panic", output, nil
}

// tests returns the tests of the package that rules name, fast ones first.
func (m *mutation) tests(which func(*rule) bool) []string {
	names := map[string]bool{}
	for i := range m.rules {
		if !which(&m.rules[i]) {
			continue
		}
		for _, s := range m.rules[i].tests {
			if n, err := parseTestName(s); err == nil && n.folder == mutated {
				names[n.function] = true
			}
		}
	}
	return slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		return cmp.Or(cmp.Compare(m.slow[a], m.slow[b]), strings.Compare(a, b))
	})
}

// baseline requires that all tests pass while every check is on, and learns how
// long each takes.
func (m *mutation) baseline() error {
	all := m.tests(func(*rule) bool { return true })
	failed, output, err := m.test(0, all, "-test.v")
	if err != nil {
		return fmt.Errorf("without a mutation: %w\n%s", err, output)
	}
	if failed != "" {
		return fmt.Errorf("without a mutation: %s failed\n%s", failed, output)
	}
	m.slow = map[string]time.Duration{}
	for _, found := range regexp.MustCompile(`(?m)^--- PASS: (\w+) \(([\d.]+s)\)`).FindAllSubmatch(output, -1) {
		m.slow[string(found[1])], err = time.ParseDuration(string(found[2]))
		if err != nil {
			return err
		}
	}
	for _, name := range all {
		if _, ok := m.slow[name]; !ok {
			fmt.Fprintf(m.out, "skipped here, so of no use: %s\n", name)
		}
	}
	return nil
}

// runAll runs all mutants, and prints a survivor, or any if verbose, as soon as its
// tests are done.
func (m *mutation) runAll(mutants []mutant, workers int) error {
	type result struct {
		*mutant
		err error
	}
	jobs, results := make(chan *mutant), make(chan result)
	for range workers {
		go func() {
			for x := range jobs {
				results <- result{x, m.runOne(x)}
			}
		}()
	}
	go func() {
		for i := range mutants {
			jobs <- &mutants[i]
		}
		close(jobs)
	}()
	var first error
	for range mutants {
		x := <-results
		if first == nil {
			first = x.err
		}
		if m.verbose || x.verdict == survived && x.err == nil {
			fmt.Fprintf(m.out, "%s: %s (%s %s, %s)\n", x.verdict, x.id, x.position, x.failed, x.took.Round(time.Millisecond))
		}
	}
	return first
}

// runOne runs the tests of the rules about the check, then those of all rules.
func (m *mutation) runOne(x *mutant) error {
	begin := time.Now()
	defer func() { x.took = time.Since(begin) }()
	own := m.tests(x.matches)
	var others []string
	for _, name := range m.tests(func(*rule) bool { return true }) {
		if !slices.Contains(own, name) {
			others = append(others, name)
		}
	}
	for _, group := range []struct {
		tests   []string
		verdict verdict
	}{{own, killedByOwn}, {others, killedByOther}} {
		if len(group.tests) == 0 {
			continue
		}
		failed, _, err := m.test(x.number, group.tests)
		if errors.Is(err, context.DeadlineExceeded) {
			x.verdict = timedOut
			return nil
		}
		if err != nil {
			return err
		}
		if failed != "" {
			x.verdict, x.failed = group.verdict, failed
			return nil
		}
	}
	x.verdict = survived
	return nil
}

func (m *mutation) report(mutants []mutant, fixed []*check, redundant []redundantCheck, took time.Duration, record bool) error {
	reasons := map[string]string{}
	for _, r := range redundant {
		reasons[r.check] = r.reason
	}
	var counts [numVerdicts]int
	excused, survivors := 0, 0
	for _, x := range mutants {
		counts[x.verdict]++
		_, isRedundant := reasons[x.id]
		switch {
		case x.verdict == survived && isRedundant:
			excused++
		case x.verdict == survived:
			survivors++
		case isRedundant:
			fmt.Fprintf(m.out, "listed as redundant, but %s fails without it: %s\n", x.failed, x.id)
		}
	}
	if m.verbose {
		for _, c := range fixed {
			fmt.Fprintf(m.out, "not taken out: %s %s\n", c.position, c.id)
		}
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "| Checks of package %s | |\n|---|---|\n", mutated)
	fmt.Fprintf(&b, "| taken out | %d |\n", len(mutants))
	for v := killedByOwn; v < numVerdicts; v++ {
		fmt.Fprintf(&b, "| %s | %d |\n", v, counts[v])
	}
	fmt.Fprintf(&b, "| redundant by design | %d |\n| survived | %d |\n", excused, survivors)
	fmt.Fprintf(&b, "| not taken out: refusals without a condition, for whatever no case before them knows | %d |\n", len(fixed))
	if _, err := m.out.Write(b.Bytes()); err != nil {
		return err
	}
	if n := len(mutants); n > 0 {
		fmt.Fprintf(m.out, "%s, %s for each\n", took.Round(time.Second), (took / time.Duration(n)).Round(time.Millisecond))
	}
	if record {
		name := filepath.Join(m.root, "internal", "rules", "mutation.txt")
		if err := os.WriteFile(name, b.Bytes(), 0o644); err != nil {
			return err
		}
	}
	if survivors > 0 {
		return fmt.Errorf("%d checks can be taken out and no test fails", survivors)
	}
	return nil
}
