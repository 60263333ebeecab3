package bench

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is a bar on a terminal, or nothing.
type progress struct {
	bar    *progressbar.ProgressBar // nil: nothing
	stderr io.Writer
}

// barSteps is the number of steps of a bar.
const barSteps = 1000

// newProgress returns a bar on stderr if that is a terminal, unless the report
// goes through a pipe to a program that may write to the same terminal.
func newProgress(stdout, stderr io.Writer, toFile bool) *progress {
	screen, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(screen.Fd())) || !toFile && isPipe(stdout) {
		return &progress{stderr: stderr}
	}
	return &progress{stderr: stderr, bar: progressbar.NewOptions(barSteps,
		progressbar.OptionSetWriter(screen),
		progressbar.OptionSetWidth(24),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)}
}

func isPipe(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// show says which part is done, of 1, and what comes next. An error of drawing does not
// stop the run.
func (p *progress) show(done float64, what string) {
	if p.bar == nil {
		return
	}
	p.bar.Describe(what)
	_ = p.bar.Set(int(done * barSteps))
}

// notice writes a sentence above the bar.
func (p *progress) notice(text string) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintln(p.stderr, text)
}

// steps returns a function that says what the next of n steps is.
func (p *progress) steps(n int) func(what string) {
	begun := 0
	return func(what string) {
		p.show(float64(begun)/float64(n), what)
		begun++
	}
}

// finish clears the bar.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
