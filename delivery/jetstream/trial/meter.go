package trial

import (
	"context"
	"errors"
	"sync"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// counts counts what has a name. It is a [client.Metrics].
type counts struct {
	mu sync.Mutex
	of map[string]int64
}

func newCounts() *counts { return &counts{of: map[string]int64{}} }

// Add implements client.Metrics.
func (c *counts) Add(name string, delta int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of[name] += delta
}

func (c *counts) all() map[string]int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make(map[string]int64, len(c.of))
	for name, n := range c.of {
		all[name] = n
	}
	return all
}

// metered is the service as a member sees it. It counts the bytes of what is handed in and
// out. When process has ended, it does nothing more, and what was under way has an outcome
// that nobody learns: as if the process of the member had been killed.
type metered struct {
	delivery.Service
	process context.Context
	counts  *counts
}

// meter returns a service as a member sees it, which annotates if s does.
func meter(s delivery.Service, process context.Context, n *counts) delivery.Service {
	m := &metered{s, process, n}
	if a, ok := s.(delivery.Annotator); ok {
		return &meteredAnnotator{m, a}
	}
	return m
}

// meteredAnnotator is metered for a partial member.
type meteredAnnotator struct {
	*metered
	annotator delivery.Annotator
}

func (m *meteredAnnotator) FetchAnnotated(ctx context.Context, s delivery.Stream, leaf uint32, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := asked(m.metered, func() ([]delivery.Entry, error) { return m.annotator.FetchAnnotated(ctx, s, leaf, after, limit) })
	for _, e := range entries {
		m.down(e.Message, e.Annotation)
	}
	return entries, err
}

func (m *meteredAnnotator) AnnotateWelcome(ctx context.Context, group string, epoch uint64, signatureKey []byte) ([]byte, error) {
	return m.got(func() ([]byte, error) { return m.annotator.AnnotateWelcome(ctx, group, epoch, signatureKey) })
}

func (m *meteredAnnotator) MembershipProof(ctx context.Context, group string, epoch uint64, leaf uint32) ([]byte, error) {
	return m.got(func() ([]byte, error) { return m.annotator.MembershipProof(ctx, group, epoch, leaf) })
}

func (m *meteredAnnotator) Tree(ctx context.Context, group string, epoch uint64) ([]byte, error) {
	return m.got(func() ([]byte, error) { return m.annotator.Tree(ctx, group, epoch) })
}

func (m *meteredAnnotator) got(ask func() ([]byte, error)) ([]byte, error) {
	b, err := asked(m.metered, ask)
	m.down(b)
	return b, err
}

// ended reports whether the process was killed.
func (m *metered) ended() bool { return m.process.Err() != nil }

func (m *metered) up(parts ...[]byte)   { m.count(bytesUp, parts) }
func (m *metered) down(parts ...[]byte) { m.count(bytesDown, parts) }

func (m *metered) count(name string, parts [][]byte) {
	n := 0
	for _, part := range parts {
		n += len(part)
	}
	m.counts.Add(name, int64(n))
}

// asked asks the service, in the life of the process.
func asked[T any](m *metered, ask func() (T, error)) (T, error) {
	var none T
	if m.ended() {
		return none, delivery.ErrUnavailable
	}
	v, err := ask()
	if m.ended() {
		return none, delivery.ErrUnknown
	}
	return v, err
}

func told(m *metered, tell func() error) error {
	_, err := asked(m, func() (struct{}, error) { return struct{}{}, tell() })
	return err
}

func (m *metered) Publish(ctx context.Context, change delivery.Stock) error {
	for _, kp := range change.Add {
		m.up(kp.Message)
	}
	for _, kp := range change.LastResort {
		m.up(kp.Message)
	}
	return told(m, func() error { return m.Service.Publish(ctx, change) })
}

func (m *metered) Stocked(ctx context.Context) ([][]byte, error) {
	return asked(m, func() ([][]byte, error) { return m.Service.Stocked(ctx) })
}

func (m *metered) Claim(ctx context.Context, client string, of suite.ID) ([]byte, error) {
	keyPackage, err := asked(m, func() ([]byte, error) { return m.Service.Claim(ctx, client, of) })
	m.down(keyPackage)
	return keyPackage, err
}

func (m *metered) Submit(ctx context.Context, s delivery.Submission) (delivery.Position, error) {
	for _, c := range s.Commits {
		m.up(c.Message, c.GroupInfo, c.Tree)
	}
	for _, w := range s.Welcomes {
		m.up(w.Message, w.Tree)
	}
	return asked(m, func() (delivery.Position, error) { return m.Service.Submit(ctx, s) })
}

func (m *metered) Send(ctx context.Context, message delivery.Message) (delivery.Position, error) {
	m.up(message.Message)
	return asked(m, func() (delivery.Position, error) { return m.Service.Send(ctx, message) })
}

func (m *metered) Fetch(ctx context.Context, s delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := asked(m, func() ([]delivery.Entry, error) { return m.Service.Fetch(ctx, s, after, limit) })
	for _, e := range entries {
		m.down(e.Message, e.Tree)
	}
	return entries, err
}

func (m *metered) GroupInfo(ctx context.Context, group string) (delivery.GroupInfo, error) {
	info, err := asked(m, func() (delivery.GroupInfo, error) { return m.Service.GroupInfo(ctx, group) })
	m.down(info.Message, info.Tree)
	return info, err
}

func (m *metered) Acknowledge(ctx context.Context, s delivery.Stream, position delivery.Position) error {
	return told(m, func() error { return m.Service.Acknowledge(ctx, s, position) })
}

func (m *metered) Acknowledged(ctx context.Context, s delivery.Stream) (delivery.Position, error) {
	return asked(m, func() (delivery.Position, error) { return m.Service.Acknowledged(ctx, s) })
}

func (m *metered) Leave(ctx context.Context, s delivery.Stream) error {
	return told(m, func() error { return m.Service.Leave(ctx, s) })
}

// errKilled says that the process of a member was killed.
var errKilled = errors.New("trial: killed")

// mortal is a store that a process has open: when process has ended, nothing more is
// written, and nobody learns whether the Update under way was.
type mortal struct {
	store.Store
	process context.Context
}

func (m mortal) View(ctx context.Context, read func(store.Reader) error) error {
	if m.process.Err() != nil {
		return errKilled
	}
	return m.Store.View(ctx, read)
}

func (m mortal) Update(ctx context.Context, write func(store.Writer) error) error {
	if m.process.Err() != nil {
		return errKilled
	}
	err := m.Store.Update(ctx, write)
	if m.process.Err() != nil {
		return errKilled
	}
	return err
}
