package client_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
)

// liar is a service that shows a client something else than it has, at times.
type liar struct {
	delivery.Service
	random *rand.Rand
	lies   bool
}

func (l *liar) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := l.Service.Fetch(ctx, of, after, limit)
	for i := range entries {
		if !l.lies || l.random.IntN(4) > 0 {
			continue
		}
		e := &entries[i]
		switch l.random.IntN(9) {
		case 0:
			e.Message[l.random.IntN(len(e.Message))] ^= 1 << l.random.IntN(8)
		case 1:
			e.Message = e.Message[:l.random.IntN(len(e.Message))]
		case 2:
			e.Kind = delivery.Kind(l.random.IntN(5))
		case 3:
			e.From = []string{"ann", "bob", "carl", "nobody"}[l.random.IntN(4)]
		case 4:
			e.Epoch += uint64(l.random.IntN(5)) - 2
		case 5:
			e.ID = "another"
		case 6:
			e.Tree = []byte("no tree")
		case 7:
			e.Group = "another"
		case 8:
			if j := l.random.IntN(len(entries)); j < i { // out of order
				entries[i].Message, entries[j].Message = entries[j].Message, entries[i].Message
			}
		}
	}
	return entries, err
}

func (l *liar) GroupInfo(ctx context.Context, group string) (delivery.GroupInfo, error) {
	info, err := l.Service.GroupInfo(ctx, group)
	if err == nil && l.lies && len(info.Message) > 0 {
		switch l.random.IntN(4) {
		case 0:
			info.Message[l.random.IntN(len(info.Message))] ^= 1
		case 1:
			info.Tree = nil
		case 2:
			info.Epoch++
		}
	}
	return info, err
}

// Whatever a service shows, a client does not break, and takes no message that nobody sent.
// It finds its way back once the service is honest.
func TestLyingService(t *testing.T) {
	seeds := []uint64{1, 4, 65, 91}
	if wide() {
		seeds = nil
		for seed := range uint64(200) {
			seeds = append(seeds, seed)
		}
	}
	for n := range 2 * len(seeds) {
		kind, seed := kindsOfLife()[n%2], seeds[n/2]
		t.Run(fmt.Sprintf("%s %d", kind.name, seed), func(t *testing.T) {
			w := newWorld(t)
			l := &liar{random: rand.New(rand.NewPCG(seed, 0))}
			ann := w.actor("ann", kind.config...)
			ann.delivery = func(s delivery.Service) delivery.Service { l.Service = s; return l }
			ann.restart()
			bob, carl := w.actor("bob", kind.config...), w.actor("carl", kind.config...)
			sync(t, bob, carl)
			g, err := kind.create(ann, "", []string{"bob", "carl"})
			require.NoError(t, err)
			sync(t, ann, bob, carl)
			l.lies = true
			sent := map[string]bool{}
			for n := range 12 {
				_, err := bob.Send(ctx, g, fmt.Append(nil, n))
				require.NoError(t, err)
				sent[fmt.Sprint("bob: ", n)] = true
				require.NoError(t, bob.Flush(ctx, g))
				if n%3 == 0 {
					require.NoError(t, carl.Update(ctx, g))
				}
				sync(t, bob, carl)
				_ = ann.Sync(ctx)
			}
			l.lies = false
			for range 5 {
				_ = ann.Sync(ctx)
			}
			if info, err := ann.Group(g); err != nil || info.State != client.Active {
				if err != nil {
					require.NoError(t, ann.JoinExternal(ctx, g))
				} else {
					require.NoError(t, ann.Resync(ctx, g))
				}
			}
			sync(t, ann, bob, carl)
			agree(t, g, ann, bob, carl)
			seen := map[string]bool{}
			for _, text := range ann.texts() {
				require.True(t, sent[text], text)
				require.False(t, seen[text], "%s came twice", text)
				seen[text] = true
			}
		})
	}
}

// once is a service that changes what a client sees of one stream, until it has.
type once struct {
	delivery.Service
	change func([]delivery.Entry) ([]delivery.Entry, bool)
}

func (o *once) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := o.Service.Fetch(ctx, of, after, limit)
	if o.change != nil && of.Group != "" && len(entries) > 0 {
		changed, done := o.change(entries)
		if done {
			o.change = nil
		}
		return changed, err
	}
	return entries, err
}

func lastCommit(entries []delivery.Entry) (last int) {
	for i, e := range entries {
		if e.Kind == delivery.KindCommit {
			last = i
		}
	}
	return last
}

// A client that is not shown a commit for what it is finds that it has missed one.
func TestHiddenCommitIsFound(t *testing.T) {
	for name, hide := range map[string]func([]delivery.Entry) ([]delivery.Entry, bool){
		"as of an earlier epoch": func(e []delivery.Entry) ([]delivery.Entry, bool) { e[lastCommit(e)].Epoch--; return e, true },
		"as a message": func(e []delivery.Entry) ([]delivery.Entry, bool) {
			e[lastCommit(e)].Kind = delivery.KindMessage
			return e, true
		},
		"as nothing": func(e []delivery.Entry) ([]delivery.Entry, bool) {
			i := lastCommit(e)
			return slices.Delete(e, i, i+1), true
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, ann, bob, g := pair(t)
			ann.events()
			require.NoError(t, bob.Update(ctx, g))
			if name == "as nothing" {
				_, err := bob.Send(ctx, g, []byte("in the next epoch"))
				require.NoError(t, err)
				require.NoError(t, bob.Flush(ctx, g))
			}
			ann.delivery = func(s delivery.Service) delivery.Service { return &once{s, hide} }
			ann.restart()
			ann.authenticator(g) // so that the group is in memory
			sync(t, ann, bob)
			require.Equal(t, []client.Trouble{client.Gap}, troubles(ann.events()))
			agree(t, g, ann, bob)
		})
	}
}
