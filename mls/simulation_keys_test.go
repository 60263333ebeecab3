package mls

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// asleep returns the number of private keys, of signatures and of HPKE, that a simulation
// keeps as their bytes.
func (s *Simulation) asleep() (signers, keys int) {
	for _, m := range s.members {
		if m.signer != nil {
			signers++
		}
		if m.leafKey.bytes != nil {
			keys++
		}
	}
	for _, key := range s.keys {
		if key.bytes != nil {
			keys++
		}
	}
	return signers, keys
}

// A simulation keeps the bytes of private keys, and parses those of a member that is
// asked for, once.
func TestSimulationKeepsBytesOfKeys(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0002, 0xF009} {
		t.Run(id.String(), func(t *testing.T) {
			sim, err := NewSimulation(t.Context(), insiderTime, SimulationConfig{
				Suites: mlstest.AllSuites(), Suite: id, Members: 8, Shape: "steady",
			})
			require.NoError(t, err)
			defer sim.Destroy()
			signers, keys := sim.asleep()
			require.Equal(t, []int{8, 8 + 7}, []int{signers, keys})
			for range 2 {
				g, err := sim.Member(5)
				require.NoError(t, err)
				signers, keys = sim.asleep()
				require.Equal(t, []int{7, 8 + 7 - 4}, []int{signers, keys}, "the leaf's and those of three parents")
				c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
				require.NoError(t, err)
				receiver, err := sim.Member(4)
				require.NoError(t, err)
				_, err = receiver.Process(t.Context(), insiderTime, c.Message)
				require.NoError(t, err)
				g.Destroy()
				receiver.Destroy()
				require.True(t, sim.members[5].leafKey.key.Held(), "a view borrows the keys")
				sim.members[4] = sim.keepMember(sim.members[4].cfg, sim.members[4].leafKey.key)
			}
		})
	}
}

// What a member has changed in its leaf, and what Adjust has, is its own after a sleep.
func TestSimulationKeepsConfigurations(t *testing.T) {
	for _, adjust := range []func(*Config){nil, func(c *Config) { c.PublicHandshake = true }} {
		sim, err := NewSimulation(t.Context(), insiderTime, SimulationConfig{
			Suites: mlstest.AllSuites(), Suite: 0x0001, Members: 3, Adjust: adjust,
		})
		require.NoError(t, err)
		before, err := sim.Member(1)
		require.NoError(t, err)
		require.Equal(t, adjust != nil, before.cfg.PublicHandshake)
		s, err := mlstest.AllSuites().Suite(0x0001)
		require.NoError(t, err)
		signer, err := s.GenerateSigner()
		require.NoError(t, err)
		credential := message.BasicCredential([]byte("renamed"))
		_, err = sim.Commit(t.Context(), insiderTime, 1, CommitOptions{Leaf: LeafOptions{Signer: signer, Credential: &credential}})
		require.NoError(t, err)
		signers, _ := sim.asleep()
		require.Equal(t, 3, signers)
		after, err := sim.Member(1)
		require.NoError(t, err)
		require.Equal(t, adjust != nil, after.cfg.PublicHandshake)
		require.Equal(t, credential, after.cfg.Credential)
		require.Equal(t, signer.PublicKey(), after.cfg.Signer.PublicKey())
		sim.Destroy()
	}
}

// A context that ends while a large group is made ends that after a commit.
func TestSimulationEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	told := [][2]int{}
	_, err := NewSimulation(ctx, insiderTime, SimulationConfig{
		Suites: mlstest.AllSuites(), Suite: 0x0001, Members: 2*madeAtOnce + 2,
		Progress: func(clients, commits int) {
			told = append(told, [2]int{clients, commits})
			if commits == 2 {
				stop()
			}
		},
	})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, [][2]int{{madeAtOnce + 1, 1}, {2*madeAtOnce + 1, 2}}, told)
}
