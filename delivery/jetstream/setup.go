package jetstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Limits bounds what the service stores, in bytes, so that clients do not fill the disk. A
// service that is full answers [delivery.ErrFull] until [Collect] has deleted something. In each
// field, 0 means the default and a negative number no limit.
//
// NATS sets so much of the disk aside as all limits together say: the limit of each server
// (max_file) has to be above that by 32 MiB, for Collect, which takes room in a full stream for
// a moment. Copies in a cluster are on servers of their own, so their number does not count.
type Limits struct {
	Stream  int64 // commits, messages, Welcomes and states of groups; 0 means 4 GiB
	Objects int64 // what is too large for a message; 0 means 4 GiB
	Bucket  int64 // each of the three: key packages, acknowledgements, and who may read what; 0 means 512 MiB
}

// DefaultLimits returns what the zero value stands for.
func DefaultLimits() Limits { return Limits{}.withDefaults() }

// withDefaults returns the limits as NATS has them.
func (l Limits) withDefaults() Limits {
	set := func(n *int64, zero int64) {
		switch {
		case *n == 0:
			*n = zero
		case *n < 0:
			*n = -1
		}
	}
	set(&l.Stream, 4<<30)
	set(&l.Objects, 4<<30)
	set(&l.Bucket, 512<<20)
	return l
}

// room is what Collect adds to the limit of a full stream for a moment.
const room = 16 << 20

// disk returns what a server has to have of disk, or 0 if there is no limit.
func (l Limits) disk() int64 {
	l = l.withDefaults()
	if l.Stream < 0 || l.Objects < 0 || l.Bucket < 0 {
		return 0
	}
	return l.Stream + l.Objects + int64(len(buckets()))*l.Bucket + 2*room
}

func buckets() []string { return []string{keysBucket, acksBucket, MembersBucket} }

// Setup makes the stream and the buckets, or brings them to what this version of the
// package needs. It takes the rights of an operator. Replicas is 1, or 3 or 5 in a cluster
// of that many servers. The error says, among others, that a server lets its streams have less
// than the limits, or that there is more already.
func Setup(ctx context.Context, nc *nats.Conn, replicas int, limits Limits) error {
	limits = limits.withDefaults()
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if err := checkStored(ctx, js, limits); err != nil {
		return err
	}
	if _, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: subjects(), Storage: jetstream.FileStorage, Replicas: replicas,
		MaxBytes: limits.Stream, Discard: jetstream.DiscardNew,
		AllowAtomicPublish: true, AllowDirect: true,
	}); err != nil {
		return setAside(err, limits)
	}
	for _, bucket := range buckets() {
		if _, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: bucket, Storage: jetstream.FileStorage, Replicas: replicas, MaxBytes: limits.Bucket,
		}); err != nil {
			return setAside(err, limits)
		}
	}
	if err := batches(ctx, js, bucketStream(MembersBucket)); err != nil {
		return err
	}
	_, err = js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{
		Bucket: largeBucket, Storage: jetstream.FileStorage, Replicas: replicas, MaxBytes: limits.Objects,
	})
	return setAside(err, limits)
}

// batches lets a stream take atomic batches.
func batches(ctx context.Context, js jetstream.JetStream, name string) error {
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return err
	}
	cfg := stream.CachedInfo().Config
	cfg.AllowAtomicPublish = true
	_, err = js.UpdateStream(ctx, cfg)
	return err
}

// setAside explains the error of a server that does not have so much disk.
func setAside(err error, limits Limits) error {
	var api *jetstream.APIError
	if errors.As(err, &api) && (api.ErrorCode == storageExceeded || api.ErrorCode == noResources) {
		return fmt.Errorf("jetstream: the limits take max_file of each server to be at least %d bytes: %w", limits.disk(), err)
	}
	return err
}

// storageExceeded is an error code of NATS: streams would have more than max_file together.
const storageExceeded jetstream.ErrorCode = 10047

// limited returns the streams of NATS with their limits.
func limited(l Limits) map[string]int64 {
	all := map[string]int64{streamName: l.Stream, largeStream: l.Objects}
	for _, bucket := range buckets() {
		all[bucketStream(bucket)] = l.Bucket
	}
	return all
}

// checkStored returns an error if a stream has more than its limit.
func checkStored(ctx context.Context, js jetstream.JetStream, l Limits) error {
	for name, limit := range limited(l) {
		s, err := js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if has := s.CachedInfo().State.Bytes; limit >= 0 && has > uint64(limit) {
			return fmt.Errorf("jetstream: %s has %d bytes, more than its limit of %d", name, has, limit)
		}
	}
	return nil
}
