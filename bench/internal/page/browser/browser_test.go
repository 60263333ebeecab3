package browser

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/internal/page"
	"github.com/mlsuite/mlsuite/bench/internal/page/pagetest"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
)

// chromium returns the path of the browser, or skips the test. Where CI is set, a test without
// a browser fails, for nobody would look at the page.
func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	const missing = "no Chromium is installed (Debian: apt-get install chromium)"
	require.Empty(t, os.Getenv("CI"), missing)
	t.Skip(missing)
	return ""
}

// pages writes a page of one file and one of two, and returns their paths by name. With
// REPORT_HTML set to the path of a page it takes that one too.
func pages(t *testing.T) map[string]string {
	t.Helper()
	infos := slices.Collect(all.Registry().All())
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	library := policy.Builtin()
	verdicts := page.Verdicts{At: policy.DateOf(now), Policies: library.Names()}
	var policies []*policy.Policy
	for _, name := range verdicts.Policies {
		p, err := library.Policy(name)
		require.NoError(t, err)
		policies = append(policies, p)
	}
	verdicts.Matrix = policy.NewMatrix(policies, all.Registry().All(), now)
	file := func(name string, seed uint64) page.File {
		return page.File{Name: name, Results: pagetest.Results(infos, seed, []int{2, 32, 100, 1000}, "commit", "process", "join")}
	}
	written := map[string]string{}
	for name, files := range map[string][]page.File{"one": {file("run.json", 1)}, "two": {file("old.json", 1), file("new.json", 2)}} {
		var b bytes.Buffer
		in := page.Input{Files: files, Suites: infos, Verdicts: verdicts}
		if name == "one" {
			in.Files[0].Results = pagetest.Parties(infos, 1, []int{2, 32, 100, 1000})
			pagetest.AddProviders(in.Files[0].Results)
			in.Days, in.Baselines = days(infos), baselines(infos[0])
		}
		require.NoError(t, page.Write(&b, in))
		written[name] = filepath.Join(t.TempDir(), name+".html")
		require.NoError(t, os.WriteFile(written[name], b.Bytes(), 0o644))
	}
	if path := os.Getenv("REPORT_HTML"); path != "" {
		written["given"] = path
	}
	return written
}

// complaints collects what the browser's console says.
type complaints struct {
	lock sync.Mutex
	list []string
}

func (c *complaints) add(format string, args ...any) {
	c.lock.Lock()
	defer c.lock.Unlock()
	c.list = append(c.list, fmt.Sprintf(format, args...))
}

func (c *complaints) all() []string {
	c.lock.Lock()
	defer c.lock.Unlock()
	return slices.Clone(c.list)
}

// hear takes an event of the browser.
func (c *complaints) hear(event any) {
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		c.add("exception: %s", e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		c.add("console.%s", e.Type)
	case *log.EventEntryAdded:
		c.add("%s: %s", e.Entry.Level, e.Entry.Text)
	}
}

// screen makes the tab one of a width and a colour scheme.
func screen(width int64, scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
			Width: width, Height: 900, DeviceScaleFactor: 1, Mobile: width < 500,
		})
		if err != nil {
			return err
		}
		_, err = cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}

// What the browser says of the page.
type looked struct {
	Scroll, Client     float64 // widths of the document
	Charts, Drawn      int     // shown, and of these with an area and with marks
	Overlapping        []string
	Rows, RowsOfOne    int // shown of the first table: of one size
	Sorted, SortedBack bool
	OfSuite, Lit       int // charts that have a suite, and in which it is lit when it is pointed at
	Before, After      string
}

const look = `(() => {
	const shown = e => e.checkVisibility() && e.getBoundingClientRect().width > 0;
	const charts = Array.from(document.querySelectorAll("svg")).filter(shown);
	const drawn = charts.filter(s => {
		const b = s.getBoundingClientRect();
		return b.width > 200 && b.height > 60 && s.querySelectorAll(".s .p path").length > 0 && s.querySelectorAll("text").length > 3;
	});
	const overlapping = [];
	for (const s of charts) {
		const frame = s.getBoundingClientRect();
		const boxes = Array.from(s.querySelectorAll("text")).map(t => ({ text: t.textContent, b: t.getBoundingClientRect() }));
		for (const { text, b } of boxes) if (b.left < frame.left - 1 || b.right > frame.right + 1 || b.bottom > frame.bottom + 1 || b.top < frame.top - 1) overlapping.push("out of frame: " + text);
		boxes.forEach((p, i) => boxes.slice(i + 1).forEach(q => {
			const w = Math.min(p.b.right, q.b.right) - Math.max(p.b.left, q.b.left), h = Math.min(p.b.bottom, q.b.bottom) - Math.max(p.b.top, q.b.top);
			if (w > 1 && h > 0.35 * Math.min(p.b.height, q.b.height)) overlapping.push(p.text + " over " + q.text);
		}));
	}
	const table = document.querySelector("table.sortable");
	const rows = () => Array.from(table.tBodies[0].rows).filter(r => !r.hidden);
	const heading = Array.from(table.tHead.rows[0].cells).findIndex(c => c.textContent === "CPU ms" || c.textContent === "Ratio");
	const figures = () => rows().map(r => r.cells[heading].dataset.v).filter(v => v !== undefined).map(Number);
	const button = table.tHead.rows[0].cells[heading].querySelector("button");
	button.click();
	const up = figures().every((v, i, all) => i === 0 || all[i - 1] <= v);
	button.click();
	const down = figures().every((v, i, all) => i === 0 || all[i - 1] >= v);
	const chip = document.querySelector(".chip");
	chip.click();
	const lit = charts.filter(s => s.querySelectorAll(".s.on").length === 1).length;
	const ofSuite = charts.filter(s => Array.from(s.querySelectorAll(".s")).some(g => g.dataset.s === chip.dataset.s)).length;
	chip.click();
	const colour = () => getComputedStyle(document.body).backgroundColor;
	const before = colour();
	document.getElementById("theme").click();
	const after = colour();
	document.getElementById("theme").click();
	return {
		Scroll: document.documentElement.scrollWidth, Client: document.documentElement.clientWidth,
		Charts: charts.length, Drawn: drawn.length, Overlapping: overlapping,
		Rows: rows().length, RowsOfOne: new Set(rows().map(r => r.dataset.f)).size,
		Sorted: up, SortedBack: down, Lit: lit, OfSuite: ofSuite, Before: before, After: after,
	};
})()`

// The page on a phone and on a desk, light and dark: no word on the console, no scrolling
// sideways, every chart drawn, no names over each other, and a script that works. With
// SCREENSHOTS set to a directory, it leaves pictures there.
func TestPageInChromium(t *testing.T) {
	path := chromium(t)
	options := append(slices.Clone(chromedp.DefaultExecAllocatorOptions[:]), chromedp.ExecPath(path), chromedp.NoSandbox)
	allocator, stop := chromedp.NewExecAllocator(t.Context(), options...)
	defer stop()
	for name, file := range pages(t) {
		for _, width := range []int64{390, 1440} {
			for _, scheme := range []string{"light", "dark"} {
				t.Run(fmt.Sprintf("%s/%d/%s", name, width, scheme), func(t *testing.T) {
					var said complaints
					ctx, closeTab := chromedp.NewContext(allocator, chromedp.WithListener(said.hear))
					defer closeTab()
					require.NoError(t, chromedp.Do(ctx, screen(width, scheme), chromedp.Navigate("file://"+file)))
					l, err := chromedp.Run(ctx, chromedp.Evaluate[looked](look))
					require.NoError(t, err)
					picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
					require.NoError(t, err)
					if dir := os.Getenv("SCREENSHOTS"); dir != "" {
						require.NoError(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%d-%s.png", name, width, scheme)), picture, 0o644))
					}
					require.Empty(t, said.all())
					require.LessOrEqual(t, l.Scroll, l.Client)
					require.EqualValues(t, width, l.Client)
					require.Positive(t, l.Charts)
					require.Equal(t, l.Charts, l.Drawn)
					require.Empty(t, l.Overlapping)
					require.Positive(t, l.Rows)
					require.Equal(t, 1, l.RowsOfOne)
					require.True(t, l.Sorted && l.SortedBack)
					require.Positive(t, l.Lit)
					require.Equal(t, l.OfSuite, l.Lit)
					require.NotEqual(t, l.Before, l.After)
					require.Equal(t, scheme == "light", strings.Contains(l.Before, "255, 255, 255"))
				})
			}
		}
	}
}
