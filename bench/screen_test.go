package bench

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"

	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/internal/page/pagetest"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// madeScreen is a screen of a test.
type madeScreen struct {
	strings.Builder
	screen
}

func (m *madeScreen) onScreen() screen { return m.screen }

func coloured(width int) *madeScreen {
	return &madeScreen{screen: screen{width: width, codes: term.NewTerminal(nil, "").Escape}}
}

var titleLine = regexp.MustCompile("^( RANK|ID) ")

var escapeCodes = regexp.MustCompile("\x1b\\[[0-9]*m")

// measuredResults are results of all suites that no machine measured, as a run has them.
func measuredResults(sizes ...int) *result.Results {
	var infos []suite.Info
	for info := range all.Registry().All() {
		infos = append(infos, info)
	}
	r := pagetest.Results(infos, 7, sizes, "commit", "process", "join", "keypackage")
	for i := range r.Cells {
		r.Cells[i].Samples = make([]result.Sample, 1)
	}
	return r
}

// Tables are no wider than the terminal from 60 columns on, and show more on a wider one.
func TestReportsFitTheScreen(t *testing.T) {
	for name, write := range map[string]func(io.Writer, *result.Results) error{"table": writeTable, "summary": writeSummary} {
		columns := 0
		for _, width := range []int{60, 80, 100, 160} {
			out := coloured(width)
			require.NoError(t, write(out, measuredResults(2, 32, 1000)))
			text := escapeCodes.ReplaceAllString(out.String(), "")
			var titles []string
			for line := range strings.Lines(text) {
				require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), width, "%s at %d: %s", name, width, line)
				if titleLine.MatchString(line) {
					titles = append(titles, strings.Join(strings.Fields(line), " "))
				}
			}
			require.NotEmpty(t, titles)
			for _, other := range titles {
				require.Equal(t, titles[0], other, "the tables of a report have the same columns")
			}
			require.Greater(t, len(strings.Fields(titles[0])), columns, "%s at %d", name, width)
			columns = len(strings.Fields(titles[0]))
		}
	}
}

// So is what a day costs.
func TestDaysFitTheScreen(t *testing.T) {
	d, err := day.Example("agency")
	require.NoError(t, err)
	r := dayReport{Day: d, Recommendation: strings.Repeat("word ", 40), Ranked: day.Member}
	party := dayParty{Party: day.Member, Cost: day.Cost{CPU: result.Figure{Value: 1.23e9, Low: 1e9, High: 2e9}, Up: 123_456_789, Down: 123_456_789}}
	for i := range 3 {
		s := daySuite{ID: 0xF00B, KEM: "ML-KEM-768+X25519", Signature: "ML-DSA-87", Scheme: "pairwise sessions", Rank: i + 1, Time: &party.CPU, Parties: []dayParty{party}}
		r.Suites, r.Beside = append(r.Suites, s), append(r.Beside, s)
	}
	for _, scheme := range []string{"pairwise sessions", "sender keys"} {
		r.Crossovers = append(r.Crossovers, dayCrossover{"message", "receiver", scheme, 100_000, 100_000})
	}
	for _, width := range []int{60, 80, 100, 160} {
		out := coloured(width)
		require.NoError(t, writeDay(out, r))
		require.Contains(t, out.String(), "\x1b[32m1\x1b[0m  0xF00B")
		requireWidth(t, width, escapeCodes.ReplaceAllString(out.String(), ""))
	}
}

// Colours mark ranks, warnings and what is not resolved, and take no room.
func TestColoursMarkWhatMatters(t *testing.T) {
	bare, painted := &madeScreen{screen: screen{width: 100}}, coloured(100)
	r := measuredResults(100)
	require.NoError(t, writeSummary(bare, r))
	require.NoError(t, writeSummary(painted, r))
	require.NotContains(t, bare.String(), "\x1b")
	require.Equal(t, bare.String(), escapeCodes.ReplaceAllString(painted.String(), ""))
	require.Regexp(t, "(?m)^\x1b\\[33mwarning: .*\x1b\\[0m$", painted.String())
	require.Regexp(t, "(?m)^ +\x1b\\[32m1\x1b\\[0m  0x", painted.String())
	require.Regexp(t, "\x1b\\[33m[0-9.]+\\?\x1b\\[0m", painted.String())
	marks := len(escapeCodes.FindAllString(painted.String(), -1))
	require.Less(t, marks, 2*len(r.Cells), "most of the text has no colour")
}

// Only a terminal has colours, and not if the environment asks for none.
func TestColoursAreOnTerminalsAlone(t *testing.T) {
	environment := func(set ...string) func(string) string {
		return func(name string) string {
			for _, s := range set {
				if value, ok := strings.CutPrefix(s, name+"="); ok {
					return value
				}
			}
			return ""
		}
	}
	require.True(t, colourful("linux", environment("TERM=xterm")))
	require.True(t, colourful("darwin", environment()))
	require.False(t, colourful("linux", environment("TERM=xterm", "NO_COLOR=1")))
	require.False(t, colourful("linux", environment("TERM=dumb")))
	require.False(t, colourful("windows", environment()))
	require.True(t, colourful("windows", environment("WT_SESSION=1")))

	require.Equal(t, screen{width: pageWidth}, screenOf(&strings.Builder{}))
	out, err := openOutput(t.TempDir()+"/file", nil)
	require.NoError(t, err)
	defer out.discard()
	require.Equal(t, screen{width: pageWidth}, screenOf(out))
	require.Equal(t, screen{width: pageWidth}, screenOf(out.file))
}

// subcommands returns the words of a command and of those below it.
func subcommands(cmd *cobra.Command) [][]string {
	all := [][]string{strings.Fields(cmd.CommandPath())[1:]}
	for _, c := range cmd.Commands() {
		all = append(all, subcommands(c)...)
	}
	return all
}

// The help of every command fits the page, and a narrower terminal.
func TestHelpFitsTheScreen(t *testing.T) {
	commands := subcommands(suites().root())
	require.Contains(t, commands, []string{"policy", "choose"})
	for _, width := range []int{80, 100, 160} {
		for _, words := range commands {
			out := &madeScreen{screen: screen{width: width}}
			require.Zero(t, suites().execute(t.Context(), append(slices.Clone(words), "--help"), out, io.Discard))
			require.Contains(t, out.String(), "Usage:\n  suitebench")
			requireWidth(t, min(width, pageWidth), out.String())
		}
	}
}

// Markdown's prose fits a page; its tables are for what shows them.
func TestMarkdownProseFitsAPage(t *testing.T) {
	r := measuredResults(2)
	r.Warnings = append(r.Warnings, strings.Repeat("word ", 40)+"end")
	var b strings.Builder
	require.NoError(t, writeMarkdown(&b, r))
	require.Contains(t, b.String(), "\n- **Warning:** word ")
	require.Contains(t, b.String(), "word\n  word ")
	requireWidth(t, pageWidth, regexp.MustCompile(`(?m)^\|.*$`).ReplaceAllString(b.String(), ""))
}

// requireWidth requires that no line of a text is wider than so many columns.
func requireWidth(t *testing.T, width int, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")), width, line)
	}
}

// What is said beside a report fits the screen. An error stays one line for other programs.
func TestRemarksFitTheScreen(t *testing.T) {
	_, stderr, code := call(t, append(quick, "--policy", "cnsa-2.0-transition", "--sizes", "2", "--ops", "encrypt")...)
	require.Zero(t, code)
	requireWidth(t, pageWidth, stderr)
	require.Len(t, regexp.MustCompile("(?m)^left out: 0x").FindAllString(stderr, -1), 15)
	require.NotRegexp(t, "(?m)^[^ l]", stderr, "further lines are indented")

	long := errors.New(strings.Repeat("word ", 40) + "end")
	file, terminal := &madeScreen{screen: screen{width: 60}}, &madeScreen{screen: screen{width: 60, terminal: true}}
	complain(file, long)
	complain(terminal, long)
	require.Equal(t, "suitebench: "+long.Error()+"\n", file.String())
	requireWidth(t, 60, terminal.String())
	require.Equal(t, file.String(), strings.ReplaceAll(terminal.String(), "\n  ", " "))
}

// Code points are hexadecimal in every form.
func TestCodePointsAreHexadecimal(t *testing.T) {
	r := measuredResults(2)
	for _, f := range suites().formats(policyFlags{peers: defaultPeers()}) {
		var b strings.Builder
		require.NoError(t, f.write(&b, r), f.name)
		require.NotRegexp(t, `\b61441\b`, b.String(), f.name)
		if f.name != "gobench" { // whose lines have names alone
			require.Contains(t, b.String(), "0xF001", f.name)
		}
	}
}
