package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// Partial says which groups a client joins as a partial member (draft-ietf-mls-partial-02),
// and what it does where that is not enough.
type Partial struct {
	// Leaves is the number of leaves of a group's tree, with the blank ones, from which on
	// the client joins as a partial member. 0 stands for any.
	Leaves int

	// Upgrade lets the client become a full member by itself, for which it loads the whole
	// tree: to make a change that takes a commit, to follow a move to another suite, if what
	// the delivery service says of a commit is wrong again and again, and where it could only
	// be a full member, since the policy forbids others or the service does not see the tree.
	// Without it, each of these is an error.
	Upgrade bool

	// Accept is [Config].Accept for groups that the client joins as a partial member. It is
	// required if Config.Accept is there.
	Accept func(ctx context.Context, group *mls.PartialCandidate, from string) error
}

// check returns why a client cannot be a partial member.
func (p *Partial) check(cfg *Config) error {
	if p == nil {
		return nil
	}
	if _, ok := cfg.Delivery.(delivery.Annotator); !ok {
		return errors.New("client: Config.Partial takes a Config.Delivery that is a delivery.Annotator")
	}
	if cfg.Accept != nil && p.Accept == nil {
		return errors.New("client: Config.Partial.Accept is missing, and Config.Accept is there")
	}
	return nil
}

// annotator returns the delivery service as partial members use it. Without [Config].Partial
// there may be none; then it sees nothing.
func (c *Client) annotator() delivery.Annotator {
	if a, ok := c.service.(delivery.Annotator); ok {
		return a
	}
	return unseeing{c.service}
}

// unseeing is a service that annotates nothing.
type unseeing struct{ delivery.Service }

func (unseeing) FetchAnnotated(context.Context, delivery.Stream, uint32, delivery.Position, int) ([]delivery.Entry, error) {
	return nil, delivery.ErrUnseen
}

func (unseeing) AnnotateWelcome(context.Context, string, uint64, []byte) ([]byte, error) {
	return nil, delivery.ErrUnseen
}

func (unseeing) MembershipProof(context.Context, string, uint64, uint32) ([]byte, error) {
	return nil, delivery.ErrUnseen
}

func (unseeing) Tree(context.Context, string, uint64) ([]byte, error) {
	return nil, delivery.ErrUnseen
}

// upgrades reports whether the client may become a full member by itself.
func (c *Client) upgrades() bool { return c.cfg.Partial != nil && c.cfg.Partial.Upgrade }

// partialState is what is in memory of a group in which the client is a partial member.
type partialState struct {
	partial   *mls.PartialGroup                       // nil for a full member
	heard     [][]byte                                // others' proposals of the epoch, which a commit may refer to
	heardFrom map[message.LeafIndex]int               // their number, by sender; nil where they are not counted yet
	waits     bool                                    // there are proposals to be committed before the client sends
	proofs    map[uint64]map[message.LeafIndex][]byte // of members, by epoch
	tries     int                                     // of the next entry, whose annotation was wrong
}

// isMember reports whether there is an engine's state of the group.
func (g *liveGroup) isMember() bool { return g.mls != nil || g.partial != nil }

// epoch returns the epoch that the engine's state is in.
func (g *liveGroup) epoch() uint64 {
	if g.partial != nil {
		return g.partial.GroupContext().Epoch
	}
	return g.mls.Epoch()
}

// describePartial brings the index entry of a partial member up to the engine's state.
func (g *liveGroup) describePartial() {
	x := g.partial.GroupContext()
	g.rec.Suite, g.rec.Epoch, g.rec.Leaf = x.CipherSuite, x.Epoch, g.partial.OwnLeaf()
	g.rec.Partial, g.rec.Leaves, g.rec.Members = true, g.partial.Leaves(), 0
}

// size returns the number of members or, where the client does not know it, of leaves.
func (r *groupRecord) size() int { return max(r.Members, r.Leaves) }

// restorePartial restores the engine's state of a partial member.
func (c *Client) restorePartial(g *liveGroup, records mls.Snapshot) error {
	cfg, err := c.configOf(g.rec.Suite)
	if err != nil {
		return fmt.Errorf("%w: %w", message.ErrUnsupported, err)
	}
	g.partial, err = mls.RestorePartialGroup(c.cfg.Now(), cfg, records, c.signers()...)
	return err
}

// readHeard reads the proposals of others that a commit may refer to.
func (g *liveGroup) readHeard(r store.Reader) error {
	for e, err := range r.Scan(key(spaceHeard, g.id), nil) {
		if err != nil {
			return err
		}
		g.heard = append(g.heard, e.Value)
	}
	g.waits = len(g.heard) > 0
	return nil
}

// ViewPartial is [Client.View] for a group in which the client is a partial member. The error
// is [ErrNoGroup] if it is a full one.
func (c *Client) ViewPartial(ctx context.Context, id string, f func(*mls.PartialGroup) error) error {
	return c.with(ctx, id, func(g *liveGroup) error {
		if g.partial == nil {
			return g.trouble(nil)
		}
		return f(g.partial)
	})
}

// Upgrade makes the client a full member of a group in which it is a partial one: it loads
// the group's tree from the delivery service and verifies it, which is O(n). If the tree is
// not the group's, nothing changes. Late messages of epochs before can no longer be read.
//
// Errors:
//
//   - [ErrNoGroup], a [*TroubleError].
//   - [delivery.ErrUnseen]: the service does not have the tree.
//   - those of [mls.PartialGroup.Upgrade].
func (c *Client) Upgrade(ctx context.Context, group string) error {
	return c.with(ctx, group, func(g *liveGroup) error {
		if err := c.catchUp(ctx, g); err != nil {
			return err
		}
		switch {
		case !g.following():
			return g.trouble(nil)
		case g.partial == nil:
			return nil
		}
		s := c.step(g)
		if err := c.upgrade(ctx, s, g); err != nil {
			return err
		}
		return c.commit(ctx, s)
	})
}

// upgrade is Upgrade as a part of a step. If it fails, nothing has changed.
func (c *Client) upgrade(ctx context.Context, s *step, g *liveGroup) error {
	tree, err := c.annotator().Tree(ctx, g.id, g.epoch())
	if err != nil {
		return err
	}
	full, err := g.partial.Upgrade(ctx, c.cfg.Now(), tree)
	if err != nil {
		return err
	}
	for _, proposal := range g.heard { // those from before a restart are not in the engine's state
		if _, err := full.Process(ctx, c.cfg.Now(), proposal); err != nil {
			c.warn("proposal is not one that a full member takes", g.id, err)
		}
	}
	g.partialState, g.replaces = partialState{}, true
	g.rec.Partial, g.rec.Leaves, g.rec.Known = false, 0, nil
	g.use(full, nil)
	s.delete(key(spaceHeard, g.id))
	c.count("upgrades", 1)
	if len(full.Proposals()) > 0 {
		c.proposed(g)
	}
	return nil
}

// upgradeFor makes the client a full member, if it is to do that by itself, and otherwise
// returns [ErrPartial].
func (c *Client) upgradeFor(ctx context.Context, g *liveGroup) error {
	if g.partial == nil {
		return nil
	}
	if !c.upgrades() {
		return ErrPartial
	}
	s := c.step(g)
	if err := c.upgrade(ctx, s, g); err != nil {
		return err
	}
	return c.commit(ctx, s)
}

// ErrPartial says that it takes a full member: see [Client.Upgrade].
var ErrPartial = fmt.Errorf("client: a partial member cannot do that: %w", message.ErrUnsupported)

// AnnotationError says that what a delivery service has told a partial member of an entry is
// missing or wrong. The client's state is as it was. It asks again, and in the end gives the
// group up, or becomes a full member ([Partial].Upgrade).
type AnnotationError struct {
	Group    string
	Position delivery.Position // of the entry
	Err      error
}

func (e *AnnotationError) Error() string {
	return fmt.Sprintf("client: group %x: annotation of the entry at position %d: %v", e.Group, e.Position, e.Err)
}

func (e *AnnotationError) Unwrap() error { return e.Err }

// maxAnnotations is how often a client asks for an annotation that is wrong.
const maxAnnotations = 3
