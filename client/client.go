package client

import (
	"container/list"
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// Client is one client, with all of its groups. It is safe for concurrent use.
type Client struct {
	cfg     Config
	store   *erasable
	service delivery.Service
	name    string

	closed  chan struct{}
	reached atomic.Bool // the service was, when it was asked last

	inbox turn // of who reads Welcomes
	stock turn // of who looks after the key packages

	mu         sync.Mutex
	rec        clientRecord
	inboxAt    inboxRecord                  // with the turn of inbox too
	inboxLook  looked                       // with the turn of inbox
	inboxKnown bool                         // Acknowledged was asked
	inboxTries map[delivery.Position]*tried // of Welcomes on which there is no verdict
	inboxRead  uint64                       // how often the inbox was read to its end
	identities []Identity                   // the current one first
	index      map[string]groupRecord
	groups     map[string]*liveGroup
	outboxes   map[string]int // messages in the outbox of a group, where that was counted
	loaded     *list.List     // of *liveGroup, the one used last first
	results    map[uint64]chan error
	waiting    int // events that are not confirmed
	news       chan struct{}
	changed    chan struct{} // closed when groups come or go
	dirty      *queue
	stockAt    time.Time         // of the next look at the key packages
	stockWhy   string            // why the last look came to nothing, if that was for good
	leaving    context.Context   // bounds how long the service is told of groups that end: see DeleteAll
	look       uint64            // how often there was a reason to look at what the service still has
	losses     int               // how often the service was found to have lost something
	quietAt    map[string]uint64 // the look at which a group that is not in memory was seen
	toldQuiet  map[string]bool   // groups of which the service has told since
}

// Open opens a client on what its store has, or begins it. It takes as long as reading one
// small record for each group, and the events that are not confirmed. Store and Delivery belong
// to the Client from then on: Close closes them.
//
// Errors:
//
//   - [store.ErrVersion]: a later version has written the store.
//   - an error of the store, or one that names a field of cfg.
func Open(ctx context.Context, cfg Config) (*Client, error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	c := &Client{
		cfg: cfg, store: &erasable{Store: cfg.Store}, service: cfg.Delivery, name: cfg.Delivery.Client(),
		closed: make(chan struct{}), inbox: newTurn(), stock: newTurn(),
		index: map[string]groupRecord{}, groups: map[string]*liveGroup{}, outboxes: map[string]int{}, loaded: list.New(),
		results: map[uint64]chan error{}, look: 1, quietAt: map[string]uint64{}, toldQuiet: map[string]bool{}, inboxTries: map[delivery.Position]*tried{}, news: make(chan struct{}), changed: make(chan struct{}),
		dirty: newQueue(), leaving: context.Background(),
	}
	c.identities = append([]Identity{{Credential: cfg.MLS.Credential, Signer: cfg.MLS.Signer}}, cfg.Identities...)
	if cfg.Pairs != nil {
		both, err := c.ownPairConfig()
		if err == nil {
			_, _, err = both.Prepare()
		}
		if err != nil {
			return nil, fmt.Errorf("client: Config.Pairs: %w", err)
		}
	}
	var begun bool
	err := c.store.View(ctx, func(r store.Reader) (err error) {
		if begun, err = getJSON(r, key(spaceClient, partRecord), &c.rec); err != nil || !begun {
			return err
		}
		return c.readIndex(r)
	})
	if err == nil && !begun {
		c.rec = clientRecord{Version: recordVersion, Name: c.name, Next: 1}
		err = c.store.Update(ctx, c.storeClient)
	}
	switch {
	case err != nil:
		return nil, fmt.Errorf("client: opening: %w", err)
	case c.rec.Version > recordVersion:
		return nil, fmt.Errorf("client: records of version %d: %w", c.rec.Version, store.ErrVersion)
	case c.rec.Name != c.name:
		return nil, fmt.Errorf("client: the store is of %q, and the delivery service knows the client as %q", c.rec.Name, c.name)
	}
	return c, nil
}

// readIndex reads what Open needs.
func (c *Client) readIndex(r store.Reader) error {
	if _, err := getJSON(r, key(spaceClient, partInbox), &c.inboxAt); err != nil {
		return err
	}
	prefix := key(spaceIndex)
	err := scanJSON(r, prefix, func(k []byte, rec *groupRecord) error {
		c.index[string(k[len(prefix)+2:])] = *rec
		return nil
	})
	if err != nil {
		return err
	}
	for _, err := range r.Scan(key(spaceEvent), nil) {
		if err != nil {
			return err
		}
		c.waiting++
	}
	return nil
}

// Close ends the client. Calls in progress fail, and nothing is lost.
func (c *Client) Close() error {
	c.mu.Lock()
	select {
	case <-c.closed:
		c.mu.Unlock()
		return nil
	default:
	}
	close(c.closed)
	c.mu.Unlock()
	c.dirty.stop()
	err := c.service.Close()
	if failed := c.store.Close(); err == nil {
		err = failed
	}
	return err
}

// erasable is a store that keeps nothing once it was erased.
type erasable struct {
	store.Store
	erased atomic.Bool
}

// Update returns [store.ErrClosed] once the store was erased.
func (s *erasable) Update(ctx context.Context, write func(store.Writer) error) error {
	return s.Store.Update(ctx, func(w store.Writer) error {
		if s.erased.Load() {
			return store.ErrClosed
		}
		return write(w)
	})
}

// erase deletes all that the store has.
func (s *erasable) erase(ctx context.Context) error {
	err := s.Store.Update(ctx, func(w store.Writer) error {
		s.erased.Store(true) // also for those who wait for their turn
		return w.Delete(nil)
	})
	if err != nil {
		s.erased.Store(false)
	}
	return err
}

// Name returns the client's name at the delivery service.
func (c *Client) Name() string { return c.name }

// alive returns ErrClosed after Close.
func (c *Client) alive() error {
	select {
	case <-c.closed:
		return ErrClosed
	default:
		return nil
	}
}

// config returns what the engine gets for groups of a suite.
func (c *Client) config(s suite.Info) mls.Config {
	cfg := c.plainConfig(s)
	c.ready(&cfg, false)
	return cfg
}

// plainConfig is config without what makes a group one that may become one of a pair.
func (c *Client) plainConfig(s suite.Info) mls.Config {
	cfg := c.cfg.MLS
	cfg.Suite = s.ID
	own := c.identity(s)
	cfg.Credential, cfg.Signer = own.Credential, own.Signer
	return cfg
}

// configOf is config for a suite that the client may not have.
func (c *Client) configOf(id suite.ID) (mls.Config, error) {
	s, err := c.cfg.MLS.Suites.Suite(id)
	if err != nil {
		return mls.Config{}, err
	}
	return c.config(s.Info()), nil
}

// identity returns the current identity for a suite.
func (c *Client) identity(of suite.Info) Identity {
	c.mu.Lock()
	defer c.mu.Unlock()
	usual := false
	if s, err := c.cfg.MLS.Suites.Suite(c.cfg.MLS.Suite); err == nil {
		usual = s.Info().Signature.Scheme == of.Signature.Scheme
	}
	for _, i := range c.identities {
		if i.Suites == nil && usual || slices.Contains(i.Suites, of.ID) {
			return i
		}
	}
	return c.identities[0]
}

// signers returns all keys that a leaf of this client may have.
func (c *Client) signers() []suite.Signer {
	c.mu.Lock()
	defer c.mu.Unlock()
	signers := make([]suite.Signer, len(c.identities))
	for i, identity := range c.identities {
		signers[i] = identity.Signer
	}
	return signers
}

func (c *Client) count(name string, delta int64) {
	if c.cfg.Metrics != nil {
		c.cfg.Metrics.Add(name, delta)
	}
}

// warn logs what went wrong with a group, or with the client if id is "".
func (c *Client) warn(what, id string, err error) {
	attrs := []any{slog.String("client", c.name), slog.Any("error", err)}
	if id != "" {
		attrs = append(attrs, slog.String("group", fmt.Sprintf("%x", id)))
	}
	c.cfg.Logger.Warn(what, attrs...)
}

// newID returns an ID for a submission or a message.
func newID() string { return rand.Text() }

// around returns a duration between half of d and d and a half.
func around(d time.Duration) time.Duration {
	return d/2 + random(d)
}

// random returns a duration below d.
func random(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return mathrand.N(d)
}

// backoff returns how long to wait before the attempt after n that failed.
func (c *Client) backoff(n int) time.Duration {
	s := c.cfg.Schedule
	d := s.MaxBackoff
	if n < 20 {
		d = min(d, s.Backoff<<n)
	}
	return d/4 + random(d)
}

// sleep waits for d, for ctx, or for Close.
func (c *Client) sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-c.closed:
		return ErrClosed
	}
}

// turn is a mutex that a context can stop to wait for.
type turn chan struct{}

func newTurn() turn { return make(turn, 1) }

func (t turn) take(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	default:
	}
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (t turn) give() { <-t }
