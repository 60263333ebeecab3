package jetstream

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/jetstream/internal/inflight"
)

// Send implements [delivery.Service].
func (s *Service) Send(ctx context.Context, m delivery.Message) (delivery.Position, error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	if err = m.Check(); err != nil {
		return 0, err
	}
	if known := s.known(m.Group); known == 0 || known < m.Epoch {
		st, err := s.state(ctx, m.Group)
		switch {
		case err != nil:
			return 0, err
		case st.sequence == 0:
			return 0, delivery.ErrNoGroup
		case st.epoch < m.Epoch:
			return 0, &delivery.EpochError{Group: m.Group, Epoch: m.Epoch, Current: st.epoch, CurrentPosition: st.began}
		}
	}
	kind := "m"
	if m.SelfRemove {
		kind = "l"
	}
	msg := &nats.Msg{Subject: entrySubject(m.Group, kind, s.client, m.ID), Header: withEpoch(m.Epoch)}
	if msg.Data, err = s.payload(ctx, msg.Header, s.inline(), m.Message, nil); err != nil {
		return 0, notReached(ctx, err)
	}
	ack, err := s.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(0))
	if err == nil {
		return delivery.Position(ack.Sequence), nil
	}
	if !conflict(err) {
		return 0, unknown(ctx, err)
	}
	sent, err := s.last(ctx, msg.Subject)
	if err != nil {
		return 0, err
	}
	if sent == nil { // it is on its way
		return 0, delivery.ErrUnknown
	}
	return delivery.Position(sent.Sequence), nil
}

// maxFetch is the number of entries that Fetch returns at most, and maxFetchBytes of their
// bytes about.
const (
	maxFetch      = 256
	maxFetchBytes = 8 << 20
)

// Fetch implements [delivery.Service]. A copy of the stream may answer that is behind by
// some entries: then they come with a later call.
func (s *Service) Fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	return s.fetchParts(ctx, of, after, limit, entryParts)
}

// FetchWithoutTrees is Fetch for who does without the trees of Welcomes, which it does not
// load.
func (s *Service) FetchWithoutTrees(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	return s.fetchParts(ctx, of, after, limit, entryParts-1)
}

// entryParts is the number of parts of an entry: the message and the tree.
const entryParts = 2

func (s *Service) fetchParts(ctx context.Context, of delivery.Stream, after delivery.Position, limit, parts int) ([]delivery.Entry, error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if !s.has(of) {
		return nil, delivery.ErrNoGroup
	}
	if limit <= 0 || limit > maxFetch {
		limit = maxFetch
	}
	ctx, cancel := within(ctx)
	defer cancel()
	entries, err := s.fetch(ctx, of, after, limit, parts)
	if err != nil {
		return nil, notReached(ctx, err)
	}
	// Behind the entries: before some are deleted, a message says so.
	if err := s.checkGap(ctx, of, after, entries); err != nil {
		return nil, err
	}
	if len(entries) == 0 && of.Group != "" && s.known(of.Group) == 0 {
		st, err := s.state(ctx, of.Group)
		switch {
		case err != nil:
			return nil, err
		case st.sequence == 0:
			return nil, delivery.ErrNoGroup
		}
	}
	return entries, nil
}

// has reports whether there may be such a stream, for this client to read.
func (s *Service) has(of delivery.Stream) bool {
	if of.Group == "" {
		return of.Client == s.client
	}
	return delivery.CheckGroup(of.Group) == nil
}

func (s *Service) fetch(ctx context.Context, of delivery.Stream, after delivery.Position, limit, parts int) ([]delivery.Entry, error) {
	messages, err := s.batch(ctx, streamName, entriesOf(of), uint64(after), limit, maxFetchBytes)
	if err != nil {
		return nil, err
	}
	var entries []delivery.Entry
	size := 0
	for _, m := range messages {
		e, err := s.entry(ctx, m, parts)
		if err != nil {
			return nil, err
		}
		entries = append(entries, e)
		if size += len(e.Message) + len(e.Tree); size >= maxFetchBytes {
			break // the objects to which the messages refer
		}
	}
	return entries, nil
}

// batch returns messages of a stream whose subjects match a filter, those behind a sequence, at
// most limit of them and about so many bytes.
func (s *Service) batch(ctx context.Context, stream, filter string, after uint64, limit, bytes int) ([]*jetstream.RawStreamMsg, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	messages, err := jetstreamext.GetBatch(ctx, s.js, stream, limit,
		jetstreamext.GetBatchSeq(after+1), jetstreamext.GetBatchSubject(filter), jetstreamext.GetBatchMaxBytes(bytes))
	if err != nil {
		return nil, err
	}
	var all []*jetstream.RawStreamMsg
	for m, err := range messages {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			break
		}
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	if ctx.Err() != nil { // which jetstreamext takes for the end
		err, _ := inflight.Why(ctx, ctx.Err())
		return nil, err
	}
	return all, nil
}

// entry reads a message of the stream, with so many of its parts.
func (s *Service) entry(ctx context.Context, m *jetstream.RawStreamMsg, wanted int) (delivery.Entry, error) {
	parts, err := s.firstParts(ctx, m.Data, wanted, entryParts)
	if err != nil {
		return delivery.Entry{}, err
	}
	of, ok := streamOf(m.Subject)
	if !ok {
		return delivery.Entry{}, errPayload
	}
	e := delivery.Entry{
		Position: delivery.Position(m.Sequence), Epoch: epochOf(m.Header),
		Group: of.Group, Message: parts[0], Tree: parts[1], Time: m.Time,
	}
	t := strings.Split(m.Subject, ".")
	if of.Group == "" {
		e.Kind, e.From, e.Start = delivery.KindWelcome, t[4], startOf(m.Header, e.Position)
		if e.ID, err = untoken(t[5]); err != nil {
			return delivery.Entry{}, err
		}
		e.Group, err = untoken(m.Header.Get(groupHeader))
		return e, err
	}
	e.Kind, e.From = delivery.KindMessage, t[5]
	if t[4] == "c" {
		e.Kind = delivery.KindCommit
		s.know(of.Group, e.Epoch+1)
	}
	e.ID, err = untoken(t[6])
	return e, err
}

// checkGap returns why what is behind after is not all there.
func (s *Service) checkGap(ctx context.Context, of delivery.Stream, after delivery.Position, entries []delivery.Entry) error {
	m, err := s.last(ctx, droppedOf(of))
	if err != nil || m == nil || len(m.Data) != 8 {
		return err
	}
	dropped := delivery.Position(binary.BigEndian.Uint64(m.Data))
	if after >= dropped {
		return nil
	}
	e := &delivery.GapError{Stream: of, After: after, Kept: dropped}
	if len(entries) > 0 {
		e.Oldest = entries[0].Position
	}
	return e
}

// Watch implements [delivery.Service].
func (s *Service) Watch(ctx context.Context, streams ...delivery.Stream) (<-chan delivery.Stream, error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	var filters []string
	for _, of := range streams {
		filters = append(filters, entriesOf(of))
	}
	consumer, err := s.js.OrderedConsumer(ctx, streamName, jetstream.OrderedConsumerConfig{
		FilterSubjects: filters, DeliverPolicy: jetstream.DeliverNewPolicy, HeadersOnly: true,
		InactiveThreshold: time.Minute,
	})
	var messages jetstream.MessagesContext
	if err == nil {
		messages, err = consumer.Messages()
	}
	if err != nil {
		defer done()
		return nil, notReached(ctx, err)
	}
	stop := context.AfterFunc(ctx, messages.Stop)
	told := make(chan delivery.Stream, len(streams))
	for _, of := range streams { // which may have entries since the caller looked
		told <- of
	}
	go func() {
		defer done()
		defer close(told)
		defer stop()
		defer messages.Stop()
		for {
			m, err := messages.Next()
			if errors.Is(err, jetstream.ErrMsgIteratorClosed) {
				return
			}
			if err != nil {
				continue // of the consumer, which is made anew
			}
			of, ok := streamOf(m.Subject())
			if !ok {
				continue
			}
			select {
			case told <- of:
			case <-ctx.Done():
				return
			}
		}
	}()
	return told, nil
}

// Acknowledge implements [delivery.Service].
func (s *Service) Acknowledge(ctx context.Context, of delivery.Stream, position delivery.Position) error {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	for {
		entry, err := s.acknowledged(ctx, of)
		if err != nil {
			return err
		}
		value := binary.BigEndian.AppendUint64(nil, uint64(position))
		switch {
		case entry == nil:
			_, err = s.acks.Create(ctx, ackKey(s.client, of), value)
		case positionIn(entry.Value()) < position:
			_, err = s.acks.Update(ctx, ackKey(s.client, of), value, entry.Revision())
		default:
			return nil
		}
		if err == nil || !errors.Is(err, jetstream.ErrKeyExists) && !conflict(err) {
			return orUnknown(ctx, err)
		}
	}
}

func orUnknown(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	return unknown(ctx, err)
}

// acknowledged returns the entry of this client's acknowledgement, or nil.
func (s *Service) acknowledged(ctx context.Context, of delivery.Stream) (jetstream.KeyValueEntry, error) {
	if !s.has(of) {
		return nil, delivery.ErrNoGroup
	}
	entry, err := s.acks.Get(ctx, ackKey(s.client, of))
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, notReached(ctx, err)
	}
	return entry, nil
}

func positionIn(value []byte) delivery.Position {
	if len(value) != 8 {
		return 0
	}
	return delivery.Position(binary.BigEndian.Uint64(value))
}

// Acknowledged implements [delivery.Service].
func (s *Service) Acknowledged(ctx context.Context, of delivery.Stream) (delivery.Position, error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	entry, err := s.acknowledged(ctx, of)
	if err != nil || entry == nil {
		return 0, err
	}
	return positionIn(entry.Value()), nil
}

// Leave implements [delivery.Service].
func (s *Service) Leave(ctx context.Context, of delivery.Stream) error {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	entry, err := s.acknowledged(ctx, of)
	if err != nil || entry == nil {
		return err
	}
	return orUnknown(ctx, remove(ctx, s.acked, inBucket(acksBucket, entry.Key()), entry.Revision()))
}
