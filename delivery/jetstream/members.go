package jetstream

import (
	"context"
	"errors"
	"slices"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/mlsuite/mlsuite/delivery"
)

// Invite says in MembersBucket that clients may read a group, also those of whom that was said
// before, who may have left. It takes the rights of a gate.
func Invite(ctx context.Context, js jetstream.JetStream, group string, clients []string) error {
	for some := range slices.Chunk(clients, maxBatch) {
		var subjects []string
		for _, client := range some {
			subjects = append(subjects, inBucket(MembersBucket, MemberKey(group, client)))
		}
		if err := publishAll(ctx, js, subjects); err != nil {
			return err
		}
	}
	return nil
}

// Invited reports whether the inbox of a client has a Welcome to a group: one whose gate did not
// live to call Invite. It takes the rights of a gate.
func Invited(ctx context.Context, js jetstream.JetStream, group, client string) (found bool, err error) {
	which := jetstream.OrderedConsumerConfig{HeadersOnly: true, FilterSubjects: []string{entriesOf(delivery.Stream{Client: client})}}
	err = visit(ctx, js, streamName, which, func(m jetstream.Msg, _ *jetstream.MsgMetadata) error {
		if found = m.Headers().Get(groupHeader) == token(group); found {
			return errEnough
		}
		return nil
	})
	return found, err
}

// publishAll publishes an empty message on each subject: in one batch where their stream takes
// one, which costs far less than each by itself.
func publishAll(ctx context.Context, js jetstream.JetStream, subjects []string) error {
	for attempt, alone := 0, len(subjects) == 1; !alone; attempt++ {
		var batch []message
		for _, subject := range subjects {
			batch = append(batch, message{Msg: nats.NewMsg(subject)})
		}
		_, err := publishBatch(ctx, js, batch)
		switch {
		case errors.Is(err, jetstreamext.ErrBatchPublishNotEnabled): // until Setup is called
			alone = true
		case !errors.Is(err, errBusy) || attempt == maxAttempts:
			return err
		default:
			if err := pause(ctx, attempt); err != nil {
				return err
			}
		}
	}
	for _, subject := range subjects {
		if _, err := js.Publish(ctx, subject, nil); err != nil {
			return err
		}
	}
	return nil
}
