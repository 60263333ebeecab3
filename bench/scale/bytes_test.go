package scale

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// measured returns the sizes of the messages of a steady group: a commit that renews keys,
// one that adds a newcomer, and the Welcome of that.
func measured(t *testing.T, id suite.ID, members int) (commit, add, welcome int) {
	t.Helper()
	s, err := all.Registry().Suite(id)
	require.NoError(t, err)
	suites, err := all.Registry().Select(s.Info().Name)
	require.NoError(t, err)
	sim, err := mls.NewSimulation(t.Context(), now, mls.SimulationConfig{Suites: suites, Suite: id, Members: members, Shape: "steady"})
	require.NoError(t, err)
	defer sim.Destroy()
	g, err := sim.Member(0)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	kp, err := mls.NewKeyPackage(t.Context(), now, mls.Config{
		Suites: suites, Suite: id, Signer: signer, Credential: message.BasicCredential([]byte("newcomer")),
	}, mls.KeyPackageOptions{})
	require.NoError(t, err)
	renewal, err := g.Commit(t.Context(), now, mls.CommitOptions{})
	require.NoError(t, err)
	addition, err := g.Commit(t.Context(), now, mls.CommitOptions{}, message.Add{KeyPackage: kp.KeyPackage})
	require.NoError(t, err)
	return len(renewal.Message), len(addition.Message), len(addition.Welcome)
}

// The formats give the sizes of messages to the byte.
func TestSizesAreExact(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0003, 0x0004, 0xF001, 0xF006, 0xF009, 0xF00B} {
		sizes := []int{2, 23}
		if id == 0x0001 {
			sizes = []int{2, 3, 4, 5, 7, 8, 9, 23, 33}
		}
		for _, members := range sizes {
			t.Run(fmt.Sprintf("%s/%d", id, members), func(t *testing.T) {
				s, err := all.Registry().Suite(id)
				require.NoError(t, err)
				z := sizesOf(s.Info())
				commit, add, welcome := measured(t, id, members)
				require.Equal(t, []float64{float64(commit), float64(add), float64(welcome)},
					[]float64{z.commit(members), z.add(), z.welcome(members)})
			})
		}
	}
}

// Where signatures vary in length, sizes are within the variation.
func TestSizesOfECDSA(t *testing.T) {
	const members, vary = 100, 3 // bytes by which a signature is at most longer or shorter than the mean, but for one in thousands
	for _, id := range []suite.ID{0x0002, 0x0005, 0x0007, 0xF003} {
		s, err := all.Registry().Suite(id)
		require.NoError(t, err)
		z := sizesOf(s.Info())
		commit, add, welcome := measured(t, id, members)
		require.InDelta(t, commit, z.commit(members), 2*vary, id)
		require.InDelta(t, add, z.add(), 3*vary, id)
		require.InDelta(t, welcome, z.welcome(members), members, id)
	}
}

// A Welcome cannot carry the tree of the largest groups.
func TestTreesThatFit(t *testing.T) {
	for _, test := range []struct {
		id   suite.ID
		fits int // members
		not  int
	}{{0x0001, 1_000_000, 10_000_000}, {0xF00B, 100_000, 1_000_000}} {
		s, err := all.Registry().Suite(test.id)
		require.NoError(t, err)
		z := sizesOf(s.Info())
		require.True(t, z.fits(test.fits), test.id)
		require.False(t, z.fits(test.not), test.id)
	}
}
