package mls

import "slices"

// ForgetPastEpochs deletes the keys of late application messages but for those of the
// latest epochs, at most keep of the ones that [Limits] PastEpochs lets stay: messages
// of the others answer [ErrWrongEpoch] from then on (RFC 9420, Section 15.3). An
// application calls it when it expects no more of them, such as some time after a new
// epoch has begun. What was saved has the keys until the next delta is applied to it.
func (g *Group) ForgetPastEpochs(keep int) error {
	done, err := g.alive()
	if err != nil {
		return err
	}
	defer done()
	b := &g.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return ErrRetired
	}
	for len(b.past) > max(0, keep) {
		b.past[0].destroy()
		b.past[0] = nil
		b.past = b.past[1:]
		b.saving.forgot = true
	}
	return nil
}

// ForgetProposals drops the proposals that arrived in this epoch and those that this
// member made, with the private keys of its own Updates: they are in no commit of this
// member, and keep it from sending no longer (see [ErrPendingProposals]).
//
// A commit of another that refers to one of them can then not be followed, unless the
// proposal arrives again or is handed over (see [WithProposals]); a PrivateMessage opens
// once. Candidates that exist stay
// good, but one that was saved and needs the private key of an own Update cannot be
// restored. The keys are deleted when the calls in progress are done.
func (g *Group) ForgetProposals() error {
	done, err := g.alive()
	if err != nil {
		return err
	}
	defer done()
	b := &g.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return ErrRetired
	}
	for _, own := range b.updates {
		b.forgotten = append(b.forgotten, own.key)
	}
	b.cache, b.updates, b.saving.forgot = proposalCache{}, nil, true
	g.life.afterCalls(g.forgetKeys)
	return nil
}

// forgetKeys deletes the private keys of the Updates that were forgotten but for those
// that a candidate may need.
func (g *Group) forgetKeys() {
	b := &g.inbox
	b.mu.Lock()
	candidates := slices.Clone(b.candidates)
	b.mu.Unlock()
	held := make(map[*nodeKey]bool)
	for c := range candidates.all() {
		c.mu.Lock()
		if c.next.self != nil {
			held[c.next.self.leafKey] = true
		}
		c.mu.Unlock()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.retired {
		return // they go with the epoch
	}
	b.forgotten = slices.DeleteFunc(b.forgotten, func(key *nodeKey) bool {
		if !held[key] {
			key.destroy()
		}
		return !held[key]
	})
}
