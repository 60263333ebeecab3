package jetstream

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/suite"
)

// A key package is under CLIENT.SUITE.once.REF or CLIENT.SUITE.last.REF, with SUITE and REF
// in hexadecimal. Its value is the time at which it expires, in seconds, 8 bytes, and a
// payload. One that is handed out or taken back is deleted, and does not come back as long
// as the bucket remembers that.

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
		if err := s.publish(ctx, stockKey(s.client, kp, "once"), kp); err != nil {
			return err
		}
	}
	for _, kp := range change.LastResort {
		before, err := s.stocked(ctx, fmt.Sprintf("%s.%04x.last.*", s.client, uint16(kp.Suite)))
		if err != nil {
			return err
		}
		key := stockKey(s.client, kp, "last")
		if err := s.publish(ctx, key, kp); err != nil {
			return err
		}
		for _, old := range before {
			if old != key {
				if err := s.keys.Delete(ctx, old); err != nil {
					return unknown(ctx, err)
				}
			}
		}
	}
	if len(change.Remove) == 0 {
		return nil
	}
	all, err := s.stocked(ctx, s.client+".>")
	if err != nil {
		return err
	}
	for _, key := range all {
		if slices.ContainsFunc(change.Remove, func(ref []byte) bool { return strings.HasSuffix(key, "."+hex.EncodeToString(ref)) }) {
			if err := s.keys.Delete(ctx, key); err != nil {
				return unknown(ctx, err)
			}
		}
	}
	return nil
}

// publish stores a key package if there was never one under the key.
func (s *Service) publish(ctx context.Context, key string, kp delivery.KeyPackage) error {
	if len(kp.Ref) == 0 || len(kp.Ref) > maxRef {
		return &delivery.RefusalError{Rule: "a KeyPackageRef is a hash"}
	}
	if len(kp.Message) > s.inline() {
		return fmt.Errorf("%w: key package of %d bytes", delivery.ErrTooLarge, len(kp.Message))
	}
	payload, err := s.payload(ctx, nats.Header{}, s.inline(), kp.Message)
	if err != nil {
		return notReached(ctx, err)
	}
	value := binary.BigEndian.AppendUint64(nil, uint64(kp.Expires.Unix()))
	_, err = s.keys.Update(ctx, key, append(value, payload...), 0)
	if err == nil || conflict(err) {
		return nil
	}
	return unknown(ctx, err)
}

// stocked returns the keys that match a filter.
func (s *Service) stocked(ctx context.Context, filter string) ([]string, error) {
	lister, err := s.keys.ListKeysFiltered(ctx, filter)
	if err != nil {
		return nil, notReached(ctx, err)
	}
	defer func() { _ = lister.Stop() }()
	var keys []string
	for key := range lister.Keys() {
		keys = append(keys, key)
	}
	if ctx.Err() != nil { // the list may have ended with it
		return nil, notReached(ctx, ctx.Err())
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
		keys, err := s.stocked(ctx, fmt.Sprintf("%s.%04x.%s.*", client, uint16(of), kind))
		if err != nil {
			return nil, err
		}
		for _, key := range keys {
			message, err := s.claim(ctx, key, kind == "once")
			if message != nil || err != nil {
				return message, err
			}
		}
	}
	return nil, delivery.ErrNoKeyPackage
}

// claim returns the key package under a key, and takes it away if it is for once. It
// returns nil if it has expired or somebody else was faster.
func (s *Service) claim(ctx context.Context, key string, once bool) ([]byte, error) {
	entry, err := s.keys.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, notReached(ctx, err)
	}
	value := entry.Value()
	if len(value) < 8 || int64(binary.BigEndian.Uint64(value)) <= time.Now().Unix() {
		return nil, nil
	}
	parts, err := s.parts(ctx, value[8:], 1)
	if err != nil {
		return nil, notReached(ctx, err)
	}
	if !once {
		return parts[0], nil
	}
	err = s.keys.Delete(ctx, key, jetstream.LastRevision(entry.Revision()))
	if err != nil && conflict(err) {
		return nil, nil
	}
	if err != nil {
		return nil, unknown(ctx, err)
	}
	return parts[0], nil
}
