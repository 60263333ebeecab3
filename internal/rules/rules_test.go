package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"
)

func allRules(t *testing.T) []rule {
	t.Helper()
	rules, err := loadRules()
	require.NoError(t, err)
	return rules
}

// testsOf returns the string literals that each Test function of a folder, and
// whatever else its test files hold, can name subtests by: as go test prints them.
func testsOf(t *testing.T, folder string) (functions map[string]bool, literals map[string]bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	require.NoError(t, err)
	require.NotEmpty(t, files, folder)
	functions, literals = map[string]bool{}, map[string]bool{}
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				functions[n.Name.Name] = n.Recv == nil
			case *ast.BasicLit:
				if s, err := strconv.Unquote(n.Value); err == nil {
					literals[strings.ReplaceAll(s, " ", "_")] = true
				}
			}
			return true
		})
	}
	return functions, literals
}

func TestNamedTestsExist(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	type folder struct{ functions, literals map[string]bool }
	known := map[string]folder{}
	for _, r := range allRules(t) {
		for _, s := range r.tests {
			n, err := parseTestName(s)
			require.NoError(t, err, &r)
			f, ok := known[n.folder]
			if !ok {
				f.functions, f.literals = testsOf(t, filepath.Join(root, n.folder))
				known[n.folder] = f
			}
			if !f.functions[n.function] || n.subtest != "" && !f.literals[n.subtest] {
				t.Errorf("%s names %s, which is not there", &r, s)
			}
		}
	}
}

// Where there is a copy of the RFC, the list has a row for each of its demands.
func TestEveryDemandHasItsRow(t *testing.T) {
	name := os.Getenv("MLS_RFC9420")
	if name == "" {
		t.Skip("MLS_RFC9420 names no copy of rfc9420.md")
	}
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	var want, got []string
	for _, d := range demands(string(text)) {
		want = append(want, d.section+"/"+strconv.Itoa(d.ordinal)+" "+d.keyword)
	}
	for _, r := range allRules(t) {
		if r.isDemand() {
			got = append(got, r.String()+" "+r.keyword)
		}
	}
	require.Empty(t, cmp.Diff(want, got))
}

func TestDemandsAreFound(t *testing.T) {
	text := strings.Repeat("# Before\n\nIt MUST.\n\n", 4) + `# Five

It MUST
NOT happen, and MUST be so. Verify that it is,
then verify that it
is invalid.

~~~
# MUST in code
~~~

## Below

MUSTARD MUST.
### Deeper
MUST
# Six
MUST
` + strings.Repeat("# After\n\nIt MUST.\n\n", 11)
	var got []string
	for _, d := range demands(text) {
		if d.section == "5" || d.section[0] == '5' || d.section == "6" || d.section == "17" {
			got = append(got, d.section+"/"+strconv.Itoa(d.ordinal)+" "+d.keyword)
		}
	}
	require.Equal(t, []string{"5/1 MUST NOT", "5/2 MUST", "5/3 Verify that", "5/4 verify that", "5/5 is invalid",
		"5.1/1 MUST", "5.1.1/1 MUST", "6/1 MUST"}, got)
}

func TestDocumentIsUpToDate(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	want, err := document(root)
	require.NoError(t, err)
	got, err := os.ReadFile(filepath.Join(root, documentName))
	require.NoError(t, err)
	require.Empty(t, cmp.Diff(string(want), string(got)), "go generate ./internal/rules")
}

func TestMalformedRows(t *testing.T) {
	const heading = "section\titem\tkeyword\tstate\trule\ttests\treason\n"
	good := "5.1\t1\tMUST\ttested\tIt is so\tmls.TestX/sub\t\n"
	_, err := parseRules(heading + good)
	require.NoError(t, err)
	for name, tsv := range map[string]string{
		"no heading":            good,
		"too few fields":        heading + "5.1\t1\tMUST\n",
		"no rule":               heading + "5.1\t1\tMUST\ttested\t\tmls.TestX\t\n",
		"unknown state":         heading + strings.Replace(good, "tested", "perhaps", 1),
		"tested by nothing":     heading + strings.Replace(good, "mls.TestX/sub", "", 1),
		"open without a reason": heading + "5.1\t1\tMUST\topen\tIt is so\t\t\n",
		"open with a test":      heading + "5.1\t1\tMUST\topen\tIt is so\tmls.TestX\tBecause\n",
		"twice":                 heading + good + good,
		"out of order":          heading + strings.Replace(good, "\t1\t", "\t2\t", 1),
		"keyword in a group":    heading + strings.Replace(good, "5.1", groupKeys, 1),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := parseRules(tsv)
			require.Error(t, err)
		})
	}
	for _, s := range []string{"", "mls", "TestX", ".TestX", "mls.Example"} {
		_, err := parseTestName(s)
		require.Error(t, err, s)
	}
}

// Every sentinel that a caller sees, or that is of an error type, has its row, and every redundant check is one.
func TestChecksAreKnown(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	var classes []string
	for _, folder := range []string{engine, "mls/message", "mls/internal/fault"} {
		some, err := sentinels(filepath.Join(root, folder))
		require.NoError(t, err)
		classes = append(classes, some...)
	}
	slices.Sort(classes)
	classes = slices.Compact(classes)
	var rows []string
	for _, r := range allRules(t) {
		if r.section == groupErrors {
			rows = append(rows, r.item)
		}
	}
	require.ElementsMatch(t, classes, rows)

	files, err := allChecks(root)
	require.NoError(t, err)
	var ids []string
	for _, f := range files {
		for _, c := range f.checks {
			ids = append(ids, c.id)
		}
	}
	require.Greater(t, len(ids), 250)
	redundant, err := loadRedundant()
	require.NoError(t, err)
	for _, r := range redundant {
		if !slices.Contains(ids, r.check) {
			t.Errorf("redundant.tsv names %q, which is no check", r.check)
		}
	}
}

// Every planted fault names a rule, and a text that its file holds once.
func TestPlantedFaultsAreKnown(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	planted, err := loadPlanted()
	require.NoError(t, err)
	rules := allRules(t)
	for _, p := range planted {
		i := slices.IndexFunc(rules, func(r rule) bool { return r.String() == p.rule })
		if i < 0 || len(rules[i].tests) == 0 {
			t.Errorf("planted.tsv names %s, which is no rule with tests", p.rule)
		}
		_, err := p.overlay(root)
		require.NoError(t, err)
	}
	for _, line := range []string{"peers/1\tmls/x.go\ta", "peers/1\tmls/x.go\ta\ta", "\tmls/x.go\ta\tb"} {
		_, err := parsePlanted("rule\tfile\told\tnew\n" + line + "\n")
		require.Error(t, err, line)
	}
}

// No mutant survived but those that are listed as redundant.
func TestNoMutantSurvives(t *testing.T) {
	verdicts, err := loadVerdicts()
	require.NoError(t, err)
	require.Greater(t, len(verdicts), 300)
	redundant, err := loadRedundant()
	require.NoError(t, err)
	for id, v := range verdicts {
		isRedundant := slices.ContainsFunc(redundant, func(r redundantCheck) bool { return r.check == id })
		require.True(t, v.verdict != survived.String() || isRedundant, "%s survives", id)
	}
}

// A mutant without a verdict is counted as one that was not run.
func TestSummaryCountsEveryMutant(t *testing.T) {
	ids := []string{"mls/x.go f: ErrX", "mls/x.go g: ErrX", "mls/x.go h: ErrX", "mls/x.go" + plantedFor + "life/1: y"}
	verdicts := map[string]recorded{
		ids[0]: {ids[0], killedByOwn.String(), "TestX"}, ids[1]: {ids[1], survived.String(), ""},
		ids[3]: {ids[3], killedByOwn.String(), "TestY"}, "gone": {"gone", survived.String(), ""},
	}
	text := summary(ids, verdicts, []redundantCheck{{check: ids[1], reason: "because"}}, 5)
	for _, row := range []string{
		"| checks | 3 |", "| planted faults | 1 |", "| killed by its rule's tests | 2 |", "| killed by another test | 0 |",
		"| redundant by design | 1 |", "| survived | 0 |", "| not run since they came or changed their names | 1 |", " | 5 |\n",
	} {
		require.Contains(t, text, row)
	}
}
