// Package jetstream is a delivery service on NATS JetStream, version 2.12 or later.
//
// One stream holds everything that groups and clients read, so that it has one order, and
// so that a commit, its Welcomes and its GroupInfo become part of it in one atomic batch.
// The epoch of a group is a compare-and-set on one subject: a batch is taken only if the
// last message on the group's subject of state is the one that the client has seen
// (Nats-Expected-Last-Subject-Sequence). What is larger than a message may be lies in an
// object store under its SHA-256, and the message refers to it. Key packages and
// acknowledgements are in buckets of keys and values.
//
// [Connect] is for those whom the service trusts: it uses the stream itself, and NATS tells
// it only which subjects it may use. A deployment whose clients are not trusted lets them
// at a gate alone (package gate), which is a client of this kind, with package guard in
// between.
//
// [Setup] makes the stream and the buckets, [Start] runs a server in the process, and
// [Collect] deletes what nobody needs any more.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/mlsuite/mlsuite/delivery"
)

// Service is a client's connection to the stream.
type Service struct {
	client string
	nc     *nats.Conn
	js     jetstream.JetStream
	keys   jetstream.KeyValue // key packages
	acks   jetstream.KeyValue
	large  jetstream.ObjectStore
	closed atomic.Bool

	mu     sync.Mutex
	epochs map[string]uint64 // that a group has reached, as far as is known
}

var _ delivery.Service = (*Service)(nil)

// Connect returns the service for a client of the given name, which consists of letters,
// digits, '-' and '_'. Closing the Service leaves nc open.
//
// The error is [delivery.ErrUnavailable] if the server does not answer or nobody has called
// [Setup].
func Connect(ctx context.Context, nc *nats.Conn, client string) (*Service, error) {
	if err := CheckName(client); err != nil {
		return nil, err
	}
	s := &Service{client: client, nc: nc, epochs: map[string]uint64{}}
	var err error
	if s.js, err = jetstream.New(nc); err != nil {
		return nil, err
	}
	if s.keys, err = s.js.KeyValue(ctx, keysBucket); err != nil {
		return nil, notReached(ctx, err)
	}
	if s.acks, err = s.js.KeyValue(ctx, acksBucket); err != nil {
		return nil, notReached(ctx, err)
	}
	if s.large, err = s.js.ObjectStore(ctx, largeBucket); err != nil {
		return nil, notReached(ctx, err)
	}
	return s, nil
}

// Queue is an option for connections on which a Service stands. For each Fetch, NATS makes a
// queue of answers, and by default one with room for 65,536, which is half a megabyte.
func Queue() nats.Option { return nats.SyncQueueLen(maxFetch + 64) }

// Client implements [delivery.Service].
func (s *Service) Client() string { return s.client }

// Close implements [delivery.Service].
func (s *Service) Close() error {
	s.closed.Store(true)
	return nil
}

// Health implements [delivery.Service].
func (s *Service) Health(ctx context.Context) (delivery.Health, error) {
	if err := s.usable(ctx); err != nil {
		return delivery.Health{}, err
	}
	stream, err := s.js.Stream(ctx, streamName)
	if err != nil {
		return delivery.Health{}, notReached(ctx, err)
	}
	info := stream.CachedInfo()
	h := delivery.Health{
		Implementation: "jetstream", Version: s.nc.ConnectedServerVersion(),
		Last: delivery.Position(info.State.LastSeq),
	}
	if info.Config.Storage != jetstream.FileStorage {
		h.Warnings = append(h.Warnings, "the stream is in memory")
	}
	if info.Config.Replicas < 3 {
		h.Warnings = append(h.Warnings, fmt.Sprintf("the stream has %d copy", info.Config.Replicas))
	}
	h.Warnings = append(h.Warnings, "a client cannot see whether the servers sync each write (sync_interval: always)")
	return h, nil
}

func (s *Service) usable(ctx context.Context) error {
	if s.closed.Load() {
		return delivery.ErrUnavailable
	}
	return ctx.Err()
}

// know remembers an epoch that a group has reached.
func (s *Service) know(group string, epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epochs[group] = max(s.epochs[group], epoch)
}

func (s *Service) known(group string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.epochs[group]
}

// notReached is the error of a request that changes nothing.
func notReached(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("%w: %w", delivery.ErrUnavailable, err)
}

// unknown is the error of a request that may have taken effect.
func unknown(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrNoServers), errors.Is(err, jetstream.ErrNoStreamResponse):
		return notReached(ctx, err)
	}
	return fmt.Errorf("%w: %w", delivery.ErrUnknown, err)
}

// conflict reports whether a compare-and-set found something else, or that somebody else
// is about to change it.
func conflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// within gives a context without a deadline one, so that a request that nobody answers ends.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, 10*time.Second)
}
