package jetstream

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// collectorKey is a key in the bucket of acknowledgements, but none of one: it changes whenever
// somebody begins to collect.
const collectorKey = "collector"

// CollectEvery calls [Collect] again and again until ctx ends, or never if every is 0. Several
// may do so, such as all gates of a deployment: about once in every, one of them collects. It
// logs what it has deleted, and goes on after an error.
func CollectEvery(ctx context.Context, nc *nats.Conn, r Retention, every time.Duration, log *slog.Logger) {
	for every > 0 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(every/4 + rand.N(every/4+1)):
		}
		mine, err := turn(ctx, nc, every)
		if mine {
			var done Collected
			done, err = Collect(ctx, nc, r)
			log.InfoContext(ctx, "collected", "entries", done.Entries, "objects", done.Objects, "key packages", done.KeyPackages, "completed", done.Completed)
		}
		if err != nil && ctx.Err() == nil {
			log.ErrorContext(ctx, "collecting", "error", err)
		}
	}
}

// turn reports whether nobody has begun to collect for so long, and says that the caller does.
func turn(ctx context.Context, nc *nats.Conn, every time.Duration) (mine bool, err error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return false, err
	}
	acks, err := js.KeyValue(ctx, acksBucket)
	if err != nil {
		return false, err
	}
	last, err := acks.Get(ctx, collectorKey)
	switch {
	case errors.Is(err, jetstream.ErrKeyNotFound):
		_, err = acks.Create(ctx, collectorKey, nil)
	case err != nil:
		return false, err
	case time.Since(last.Created()) < every:
		return false, nil
	default:
		_, err = acks.Update(ctx, collectorKey, nil, last.Revision())
	}
	switch {
	case errors.Is(err, jetstream.ErrKeyExists) || conflict(err):
		return false, nil // somebody else does
	case full(err):
		return true, nil
	}
	return err == nil, err
}
