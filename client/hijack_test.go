package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
)

// hijack returns what ends an epoch of a group by a commit of mallory's, who is no member:
// that of a group of her own that has the same id, with a Welcome to bob and a GroupInfo.
func hijack(t *testing.T, w *world, g string, epoch uint64) delivery.Submission {
	s, err := all.Registry().Suite(classic)
	require.NoError(t, err)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	cfg := mls.Config{Suites: all.Registry(), Suite: classic, Credential: message.BasicCredential([]byte("mallory")), Signer: signer}
	service := w.server.Client("mallory")
	claimed, err := service.Claim(ctx, "bob", classic)
	require.NoError(t, err)
	m, err := message.Parse[message.Message](claimed)
	require.NoError(t, err)
	made, err := mls.CreateGroup(ctx, now(), cfg, []byte(g))
	require.NoError(t, err)
	for made.Epoch() < epoch {
		c, err := made.Commit(ctx, now(), mls.CommitOptions{})
		require.NoError(t, err)
		made, err = c.Adopt()
		require.NoError(t, err)
	}
	c, err := made.Commit(ctx, now(), mls.CommitOptions{WithoutTree: true}, message.Add{KeyPackage: m.KeyPackage})
	require.NoError(t, err)
	info, err := c.GroupInfo(ctx, now(), false)
	require.NoError(t, err)
	tree, err := c.RatchetTree()
	require.NoError(t, err)
	return delivery.Submission{
		ID:       "hijack",
		Commits:  []delivery.Commit{{Group: g, Epoch: epoch, Message: c.Message, GroupInfo: info, Tree: tree}},
		Welcomes: []delivery.Welcome{{Clients: []string{"bob"}, Group: g, Message: c.Welcome, Tree: tree}},
	}
}

// forger is a service that shows a client a Welcome without its commit, behind all others.
type forger struct {
	delivery.Service
	entry *delivery.Entry
}

func (f *forger) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := f.Service.Fetch(ctx, of, after, limit)
	if of.Client != "" && after < f.entry.Position {
		return append(entries, *f.entry), err
	}
	return entries, err
}

// A Welcome alone does not take a member out of its group.
func TestWelcomeDoesNotReplaceAGroup(t *testing.T) {
	w, ann, bob, g := pair(t)
	info, err := bob.Group(g)
	require.NoError(t, err)
	welcome := hijack(t, w, g, info.Epoch).Welcomes[0]
	bob.delivery = func(s delivery.Service) delivery.Service {
		return &forger{s, &delivery.Entry{
			Position: 100, Kind: delivery.KindWelcome, ID: "forged", From: "ann", Group: g, Epoch: info.Epoch + 1,
			Message: welcome.Message, Tree: welcome.Tree, Time: now(),
		}}
	}
	bob.restart()
	bob.events()
	settle(t, bob)
	require.Len(t, of[*client.Refused](bob.events()), 1)
	sync(t, ann)
	agree(t, g, ann, bob)
}

// Whoever is no member cannot lead a client into a group of the same id, neither by a
// Welcome nor by what the client would recover with.
func TestStrangerCannotReplaceAGroup(t *testing.T) {
	w, ann, bob, g := pair(t)
	info, err := bob.Group(g)
	require.NoError(t, err)
	bob.events()
	_, err = w.server.Client("mallory").Submit(ctx, hijack(t, w, g, info.Epoch))
	require.NoError(t, err)
	for range 3 {
		_ = bob.Sync(ctx)
	}
	after, err := bob.Group(g)
	require.NoError(t, err)
	require.Equal(t, client.Lost, after.State)
	require.Equal(t, info.Epoch, after.Epoch)
	_, err = bob.Send(ctx, g, []byte("secret"))
	require.NoError(t, err)
	var trouble *client.TroubleError
	require.ErrorAs(t, bob.Flush(ctx, g), &trouble)
	require.ErrorAs(t, ann.Sync(ctx), &trouble)

	require.NoError(t, bob.Resync(ctx, g), "the application may want to go there")
	members, err := bob.Members(ctx, g)
	require.NoError(t, err)
	require.Equal(t, "mallory", members[0].Name)
}

func TestApplicationJudgesGroups(t *testing.T) {
	w := newWorld(t)
	errStranger := errors.New("stranger")
	bob := w.actor("bob", func(cfg *client.Config) {
		cfg.Accept = func(_ context.Context, group *mls.Candidate, from string) error {
			for _, node := range group.Members() {
				if string(node.Credential.Content) == "mallory" {
					return errStranger
				}
			}
			return nil
		}
	})
	require.NoError(t, bob.Sync(ctx))
	others := w.clients("ann", "mallory")
	good, err := others[0].CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	bad, err := others[1].CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	sync(t, bob)
	_, err = bob.Group(good)
	require.NoError(t, err)
	_, err = bob.Group(bad)
	require.ErrorIs(t, err, client.ErrNoGroup)
	refused := of[*client.Refused](bob.events())
	require.Len(t, refused, 1)
	require.Equal(t, "mallory", refused[0].From)
	require.ErrorIs(t, bob.JoinExternal(ctx, bad), errStranger)
}

// Nor can who is no member lead one that waits for the group that follows into another of its id,
// be that a group or a pair: messages wait for it.
func TestStrangerDoesNotMakeTheGroupThatFollows(t *testing.T) {
	for name, create := range map[string]func(mallory *actor, id string) error{
		"group": func(mallory *actor, id string) error {
			_, err := mallory.CreateGroup(ctx, id, []string{"bob"})
			return err
		},
		"group of a later epoch": func(mallory *actor, id string) error {
			if _, err := mallory.CreateGroup(ctx, id, nil); err != nil {
				return err
			}
			return mallory.Add(ctx, id, "bob")
		},
		"pair": func(mallory *actor, id string) error {
			_, err := mallory.CreatePair(ctx, id, []string{"bob"})
			return err
		},
		"pair of a later epoch": func(mallory *actor, id string) error {
			if _, err := mallory.CreatePair(ctx, id, nil); err != nil {
				return err
			}
			return mallory.Add(ctx, id, "bob")
		},
	} {
		t.Run(name, func(t *testing.T) {
			actors, g := movable(t, inPairs)
			ann, bob := actors[0], actors[1]
			ann.diesMoving(g)
			require.NoError(t, bob.Sync(ctx))
			info, err := bob.Group(g)
			require.NoError(t, err)
			require.Equal(t, client.Ended, info.State)
			_, err = bob.Send(ctx, g, []byte("for the members"))
			require.NoError(t, err)
			mallory := ann.w.actor("mallory", inPairs, withHybrid)
			require.NoError(t, create(mallory, info.Successor))
			settle(t, bob, mallory)
			require.Empty(t, mallory.texts())
			require.Len(t, of[*client.Refused](bob.events()), 1)
			after, err := bob.Group(g)
			require.NoError(t, err)
			require.Equal(t, info, after)
		})
	}
}
