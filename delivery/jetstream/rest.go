package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/jetstream/internal/inflight"
)

// A submission may welcome more clients than a batch has room for. Then its first message says
// how many Welcomes follow, and has these as JSON: for whom they are, and the payload that all of
// a kind share. Each further batch begins with a message on a subject of its own, which nothing
// may have been on before. So each Welcome comes once, whoever appends it: the submitter, who has
// won; the submitter again, which does not know what became of the submission; or Collect.

// invitations is the Welcomes of one message, for some clients.
type invitations struct {
	Group   string   // to which they lead, as a token
	Epoch   uint64   // that begins
	First   int      // number of the first one among the Welcomes of the submission
	Clients []string // one each
	Data    []byte   // payload
	Large   []string `json:",omitempty"` // names of the objects that Data refers to
}

// invitations encodes the Welcomes of a submission. epochs has those that begin.
func (s *Service) invitations(ctx context.Context, welcomes []delivery.Welcome, epochs map[string]uint64) (all []invitations, err error) {
	n := 0
	for _, w := range welcomes {
		limit := s.inline()
		if len(w.Clients) > 1 {
			limit = min(limit, 16<<10) // in one object rather than in so many messages
		}
		header := nats.Header{}
		in := invitations{Group: token(w.Group), Epoch: epochs[w.Group], First: n, Clients: w.Clients}
		if in.Data, err = s.payload(ctx, header, limit, w.Message, w.Tree); err != nil {
			return nil, err
		}
		in.Large = header.Values(largeHeader)
		all = append(all, in)
		n += len(w.Clients)
	}
	return all, nil
}

// numberOf returns the number of Welcomes.
func numberOf(all []invitations) (n int) {
	for _, in := range all {
		n += len(in.Clients)
	}
	return n
}

// split returns the first n Welcomes, and the others.
func split(all []invitations, n int) (first, others []invitations) {
	for _, in := range all {
		k := min(n, len(in.Clients))
		head, tail := in, in
		head.Clients = in.Clients[:k]
		tail.Clients, tail.First = in.Clients[k:], in.First+k
		if k > 0 {
			first = append(first, head)
		}
		if len(tail.Clients) > 0 {
			others = append(others, tail)
		}
		n -= k
	}
	return first, others
}

// messages returns the messages of Welcomes, of a submission of a client with an ID, as a token.
// Start, if not 0, is where the joiners begin to read.
func (in *invitations) messages(client, id string, start delivery.Position) []message {
	var all []message
	for i, recipient := range in.Clients {
		m := &nats.Msg{Subject: welcomeSubject(recipient, client, id, in.First+i), Header: withEpoch(in.Epoch), Data: in.Data}
		m.Header.Set(groupHeader, in.Group)
		if start != 0 {
			m.Header.Set(startHeader, strconv.FormatUint(uint64(start), 10))
		}
		for _, name := range in.Large {
			m.Header.Add(largeHeader, name)
		}
		all = append(all, message{Msg: m})
	}
	return all
}

// announce puts the Welcomes that follow into the first message of a submission, if there are
// any. Objects that they need, it needs too.
func (s *Service) announce(ctx context.Context, first *nats.Msg, follow []invitations) error {
	if len(follow) == 0 {
		return nil
	}
	encoded, err := json.Marshal(follow)
	if err != nil {
		return err
	}
	if first.Data, err = s.payload(ctx, first.Header, s.inline(), encoded); err != nil {
		return unknown(ctx, err)
	}
	first.Header.Set(restHeader, strconv.Itoa(numberOf(follow)))
	add := func(header, value string) {
		if !slices.Contains(first.Header.Values(header), value) {
			first.Header.Add(header, value)
		}
	}
	size := 0
	for _, in := range follow {
		add(groupHeader, in.Group)
		for _, name := range in.Large {
			add(largeHeader, name)
		}
		if size += len(in.Group) + len(in.Large)*128; size > maxAnnounced {
			return fmt.Errorf("%w: Welcomes of too many kinds", delivery.ErrTooLarge)
		}
	}
	return nil
}

// maxAnnounced bounds what announce puts into headers, in bytes: the server takes 64 KiB of them.
const maxAnnounced = 32 << 10

// accepted is a submission that has won.
type accepted struct {
	subject  string            // of its first message
	sequence uint64            // of that
	position delivery.Position // of the last entry of the first batch
	number   int               // of Welcomes that follow
	follow   []invitations     // these, or nil: then they are in data
	data     []byte            // of the first message
	appended bool              // whether further has appended any of those that follow
}

// acceptedBy returns the submission of which m is the first message.
func acceptedBy(m *jetstream.RawStreamMsg) (*accepted, error) {
	after, err := strconv.ParseUint(m.Header.Get(afterHeader), 10, 64)
	if err != nil {
		return nil, errPayload
	}
	a := &accepted{subject: m.Subject, sequence: m.Sequence, position: delivery.Position(m.Sequence + after), data: m.Data}
	if rest := m.Header.Get(restHeader); rest != "" {
		if a.number, err = strconv.Atoi(rest); err != nil {
			return nil, errPayload
		}
	}
	return a, nil
}

// complete appends the Welcomes that follow a submission, as far as they are not there yet. If
// that fails, the outcome of the submission is unknown: to repeat it completes it.
func (s *Service) complete(ctx context.Context, a *accepted) error {
	done, err := 0, error(nil)
	for attempt := 0; done < a.number && err == nil; {
		var n int
		n, err = s.further(ctx, a, done)
		switch {
		case err == nil:
			done, attempt = done+n, 0
		case (conflict(err) || errors.Is(err, errBusy)) && attempt < maxAttempts: // somebody else appends the same
			attempt++
			err = pause(ctx, attempt)
		}
	}
	if err == nil {
		return nil
	}
	if why, callers := inflight.Why(ctx, err); callers {
		return why
	}
	return fmt.Errorf("%w: the submission has won, and %d of %d Welcomes that follow are not there: %v", delivery.ErrUnknown, a.number-done, a.number, err)
}

// further appends one more batch of the Welcomes that follow a submission, behind so many of
// them, unless it is there. It returns their number.
func (s *Service) further(ctx context.Context, a *accepted, done int) (int, error) {
	subject := furtherSubject(a.subject, done)
	there, err := s.last(ctx, subject)
	if err != nil {
		return 0, err
	}
	if there != nil {
		n, err := strconv.Atoi(there.Header.Get(afterHeader))
		if err == nil && n <= 0 {
			err = errPayload
		}
		return n, err
	}
	if a.follow == nil {
		if err := s.readFollowing(ctx, a); err != nil {
			return 0, err
		}
	}
	_, rest := split(a.follow, done)
	now, _ := split(rest, s.batchSize-1)
	t := strings.Split(a.subject, ".")
	begins := nats.NewMsg(subject)
	batch := []message{{begins, once()}}
	for _, in := range now {
		batch = append(batch, in.messages(t[2], t[3], a.position)...)
	}
	// Once the submission is forgotten, nobody knows what is there.
	batch[1].expect = &expectation{a.subject, a.sequence}
	begins.Header.Set(afterHeader, strconv.Itoa(len(batch)-1))
	_, err = publishBatch(ctx, s.js, batch)
	a.appended = a.appended || err == nil
	if conflict(err) {
		if m, failed := s.last(ctx, a.subject); failed == nil && (m == nil || m.Sequence != a.sequence) {
			err = errForgotten
		}
	}
	return len(batch) - 1, err
}

var errForgotten = errors.New("jetstream: the submission is forgotten")

// readFollowing reads the Welcomes that follow a submission from its first message.
func (s *Service) readFollowing(ctx context.Context, a *accepted) error {
	parts, err := s.parts(ctx, a.data, 1)
	if err != nil {
		return err
	}
	var follow []invitations
	if err := json.Unmarshal(parts[0], &follow); err != nil {
		return err
	}
	for _, in := range follow {
		for _, client := range in.Clients {
			if CheckName(client) != nil {
				return errPayload
			}
		}
	}
	if numberOf(follow) != a.number || a.number == 0 {
		return errPayload
	}
	a.follow = follow
	return nil
}

// startOf returns where who joins by a Welcome begins to read the group.
func startOf(header nats.Header, position delivery.Position) delivery.Position {
	start, err := strconv.ParseUint(header.Get(startHeader), 10, 64)
	if err != nil || delivery.Position(start) > position {
		return position // nothing of the group lies between them
	}
	return delivery.Position(start)
}

// unfinished is a submission of which Welcomes are missing.
type unfinished struct {
	sequence uint64   // of its first message
	groups   []string // to which they lead
	left     int
}

// follows counts what follows a submission: header is that of its first message, or of the first
// one of a further batch.
func (f *found) follows(submission string, further bool, header nats.Header, sequence uint64) {
	if u := f.unfinished[submission]; further && u != nil {
		n, _ := strconv.Atoi(header.Get(afterHeader))
		if u.left -= n; u.left <= 0 {
			delete(f.unfinished, submission)
		}
		return
	}
	if n, err := strconv.Atoi(header.Get(restHeader)); err == nil && n > 0 && !further {
		u := &unfinished{sequence: sequence, left: n}
		for _, group := range header.Values(groupHeader) {
			if id, err := untoken(group); err == nil {
				u.groups = append(u.groups, id)
			}
		}
		f.unfinished[submission] = u
	}
}

// completeAll appends the Welcomes that are missing of submissions. It returns the number of
// those to which it has appended some, and which are complete: others may have appended the rest.
func completeAll(ctx context.Context, nc *nats.Conn, f *found) (n int, err error) {
	s, err := Connect(ctx, nc, "collect") // which is in no subject
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	ctx, done, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer done()
	var failed []error
	for subject := range f.unfinished {
		m, err := s.last(ctx, subject)
		if err == nil && m == nil {
			continue
		}
		var a *accepted
		if err == nil {
			a, err = acceptedBy(m)
		}
		if err == nil {
			err = s.complete(ctx, a)
		}
		if err != nil {
			failed = append(failed, fmt.Errorf("submission %s: %w", subject, err))
			continue
		}
		if a.appended {
			n++
		}
	}
	return n, errors.Join(failed...)
}
