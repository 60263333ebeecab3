package jetstream

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/suite"
)

// A key package is under CLIENT.SUITE.once.REF or CLIENT.SUITE.last.REF, with SUITE and REF
// in hexadecimal. Its value is the time at which it expires, in seconds, 8 bytes, and a
// payload; a header has that time too. One that is handed out or taken back is deleted, and
// before that its mark is made, under CLIENT.used.REF. Who makes the mark is handed the key
// package, and one that has a mark does not come back. Collect deletes marks that are older
// than a request may be that is repeated.

const expiresHeader = "Mls-Expires"

// bucketStream returns the stream in which NATS keeps a bucket.
func bucketStream(bucket string) string { return "KV_" + bucket }

// inBucket returns the subject of a key.
func inBucket(bucket, key string) string { return "$KV." + bucket + "." + key }

func markKey(client, ref string) string { return client + ".used." + ref }

// maxRef is the number of bytes of the longest hash.
const maxRef = 64

func stockKey(client string, kp delivery.KeyPackage, kind string) string {
	return fmt.Sprintf("%s.%04x.%s.%x", client, uint16(kp.Suite), kind, kp.Ref)
}

// Publish implements [delivery.Service].
func (s *Service) Publish(ctx context.Context, change delivery.Stock) error {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer done()
	for _, kp := range change.Add {
		if _, err := s.publish(ctx, stockKey(s.client, kp, "once"), kp); err != nil {
			return err
		}
	}
	for _, kp := range change.LastResort {
		before, err := s.stocked(ctx, fmt.Sprintf("%s.%04x.last.*", s.client, uint16(kp.Suite)))
		if err != nil {
			return err
		}
		key := stockKey(s.client, kp, "last")
		there, err := s.publish(ctx, key, kp)
		if err != nil {
			return err
		}
		for _, old := range before {
			if old != key && there {
				if err := s.takeBack(ctx, old); err != nil {
					return err
				}
			}
		}
	}
	if len(change.Remove) == 0 {
		return nil
	}
	all, err := s.stocked(ctx, s.client+".*.*.*")
	if err != nil {
		return err
	}
	for _, key := range all {
		if slices.ContainsFunc(change.Remove, func(ref []byte) bool { return strings.HasSuffix(key, "."+hex.EncodeToString(ref)) }) {
			if err := s.takeBack(ctx, key); err != nil {
				return err
			}
		}
	}
	return nil
}

// takeBack deletes the client's own key package under a key.
func (s *Service) takeBack(ctx context.Context, key string) error {
	if _, err := s.mark(ctx, key); err != nil {
		return err
	}
	m, err := s.lastIn(ctx, bucketStream(keysBucket), inBucket(keysBucket, key))
	if err != nil || m == nil {
		return err
	}
	return orUnknown(ctx, remove(ctx, s.stock, m.Subject, m.Sequence))
}

// mark says that the key package under a key is handed out or taken back. It returns false if
// somebody has said so before.
func (s *Service) mark(ctx context.Context, key string) (first bool, err error) {
	client, _, _ := strings.Cut(key, ".")
	mark := markKey(client, key[strings.LastIndexByte(key, '.')+1:])
	_, err = s.js.Publish(ctx, inBucket(keysBucket, mark), nil, jetstream.WithExpectLastSequencePerSubject(0))
	if err == nil || conflict(err) {
		return err == nil, nil
	}
	return false, unknown(ctx, err)
}

// publish stores a key package if there was never one under the key. It returns false if that
// one is gone.
func (s *Service) publish(ctx context.Context, key string, kp delivery.KeyPackage) (there bool, err error) {
	if len(kp.Ref) == 0 || len(kp.Ref) > maxRef {
		return false, &delivery.RefusalError{Rule: "a KeyPackageRef is a hash"}
	}
	if len(kp.Message) > s.inline() {
		return false, fmt.Errorf("%w: key package of %d bytes", delivery.ErrTooLarge, len(kp.Message))
	}
	used, err := s.lastIn(ctx, bucketStream(keysBucket), inBucket(keysBucket, markKey(s.client, hex.EncodeToString(kp.Ref))))
	if err != nil || used != nil {
		return false, err
	}
	msg := nats.NewMsg(inBucket(keysBucket, key))
	payload, err := s.payload(ctx, msg.Header, s.inline(), kp.Message)
	if err != nil {
		return false, notReached(ctx, err)
	}
	msg.Header.Set(expiresHeader, strconv.FormatInt(kp.Expires.Unix(), 10))
	msg.Data = append(binary.BigEndian.AppendUint64(nil, uint64(kp.Expires.Unix())), payload...)
	_, err = s.js.PublishMsg(ctx, msg, jetstream.WithExpectLastSequencePerSubject(0))
	if err == nil {
		return true, nil
	}
	if !conflict(err) {
		return false, unknown(ctx, err)
	}
	m, err := s.lastIn(ctx, bucketStream(keysBucket), msg.Subject)
	return m != nil && len(m.Data) > 0, err
}

// stocked returns the keys that match a filter.
func (s *Service) stocked(ctx context.Context, filter string) (keys []string, err error) {
	which := jetstream.OrderedConsumerConfig{HeadersOnly: true, FilterSubjects: []string{inBucket(keysBucket, filter)}}
	err = visit(ctx, s.js, bucketStream(keysBucket), which, func(m jetstream.Msg, _ *jetstream.MsgMetadata) error {
		if !tombstone(m) {
			keys = append(keys, strings.TrimPrefix(m.Subject(), inBucket(keysBucket, "")))
		}
		return nil
	})
	if err != nil {
		return nil, notReached(ctx, err)
	}
	return keys, nil
}

// Stocked implements [delivery.Service].
func (s *Service) Stocked(ctx context.Context) ([][]byte, error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	keys, err := s.stocked(ctx, s.client+".*.once.*")
	if err != nil {
		return nil, err
	}
	var refs [][]byte
	for _, key := range keys {
		ref, err := hex.DecodeString(key[strings.LastIndexByte(key, '.')+1:])
		if err != nil {
			return nil, notReached(ctx, err)
		}
		refs = append(refs, ref)
	}
	return refs, nil
}

// Claim implements [delivery.Service].
func (s *Service) Claim(ctx context.Context, client string, of suite.ID) ([]byte, error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	if err := CheckName(client); err != nil {
		return nil, err
	}
	for _, kind := range []string{"once", "last"} {
		message, err := s.claim(ctx, fmt.Sprintf("%s.%04x.%s.*", client, uint16(of), kind), kind == "once")
		if message != nil || err != nil {
			return message, err
		}
	}
	return nil, delivery.ErrNoKeyPackage
}

// claimed is the number of key packages at which a claim looks at once.
const claimed = 4

// claim returns the first key package that matches a filter, and takes it away if it is for
// once. It returns nil if there is none. What it finds and does not hand out, it deletes: so
// all claims together read each key package about once.
func (s *Service) claim(ctx context.Context, filter string, once bool) ([]byte, error) {
	for after := uint64(0); ; {
		found, err := s.batch(ctx, bucketStream(keysBucket), inBucket(keysBucket, filter), after, claimed, maxFetchBytes)
		if err != nil {
			return nil, notReached(ctx, err)
		}
		if len(found) == 0 {
			return nil, nil
		}
		for _, m := range found {
			after = m.Sequence
			if len(m.Data) < 8 {
				continue // an earlier version left it where one was: see Collect
			}
			if int64(binary.BigEndian.Uint64(m.Data)) <= time.Now().Unix() {
				if err := remove(ctx, s.stock, m.Subject, m.Sequence); err != nil {
					return nil, notReached(ctx, err)
				}
				continue
			}
			parts, err := s.parts(ctx, m.Data[8:], 1)
			if err != nil {
				return nil, notReached(ctx, err)
			}
			if !once {
				return parts[0], nil
			}
			first, err := s.mark(ctx, strings.TrimPrefix(m.Subject, inBucket(keysBucket, "")))
			if err != nil {
				return nil, err
			}
			err = remove(ctx, s.stock, m.Subject, m.Sequence)
			if first {
				return parts[0], nil // if it is still there, the next claim finds the mark
			}
			if err != nil {
				return nil, notReached(ctx, err)
			}
		}
	}
}
