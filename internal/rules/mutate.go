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
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// switchSource is the file that the overlay adds to each mutated package. One binary
// for each folder of tests holds every mutant; the environment names the check that is
// out, so that a mutant costs a run of its tests and no compilation.
func switchSource(folder string) string {
	return `package ` + path.Base(folder) + `

import "os"

var checkThatIsOff = os.Getenv("` + checkVariable + `")

func checkIsOn(number string) bool { return number != checkThatIsOff }
`
}

const checkVariable = "MLSUITE_CHECK_OFF"

// verdict says what became of the tests without a check.
type verdict int

const (
	survived      verdict = iota // no test failed
	killedByOwn                  // a test of a rule about the check failed
	killedByOther                // another test failed
	timedOut
)

func (v verdict) String() string {
	return [...]string{"survived", "killed by its rule's tests", "killed by another test", "timed out"}[v]
}

// mutate takes out the checks of the mutated packages, one at a time, and plants the
// faults of planted.tsv, and runs the tests that the rules name. It fails if one
// survives that is not listed as redundant.
func mutate(root string, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("mutate", flag.ContinueOnError)
	run := flags.String("run", "", "take out only the checks whose `name` matches")
	calls := flags.Bool("calls", false, "ignore the verdicts of calls instead of taking out the checks themselves")
	every := flags.Int("every", 1, "take out only every nth check")
	workers := flags.Int("j", 2, "mutants at once")
	limit := flags.Duration("timeout", 5*time.Minute, "longest run of a mutant's tests")
	verbose := flags.Bool("v", false, "print every mutant")
	keep := flags.Bool("record", false, "keep each verdict as soon as it is known, for "+documentName)
	missing := flags.Bool("missing", false, "take out only what no verdict is kept of")
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
	if *keep && *calls {
		return errors.New("-record is of checks, not of calls")
	}
	rules, err := loadRules()
	if err != nil {
		return err
	}
	redundant, err := loadRedundant()
	if err != nil {
		return err
	}
	planted, err := loadPlanted()
	if err != nil {
		return err
	}
	files, err := allChecks(root)
	if err != nil {
		return err
	}
	verdicts, err := loadVerdicts()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "rules-mutate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	m := &mutation{root: root, dir: dir, limit: *limit, rules: rules, out: out, verbose: *verbose, random: map[string]bool{}}
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
	if !*calls && *every == 1 {
		for i := range planted {
			if id := planted[i].String(); pattern.MatchString(id) {
				chosen = append(chosen, mutant{check: &check{id: id, folder: planted[i].folder(), position: planted[i].file}, planted: &planted[i]})
			}
		}
	}
	if len(chosen) == 0 {
		return fmt.Errorf("no mutant matches %q", *run)
	}
	if *missing {
		chosen = slices.DeleteFunc(chosen, func(x mutant) bool { _, ok := verdicts[x.id]; return ok })
	}
	if *keep {
		if m.record, err = recorder(root, verdicts); err != nil {
			return err
		}
	}
	begin := time.Now()
	failed := m.runAll(chosen, *workers)
	chosen = slices.DeleteFunc(chosen, func(x mutant) bool { return x.err != nil })
	return errors.Join(failed, m.report(chosen, fixed, redundant, time.Since(begin)))
}

type mutant struct {
	*check
	number  int           // of a check
	planted *plantedFault // or nil for a check
	verdict verdict
	failed  string // the test that failed
	took    time.Duration
	err     error // instead of a verdict
}

type mutation struct {
	root, dir string
	limit     time.Duration
	rules     []rule
	out       io.Writer
	verbose   bool
	slow      map[testName]time.Duration // of each test, without a mutation
	random    map[string]bool            // folders whose tests draw at random
	record    func(*mutant) error        // keeps a verdict; nil if none is kept
}

// binary names the tests of a folder, with all checks of all packages in it.
func (m *mutation) binary(folder string) string {
	return filepath.Join(m.dir, strings.ReplaceAll(folder, "/", "_")+".test")
}

// build compiles the tests of every folder that rules name with a switch at every check.
func (m *mutation) build(files []*sourceFile) (mutants []mutant, fixed []*check, err error) {
	replace := map[string]string{}
	overlay := func(path, text string) error {
		copied := filepath.Join(m.dir, strconv.Itoa(len(replace))+"_"+filepath.Base(path))
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
	for _, folder := range mutated() {
		if err := overlay(filepath.Join(m.root, folder, "check_is_on.go"), switchSource(folder)); err != nil {
			return nil, nil, err
		}
	}
	name := filepath.Join(m.dir, "overlay.json")
	if err := writeOverlay(name, replace); err != nil {
		return nil, nil, err
	}
	for _, folder := range m.folders() {
		if m.random[folder], err = drawsAtRandom(filepath.Join(m.root, folder)); err != nil {
			return nil, nil, err
		}
		if message, err := m.compile(name, folder, m.binary(folder)); err != nil {
			return nil, nil, fmt.Errorf("building the mutants: %w\n%s", err, message)
		}
	}
	return mutants, fixed, nil
}

// drawsAtRandom reports whether tests of a folder import rapid.
func drawsAtRandom(folder string) (bool, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		return false, err
	}
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			return false, err
		}
		if bytes.Contains(src, []byte(`"pgregory.net/rapid"`)) {
			return true, nil
		}
	}
	return false, nil
}

// writeOverlay writes what the go command's flag -overlay takes.
func writeOverlay(name string, replace map[string]string) error {
	description, err := json.Marshal(map[string]map[string]string{"Replace": replace})
	if err != nil {
		return err
	}
	return os.WriteFile(name, description, 0o600)
}

// compile compiles the tests of a folder with an overlay.
func (m *mutation) compile(overlay, folder, binary string) (message []byte, err error) {
	c := exec.Command("go", "test", "-c", "-vet=off", "-ldflags=-w", "-overlay", overlay, "-o", binary, "./"+folder)
	c.Dir = m.root
	return c.CombinedOutput()
}

// folders returns those whose tests rules name, and those that are mutated.
func (m *mutation) folders() []string {
	all := m.tests(func(*rule) bool { return true })
	for _, folder := range append(mutated(), conformance) {
		all[folder] = nil
	}
	return slices.Sorted(maps.Keys(all))
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

// test runs tests of a folder with one check out, or with none for number 0. It
// returns the name of a test that failed, or "".
func (m *mutation) test(binary, folder string, number int, tests []string, args ...string) (failed string, output []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), m.limit)
	defer cancel()
	args = append([]string{"-test.run", "^(" + strings.Join(tests, "|") + ")$", "-test.failfast"}, args...)
	if m.random[folder] {
		// The same draws for every mutant, and none from a run that failed before: or a
		// fault of the tests themselves, once found, would kill all mutants after it.
		args = append(args, "-rapid.seed=1", "-rapid.nofailfile")
	}
	c := exec.CommandContext(ctx, binary, args...)
	c.Dir = filepath.Join(m.root, folder)
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

// tests returns the tests that rules name, by folder, fast ones first.
func (m *mutation) tests(which func(*rule) bool) map[string][]string {
	all := map[string][]string{}
	for i := range m.rules {
		if !which(&m.rules[i]) {
			continue
		}
		for _, s := range m.rules[i].tests {
			if n, err := parseTestName(s); err == nil && !slices.Contains(all[n.folder], n.function) {
				all[n.folder] = append(all[n.folder], n.function)
			}
		}
	}
	for folder, names := range all {
		slices.SortFunc(names, func(a, b string) int {
			return cmp.Or(cmp.Compare(m.slow[testName{folder: folder, function: a}], m.slow[testName{folder: folder, function: b}]), strings.Compare(a, b))
		})
	}
	return all
}

// baseline requires that all tests pass while every check is on, and learns how
// long each takes.
func (m *mutation) baseline() error {
	slow := map[testName]time.Duration{}
	for folder, names := range m.tests(func(*rule) bool { return true }) {
		failed, output, err := m.test(m.binary(folder), folder, 0, names, "-test.v")
		if err != nil {
			return fmt.Errorf("without a mutation: %w\n%s", err, output)
		}
		if failed != "" {
			return fmt.Errorf("without a mutation: %s failed\n%s", failed, output)
		}
		for _, found := range regexp.MustCompile(`(?m)^--- PASS: (\w+) \(([\d.]+s)\)`).FindAllSubmatch(output, -1) {
			slow[testName{folder: folder, function: string(found[1])}], err = time.ParseDuration(string(found[2]))
			if err != nil {
				return err
			}
		}
		for _, name := range names {
			if _, ok := slow[testName{folder: folder, function: name}]; !ok {
				fmt.Fprintf(m.out, "skipped here, so of no use: %s.%s\n", folder, name)
			}
		}
	}
	m.slow = slow
	return nil
}

// runAll runs all mutants, and prints a survivor, or any if verbose, as soon as its
// tests are done. It returns the errors of those that could not be run.
func (m *mutation) runAll(mutants []mutant, workers int) error {
	jobs, results := make(chan *mutant), make(chan *mutant)
	for range workers {
		go func() {
			for x := range jobs {
				x.err = m.runOne(x)
				results <- x
			}
		}()
	}
	go func() {
		for i := range mutants {
			jobs <- &mutants[i]
		}
		close(jobs)
	}()
	var failed []error
	for range mutants {
		x := <-results
		if x.err == nil && m.record != nil {
			x.err = m.record(x)
		}
		switch {
		case x.err != nil:
			failed = append(failed, x.err)
		case m.verbose || x.verdict == survived:
			fmt.Fprintf(m.out, "%s: %s (%s %s, %s)\n", x.verdict, x.id, x.position, x.failed, x.took.Round(time.Millisecond))
		}
	}
	return errors.Join(failed...)
}

// conformance is the folder of the kit by which all suites are tested.
const conformance = "suite/suitetest"

// runOne runs the tests of the rules about the mutant. Then it runs, for a check of the
// engine, those of all rules, in its folder and then elsewhere; for another, all
// tests of its folder and of the conformance kit.
func (m *mutation) runOne(x *mutant) error {
	begin := time.Now()
	defer func() { x.took = time.Since(begin) }()
	x.verdict = survived
	if x.planted != nil {
		return m.runPlanted(x, m.tests(func(r *rule) bool { return r.String() == x.planted.rule }))
	}
	own := m.tests(x.matches)
	others := m.tests(func(*rule) bool { return true })
	for folder, names := range others {
		others[folder] = slices.DeleteFunc(names, func(name string) bool { return slices.Contains(own[folder], name) })
	}
	if !ofEngine(x.folder) { // which does not know why it is refused
		own = map[string][]string{x.folder: own[x.folder]}
		others = map[string][]string{x.folder: {".*"}, conformance: {".*"}}
	}
	for _, group := range []struct {
		tests   map[string][]string
		verdict verdict
	}{{own, killedByOwn}, {others, killedByOther}} {
		for _, folder := range inOrder(group.tests, x.folder) {
			if done, err := m.kill(x, m.binary(folder), folder, group.tests[folder], group.verdict); done || err != nil {
				return err
			}
		}
	}
	return nil
}

// inOrder returns the folders of tests: the nearest first, then the engine's.
func inOrder(tests map[string][]string, nearest string) []string {
	rank := func(folder string) int { return slices.Index([]string{engine, nearest}, folder) }
	return slices.SortedFunc(maps.Keys(tests), func(a, b string) int {
		return cmp.Or(-cmp.Compare(rank(a), rank(b)), strings.Compare(a, b))
	})
}

// kill runs tests and notes whether they fail, or do not end.
func (m *mutation) kill(x *mutant, binary, folder string, tests []string, v verdict) (done bool, err error) {
	if len(tests) == 0 {
		return false, nil
	}
	failed, _, err := m.test(binary, folder, x.number, tests)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		x.verdict = timedOut
		return true, nil
	case err != nil:
		return false, err
	case failed == "":
		return false, nil
	}
	x.verdict, x.failed = v, failed
	return true, nil
}

// report prints what became of the mutants.
func (m *mutation) report(mutants []mutant, fixed []*check, redundant []redundantCheck, took time.Duration) error {
	verdicts := map[string]recorded{}
	var ids []string
	survivors := 0
	for _, x := range mutants {
		ids = append(ids, x.id)
		verdicts[x.id] = recorded{x.id, x.verdict.String(), x.failed}
		isRedundant := slices.ContainsFunc(redundant, func(r redundantCheck) bool { return r.check == x.id })
		switch {
		case x.verdict == survived && !isRedundant:
			survivors++
		case x.verdict != survived && isRedundant:
			fmt.Fprintf(m.out, "listed as redundant, but %s fails without it: %s\n", x.failed, x.id)
		}
	}
	if m.verbose {
		for _, c := range fixed {
			fmt.Fprintf(m.out, "not taken out: %s %s\n", c.position, c.id)
		}
	}
	if _, err := io.WriteString(m.out, summary(ids, verdicts, redundant, len(fixed))); err != nil {
		return err
	}
	if n := len(mutants); n > 0 {
		fmt.Fprintf(m.out, "%s, %s for each\n", took.Round(time.Second), (took / time.Duration(n)).Round(time.Millisecond))
	}
	if survivors > 0 {
		return fmt.Errorf("%d mutants survive: no test fails", survivors)
	}
	return nil
}
