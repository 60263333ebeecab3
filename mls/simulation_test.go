package mls_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
)

func TestSimulationShapes(t *testing.T) {
	for _, shape := range []string{"blank", "steady", "unmerged", "sparse"} {
		for _, n := range []int{1, 2, 3, 8, 21} {
			t.Run(fmt.Sprintf("%s/%d", shape, n), func(t *testing.T) {
				sim, err := mls.NewSimulation(t.Context(), testTime, mls.SimulationConfig{
					Suites: mlstest.AllSuites(), Suite: 0x0001, Members: n, Shape: shape,
				})
				require.NoError(t, err)
				require.Len(t, sim.Leaves(), n)
				w := &world{t: t, id: 0x0001, groups: map[string]*mls.Group{}}
				for _, leaf := range sim.Leaves() {
					w.groups[fmt.Sprint(leaf)], err = sim.Member(leaf)
					require.NoError(t, err)
				}
				w.agree()
				w.talk()
				w.commit("0")
				w.agree()
				last := fmt.Sprint(sim.Leaves()[n-1])
				w.commit(last)
				w.agree()
			})
		}
	}
}

func TestSimulationTakesItsShapesAndNoOthers(t *testing.T) {
	simulate := func(shape string, n int) ([]byte, error) {
		sim, err := mls.NewSimulation(t.Context(), testTime, mls.SimulationConfig{
			Suites: mlstest.AllSuites(), Suite: 0x0001, Members: n, Shape: shape,
		})
		if err != nil {
			return nil, err
		}
		defer sim.Destroy()
		g, err := sim.Member(0)
		require.NoError(t, err)
		return g.RatchetTree()
	}
	size := map[string]int{}
	for _, shape := range []string{"", "blank", "steady", "unmerged", "sparse"} {
		tree, err := simulate(shape, 8)
		require.NoError(t, err, shape)
		size[shape] = len(tree)
	}
	require.Equal(t, size["blank"], size[""], "an empty shape is the blank tree")
	require.Less(t, size["blank"], size["steady"], "blank parents take less room")
	require.NotEqual(t, size["blank"], size["unmerged"])
	_, err := simulate("stead", 8)
	require.EqualError(t, err, `mls: simulation has the unknown shape "stead"`)
	_, err = simulate("blank", 0)
	require.Error(t, err)
}
