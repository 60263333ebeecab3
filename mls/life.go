package mls

import "sync"

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
