package jetstream

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	mlsmessage "github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	storememory "github.com/mlsuite/mlsuite/store/memory"
	"github.com/mlsuite/mlsuite/suite"
)

// newcomer returns the configuration of a member of groups of one suite.
func newcomer(t *testing.T, name string, of suite.ID) mls.Config {
	s, err := all.Registry().Suite(of)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	return mls.Config{Suites: all.Registry(), Suite: of, Signer: signer, Credential: mlsmessage.BasicCredential([]byte(name))}
}

// A group of more members than a batch has messages is made, and moves to another suite: of 1,500
// where MLSUITE_WIDE is set, and otherwise of fewer, with batches that are smaller by as much.
func TestLargeGroupMoves(t *testing.T) {
	members, size := 120, 50
	if os.Getenv("MLSUITE_WIDE") != "" {
		members, size = 1500, maxBatch
	}
	const from, to suite.ID = 0x0001, 0xF002
	n := newNetwork(t)
	ctx := t.Context()
	var both []*client.Client
	for _, name := range []string{"ann", "bob"} {
		disk, err := storememory.NewDisk().Open()
		require.NoError(t, err)
		c, err := client.Open(ctx, client.Config{
			MLS: newcomer(t, name, from), Store: disk, Delivery: n.batching(name, size),
			KeyPackages: client.KeyPackages{Suites: []suite.ID{from, to}, Count: 2},
			Schedule:    client.Schedule{Renew: -1, RenewMessages: -1, Check: -1, TakeOver: -1},
		})
		require.NoError(t, err)
		require.NoError(t, c.Sync(ctx))
		both = append(both, c)
	}
	ann, bob := both[0], both[1]
	nc := n.conn()
	names := []string{"bob"}
	for i := range members - 2 {
		name := fmt.Sprint("m", i)
		s, err := Connect(ctx, nc, name)
		require.NoError(t, err)
		var stock delivery.Stock
		for _, of := range []suite.ID{from, to} {
			own, err := mls.NewKeyPackage(ctx, time.Now(), newcomer(t, name, of), mls.KeyPackageOptions{})
			require.NoError(t, err)
			encoded, err := mlsmessage.Marshal(&mlsmessage.Message{KeyPackage: own.KeyPackage})
			require.NoError(t, err)
			stock.Add = append(stock.Add, delivery.KeyPackage{Ref: own.Ref, Suite: of, Expires: time.Now().Add(time.Hour), Message: encoded})
		}
		require.NoError(t, s.Publish(ctx, stock))
		require.NoError(t, s.Close())
		names = append(names, name)
	}
	group, err := ann.CreateGroup(ctx, "", names)
	require.NoError(t, err)
	require.NoError(t, bob.Sync(ctx))
	next, err := ann.Move(ctx, group, to)
	require.NoError(t, err)
	for range 2 {
		require.NoError(t, bob.Sync(ctx))
	}
	info, err := bob.Group(next)
	require.NoError(t, err)
	require.Equal(t, members, info.Members)
	require.Equal(t, to, info.Suite)
	for _, name := range names {
		s, err := Connect(ctx, nc, name)
		require.NoError(t, err)
		entries, err := s.Fetch(ctx, delivery.Stream{Client: name}, 0, 0)
		require.NoError(t, err)
		require.Len(t, entries, 2, name)
		require.NoError(t, s.Close())
	}
}
