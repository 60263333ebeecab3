// Package jetstream is a delivery service on NATS JetStream, version 2.12 or later.
//
// One stream holds everything that groups and clients read, so that it has one order, and
// so that a commit, its Welcomes and its GroupInfo become part of it in one atomic batch. What a
// batch has no room for are Welcomes behind about the first 990: these follow in further ones,
// which the first one announces (see [Service.Submit]).
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
// A request ends when its connection is lost, since its answer has gone with that, and none
// is sent while there is no connection: a caller tries again, and need not wait for a time
// to be over.
//
// [Setup] makes the stream and the buckets, [Start] runs a server in the process, and
// [Collect] deletes what nobody needs any more.
package jetstream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/jetstream/internal/inflight"
)

// Service is a client's connection to the stream.
type Service struct {
	client string
	nc     *nats.Conn
	js     jetstream.JetStream
	keys   jetstream.KeyValue // key packages
	stock  jetstream.Stream   // of keys
	acks   jetstream.KeyValue
	acked  jetstream.Stream // of acks
	large  jetstream.ObjectStore
	open   *inflight.Requests
	closed atomic.Bool

	batchSize int // maxBatch, but in tests

	mu     sync.Mutex
	epochs map[string]uint64 // that a group has reached, as far as is known on this connection
	losses int               // of the connection, at which epochs begins
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
	s := &Service{client: client, nc: nc, batchSize: maxBatch, epochs: map[string]uint64{}}
	var err error
	if s.js, err = jetstream.New(nc); err != nil {
		return nil, err
	}
	s.open = inflight.On(nc)
	if err := s.buckets(ctx); err != nil {
		s.open.Close()
		return nil, err
	}
	return s, nil
}

func (s *Service) buckets(ctx context.Context) error {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	if s.keys, err = s.js.KeyValue(ctx, keysBucket); err == nil {
		s.stock, err = s.js.Stream(ctx, bucketStream(keysBucket))
	}
	if err == nil {
		s.acks, err = s.js.KeyValue(ctx, acksBucket)
	}
	if err == nil {
		s.acked, err = s.js.Stream(ctx, bucketStream(acksBucket))
	}
	if err == nil {
		s.large, err = s.js.ObjectStore(ctx, largeBucket)
	}
	if err != nil {
		return notReached(ctx, err)
	}
	return nil
}

// Queue is an option for connections on which a Service stands. For each Fetch, NATS makes a
// queue of answers, and by default one with room for 65,536, which is half a megabyte.
func Queue() nats.Option { return nats.SyncQueueLen(maxFetch + 64) }

// Client implements [delivery.Service].
func (s *Service) Client() string { return s.client }

// Close implements [delivery.Service].
func (s *Service) Close() error {
	if !s.closed.Swap(true) {
		s.open.Close()
	}
	return nil
}

// Health implements [delivery.Service].
func (s *Service) Health(ctx context.Context) (delivery.Health, error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return delivery.Health{}, err
	}
	defer done()
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
	if limit := info.Config.MaxBytes; limit > 0 && info.State.Bytes > uint64(limit)/10*9 {
		h.Warnings = append(h.Warnings, "the stream is almost full")
	}
	h.Warnings = append(h.Warnings, "a client cannot see whether the servers sync each write (sync_interval: always)")
	return h, nil
}

// begin returns a context for what a method asks, which ends when the connection is lost.
func (s *Service) begin(ctx context.Context) (_ context.Context, done func(), err error) {
	if s.closed.Load() {
		return nil, nil, delivery.ErrUnavailable
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	bound, done, err := s.open.Begin(ctx)
	if err != nil {
		return nil, nil, notReached(ctx, err)
	}
	return bound, done, nil
}

// know remembers an epoch that a group has reached.
func (s *Service) know(group string, epoch uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLost()
	s.epochs[group] = max(s.epochs[group], epoch)
}

func (s *Service) known(group string) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLost()
	return s.epochs[group]
}

// forgetLost forgets the epochs if the connection was lost since: a server that comes back may
// have lost some. It is called with the mutex.
func (s *Service) forgetLost() {
	if losses := s.open.Losses(); losses != s.losses {
		s.losses = losses
		clear(s.epochs)
	}
}

// notReached is the error of a request that changes nothing.
func notReached(ctx context.Context, err error) error {
	err, callers := inflight.Why(ctx, err)
	switch {
	case callers:
		return err
	case full(err):
		return fmt.Errorf("%w: %w", delivery.ErrFull, err)
	}
	return fmt.Errorf("%w: %w", delivery.ErrUnavailable, err)
}

// unknown is the error of a request that may have taken effect.
func unknown(ctx context.Context, err error) error {
	err, callers := inflight.Why(ctx, err)
	switch {
	case callers:
		return err
	case errors.Is(err, nats.ErrNoResponders), errors.Is(err, nats.ErrNoServers), errors.Is(err, jetstream.ErrNoStreamResponse), full(err):
		return notReached(ctx, err)
	}
	return fmt.Errorf("%w: %w", delivery.ErrUnknown, err)
}

// Error codes of NATS.
const (
	storeFailed jetstream.ErrorCode = 10077 // of a stream, as its description says
	noResources jetstream.ErrorCode = 10023 // the server has no disk left
)

// full reports whether a stream, or a server, has no room for what was published.
func full(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	return api.ErrorCode == noResources || api.ErrorCode == storeFailed && strings.HasPrefix(api.Description, "maximum ")
}

// conflict reports whether a compare-and-set found something else, or that somebody else
// is about to change it.
func conflict(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && (api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence || api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequenceConstant)
}

// within bounds a request that nobody answers.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	return inflight.Within(ctx, 10*time.Second)
}
