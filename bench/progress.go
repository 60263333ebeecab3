package bench

import (
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// progress is a bar on a terminal, or nothing.
type progress struct {
	bar     *progressbar.ProgressBar // nil: nothing
	started bool
}

// newProgress returns a bar on stderr if that is a terminal, unless the report
// goes through a pipe to a program that may write to the same terminal.
func newProgress(stdout, stderr io.Writer, toFile bool, steps int) *progress {
	screen, ok := stderr.(*os.File)
	if !ok || !term.IsTerminal(int(screen.Fd())) || !toFile && isPipe(stdout) {
		return &progress{}
	}
	return &progress{bar: progressbar.NewOptions(steps,
		progressbar.OptionSetWriter(screen),
		progressbar.OptionSetWidth(24),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(true),
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

// step ends the step before, if there is one, and says what comes next. An error of
// drawing does not stop the run.
func (p *progress) step(what string) {
	if p.bar == nil {
		return
	}
	if p.started {
		_ = p.bar.Add(1)
	}
	p.started = true
	p.bar.Describe(what)
}

// finish clears the bar.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
