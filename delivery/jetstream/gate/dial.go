package gate

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/mlsuite/mlsuite/delivery"
	service "github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/delivery/jetstream/internal/inflight"
	"github.com/mlsuite/mlsuite/suite"
)

// inboxPrefix returns what the subjects begin with on which a client gets its answers.
func inboxPrefix(client string) string { return "_INBOX_" + client }

// Inbox is an option for the connection of a client: it gets its answers where nobody else
// may listen.
func Inbox(client string) nats.Option { return nats.CustomInboxPrefix(inboxPrefix(client)) }

func hintSubject(of delivery.Stream) string {
	if of.Group != "" {
		sum := sha256.Sum256([]byte(of.Group)) // a client may listen to all, and learns no id
		return hintPrefix + "g." + base64.RawURLEncoding.EncodeToString(sum[:])
	}
	return hintPrefix + "w." + of.Client
}

// Dial returns the service behind the gates as a client of that name sees it, a
// [delivery.Annotator]. The connection was made with [Inbox]. Closing the Service leaves it
// open.
func Dial(nc *nats.Conn, client string) (delivery.Service, error) {
	if err := service.CheckName(client); err != nil {
		return nil, err
	}
	return &remote{nc: nc, open: inflight.On(nc), client: client}, nil
}

// Connect connects to a server, or to a cluster of them, whose URLs are separated by
// commas, and returns the service as Dial does. The connection comes back by itself when it
// is lost, and Close ends it. Where no server is reached, the error is
// [delivery.ErrUnavailable], unless options have nats.RetryOnFailedConnect: then each call says so
// until a server is there.
func Connect(urls, client string, options ...nats.Option) (delivery.Service, error) {
	if err := service.CheckName(client); err != nil {
		return nil, err
	}
	nc, err := nats.Connect(urls, append([]nats.Option{Inbox(client), nats.MaxReconnects(-1)}, options...)...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", delivery.ErrUnavailable, err)
	}
	return &remote{nc: nc, open: inflight.On(nc), client: client, owned: true}, nil
}

// remote is a service behind a gate.
type remote struct {
	nc     *nats.Conn
	open   *inflight.Requests
	client string
	owned  bool // whether Close closes nc

	mu     sync.Mutex
	gate   string // that answers, or "" if it has to be found
	closed bool
}

func (r *remote) Client() string { return r.client }

func (r *remote) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.closed {
		r.open.Close()
	}
	r.closed = true
	if r.owned {
		r.nc.Close()
	}
	return nil
}

// find returns the gate that answers.
func (r *remote) find(ctx context.Context) (string, error) {
	r.mu.Lock()
	gate, closed := r.gate, r.closed
	r.mu.Unlock()
	if closed {
		return "", delivery.ErrUnavailable
	}
	if gate != "" {
		return gate, nil
	}
	reply, err := r.nc.RequestWithContext(ctx, askPrefix+"hello."+r.client+".ask", nil)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gate = string(reply.Data)
	return r.gate, nil
}

// forget lets the next request find another gate.
func (r *remote) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gate = ""
}

// ask sends a request and reads the result into result, unless it is nil. Changes says that
// a request whose answer is lost may have taken effect.
func (r *remote) ask(ctx context.Context, method string, changes bool, request, result any) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, done, err := r.open.Begin(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", delivery.ErrUnavailable, err)
	}
	defer done()
	ctx, cancel := inflight.Within(ctx, 20*time.Second)
	defer cancel()
	whole, sent, err := r.exchange(ctx, method, encode(request))
	if err != nil {
		r.forget()
		err, callers := inflight.Why(ctx, err)
		switch {
		case callers:
			return err
		case changes && sent && !errors.Is(err, nats.ErrNoResponders):
			return fmt.Errorf("%w: %w", delivery.ErrUnknown, err)
		}
		return fmt.Errorf("%w: %w", delivery.ErrUnavailable, err)
	}
	var a answer
	if err := decode(whole, &a); err != nil {
		return delivery.ErrUnknown
	}
	if a.Error != nil {
		return a.Error.error()
	}
	if result == nil {
		return nil
	}
	return decode(a.Result, result)
}

// exchange sends a request, in pieces if it is large, and returns the whole answer. Sent
// says that the gate may have all of the request.
func (r *remote) exchange(ctx context.Context, method string, request []byte) (whole []byte, sent bool, err error) {
	gate, err := r.find(ctx)
	if err != nil {
		return nil, false, err
	}
	subject := func(method string) string { return askPrefix + gate + "." + r.client + "." + method }
	limit := pieceSize(r.nc)
	id := rand.Text()
	var reply *nats.Msg
	for offset := 0; offset == 0 || offset < len(request); offset += limit {
		m := nats.NewMsg(subject(method))
		m.Data = request[offset:min(offset+limit, len(request))]
		if len(request) > limit {
			m.Header.Set(requestHeader, id)
			m.Header.Set(offsetHeader, strconv.Itoa(offset))
			m.Header.Set(sizeHeader, strconv.Itoa(len(request)))
		}
		last := offset+limit >= len(request)
		sent = sent || last
		if reply, err = r.nc.RequestMsgWithContext(ctx, m); err != nil {
			return nil, sent, err
		}
		if !last && len(reply.Data) > 0 {
			return reply.Data, false, nil // an error
		}
	}
	whole = reply.Data
	answer := reply.Header.Get(answerHeader)
	if answer == "" {
		return whole, true, nil
	}
	size, err := strconv.Atoi(reply.Header.Get(sizeHeader))
	if err != nil {
		return nil, true, err
	}
	for len(whole) < size {
		reply, err := r.nc.RequestWithContext(ctx, subject("more"), fmt.Appendf(nil, "%d %s", len(whole), answer))
		if err != nil {
			return nil, true, err
		}
		if len(reply.Data) == 0 || len(whole)+len(reply.Data) > size {
			return nil, true, errPieces
		}
		whole = append(whole, reply.Data...)
	}
	return whole, true, nil
}

func (r *remote) Publish(ctx context.Context, change delivery.Stock) error {
	return r.ask(ctx, "publish", true, change, nil)
}

func (r *remote) Stocked(ctx context.Context) (refs [][]byte, err error) {
	return refs, r.ask(ctx, "stocked", false, nil, &refs)
}

func (r *remote) Claim(ctx context.Context, client string, of suite.ID) (kp []byte, err error) {
	err = r.ask(ctx, "claim", true, claimRequest{client, of}, &kp)
	return kp, err
}

func (r *remote) Submit(ctx context.Context, sub delivery.Submission) (at delivery.Position, err error) {
	err = r.ask(ctx, "submit", true, sub, &at)
	return at, err
}

func (r *remote) Send(ctx context.Context, m delivery.Message) (at delivery.Position, err error) {
	err = r.ask(ctx, "send", true, m, &at)
	return at, err
}

func (r *remote) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) (entries []delivery.Entry, err error) {
	err = r.ask(ctx, "fetch", false, fetchRequest{of, after, limit}, &entries)
	return entries, err
}

// FetchAnnotated implements [delivery.Annotator], as the methods below: the service behind the
// gate sees nothing if no guard stands before it.
func (r *remote) FetchAnnotated(ctx context.Context, of delivery.Stream, leaf uint32, after delivery.Position, limit int) (entries []delivery.Entry, err error) {
	err = r.ask(ctx, "annotated", false, annotatedRequest{fetchRequest{of, after, limit}, leaf}, &entries)
	return entries, err
}

func (r *remote) AnnotateWelcome(ctx context.Context, group string, epoch uint64, signatureKey []byte) (annotation []byte, err error) {
	err = r.ask(ctx, "welcome", false, epochRequest{Group: group, Epoch: epoch, SignatureKey: signatureKey}, &annotation)
	return annotation, err
}

func (r *remote) MembershipProof(ctx context.Context, group string, epoch uint64, leaf uint32) (proof []byte, err error) {
	err = r.ask(ctx, "proof", false, epochRequest{Group: group, Epoch: epoch, Leaf: leaf}, &proof)
	return proof, err
}

func (r *remote) Tree(ctx context.Context, group string, epoch uint64) (tree []byte, err error) {
	err = r.ask(ctx, "tree", false, epochRequest{Group: group, Epoch: epoch}, &tree)
	return tree, err
}

func (r *remote) GroupInfo(ctx context.Context, group string) (info delivery.GroupInfo, err error) {
	err = r.ask(ctx, "info", false, group, &info)
	return info, err
}

func (r *remote) Acknowledge(ctx context.Context, of delivery.Stream, position delivery.Position) error {
	return r.ask(ctx, "acknowledge", true, acknowledgement{of, position}, nil)
}

func (r *remote) Acknowledged(ctx context.Context, of delivery.Stream) (at delivery.Position, err error) {
	err = r.ask(ctx, "acknowledged", false, of, &at)
	return at, err
}

func (r *remote) Leave(ctx context.Context, of delivery.Stream) error {
	return r.ask(ctx, "leave", true, of, nil)
}

func (r *remote) Health(ctx context.Context) (h delivery.Health, err error) {
	err = r.ask(ctx, "health", false, nil, &h)
	return h, err
}

// MaxWatched is the number of streams that a client watches at most, each by a subscription of
// its own. Of those behind them, it is told nothing.
const MaxWatched = 10_001

// Watch listens to the hints of gates: they tell of what comes through a gate.
func (r *remote) Watch(ctx context.Context, streams ...delivery.Stream) (<-chan delivery.Stream, error) {
	ctx, done, err := r.open.Begin(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", delivery.ErrUnavailable, err)
	}
	fail := func(err error) (<-chan delivery.Stream, error) {
		defer done()
		if err, callers := inflight.Why(ctx, err); !callers {
			return nil, fmt.Errorf("%w: %w", delivery.ErrUnavailable, err)
		}
		return nil, ctx.Err()
	}
	if _, err := r.find(ctx); err != nil {
		return fail(err)
	}
	if len(streams) > MaxWatched {
		streams = streams[:MaxWatched]
	}
	of := map[string]delivery.Stream{}
	hints := make(chan *nats.Msg, 256)
	var subs []*nats.Subscription
	stop := func() {
		for _, sub := range subs {
			_ = sub.Unsubscribe()
		}
	}
	told := make(chan delivery.Stream, len(streams))
	for _, st := range streams {
		of[hintSubject(st)] = st
		sub, err := r.nc.ChanSubscribe(hintSubject(st), hints)
		if err != nil {
			stop()
			return fail(err)
		}
		subs = append(subs, sub)
		told <- st
	}
	if err := r.nc.FlushWithContext(ctx); err != nil && !errors.Is(err, nats.ErrNoDeadlineContext) {
		stop()
		return fail(err)
	}
	go func() {
		defer done()
		defer close(told)
		defer stop()
		for {
			select {
			case <-ctx.Done():
				return
			case m := <-hints:
				select {
				case told <- of[m.Subject]:
				case <-ctx.Done():
					return
				}
			}
		}
	}()
	return told, nil
}
