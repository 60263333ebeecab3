package jetstream

import (
	"context"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Setup makes the stream and the buckets, or brings them to what this version of the
// package needs. It takes the rights of an operator. Replicas is 1, or 3 or 5 in a cluster
// of that many servers.
func Setup(ctx context.Context, nc *nats.Conn, replicas int) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	if _, err := js.CreateOrUpdateStream(ctx, jetstream.StreamConfig{
		Name: streamName, Subjects: subjects(), Storage: jetstream.FileStorage, Replicas: replicas,
		AllowAtomicPublish: true, AllowDirect: true,
	}); err != nil {
		return err
	}
	for _, bucket := range []string{keysBucket, acksBucket, MembersBucket} {
		if _, err := js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: bucket, Storage: jetstream.FileStorage, Replicas: replicas}); err != nil {
			return err
		}
	}
	_, err = js.CreateOrUpdateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: largeBucket, Storage: jetstream.FileStorage, Replicas: replicas})
	return err
}
