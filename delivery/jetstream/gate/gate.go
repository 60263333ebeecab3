// Package gate lets clients at a delivery service over NATS that may use nothing else of
// NATS: neither the stream nor the buckets of package jetstream.
//
// A gate answers requests on subjects that have the client's name in them. Permissions of
// NATS let each client publish under its own name alone, so a gate knows who asks. It
// checks that a client reads its own inbox, and groups that it is or was in: those that
// took a commit of it, or a Welcome for it.
//
// A client named ann needs these permissions, and an inbox of its own ([Dial] sets it):
//
//	publish:   mlsd.*.ann.>
//	subscribe: _INBOX_ann.>, mlsh.w.ann, mlsh.g.*
//
// The folder testdata has a configuration of the server with TLS 1.3 and these permissions,
// which the tests use.
package gate

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"golang.org/x/time/rate"

	"github.com/mlsuite/mlsuite/delivery"
	service "github.com/mlsuite/mlsuite/delivery/jetstream"
)

// Subjects of a gate:
//
//	mlsd.hello.CLIENT.ask             which gate answers
//	mlsd.GATE.CLIENT.METHOD           a request to it
//	mlsh.g.<hash>, mlsh.w.CLIENT      hints that a stream has something new; the hash is
//	                                  the SHA-256 of the group's id, in base64url
const (
	askPrefix  = "mlsd."
	hintPrefix = "mlsh."
)

// Defaults of a Config, in bytes.
const (
	DefaultMaxMessage = 4 << 20
	DefaultMaxRequest = 64 << 20
)

// Config is what a Gate needs.
type Config struct {
	// Service returns the service as a client of that name sees it, such as that of
	// package jetstream behind a guard. Nil stands for that of package jetstream on the
	// gate's connection. A gate asks once for each client that is active.
	Service func(ctx context.Context, client string) (delivery.Service, error)

	// Idle is the time after which the service of a client that asks nothing is closed; 0
	// means 10 minutes.
	Idle time.Duration

	// MaxMessage is the size of the largest message that a client sends to a group, in bytes; 0
	// means DefaultMaxMessage.
	MaxMessage int

	// MaxRequest bounds what a client sends at once, in bytes; 0 means DefaultMaxRequest. It also
	// bounds what a client has sent of requests that are not complete, and what it has not
	// fetched of more than one answer. MaxPending bounds both for all clients together; 0
	// means 256 MiB.
	MaxRequest, MaxPending int

	// Concurrent is the number of requests that a client may have open; 0 means 16.
	Concurrent int

	Logger *slog.Logger // nil means none
}

// Gate serves requests. Several may serve one set of clients.
type Gate struct {
	cfg     Config
	nc      *nats.Conn
	js      jetstream.JetStream
	members jetstream.KeyValue
	name    string
	ctx     context.Context
	stop    context.CancelFunc
	subs    []*nats.Subscription
	wait    sync.WaitGroup

	mu       sync.Mutex
	sessions map[string]*session
	pending  int
}

// session is a client that is active.
type session struct {
	connect func() (delivery.Service, error) // the same each time
	used    time.Time
	open    int                // requests
	parts   map[string]*pieces // requests that are not complete
	answers map[string]*pieces // that are not fetched

	searches *rate.Limiter // of its inbox, see mayUse
}

// searchEvery and searchBurst bound how often the gate searches the inbox of a client.
const (
	searchEvery = 5 * time.Second
	searchBurst = 16
)

// held returns the bytes in a table.
func held(table map[string]*pieces) (n int) {
	for _, p := range table {
		n += len(p.content)
	}
	return n
}

// pieces is bytes that come or go in more than one message.
type pieces struct {
	content []byte
	used    time.Time
}

// Serve starts a gate on a connection that may use the stream and the buckets. Close ends
// it, and leaves nc open.
func Serve(ctx context.Context, nc *nats.Conn, cfg Config) (*Gate, error) {
	cfg.Idle = orElse(cfg.Idle, 10*time.Minute)
	cfg.MaxRequest, cfg.MaxPending = orElse(cfg.MaxRequest, DefaultMaxRequest), orElse(cfg.MaxPending, max(256<<20, cfg.MaxRequest))
	cfg.MaxMessage = orElse(cfg.MaxMessage, DefaultMaxMessage)
	cfg.Concurrent = orElse(cfg.Concurrent, 16)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Service == nil {
		cfg.Service = func(ctx context.Context, client string) (delivery.Service, error) {
			return service.Connect(ctx, nc, client)
		}
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	members, err := js.KeyValue(ctx, service.MembersBucket)
	if err != nil {
		return nil, fmt.Errorf("gate: %w", err)
	}
	g := &Gate{cfg: cfg, nc: nc, js: js, members: members, name: rand.Text(), sessions: map[string]*session{}}
	g.ctx, g.stop = context.WithCancel(context.WithoutCancel(ctx))
	for subject, queue := range map[string]string{askPrefix + "hello.*.ask": "gates", askPrefix + g.name + ".*.*": ""} {
		sub, err := nc.QueueSubscribe(subject, queue, g.receive)
		if err != nil {
			return nil, errors.Join(err, g.Close())
		}
		g.subs = append(g.subs, sub)
	}
	g.wait.Go(g.sweep)
	return g, nc.Flush()
}

func orElse[T int | time.Duration](n, zero T) T {
	if n == 0 {
		return zero
	}
	return n
}

// Close ends the gate: requests that it has taken are answered, and others find another
// gate.
func (g *Gate) Close() error {
	var errs []error
	for _, sub := range g.subs {
		errs = append(errs, sub.Unsubscribe())
	}
	g.stop()
	g.wait.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, s := range g.sessions {
		errs = append(errs, s.close())
		delete(g.sessions, name)
	}
	return errors.Join(errs...)
}

// receive takes a message of a client.
func (g *Gate) receive(m *nats.Msg) {
	t := strings.Split(m.Subject, ".")
	client, method := t[2], t[3]
	// A gate may publish where a client may not: it answers to the client's inbox alone.
	if service.CheckName(client) != nil || !strings.HasPrefix(m.Reply, inboxPrefix(client)+".") {
		return
	}
	if t[1] == "hello" {
		_ = m.Respond([]byte(g.name))
		return
	}
	s, err := g.begin(client)
	if err != nil {
		g.respond(m, encodeError(err))
		return
	}
	request, counted, err := g.collect(s, m)
	switch {
	case err != nil:
		g.end(s, 0)
		g.respond(m, encodeError(err))
	case request == nil:
		g.end(s, 0)
		_ = m.Respond(nil)
	default:
		g.wait.Go(func() {
			defer g.end(s, counted)
			g.answer(m, s, g.work(s, client, method, request))
		})
	}
}

// work carries out a request. One that panics is answered as one of which nobody knows the
// outcome, and the others go on.
func (g *Gate) work(s *session, client, method string, request []byte) (answer []byte) {
	defer func() {
		if p := recover(); p != nil {
			g.cfg.Logger.Error("panic", "client", client, "method", method, "panic", p, "stack", string(debug.Stack()))
			answer = encodeError(delivery.ErrUnknown)
		}
	}()
	inner, err := s.connect()
	if err != nil {
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.sessions[client] == s { // the next request connects anew
			delete(g.sessions, client)
		}
		return encodeError(err)
	}
	return g.handle(g.ctx, inner, method, request)
}

// begin finds the session of a client, and counts a request.
func (g *Gate) begin(client string) (*session, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.sessions[client]
	if s == nil {
		s = &session{
			parts: map[string]*pieces{}, answers: map[string]*pieces{},
			searches: rate.NewLimiter(rate.Every(searchEvery), searchBurst),
		}
		s.connect = sync.OnceValues(func() (delivery.Service, error) { return g.cfg.Service(g.ctx, client) })
		g.sessions[client] = s
	}
	if s.open >= g.cfg.Concurrent {
		return nil, &delivery.LimitError{What: "open requests", Retry: time.Second}
	}
	s.open++
	s.used = time.Now()
	return s, nil
}

// maySearch counts a search in the inbox of a client that has a request open, and reports whether
// there may be one now.
func (g *Gate) maySearch(client string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.sessions[client]
	return s != nil && s.searches.Allow()
}

// end ends a request, of which so many bytes are counted.
func (g *Gate) end(s *session, counted int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	s.open--
	g.pending -= counted
}

// close closes what a session has, if it has connected.
func (s *session) close() error {
	inner, err := s.connect()
	if err != nil {
		return nil // it is not connected
	}
	return inner.Close()
}

// sweep closes what nobody uses.
func (g *Gate) sweep() {
	for tick := time.NewTicker(g.cfg.Idle / 10); ; {
		select {
		case <-g.ctx.Done():
			tick.Stop()
			return
		case now := <-tick.C:
			g.mu.Lock()
			for name, s := range g.sessions {
				for _, table := range []map[string]*pieces{s.parts, s.answers} {
					for id, p := range table {
						if now.Sub(p.used) > g.cfg.Idle/10 {
							g.pending -= len(p.content)
							delete(table, id)
						}
					}
				}
				if s.open == 0 && now.Sub(s.used) > g.cfg.Idle && len(s.parts) == 0 && len(s.answers) == 0 {
					_ = s.close()
					delete(g.sessions, name)
				}
			}
			g.mu.Unlock()
		}
	}
}
