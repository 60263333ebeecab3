package bench

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
)

// variation is by how much more the ninetieth percentile of a suite's commits exceeds their
// cost than that of most suites does, from which on the suite varies by itself.
const variation = 1.25

// varying returns a sentence on the suites whose commits vary by themselves, as with a
// signature by rejection sampling, or nothing. Noise makes those of all suites vary alike.
func varying(r *result.Results) string {
	least := map[string]float64{} // of the groups, by code point
	var ids []string
	for _, g := range groupsOf(r) {
		var spreads []float64
		for _, c := range g.cells {
			spreads = append(spreads, c.CPU.P90/c.CPU.Value)
		}
		slices.Sort(spreads)
		usual := spreads[(len(spreads)-1)/2]
		for _, c := range g.cells {
			id, spread := c.ID.String(), c.CPU.P90/c.CPU.Value
			if spread < variation*usual || math.IsNaN(spread) {
				spread = 0
			}
			if old, ok := least[id]; ok {
				spread = min(spread, old)
			} else {
				ids = append(ids, id)
			}
			least[id] = spread
		}
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return least[id] == 0 })
	if len(ids) == 0 {
		return ""
	}
	slices.Sort(ids)
	for i, id := range ids {
		ids[i] = fmt.Sprintf("%.1f times COMMIT in %s", least[id], id)
	}
	return fmt.Sprintf("In some suites the time of a commit varies by itself. One commit of ten takes longer than %s.\n", strings.Join(ids, ", "))
}
