package mls

import (
	"bytes"
	"context"
	"fmt"
	"time"
)

// ProcessOption is a setting of [Group.Process] and [PublicGroup.Process].
type ProcessOption func(*processPlan)

type processPlan struct{ proposals [][]byte }

func newProcessPlan(options []ProcessOption) *processPlan {
	p := new(processPlan)
	for _, option := range options {
		option(p)
	}
	return p
}

// WithProposals hands over proposals of the commit's epoch beside a commit, each an
// MLSMessage, for references to what is not here (see [MissingProposalsError]). They
// are read in their order until nothing is missing. Those that are missing are checked
// like those that arrive by themselves, and used for this commit alone: nothing of them
// is kept, and a PrivateMessage uses up no key. One that is refused does no harm, and
// one that the commit does not refer to costs no signature: a PublicMessage is hashed,
// a PrivateMessage decrypted. This member's own are good too, if they are PublicMessages.
//
// What the delivery service holds of an epoch can be handed over as it is, so no limit
// on proposals keeps a member from following a commit. A PrivateMessage whose key
// is used up cannot be read here either.
func WithProposals(messages ...[]byte) ProcessOption {
	return func(p *processPlan) { p.proposals = append(p.proposals, messages...) }
}

// resolve returns the proposals of a commit. Those that it refers to are looked up by
// find, and then among those beside the commit, which open verifies and checks if wanted
// says so of the reference, and refuses with errUnwanted if not. If one is found
// nowhere, the error is a [*MissingProposalsError].
func (p *processPlan) resolve(ac *authenticatedContent, find func(ref []byte) (CommittedProposal, bool),
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
	for _, message := range p.proposals {
		if len(missing) == 0 {
			break
		}
		m, err := ParseMessage(message)
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

// openProposal verifies and checks a proposal of this epoch that is handed over beside
// a commit. It leaves the group as it was.
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
	if m.publicMessage != nil {
		return f.unprotectPublic(m.publicMessage)
	}
	ratchets, err := g.inbox.live()
	if err != nil {
		return nil, err
	}
	ac, key, err := f.unprotectPrivate(g.inbox.keys(ratchets, g.cfg.Limits.ratchet()), m.privateMessage)
	if err != nil {
		return nil, err
	}
	key.discard()
	return ac, nil
}
