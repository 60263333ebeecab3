// Package inflight ends requests to a NATS server with the connection that they are on. A
// client of NATS repeats no request when it has connected again, and the answer has gone
// with the connection: whoever waits for it waits until its time is over.
package inflight

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// ErrLost says that the connection of a request was lost, or is not there.
var ErrLost = errors.New("the connection to the server is lost")

// ErrSilent says that the server has not answered in the time that a request has.
var ErrSilent = errors.New("the server does not answer")

// Requests are those on one connection.
type Requests struct {
	nc     *nats.Conn
	status chan nats.Status

	mu     sync.Mutex
	open   map[*byte]context.CancelCauseFunc
	losses int
}

// On returns the requests on a connection. Close ends what it takes.
func On(nc *nats.Conn) *Requests {
	r := &Requests{nc: nc, open: map[*byte]context.CancelCauseFunc{}}
	r.status = nc.StatusChanged(nats.RECONNECTING, nats.DISCONNECTED, nats.CLOSED)
	go func() {
		for range r.status {
			r.lost()
		}
	}()
	return r
}

// Close stops to look at the connection. Requests that are open go on.
func (r *Requests) Close() { r.nc.RemoveStatusListener(r.status) }

func (r *Requests) lost() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.losses++
	for _, cancel := range r.open {
		cancel(ErrLost)
	}
}

// Losses returns how often the connection was lost.
func (r *Requests) Losses() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.losses
}

// Begin returns a context for a request, which ends with the connection. The caller calls
// done when the request has ended. The error is ErrLost, and nothing is to be sent.
func (r *Requests) Begin(ctx context.Context) (_ context.Context, done func(), err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	key := new(byte)
	r.mu.Lock()
	r.open[key] = cancel
	r.mu.Unlock()
	done = func() {
		r.mu.Lock()
		delete(r.open, key)
		r.mu.Unlock()
		cancel(nil)
	}
	if !r.nc.IsConnected() { // behind the entry: who was not told sees it here
		done()
		return nil, nil, ErrLost
	}
	return ctx, done, nil
}

// Within bounds a request, whatever time its caller has: after the limit the cause of the
// context is ErrSilent. So one answer that is lost does not use up the time in which its caller
// could ask again.
func Within(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, limit, ErrSilent)
}

// Why returns why a request failed with err: the error of its caller's context if that has
// ended, and then callers is true, or else what has ended the request, or err.
func Why(ctx context.Context, err error) (_ error, callers bool) {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, ErrLost), errors.Is(cause, ErrSilent):
		return cause, false
	case ctx.Err() != nil:
		return ctx.Err(), true
	}
	return err, false
}
