package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/mlsuite/mlsuite/interop/mlsclient"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// server holds the state of the runner's actors. All ids come from one counter, so a
// state and a transaction never share one.
type server struct {
	mlsclient.UnsafeMLSClientServer // a method that is missing does not compile

	suites   mls.Suites
	now      func() time.Time
	noGREASE bool // for peers that do not ignore the reserved values

	// made, if not nil, changes a key package to one that this engine does not make,
	// before it is sent. With it tests stand in for other implementations.
	made func(context.Context, *transaction) error

	mu           sync.Mutex
	lastID       uint32
	members      map[uint32]*member // states
	transactions map[uint32]*transaction
	signers      map[uint32]suite.Signer // external ones
}

func newServer(suites mls.Suites, now func() time.Time) *server {
	return &server{
		suites:       suites,
		now:          now,
		members:      map[uint32]*member{},
		transactions: map[uint32]*transaction{},
		signers:      map[uint32]suite.Signer{},
	}
}

// config returns the configuration of every group here. It allows peers more than the
// defaults do.
func (s *server) config() mls.Config {
	return mls.Config{
		Suites:   s.suites,
		NoGREASE: s.noGREASE,
		// Other implementations make key packages that never expire.
		Lifetimes: mls.LifetimePolicy{MaxTotal: -1},
		// Scripts reach back further than an application has to.
		Limits: mls.Limits{PastEpochs: 16, ResumptionPSKs: 256},
	}
}

// maxMessage bounds the size of a request. Welcomes and trees of large post-quantum
// groups exceed gRPC's default of 4 MiB.
const maxMessage = 64 << 20

// newGRPCServer serves s and logs the calls that fail.
func newGRPCServer(s *server, logf func(format string, args ...any)) *grpc.Server {
	intercept := func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		reply, err := handler(ctx, req)
		if err != nil {
			logf("%s: %v", info.FullMethod, err)
			return nil, status.Error(code(err), err.Error())
		}
		return reply, nil
	}
	g := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.UnaryInterceptor(intercept))
	mlsclient.RegisterMLSClientServer(g, s)
	return g
}

var (
	errUnknownID = errors.New("unknown id")
	errRequest   = errors.New("request is not valid")
	errState     = errors.New("state does not allow it")
)

// code returns the gRPC status of an error.
func code(err error) codes.Code {
	is := func(classes ...error) bool {
		for _, class := range classes {
			if errors.Is(err, class) {
				return true
			}
		}
		return false
	}
	_, missing := errors.AsType[*mls.MissingProposalsError](err)
	switch {
	case missing:
		return codes.InvalidArgument
	case is(errUnknownID):
		return codes.NotFound
	case is(errState, mls.ErrRetired, mls.ErrKeyPackageUsed, mls.ErrRemoved, mls.ErrReInit, mls.ErrPendingProposals):
		return codes.FailedPrecondition
	case is(errRequest, message.ErrMalformed, message.ErrInvalid, message.ErrUnsupported, mls.ErrWrongGroup, mls.ErrFutureEpoch, mls.ErrPastEpoch, mls.ErrDecrypt,
		mls.ErrConsumed, mls.ErrGeneration, mls.ErrOwnMessage, mls.ErrUnknownPSK, mls.ErrNotRecipient):
		return codes.InvalidArgument
	}
	return codes.Internal
}

// enter puts a value into one of s's tables and returns its id.
func enter[T any](s *server, table map[uint32]T, value T) uint32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	table[s.lastID] = value
	return s.lastID
}

// find returns the value of an id in one of s's tables.
func find[T any](s *server, table map[uint32]T, id uint32, what string) (T, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	value, ok := table[id]
	if !ok {
		return value, fmt.Errorf("%w: %s %d", errUnknownID, what, id)
	}
	return value, nil
}

// member returns the member of a state id, locked until done is called.
func (s *server) member(id uint32) (m *member, done func(), err error) {
	m, err = find(s, s.members, id, "state")
	if err != nil {
		return nil, nil, err
	}
	m.mu.Lock()
	return m, m.mu.Unlock, nil
}

func (s *server) Name(context.Context, *mlsclient.Empty) (*mlsclient.NameReply, error) {
	return &mlsclient.NameReply{Name: "mlsuite"}, nil
}

func (s *server) SupportedCiphersuites(context.Context, *mlsclient.Empty) (*mlsclient.SuitesReply, error) {
	var reply mlsclient.SuitesReply
	for _, id := range s.suites.IDs() {
		reply.Ciphersuites = append(reply.Ciphersuites, uint32(id))
	}
	return &reply, nil
}

func (s *server) Free(_ context.Context, req *mlsclient.StateRequest) (*mlsclient.Empty, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.members[req.StateId]; !ok {
		return nil, fmt.Errorf("%w: state %d", errUnknownID, req.StateId)
	}
	delete(s.members, req.StateId)
	return &mlsclient.Empty{}, nil
}
