package mls

import "sync"

// life is the time in which the secrets of an epoch are there to be used. It counts
// the calls that use them and holds no lock during any, so that none waits for
// another: a signer or a store may be slow, and an application may ask the group
// while the group asks the application. Once the life has ended, no call begins any
// more, and the last of those in progress deletes the secrets.
type life struct {
	mu    sync.Mutex
	calls int // in progress, and one for whoever retires the group
	ended bool
	after []func()
}

// begin begins a call, which done ends, unless the life has ended.
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

// end ends the life, once: it reports whether it was the one to do so. The caller
// goes on with afterCalls and done.
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

// afterCalls has f run when no call is in progress, of which the caller is one.
func (l *life) afterCalls(f func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.after = append(l.after, f)
}
