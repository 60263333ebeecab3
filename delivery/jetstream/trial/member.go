package trial

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/delivery/jetstream/gate"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/store/bolt"
	"github.com/mlsuite/mlsuite/suite"
)

// memberConfig is what a member is told when it begins, and each time it begins again.
type memberConfig struct {
	Name   string       `json:"name"`
	Suite  Suite        `json:"suite"`
	Full   apq.Schedule `json:"full"`
	Signer []byte       `json:"signer"`
	// PQSigner is the key for PQ groups, if theirs is of another scheme.
	PQSigner []byte        `json:"pq_signer,omitempty"`
	Move     suite.ID      `json:"move,omitempty"` // to which the groups will move, or 0
	Moved    []byte        `json:"moved,omitempty"`
	Folder   string        `json:"folder"`
	Key      []byte        `json:"key"` // of the store
	NoSync   bool          `json:"no_sync,omitempty"`
	Poll     time.Duration `json:"poll"`
	Via      connection    `json:"via"`
	Public   bool          `json:"public,omitempty"`  // handshakes are
	Partial  bool          `json:"partial,omitempty"` // the client is a partial member
	Root     string        `json:"root"`              // what the ids of this trial's groups begin with
}

// stock is the number of key packages that a client has at the service, beside the one of
// last resort. It is small: a trial makes all groups at once, which no deployment does, and
// each key package is a write that the service makes durable.
const stock = 3

// connection is how members reach the service.
type connection struct {
	URL  string `json:"url"`
	Gate bool   `json:"gate,omitempty"`
	CA   string `json:"ca,omitempty"`
	Nkey string `json:"nkey,omitempty"`
}

// options returns those of a client's connection.
func (c connection) options(name string) ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name("mlstrial " + name), nats.MaxReconnects(-1), nats.ReconnectWait(50 * time.Millisecond),
		gate.Inbox(name), jetstream.Queue(), nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // the calls have errors too
	}
	if c.CA != "" {
		options = append(options, nats.RootCAs(c.CA))
	}
	if c.Nkey != "" {
		option, err := nats.NkeyOptionFromSeed(c.Nkey)
		if err != nil {
			return nil, err
		}
		options = append(options, option)
	}
	return options, nil
}

// open connects to the service, for as long as ctx allows.
func (c connection) open(ctx context.Context, name string) (delivery.Service, *nats.Conn, error) {
	options, err := c.options(name)
	if err != nil {
		return nil, nil, err
	}
	for {
		nc, err := nats.Connect(c.URL, options...)
		if err == nil {
			var s delivery.Service
			if c.Gate {
				s, err = gate.Dial(nc, name)
			} else {
				s, err = jetstream.Connect(ctx, nc, name)
			}
			if err == nil {
				return s, nc, nil
			}
			nc.Close()
		}
		select {
		case <-time.After(100 * time.Millisecond): // the server may be about to come back
		case <-ctx.Done():
			return nil, nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
		}
	}
}

// member is a client that does what the trial asks, and tells what it gets.
type member struct {
	*client.Client
	cfg    memberConfig
	counts *counts
	use    func() usage // of the process, if it is one of its own
	out    *line

	mu      sync.Mutex
	current map[string]string // ids of groups that have moved, by the first one
	first   map[string]string
}

// runMember runs a member until its input ends, it is asked to stop, or ctx ends: then it
// ends as a process does that is killed.
func runMember(ctx context.Context, in *json.Decoder, out io.Writer, use func() usage) error {
	m := &member{use: use, counts: newCounts(), out: newLine(out), current: map[string]string{}, first: map[string]string{}}
	if err := in.Decode(&m.cfg); err != nil {
		return err
	}
	nc, err := m.open(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	defer m.Close()
	if err := m.readMoves(ctx); err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var work sync.WaitGroup
	work.Go(func() { stop(m.Run(ctx)) })
	work.Go(func() { stop(m.receive(ctx)) })
	work.Go(func() { m.tell(ctx) })
	go func() {
		stop(lines(in, func(r request) {
			if r.Do == "stop" {
				stop(errStopped)
				return
			}
			work.Go(func() { m.answer(ctx, r) })
		}))
	}()
	if err := m.out.write(report{Usage: m.usage()}); err != nil {
		return err
	}
	<-ctx.Done()
	_ = m.Close()
	work.Wait()
	if err := context.Cause(ctx); !errors.Is(err, errStopped) && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// errStopped says that a member was asked to stop.
var errStopped = errors.New("trial: stopped")

// open opens the client.
func (m *member) open(ctx context.Context) (*nats.Conn, error) {
	cfg := m.cfg
	signer, err := parseSigner(cfg.Suite.ID, cfg.Signer)
	if err != nil {
		return nil, err
	}
	credential := message.BasicCredential([]byte(cfg.Name))
	config := client.Config{
		MLS:         mls.Config{Suites: all.Registry(), Suite: cfg.Suite.ID, Credential: credential, Signer: signer},
		KeyPackages: client.KeyPackages{Suites: []suite.ID{cfg.Suite.ID}, Count: stock},
		Schedule:    client.Schedule{Renew: -1, RenewMessages: -1, Poll: cfg.Poll, Backoff: 20 * time.Millisecond, MaxBackoff: 2 * time.Second},
		Metrics:     m.counts,
	}
	if cfg.Move != 0 && cfg.Move != cfg.Suite.ID {
		config.KeyPackages.Suites = append(config.KeyPackages.Suites, cfg.Move)
	}
	if cfg.Suite.PQ != 0 {
		mode, err := cfg.Suite.mode()
		if err != nil {
			return nil, err
		}
		config.Pairs = &client.Pairs{Suite: cfg.Suite.PQ, Mode: mode, Schedule: cfg.Full}
	}
	config.MLS.PublicHandshake, config.TreeAtService = cfg.Public, cfg.Public
	if cfg.Partial {
		config.Partial = &client.Partial{Upgrade: cfg.Move != 0}
	}
	for id, key := range map[suite.ID][]byte{cfg.Move: cfg.Moved, cfg.Suite.PQ: cfg.PQSigner} {
		if key == nil {
			continue
		}
		other, err := parseSigner(id, key)
		if err != nil {
			return nil, err
		}
		config.Identities = append(config.Identities, client.Identity{Credential: credential, Signer: other, Suites: []suite.ID{id}})
	}
	service, nc, err := cfg.Via.open(ctx, cfg.Name)
	if err != nil {
		return nil, err
	}
	file, err := bolt.Open(storeFile(cfg.Folder, cfg.Name), bolt.Options{Key: cfg.Key, NoSync: cfg.NoSync})
	if err != nil {
		nc.Close()
		return nil, err
	}
	config.Delivery = meter(service, ctx, m.counts)
	config.Store = mortal{file, ctx}
	if m.Client, err = client.Open(ctx, config); err != nil {
		_ = file.Close()
		nc.Close()
	}
	return nc, err
}

func parseSigner(id suite.ID, key []byte) (suite.Signer, error) {
	s, err := all.Registry().Suite(id)
	if err != nil {
		return nil, err
	}
	return s.ParseSigner(key)
}

func storeFile(folder, name string) string { return filepath.Join(folder, name+".store") }

// tell tells what the member uses, so that little is lost when it is killed.
func (m *member) tell(ctx context.Context) {
	for {
		select {
		case <-time.After(time.Second):
			_ = m.out.write(report{Usage: m.usage()})
		case <-ctx.Done():
			return
		}
	}
}

func (m *member) usage() *usage {
	u := m.use()
	u.Counts = m.counts.all()
	return &u
}

// create makes a group.
func (m *member) create(ctx context.Context, group string, names []string) (err error) {
	if m.cfg.Suite.PQ != 0 {
		_, err = m.CreatePair(ctx, group, names)
	} else {
		_, err = m.CreateGroup(ctx, group, names)
	}
	if errors.Is(err, client.ErrExists) {
		return nil
	}
	return err
}

// answer does what r asks.
func (m *member) answer(ctx context.Context, r request) {
	done := report{ID: r.ID}
	var err error
	switch group := m.now(r.Group); r.Do {
	case "sync":
		err = m.Sync(ctx)
	case "create":
		err = m.create(ctx, group, r.Names)
	case "send":
		_, err = m.Send(ctx, group, newMessage(r.Group, r.Number, r.Size, time.Now()))
	case "renew":
		err = m.Update(ctx, group)
	case "add":
		err = m.Add(ctx, group, r.Names...)
	case "remove":
		err = m.Remove(ctx, group, r.Names...)
	case "move":
		_, err = m.Move(ctx, group, suite.ID(r.Suite))
	case "list":
		done.List, err = m.list(ctx, r.Group)
	case "usage":
		done.Usage = m.usage()
	default:
		err = fmt.Errorf("trial: no request %q", r.Do)
	}
	if ctx.Err() != nil {
		return // who is killed does not answer
	}
	if err != nil {
		done.Error = err.Error()
	}
	_ = m.out.write(done)
}

// receive handles events, each in the transaction that confirms it.
func (m *member) receive(ctx context.Context) error {
	for e, err := range m.Events(ctx) {
		if err != nil {
			return err
		}
		got, from := m.recorded(e)
		err := m.Confirm(ctx, e, func(w store.Writer) error {
			if got == nil {
				return nil
			}
			if from != "" {
				if err := w.Put([]byte("current/"+got.Group), []byte(e.Group)); err != nil {
					return err
				}
			}
			text, err := json.Marshal(got)
			if err != nil {
				return err
			}
			return w.Put(listKey(got.Group, e.Number), text)
		})
		if err != nil {
			return err
		}
		if got != nil {
			if from != "" {
				m.follow(got.Group, e.Group)
			}
			if err := m.out.write(report{Got: got}); err != nil {
				return err
			}
		}
	}
	return nil
}

func listKey(group string, number uint64) []byte {
	return binary.BigEndian.AppendUint64([]byte("list/"+group+"/"), number)
}

// recorded returns what the list has of an event, or nil, and from which group it moved.
func (m *member) recorded(e client.Event) (got *record, from string) {
	got = &record{Epoch: e.Epoch, Position: uint64(e.Position), At: time.Now().UnixNano()}
	take := func(data []byte, from string) *record {
		var err error
		if got.Group, got.Number, got.Sent, err = parseMessage(data); err != nil {
			return nil
		}
		got.Kind, got.From = gotMessage, from
		return got
	}
	switch what := e.What.(type) {
	case *client.Message:
		return take(what.Data, what.From.Name), ""
	case *client.Sent:
		return take(what.Data, m.cfg.Name), ""
	case *client.Joined:
		got.Kind, got.Group = gotJoined, e.Group
	case *client.Left:
		got.Kind, got.Group = gotLeft, e.Group
	case *client.Moved:
		from = string(what.From)
		got.Kind, got.Group = gotMoved, m.began(from)
	case *client.Unsent, *client.InTrouble, *client.Failed, *client.Refused:
		_ = m.out.write(report{Note: fmt.Sprintf("%s: %T %+v", m.cfg.Name, what, what)})
		return nil, ""
	default:
		return nil, ""
	}
	if !strings.HasPrefix(got.Group, m.cfg.Root) {
		return nil, ""
	}
	return got, from
}

// list returns what the member has of a group, in the order in which it came.
func (m *member) list(ctx context.Context, group string) (found []record, err error) {
	err = m.Read(ctx, func(r store.Reader) error {
		found = nil
		for e, err := range r.Scan([]byte("list/"+group+"/"), nil) {
			if err != nil {
				return err
			}
			var got record
			if err := json.Unmarshal(e.Value, &got); err != nil {
				return err
			}
			found = append(found, got)
		}
		return nil
	})
	return found, err
}

// readMoves reads which groups have moved.
func (m *member) readMoves(ctx context.Context) error {
	const prefix = "current/"
	return m.Read(ctx, func(r store.Reader) error {
		for e, err := range r.Scan([]byte(prefix), nil) {
			if err != nil {
				return err
			}
			m.follow(string(e.Key[len(prefix):]), string(e.Value))
		}
		return nil
	})
}

func (m *member) follow(group, current string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.current[group], m.first[current] = current, group
}

// now returns the id that a group has now.
func (m *member) now(group string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id := m.current[group]; id != "" {
		return id
	}
	return group
}

// began returns the id with which a group began.
func (m *member) began(group string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if id := m.first[group]; id != "" {
		return id
	}
	return group
}

// newMessage returns the data of a numbered message: a line, and filler up to the size.
func newMessage(group string, number, size int, now time.Time) []byte {
	data := fmt.Appendf(nil, "%s %d %d\n", group, number, now.UnixNano())
	if fill := size - len(data); fill > 0 {
		data = append(data, bytes.Repeat([]byte{'.'}, fill)...)
	}
	return data
}

func parseMessage(data []byte) (group string, number int, sent int64, err error) {
	head, _, _ := bytes.Cut(data, []byte{'\n'})
	_, err = fmt.Sscanf(string(head), "%s %d %d", &group, &number, &sent)
	return group, number, sent, err
}
