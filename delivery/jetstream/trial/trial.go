// Package trial tries groups over a delivery service: real clients (package client) with
// stores in files, on NATS JetStream, play the day of a group (package bench/day). It tells
// how long a message takes until all have it, what commits cost, what travels and grows, how
// a member catches up, how groups move to another suite; and it checks that no message was
// lost or doubled, also when clients and the server are killed meanwhile.
//
// Command mlstrial is its program.
//
// # Phases
//
//	setup      the server starts, clients open, groups are made
//	day        sends, renewals, joins and removals of all groups, spread over Config.For
//	catch-up   one client is away for a while, and comes back
//	move       all groups move to another suite
//	check      a last message in each group, then the lists of all members are compared
//
// # The check
//
// Each message has a number. Each member keeps a list of what it got, and of what it sent
// itself, in the transaction that confirms the event. In the end every member of a group must
// have the same messages in the same order, each once: all that a client has accepted, in the
// time of its membership. A message whose sender was killed before it answered may be there
// or not, but for all alike.
package trial

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/bench/day"
	"github.com/mlsuite/mlsuite/bench/device"
	"github.com/mlsuite/mlsuite/bench/host"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/store/bolt"
	"github.com/mlsuite/mlsuite/suite"
)

// Suite is what the groups of a trial have: a cipher suite, or two if they are pairs.
type Suite struct {
	ID suite.ID // of pairs, that of the T groups
	PQ suite.ID // of the PQ group beside each, or 0
}

// String returns the code point, or both with a plus between them.
func (s Suite) String() string {
	if s.PQ == 0 {
		return s.ID.String()
	}
	return s.ID.String() + "+" + s.PQ.String()
}

// mode returns what a pair of the suites is for: the most that they can do.
func (s Suite) mode() (apq.Mode, error) {
	t, err := all.Registry().Suite(s.ID)
	if err != nil {
		return 0, err
	}
	pq, err := all.Registry().Suite(s.PQ)
	if err != nil {
		return 0, err
	}
	if apq.CheckSuites(apq.ConfidentialityAndAuthenticity, t.Info(), pq.Info()) == nil {
		return apq.ConfidentialityAndAuthenticity, nil
	}
	return apq.ConfidentialityOnly, apq.CheckSuites(apq.ConfidentialityOnly, t.Info(), pq.Info())
}

// Config says what a trial does.
type Config struct {
	Day     day.Day // of each group
	Suites  []Suite
	Full    apq.Schedule  // of FULL commits, where groups are pairs
	Clients int           // of each suite; 0 means one more than the day has members
	Groups  int           // of each suite
	For     time.Duration // in which the day is played, for all suites together

	// Rounds is the number of times that each suite has its turn, so that their figures are
	// of the same circumstances; 0 lets all have their groups at once.
	Rounds int

	// Partial is the share of the clients that are partial members of their groups, from 0 to
	// below 1. With any, handshakes are public and a guard stands behind the gate.
	Partial float64

	Messages int      // of each suite, at most
	Behind   int      // messages of each group that a client misses, before it catches up; 0 leaves that out
	Move     suite.ID // to which all groups move in the end, or 0

	Processes bool // clients and the embedded server are processes of their own: see [Child]

	// Chaos kills clients and restarts the embedded server during the day. Processes are
	// killed as SIGKILL does. What shares the process of the trial ends between two
	// operations on its store and its service, and the server shuts down.
	Chaos      bool
	ChaosEvery time.Duration // 0 means a twelfth of For, from 300 ms to 10 s

	// At is the URL of a server or cluster that runs; "" starts an embedded one, which
	// listens on the loopback interface. Gate goes through a gate, in place of the stream.
	At   string
	Gate bool
	CA   string // file with certificates of authorities
	Nkey string // file with the seed of a user who may act as any client

	Folder   string        // for the stores and the server; "" is one that is deleted afterwards
	NoSync   bool          // clients' stores do not outlive the loss of power, and are faster
	Seed     uint64        // of what is random in the plan
	Patience time.Duration // without progress, before what is missing is lost; 0 means 2 minutes

	Progress func(part float64, what string) // what is done, of 1, and what comes next; one call at a time; or nil
	Note     func(text string)               // tells a line from time to time; or nil
}

// complete checks cfg and fills in what is standard.
func (cfg *Config) complete() error {
	if err := cfg.Day.Check(); err != nil {
		return err
	}
	if cfg.Clients == 0 {
		cfg.Clients = cfg.Day.Members + 1
	}
	if cfg.ChaosEvery == 0 {
		cfg.ChaosEvery = min(max(cfg.For/12, 300*time.Millisecond), 10*time.Second)
	}
	if cfg.Patience == 0 {
		cfg.Patience = 2 * time.Minute
	}
	if progress := cfg.Progress; progress == nil {
		cfg.Progress = func(float64, string) {}
	} else {
		var mu sync.Mutex
		cfg.Progress = func(part float64, what string) {
			mu.Lock()
			defer mu.Unlock()
			progress(part, what)
		}
	}
	if cfg.Note == nil {
		cfg.Note = func(string) {}
	}
	for _, s := range cfg.Suites {
		if s.PQ != 0 {
			if _, err := s.mode(); err != nil {
				return fmt.Errorf("trial: suites %v: %w", s, err)
			}
			if cfg.Move != 0 {
				return fmt.Errorf("trial: groups of %v are pairs, which do not move", s)
			}
		}
	}
	if err := cfg.Full.Validate(); err != nil {
		return err
	}
	if cfg.Partial != 0 {
		cfg.Gate = true
		if slices.ContainsFunc(cfg.Suites, func(s Suite) bool { return s.PQ != 0 }) {
			return errors.New("trial: there are no partial members of pairs")
		}
		if cfg.Partial < 0 || cfg.Partial >= 1 || cfg.full() < max(cfg.Day.Committers, 1) {
			return fmt.Errorf("trial: a share of %g partial members leaves fewer full ones than the %d who commit", cfg.Partial, max(cfg.Day.Committers, 1))
		}
	}
	switch {
	case len(cfg.Suites) == 0:
		return errors.New("trial: there are no suites")
	case cfg.Clients < cfg.Day.Members:
		return fmt.Errorf("trial: %d clients are fewer than the %d members of a group", cfg.Clients, cfg.Day.Members)
	case cfg.Groups < 1, cfg.For <= 0, cfg.Messages < 1, cfg.Rounds < 0, cfg.Behind < 0, cfg.ChaosEvery < 0:
		return errors.New("trial: groups, messages and the time must be positive, and nothing may be negative")
	}
	return nil
}

// full returns how many clients of a suite are full members: the first ones.
func (cfg *Config) full() int {
	return cfg.Clients - int(math.Round(cfg.Partial*float64(cfg.Clients)))
}

// Loopback reports whether all servers of a URL, or of several with commas, are on this
// machine.
func Loopback(urls string) bool {
	for _, each := range strings.Split(urls, ",") {
		if !strings.Contains(each, "://") {
			each = "nats://" + each
		}
		u, err := url.Parse(strings.TrimSpace(each))
		if err != nil {
			return false
		}
		if ip := net.ParseIP(u.Hostname()); u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

// trial is a trial that runs.
type trial struct {
	cfg     Config
	random  *mathrand.Rand
	root    string // what the names of clients and ids of groups begin with
	folder  string
	server  *child // nil for one elsewhere
	via     connection
	sides   []*side
	tracker *tracker
	watch   *host.Watch
	begun   time.Time
	fail    context.CancelCauseFunc

	mu    sync.Mutex
	notes []string
	heap  []result.Heap
	chaos result.Chaos
}

// Run runs a trial, and ends all that it has started. That messages were lost is no error:
// see [result.Checked].
func Run(ctx context.Context, cfg Config) (_ *result.Results, err error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	t := &trial{
		cfg: cfg, random: mathrand.New(mathrand.NewPCG(cfg.Seed, 1)), root: "t" + strings.ToLower(rand.Text()[:6]),
		tracker: newTracker(), watch: host.Start(), begun: time.Now(), folder: cfg.Folder,
		via: connection{URL: cfg.At, Gate: cfg.Gate, CA: cfg.CA, Nkey: cfg.Nkey},
	}
	if t.folder == "" {
		if t.folder, err = os.MkdirTemp("", "mlstrial"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(t.folder)
	}
	ctx, t.fail = context.WithCancelCause(ctx)
	defer t.fail(nil)
	defer t.end()
	go t.observe(ctx)
	for _, phase := range []func(context.Context) error{t.setup, t.play, t.catchUp, t.move, t.last, t.check} {
		if err := phase(ctx); err != nil {
			return nil, err
		}
	}
	t.look(ctx)
	return t.results(), nil
}

// end ends clients and server.
func (t *trial) end() {
	var all sync.WaitGroup
	for _, s := range t.sides {
		for _, c := range s.clients {
			all.Go(func() { c.end(true) })
		}
	}
	all.Wait()
	if t.server != nil {
		t.server.end(true)
	}
}

// note keeps a line on what should not happen, of the first ones.
func (t *trial) note(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.notes) < 20 {
		t.notes = append(t.notes, fmt.Sprintf(format, args...))
	}
}

// observe tells how the trial is, every minute.
func (t *trial) observe(ctx context.Context) {
	for {
		select {
		case <-time.After(time.Minute):
			t.cfg.Note(t.look(ctx))
		case <-ctx.Done():
			return
		}
	}
}

// look measures the live heap of all processes, and says it.
func (t *trial) look(ctx context.Context) string {
	bytes := float64(heap())
	if t.cfg.Processes {
		for _, s := range t.sides {
			for _, c := range s.clients {
				bytes += float64(c.used(ctx, false).Heap)
			}
		}
		if t.server != nil {
			bytes += float64(t.server.used(ctx, false).Heap)
		}
	}
	passed := time.Since(t.begun)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heap = append(t.heap, result.Heap{Seconds: passed.Seconds(), Bytes: bytes})
	open, _ := t.tracker.open("")
	return fmt.Sprintf("%v: heap %v, %d arrived at all, %d on their way", passed.Round(time.Second), host.Bytes(bytes), t.tracker.done(), open)
}

// heap returns the bytes of live objects of this process.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// results returns what was found.
func (t *trial) results() *result.Results {
	state := t.watch.State()
	r := &result.Results{
		Schema: result.Schema, Machine: host.ThisMachine(), State: state, Warnings: state.Warnings(), Modules: result.Modules(),
		Measurement: result.Measurement{Clock: measure.Clock, Rounds: max(t.cfg.Rounds, 1), MessageBytes: t.cfg.Day.Size},
		Cells:       []result.Cell{},
	}
	if r.Warnings == nil {
		r.Warnings = []string{}
	}
	if t.cfg.Rounds == 0 && len(t.sides) > 1 {
		r.Warnings = append(r.Warnings, "all suites ran at once: times of one are also those that the others made it wait")
	}
	for _, s := range t.sides {
		for _, id := range []suite.ID{s.suite.ID, s.suite.PQ} {
			if of, err := all.Registry().Suite(id); id != 0 && err == nil {
				addSuite(r, of)
			}
		}
		r.Trials = append(r.Trials, s.result(t))
	}
	return r
}

// addSuite describes a suite in the results, once.
func addSuite(r *result.Results, of suite.Suite) {
	info := of.Info()
	if slices.ContainsFunc(r.Suites, func(x result.Suite) bool { return x.ID == result.Code(info.ID) }) {
		return
	}
	kem, signature := result.ShortNames(info)
	r.Suites = append(r.Suites, result.Suite{
		Name: info.Name, ID: result.Code(info.ID), KEM: kem, AEAD: info.AEAD.Name, Signature: signature,
		Providers: device.Providers(of), Prices: map[string]result.Figure{},
	})
}

// newSigner returns a new signature key of a suite.
func newSigner(id suite.ID) ([]byte, error) {
	s, err := all.Registry().Suite(id)
	if err != nil {
		return nil, err
	}
	signer, err := s.GenerateSigner()
	if err != nil {
		return nil, err
	}
	return signer.Bytes()
}

func newStoreKey() []byte {
	key := make([]byte, bolt.KeySize)
	rand.Read(key)
	return key
}
