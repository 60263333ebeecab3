package bench

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/result"
)

func TestSuitesThatVaryByThemselvesAreNamed(t *testing.T) {
	commit := func(id result.Code, size int, value, p90 float64) result.Cell {
		return result.Cell{
			ID: id, GroupSize: size, Tree: "steady", Op: "commit", CPU: result.Figure{Value: value, P90: p90},
			Samples: []result.Sample{{CPU: value}},
		}
	}
	noisy := []result.Cell{commit(1, 2, 10, 14), commit(2, 2, 20, 29), commit(1, 9, 100, 115), commit(2, 9, 200, 232)}
	require.Empty(t, varying(&result.Results{Cells: noisy}), "noise is in all of them")
	with := append(noisy, commit(9, 2, 10, 24), commit(9, 9, 100, 161), commit(8, 2, 10, 24), commit(8, 9, 100, 120))
	require.Equal(t,
		"In some suites the time of a commit varies by itself. One commit of ten takes longer than 1.6 times COMMIT in 0x0009.\n",
		varying(&result.Results{Cells: with}), "in every group, and by the least of its groups")
	require.Empty(t, varying(&result.Results{}))
}
