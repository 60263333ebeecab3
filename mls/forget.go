package mls

// ForgetPastEpochs deletes the keys of late application messages but for those of the
// latest epochs, at most keep of the ones that [Limits] PastEpochs lets stay: messages
// of the others answer [ErrWrongEpoch] from then on (RFC 9420, Section 15.3). An
// application calls it when it expects no more of them, such as some time after a new
// epoch has begun. What was saved has the keys until the next delta is applied to it.
//
// It waits for calls that use the group, and so must not be called by what they call,
// such as an [Authenticator].
func (g *Group) ForgetPastEpochs(keep int) error {
	g.life.Lock()
	defer g.life.Unlock()
	if g.retired {
		return ErrRetired
	}
	b := &g.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
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
// proposal arrives again; a PrivateMessage opens once. Candidates that exist stay
// good, but one that was saved and needs the private key of an own Update cannot be
// restored. It waits as [Group.ForgetPastEpochs] does.
func (g *Group) ForgetProposals() error {
	g.life.Lock()
	defer g.life.Unlock()
	if g.retired {
		return ErrRetired
	}
	held := make(map[*nodeKey]bool)
	for _, p := range g.inbox.candidates {
		if c := p.Value(); c != nil {
			c.mu.Lock()
			if c.next.self != nil {
				held[c.next.self.leafKey] = true
			}
			c.mu.Unlock()
		}
	}
	b := &g.inbox
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, own := range b.updates {
		if !held[own.key] {
			own.key.destroy()
		}
	}
	b.cache, b.updates, b.saving.forgot = proposalCache{}, nil, true
	return nil
}
