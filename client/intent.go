package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// intentRecord is a change that somebody wants of a group. It says what is to be true
// afterwards, and not how: each attempt looks at the epoch that there is then.
type intentRecord struct {
	Kind     intentKind
	Names    []string `json:",omitempty"` // to add, replace or remove
	Keys     [][]byte `json:",omitempty"` // signature keys of members to remove
	Proposal []byte   `json:",omitempty"` // TypedProposal, for intentPropose
	Own      bool     `json:",omitempty"` // the client's own idea, of which nobody waits to hear

	// Of intentLeave, and of a partial member: the proposal that was made.
	ID      string   `json:",omitempty"`
	Earlier []string `json:",omitempty"` // IDs of the proposals of epochs that are over
	Epoch   uint64   `json:",omitempty"`
	Message []byte   `json:",omitempty"`
	Sent    bool     `json:",omitempty"`
}

type intentKind string

const (
	intentCreate    intentKind = "create"    // the group, at the delivery service
	intentAdd       intentKind = "add"       // Names are members
	intentReplace   intentKind = "replace"   // the leaves of Names are new
	intentRemove    intentKind = "remove"    // neither Names nor Keys are members
	intentRenew     intentKind = "renew"     // this client's keys are new
	intentFull      intentKind = "full"      // this client's keys are new in both groups of a pair
	intentPair      intentKind = "pair"      // the group is one of a pair
	intentRotate    intentKind = "rotate"    // this client's leaf has its current identity
	intentProposals intentKind = "proposals" // those that arrived are committed
	intentPropose   intentKind = "propose"   // Proposal is committed
	intentLeave     intentKind = "leave"     // this client is no member
)

type intent struct {
	number    uint64
	rec       intentRecord
	attempts  int
	notBefore time.Time
	shown     bool // the stream has shown the proposal that was made last
}

func (g *liveGroup) readIntents(r store.Reader) error {
	prefix := key(spaceIntent, g.id)
	return scanJSON(r, prefix, func(k []byte, rec *intentRecord) error {
		g.intents = append(g.intents, &intent{number: numberOf(k), rec: *rec})
		return nil
	})
}

// add stores an intent with s.
func (s *step) add(g *liveGroup, rec intentRecord) *intent {
	in := &intent{rec: rec}
	s.write(func(w store.Writer) error {
		in.number = s.c.nextNumber()
		if err := s.c.storeClient(w); err != nil {
			return err
		}
		return putJSON(w, key(spaceIntent, g.id, number(in.number)), in.rec)
	})
	g.intents = append(g.intents, in)
	return in
}

// finish ends an intent with s: with the error that its caller gets, or nil.
func (s *step) finish(g *liveGroup, in *intent, outcome error) {
	s.delete(key(spaceIntent, g.id, number(in.number)))
	c := s.c
	c.mu.Lock()
	_, waits := c.results[in.number]
	c.mu.Unlock()
	if outcome != nil && !waits {
		s.event(g, &Failed{What: string(in.rec.Kind), Why: outcome.Error()})
	}
	g.intents = slices.DeleteFunc(g.intents, func(i *intent) bool { return i == in })
	if in.rec.Kind == intentPair && outcome != nil {
		s.dropHalves(g, true)
	}
	s.done(func() { c.resolve(in.number, outcome) })
}

// notBegun takes a group off what the client has that does not begin, with what waits in it:
// why is the outcome of the call that makes the group.
func (c *Client) notBegun(s *step, g *liveGroup, why error) {
	for _, in := range slices.Clone(g.intents) {
		outcome := why
		if in.rec.Kind != intentCreate {
			outcome = fmt.Errorf("%w: %w", ErrNoGroup, why)
		}
		s.finish(g, in, outcome)
	}
	s.unsent(g, -1, why)
	s.keepClaims(g.id)
	c.end(s, g)
}

func (c *Client) resolve(number uint64, outcome error) {
	c.mu.Lock()
	result := c.results[number]
	delete(c.results, number)
	c.mu.Unlock()
	if result != nil {
		result <- outcome
	}
}

// change brings about what rec says, for as long as ctx allows.
func (c *Client) change(ctx context.Context, id string, rec intentRecord) error {
	var in *intent
	var result chan error
	err := c.with(ctx, id, func(g *liveGroup) error {
		switch {
		case g.rec.State == Ended:
			return ErrEnded
		case g.rec.State == Lost && rec.Kind == intentLeave:
			return c.forget(ctx, g, nil)
		case g.rec.State == Lost, g.rec.State == Joining:
			return g.trouble(nil)
		case len(g.intents) >= c.cfg.Bounds.Intents:
			return &LimitError{What: "queue of changes", Limit: c.cfg.Bounds.Intents}
		}
		s := c.step(g)
		in = s.add(g, rec)
		if rec.Kind == intentReplace { // who has lost what earlier key packages were for
			s.dropClaims(id, rec.Names)
		}
		s.done(func() { result = c.expect(in.number) })
		return c.commit(ctx, s)
	})
	if err != nil || in == nil {
		return err
	}
	return c.await(ctx, id, in, result)
}

// expect makes the channel on which the outcome of an intent is told.
func (c *Client) expect(number uint64) chan error {
	result := make(chan error, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.results[number] = result
	return result
}

// await works on a group until the outcome of an intent is there.
func (c *Client) await(ctx context.Context, id string, in *intent, result chan error) error {
	for attempt := 0; ; attempt++ {
		err := c.driving(ctx, id, func(*liveGroup) {})
		select {
		case outcome := <-result:
			return outcome
		default:
		}
		if err != nil && !transient(err) && ctx.Err() == nil {
			return c.withdraw(ctx, id, in, result, err)
		}
		select {
		case outcome := <-result:
			return outcome
		case <-c.closed:
			return ErrClosed
		case <-ctx.Done():
			return c.withdraw(ctx, id, in, result, context.Cause(ctx))
		case <-time.After(c.pause(attempt, err)):
		}
	}
}

// repeat calls f until it succeeds or fails for good, for as long as ctx allows.
func (c *Client) repeat(ctx context.Context, f func() error) error {
	var why error // of the last try that had its time
	for attempt := 0; ; attempt++ {
		err := f()
		switch {
		case err == nil:
			return nil
		case !transient(err) && ctx.Err() != nil:
			return errors.Join(err, why)
		case !transient(err):
			return err
		}
		why = err
		if ended := c.sleep(ctx, c.pause(attempt, err)); ended != nil {
			return errors.Join(ended, err)
		}
	}
}

// pause is the time until the next attempt.
func (c *Client) pause(attempt int, err error) time.Duration {
	d := c.backoff(attempt)
	if limit, ok := errors.AsType[*delivery.LimitError](err); ok {
		d = max(d, limit.Retry)
	}
	return d
}

// withdrawTimeout bounds how long a call whose context has ended waits for the group: others may
// be waiting for an answer of the service with its turn.
const withdrawTimeout = 2 * time.Second

// withdraw takes an intent back whose caller no longer waits, unless it may be done already, or
// the group is in use for too long.
func (c *Client) withdraw(ctx context.Context, id string, in *intent, result chan error, why error) error {
	defer c.resolve(in.number, nil)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withdrawTimeout)
	defer cancel()
	err := c.with(ctx, id, func(g *liveGroup) error {
		i := slices.IndexFunc(g.intents, func(i *intent) bool { return i.number == in.number })
		switch {
		case i < 0:
			return nil
		case g.pending != nil && g.pending.rec.Intent == in.number && !g.pending.lost, g.intents[i].rec.ID != "":
			why = fmt.Errorf("%w: %w", ErrUndecided, why)
			return nil
		}
		s := c.step(g)
		if g.intents[i].rec.Kind == intentCreate && g.rec.New {
			s.dropPending(g)
			c.notBegun(s, g, why)
			return c.commit(ctx, s)
		}
		s.delete(key(spaceIntent, g.id, number(in.number)))
		g.intents = slices.Delete(g.intents, i, i+1)
		if g.pending != nil && g.pending.rec.Intent == in.number {
			s.dropPending(g)
		}
		return c.commit(ctx, s)
	})
	select {
	case outcome := <-result: // between the two
		return outcome
	default:
	}
	switch {
	case err == nil, errors.Is(err, ErrNoGroup):
		return why
	case ctx.Err() != nil:
		return fmt.Errorf("%w: %w", ErrUndecided, why)
	}
	return errors.Join(why, err)
}

// wanted is what a commit has to hold so that an intent comes true.
type wanted struct {
	proposals []message.Proposal
	options   mls.CommitOptions
	clients   []string // of the Welcome
	done      bool     // it is true already

	pq       []*message.KeyPackage // of a pair: for the PQ group, of those whom proposals add
	full     bool                  // of a pair: the commit is in both groups
	step     bool                  // the commit is on the way, and the intent stays
	half     *half                 // with which the group becomes a pair
	identity bool                  // options.Leaf is the client's current identity
}

// examine looks at an intent in the epoch that the group is in.
func (c *Client) examine(ctx context.Context, g *liveGroup, in *intent) (w wanted, err error) {
	switch in.rec.Kind {
	case intentCreate, intentAdd:
		return c.examineAdd(ctx, g, in, false)
	case intentReplace:
		return c.examineAdd(ctx, g, in, true)
	case intentRemove:
		for leaf, node := range g.mls.Members() {
			p := c.person(leaf, node.Credential, node.SignatureKey)
			if leaf != g.mls.OwnLeaf() && (p.Name != "" && slices.Contains(in.rec.Names, p.Name) || containsBytes(in.rec.Keys, p.SignatureKey)) {
				w.proposals = append(w.proposals, message.Remove{Removed: leaf})
			}
		}
		w.done = len(w.proposals) == 0
	case intentRenew:
		w.options.ForcePath = true
	case intentFull:
		w.options.ForcePath, w.full = true, true
		w.done = !c.fullDue(g, c.cfg.Now()) // another member may have made one
	case intentPair:
		return c.examineStart(ctx, g)
	case intentRotate:
		own := c.identity(g.mls.Suite().Info())
		w.done = c.hasIdentity(g.mls) && (g.pair == nil || c.hasIdentity(g.pq()))
		w.full, w.identity = true, true
		w.options.Leaf = mls.LeafOptions{Credential: &own.Credential, Signer: own.Signer}
	case intentProposals:
		w.done = len(g.mls.Proposals()) == 0
	case intentPropose:
		p, err := message.ParseNumbered[message.TypedProposal](c.numbers(), in.rec.Proposal)
		if err != nil {
			return w, err
		}
		w.proposals = []message.Proposal{p.Proposal}
		if _, ends := p.Proposal.(message.ReInit); ends {
			w.options.WithoutPending = true
			return w, c.checkRecipients(len(c.others(g))) // some may have come since the plan
		}
	}
	return w, nil
}

// hasIdentity reports whether this client's leaf in a group has its current identity.
func (c *Client) hasIdentity(g *mls.Group) bool {
	own, leaf := c.identity(g.Suite().Info()), g.Leaf(g.OwnLeaf())
	return sameCredential(leaf.Credential, own.Credential) && string(leaf.SignatureKey) == string(own.Signer.PublicKey())
}

// examineAdd looks for those who are to be added, and claims key packages for them. With
// replace, members who are there already leave in the same commit.
func (c *Client) examineAdd(ctx context.Context, g *liveGroup, in *intent, replace bool) (w wanted, err error) {
	members := map[string][]message.LeafIndex{}
	for leaf, node := range g.mls.Members() {
		if p := c.person(leaf, node.Credential, nil); slices.Contains(in.rec.Names, p.Name) {
			members[p.Name] = append(members[p.Name], leaf)
		}
	}
	names := slices.DeleteFunc(slices.Clone(in.rec.Names), func(name string) bool {
		return name == c.name || !replace && members[name] != nil
	})
	if err := c.checkRecipients(len(names)); err != nil {
		return w, err
	}
	if err := c.claimAll(ctx, g.id, names, nil, g.suites()...); err != nil {
		return w, err
	}
	for _, name := range names {
		for _, leaf := range members[name] {
			w.proposals = append(w.proposals, message.Remove{Removed: leaf})
		}
		kp, err := c.keyPackageOf(ctx, g, g.mls.Suite().Info(), name, nil)
		if err == nil && g.pair != nil {
			var pq *message.KeyPackage
			pq, err = c.keyPackageOf(ctx, g, g.pq().Suite().Info(), name, nil)
			w.pq = append(w.pq, pq)
		}
		if err != nil {
			return wanted{}, fmt.Errorf("client: adding %q: %w", name, err)
		}
		w.proposals = append(w.proposals, message.Add{KeyPackage: kp})
		w.clients = append(w.clients, name)
	}
	w.done = len(w.proposals) == 0 && !g.rec.New
	return w, nil
}

// checkRecipients returns why no commit lets so many clients in.
func (c *Client) checkRecipients(n int) error {
	if limit := c.cfg.Bounds.Recipients; n > limit {
		return fmt.Errorf("client: a Welcome for %d clients, of at most %d: %w", n, limit, delivery.ErrTooLarge)
	}
	return nil
}
