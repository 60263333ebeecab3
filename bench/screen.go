package bench

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
)

// pageWidth is the number of columns of a report that does not go to a terminal.
const pageWidth = 100

// screen is what a report is written on.
type screen struct {
	width    int               // in columns
	codes    *term.EscapeCodes // nil: there are no colours
	terminal bool              // and no file or pipe
}

// onScreen is a writer that knows its screen.
type onScreen interface{ onScreen() screen }

// screenOf returns the screen that w writes on. It has colours only on a terminal: never
// in a file or a pipe, and not if the environment asks for none (https://no-color.org).
func screenOf(w io.Writer) screen {
	switch w := w.(type) {
	case onScreen:
		return w.onScreen()
	case *os.File:
		return screenOfFile(w)
	}
	return screen{width: pageWidth}
}

func screenOfFile(f *os.File) screen {
	s := screen{width: pageWidth}
	fd := int(f.Fd())
	if !term.IsTerminal(fd) {
		return s
	}
	s.terminal = true
	if width, _, err := term.GetSize(fd); err == nil && width > 0 {
		s.width = width
	}
	if colourful(runtime.GOOS, os.Getenv) {
		s.codes = term.NewTerminal(f, "").Escape
	}
	return s
}

// within returns s with at most so many columns.
func (s screen) within(width int) screen {
	s.width = min(s.width, width)
	return s
}

// colourful reports whether a terminal may be given colours. A console of Windows shows
// escape codes as they are unless it says that it is Windows Terminal or like a Unix one.
func colourful(goos string, env func(string) string) bool {
	switch {
	case env("NO_COLOR") != "", env("TERM") == "dumb":
		return false
	case goos == "windows":
		return env("WT_SESSION") != "" || env("TERM") != ""
	}
	return true
}

// colour is what a text is marked as.
type colour int

const (
	plain    colour = iota
	best            // the first rank
	doubtful        // not resolved, or a warning
)

// paint returns text in a colour, if the screen has any.
func (s screen) paint(c colour, text string) string {
	if s.codes == nil || c == plain || text == "" {
		return text
	}
	code := s.codes.Green
	if c == doubtful {
		code = s.codes.Yellow
	}
	return string(code) + text + string(s.codes.Reset)
}

// paintCell returns the text of a cell of a table in its colour. The first rank and what is
// not resolved have one.
func (s screen) paintCell(title, cell string) string {
	switch strings.TrimSpace(title) {
	case "RANK":
		if cell == "1" {
			return s.paint(best, cell)
		}
	case "±":
		if strings.HasSuffix(cell, "?") {
			return s.paint(doubtful, cell)
		}
	}
	return cell
}

// remark writes a sentence to a screen beside the report, wrapped and with its further lines
// indented.
func remark(w io.Writer, sentence string) {
	var b strings.Builder
	for line := range strings.Lines(sentence) {
		breakLine(&b, strings.TrimSuffix(line, "\n"), 2, screenOf(w).width)
		b.WriteByte('\n')
	}
	fmt.Fprint(w, b.String())
}

// complain writes an error to a screen. It stays one line, which other programs may read,
// unless it is for a terminal.
func complain(w io.Writer, err error) {
	text := fmt.Sprint("suitebench: ", err)
	if !screenOf(w).terminal {
		fmt.Fprintln(w, text)
		return
	}
	remark(w, text)
}

// text wraps the lines of a text to the screen, and paints warnings.
func (s screen) text(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		c := plain
		if strings.HasPrefix(line, "warning") {
			c = doubtful
		}
		for wrapped := range strings.Lines(wrap(line, s.width)) {
			body, end := strings.CutSuffix(wrapped, "\n")
			b.WriteString(s.paint(c, body))
			if end {
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}
