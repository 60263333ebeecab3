package day_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// combinerPSK has the one PSK of the combiner.
type combinerPSK struct{}

func (combinerPSK) ExternalPSK(context.Context, []byte) ([]byte, error) {
	return nil, mls.ErrUnknownPSK
}
func (combinerPSK) Group([]byte) *mls.Group { return nil }

func (combinerPSK) ApplicationPSK(context.Context, message.ComponentID, []byte) ([]byte, error) {
	return make([]byte, 32), nil
}

// The extensions by which a group demands the wire format of a pair.
const (
	supportedWireFormats message.ExtensionType = 0x0007
	requiredWireFormats  message.ExtensionType = 0x0008
)

// legOf returns a commit of proposals, with a path, in a group whose members have the combiner's
// component.
func legOf(t *testing.T, id suite.ID, members int, proposals ...message.Proposal) (sent []byte) {
	t.Helper()
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	sim, err := mls.NewSimulation(t.Context(), now, mls.SimulationConfig{
		Suites: all.Registry(), Suite: id, Members: members, Shape: "steady", Adjust: func(cfg *mls.Config) {
			cfg.Components = []mls.Component{{ID: 6, Update: func(c *mls.ComponentCommit) ([]byte, error) { return c.Old, nil }}}
			cfg.PSKs = combinerPSK{}
			cfg.Reachable = []suite.ID{id}
			cfg.Extensions = []message.ExtensionType{supportedWireFormats, requiredWireFormats}
			cfg.LeafExtensions = message.Extensions{{Type: supportedWireFormats, Data: []byte{2, 0, 7}}}
		},
	})
	require.NoError(t, err)
	defer sim.Destroy()
	g, err := sim.Member(0)
	require.NoError(t, err)
	c, err := g.Commit(t.Context(), now, mls.CommitOptions{ForcePath: true}, proposals...)
	require.NoError(t, err)
	return c.Message
}

// The bytes of FULL and PARTIAL commits are those of real groups with the combiner's component,
// AppDataUpdates and pre-shared key.
func TestFullCommitsOfRealGroups(t *testing.T) {
	c := combiner(t)
	for _, members := range []int{2, 20} {
		var updates []message.Proposal
		for _, kind := range []apq.UpdateType{apq.NewTEpoch, apq.NewPQEpoch} {
			u := apq.Update{Type: kind, Epoch: 7}
			data, err := u.Marshal()
			require.NoError(t, err)
			updates = append(updates, message.AppDataUpdate{Component: 6, Update: data})
		}
		psk := message.PreSharedKey{PSK: message.PreSharedKeyID{Component: 6, ID: make([]byte, 32), Nonce: make([]byte, 32)}}
		pq := legOf(t, 0xF006, members, updates...)
		classical := legOf(t, 0x0001, members, append(updates, psk)...)
		pair, err := (&apq.MessagePair{T: classical, PQ: pq}).Marshal(message.CodePoints{})
		require.NoError(t, err)
		g := c.Groups(members)
		require.Equal(t, g.FullMessageBytes(), float64(len(pair)), members)
		require.Equal(t, g.PartialMessageBytes(), float64(len(legOf(t, 0x0001, members))), members)
	}
}
