package trial

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// side is a suite of a trial, with clients and groups of its own.
type side struct {
	suite   Suite
	info    suite.Info // of the T groups, if they are pairs
	target  suite.ID   // to which its groups move, or 0
	names   []string
	clients []*child
	busy    []chan struct{} // places of what a client does at once
	parties []*party
	changes []sync.Mutex // one for each party: who joins and leaves, one after the other
	plan    [][]action

	latency, moves histogram // with the tracker's mutex
	commits        stopwatch

	mu       sync.Mutex
	accepted []map[int]bool // of each party, numbers of messages that a client has taken
	asked    []map[int]bool // and of those that it was asked to take
	doubts   map[doubt]bool // who was killed while it took one
	spent    spent          // in the day
	stored   [2]float64     // bytes of stores, before and after the day
	seconds  float64        // of the day
	setup    time.Duration
	late     time.Duration // at most
	messages int           // of the day
	kinds    *result.Kinds
	away     *result.CatchUp
	moved    *result.Moves
	checked  result.Checked
	service  *result.ServiceUse
}

// doubt is a client that may have sent a message to a party.
type doubt struct{ party, client int }

// atOnce is how many requests a client has at once.
const atOnce = 4

// setup starts what there is, and makes the groups.
func (t *trial) setup(ctx context.Context) error {
	t.cfg.Progress(0, "setup")
	if t.cfg.At == "" {
		if err := t.startServer(ctx); err != nil {
			return err
		}
	}
	for i, of := range t.cfg.Suites {
		s, err := t.newSide(i, of)
		if err != nil {
			return err
		}
		t.sides = append(t.sides, s)
	}
	for _, s := range t.sides {
		if err := s.begin(ctx, t); err != nil {
			return fmt.Errorf("trial: suite %v: %w", s.suite, err)
		}
	}
	return nil
}

// startServer starts the embedded server.
func (t *trial) startServer(ctx context.Context) error {
	var once sync.Once
	cfg := &serverConfig{Folder: filepath.Join(t.folder, "service"), Listen: "127.0.0.1:0", Gate: t.cfg.Gate}
	if t.cfg.Partial > 0 {
		cfg.Guard = newStoreKey()
	}
	t.server = newChild("server", cfg, t.cfg.Processes, func(r report) {
		once.Do(func() {
			t.via.URL = r.URL
			cfg.Listen = r.URL[len("nats://"):] // of its next life too
		})
	})
	t.server.died = func(err error) { t.fail(fmt.Errorf("trial: the server ended: %w", err)) }
	return t.server.start(ctx)
}

// newSide makes the clients of a suite, which do not live yet, and its plan.
func (t *trial) newSide(number int, of Suite) (*side, error) {
	id := of.ID
	engine, err := all.Registry().Suite(id)
	if err != nil {
		return nil, err
	}
	cfg := t.cfg
	s := &side{suite: of, info: engine.Info(), doubts: map[doubt]bool{}, changes: make([]sync.Mutex, cfg.Groups)}
	root := fmt.Sprintf("%s-%d", t.root, number+1)
	s.parties = newParties(t.random, cfg.Day, root, cfg.Groups, cfg.Clients, cfg.full())
	slots := max(cfg.Rounds, 1)
	turn := cfg.For / time.Duration(slots)
	if cfg.Rounds > 0 {
		turn /= time.Duration(len(cfg.Suites))
	}
	s.plan = plan(t.random, cfg.Day, cfg.Groups, cfg.Messages, slots, turn)
	for range s.parties {
		s.accepted, s.asked = append(s.accepted, map[int]bool{}), append(s.asked, map[int]bool{})
	}
	if cfg.Move != 0 && cfg.Move != id {
		s.target = cfg.Move
	}
	// Suites that sign as that of the groups does have its key.
	differs := func(id suite.ID) (bool, error) {
		if id == 0 {
			return false, nil
		}
		other, err := all.Registry().Suite(id)
		return err == nil && other.Info().Signature.Scheme != s.info.Signature.Scheme, err
	}
	other, err := differs(s.target)
	if err != nil {
		return nil, err
	}
	otherPQ, err := differs(of.PQ)
	if err != nil {
		return nil, err
	}
	for i := range cfg.Clients {
		c := memberConfig{
			Name: fmt.Sprintf("%s-%d-c%d", t.root, number+1, i+1), Suite: of, Full: cfg.Full, Move: s.target, Folder: t.folder, Key: newStoreKey(), NoSync: cfg.NoSync,
			Poll: time.Minute, Via: t.via, Root: root,
		}
		c.Public, c.Partial = cfg.Partial > 0, i >= cfg.full()
		if cfg.Chaos {
			c.Poll = 2 * time.Second // a restart of the server loses what it was about to tell
		}
		if c.Signer, err = newSigner(id); err != nil {
			return nil, err
		}
		if other {
			if c.Moved, err = newSigner(s.target); err != nil {
				return nil, err
			}
		}
		if otherPQ {
			if c.PQSigner, err = newSigner(of.PQ); err != nil {
				return nil, err
			}
		}
		s.names = append(s.names, c.Name)
		s.busy = append(s.busy, make(chan struct{}, atOnce))
		child := newChild("member", c, cfg.Processes, func(r report) {
			if r.Got != nil {
				t.tracker.got(c.Name, *r.Got)
			}
			if r.Note != "" {
				t.note("%s", r.Note)
			}
		})
		child.died = func(err error) { t.fail(fmt.Errorf("trial: client %s ended: %w", c.Name, err)) }
		s.clients = append(s.clients, child)
	}
	return s, nil
}

// begin opens the clients and makes the groups.
func (s *side) begin(ctx context.Context, t *trial) error {
	begun := time.Now()
	err := each(ctx, 8, len(s.clients), func(i int) error {
		t.cfg.Progress(0, fmt.Sprintf("clients of %v", s.suite))
		if err := s.clients[i].start(ctx); err != nil {
			return err
		}
		_, err := s.clients[i].call(ctx, request{Do: "sync"}) // publishes key packages
		return err
	})
	if err != nil {
		return err
	}
	err = each(ctx, atOnce, len(s.parties), func(i int) error {
		p := s.parties[i]
		t.cfg.Progress(0, fmt.Sprintf("groups of %v", s.suite))
		members := s.namesOf(p.members())
		t.tracker.expect(flight{p.id, makingOf}, members[1:], nil)
		_, err := s.clients[p.steady[0]].call(ctx, request{Do: "create", Group: p.id, Names: members[1:]})
		return err
	})
	if err != nil {
		return err
	}
	if err := t.settle(ctx, ""); err != nil {
		return err
	}
	s.setup = time.Since(begun)
	return nil
}

func (s *side) namesOf(clients []int) []string {
	names := make([]string, len(clients))
	for i, c := range clients {
		names[i] = s.names[c]
	}
	return names
}

// each calls f for 0 to n-1, at most so many at once, until one fails.
func each(ctx context.Context, limit, n int, f func(int) error) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var all sync.WaitGroup
	places := make(chan struct{}, limit)
	for i := range n {
		select {
		case places <- struct{}{}:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		all.Go(func() {
			defer func() { <-places }()
			if err := f(i); err != nil {
				stop(err)
			}
		})
	}
	all.Wait()
	return context.Cause(ctx)
}

// spent is what was used up to a time. Its differences are what a time has cost.
type spent struct {
	clients, service, all float64 // CPU time
	read, written         float64
	counts                map[string]int64
	stored                float64 // by the service
}

// spentBy measures what was used so far: by the clients of a suite, and by what all suites
// have in common.
func (t *trial) spentBy(ctx context.Context, s *side) spent {
	x := spent{counts: map[string]int64{}}
	for _, c := range s.clients {
		u := c.used(ctx, true)
		x.clients += float64(u.CPU)
		for name, n := range u.Counts {
			x.counts[name] += n
		}
	}
	x.all = float64(measure.Used()) + x.clients
	if t.server != nil {
		u := t.server.used(ctx, true)
		x.service, x.read, x.written = float64(u.CPU), float64(u.Counts[wireIn]), float64(u.Counts[wireOut])
		x.all += x.service
	}
	x.stored = t.serviceStorage(ctx)
	return x
}

// plus adds what was spent from one time to another.
func (x *spent) plus(before, after spent) {
	x.clients += after.clients - before.clients
	x.service += after.service - before.service
	x.all += after.all - before.all
	x.read += after.read - before.read
	x.written += after.written - before.written
	if x.counts == nil {
		x.counts = map[string]int64{}
	}
	for name, n := range after.counts {
		x.counts[name] += n - before.counts[name]
	}
}

// serviceStorage returns the bytes that JetStream stores for the account, or 0 if it does not
// tell.
func (t *trial) serviceStorage(ctx context.Context) float64 {
	options, err := t.via.options("trial")
	if err != nil {
		return 0
	}
	nc, err := nats.Connect(t.via.URL, options...)
	if err != nil {
		return 0
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return 0
	}
	info, err := js.AccountInfo(ctx)
	if err != nil {
		return 0
	}
	return float64(info.Store)
}

// kindsOf returns what full and partial members have used.
func (t *trial) kindsOf(ctx context.Context, s *side) *result.Kinds {
	if t.cfg.Partial == 0 {
		return nil
	}
	kinds := &result.Kinds{}
	for i, c := range s.clients {
		kind := &kinds.Full
		if i >= t.cfg.full() {
			kind = &kinds.Partial
		}
		n := c.used(ctx, true).Counts
		kind.Clients++
		kind.Up += float64(n[bytesUp])
		kind.Down += float64(n[bytesDown])
		if info, err := os.Stat(storeFile(t.folder, s.names[i])); err == nil {
			kind.Stored += float64(info.Size())
		}
	}
	return kinds
}

// storage returns the bytes of the stores of a suite's clients.
func (s *side) storage(folder string) (bytes float64) {
	for _, name := range s.names {
		if info, err := os.Stat(storeFile(folder, name)); err == nil {
			bytes += float64(info.Size())
		}
	}
	return bytes
}

// result returns what was found of a suite.
func (s *side) result(t *trial) result.Trial {
	cfg, n := t.cfg, s.spent.counts
	x := result.Trial{
		Suite: s.info.Name, ID: result.Code(s.info.ID), PQ: result.Code(s.suite.PQ), Workload: cmp.Or(cfg.Day.Name, "a day"), Groups: cfg.Groups, GroupSize: cfg.Day.Members,
		Clients: cfg.Clients, Processes: cfg.Processes, Service: cmp.Or(cfg.At, "embedded"), MessageBytes: cfg.Day.Size,
		Seconds: s.seconds, Setup: s.setup.Seconds(), Late: s.late.Seconds(), Messages: s.messages,
		Latency: t.tracker.times(&s.latency), CommitLatency: s.commits.of.times(),
		Commits: result.Commits{
			Won: int(n["commits_won"]), Full: int(n["full_commits_won"]), Lost: int(n["commits_lost"]), Superseded: int(n["commits_superseded"]),
			EncryptedAnew: int(n["messages_encrypted_anew"]), Retries: int(n["retries"]),
		},
		Up: float64(n[bytesUp]), Down: float64(n[bytesDown]), ClientCPU: s.spent.clients,
		Stored: result.Growth{Before: s.stored[0], After: s.stored[1]}, ServiceUse: s.service,
		Kinds: s.kinds, CatchUp: s.away, Move: s.moved, Check: s.checked, Heap: t.heap, Notes: t.notes,
	}
	if s.seconds > 0 {
		x.PerMinute = float64(x.Commits.Won) / s.seconds * 60
	}
	if t.alone() {
		x.AllCPU = s.spent.all
	}
	if cfg.Chaos {
		x.Chaos = &t.chaos
	}
	return x
}

// alone reports whether what is used in the turn of a suite is used by that suite.
func (t *trial) alone() bool { return t.cfg.Rounds > 0 || len(t.sides) == 1 }
