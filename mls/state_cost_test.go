package mls_test

import (
	"crypto/fips140"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/registry/all"
)

// To save an epoch that another's commit began, or a message that was read, takes few
// allocations.
func TestSavingAllocatesLittle(t *testing.T) {
	if fips140.Enabled() || !allocated.Exact {
		t.Skip("other code allocates more")
	}
	for _, c := range []struct{ members, epoch, message int }{{2, 13, 9}, {10, 19, 9}, {64, 24, 9}} {
		t.Run(fmt.Sprint(c.members), func(t *testing.T) {
			chat := newChat(t, all.Registry(), 0x0001, c.members)
			sender := chat.member(0)
			var text [2][]byte
			for i := range text {
				var err error
				text[i], err = sender.Encrypt(t.Context(), testTime, nil, nil)
				require.NoError(t, err)
			}
			commit, err := sender.Commit(t.Context(), testTime, mls.CommitOptions{})
			require.NoError(t, err)

			// allocations returns those of a Delta after what another sent: the fewest, because
			// the garbage collector may have others' cleanups run meanwhile.
			allocations := func(receive func(*mls.Group) *mls.Group) (fewest int) {
				const runs = 4
				groups := make([]*mls.Group, 2*runs)
				for i := range groups {
					g := chat.member(1)
					_, err := g.Process(t.Context(), testTime, text[0])
					require.NoError(t, err)
					_, err = storeAll(g)
					require.NoError(t, err)
					groups[i] = receive(g)
				}
				for i := range runs {
					n := int(testing.AllocsPerRun(1, func() { // which calls it twice
						if _, err := groups[0].Delta(); err != nil {
							t.Error(err)
						}
						groups = groups[1:]
					}))
					if i == 0 || n < fewest {
						fewest = n
					}
				}
				return fewest
			}
			require.LessOrEqual(t, allocations(func(g *mls.Group) *mls.Group {
				r, err := g.Process(t.Context(), testTime, commit.Message)
				require.NoError(t, err)
				g, err = r.Commit.Adopt()
				require.NoError(t, err)
				return g
			}), c.epoch)
			require.LessOrEqual(t, allocations(func(g *mls.Group) *mls.Group {
				_, err := g.Process(t.Context(), testTime, text[1])
				require.NoError(t, err)
				return g
			}), c.message)
		})
	}
}
