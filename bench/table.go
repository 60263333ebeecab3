package bench

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table is text in columns. A column whose title begins with a space holds numbers and is
// right-aligned.
type table struct {
	titles []string
	rows   [][]string
	dense  bool // one space between columns instead of two
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

func (t *table) write(w io.Writer) error {
	var b strings.Builder
	t.format(&b)
	_, err := io.WriteString(w, b.String())
	return err
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
				line.WriteString(gap)
			}
			fmt.Fprintf(&line, "%*s", width, cell)
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
}
