package bench

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

func names(ops []operation) []string {
	var names []string
	for _, o := range ops {
		names = append(names, o.name)
	}
	return names
}

// A batch has the number of members that its name says, and a removal leaves leaf 0.
func TestBatchesSayHowMany(t *testing.T) {
	all := names(withBatches([]string{"commit", " add-2", "remove-300", "add-10", "add-0", "add-12345", "dance-3"}))
	require.Equal(t, append(names(operations()), "add-2", "remove-300"), all)
	require.Contains(t, all, "add-10")
	require.Contains(t, all, "remove-10")
	require.Equal(t, []string{"add-10", "remove-10"}, names(within(11, []operation{addEach(10), removeEach(10)})))
	require.Equal(t, []string{"add-10", "remove-2"}, names(within(3, []operation{addEach(10), removeEach(10), removeEach(300)})))
}

func TestOperationsThatNeedMembers(t *testing.T) {
	missing := func(members int) []string {
		fit := names(within(members, operations()))
		return slices.DeleteFunc(names(operations()), func(name string) bool { return slices.Contains(fit, name) })
	}
	require.Equal(t, []string{"process-remove", "remove-10"}, missing(2))
	require.Equal(t, []string{"remove-10"}, missing(3))
	require.Empty(t, missing(11))
}

// The members that a commit concerns are spread over the group.
func TestSomeLeavesAreSpread(t *testing.T) {
	s, err := all.Registry().Suite(0x0001)
	require.NoError(t, err)
	for _, test := range []struct {
		tree       int // of trees
		size, some int
		leaves     []int
	}{{0, 2, 1, []int{1}}, {0, 3, 1, []int{2}}, {0, 8, 1, []int{4}}, {0, 9, 2, []int{3, 7}}, {0, 4, 10, []int{1, 2, 3}}, {3, 4, 2, []int{2, 6}}} {
		x, err := newScenario(t.Context(), clientSuites{all.Registry(), all.Registry()}, s, newSetting(s.Info(), trees()[test.tree], test.size, 1, nil), nil)
		require.NoError(t, err)
		require.Equal(t, test.leaves, x.someLeaves(test.some), "%+v", test)
	}
}

// What the bytes of operations are: those of a tree outside are not in the Welcome, a
// message is as long as it is asked for, and a Delta is less than the whole.
func TestBytesOfOperations(t *testing.T) {
	run := func(message int) *result.Results {
		r, err := Run(t.Context(), Config{
			Registry: all.Registry(), Suites: []suite.ID{1}, Sizes: []int{32}, Operations: []string{"commit"}, Message: message,
			SizesOnly: []string{
				"join", "join-tree-outside", "encrypt", "decrypt", "decrypt-late", "groupinfo", "follow-from", "restore",
				"save", "save-epoch", "save-message", "follow", "follow-save", "follow-save-epoch", "remove", "heap",
			}, Rounds: 1,
		})
		require.NoError(t, err)
		return r
	}
	short, long := run(0), run(5000)
	require.Equal(t, 1024, short.Measurement.MessageBytes)
	of := func(r *result.Results, op string) int {
		c, ok := r.Find(&r.Cells[0], op)
		require.True(t, ok, op)
		require.Positive(t, c.Bytes, op)
		return c.Bytes
	}
	for _, op := range []string{"encrypt", "decrypt", "decrypt-late"} {
		require.InDelta(t, 5000-1024, of(long, op)-of(short, op), 10, op)
	}
	require.Greater(t, of(short, "join"), 2*of(short, "join-tree-outside"))
	require.Equal(t, of(short, "groupinfo"), of(short, "follow-from"))
	require.Equal(t, of(short, "save"), of(short, "restore"))
	require.Less(t, 2*of(short, "save-epoch"), of(short, "save"))
	require.Less(t, of(short, "save-message"), of(short, "save-epoch"))
	require.Less(t, 2*of(short, "follow-save-epoch"), of(short, "follow-save"))
	require.Greater(t, of(short, "heap"), of(short, "save"))
	require.InDelta(t, of(short, "commit"), of(short, "remove"), 400)
}

// Each suite that leaves list beside the group's own takes 2 bytes of each leaf: of those of
// all members in a Welcome, and of the joiner's in its KeyPackage.
func TestBytesOfReachableSuites(t *testing.T) {
	const size = 20
	run := func(reachable ...suite.ID) *result.Results {
		r, err := Run(t.Context(), Config{
			Registry: all.Registry(), Suites: []suite.ID{1}, Sizes: []int{size}, Operations: []string{"commit"}, Reachable: reachable,
			SizesOnly: []string{"join", "keypackage"}, Rounds: 1,
		})
		require.NoError(t, err)
		return r
	}
	own, both, whole := run(), run(2), run(all.Registry().IDs()...)
	require.Nil(t, own.Measurement.Reachable)
	require.Equal(t, []result.Code{2}, both.Measurement.Reachable)
	others := len(all.Registry().IDs()) - 1
	for op, leaves := range map[string]int{"join": size + 1, "keypackage": 1, "commit": 1} {
		bytes := func(r *result.Results) int {
			c, ok := r.Find(&r.Cells[0], op)
			require.True(t, ok)
			return c.Bytes
		}
		require.Equal(t, 2*leaves, bytes(both)-bytes(own), op)
		require.InDelta(t, 2*others*leaves, bytes(whole)-bytes(own), 4, "%s: a length header may grow", op)
	}
}

// A group is the same in memory whenever it is measured.
func TestHeapIsSteady(t *testing.T) {
	s, err := all.Registry().Suite(0x0001)
	require.NoError(t, err)
	of := func(size int) int {
		x, err := newScenario(t.Context(), clientSuites{all.Registry(), all.Registry()}, s, newSetting(s.Info(), trees()[0], size, 1, nil), nil)
		require.NoError(t, err)
		task, err := startHeap(t.Context(), x)
		require.NoError(t, err)
		n, err := task.bytes()
		require.NoError(t, err)
		return n
	}
	small, again, large := of(50), of(50), of(200)
	require.InEpsilon(t, small, again, 0.1)
	require.Greater(t, large, 2*small)
}

func TestHelpIsNoWiderThanAPage(t *testing.T) {
	for line := range strings.Lines(describe(operations()) + describe(trees())) {
		require.LessOrEqual(t, len(line), 101, line)
	}
}
