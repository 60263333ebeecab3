package page

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/result"
)

// said returns the sentences on suites of RFC 9420 (0x0001 to 0x0003) and post-quantum ones.
func said(t *testing.T, change func(cells []result.Cell)) string {
	t.Helper()
	r := made(1, []int{100}, "commit")
	kept := map[result.Code]float64{1: 100e3, 2: 200e3, 0xF006: 300e3, 0xF00A: 400e3}
	var cells []result.Cell
	for _, c := range r.Cells {
		if v := kept[c.ID]; v > 0 {
			c.CPU, c.Resolved, c.Rank, c.Bytes = result.Figure{Value: v, Low: v * 0.98, High: v * 1.02}, true, len(cells)+1, int(v/100)
			cells = append(cells, c)
		}
	}
	require.Len(t, cells, len(kept))
	change(cells)
	r.Cells = cells
	in := wholeInput(t, File{"run.json", r})
	answers := newCast(in).answers(r, groups(r))
	require.Len(t, answers, 1)
	require.Equal(t, "Making a commit, 100 members, steady tree", answers[0].Head)
	return strings.Join(answers[0].Sentences, "\n")
}

func TestAnswerNamesTheCheapest(t *testing.T) {
	text := said(t, func([]result.Cell) {})
	require.Contains(t, text, "X25519 · Ed25519 · AES128 (0x0001) is the cheapest: 100 µs ±2 % of CPU time. No other suite shares its rank.")
	require.Contains(t, text, "Of the post-quantum suites, ML-KEM-768 · Ed25519 (0xF006) has the lowest figure: 300 µs ±2 %. "+
		"That is 3.00 times (2.88 to 3.12) the cheapest classic one, X25519 · Ed25519 · AES128 (0x0001) at 100 µs ±2 %. "+
		"Its message has 3,000 bytes, 3.00 times the 1,000.")
	require.Contains(t, text, "Of those with post-quantum signatures too, ML-KEM-768 · ML-DSA-65 (0xF00A) has the lowest figure: 400 µs ±2 %.")
	require.Contains(t, text, "The message is smallest with X25519 · Ed25519 · AES128 (0x0001): 1,000 bytes.")
}

func TestAnswerSharesRanks(t *testing.T) {
	text := said(t, func(cells []result.Cell) { cells[1].Rank = 1 })
	require.Contains(t, text, "has the lowest figure: 100 µs ±2 % of CPU time. P-256 · P-256 (0x0002) shares its rank: this run does not tell them apart.")
	text = said(t, func(cells []result.Cell) { cells[1].Rank, cells[2].Rank = 1, 1 })
	require.Contains(t, text, "P-256 · P-256 (0x0002) and ML-KEM-768 · Ed25519 (0xF006) share its rank")
}

func TestAnswerLeavesOutWhatIsNotResolved(t *testing.T) {
	text := said(t, func(cells []result.Cell) {
		cells[0].Resolved, cells[0].CPU.High = false, 130e3
		cells[3].Resolved = false
	})
	require.Contains(t, text, "P-256 · P-256 (0x0002) is the cheapest: 200 µs")
	require.Contains(t, text, "Not ranked, for not being resolved to ±5 %: X25519 · Ed25519 · AES128 (0x0001) and ML-KEM-768 · ML-DSA-65 (0xF00A).")
	require.Contains(t, text, "Of these may be cheaper than all that are ranked: X25519 · Ed25519 · AES128 (0x0001).")
	require.NotContains(t, text, "signatures too")
}

func TestAnswerWithoutRanksHints(t *testing.T) {
	text := said(t, func(cells []result.Cell) {
		for i := range cells {
			cells[i].Resolved = false
		}
	})
	require.Equal(t, "None of 4 suites is resolved to ±5 % and ranked, so this run names no cheapest one.\n"+
		"The lowest figure is that of X25519 · Ed25519 · AES128 (0x0001), 100 µs ±2 %: a hint, no more.\n"+
		"The message is smallest with X25519 · Ed25519 · AES128 (0x0001): 1,000 bytes.", text)
}

func TestAnswerDoesNotPartWhatOverlaps(t *testing.T) {
	text := said(t, func(cells []result.Cell) { cells[2].CPU = result.Figure{Value: 101e3, Low: 97e3, High: 105e3} })
	require.Contains(t, text, "Its interval overlaps that of the cheapest classic one, X25519 · Ed25519 · AES128 (0x0001) at 100 µs ±2 %: 1.01 times (0.95 to 1.07).")
}

func TestComparisonJudgesByIntervals(t *testing.T) {
	at := func(low, value, high float64, resolved bool) *result.Cell {
		return &result.Cell{CPU: result.Figure{Low: low, Value: value, High: high}, Resolved: resolved}
	}
	base := at(98, 100, 102, true)
	require.Equal(t, "dearer", pair{base, at(118, 120, 122, true)}.verdict())
	require.Equal(t, "cheaper", pair{base, at(78, 80, 82, true)}.verdict())
	require.Equal(t, "not told apart", pair{base, at(100, 103, 105, true)}.verdict())
	require.Equal(t, "not resolved", pair{base, at(118, 120, 160, false)}.verdict())
	require.Equal(t, "no figure", pair{base, at(0, 0, 0, true)}.verdict())
}

// A suite is no winner for being the only one that is resolved.
func TestWinnerHasTheLowestFigure(t *testing.T) {
	r := made(1, []int{100}, "commit")
	c := newCast(wholeInput(t, File{"run.json", r}))
	g := groups(r)[0]
	best := g.ranked()[0]
	require.Same(t, c.by[identityOf(best)], c.winner(g).Member)
	for _, cell := range g.cells {
		cell.Resolved = cell == g.cells[len(g.cells)-2] // a dear one
	}
	w := c.winner(g)
	require.Nil(t, w.Member)
	require.Equal(t, "17 not ranked, among them the lowest figure", w.Open)
}
