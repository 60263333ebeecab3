package bench

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
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

// docExamples returns the examples of suitebench in the pages.
func docExamples(t *testing.T) []docExample {
	t.Helper()
	blocks := regexp.MustCompile("(?m)^```console\n\\$ go run ./cmd/suitebench ?(.*)\n((?s:.*?))^```$")
	var examples []docExample
	for page, text := range docPages(t) {
		for _, block := range blocks.FindAllStringSubmatch(text, -1) {
			examples = append(examples, docExample{page, strings.Fields(block[1]), block[2]})
		}
	}
	return examples
}

// measures reports whether the example prints what differs between runs.
func (e docExample) measures() bool {
	return len(e.args) == 0 || slices.Contains([]string{"run", "providers", "scale", "parties"}, e.args[0])
}

// The pages print what the program prints, shortened where they say so. Commands that
// measure are looked at for their flags alone.
func TestDocs(t *testing.T) {
	printed := 0
	for _, e := range docExamples(t) {
		name := e.page + ": " + strings.Join(e.args, " ")
		if e.measures() {
			cmd, flags, err := suites().root().Find(e.args)
			require.NoError(t, err, name)
			require.NoError(t, cmd.ParseFlags(flags), name)
			continue
		}
		out, _, _ := call(t, e.args...)
		require.Regexp(t, asPattern(e.output), out, name)
		printed++
	}
	require.GreaterOrEqual(t, printed, 5)
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
