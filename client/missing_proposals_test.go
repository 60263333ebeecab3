package client_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// proposes lets a client handle a proposal type of the application.
func proposes(cfg *client.Config) { cfg.MLS.Proposals = custom }

var custom = []mls.CustomProposalType{{Type: 0xF0AA}}

// proposed lets clients that are partial members send a proposal each.
func proposed(t testing.TB, group string, actors ...*actor) {
	t.Helper()
	for _, a := range actors {
		require.NoError(t, a.soon(func(ctx context.Context, group string) error {
			return a.Propose(ctx, group, message.Custom{ProposalType: 0xF0AA, Data: []byte(a.name)})
		}, group, 50*time.Millisecond))
	}
}

// dropping is a service that no longer has what a client has read, if gone is set.
type dropping struct {
	delivery.Annotator
	read delivery.Position
	gone bool
}

func (f *dropping) Acknowledge(ctx context.Context, of delivery.Stream, p delivery.Position) error {
	f.read = max(f.read, p)
	return f.Annotator.Acknowledge(ctx, of, p)
}

func (f *dropping) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if f.gone && of.Group != "" && after < f.read {
		return nil, &delivery.GapError{Stream: of, After: after, Kept: f.read}
	}
	return f.Annotator.Fetch(ctx, of, after, limit)
}

// A member that has kept only some of the proposals of a commit reads the others again. Where
// they are gone, it is in trouble, and joins anew if it may.
func TestProposalsThatWereNotKept(t *testing.T) {
	defer client.HearFewer(1)()
	none := func(cfg *client.Config) { cfg.MLS.Limits.MaxProposals = -1 }
	manually := func(cfg *client.Config) { cfg.Recovery = client.RecoverManually }
	for name, c := range map[string]struct {
		reader []func(*client.Config)
		gone   bool
	}{
		"partial":                {[]func(*client.Config){partially}, false},
		"partial, upgrading":     {[]func(*client.Config){partially, upgrading}, false},
		"full":                   {[]func(*client.Config){inPublic, none}, false},
		"partial, gone":          {[]func(*client.Config){partially}, true},
		"partial, gone, by hand": {[]func(*client.Config){partially, upgrading, manually}, true},
		"full, gone":             {[]func(*client.Config){inPublic, none}, true},
		"full, gone, by hand":    {[]func(*client.Config){inPublic, none, manually}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.guarded(func(cfg *guard.Config) { cfg.MLS.Proposals = custom })
			ann := w.actor("ann", inPublic, proposes)
			var tablets []*actor
			for _, name := range []string{"tab", "pad", "slate"} {
				tablets = append(tablets, w.actor(name, partially, proposes))
			}
			reader := w.actor("reader", append(c.reader, proposes)...)
			s := &dropping{}
			reader.delivery = func(inner delivery.Service) delivery.Service {
				s.Annotator = inner.(delivery.Annotator)
				return s
			}
			reader.restart()
			sync(t, append(tablets, ann, reader)...)
			g, err := ann.CreateGroup(ctx, "", []string{"tab", "pad", "slate", "reader"})
			require.NoError(t, err)
			for range 2 { // the second epoch begins with a commit that the reader has read
				sync(t, append(tablets, reader)...)
				proposed(t, g, tablets...)
				require.NoError(t, reader.Sync(ctx))
				reader.restart()
				s.gone = c.gone
				require.NoError(t, ann.Update(ctx, g))
				if s.gone {
					break
				}
				require.NoError(t, reader.Sync(ctx))
			}
			if !c.gone {
				sync(t, append(tablets, ann, reader)...)
				require.Empty(t, troubles(reader.events()))
				if reader.cfg.Partial == nil {
					agree(t, g, ann, reader)
					return
				}
				require.Equal(t, ann.authenticator(g), reader.partialAuthenticator(g))
				require.NoError(t, reader.Upgrade(ctx, g))
				agree(t, g, ann, reader)
				return
			}
			err = reader.tries()
			require.Contains(t, troubles(reader.events()), client.Unreadable)
			if reader.cfg.Recovery == client.RecoverManually {
				trouble := new(client.TroubleError)
				require.ErrorAs(t, err, &trouble)
				require.Equal(t, client.Unreadable, trouble.Trouble)
				require.NoError(t, reader.Resync(ctx, g))
			}
			settle(t, ann, reader)
			agree(t, g, ann, reader)
		})
	}
}
