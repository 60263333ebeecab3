package bench

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
)

// shortened is a line that stands for any lines of output.
const shortened = "[...]"

// docExample is a command of a page with what the page says that it prints.
type docExample struct {
	page   string
	args   []string
	output string
}

// docPages returns the text of README.md and of the pages in docs, by path.
func docPages(t *testing.T) map[string]string {
	t.Helper()
	paths, err := filepath.Glob("../docs/*.md")
	require.NoError(t, err)
	pages := map[string]string{}
	for _, path := range append(paths, "../README.md") {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		pages[path] = string(text)
	}
	require.Greater(t, len(pages), 3)
	return pages
}

// mandatePage is the page whose commands TestMandatePage runs.
const mandatePage = "../docs/mandate.md"

// docExamples returns the examples of suitebench in the other pages.
func docExamples(t *testing.T) []docExample {
	t.Helper()
	blocks := regexp.MustCompile("(?m)^```console\n\\$ go run ./cmd/suitebench ?(.*)\n((?s:.*?))^```$")
	var examples []docExample
	pages := docPages(t)
	delete(pages, mandatePage)
	for page, text := range pages {
		for _, block := range blocks.FindAllStringSubmatch(text, -1) {
			examples = append(examples, docExample{page, strings.Fields(block[1]), block[2]})
		}
	}
	return examples
}

// measures reports whether the example prints what differs between runs.
func (e docExample) measures() bool {
	return len(e.args) == 0 || slices.Contains([]string{"run", "providers", "scale", "parties", "day"}, e.args[0])
}

// shape returns what two runs of a command that measures have in common: the first titles of
// its tables, and the code points of the suites in each, in order of their numbers.
func shape(output string) []string {
	title := regexp.MustCompile(`^(ID| RANK|PARTY|OPERATION|PRIMITIVE|RENEWALS|[0-9]+ members,) `)
	row := regexp.MustCompile(`0x[0-9A-F]{4}`)
	var lines []string
	last := 0 // behind the last title
	for line := range strings.Lines(output) {
		if title.MatchString(line) {
			lines = append(lines, strings.Fields(line)[0]) // wide figures leave room for fewer columns
			last = len(lines)
		} else if id := row.FindString(line); id != "" && last > 0 {
			lines = append(lines, id)
			slices.Sort(lines[last:])
		}
	}
	return lines
}

// rerun runs a command that measures with what takes the least time.
func (e docExample) rerun(t *testing.T) string {
	t.Helper()
	args := slices.Clone(e.args)
	if len(args) == 0 {
		args = []string{"run", "--format", "summary", "--sizes", "2,32,100"}
	}
	if args[0] == "day" { // its prices take seconds
		out, stderr, code := call(t, args...)
		require.Zero(t, code, stderr)
		return out
	}
	switch args[0] { // groups of a thousand and more take long to make
	case "scale":
		args = append(args, "--measure", "100")
	case "parties":
		args = append(args, "--sizes", "10")
	}
	if args[0] != "scale" {
		args = append(args, "--sample", "0s")
	}
	out, stderr, code := call(t, append(args, "--rounds", "1", "--budget", "1ns")...)
	require.Zero(t, code, stderr)
	return out
}

// The pages print what the program prints, shortened where they say so. A command that
// measures prints the same tables of the same suites: it runs where samples are wide, and else its
// flags are read.
func TestDocs(t *testing.T) {
	printed := 0
	for _, e := range docExamples(t) {
		name := e.page + ": " + strings.Join(e.args, " ")
		if e.measures() {
			cmd, flags, err := suites().root().Find(e.args)
			require.NoError(t, err, name)
			require.NoError(t, cmd.ParseFlags(flags), name)
			require.NotEmpty(t, shape(e.output), name)
			if vectors.Wide() {
				require.Subset(t, shape(e.rerun(t)), shape(e.output), name)
			}
			continue
		}
		out, _, _ := call(t, e.args...)
		require.Regexp(t, asPattern(e.output), out, name)
		printed++
	}
	require.GreaterOrEqual(t, printed, 3)
}

// The other commands of the pages, in indented lines, are there with their flags.
func TestDocCommands(t *testing.T) {
	commands := regexp.MustCompile(`(?m)^    go run ./cmd/suitebench([^#\n]*)`)
	found := 0
	for page, text := range docPages(t) {
		for _, command := range commands.FindAllStringSubmatch(text, -1) {
			cmd, flags, err := suites().root().Find(strings.Fields(command[1]))
			require.NoError(t, err, "%s: %s", page, command[0])
			require.NoError(t, cmd.ParseFlags(flags), "%s: %s", page, command[0])
			require.NoError(t, cmd.ValidateArgs(cmd.Flags().Args()), "%s: %s", page, command[0])
			found++
		}
	}
	require.Greater(t, found, 8)
}

func TestShape(t *testing.T) {
	require.Equal(t,
		[]string{"2", "RANK", "0x0001", "0xF002", "9", "0x0002"},
		shape("0x0003 is no row\n2 members, steady tree\n RANK  ID  COMMIT\n - 0xF002 3\n 1 0x0001 4.5\n\n9 members, steady tree\n 0x0002\n"))
}

// What the pages link to in the repository is there.
func TestDocLinks(t *testing.T) {
	links := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	found := 0
	for page, text := range docPages(t) {
		for _, link := range links.FindAllStringSubmatch(text, -1) {
			_, err := os.Stat(filepath.Join(filepath.Dir(page), link[1]))
			require.NoError(t, err, page)
			found++
		}
	}
	require.Greater(t, found, 10)
}

// asPattern returns the output of a page as a regular expression.
func asPattern(output string) string {
	pattern := regexp.QuoteMeta(output)
	return `\A` + strings.ReplaceAll(pattern, regexp.QuoteMeta(shortened+"\n"), `(?s:.*\n)?`) + `\z`
}

func TestAsPattern(t *testing.T) {
	require.Regexp(t, asPattern("a.\n[...]\nd\n"), "a.\nb\nc\nd\n")
	require.Regexp(t, asPattern("a.\n[...]\n"), "a.\n")
	require.NotRegexp(t, asPattern("a.\n[...]\n"), "ab\nc\n")
	require.NotRegexp(t, asPattern("a\n[...]\nd\n"), "a\nd\ne\n")
	require.NotRegexp(t, asPattern("a\n"), "a\nb\n")
}
