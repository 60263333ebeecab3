package bench

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// table is text in columns. A column whose title begins with a space holds numbers and is
// right-aligned.
type table struct {
	titles []string
	rows   [][]string
	dense  bool // one space between columns instead of two
	tight  bool // one space before a column of numbers, whose title has another

	// optional has the titles of the columns that fit leaves out, the first one first. Of
	// columns with one title it means the last.
	optional []string
}

// fit leaves optional columns out until no table is wider than width characters. The tables
// have the same columns, and keep the same.
func fit(width int, tables ...*table) {
	for len(tables) > 0 && len(tables[0].optional) > 0 && slices.ContainsFunc(tables, func(t *table) bool { return t.width() > width }) {
		for _, t := range tables {
			t.shorten()
		}
	}
}

// shorten leaves the first optional column out.
func (t *table) shorten() {
	t.drop(t.optional[0])
	t.optional = t.optional[1:]
}

// drop leaves the last column of a title out.
func (t *table) drop(title string) {
	for i := len(t.titles) - 1; i >= 0; i-- {
		if t.titles[i] != title {
			continue
		}
		t.titles = slices.Concat(t.titles[:i], t.titles[i+1:])
		for k, row := range t.rows {
			t.rows[k] = slices.Concat(row[:i], row[i+1:])
		}
		return
	}
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

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer) error {
	var b strings.Builder
	t.paint(&b, screenOf(w))
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

// format writes the table to b, without colours.
func (t *table) format(b *strings.Builder) { t.paint(b, screen{}) }

// paint writes the table to b with the colours of a screen.
func (t *table) paint(b *strings.Builder, s screen) {
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
	for r, row := range append([][]string{t.titles}, t.rows...) {
		var line strings.Builder
		for i, cell := range row {
			width := widths[i]
			if !strings.HasPrefix(t.titles[i], " ") {
				width = -width
			}
			if i > 0 {
				line.WriteString(gap[:len(gap)-t.tighter(i)])
			}
			padded := fmt.Sprintf("%*s", width, cell)
			if r > 0 {
				padded = strings.Replace(padded, cell, s.paintCell(t.titles[i], cell), 1)
			}
			line.WriteString(padded)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
