package mls

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// handedOver are the proposals that are handed over with a commit, each an MLSMessage.
type handedOver [][]byte

// resolve returns the proposals of a commit. It looks references up with find, and then
// among the proposals that were handed over. open verifies and checks one of those if
// wanted accepts its reference, and refuses it with errUnwanted if not. If a proposal is
// found nowhere, the error is a [*MissingProposalsError].
func (h handedOver) resolve(ac *authenticatedContent, find func(ref []byte) (CommittedProposal, bool),
	open func(m *Message, wanted func(ref []byte) bool) (CommittedProposal, error)) ([]CommittedProposal, error) {
	list := make([]CommittedProposal, len(ac.content.commit.proposals))
	missing := make(map[string][]int) // indices by reference
	for i, p := range ac.content.commit.proposals {
		if p.proposal != nil {
			list[i] = CommittedProposal{Author: ac.author, Proposal: p.proposal, Sender: ac.content.sender}
			if err := list[i].readExtensions(); err != nil {
				return nil, atProposal(err, i)
			}
			continue
		}
		var ok bool
		if list[i], ok = find(p.ref); !ok {
			missing[string(p.ref)] = append(missing[string(p.ref)], i)
		}
	}
	wanted := func(ref []byte) bool { return missing[string(ref)] != nil }
	var refused error
	for _, message := range h {
		if len(missing) == 0 {
			break
		}
		m, err := Parse[Message](message)
		var c CommittedProposal
		if err == nil && m.ContentType() != ContentProposal {
			err = fmt.Errorf("%w: %s beside a commit, which is no proposal", ErrUnsupported, m.WireFormat())
		}
		if err == nil {
			c, err = open(m, wanted)
		}
		if err != nil {
			if refused == nil && err != errUnwanted {
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
	absent := &MissingProposalsError{Committer: ac.content.sender, Err: refused}
	for i, p := range ac.content.commit.proposals {
		if at := missing[string(p.ref)]; len(at) > 0 && at[0] == i {
			absent.Refs = append(absent.Refs, bytes.Clone(p.ref))
		}
	}
	return nil, absent
}

// openProposal verifies and checks a proposal of this epoch that is handed over with a
// commit. It leaves the group unchanged.
func (g *Group) openProposal(ctx context.Context, now time.Time, m *Message, wanted func(ref []byte) bool) (CommittedProposal, error) {
	ac, err := g.openHandedOver(m, wanted)
	if err != nil {
		return CommittedProposal{}, err
	}
	if err := g.checkStrict(ac); err != nil {
		return CommittedProposal{}, err
	}
	return g.public.receiveProposal(ctx, g.cfg, now, ac)
}

func (g *Group) openHandedOver(m *Message, wanted func(ref []byte) bool) (*authenticatedContent, error) {
	f := g.public.framing(g.secrets)
	f.wanted = wanted
	if m.PublicMessage != nil {
		public, err := wire.ParseNew(m.PublicMessage, "PublicMessage", (*publicMessage).unmarshal)
		if err != nil {
			return nil, err
		}
		return f.unprotectPublic(public)
	}
	private, err := wire.ParseNew(m.PrivateMessage, "PrivateMessage", (*privateMessage).unmarshal)
	if err != nil {
		return nil, err
	}
	ratchets, err := g.inbox.live()
	if err != nil {
		return nil, err
	}
	ac, key, err := f.unprotectPrivate(g.inbox.keys(ratchets, g.cfg.Limits.ratchet()), private)
	if err != nil {
		return nil, err
	}
	key.discard()
	return ac, nil
}
