package bench

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// The time that is left is that of the budget; without one it goes by the rounds so far.
func TestRoundsLeft(t *testing.T) {
	budget, counted := &Config{Budget: time.Minute}, &Config{Rounds: 10, Sample: time.Millisecond}
	require.Equal(t, 20*time.Second, pace{passed: 40 * time.Second, rounds: 3}.left(budget, 10, 5))
	require.Zero(t, pace{passed: 2 * time.Minute, rounds: 3}.left(budget, 10, 5))
	require.Equal(t, 140*time.Millisecond, pace{passed: 10 * time.Millisecond}.left(counted, 10, 5))
	require.Equal(t, 80*time.Second, pace{passed: 20 * time.Second, rounds: 2}.left(counted, 10, 5))
	require.Zero(t, pace{passed: time.Second, rounds: 12}.left(counted, 10, 5))
	require.InDelta(t, 0.25, partOf(time.Second, 3*time.Second), 1e-9)
	require.Zero(t, partOf(0, 0))
}

// A step says what it is and the time that is left, within the terminal.
func TestStepsAreDescribed(t *testing.T) {
	const what = "round 3, 0xF002, 12 of 108 cells to resolve"
	require.Equal(t, what+", 30s left", describeStep(0.25, what, 10*time.Second, 100))
	require.Equal(t, what+", 1h30m left", describeStep(0.1, what, 10*time.Minute, 100))
	require.Equal(t, what, describeStep(0.25, what, time.Millisecond, 100), "too early to tell")
	require.Equal(t, what, describeStep(0, what, time.Hour, 100))
	require.Equal(t, what, describeStep(1, what, time.Hour, 100))
	require.Equal(t, 36, utf8.RuneCountInString(describeStep(0.25, what, 10*time.Second, 60)))
	require.Empty(t, describeStep(0.25, what, 10*time.Second, 10))
}

// The bar shows what is measured and the time left, in a line of the terminal, at most ten
// times a second; it goes when the run ends.
func TestBarIsDrawn(t *testing.T) {
	now := time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC)
	var screen strings.Builder
	p := &progress{now: func() time.Time { return now }, width: func() int { return 80 }}
	p.begin(&screen)
	step := func(after time.Duration, done float64, what string) string {
		now = now.Add(after)
		screen.Reset()
		p.show(done, what)
		return screen.String()
	}
	require.Contains(t, step(0, 0, "prices: 0x0001"), "prices: 0x0001")
	require.Empty(t, step(50*time.Millisecond, 0.1, "group 1 of 2"))
	line := step(9950*time.Millisecond, 0.2, "round 1, 0x0001, 4 of 4 cells to resolve")
	require.Contains(t, line, "round 1, 0x0001, 4 of 4 cells to resolve, 40s left  20% |")
	for part := range strings.SplitSeq(line, "\r") {
		require.LessOrEqual(t, utf8.RuneCountInString(part), 100)
	}
	screen.Reset()
	p.finish()
	require.Regexp(t, `\r +\r$`, screen.String())
}
