package client_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// A message for which a store has no room stops nobody, be that of who sends it or of who receives
// it from another implementation.
func TestMessageThatIsTooLargeForAStore(t *testing.T) {
	const most = 32 << 20
	_, ann, bob, g := pair(t)
	ann.cfg.Bounds.Message = 1 << 30
	ann.restart()
	_, err := ann.Send(ctx, g, make([]byte, most+1))
	limit, ok := errors.AsType[*client.LimitError](err)
	require.True(t, ok)
	require.Equal(t, most, limit.Limit)

	_, err = ann.Send(ctx, g, []byte("before")) // the client may use the keys behind it
	require.NoError(t, err)
	settle(t, ann, bob)
	var ciphertext []byte
	require.NoError(t, ann.View(ctx, g, func(g *mls.Group) (err error) {
		ciphertext, err = g.Encrypt(ctx, now(), make([]byte, most+1), nil)
		return err
	}))
	_, err = ann.w.server.Client("ann").Send(ctx, delivery.Message{ID: "large", Group: g, Epoch: 1, Message: ciphertext})
	require.NoError(t, err)
	bob.events()
	settle(t, bob, ann)
	refused := of[*client.Refused](bob.events())
	require.Len(t, refused, 1)
	require.ErrorContains(t, errors.New(refused[0].Why), delivery.ErrTooLarge.Error())
	_, err = ann.Send(ctx, g, []byte("after"))
	require.NoError(t, err)
	settle(t, ann, bob)
	require.Equal(t, []string{"ann: after"}, bob.texts())
}

// Events that name members are as many as it takes: one has to fit into the store.
func TestManyMembersAreNamedBySeveralEvents(t *testing.T) {
	w := newWorld(t)
	at := &clock{now()}
	ann := w.actor("ann", func(cfg *client.Config) { cfg.Now, cfg.Schedule.Idle = at.read, 24*time.Hour })
	names := make([]string, 300)
	for i := range names {
		names[i] = fmt.Sprint("member ", i)
	}
	w.alike(names, func(cfg *client.Config) { cfg.KeyPackages.Count = 1 })
	_, err := ann.CreateGroup(ctx, "g", names)
	require.NoError(t, err)
	require.NoError(t, ann.Sync(ctx))
	at.now = at.now.Add(25 * time.Hour)
	require.NoError(t, ann.Sync(ctx))
	var came, silent []string
	for _, e := range ann.events() {
		switch what := e.What.(type) {
		case *client.MembershipChanged:
			require.LessOrEqual(t, len(what.Changes), 256)
			require.Equal(t, "ann", what.By.Name)
			for _, c := range what.Changes {
				came = append(came, c.Name)
			}
		case *client.IdleMembers:
			require.LessOrEqual(t, len(what.Members), 256)
			for _, p := range what.Members {
				silent = append(silent, p.Name)
			}
		}
	}
	require.Equal(t, names, came)
	require.Equal(t, names, silent)
}

// A commit whose proposals no event has room for stops nobody.
func TestProposalsThatAreTooLargeForAnEvent(t *testing.T) {
	const most = 32 << 20
	w := newWorld(t)
	ann, bob := w.actor("ann", proposes), w.actor("bob", proposes)
	sync(t, ann, bob)
	g, err := ann.CreateGroup(ctx, "", []string{"bob"})
	require.NoError(t, err)
	proposal := func(n int) message.Custom { return message.Custom{ProposalType: 0xF0AA, Data: make([]byte, n)} }
	limit, ok := errors.AsType[*client.LimitError](ann.Propose(ctx, g, proposal(most)))
	require.True(t, ok)
	require.Equal(t, client.LimitError{What: "proposal", Limit: most}, *limit)

	settle(t, ann, bob)
	var c *mls.Candidate
	require.NoError(t, ann.View(ctx, g, func(g *mls.Group) (err error) {
		c, err = g.Commit(ctx, now(), mls.CommitOptions{}, proposal(1), proposal(most), proposal(2))
		return err
	}))
	defer c.Discard()
	_, err = w.server.Client("ann").Submit(ctx, delivery.Submission{ID: "large", Commits: []delivery.Commit{{Group: g, Epoch: 1, Message: c.Message}}})
	require.NoError(t, err)
	bob.events()
	settle(t, bob)
	changed := of[*client.EpochChanged](bob.events())
	require.Len(t, changed, 1)
	require.Len(t, changed[0].Custom, 1)
	require.Equal(t, []byte{0}, changed[0].Custom[0].Data)
	require.Equal(t, "ann", changed[0].Custom[0].From.Name)
	require.Equal(t, 2, changed[0].Omitted)
}
