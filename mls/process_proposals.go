package mls

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/mls/internal/framing"
	"github.com/mlsuite/mlsuite/mls/message"
)

// handedOver are the proposals that are handed over with a commit, each an MLSMessage.
type handedOver [][]byte

// resolve returns the proposals of a commit. It looks references up with find, and then
// among the proposals that were handed over. open verifies and checks one of those if
// wanted accepts its reference, and refuses it with framing.ErrUnwanted if not. If a
// proposal is found nowhere, the error is a [*MissingProposalsError].
func (h handedOver) resolve(ac *framing.AuthenticatedContent, find func(ref []byte) (CommittedProposal, bool),
	open func(m *message.Message, wanted func(ref []byte) bool) (CommittedProposal, error)) ([]CommittedProposal, error) {
	list := make([]CommittedProposal, len(ac.Content.Commit.Proposals))
	missing := make(map[string][]int) // indices by reference
	for i, p := range ac.Content.Commit.Proposals {
		if p.Proposal != nil {
			list[i] = CommittedProposal{Author: ac.Author, Proposal: p.Proposal, Sender: ac.Content.Sender}
			if err := list[i].readExtensions(); err != nil {
				return nil, atProposal(err, i)
			}
			continue
		}
		var ok bool
		if list[i], ok = find(p.Ref); !ok {
			missing[string(p.Ref)] = append(missing[string(p.Ref)], i)
		}
	}
	wanted := func(ref []byte) bool { return missing[string(ref)] != nil }
	var refused error
	for _, msg := range h {
		if len(missing) == 0 {
			break
		}
		m, err := message.Parse[message.Message](msg)
		var c CommittedProposal
		if err == nil && m.ContentType() != message.ContentProposal {
			err = fmt.Errorf("%w: %s handed over with a commit is not a proposal", message.ErrUnsupported, m.WireFormat())
		}
		if err == nil {
			c, err = open(m, wanted)
		}
		if err != nil {
			if refused == nil && err != framing.ErrUnwanted {
				refused = err
			}
			continue
		}
		for _, i := range missing[string(c.Ref)] {
			list[i] = c
		}
		delete(missing, string(c.Ref))
	}
	if len(missing) == 0 {
		return list, nil
	}
	absent := &MissingProposalsError{Committer: ac.Content.Sender, Err: refused}
	for i, p := range ac.Content.Commit.Proposals {
		if at := missing[string(p.Ref)]; len(at) > 0 && at[0] == i {
			absent.Refs = append(absent.Refs, bytes.Clone(p.Ref))
		}
	}
	return nil, absent
}

// openProposal verifies and checks a proposal of this epoch that is handed over with a
// commit. It leaves the group unchanged.
func (g *Group) openProposal(ctx context.Context, now time.Time, m *message.Message, wanted func(ref []byte) bool) (CommittedProposal, error) {
	ac, err := g.openHandedOver(m, wanted)
	if err != nil {
		return CommittedProposal{}, err
	}
	if err := g.checkStrict(ac); err != nil {
		return CommittedProposal{}, err
	}
	return g.public.receiveProposal(ctx, g.cfg, now, ac)
}

func (g *Group) openHandedOver(m *message.Message, wanted func(ref []byte) bool) (*framing.AuthenticatedContent, error) {
	f := g.public.framing(g.secrets)
	f.Wanted = wanted
	if m.PublicMessage != nil {
		public, err := framing.ParsePublic(m.PublicMessage)
		if err != nil {
			return nil, err
		}
		return f.UnprotectPublic(public)
	}
	private, err := framing.ParsePrivate(m.PrivateMessage)
	if err != nil {
		return nil, err
	}
	ratchets, err := g.inbox.live()
	if err != nil {
		return nil, err
	}
	ac, key, err := f.UnprotectPrivate(ratchets.Finder(g.inbox.mu, g.cfg.Limits.ratchet()), private)
	if err != nil {
		return nil, err
	}
	key.Discard()
	return ac, nil
}
