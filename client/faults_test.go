package client_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	gosync "sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/store"
	storememory "github.com/mlsuite/mlsuite/store/memory"
	"github.com/mlsuite/mlsuite/suite"
)

// fate is what happens to a client's process at one of the operations that change the store
// or the delivery service.
type fate int

const (
	diesBefore fate = iota
	diesAfter       // the operation takes effect, and nobody hears of it
	fails           // the operation does not take effect, and the process goes on
)

func (f fate) String() string { return [...]string{"dies before", "dies after", "fails"}[f] }

var errDisk = errors.New("the disk is full")

// killer lets a fate happen to a process at one operation.
type killer struct {
	mu   gosync.Mutex
	left int // operations until then; 0 never
	fate fate
	hit  bool
	dead bool
	disk *storememory.Disk
}

// around runs an operation, or lets the fate happen.
func (k *killer) around(failure error, op func() error) error {
	k.mu.Lock()
	if k.dead {
		k.mu.Unlock()
		return store.ErrClosed
	}
	hit := k.left == 1
	k.left--
	k.mu.Unlock()
	switch {
	case !hit:
		return op()
	case k.fate == diesAfter:
		_ = op()
	}
	k.mu.Lock()
	k.hit, k.dead = true, k.fate != fails
	k.mu.Unlock()
	if k.fate == fails {
		return failure
	}
	k.disk.Kill()
	return store.ErrClosed
}

// killedStore is a store whose process ends.
type killedStore struct {
	store.Store
	k *killer
}

func (s killedStore) Update(ctx context.Context, write func(store.Writer) error) error {
	return s.k.around(errDisk, func() error { return s.Store.Update(ctx, write) })
}

// killedService is a delivery service whose client ends. It keeps what the client hands
// in.
type killedService struct {
	delivery.Service
	k *killer
	r *recording
}

// recording is all that a client handed in, in all of its processes, taken or not.
type recording struct {
	mu       gosync.Mutex
	messages []delivery.Message // commits too
}

func (r *recording) add(m delivery.Message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m.Message = bytes.Clone(m.Message)
	r.messages = append(r.messages, m)
}

func (s killedService) Submit(ctx context.Context, sub delivery.Submission) (p delivery.Position, err error) {
	for _, c := range sub.Commits {
		if len(c.Message) > 0 {
			s.r.add(delivery.Message{Group: c.Group, Epoch: c.Epoch, Message: c.Message})
		}
	}
	return p, s.k.around(delivery.ErrUnavailable, func() error { p, err = s.Service.Submit(ctx, sub); return err })
}

func (s killedService) Send(ctx context.Context, m delivery.Message) (p delivery.Position, err error) {
	s.r.add(m)
	return p, s.k.around(delivery.ErrUnavailable, func() error { p, err = s.Service.Send(ctx, m); return err })
}

func (s killedService) Claim(ctx context.Context, of string, id suite.ID) (kp []byte, err error) {
	return kp, s.k.around(delivery.ErrUnavailable, func() error { kp, err = s.Service.Claim(ctx, of, id); return err })
}

func (s killedService) Publish(ctx context.Context, change delivery.Stock) error {
	return s.k.around(delivery.ErrUnavailable, func() error { return s.Service.Publish(ctx, change) })
}

func (s killedService) Acknowledge(ctx context.Context, of delivery.Stream, p delivery.Position) error {
	return s.k.around(delivery.ErrUnavailable, func() error { return s.Service.Acknowledge(ctx, of, p) })
}

// forgetful is a service that does not keep acknowledgements.
type forgetful struct{ delivery.Service }

func (forgetful) Acknowledged(context.Context, delivery.Stream) (delivery.Position, error) {
	return 0, nil
}

// mortal gives the next process of a client a fate, after a number of operations.
func (a *actor) mortal(left int, what fate) (*killer, *recording) {
	k, r := &killer{left: left, fate: what, disk: a.disk}, &recording{}
	a.wrap(k, r)
	return k, r
}

func (a *actor) wrap(k *killer, r *recording) {
	a.store = func(s store.Store) store.Store { return killedStore{s, k} }
	a.delivery = func(s delivery.Service) delivery.Service { return keepAnnotations(killedService{s, k, r}, s) }
}

// auditor is a member that never restarts and keeps every key until it has used it: it
// opens everything that others handed in, which works once for each key.
type auditor struct {
	w    *world
	name string
	keys []*mls.OwnKeyPackage

	configs []apq.Config // of keys, if they are for pairs
}

// auditor publishes key packages of a member that only reads.
func (w *world) auditor(name string, suites ...suite.ID) *auditor {
	e := &auditor{w: w, name: name}
	for _, id := range append(suites, suites...) { // a process that ends loses what it has claimed
		s, err := all.Registry().Suite(id)
		require.NoError(w.t, err)
		signer, err := s.GenerateSigner()
		require.NoError(w.t, err)
		cfg := mls.Config{
			Suites: all.Registry(), Suite: id, Credential: message.BasicCredential([]byte(name)), Signer: signer,
			Limits: mls.Limits{MaxForward: 1 << 20, MaxSkippedKeys: 1 << 20},
		}
		if slices.Contains(suites, postQuantum) {
			e.configs = append(e.configs, bothConfig(cfg))
			cfg = forPairs(w.t, cfg)
		}
		own, err := mls.NewKeyPackage(ctx, now(), cfg, mls.KeyPackageOptions{})
		require.NoError(w.t, err)
		encoded, err := message.Marshal(&message.Message{KeyPackage: own.KeyPackage})
		require.NoError(w.t, err)
		e.keys = append(e.keys, own)
		require.NoError(w.t, w.server.Client(name).Publish(ctx, delivery.Stock{Add: []delivery.KeyPackage{{
			Ref: own.Ref, Suite: id, Expires: now().AddDate(0, 0, 60), Message: encoded,
		}}}))
	}
	return e
}

// audit follows a group from the auditor's Welcome on, and opens in each epoch all that
// was handed in for it. It returns how many messages it opened.
func (e *auditor) audit(t testing.TB, group string, recordings ...*recording) int {
	t.Helper()
	handedIn := map[uint64][][]byte{}
	for _, r := range recordings {
		for _, m := range r.messages {
			seen := handedIn[m.Epoch]
			if m.Group == group && !slices.ContainsFunc(seen, func(b []byte) bool { return bytes.Equal(b, m.Message) }) {
				handedIn[m.Epoch] = append(seen, m.Message)
			}
		}
	}
	g := e.join(t, group)
	opened := 0
	open := func(epoch uint64) {
		for _, m := range handedIn[epoch] {
			_, err := g.process(m)
			require.NoError(t, err, "epoch %d: a key was used twice, or the message is broken", epoch)
			opened++
		}
	}
	for _, entry := range e.w.server.Entries(delivery.Stream{Group: group}) {
		if entry.Kind != delivery.KindCommit || entry.Epoch < g.t.Epoch() {
			continue
		}
		// The commit that won is opened for the second time here: on a fork of the state.
		winner := entry.Message
		handedIn[entry.Epoch] = slices.DeleteFunc(handedIn[entry.Epoch], func(b []byte) bool { return bytes.Equal(b, winner) })
		open(g.t.Epoch())
		adopt, err := g.process(winner)
		require.NoError(t, err)
		g, err = adopt()
		if errors.Is(err, mls.ErrRemoved) {
			return opened
		}
		require.NoError(t, err)
		opened++
	}
	open(g.t.Epoch())
	return opened
}

// audited is a group as the auditor has it: of a pair, t is the T group.
type audited struct {
	t    *mls.Group
	pair *apq.Group
}

// process opens a message, and returns what adopts it if it is a commit.
func (a *audited) process(msg []byte) (adopt func() (*audited, error), err error) {
	if a.pair == nil {
		received, err := a.t.Process(ctx, now(), msg)
		if err != nil {
			return nil, err
		}
		return func() (*audited, error) {
			next, err := received.Commit.Adopt()
			return &audited{t: next}, err
		}, nil
	}
	received, err := a.pair.Process(ctx, now(), msg)
	if err != nil {
		return nil, err
	}
	return func() (*audited, error) {
		next, err := received.Commit.Adopt()
		if err != nil {
			return nil, err
		}
		return &audited{next.T(), next}, nil
	}, nil
}

func (e *auditor) join(t testing.TB, group string) *audited {
	t.Helper()
	for _, entry := range e.w.server.Entries(delivery.Stream{Client: e.name}) {
		if entry.Group != group {
			continue
		}
		if apq.IsMessagePair(entry.Message, message.CodePoints{}) {
			return e.joinPair(t, entry)
		}
		for _, own := range e.keys {
			c, err := own.Join(ctx, now(), entry.Message, mls.JoinOptions{RatchetTree: entry.Tree})
			if err != nil {
				continue
			}
			g, err := c.Adopt()
			require.NoError(t, err)
			return &audited{t: g}
		}
	}
	require.Fail(t, "the auditor was not invited")
	return nil
}

// joinPair joins a pair by whichever two key packages it is for.
func (e *auditor) joinPair(t testing.TB, entry delivery.Entry) *audited {
	for i, own := range e.keys {
		for j, pq := range e.keys {
			inT, err := own.Save()
			require.NoError(t, err)
			inPQ, err := pq.Save()
			require.NoError(t, err)
			cfg := e.configs[i]
			cfg.PQ.Signer = e.configs[j].PQ.Signer
			both, err := apq.RestoreKeyPackage(now(), cfg, inT, inPQ)
			if err != nil {
				continue
			}
			c, err := both.Join(ctx, now(), entry.Message, apq.JoinOptions{})
			if err != nil {
				continue
			}
			g, err := c.Adopt()
			require.NoError(t, err)
			return &audited{g.T(), g}
		}
	}
	require.Fail(t, "the auditor was not invited")
	return nil
}

// refusing is an authenticator that refuses one name.
type refusing struct{ name string }

func (r refusing) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	verdicts := make([]error, len(changes))
	for i, c := range changes {
		if string(c.Credential.Content) == r.name {
			verdicts[i] = errNotThem
		}
	}
	return verdicts, nil
}

func (refusing) SameClient(old, next message.Credential) bool {
	return bytes.Equal(old.Content, next.Content)
}
