package bench

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
)

// compareRuns writes where two runs measured and what makes them doubtful, then how their cells
// differ.
func compareRuns(w io.Writer, old, new *result.Results) error {
	m := newMatch(old, new, old.Measurement.LoopNS, old.Measurement.LoopNS)
	trials := trialPairs(old, new)
	if len(m.cells) == 0 && len(trials) == 0 {
		return errors.New("the two runs measured no cell in common")
	}
	var b strings.Builder
	runs := []struct {
		name string
		*result.Results
	}{{"old", old}, {"new", new}}
	for _, r := range runs {
		fmt.Fprintf(&b, "%s  %s; %s, %d rounds, doubt ±%s\n", r.name, heading(r.Results)[0], r.Measurement.Clock, r.Measurement.Rounds, share(r.Measurement.Doubt))
	}
	for _, r := range runs {
		for _, warning := range r.Warnings {
			fmt.Fprintf(&b, "warning, %s run: %s\n", r.name, warning)
		}
	}
	for _, d := range differences(old, new) {
		fmt.Fprintf(&b, "warning: the runs are not alike: the %s was %s, and is %s\n", d.what, d.was, d.is)
	}
	b.WriteString("\n")
	if _, err := io.WriteString(w, screenOf(w).text(b.String())); err != nil {
		return err
	}
	if len(trials) > 0 {
		b.Reset()
		compareTrials(&b, trials)
		if _, err := io.WriteString(w, b.String()); err != nil || len(m.cells) == 0 {
			return err
		}
	}
	return writeComparison(w, m)
}
