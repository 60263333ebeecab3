package bench

import (
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
	width  func() int // of the terminal, in columns
	now    func() time.Time
	begun  time.Time
	shown  time.Time // when the bar was last drawn
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
	p := &progress{stderr: stderr, now: time.Now, width: func() int { return screenOfFile(screen).width }}
	p.begin(screen)
	return p
}

// begin makes the bar.
func (p *progress) begin(w io.Writer) {
	p.begun = p.now()
	p.bar = progressbar.NewOptions(barSteps,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetWidth(24),
		progressbar.OptionSetPredictTime(false), // it goes by the latest steps, which are not alike
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionClearOnFinish(),
	)
}

func isPipe(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}

// drawn is how long a bar stays as it is.
const drawn = 100 * time.Millisecond

// show says which part of the time has passed, of 1, and what comes next. An error of drawing
// does not stop the run.
func (p *progress) show(done float64, what string) {
	if p.bar == nil || !p.shown.IsZero() && p.now().Sub(p.shown) < drawn {
		return
	}
	p.shown = p.now()
	p.bar.Describe(describeStep(done, what, p.shown.Sub(p.begun), p.width()))
	_ = p.bar.Set(int(done * barSteps))
}

// describeStep returns what comes next and the time that is left, in as many columns as a
// terminal has beside the bar.
func describeStep(done float64, what string, passed time.Duration, width int) string {
	const bar = 24 // columns of a short bar with its numbers
	text := what
	if done > 0.01 && done < 1 && passed >= time.Second {
		text += ", " + short(time.Duration(float64(passed)*(1-done)/done)) + " left"
	}
	if letters, room := []rune(text), max(width-bar, 0); len(letters) > room {
		return string(letters[:room])
	}
	return text
}

// notice writes a sentence above the bar.
func (p *progress) notice(text string) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	remark(p.stderr, text)
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
