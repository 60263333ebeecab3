package mls

// ForgetPastEpochs deletes the keys of late application messages, except those of the
// latest keep epochs. It keeps no more epochs than [Limits] PastEpochs allows. Messages
// of the other epochs give [ErrWrongEpoch] from then on (RFC 9420, Section 15.3). An
// application calls it when it expects no more of them, for example some time after a new
// epoch has begun. The stored state holds the keys until the next Delta is stored.
// The error is [ErrRetired].
func (g *Group) ForgetPastEpochs(keep int) error {
	return g.dropping(func(b *inbox) (dropped bool) {
		for len(b.past) > max(0, keep) {
			b.past[0].destroy()
			b.past[0] = nil
			b.past = b.past[1:]
			dropped = true
		}
		return dropped
	})
}

// ForgetProposals drops the proposals that arrived in this epoch and those that this
// member made, with the private keys of its own Updates. This member does not commit
// them, and they no longer keep it from sending (see [ErrPendingProposals]). The error is
// [ErrRetired].
//
// A commit of another member that refers to one of them cannot be followed unless the
// proposal arrives again or is handed over with the commit; a PrivateMessage opens
// only once. Existing candidates stay good, but a saved one that needs the private key of
// an own Update cannot be restored. A key that a candidate or a call in progress uses is
// deleted after that.
func (g *Group) ForgetProposals() error {
	return g.dropping(func(b *inbox) bool {
		b.forget()
		return true
	})
}

// dropping lets drop take something out of the inbox and report whether it did.
func (g *Group) dropping(drop func(b *inbox) bool) error {
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
	if drop(b) {
		b.saving.forget()
	}
	return nil
}
