package bench

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// Groups are made the smallest first, and come back in the order that was asked for.
func TestSmallGroupsAreMadeFirst(t *testing.T) {
	var made []string
	results, err := Run(t.Context(), Config{
		Registry: all.Registry(), Suites: []suite.ID{2, 1}, Sizes: []int{5, 3}, Operations: []string{"commit"}, Rounds: 1,
		Progress: func(_ float64, what string) {
			if group, _, ok := strings.Cut(what, ";"); ok && strings.HasPrefix(what, "group ") && !slices.Contains(made, group) {
				made = append(made, group)
			}
		},
	})
	require.NoError(t, err)
	require.Equal(t, []string{
		"group 1 of 4: 0x0002, 3 members", "group 2 of 4: 0x0001, 3 members",
		"group 3 of 4: 0x0002, 5 members", "group 4 of 4: 0x0001, 5 members",
	}, made)
	var sizes []int
	for _, c := range results.Cells {
		sizes = append(sizes, c.GroupSize)
	}
	require.Equal(t, []int{5, 3, 5, 3}, sizes)
	require.Empty(t, results.Unmade)
}

// What there is no time for is left out, is said at once, and is in the results.
func TestWhatIsNotMadeInTimeIsLeftOut(t *testing.T) {
	var notices []string
	results, err := Run(t.Context(), Config{
		Registry: all.Registry(), Suites: []suite.ID{5}, Sizes: []int{2, 100_000}, Operations: []string{"commit"}, Rounds: 1,
		Making: 5 * time.Second, Notice: func(text string) { notices = append(notices, text) },
	})
	require.NoError(t, err)
	require.Len(t, results.Cells, 1)
	require.Equal(t, 2, results.Cells[0].GroupSize)
	require.Len(t, results.Unmade, 1)
	u := results.Unmade[0]
	require.Equal(t, []any{"0x0005", 100_000, "steady"}, []any{u.ID.String(), u.GroupSize, u.Tree})
	require.Regexp(t, `^making it takes about .*; of the 5s for making groups [345]s are left$`, u.Why)
	require.Equal(t, "left out: 0x0005, steady group of 100000: "+u.Why, notices[len(notices)-1])
	require.Contains(t, results.Warnings, "1 groups were left out for want of time to make them, such as that of 100000 members in 0x0005")
}

func TestNoTimeForAnyGroup(t *testing.T) {
	_, err := Run(t.Context(), Config{Registry: all.Registry(), Suites: []suite.ID{1}, Sizes: []int{100}, Making: 1})
	require.ErrorContains(t, err, "bench: no group was made: 0x0001, steady group of 100: making it takes about ")
}

// An interrupt ends making at once.
func TestInterruptedMaking(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	shown := 0
	results, err := Run(ctx, Config{
		Registry: all.Registry(), Suites: []suite.ID{1}, Sizes: []int{2, 50},
		Progress: func(_ float64, what string) {
			if strings.HasPrefix(what, "group 2 of 2") {
				shown++
				stop()
			}
		},
	})
	require.ErrorIs(t, err, ErrInterrupted)
	require.Nil(t, results)
	require.Equal(t, 1, shown, "no commit follows")
}

// planned are groups that take so many seconds.
func planned(seconds ...int) []*plannedGroup {
	var groups []*plannedGroup
	for _, s := range seconds {
		groups = append(groups, &plannedGroup{
			of: &suiteRun{info: suite.Info{ID: 1}}, tree: trees()[0], size: 10 * s, expected: time.Duration(s) * time.Second,
		})
	}
	return groups
}

func TestLongMakingIsAnnounced(t *testing.T) {
	for _, test := range []struct {
		budget, making time.Duration
		seconds        int
		want           []string
	}{
		{budget: time.Second, seconds: 59},
		{budget: 3 * time.Minute, seconds: 179},
		{budget: time.Second, seconds: 119, want: []string{"making the groups takes about 2m, before the first round"}},
		{budget: time.Second, making: 90 * time.Second, seconds: 119, want: []string{"making the groups takes about 2m, before the first round; what is not made within 1m30s is left out"}},
	} {
		var notices []string
		m := &making{
			Config: &Config{Budget: test.budget, Making: test.making, Notice: func(text string) { notices = append(notices, text) }},
			groups: planned(1, test.seconds),
		}
		m.announce()
		require.Equal(t, test.want, notices)
	}
}

// Estimates follow the groups that were made, once these have taken long enough to tell.
func TestEstimatesAreCorrected(t *testing.T) {
	m := &making{Config: &Config{Making: time.Minute}, groups: planned(1, 10), now: func() time.Time { return time.Time{} }}
	require.Equal(t, 11*time.Second, m.left())
	m.part = 0.5
	require.InDelta(t, 10.5*5/5.5, m.left().Seconds(), 1e-6, "what is made of a group tells too")
	m.part = 0
	require.Empty(t, m.tooLong(m.groups[1]))
	m.expected, m.took = time.Millisecond, 10*time.Millisecond
	require.InDelta(t, 10, m.corrected(10*time.Second).Seconds(), 0.1, "a little group says little")
	m.expected, m.took = 10*time.Second, 100*time.Second
	require.Equal(t, 70*time.Second, m.corrected(10*time.Second))
	require.Equal(t, "making it takes about 1m10s; of the 1m for making groups 1m are left", m.tooLong(m.groups[1]))
}

// A group is made on all cores, and its operations are readied on one.
func TestExpectation(t *testing.T) {
	s, err := all.Registry().Suite(1)
	require.NoError(t, err)
	takes := func(cores int, ops ...operation) time.Duration {
		g := &plannedGroup{of: &suiteRun{info: s.Info()}, tree: trees()[0], size: 1000}
		g.expect(limit.Prices{limit.Sign: 1e6}, cores, ops, 0)
		require.Equal(t, []int{1000, 500}, []int{g.clients, g.commits})
		require.InDelta(t, 0.5, g.part(500, 250), 1e-9)
		return g.expected
	}
	require.Equal(t, 4*time.Second, takes(1), "three signatures of each client, two of each commit")
	require.Equal(t, 2*time.Second, takes(2))
	commit, err := choose("", "commit", operations())
	require.NoError(t, err)
	require.Equal(t, 2*time.Second+6*time.Millisecond, takes(2, commit))
}

func TestShort(t *testing.T) {
	for want, d := range map[string]time.Duration{
		"0s": time.Millisecond, "59s": 59*time.Second + 400*time.Millisecond, "1m": 62 * time.Second, "1m10s": 68 * time.Second,
		"10m": 10 * time.Minute, "13m": 13*time.Minute + 12*time.Second, "1h": time.Hour, "1h20m": 80 * time.Minute, "2h": 2*time.Hour + 20*time.Second,
	} {
		require.Equal(t, want, short(d))
	}
}
