package jetstream

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/mlsuite/mlsuite/delivery"
)

// fresh is the age below which an object is not collected, though nothing refers to it yet.
const fresh = time.Hour

// drop deletes the entries of a stream up to a position. Before that, it says so.
func drop(ctx context.Context, js jetstream.JetStream, of delivery.Stream, position delivery.Position) error {
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return err
	}
	if err := sayDropped(ctx, js, stream, of, position); err != nil {
		return err
	}
	if err := stream.Purge(ctx, jetstream.WithPurgeSubject(droppedOf(of)), jetstream.WithPurgeKeep(1)); err != nil {
		return err
	}
	return stream.Purge(ctx, jetstream.WithPurgeSubject(entriesOf(of)), jetstream.WithPurgeSequence(uint64(position)+1))
}

// sayDropped publishes that the entries up to a position are dropped, unless somebody has
// said so of more.
func sayDropped(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream, of delivery.Stream, position delivery.Position) error {
	for {
		var sequence uint64
		m, err := stream.GetLastMsgForSubject(ctx, droppedOf(of))
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return err
		case len(m.Data) == 8 && binary.BigEndian.Uint64(m.Data) >= uint64(position):
			return nil
		default:
			sequence = m.Sequence
		}
		_, err = js.Publish(ctx, droppedOf(of), binary.BigEndian.AppendUint64(nil, uint64(position)), jetstream.WithExpectLastSequencePerSubject(sequence))
		if err == nil || !conflict(err) {
			return err
		}
	}
}

// Drop deletes the entries up to a position from all streams. It takes the rights of an
// operator.
func Drop(ctx context.Context, nc *nats.Conn, position delivery.Position) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	found, err := survey(ctx, js, Retention{})
	if err != nil {
		return err
	}
	for of, seen := range found.streams {
		if seen.first <= position {
			if err := drop(ctx, js, of, position); err != nil {
				return err
			}
		}
	}
	return nil
}

// Retention says what is kept.
type Retention struct {
	// Age is the age from which an entry is deleted, whoever has not read it; 0 keeps
	// entries until they are read. From the first SelfRemove of a group's epoch on, entries
	// are kept until the epoch ends.
	Age time.Duration

	// Read deletes what all readers of a stream have acknowledged: those who have
	// acknowledged anything, and those whose Welcome to the group is still in their inbox.
	Read bool
}

// Collected is what Collect has deleted, and what else it has done.
type Collected struct {
	Entries, Objects int
	KeyPackages      int // that have expired

	// Completed is the number of submissions to which it has appended Welcomes that were missing,
	// so that none is. Where whoever handed one in appends all of them meanwhile, it is not
	// counted.
	Completed int
}

// Collect appends the Welcomes that are missing of submissions that have won: see
// [Service.Submit]. Then it deletes entries as r says, old states of groups, what became of
// submissions that are older than entries may be, or than a week with r.Read, objects to which
// nothing refers, and key packages that have expired. Of a key package that was handed out, it
// deletes the mark after a week; and that a client may read a group, after r.Age, if the client has
// left it or has never read it. It takes the rights of an operator. One at a time is enough, now
// and then.
func Collect(ctx context.Context, nc *nats.Conn, r Retention) (done Collected, err error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return done, err
	}
	found, err := survey(ctx, js, r)
	if err != nil {
		return done, err
	}
	if len(found.unfinished) > 0 {
		var missing error // which is no reason to keep what is to be deleted
		done.Completed, missing = completeAll(ctx, nc, found)
		defer func() { err = errors.Join(err, missing) }()
		if found, err = survey(ctx, js, r); err != nil {
			return done, err
		}
	}
	streams := found.streams
	if r.Read {
		if err := readers(ctx, js, found); err != nil {
			return done, err
		}
	}
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return done, err
	}
	before := stream.CachedInfo().State.Msgs
	for of := range streams {
		if of.Group != "" {
			if err := stream.Purge(ctx, jetstream.WithPurgeSubject(stateSubject(of.Group)), jetstream.WithPurgeKeep(1)); err != nil {
				return done, err
			}
		}
	}
	if found.submissions > 0 {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(submissions), jetstream.WithPurgeSequence(found.submissions+1)); err != nil {
			return done, err
		}
	}
	shut, err := makeRoom(ctx, js, stream)
	if err != nil {
		return done, err
	}
	defer func() { err = errors.Join(err, shut()) }()
	for of, seen := range streams {
		last := seen.aged
		if r.Read && seen.readers > 0 {
			last = max(last, seen.slowest)
		}
		if seen.kept > 0 { // who joins needs them
			last = min(last, seen.kept-1)
		}
		if last >= seen.first && seen.first > 0 {
			if err := drop(ctx, js, of, last); err != nil {
				return done, err
			}
		}
	}
	info, err := stream.Info(ctx)
	if err != nil {
		return done, err
	}
	done.Entries = int(before) - int(info.State.Msgs)
	if done.Objects, err = collectObjects(ctx, js, found.objects, fresh); err != nil {
		return done, err
	}
	if done.KeyPackages, err = collectStock(ctx, js, asked); err != nil {
		return done, err
	}
	return done, collectMembers(ctx, js, found.welcomed, r.Age)
}

// makeRoom lets a stream that is full have more, for what is said before something is dropped.
// Shut takes that back.
func makeRoom(ctx context.Context, js jetstream.JetStream, stream jetstream.Stream) (shut func() error, err error) {
	info, err := stream.Info(ctx)
	if err != nil {
		return nil, err
	}
	cfg := info.Config
	if cfg.MaxBytes <= 0 || info.State.Bytes+room/2 < uint64(cfg.MaxBytes) {
		return func() error { return nil }, nil
	}
	more := cfg
	more.MaxBytes += room
	if _, err := js.UpdateStream(ctx, more); err != nil {
		return nil, fmt.Errorf("jetstream: a full stream gets no room for what Collect says in it: %w", err)
	}
	return func() error {
		_, err := js.UpdateStream(context.WithoutCancel(ctx), cfg)
		return err
	}, nil
}

// surveyed is what is known of one stream.
type surveyed struct {
	first, aged delivery.Position // of its entries, and of those that are too old the last
	slowest     delivery.Position // acknowledgement
	readers     int

	epoch uint64            // that the last state begins
	kept  delivery.Position // of the first SelfRemove of that epoch, or 0
}

// read counts a reader.
func (s *surveyed) read(position delivery.Position) {
	if s.readers == 0 || position < s.slowest {
		s.slowest = position
	}
	s.readers++
}

// found is what is in the stream.
type found struct {
	last        delivery.Position // up to which it was read, at least
	streams     map[delivery.Stream]*surveyed
	objects     map[string]bool              // to which something refers
	welcomed    map[string]delivery.Position // by ackKey: where a client begins to read
	submissions uint64                       // sequence of the last one that is to be forgotten
	unfinished  map[string]*unfinished       // by submission
}

// of returns what is known of one stream.
func (f *found) of(s delivery.Stream) *surveyed {
	seen := f.streams[s]
	if seen == nil {
		seen = &surveyed{}
		f.streams[s] = seen
	}
	return seen
}

// asked is the age up to which a client may ask what became of a submission: later, the
// stream of the group tells it. Up to that age, it may also repeat that it publishes.
const asked = 7 * 24 * time.Hour

// forgets reports whether a submission of that age is to be forgotten.
func (r Retention) forgets(age time.Duration) bool {
	return r.Age > 0 && age > r.Age || r.Read && age > asked
}

// survey reads the headers of all that the stream has.
func survey(ctx context.Context, js jetstream.JetStream, r Retention) (*found, error) {
	f := &found{
		streams: map[delivery.Stream]*surveyed{}, objects: map[string]bool{},
		welcomed: map[string]delivery.Position{}, unfinished: map[string]*unfinished{},
	}
	stream, err := js.Stream(ctx, streamName)
	if err != nil {
		return nil, err
	}
	last := stream.CachedInfo().State.LastSeq
	f.last = delivery.Position(last)
	err = visit(ctx, js, streamName, jetstream.OrderedConsumerConfig{HeadersOnly: true}, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		for _, name := range m.Headers().Values(largeHeader) {
			f.objects[name] = true
		}
		if of, ok := streamOf(m.Subject()); ok {
			seen := f.of(of)
			position := delivery.Position(meta.Sequence.Stream)
			if seen.first == 0 {
				seen.first = position
			}
			if r.Age > 0 && time.Since(meta.Timestamp) > r.Age {
				seen.aged = position
			}
			if isSelfRemove(m.Subject()) && seen.kept == 0 && seen.epoch != 0 && epochOf(m.Headers()) == seen.epoch {
				seen.kept = position
			}
			if group, err := untoken(m.Headers().Get(groupHeader)); err == nil && of.Group == "" && group != "" {
				f.welcomed[ackKey(of.Client, delivery.Stream{Group: group})] = startOf(m.Headers(), position)
			}
		} else if group, ok := stateOf(m.Subject()); ok {
			seen := f.of(delivery.Stream{Group: group}) // which may have states alone, as one half of a pair
			seen.epoch, seen.kept = epochOf(m.Headers()), 0
		} else if submission, further, ok := submissionOf(m.Subject()); ok {
			f.follows(submission, further, m.Headers(), meta.Sequence.Stream)
			if r.forgets(time.Since(meta.Timestamp)) {
				f.submissions = meta.Sequence.Stream
			}
		}
		if meta.Sequence.Stream >= last {
			return errEnough
		}
		return nil
	})
	return f, err
}

// readers finds the slowest reader of each stream.
func readers(ctx context.Context, js jetstream.JetStream, f *found) error {
	err := visit(ctx, js, bucketStream(acksBucket), jetstream.OrderedConsumerConfig{}, func(m jetstream.Msg, _ *jetstream.MsgMetadata) error {
		if tombstone(m) {
			return nil
		}
		key := strings.TrimPrefix(m.Subject(), inBucket(acksBucket, ""))
		delete(f.welcomed, key)
		of, ok := acknowledgedStream(key)
		if seen := f.streams[of]; ok && seen != nil {
			// What comes behind the survey is kept: it may welcome a reader.
			seen.read(min(positionIn(m.Data()), f.last))
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, u := range f.unfinished { // who is to be welcomed reads what comes behind the commit
		for _, group := range u.groups {
			f.of(delivery.Stream{Group: group}).read(delivery.Position(u.sequence))
		}
	}
	for key, position := range f.welcomed { // of those who have not acknowledged anything
		if of, ok := acknowledgedStream(key); ok {
			f.of(of).read(position)
		}
	}
	return nil
}

// acknowledgedStream is the reverse of ackKey.
func acknowledgedStream(key string) (delivery.Stream, bool) {
	client, rest, _ := strings.Cut(key, ".")
	if rest == "w" {
		return delivery.Stream{Client: client}, client != ""
	}
	group, ok := strings.CutPrefix(rest, "g.")
	if !ok || client == "" {
		return delivery.Stream{}, false
	}
	id, err := untoken(group)
	return delivery.Stream{Group: id}, err == nil
}
