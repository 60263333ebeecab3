package mls

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
// restored. A key that a candidate or a call in progress uses is deleted after that.
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
	b.forget()
	b.saving.forgot = true
	return nil
}
