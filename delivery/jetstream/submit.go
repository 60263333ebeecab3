package jetstream

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"github.com/mlsuite/mlsuite/delivery"
)

// maxBatch is the number of messages that the server takes in one batch.
const maxBatch = 1000

// state is the last message on a group's subject of state.
type state struct {
	sequence uint64 // 0 if there is none
	epoch    uint64
	payload  []byte // GroupInfo, tree
	began    delivery.Position
}

// state reads a group's state from the leader of the stream: a follower may be behind.
func (s *Service) state(ctx context.Context, group string) (state, error) {
	m, err := s.last(ctx, stateSubject(group))
	if err != nil || m == nil {
		return state{}, err
	}
	st := state{sequence: m.Sequence, epoch: epochOf(m.Header), payload: m.Data, began: delivery.Position(m.Sequence)}
	if m.Header.Get(afterHeader) != "" { // the commit is behind its state
		st.began++
	}
	s.know(group, st.epoch)
	return st, nil
}

// last returns the last message on a subject, or nil, from the leader.
func (s *Service) last(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	return s.lastIn(ctx, streamName, subject)
}

// lastIn is last for any stream.
func (s *Service) lastIn(ctx context.Context, stream, subject string) (*jetstream.RawStreamMsg, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	request, err := json.Marshal(struct {
		Last string `json:"last_by_subj"`
	}{subject})
	if err != nil {
		return nil, err
	}
	reply, err := s.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, request)
	if err != nil {
		return nil, notReached(ctx, err)
	}
	var answer struct {
		Error   *jetstream.APIError `json:"error"`
		Message *struct {
			Subject  string    `json:"subject"`
			Sequence uint64    `json:"seq"`
			Header   []byte    `json:"hdrs"`
			Data     []byte    `json:"data"`
			Time     time.Time `json:"time"`
		} `json:"message"`
	}
	if err := json.Unmarshal(reply.Data, &answer); err != nil {
		return nil, notReached(ctx, err)
	}
	switch {
	case answer.Error != nil && answer.Error.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return nil, nil
	case answer.Error != nil:
		return nil, notReached(ctx, answer.Error)
	case answer.Message == nil:
		return nil, notReached(ctx, errors.New("no message in the answer"))
	}
	m := answer.Message
	header, err := nats.DecodeHeadersMsg(m.Header)
	if err != nil && len(m.Header) > 0 {
		return nil, notReached(ctx, err)
	}
	return &jetstream.RawStreamMsg{Subject: m.Subject, Sequence: m.Sequence, Header: header, Data: m.Data, Time: m.Time}, nil
}

// Submit implements [delivery.Service]. The first batch, of at most 1,000 messages, decides who
// wins: it has one message for the submission itself, two for each commit, and the Welcomes of as
// many clients as there is room for. The Welcomes of the others follow in further batches before
// Submit returns: see complete. Those are the winner's alone.
//
// The first batch says what follows it. So a repetition finds out what is missing and appends
// that, and if nobody repeats the submission, [Collect] does.
func (s *Service) Submit(ctx context.Context, sub delivery.Submission) (delivery.Position, error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	if err := sub.Check(); err != nil {
		return 0, err
	}
	if err := checkNames(sub); err != nil {
		return 0, err
	}
	for attempt := 0; ; attempt++ {
		states := make([]state, len(sub.Commits))
		for i, c := range sub.Commits {
			var err error
			if states[i], err = s.state(ctx, c.Group); err != nil {
				return 0, err
			}
			if states[i].epoch != c.Epoch {
				return s.lost(ctx, sub, c, states[i])
			}
		}
		accepted, err := s.submit(ctx, sub, states)
		switch {
		case err == nil:
			for _, c := range sub.Commits {
				s.know(c.Group, c.Epoch+1)
			}
			return accepted.position, s.complete(ctx, accepted)
		case !conflict(err) && !errors.Is(err, errBusy):
			return 0, err
		case attempt == maxAttempts:
			if position, won, err := s.won(ctx, sub); won || err != nil {
				return position, err
			}
			return 0, notReached(ctx, err)
		}
		// Another submission has won, or is about to, or the server has too many of them.
		if err := pause(ctx, attempt); err != nil {
			return 0, err
		}
	}
}

// maxAttempts is how often a batch is published again that has met another one.
const maxAttempts = 20

// pause waits before another attempt at what has had no effect.
func pause(ctx context.Context, attempt int) error {
	select {
	case <-time.After(time.Duration(rand.IntN(1<<min(attempt, 8))) * time.Millisecond):
		return nil
	case <-ctx.Done():
		return notReached(ctx, ctx.Err()) // the connection may be lost, and not the caller's time be over
	}
}

// lost answers for a submission that ends another epoch than its group is in. It may have
// won earlier.
func (s *Service) lost(ctx context.Context, sub delivery.Submission, c delivery.Commit, st state) (delivery.Position, error) {
	position, won, err := s.won(ctx, sub)
	if won || err != nil {
		return position, err
	}
	return 0, &delivery.EpochError{Group: c.Group, Epoch: c.Epoch, Current: st.epoch, CurrentPosition: st.began}
}

// won reports whether a submission has won, and where its first batch ends. It appends what is
// missing of the Welcomes that follow. The error is a refusal if another submission has the ID.
func (s *Service) won(ctx context.Context, sub delivery.Submission) (position delivery.Position, won bool, err error) {
	m, err := s.last(ctx, submissionSubject(s.client, sub.ID))
	if err != nil || m == nil {
		return 0, false, err
	}
	accepted, err := acceptedBy(m)
	if err != nil {
		return 0, false, notReached(ctx, err)
	}
	var sum [32]byte
	if n, err := hex.Decode(sum[:], []byte(m.Header.Get(sumHeader))); err != nil || n != len(sum) {
		return 0, false, notReached(ctx, errPayload)
	}
	if err := sub.CheckOnce(sum); err != nil {
		return accepted.position, true, err
	}
	return accepted.position, true, s.complete(ctx, accepted)
}

// checkNames returns why a submission welcomes clients that there cannot be.
func checkNames(sub delivery.Submission) error {
	for _, w := range sub.Welcomes {
		for _, client := range w.Clients {
			if err := CheckName(client); err != nil {
				return err
			}
		}
	}
	return nil
}

// errBusy says that the server has all the batches open that it takes.
var errBusy = errors.New("jetstream: too many batches are open")

// message is one of a batch.
type message struct {
	*nats.Msg
	expect *expectation // or nil
}

// expectation is the sequence that the last message on a subject has to have.
type expectation struct {
	subject  string // or "" for that of the message itself
	sequence uint64
}

// once is expected of a message that is the first on its subject.
func once() *expectation { return &expectation{} }

func (e *expectation) option() jetstreamext.BatchMsgOpt {
	if e.subject == "" {
		return jetstreamext.WithBatchExpectLastSequencePerSubject(e.sequence)
	}
	return jetstreamext.WithBatchExpectLastSequenceForSubject(e.sequence, e.subject)
}

// submit publishes the first batch of a submission.
func (s *Service) submit(ctx context.Context, sub delivery.Submission, states []state) (*accepted, error) {
	batch, follow, err := s.messages(ctx, sub, states)
	if err != nil {
		return nil, err
	}
	last, err := publishBatch(ctx, s.js, batch)
	if err != nil {
		return nil, err
	}
	return &accepted{
		subject: batch[0].Subject, sequence: last - uint64(len(batch)-1), position: delivery.Position(last),
		follow: follow, number: numberOf(follow),
	}, nil
}

// publishBatch publishes messages in one batch, and returns the sequence of the last one.
func publishBatch(ctx context.Context, js jetstream.JetStream, batch []message) (uint64, error) {
	ctx, cancel := within(ctx)
	defer cancel()
	publisher, err := jetstreamext.NewBatchPublisher(js)
	if err != nil {
		return 0, notReached(ctx, err)
	}
	for i, m := range batch {
		var options []jetstreamext.BatchMsgOpt
		if m.expect != nil {
			options = append(options, m.expect.option())
		}
		if i < len(batch)-1 {
			if err := publisher.AddMsg(m.Msg, options...); err != nil {
				return 0, refused(ctx, err, notReached) // nothing counts before the last message
			}
			continue
		}
		ack, err := publisher.CommitMsg(ctx, m.Msg, options...)
		if err != nil {
			return 0, refused(ctx, err, unknown)
		}
		return ack.Sequence, nil
	}
	return 0, errPayload // a batch is not empty
}

// refused sorts the errors of a batch: those with which the server answers, and others.
func refused(ctx context.Context, err error, other func(context.Context, error) error) error {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return other(ctx, err)
	}
	switch api.ErrorCode {
	case jetstreamext.JSErrCodeAtomicPublishTooManyInflight, jetstreamext.JSErrCodeBatchPublishTooManyInflight, jetstreamext.JSErrCodeBatchPublishIncomplete:
		return fmt.Errorf("%w: %w", errBusy, err)
	case jetstreamext.JSErrCodeBatchPublishExceedsLimit, jetstream.JSErrCodeStreamMessageExceedsMaximum:
		return fmt.Errorf("%w: %w", delivery.ErrTooLarge, err)
	}
	if conflict(err) {
		return err
	}
	return other(ctx, err)
}

// messages returns the first batch of a submission, and the Welcomes that follow.
func (s *Service) messages(ctx context.Context, sub delivery.Submission, states []state) (batch []message, follow []invitations, err error) {
	first := nats.NewMsg(submissionSubject(s.client, sub.ID))
	sum := sub.Sum()
	first.Header.Set(sumHeader, hex.EncodeToString(sum[:]))
	batch = []message{{first, once()}}
	epochs := map[string]uint64{}
	for i, c := range sub.Commits {
		epochs[c.Group] = c.Epoch + 1
		st := &nats.Msg{Subject: stateSubject(c.Group), Header: withEpoch(c.Epoch + 1)}
		if st.Data, err = s.payload(ctx, st.Header, s.inline(), c.GroupInfo, c.Tree); err != nil {
			return nil, nil, unknown(ctx, err)
		}
		batch = append(batch, message{st, &expectation{sequence: states[i].sequence}})
		if len(c.Message) == 0 {
			continue
		}
		st.Header.Set(afterHeader, "1")
		commit := &nats.Msg{Subject: entrySubject(c.Group, "c", s.client, sub.ID), Header: withEpoch(c.Epoch)}
		if commit.Data, err = s.payload(ctx, commit.Header, s.inline(), c.Message, nil); err != nil {
			return nil, nil, unknown(ctx, err)
		}
		batch = append(batch, message{Msg: commit})
	}
	if len(batch) > s.batchSize {
		return nil, nil, fmt.Errorf("%w: a batch of %d messages, of at most %d", delivery.ErrTooLarge, len(batch), s.batchSize)
	}
	all, err := s.invitations(ctx, sub.Welcomes, epochs)
	if err != nil {
		return nil, nil, unknown(ctx, err)
	}
	now, follow := split(all, s.batchSize-len(batch))
	for _, in := range now {
		batch = append(batch, in.messages(s.client, token(sub.ID), 0)...)
	}
	first.Header.Set(afterHeader, strconv.Itoa(len(batch)-1))
	return batch, follow, s.announce(ctx, first, follow)
}

// GroupInfo implements [delivery.Service].
func (s *Service) GroupInfo(ctx context.Context, group string) (delivery.GroupInfo, error) {
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return delivery.GroupInfo{}, err
	}
	defer done()
	if delivery.CheckGroup(group) != nil {
		return delivery.GroupInfo{}, delivery.ErrNoGroup
	}
	st, err := s.state(ctx, group)
	if err != nil {
		return delivery.GroupInfo{}, err
	}
	if st.sequence == 0 {
		return delivery.GroupInfo{}, delivery.ErrNoGroup
	}
	parts, err := s.parts(ctx, st.payload, 2)
	if err != nil {
		return delivery.GroupInfo{}, notReached(ctx, err)
	}
	if parts[0] == nil {
		return delivery.GroupInfo{}, delivery.ErrNoGroup
	}
	info := delivery.GroupInfo{Epoch: st.epoch, Position: st.began, Message: parts[0], Tree: parts[1]}
	info.SelfRemoves, err = s.selfRemoves(ctx, group, st)
	return info, err
}

// selfRemoves returns the SelfRemoves of the epoch that a group is in.
func (s *Service) selfRemoves(ctx context.Context, group string, st state) (all [][]byte, err error) {
	ctx, cancel := within(ctx)
	defer cancel()
	messages, err := s.batch(ctx, streamName, selfRemovesOf(group), uint64(st.began), delivery.MaxSelfRemoves, maxFetchBytes)
	if err != nil {
		return nil, notReached(ctx, err)
	}
	for _, m := range messages {
		if epochOf(m.Header) != st.epoch {
			continue // it has come late
		}
		e, err := s.entry(ctx, m, 1)
		if err != nil {
			return nil, notReached(ctx, err)
		}
		all = append(all, e.Message)
	}
	return all, nil
}
