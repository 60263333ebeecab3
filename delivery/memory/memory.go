// Package memory is a delivery service in memory, for tests and simulations: all clients
// are in one process, and nothing outlives it.
package memory

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
)

// Options are the limits of a Server. The zero value has none.
type Options struct {
	// Now is the server's clock; nil stands for time.Now.
	Now func() time.Time

	// Claims is the number of key packages that a client may take of another one in each
	// Window; 0 is any.
	Claims int
	Window time.Duration

	// MaxMessage is the size in bytes of the largest message; 0 is any.
	MaxMessage int

	// AtOnce is the number of Welcomes that become part of the streams with their submission; 0
	// is any. The answer to a submission that has more is lost behind these, and the others come
	// when it is repeated: see [delivery.Service].Submit.
	AtOnce int
}

// Server holds what all clients have handed in.
type Server struct {
	options Options

	mu      sync.Mutex
	last    delivery.Position
	streams map[delivery.Stream]*stream
	groups  map[string]*group
	stocks  map[string]*stock // by client
	taken   map[taken]took
	claims  map[claimant][]time.Time
	watches map[*watch]struct{}
}

// taken is the ID of a Submission or a Message with its client.
type taken struct{ client, id string }

// took is what became of it, with the sum of a Submission.
type took struct {
	position delivery.Position
	sum      [32]byte
	follow   []invitation // Welcomes that are not there yet
}

// invitation is a Welcome for a client.
type invitation struct {
	client string
	entry  delivery.Entry
}

type claimant struct{ client, target string }

// stream is the entries that are kept, and what comes with them.
type stream struct {
	entries []delivery.Entry
	dropped delivery.Position // of the last entry that is no longer kept
	acked   map[string]delivery.Position
}

type group struct {
	epoch uint64
	began delivery.Position
	info  delivery.GroupInfo // with the SelfRemoves of the epoch
}

// NewServer returns a Server without clients.
func NewServer(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{
		options: o,
		streams: map[delivery.Stream]*stream{},
		groups:  map[string]*group{},
		stocks:  map[string]*stock{},
		taken:   map[taken]took{},
		claims:  map[claimant][]time.Time{},
		watches: map[*watch]struct{}{},
	}
}

// Client returns the service as the client of that name sees it.
func (s *Server) Client(name string) delivery.Service { return &service{server: s, client: name} }

// Drop deletes the entries up to position from all streams, as a service does with what is
// too old. It takes a message again that was among them.
func (s *Server) Drop(position delivery.Position) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		st.drop(position)
	}
	maps.DeleteFunc(s.taken, func(_ taken, was took) bool { return was.sum == [32]byte{} && was.position <= position })
}

// Collect deletes the entries that all readers of a stream have acknowledged.
func (s *Server) Collect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.streams {
		if len(st.acked) == 0 {
			continue
		}
		slowest := s.last
		for _, position := range st.acked {
			slowest = min(slowest, position)
		}
		st.drop(slowest)
	}
}

// Entries returns the entries that the stream has, for a test to look at.
func (s *Server) Entries(of delivery.Stream) []delivery.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	return copied(s.stream(of).entries)
}

func (st *stream) drop(position delivery.Position) {
	n := 0
	for n < len(st.entries) && st.entries[n].Position <= position {
		st.dropped = st.entries[n].Position
		n++
	}
	st.entries = slices.Delete(st.entries, 0, n)
}

// stream returns a stream, and makes it if there is none.
func (s *Server) stream(of delivery.Stream) *stream {
	st := s.streams[of]
	if st == nil {
		st = &stream{acked: map[string]delivery.Position{}}
		s.streams[of] = st
	}
	return st
}

// append gives e its place in a stream.
func (s *Server) append(to delivery.Stream, e delivery.Entry) {
	s.last++
	e.Position, e.Time = s.last, s.options.Now()
	st := s.stream(to)
	st.entries = append(st.entries, e)
	for w := range s.watches {
		w.tell(to)
	}
}

// service is one client's view.
type service struct {
	server *Server
	client string

	mu     sync.Mutex
	closed bool
}

func (s *service) Client() string { return s.client }

// enter begins a call, with the server's lock held if the error is nil.
func (s *service) enter(ctx context.Context) (leave func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return nil, delivery.ErrUnavailable
	}
	s.server.mu.Lock()
	return s.server.mu.Unlock, nil
}

func (s *service) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	return nil
}

func (s *service) Health(ctx context.Context) (delivery.Health, error) {
	leave, err := s.enter(ctx)
	if err != nil {
		return delivery.Health{}, err
	}
	defer leave()
	return delivery.Health{
		Implementation: "memory", Last: s.server.last,
		Warnings: []string{"nothing outlives the process"},
	}, nil
}
