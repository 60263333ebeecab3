package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"
)

// table is text in columns. A column whose title begins with a space holds numbers and is
// right-aligned.
type table struct {
	titles []string
	rows   [][]string
	dense  bool // one space between columns instead of two
	tight  bool // one space before a column of numbers, whose title has another

	optional []string // titles of columns that fit leaves out, the first one first
}

// fit leaves optional columns out until the table is no wider than width characters.
func (t table) fit(width int) *table {
	for len(t.optional) > 0 && t.width() > width {
		i := slices.Index(t.titles, t.optional[0])
		t.optional = t.optional[1:]
		without := func(row []string) []string { return slices.Concat(row[:i], row[i+1:]) }
		t.titles = without(t.titles)
		rows := make([][]string, len(t.rows))
		for k, row := range t.rows {
			rows[k] = without(row)
		}
		t.rows = rows
	}
	return &t
}

// width returns the number of characters of the widest line.
func (t *table) width() (widest int) {
	var b strings.Builder
	t.format(&b)
	for line := range strings.Lines(b.String()) {
		widest = max(widest, utf8.RuneCountInString(strings.TrimSuffix(line, "\n")))
	}
	return widest
}

// screenWidth returns the width of the terminal that w is, or 100.
func screenWidth(w io.Writer) int {
	if o, ok := w.(*output); ok && o.screen != nil {
		if width, _, err := term.GetSize(int(o.screen.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 100
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer) error {
	var b strings.Builder
	t.format(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// tighter returns the number of spaces that the gap before column i lacks.
func (t *table) tighter(i int) int {
	if t.tight && strings.HasPrefix(t.titles[i], " ") {
		return 1
	}
	return 0
}

// format writes the table to b.
func (t *table) format(b *strings.Builder) {
	widths := make([]int, len(t.titles))
	for _, row := range append([][]string{t.titles}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	gap := "  "
	if t.dense {
		gap = " "
	}
	for _, row := range append([][]string{t.titles}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			width := widths[i]
			if !strings.HasPrefix(t.titles[i], " ") {
				width = -width
			}
			if i > 0 {
				line.WriteString(gap[:len(gap)-t.tighter(i)])
			}
			fmt.Fprintf(&line, "%*s", width, cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
