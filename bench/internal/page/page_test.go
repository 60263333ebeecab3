package page

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/result"
)

func written(t *testing.T, in Input) string {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, Write(&b, in))
	return b.String()
}

func sizes() []int { return []int{2, 32, 100, 1000} }

// one and two are the inputs of most tests.
func one(t *testing.T) Input {
	return wholeInput(t, File{"run.json", made(1, sizes(), "commit", "process", "join")})
}

func two(t *testing.T) Input {
	return wholeInput(t, File{"old.json", made(1, sizes(), "commit", "process")}, File{"new.json", made(2, sizes(), "commit", "process")})
}

// outline returns the headings, captions and numbers of things of a page.
func outline(page string) string {
	var b strings.Builder
	tags := regexp.MustCompile(`(?s)<(h1|h2|h3|figcaption|dt)[^>]*>(.*?)</|<(svg) class="([a-z]+)"|<(tr) data-s|<(button)|<(li)>`)
	inside := regexp.MustCompile(`<[^>]*>.*`)
	counted := map[string]int{}
	flush := func() {
		for _, name := range []string{"svg wide", "svg narrow", "li", "button", "tr"} {
			if n := counted[name]; n > 0 {
				fmt.Fprintf(&b, "    %s: %d\n", name, n)
			}
		}
		clear(counted)
	}
	for _, m := range tags.FindAllStringSubmatch(page, -1) {
		switch {
		case m[1] != "":
			flush()
			fmt.Fprintf(&b, "%s %s\n", m[1], strings.TrimSpace(inside.ReplaceAllString(html.UnescapeString(m[2]), "")))
		case m[3] != "":
			counted["svg "+m[4]]++
		default:
			counted[m[5]+m[6]+m[7]]++
		}
	}
	flush()
	return b.String()
}

// The parts of a page, in their order. With UPDATE_GOLDEN set the test writes them.
func TestPageHasItsParts(t *testing.T) {
	for name, in := range map[string]Input{"one": one(t), "two": two(t), "days": withDays(t)} {
		got := outline(written(t, in))
		path := filepath.Join("testdata", name+".txt")
		if os.Getenv("UPDATE_GOLDEN") != "" {
			require.NoError(t, os.WriteFile(path, []byte(got), 0o644))
		}
		want, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(string(want), got), name)
	}
}

func TestSameInputGivesSamePage(t *testing.T) {
	require.Equal(t, written(t, two(t)), written(t, two(t)))
}

func svgs(page string) []string {
	return regexp.MustCompile(`(?s)<svg .*?</svg>`).FindAllString(page, -1)
}

// odd are inputs at the edges.
func odd(t *testing.T) map[string]Input {
	cells := func(change func(*result.Results)) Input {
		r := made(3, []int{2, 100}, "commit", "process")
		change(r)
		return wholeInput(t, File{"run.json", r})
	}
	each := func(change func(*result.Cell)) Input {
		return cells(func(r *result.Results) {
			for i := range r.Cells {
				change(&r.Cells[i])
			}
		})
	}
	return map[string]Input{
		"nothing":      {},
		"no results":   wholeInput(t),
		"no cells":     wholeInput(t, File{"run.json", &result.Results{}}),
		"one cell":     cells(func(r *result.Results) { r.Cells = r.Cells[:1] }),
		"one size":     wholeInput(t, File{"run.json", made(3, []int{50}, "commit", "keypackage")}),
		"other ops":    wholeInput(t, File{"run.json", made(3, []int{2, 100000}, "reinit")}),
		"unknown":      {Files: two(t).Files},
		"no intervals": each(func(c *result.Cell) { c.CPU.Low, c.CPU.High, c.Ratio.High, c.Resolved, c.Rank = 0, 0, 0, false, 0 }),
		"bytes alone": each(func(c *result.Cell) {
			*c = result.Cell{Suite: c.Suite, ID: c.ID, GroupSize: c.GroupSize, Op: c.Op, Bytes: c.Bytes}
		}),
		"no bytes": each(func(c *result.Cell) { c.Bytes = 0 }),
		"all equal": each(func(c *result.Cell) {
			c.CPU, c.Ratio = result.Figure{Value: 1, Low: 1, High: 1}, result.Figure{Value: 1, Low: 1, High: 1}
		}),
		"below nothing": each(func(c *result.Cell) { c.CPU.Value, c.Ratio.Low, c.GroupSize, c.Bytes = -1, -1, -c.GroupSize, -1 }),
		"no size":       each(func(c *result.Cell) { c.GroupSize = 0 }),
		"backwards":     each(func(c *result.Cell) { c.CPU.Low, c.CPU.High = c.CPU.High, c.CPU.Low }),
		"huge":          each(func(c *result.Cell) { c.CPU = result.Figure{Value: 1e300, Low: 1e-300, High: math.MaxFloat64} }),
		"tiny":          each(func(c *result.Cell) { c.CPU = result.Figure{Value: 1e-300, Low: 1e-300, High: 2e-300} }),
		"same file":     wholeInput(t, one(t).Files[0], one(t).Files[0], two(t).Files[1]),
		"no common":     wholeInput(t, File{"a", made(1, []int{2}, "commit")}, File{"b", made(1, []int{3}, "join")}),
		"sparse":        cells(func(r *result.Results) { r.Cells = append(r.Cells[:3:3], r.Cells[40:50]...) }),
		"twice a cell":  cells(func(r *result.Results) { r.Cells = append(r.Cells, r.Cells...) }),
		"hostile names": hostile(t),
		"days alone":    {Days: madeDays()},
		"curves alone":  {Baselines: madeBaselines()},
		"odd days":      oddDays(t),
	}
}

// oddDays are days of figures that cannot be shown.
func oddDays(t *testing.T) Input {
	in := withDays(t)
	for i := range in.Days {
		for _, s := range in.Days[i].Suites {
			s.Parties[0].CPU, s.Parties[1].Up = result.Figure{}, -1
		}
		in.Days[i].Suites[0].Time = result.Figure{Value: 1e300, Low: 1, High: 1e308}
		in.Days[i].Suites[1].Parties = nil
	}
	in.Baselines.Curves[0].CPU[0] = result.Figure{}
	in.Baselines.Curves[1].Bytes[0] = -1
	return in
}

const attack = `"><script>alert(1)</script><img src=x onerror=alert(2)>'` + "\x00\xff" + `{{.}}</title></svg>` + "\u202e"

// hostile is an input with an attack wherever there is text.
func hostile(t *testing.T) Input {
	r := made(4, []int{2, 100}, "commit", attack)
	r.Command = []string{attack}
	r.Warnings = []string{attack}
	r.Modules = []result.Module{{Path: attack, Version: attack}}
	r.Measurement.Clock, r.Measurement.Instructions = attack, attack
	r.Policies, r.With = []string{attack}, []string{attack}
	r.LeftOut = []result.Omission{{Suite: attack, Why: attack}}
	for i := range r.Suites {
		s := &r.Suites[i]
		s.Name += attack
		s.KEM, s.AEAD, s.Signature, s.Draft, s.Providers = attack, attack, attack, attack, []string{attack}
	}
	for i := range r.Cells {
		r.Cells[i].Suite += attack
		r.Cells[i].Tree = attack
	}
	in := wholeInput(t, File{attack, r}, File{"other" + attack, r})
	in.Days, in.Baselines = madeDays(), madeBaselines()
	for i := range in.Days {
		d := &in.Days[i]
		d.Name, d.Recommendation, d.About = attack, attack, []string{attack}
		for k := range d.Suites {
			s := &d.Suites[k]
			s.Suite, s.KEM, s.Signature, s.Scheme, s.Parties[0].Name = attack, attack, attack, attack, attack
		}
	}
	in.Baselines.Curves[0].Operation, in.Baselines.Curves[1].Scheme, in.Baselines.Crossings[0].Payer = attack, attack, attack
	in.Operations = []Operation{{attack, attack}}
	in.Verdicts.Policies = append(in.Verdicts.Policies, attack)
	return in
}

// Charts are whole: well-formed, named, inside of their frame, of numbers that are finite.
func TestChartsAreDrawn(t *testing.T) {
	inputs := odd(t)
	inputs["one"], inputs["two"], inputs["days"] = one(t), two(t), withDays(t)
	without := []string{"nothing", "no results", "no cells", "no size", "below nothing"}
	ends := regexp.MustCompile(`[ML](-?[\d.]+) (-?[\d.]+)`)
	shape := regexp.MustCompile(`^(M-?[\d.]+ -?[\d.]+|[LA]-?[\d. -]+|Z)+$`)
	for name, in := range inputs {
		charts := svgs(written(t, in))
		require.Equal(t, len(charts) == 0, slices.Contains(without, name), name)
		for _, chart := range charts {
			require.NoError(t, wellFormed(chart), name)
			require.Regexp(t, `^<svg class="(wide|narrow)" viewBox="0 0 \d+ \d+" role="img" aria-labelledby="[\w-]+ [\w-]+"><title id="[\w-]+">[^<]+</title><desc id="[\w-]+">[^<]+</desc>`, chart, name)
			require.NotContains(t, chart, "NaN", name)
			require.NotContains(t, chart, "Inf", name)
			require.Contains(t, chart, `data-s="s`, name)
			width, height := frame(t, chart)
			for _, d := range regexp.MustCompile(` d="([^"]*)"`).FindAllStringSubmatch(chart, -1) {
				if !shape.MatchString(d[1]) {
					t.Fatalf("%s: path %s", name, d[1])
				}
				for _, end := range ends.FindAllStringSubmatch(d[1], -1) {
					inside(t, end[1], 0, width)
					inside(t, end[2], 0, height)
				}
			}
			for _, at := range regexp.MustCompile(`<text [^>]*x="([^"]*)" y="([^"]*)"`).FindAllStringSubmatch(chart, -1) {
				inside(t, at[1], 0, width)
				inside(t, at[2], 0, height)
			}
		}
	}
}

func wellFormed(text string) error {
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}

func frame(t *testing.T, chart string) (width, height float64) {
	t.Helper()
	_, err := fmt.Sscanf(regexp.MustCompile(`viewBox="([^"]*)"`).FindStringSubmatch(chart)[1], "0 0 %g %g", &width, &height)
	require.NoError(t, err)
	return width, height
}

func inside(t *testing.T, coordinate string, low, high float64) {
	t.Helper()
	x, err := strconv.ParseFloat(coordinate, 64)
	if err != nil || !(x >= low && x <= high) {
		t.Fatalf("%s is not within %v and %v", coordinate, low, high)
	}
}

// Each suite has its line, and a point for each size, in every chart over sizes.
func TestChartsHaveEverySuite(t *testing.T) {
	page := written(t, one(t))
	charts := svgs(page)
	require.Len(t, charts, 2*(3+3+3+2)) // process reads the bytes of commit
	for _, chart := range charts {
		for i := range infos() {
			require.Equal(t, 1, strings.Count(chart, fmt.Sprintf(`data-s="s%d"`, i)))
		}
	}
	require.Equal(t, len(infos())*len(sizes()), strings.Count(charts[0], `<g class="p`))
	require.Contains(t, charts[0], `class="p open"`)
}

// Nothing in the page loads anything, and its policy lets nothing but its own style and
// script in.
func TestPageIsSelfContained(t *testing.T) {
	page := written(t, two(t))
	for _, load := range []string{
		`\ssrc\s*=`, `<link`, `<iframe`, `<object`, `<embed`, `<image`, `<use`, `@import`, `url\(`, `fetch\(`, `XMLHttpRequest`, `import\(`,
		`https?://`, `<style[^>]`, `\sstyle=`, `\son\w+=`,
	} {
		require.NotRegexp(t, load, page)
	}
	for _, link := range regexp.MustCompile(`href="([^"]*)"`).FindAllStringSubmatch(page, -1) {
		require.Regexp(t, `^#`, link[1])
		require.Contains(t, page, `id="`+link[1][1:]+`"`)
	}
	policy := html.UnescapeString(regexp.MustCompile(`Content-Security-Policy" content="([^"]*)"`).FindStringSubmatch(page)[1])
	for _, tag := range []string{"style", "script"} {
		blocks := regexp.MustCompile(`(?s)<`+tag+`>(.*?)</`+tag+`>`).FindAllStringSubmatch(page, -1)
		require.Len(t, blocks, 1)
		require.Contains(t, policy, tag+"-src '"+sum(blocks[0][1])+"'")
	}
	require.Contains(t, policy, "default-src 'none'")
}

func TestIdentifiersAreUnique(t *testing.T) {
	for name, in := range map[string]Input{"one": one(t), "two": two(t), "days": withDays(t)} {
		seen := map[string]bool{}
		for _, id := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(written(t, in), -1) {
			require.False(t, seen[id[1]], "%s: %s", name, id[1])
			seen[id[1]] = true
		}
		require.NotEmpty(t, seen)
	}
}

// Text from a results file stays text.
func TestHostileNamesStayText(t *testing.T) {
	page := written(t, hostile(t))
	require.Equal(t, 1, strings.Count(page, "<script"))
	require.NotContains(t, page, "<img")
	require.NotContains(t, page, "onerror=alert(2)>")
	require.Equal(t, strings.Count(page, "<title"), strings.Count(page, "</title>"))
	for _, chart := range svgs(page) {
		require.NoError(t, wellFormed(chart))
	}
	require.Contains(t, page, "&lt;script&gt;alert(1)&lt;/script&gt;")
}

// Where there is nothing to show the page says so.
func TestEmptyPages(t *testing.T) {
	pages := odd(t)
	require.Contains(t, written(t, pages["nothing"]), "There are no results.")
	require.Contains(t, written(t, pages["no cells"]), "The results have no times.")
	require.Contains(t, written(t, pages["bytes alone"]), "The results have no times.")
	require.Contains(t, written(t, pages["one cell"]), "No other suite was measured.")
	require.Contains(t, written(t, pages["no intervals"]), "None of 18 suites is resolved")
	require.Contains(t, written(t, pages["no common"]), "b and a have no figure in common.")
	require.Contains(t, written(t, pages["below nothing"]), "The results have no times.")
}

// A suite that is not resolved has no rank anywhere, whatever the file says.
func TestWhatIsNotResolvedIsNotRanked(t *testing.T) {
	r := made(5, sizes(), "commit")
	for i := range r.Cells {
		r.Cells[i].Resolved, r.Cells[i].Rank = false, i+1
	}
	page := written(t, wholeInput(t, File{"run.json", r}))
	require.NotContains(t, page, ", rank ")
	require.NotContains(t, page, "the cheapest:")
	require.Contains(t, page, "None of 18 suites is resolved to ±5 % and ranked, so this run names no cheapest one.")
	require.Equal(t, len(r.Cells)+len(infos()), strings.Count(page, ">not resolved<")) // and beside the verdicts
}

func TestVerdictsStandBesideSuites(t *testing.T) {
	page := written(t, one(t))
	require.Contains(t, page, "Verdicts on starting a group on 2026-11-29, beside the cost: Making a commit, 100 members, steady tree.")
	for _, name := range verdicts(t).Policies {
		require.Contains(t, page, ">"+name+"</button>")
	}
	require.Contains(t, page, `<td class="no" data-v="1">deny</td>`)
	require.Contains(t, page, `<td class="yes" data-v="0">allow</td>`)
	foreign := one(t)
	foreign.Suites = nil
	require.NotContains(t, written(t, foreign), `>allow</td>`, "a suite of the same name need not be the same")
}

// What the machine did not say is said to be missing.
func TestOriginSaysWhereTheRunWas(t *testing.T) {
	in := one(t)
	require.NotContains(t, written(t, in), "<dt>Machine</dt>")
	r := in.Files[0].Results
	r.Machine = host.Machine{OS: "linux", Arch: "riscv64", CPU: host.Available("A CPU"), Cores: 3, GoVersion: "go1.26.8"}
	r.State = host.State{Elapsed: 90 * time.Second, Cores: 3, LoadBefore: host.Available(0.5), Others: host.Available(27 * time.Second)}
	page := html.UnescapeString(written(t, in))
	for _, fact := range []string{
		"<dd>A CPU, 3 cores, linux/riscv64</dd>", "<dd>go1.26.8</dd>", "<dd>90.0 s</dd>",
		"<dd>before: 0.50; after: not available, because nothing was measured</dd>", "<dd>CPU time of all cores: 10.0 %</dd>",
	} {
		require.Contains(t, page, fact)
	}
}

func TestCommandsAreQuoted(t *testing.T) {
	require.Equal(t, "suitebench", command("suitebench", nil))
	require.Equal(t, `suitebench run --suites 0x0001,TBD2 -o 'a b' '' 'it'\''s'`, command("suitebench", []string{"run", "--suites", "0x0001,TBD2", "-o", "a b", "", "it's"}))
}
