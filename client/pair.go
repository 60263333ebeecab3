package client

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// Pairs says which pairs of groups a client can be in (package apq): groups of the suite of
// [Config].MLS.Suite, each with a group of a post-quantum suite beside it.
type Pairs struct {
	Suite suite.ID // of the PQ groups
	Mode  apq.Mode // of the pairs that this client makes

	// Schedule says when this client makes a FULL commit that nobody asked it for. It makes
	// it in the last quarter of the time that Schedule gives it, so that not all members
	// commit at once.
	Schedule apq.Schedule
}

// pairRecord is what the index entry of a group has of a pair.
type pairRecord struct {
	Group   []byte // of the PQ group
	Suite   suite.ID
	Mode    apq.Mode
	Epoch   uint64
	Full    time.Time // of the last FULL commit
	Own     time.Time // of this client's last one, or of its join
	Partial uint64    `json:",omitempty"` // PARTIAL commits since Full
	Joined  bool      `json:",omitempty"` // this client has joined and has made no FULL commit yet
}

// pq returns the PQ group of a pair, or nil.
func (g *liveGroup) pq() *mls.Group {
	if g.pair == nil {
		return nil
	}
	return g.pair.PQ()
}

// suites returns the suite of the group, or both of a pair.
func (g *liveGroup) suites() []suite.ID {
	of := []suite.ID{g.mls.Suite().Info().ID}
	if pq := g.pq(); pq != nil {
		of = append(of, pq.Suite().Info().ID)
	}
	return of
}

// use puts the engine's state in the place of what there is: a group, or the pair of which
// it is the T group.
func (g *liveGroup) use(t *mls.Group, pair *apq.Group) {
	g.mls, g.pair = t, pair
	if pair == nil {
		g.rec.Pair = nil
		return
	}
	if g.rec.Pair == nil {
		g.rec.Pair = &pairRecord{}
	}
	g.rec.Pair.Group, g.rec.Pair.Suite = pair.PQ().GroupID(), pair.PQ().Suite().Info().ID
	if info := pair.Info(); info != nil {
		g.rec.Pair.Mode = info.Mode
	}
}

// destroyAll deletes the secrets of the engine's state.
func destroyAll(t *mls.Group, pair *apq.Group) {
	if pair != nil {
		pair.Destroy()
	} else if t != nil {
		t.Destroy()
	}
}

// errNoPairs is the refusal of a pair by a client that is in none.
var errNoPairs = fmt.Errorf("client: the group is one of a pair, and Config.Pairs is missing: %w", message.ErrUnsupported)

// pqSuite returns the suite of the PQ groups of pairs, or 0.
func (c *Client) pqSuite() suite.ID {
	if c.cfg.Pairs == nil {
		return 0
	}
	return c.cfg.Pairs.Suite
}

// pairConfig returns what the engine gets for a pair.
func (c *Client) pairConfig(t, pq suite.ID, mode apq.Mode) (apq.Config, error) {
	cfg := apq.Config{Mode: mode, SameMember: c.sameMember}
	if c.cfg.Pairs == nil {
		return cfg, errNoPairs
	}
	for id, leg := range map[suite.ID]*mls.Config{t: &cfg.T, pq: &cfg.PQ} {
		s, err := c.cfg.MLS.Suites.Suite(id)
		if err != nil {
			return cfg, fmt.Errorf("%w: %w", message.ErrUnsupported, err)
		}
		*leg = c.plainConfig(s.Info())
	}
	return cfg, nil
}

// ownPairConfig is pairConfig for the pairs that this client makes and joins.
func (c *Client) ownPairConfig() (apq.Config, error) {
	if c.cfg.Pairs == nil {
		return apq.Config{}, errNoPairs
	}
	return c.pairConfig(c.cfg.MLS.Suite, c.cfg.Pairs.Suite, c.cfg.Pairs.Mode)
}

// sameMember reports whether members of the two groups of a pair are one client.
func (c *Client) sameMember(t, pq message.Credential) bool {
	a, b := c.person(0, t, nil).Name, c.person(0, pq, nil).Name
	if a == "" || b == "" {
		return sameCredential(t, pq)
	}
	return a == b
}

// ready gives the configuration of a group of the T or the PQ suite what such a group
// needs that may become one of a pair. With pair, the policy judges it as one of a pair.
func (c *Client) ready(cfg *mls.Config, pair bool) {
	if c.cfg.Pairs == nil || cfg.Suite != c.cfg.MLS.Suite && cfg.Suite != c.cfg.Pairs.Suite {
		return
	}
	both, err := c.ownPairConfig()
	if err != nil {
		return
	}
	t, pq, err := both.Prepare()
	if err != nil {
		return // which Open has looked at
	}
	prepared := t
	if cfg.Suite == c.cfg.Pairs.Suite {
		prepared = pq
	}
	prepared.Credential, prepared.Signer = cfg.Credential, cfg.Signer
	if !pair {
		prepared.Policy = cfg.Policy
	}
	*cfg = prepared
}

// numbers returns the code points of what drafts define.
func (c *Client) numbers() message.CodePoints { return c.cfg.MLS.CodePoints.Complete() }

// createPair makes a pair of which an id names the T group, or draws one.
func (c *Client) createPair(ctx context.Context, id []byte, extensions []message.Extension) (*apq.Group, error) {
	cfg, err := c.ownPairConfig()
	if err != nil {
		return nil, err
	}
	return apq.Create(ctx, c.cfg.Now(), cfg, apq.CreateOptions{TGroupID: id, TExtensions: extensions})
}

// commitPair makes a FULL or a PARTIAL commit of a pair.
func (c *Client) commitPair(ctx context.Context, g *liveGroup, want wanted) (*candidate, error) {
	pair, options := g.pair, want.options
	if want.half != nil {
		var err error
		if pair, err = c.combine(g, want.half); err != nil {
			return nil, err
		}
	}
	asked := apq.CommitOptions{
		Full: want.half != nil || c.full(g, want), TLeaf: options.Leaf,
		WithoutPending: options.WithoutPending, WithoutTree: options.WithoutTree, JoinerData: options.JoinerData,
	}
	if want.identity {
		own := c.identity(pair.PQ().Suite().Info())
		asked.PQLeaf = mls.LeafOptions{Credential: &own.Credential, Signer: own.Signer}
	}
	for _, p := range want.proposals {
		switch p := p.(type) {
		case message.ReInit: // which is alone
			return ofPair(pair.End(ctx, c.cfg.Now(), p))
		case message.Add:
			asked.Add = append(asked.Add, apq.KeyPackages{T: p.KeyPackage, PQ: want.pq[len(asked.Add)]})
		case message.Remove:
			asked.Remove = append(asked.Remove, p.Removed)
		default:
			asked.Proposals = append(asked.Proposals, p)
		}
	}
	return ofPair(pair.Commit(ctx, c.cfg.Now(), asked))
}

// full reports whether a commit of a pair is to be FULL by the schedule. The engine makes it
// FULL too where the draft demands that.
func (c *Client) full(g *liveGroup, want wanted) bool {
	return want.full || g.rec.New || c.cfg.Pairs.Schedule.Due(c.cfg.Now(), g.rec.Pair.progress(c.cfg.Now())) != apq.NotDue
}

func (r *pairRecord) progress(now time.Time) apq.Progress {
	p := apq.Progress{Full: r.Full, Own: r.Own, Partial: r.Partial, Joined: r.Joined}
	for _, at := range []*time.Time{&p.Full, &p.Own} {
		if ahead(*at, now) {
			*at = time.Time{}
		}
	}
	return p
}

// nextFull returns when a FULL commit of a pair is due, if nobody commits until then. The
// PARTIAL commit that would be one too many is FULL by itself, and nobody makes one for it.
func (c *Client) nextFull(rec *groupRecord) (time.Time, bool) {
	if rec.Pair == nil || rec.State != Active || c.cfg.Pairs == nil {
		return time.Time{}, false
	}
	p := rec.Pair.progress(c.cfg.Now())
	p.Partial = 0
	return c.cfg.Pairs.Schedule.Next(p)
}

// fullSpread returns the part of the time before a FULL commit is due in which a member makes
// it.
func (r *pairRecord) fullSpread(due time.Time) time.Duration { return due.Sub(r.Full) / 4 }

// committed notes a commit of a pair.
func (c *Client) committed(g *liveGroup, full, own bool) {
	r := g.rec.Pair
	if r == nil {
		return
	}
	if !full {
		r.Partial++
		return
	}
	r.Full, r.Partial, g.fullAt = c.cfg.Now(), 0, time.Time{}
	if own {
		r.Own, r.Joined = c.cfg.Now(), false
		c.count("full_commits_won", 1)
	}
}

// fullDue reports whether this client is to make a FULL commit now.
func (c *Client) fullDue(g *liveGroup, now time.Time) bool {
	if g.pair == nil {
		return false
	}
	if g.rec.Pair.Joined {
		return true
	}
	if g.fullAt.IsZero() {
		due, ok := c.nextFull(&g.rec)
		if !ok {
			return false
		}
		g.fullAt = due.Add(-random(g.rec.Pair.fullSpread(due)))
	}
	return !now.Before(g.fullAt)
}

// restorePair restores the groups of a pair.
func (c *Client) restorePair(g *liveGroup, t, pq mls.Snapshot) error {
	cfg, err := c.pairConfig(g.rec.Suite, g.rec.Pair.Suite, g.rec.Pair.Mode)
	if err != nil {
		return err
	}
	pair, err := apq.Restore(c.cfg.Now(), cfg, t, pq, c.signers()...)
	if err != nil {
		return err
	}
	g.use(pair.T(), pair)
	return nil
}

// joinPairFromOutside makes the external commits by which this client joins a pair, of which
// the service shows the T group in info, and named is its APQInfo.
func (c *Client) joinPairFromOutside(ctx context.Context, g *liveGroup, named *apq.Info, info delivery.GroupInfo, rec *pendingRecord) (*candidate, error) {
	cfg, err := c.ownPairConfig()
	if err != nil {
		return nil, err
	}
	pq, err := c.service.GroupInfo(ctx, string(named.PQGroupID))
	if errors.Is(err, delivery.ErrNoGroup) {
		return nil, fmt.Errorf("%w: the PQ group of the pair: %w", ErrNoGroup, err)
	}
	if err != nil {
		return nil, err
	}
	public, signer, _, err := c.follow(ctx, pq)
	if err != nil {
		return nil, err
	}
	if public.Epoch() != named.PQEpoch || public.Epoch() != pq.Epoch {
		return nil, &againError{errors.New("the groups of the pair are shown in epochs that do not belong together")}
	}
	if old := g.pq(); old != nil && g.rec.Trouble != "" && !g.rec.Trusts {
		if err := knows(old, public.Leaf(signer).SignatureKey); err != nil {
			return nil, err
		}
	}
	both, err := (&apq.MessagePair{T: info.Message, PQ: pq.Message}).Marshal(c.numbers())
	if err != nil {
		return nil, err
	}
	made, err := apq.ExternalJoin(ctx, c.cfg.Now(), cfg, both, apq.ExternalJoinOptions{TTree: info.Tree, PQTree: pq.Tree, Resync: true})
	if err != nil {
		return nil, err
	}
	rec.Full, rec.PQEpoch = true, pq.Epoch
	rec.Pair = &pairRecord{Group: named.PQGroupID, Suite: named.PQSuite, Mode: named.Mode}
	return ofPair(made, nil)
}
