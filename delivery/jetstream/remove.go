package jetstream

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/mlsuite/mlsuite/delivery"
)

// remove deletes the messages on a subject up to a sequence, and leaves nothing in their place. It
// is no error if there are none. Streams of buckets let nobody delete a message by its sequence.
func remove(ctx context.Context, stream jetstream.Stream, subject string, sequence uint64) error {
	return stream.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(sequence+1))
}

// errEnough is what the caller of visit returns when it has seen enough.
var errEnough = errors.New("enough")

// visit calls see with the messages of a stream until there are no more, also those that come
// meanwhile: the key of a bucket that changes moves to the end. It waits for none that somebody
// deletes meanwhile, as the lists of buckets in package jetstream of nats.go do.
func visit(ctx context.Context, js jetstream.JetStream, name string, which jetstream.OrderedConsumerConfig, see func(jetstream.Msg, *jetstream.MsgMetadata) error) error {
	stream, err := js.Stream(ctx, name)
	if err != nil || stream.CachedInfo().State.Msgs == 0 {
		return err
	}
	which.InactiveThreshold = time.Minute // for which the server keeps it when nobody reads any more
	consumer, err := js.OrderedConsumer(ctx, name, which)
	if err != nil || consumer.CachedInfo().NumPending == 0 {
		return err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return err
	}
	defer messages.Stop()
	for silent := 0; ; {
		limited, cancel := context.WithTimeout(ctx, time.Second)
		m, err := messages.Next(jetstream.NextContext(limited))
		ended := limited.Err() != nil
		cancel()
		if err != nil && ended && ctx.Err() == nil && silent < 10 {
			// Somebody may have deleted those that were still to come.
			if info, err := consumer.Info(ctx); err == nil && info.NumPending == 0 {
				return nil
			}
			silent++
			continue
		}
		if err != nil {
			return err
		}
		silent = 0
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		err = see(m, meta)
		if errors.Is(err, errEnough) || err == nil && meta.NumPending == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// sweep deletes the messages of a stream that old condemns. It sees no more than headers.
func sweep(ctx context.Context, js jetstream.JetStream, name string, old func(jetstream.Msg, *jetstream.MsgMetadata) bool, filters ...string) (n int, err error) {
	type message struct {
		subject  string
		sequence uint64
	}
	var condemned []message
	err = visit(ctx, js, name, jetstream.OrderedConsumerConfig{HeadersOnly: true, FilterSubjects: filters}, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		if old(m, meta) {
			condemned = append(condemned, message{m.Subject(), meta.Sequence.Stream})
		}
		return nil
	})
	if err != nil || len(condemned) == 0 {
		return 0, err
	}
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return 0, err
	}
	for _, m := range condemned {
		if err := remove(ctx, stream, m.subject, m.sequence); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// tombstone reports whether a message of a bucket says that its key is deleted.
func tombstone(m jetstream.Msg) bool { return m.Headers().Get("KV-Operation") != "" }

// collectStock deletes the key packages that have expired, and marks of some age.
func collectStock(ctx context.Context, js jetstream.JetStream, age time.Duration) (n int, err error) {
	stream, err := js.Stream(ctx, bucketStream(keysBucket))
	if err != nil {
		return 0, err
	}
	tombstones := 0
	n, err = sweep(ctx, js, bucketStream(keysBucket), func(m jetstream.Msg, meta *jetstream.MsgMetadata) bool {
		if tombstone(m) { // of an earlier version, in place of a mark
			if time.Since(meta.Timestamp) < age {
				return false
			}
			tombstones++
			return true
		}
		expires, ok := expiry(ctx, stream, m, meta.Sequence.Stream)
		return ok && expires <= time.Now().Unix()
	}, inBucket(keysBucket, "*.*.*.*"))
	if err != nil {
		return n, err
	}
	_, err = sweep(ctx, js, bucketStream(keysBucket), func(_ jetstream.Msg, meta *jetstream.MsgMetadata) bool {
		return time.Since(meta.Timestamp) >= age
	}, inBucket(keysBucket, markKey("*", "*")))
	return n - tombstones, err
}

// expiry returns the time at which a key package expires: an earlier version has it in the value
// alone.
func expiry(ctx context.Context, stream jetstream.Stream, m jetstream.Msg, sequence uint64) (seconds int64, ok bool) {
	if header := m.Headers().Get(expiresHeader); header != "" {
		seconds, err := strconv.ParseInt(header, 10, 64)
		return seconds, err == nil
	}
	whole, err := stream.GetMsg(ctx, sequence)
	if err != nil || len(whole.Data) < 8 {
		return 0, false
	}
	return int64(binary.BigEndian.Uint64(whole.Data)), true
}

// collectMembers deletes what the bucket of members has of clients that do not read: of some
// age, without an acknowledgement, and without a Welcome in their inbox. It keeps them if age is 0.
func collectMembers(ctx context.Context, js jetstream.JetStream, welcomed map[string]delivery.Position, age time.Duration) error {
	reads := map[string]bool{}
	if _, err := sweep(ctx, js, bucketStream(acksBucket), func(m jetstream.Msg, _ *jetstream.MsgMetadata) bool {
		gone := tombstone(m) // of an earlier version
		reads[strings.TrimPrefix(m.Subject(), inBucket(acksBucket, ""))] = !gone
		return gone
	}); err != nil {
		return err
	}
	_, err := sweep(ctx, js, bucketStream(MembersBucket), func(m jetstream.Msg, meta *jetstream.MsgMetadata) bool {
		group, client, _ := strings.Cut(strings.TrimPrefix(m.Subject(), inBucket(MembersBucket, "")), ".")
		key := client + ".g." + group // as ackKey
		_, invited := welcomed[key]
		return tombstone(m) || age > 0 && time.Since(meta.Timestamp) >= age && !invited && !reads[key]
	})
	return err
}

// The stream in which NATS keeps the objects: one message for each says what it is, and others
// have its pieces.
const (
	largeStream  = "OBJ_" + largeBucket
	objectPrefix = "$O." + largeBucket + ".M."
	piecePrefix  = "$O." + largeBucket + ".C."
)

// collectObjects deletes objects of some age that are not in use, and pieces of some age without
// an object, as of a client that did not live to the end. It goes past the object store, which
// would leave a message behind for each object, and find no room for that when it is full.
func collectObjects(ctx context.Context, js jetstream.JetStream, used map[string]bool, age time.Duration) (n int, err error) {
	stream, err := js.Stream(ctx, largeStream)
	if err != nil {
		return 0, err
	}
	info, err := stream.Info(ctx, jetstream.WithSubjectFilter(piecePrefix+">")) // before the objects that they are of
	if err != nil {
		return 0, err
	}
	pieces := info.State.Subjects
	type object struct {
		jetstream.ObjectInfo
		subject  string
		sequence uint64
	}
	var unused []object
	err = visit(ctx, js, largeStream, jetstream.OrderedConsumerConfig{FilterSubjects: []string{objectPrefix + ">"}}, func(m jetstream.Msg, meta *jetstream.MsgMetadata) error {
		o := object{subject: m.Subject(), sequence: meta.Sequence.Stream}
		if err := json.Unmarshal(m.Data(), &o.ObjectInfo); err != nil {
			return fmt.Errorf("object at %d: %w", o.sequence, err)
		}
		delete(pieces, piecePrefix+o.NUID)
		if (o.Deleted || !used[o.Name]) && time.Since(meta.Timestamp) >= age {
			unused = append(unused, o)
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, o := range unused {
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(piecePrefix+o.NUID)); err != nil {
			return n, fmt.Errorf("object %s: %w", o.Name, err)
		}
		if err := remove(ctx, stream, o.subject, o.sequence); err != nil { // and nothing that replaces it meanwhile
			return n, fmt.Errorf("object %s: %w", o.Name, err)
		}
		if !o.Deleted {
			n++
		}
	}
	for subject := range pieces {
		last, err := stream.GetLastMsgForSubject(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err != nil {
			return n, err
		}
		if time.Since(last.Time) < age {
			continue
		}
		if err := stream.Purge(ctx, jetstream.WithPurgeSubject(subject)); err != nil {
			return n, fmt.Errorf("piece %s: %w", strings.TrimPrefix(subject, piecePrefix), err)
		}
		n++
	}
	return n, nil
}
