package bench

import (
	"strings"
	"unicode/utf8"
)

// textWidth is how wide text for people is, in columns.
const textWidth = 88

// wrap breaks the lines of a text that are wider than width columns between words.
// What follows is indented as far as the text after the line's label, which two
// spaces end, or as far as a line without a label begins.
func wrap(text string, width int) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		wrapLine(&b, strings.TrimSuffix(line, "\n"), width)
		b.WriteByte('\n')
	}
	return b.String()
}

func wrapLine(b *strings.Builder, line string, width int) {
	body := strings.TrimLeft(line, " ")
	indent := len(line) - len(body)
	hang := indent
	if label, text, ok := strings.Cut(body, "  "); ok {
		spaces := len(text) - len(strings.TrimLeft(text, " "))
		hang += utf8.RuneCountInString(label) + 2 + spaces
	}
	if hang > width/2 {
		hang = indent
	}
	breakLine(b, line, hang, width)
}

// breakLine breaks one line between words, and indents what follows by hang columns.
func breakLine(b *strings.Builder, line string, hang, width int) {
	for utf8.RuneCountInString(line) > width {
		end := breakAt(line, hang, width)
		if end < 0 {
			break
		}
		b.WriteString(strings.TrimRight(line[:end], " ") + "\n")
		line = strings.Repeat(" ", hang) + strings.TrimLeft(line[end:], " ")
	}
	b.WriteString(line)
}

// breakAt returns the index of the last space in line that is not in its first hang
// columns and leaves at most width before it; else of the first after them, or -1.
func breakAt(line string, hang, width int) int {
	last, column := -1, 0
	for i, r := range line {
		if column > width && last >= 0 {
			break
		}
		if r == ' ' && column > hang {
			last = i
		}
		column++
	}
	return last
}
