package mls_test

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"runtime"
	"testing"
	"testing/cryptotest"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
	"github.com/mlsuite/mlsuite/suite/suitetest"
)

// record is what the encapsulations of a recorded suite read: the same bytes from
// each rewinding on.
type record struct{ *rand.ChaCha8 }

func (r *record) rewind(seed string) { r.Seed(sha256.Sum256([]byte(seed))) }

// recordedSuites returns the suite with the code point id, whose encapsulations
// take their randomness from the record.
func recordedSuites(t *testing.T, id suite.ID) (*registry.Registry, *record) {
	t.Helper()
	r, err := fast.New() // ML-KEM that takes randomness
	require.NoError(t, err)
	s, err := r.Suite(id)
	require.NoError(t, err)
	randomness := &record{new(rand.ChaCha8)}
	suites, err := registry.New(registry.Set{suitetest.Recorded(s, randomness)})
	require.NoError(t, err)
	return suites, randomness
}

func onCores(t *testing.T, n int) {
	cores := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(cores) })
}

// recordedCommit is one commit of many recipients: the members of a group whose tree
// is half unmerged, and the joiners.
type recordedCommit struct {
	sim       *mls.Simulation
	joiners   []*mls.OwnKeyPackage
	proposals []message.Proposal
	record    *record
}

func newRecordedCommit(t *testing.T, id suite.ID, members, joiners int) *recordedCommit {
	t.Helper()
	suites, randomness := recordedSuites(t, id)
	randomness.rewind("set up")
	sim, err := mls.NewSimulation(t.Context(), testTime, mls.SimulationConfig{
		Suites: suites, Suite: id, Members: members, Shape: "unmerged",
		Adjust: func(cfg *mls.Config) { cfg.PublicHandshake = true },
	})
	require.NoError(t, err)
	r := &recordedCommit{sim: sim, record: randomness}
	r.joiners, err = sim.NewMembers(t.Context(), testTime, joiners)
	require.NoError(t, err)
	for _, k := range r.joiners {
		r.proposals = append(r.proposals, message.Add{KeyPackage: k.KeyPackage})
	}
	return r
}

// on makes the commit on some cores, from the same randomness each time.
func (r *recordedCommit) on(t *testing.T, cores int) *mls.Candidate {
	t.Helper()
	var c *mls.Candidate
	t.Run(fmt.Sprintf("GOMAXPROCS=%d", cores), func(t *testing.T) {
		onCores(t, cores)
		cryptotest.SetGlobalRandom(t, 1)
		r.record.rewind("commit")
		g, err := r.sim.Member(0)
		require.NoError(t, err)
		c, err = g.Commit(t.Context(), testTime, mls.CommitOptions{ForcePath: true}, r.proposals...)
		require.NoError(t, err)
	})
	require.NotNil(t, c)
	return c
}

// manyCores is more than most machines have, so that goroutines get in each other's
// way.
func manyCores() int { return max(8, runtime.NumCPU()) }

// With recorded randomness, the UpdatePath and the Welcome that all cores make are
// octet for octet those of one core.
func TestRecordedCommitsDoNotDependOnCores(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0002, 0xF001, 0xF006} { // X25519, P-256, X-Wing, ML-KEM-768
		t.Run(id.String(), func(t *testing.T) {
			r := newRecordedCommit(t, id, 100, 40)
			one := r.on(t, 1)
			for range 3 {
				all := r.on(t, manyCores())
				require.Equal(t, one.Message, all.Message)
				require.Equal(t, one.Welcome, all.Welcome)
			}
			r.record.rewind("another")
			g, err := r.sim.Member(0)
			require.NoError(t, err)
			other, err := g.Commit(t.Context(), testTime, mls.CommitOptions{ForcePath: true}, r.proposals...)
			require.NoError(t, err)
			require.NotEqual(t, one.Welcome, other.Welcome)
		})
	}
}

// Every member opens its path secret in a commit that all cores made, and every
// joiner its GroupSecrets.
func TestEveryRecipientOpensWhatAllCoresMade(t *testing.T) {
	const members, joiners = 250, 4
	for _, id := range []suite.ID{0x0001, 0xF001} {
		t.Run(id.String(), func(t *testing.T) {
			onCores(t, manyCores())
			sim, err := mls.NewSimulation(t.Context(), testTime, mls.SimulationConfig{
				Suites: mlstest.AllSuites(), Suite: id, Members: members, Shape: "unmerged",
			})
			require.NoError(t, err)
			newcomers, err := sim.NewMembers(t.Context(), testTime, joiners)
			require.NoError(t, err)
			var proposals []message.Proposal
			for _, k := range newcomers {
				proposals = append(proposals, message.Add{KeyPackage: k.KeyPackage})
			}
			committer, err := sim.Member(0)
			require.NoError(t, err)
			c, err := committer.Commit(t.Context(), testTime, mls.CommitOptions{ForcePath: true}, proposals...)
			require.NoError(t, err)
			want, err := c.EpochAuthenticator()
			require.NoError(t, err)
			for i, leaf := range sim.Leaves()[1:] {
				if !vectors.Wide() && i%5 > 0 {
					continue
				}
				g, err := sim.Member(leaf)
				require.NoError(t, err)
				received, err := g.Process(t.Context(), testTime, c.Message)
				require.NoError(t, err, "leaf %d", leaf)
				got, err := received.Commit.EpochAuthenticator()
				require.NoError(t, err)
				require.Equal(t, want, got, "leaf %d", leaf)
			}
			for i, k := range newcomers {
				g, err := adopted(k.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
				require.NoError(t, err, "joiner %d", i)
				got, err := g.EpochAuthenticator()
				require.NoError(t, err)
				require.Equal(t, want, got, "joiner %d", i)
			}
		})
	}
}
