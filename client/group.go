package client

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/internal/grouprecords"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
	"github.com/mlsuite/mlsuite/suite"
)

// liveGroup is a group that is in memory, or that somebody works on.
type liveGroup struct {
	id   string
	turn turn

	// Under Client.mu.
	users    int           // who have the turn or wait for it
	used     *list.Element // in Client.loaded, or nil
	told     bool          // the service has told of it: if there is nothing new, it may have lost what was there
	enqueued bool          // the store has messages of the outbox that were not read

	groupState
}

// groupState is what is in memory of a group. It is for who has the turn.
type groupState struct {
	known bool // what follows is what the store has, and what came since
	rec   groupRecord
	mls   *mls.Group // nil for a group that is being joined, or that is gone
	pair  *apq.Group // of which mls is the T group, or nil
	partialState

	halves   []*half // that may become the PQ group of a pair with mls
	newPQ    bool    // the next transaction stores the whole PQ group
	awaiting uint64  // number of the reading of the inbox after which a half that was not there is not

	pending *pending
	outbox  []*outgoing // in the order of their numbers
	intents []*intent
	move    *move

	outboxRead uint64 // number of the message of the outbox that was read last

	replaces     bool              // the next transaction replaces all that the store has of mls
	looked       looked            // whether the service has what was read last
	behind       int               // how often the service said that it is in an earlier epoch
	losses       int               // Client.losses that the client has looked after in this group
	checked      bool              // the stream was read to its end since the client was opened
	acknowledged delivery.Position // up to which the service knows that the stream was read
	suspected    bool              // something did not open, as after a fork
	checkAt      time.Time         // when a comparison with what the service shows is worth another try
	failures     int               // of comparisons
	commitAt     time.Time         // when the proposals of others are to be committed; zero if there are none
	renewAt      time.Time
	fullAt       time.Time // when this client makes a FULL commit; zero if that is not drawn
	idleAt       time.Time // before which no member can have become idle
}

// drop forgets what is in memory.
func (g *liveGroup) drop() { g.groupState = groupState{} }

// describe brings the index entry up to the engine's state.
func (g *liveGroup) describe() {
	g.rec.Work = len(g.outbox)+len(g.intents) > 0 || g.pending != nil || g.move != nil || g.mls != nil && len(g.mls.Proposals()) > 0
	if g.partial != nil {
		g.describePartial()
	}
	if g.mls == nil {
		return
	}
	g.rec.Suite, g.rec.Epoch = g.mls.Suite().Info().ID, g.mls.Epoch()
	g.rec.Members, g.rec.Leaf = g.mls.Size(), g.mls.OwnLeaf()
	if pq := g.pq(); pq != nil {
		g.rec.Pair.Epoch = pq.Epoch()
	}
}

// store writes the index entry and what the engine has of the group. That there is
// something to be done holds for what was enqueued meanwhile too.
func (g *liveGroup) store(w store.Writer, d groupDelta) error {
	if g.rec.State == 0 {
		for _, space := range ofGroup() {
			if err := w.Delete(key(space, g.id)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := d.store(w, g); err != nil {
		return err
	}
	if !g.rec.Work {
		var err error
		if g.rec.Work, err = g.hasUnread(w); err != nil {
			return err
		}
	}
	return putJSON(w, key(spaceIndex, g.id), g.rec)
}

// with calls f with the turn of a group that the client has.
func (c *Client) with(ctx context.Context, id string, f func(*liveGroup) error) error {
	return c.withAny(ctx, id, func(g *liveGroup) error {
		if g.rec.State == 0 {
			return ErrNoGroup
		}
		return f(g)
	})
}

// withAny is with for a group that the client may not have: its State is then 0.
func (c *Client) withAny(ctx context.Context, id string, f func(*liveGroup) error) error {
	g, err := c.take(ctx, id)
	if err != nil {
		return err
	}
	defer c.give(g)
	return f(g)
}

// take takes the turn of a group and loads it.
func (c *Client) take(ctx context.Context, id string) (*liveGroup, error) {
	c.mu.Lock()
	g := c.groups[id]
	if g == nil {
		g = &liveGroup{id: id, turn: newTurn()}
		c.groups[id] = g
	}
	g.users++
	c.mu.Unlock()
	if err := g.turn.take(ctx); err != nil {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.leave(g)
		return nil, err
	}
	err := c.alive()
	if err == nil {
		err = c.arrivals(ctx, g)
	}
	if err == nil && !g.known {
		err = c.load(ctx, g)
	}
	if err != nil {
		c.give(g)
		return nil, err
	}
	return g, nil
}

// give ends a turn, and forgets the groups that were not used for the longest time.
func (c *Client) give(g *liveGroup) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !g.known || g.rec.State == 0:
		c.unload(g)
	case g.used == nil:
		g.used = c.loaded.PushFront(g)
	default:
		c.loaded.MoveToFront(g.used)
	}
	g.turn.give()
	c.leave(g)
	for e := c.loaded.Back(); e != nil && c.loaded.Len() > c.cfg.Bounds.Groups; {
		old, before := e.Value.(*liveGroup), e.Prev()
		if old != g && old.users == 0 {
			c.unload(old)
			delete(c.groups, old.id)
		}
		e = before
	}
}

// unload takes a group off the list of those that are in memory. It is called with the
// mutex.
func (c *Client) unload(g *liveGroup) {
	if g.used != nil {
		c.loaded.Remove(g.used)
		g.used = nil
	}
}

// leave ends the use of a group, and forgets one that is not in memory and that nobody
// else uses. It is called with the mutex.
func (c *Client) leave(g *liveGroup) {
	if g.users--; g.users == 0 && g.used == nil {
		delete(c.groups, g.id)
	}
}

// load reads what the store has of a group.
func (c *Client) load(ctx context.Context, g *liveGroup) error {
	g.drop()
	var records, pq mls.Snapshot
	var waits apq.CandidateState
	var halves []mls.Snapshot
	defer func() {
		for _, state := range append(halves, records, pq, waits.T, waits.PQ) {
			state.Destroy()
		}
	}()
	var pendingRec pendingRecord
	var hasPending bool
	err := c.store.View(ctx, func(r store.Reader) error {
		found, err := getJSON(r, key(spaceIndex, g.id), &g.rec)
		if err != nil || !found {
			return err
		}
		if records, err = grouprecords.Get(r, key(spaceGroup, g.id)); err != nil {
			return err
		}
		if pq, err = grouprecords.Get(r, key(spacePQ, g.id)); err != nil {
			return err
		}
		if halves, err = g.readHalves(r); err != nil {
			return err
		}
		if hasPending, waits, err = readPending(r, g.id, &pendingRec); err != nil {
			return err
		}
		if err := g.readOutbox(r); err != nil {
			return err
		}
		if err := g.readIntents(r); err != nil {
			return err
		}
		if err := g.readHeard(r); err != nil {
			return err
		}
		return c.readMove(r, g)
	})
	if err != nil {
		g.drop()
		return err
	}
	g.known = true
	if g.rec.State == 0 {
		return nil
	}
	var damage error
	if len(records) > 0 {
		damage = c.restore(g, records, pq)
		if damage != nil && (!verdict(damage) || refusal(damage) && !g.rec.Partial || errors.Is(damage, message.ErrUnsupported)) {
			g.drop()
			return damage
		}
	}
	c.restoreHalves(g, halves)
	if hasPending {
		if err := c.restorePending(g, pendingRec, waits); err != nil {
			g.drop()
			return err
		}
	}
	c.count("groups_restored", 1)
	if damage == nil {
		return nil
	}
	c.warn("stored group does not restore", g.id, damage)
	if g.rec.State == Active || g.rec.State == Ended {
		trouble := Damaged
		if refusal(damage) { // of what only a full member may be
			trouble = Refuses
		}
		return c.lose(ctx, g, trouble, damage)
	}
	g.rec.Trouble, g.rec.TroubleWhy = Damaged, damage.Error() // for who joins anew, nobody is known
	return nil
}

// restore restores the engine's group, or both of a pair.
func (c *Client) restore(g *liveGroup, records, pq mls.Snapshot) error {
	if g.rec.Pair != nil {
		return c.restorePair(g, records, pq)
	}
	if g.rec.Partial {
		return c.restorePartial(g, records)
	}
	cfg, err := c.configOf(g.rec.Suite)
	if err != nil {
		return fmt.Errorf("%w: %w", message.ErrUnsupported, err)
	}
	now := c.cfg.Now()
	g.mls, err = mls.RestoreGroup(now, cfg, records, c.signers()...)
	if refusal(err) {
		g.mls, err = mls.RestoreToLeave(now, cfg, records, c.signers()...)
	}
	return err
}

// Info is what the client knows of a group without asking anybody.
type Info struct {
	Group     string // group_id, as bytes
	State     State
	Suite     suite.ID
	Epoch     uint64
	Members   int
	Leaf      message.LeafIndex
	Partial   bool              // a partial member, who does not know Members: see [Partial]
	Leaves    int               // of the tree, with the blank ones, if Partial
	Unchecked []event.Unchecked // what the client takes on trust, if Partial
	PQSuite   suite.ID          // of the group beside it, if it is a pair
	NextFull  time.Time         // when the next FULL commit of a pair is due, or zero
	Successor string            // of a group that has ended
	Trouble   Trouble           // of a group that is lost
	Why       string
}

func (c *Client) infoOf(id string, r groupRecord) Info {
	info := Info{
		Group: id, State: r.State, Suite: r.Suite, Epoch: r.Epoch, Members: r.Members, Leaf: r.Leaf,
		Partial: r.Partial, Leaves: r.Leaves,
		Successor: string(r.Successor), Trouble: r.Trouble, Why: r.TroubleWhy,
	}
	if r.Partial {
		info.Unchecked = event.UncheckedByPartial()
	}
	if r.Pair != nil {
		info.PQSuite = r.Pair.Suite
		info.NextFull, _ = c.nextFull(&r)
	}
	return info
}

// View calls f with the engine's state of a group, to ask for members, secrets to export
// or the epoch authenticator. f must neither keep nor change the Group, nor call the
// Client. The error is [ErrPartial] if the client is a partial member: see [Client.ViewPartial].
func (c *Client) View(ctx context.Context, id string, f func(*mls.Group) error) error {
	return c.with(ctx, id, func(g *liveGroup) error {
		switch {
		case g.partial != nil:
			return ErrPartial
		case g.mls == nil:
			return g.trouble(nil)
		}
		return f(g.mls)
	})
}

// Members returns the members of a group, from left to right.
func (c *Client) Members(ctx context.Context, id string) ([]Person, error) {
	var all []Person
	err := c.View(ctx, id, func(g *mls.Group) error {
		for leaf, node := range g.Members() {
			all = append(all, c.person(leaf, node.Credential, node.SignatureKey))
		}
		return nil
	})
	return all, err
}

func (c *Client) person(leaf message.LeafIndex, credential message.Credential, signatureKey []byte) Person {
	name, err := c.cfg.NameOf(credential)
	if err != nil || !utf8.ValidString(name) {
		name = ""
	}
	return Person{Name: name, Leaf: leaf, Credential: credential, SignatureKey: signatureKey}
}

// Groups returns all groups of the client, in the order of their ids.
func (c *Client) Groups() []Info {
	c.mu.Lock()
	defer c.mu.Unlock()
	infos := make([]Info, 0, len(c.index))
	for id, r := range c.index {
		infos = append(infos, c.infoOf(id, r))
	}
	sortInfos(infos)
	return infos
}

// Group returns what the client knows of a group. The error is [ErrNoGroup].
func (c *Client) Group(id string) (Info, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r, ok := c.index[id]
	if !ok {
		return Info{}, ErrNoGroup
	}
	return c.infoOf(id, r), nil
}

// trouble returns the error of a group that the client cannot follow.
func (g *liveGroup) trouble(err error) error {
	switch g.rec.State {
	case Lost:
		if err == nil && g.rec.TroubleWhy != "" {
			err = fmt.Errorf("%s", g.rec.TroubleWhy)
		}
		return &TroubleError{Group: g.id, Trouble: g.rec.Trouble, Err: err}
	case Joining:
		return fmt.Errorf("%w yet", ErrNoGroup)
	}
	return ErrNoGroup
}
