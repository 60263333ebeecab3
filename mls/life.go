package mls

import (
	"sync"
)

// life is the time in which the secrets of an epoch may be used. It counts the calls that
// use them and holds no lock during a call, so no call waits for another: a signer or a
// store may be slow, and an application may ask the group while the group asks the
// application. Once the life has ended, no call begins, and the last call in progress
// deletes the secrets.
type life struct {
	mu    sync.Mutex
	calls int // calls in progress, and one for the caller that retires the group
	ended bool
	after []func()
}

// begin begins a call, which done ends. It reports false if the life has ended.
func (l *life) begin() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.calls++
	return true
}

func (l *life) done() {
	l.mu.Lock()
	l.calls--
	var after []func()
	if l.calls == 0 {
		after, l.after = l.after, nil
	}
	l.mu.Unlock()
	for _, f := range after {
		f()
	}
}

// end ends the life. It reports whether this call ended it; the caller then goes on with
// afterCalls and done.
func (l *life) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended {
		return false
	}
	l.ended = true
	l.calls++
	return true
}

// afterCalls runs f when no call is in progress. The caller counts as one.
func (l *life) afterCalls(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.after = append(l.after, f)
}

// ForgetPastEpochs deletes the keys of late application messages, except those of the
// latest keep epochs. It keeps no more epochs than [Limits] PastEpochs allows. Messages
// of the other epochs give [ErrPastEpoch] from then on (RFC 9420, Section 15.3). An
// application calls it when it expects no more of them, for example some time after a new
// epoch has begun. The stored state holds the keys until the next Delta is stored.
//
// Errors:
//
//   - [ErrRetired].
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
// them, and they no longer keep it from sending (see [ErrPendingProposals]).
//
// A commit of another member that refers to one of them cannot be followed unless the
// proposal arrives again or is handed over with the commit; a PrivateMessage opens
// only once. Existing candidates stay good, but a saved one that needs the private key of
// an own Update cannot be restored. A key that a candidate or a call in progress uses is
// deleted after that.
//
// Errors:
//
//   - [ErrRetired].
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
