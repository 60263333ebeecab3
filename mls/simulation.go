package mls

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/internal/schedule"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// The shapes of a simulated ratchet tree.
const (
	treeBlank    = "blank"
	treeSteady   = "steady"
	treeUnmerged = "unmerged"
	treeSparse   = "sparse"
)

// SimulationConfig says which group to simulate.
type SimulationConfig struct {
	Suites  Suites
	Suite   suite.ID
	Members int // at least 1, once the tree has its shape

	// Shape is the state of the ratchet tree, on which the cost of a commit depends:
	// "blank", or empty, if commits of Adds alone have filled the group and every parent
	// is blank; "steady" if every parent is populated; "unmerged" if half of the members
	// of a steady tree were removed and others added in their place, without a path;
	// "sparse" if every other leaf of a steady tree twice as large was removed.
	Shape string

	// Adjust, if not nil, changes the Config of a member before it is used. It is called
	// on several goroutines.
	Adjust func(*Config)

	// Progress, if not nil, is told after each commit how many clients and commits there
	// have been.
	Progress func(clients, commits int)
}

// Simulation is a whole group in one place, for benchmarks and tests.
//
// It holds everybody's private keys, and so has none of MLS's security. It holds what
// members have in common once, so that real commits can make large groups with populated
// trees in reasonable time and memory: each commit is made by its committer and processed
// by nobody. [Simulation.Member] returns any member's view of the current epoch as an
// ordinary Group.
//
// A Simulation is not safe for concurrent use. Its Groups are.
type Simulation struct {
	cfg     SimulationConfig
	suite   suite.Suite
	public  *publicState
	secrets *schedule.EpochSecrets
	members []simulated               // by leaf
	joining map[string]*OwnKeyPackage // by KeyPackageRef
	keys    []simulatedKey            // of parents, by half their index; some may be of earlier epochs
	made    uint32                    // clients so far
}

// NewSimulation makes a group of the given size and shape by real commits.
//
// Errors:
//
//   - those of [CreateGroup], [NewKeyPackage], [Group.Commit] and cfg.Suites.
//   - an error without a sentinel: cfg.Members is less than 1, or cfg.Shape is none of the
//     shapes.
func NewSimulation(ctx context.Context, now time.Time, cfg SimulationConfig) (*Simulation, error) {
	if cfg.Members < 1 {
		return nil, fmt.Errorf("mls: simulation has %d members, want at least 1", cfg.Members)
	}
	switch cfg.Shape {
	case "":
		cfg.Shape = treeBlank
	case treeBlank, treeSteady, treeUnmerged, treeSparse:
	default:
		return nil, fmt.Errorf("mls: simulation has the unknown shape %q", cfg.Shape)
	}
	s, err := cfg.Suites.Suite(cfg.Suite)
	if err != nil {
		return nil, err
	}
	sim := &Simulation{
		cfg: cfg, suite: s,
		joining: make(map[string]*OwnKeyPackage),
	}
	creator, err := sim.newConfig(0)
	if err != nil {
		return nil, err
	}
	sim.made++
	g, err := CreateGroup(ctx, now, *creator, nil)
	if err != nil {
		return nil, err
	}
	defer g.Destroy()
	sim.public, sim.secrets = g.public, g.secrets.Clone()
	sim.secrets.Encryption = make([]byte, s.Info().KDF.Nh) // epoch 0 sends no message
	*sim.member(0) = sim.keepMember(creator, g.self.leafKey.Share())
	if err := sim.shape(ctx, now); err != nil {
		sim.Destroy()
		return nil, err
	}
	return sim, nil
}

// Destroy deletes the secrets and private keys that the simulation holds. Groups that
// [Simulation.Member] returned keep theirs.
func (s *Simulation) Destroy() {
	s.secrets.Destroy()
	for i := range s.members {
		s.members[i].leafKey.release()
	}
	for i := range s.keys {
		s.keys[i].release()
	}
	s.members, s.keys = nil, nil
	clear(s.joining)
}

// shape brings the tree to the configured size and shape.
func (s *Simulation) shape(ctx context.Context, now time.Time) error {
	n := s.cfg.Members
	if s.cfg.Shape == treeSparse {
		n *= 2
	}
	if s.cfg.Shape == treeBlank {
		return s.grow(ctx, now, n-1)
	}
	if err := s.fill(ctx, now, n-1); err != nil || s.cfg.Shape == treeSteady {
		return err
	}
	var odd []message.Proposal
	for leaf := message.LeafIndex(1); int(leaf) < n; leaf += 2 {
		odd = append(odd, message.Remove{Removed: leaf})
	}
	if len(odd) == 0 {
		return nil
	}
	if err := s.advance(ctx, now, 0, &commitPlan{byValue: odd}); err != nil || s.cfg.Shape == treeSparse {
		return err
	}
	if err := s.populate(ctx, now); err != nil {
		return err
	}
	return s.grow(ctx, now, len(odd))
}

// madeAtOnce is the greatest number of key packages that there are at a time, and of
// members that one commit adds.
const madeAtOnce = 500

// grow adds n members in commits without a path.
func (s *Simulation) grow(ctx context.Context, now time.Time, n int) error {
	for ; n > 0; n -= madeAtOnce {
		err := s.withMembers(ctx, now, min(n, madeAtOnce), func(adds []message.Proposal) error {
			return s.advance(ctx, now, 0, &commitPlan{noWelcome: true, byValue: adds})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fill adds n members to a group of one, so that no parent with members on both sides is
// blank. Each member at an even leaf commits with a path that adds the next two: while
// there are no members to the right, a path is short, and everything to the left has one
// key to encrypt to.
func (s *Simulation) fill(ctx context.Context, now time.Time, n int) error {
	committer, next := message.LeafIndex(0), message.LeafIndex(1)
	for ; n > 0; n -= madeAtOnce {
		err := s.withMembers(ctx, now, min(n, madeAtOnce), func(adds []message.Proposal) error {
			for len(adds) > 0 {
				some := min(len(adds), 2+int(next%2)) // up to the end of a pair
				plan := &commitPlan{CommitOptions: CommitOptions{ForcePath: true}, noWelcome: true, byValue: adds[:some]}
				if err := s.advance(ctx, now, committer, plan); err != nil {
					return err
				}
				adds, next = adds[some:], next+message.LeafIndex(some)
				committer = (next - 1) &^ 1
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if committer == 0 {
		return nil
	}
	return s.advance(ctx, now, committer, new(commitPlan))
}

// withMembers calls f with Adds of new members.
func (s *Simulation) withMembers(ctx context.Context, now time.Time, n int, f func(adds []message.Proposal) error) error {
	joiners, err := s.NewMembers(ctx, now, n)
	defer func() {
		for _, k := range joiners {
			if k != nil {
				k.Destroy()
			}
		}
	}()
	if err != nil {
		return err
	}
	adds := make([]message.Proposal, n)
	for i, kp := range joiners {
		adds[i] = message.Add{KeyPackage: kp.KeyPackage}
	}
	return f(adds)
}

// advance is Commit without its candidate.
func (s *Simulation) advance(ctx context.Context, now time.Time, committer message.LeafIndex, plan *commitPlan) error {
	cfg, err := s.config(committer)
	if err != nil {
		return err
	}
	g, err := s.view(committer, cfg, false)
	if err != nil {
		return err
	}
	c, err := s.commit(ctx, now, g, plan)
	if err == nil {
		c.Discard()
		s.report()
	}
	return err
}

// report tells the progress.
func (s *Simulation) report() {
	if s.cfg.Progress != nil {
		s.cfg.Progress(int(s.made), int(s.public.context.Epoch))
	}
}

// populate lets members commit until no parent with members on both sides is
// blank. It goes from the root down, so that each commit encrypts to few.
func (s *Simulation) populate(ctx context.Context, now time.Time) error {
	for step := s.public.tree.Width; step >= 2; step /= 2 {
		for first := uint32(0); first < s.public.tree.Width; first += step {
			for leaf := first; leaf < first+step; leaf++ {
				if !s.has(message.LeafIndex(leaf)) {
					continue
				}
				if !s.populated(message.LeafIndex(leaf)) {
					if err := s.advance(ctx, now, message.LeafIndex(leaf), new(commitPlan)); err != nil {
						return err
					}
				}
				break
			}
		}
	}
	return nil
}

// populated reports whether no parent on a leaf's filtered direct path is blank.
func (s *Simulation) populated(leaf message.LeafIndex) bool {
	path := s.public.tree.FilteredPath(leaf)
	return !slices.ContainsFunc(path, func(s ratchettree.PathStep) bool { return s.Node.Parent == nil })
}

// NewMembers makes key packages of n new clients. They become members of the simulation
// when a commit adds them. On error it returns the key packages that it has made, with
// nil for the others.
//
// Errors:
//
//   - those of [NewKeyPackage].
//   - that of ctx, once ctx is done.
func (s *Simulation) NewMembers(ctx context.Context, now time.Time, n int) ([]*OwnKeyPackage, error) {
	joiners := make([]*OwnKeyPackage, n)
	first := s.made
	s.made += uint32(n)
	err := parallel.For(n, func(i int) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		cfg, err := s.newConfig(first + uint32(i))
		if err != nil {
			return err
		}
		joiners[i], err = NewKeyPackage(ctx, now, *cfg, KeyPackageOptions{})
		return err
	})
	for _, k := range joiners {
		if k != nil {
			s.joining[string(k.Ref)] = k
		}
	}
	return joiners, err
}

// newConfig returns the configuration of a new client, which is the one of that number.
func (s *Simulation) newConfig(number uint32) (*Config, error) {
	signer, err := s.suite.GenerateSigner()
	if err != nil {
		return nil, fmt.Errorf("mls: generate signer: %w", err)
	}
	cfg := s.plainConfig(signer, message.BasicCredential(binary.BigEndian.AppendUint32([]byte("member "), number)))
	if s.cfg.Adjust != nil {
		s.cfg.Adjust(cfg)
	}
	return cfg, nil
}

// Leaves returns the members' leaf indices, from left to right.
func (s *Simulation) Leaves() []message.LeafIndex {
	leaves := make([]message.LeafIndex, 0, len(s.members))
	for leaf := range s.members {
		if leaf := message.LeafIndex(leaf); s.has(leaf) {
			leaves = append(leaves, leaf)
		}
	}
	return leaves
}

// Member returns a member's view of the current epoch: a Group of its own, with fresh
// message ratchets. It is O(log n). Two views of one member would send with the same keys
// and nonces, so at most one of them may send. The error says that the leaf is no member's,
// or is the suite's, if it no longer takes the member's keys.
func (s *Simulation) Member(leaf message.LeafIndex) (*Group, error) {
	if !s.has(leaf) {
		return nil, fmt.Errorf("mls: leaf %d is not a member of the simulation", leaf)
	}
	cfg, err := s.config(leaf)
	if err != nil {
		return nil, err
	}
	m := s.member(leaf)
	m.signer, m.cfg = nil, cfg
	return s.view(leaf, cfg, true)
}

// view is Member for one that has a configuration. Without the private keys of parents,
// the view can commit and nothing else.
func (s *Simulation) view(leaf message.LeafIndex, cfg *Config, parents bool) (*Group, error) {
	leafKey, err := s.member(leaf).leafKey.lend(s.suite)
	if err != nil {
		return nil, err
	}
	self := &memberView{leaf: leaf, leafKey: leafKey, pathKeys: make(map[ratchettree.NodeIndex]*ratchettree.PrivateKey)}
	for step := range s.public.tree.Above(leaf) {
		key := s.keyAt(step.Index)
		if !parents || !key.isOf(step.Node) {
			continue
		}
		if _, unmerged := slices.BinarySearch(step.Node.Parent.UnmergedLeaves, leaf); unmerged {
			continue
		}
		if self.pathKeys[step.Index], err = key.lend(s.suite); err != nil {
			delete(self.pathKeys, step.Index)
			self.release()
			return nil, err
		}
	}
	return newGroup(cfg, epoch{public: s.public, secrets: s.secrets.Clone(), self: self}), nil
}

// Commit lets a member commit, and moves the simulation to the next epoch.
//
// Errors:
//
//   - those of [Group.Commit] and [Simulation.Member].
//   - that of ctx, once ctx is done.
func (s *Simulation) Commit(ctx context.Context, now time.Time, committer message.LeafIndex, options CommitOptions, proposals ...message.Proposal) (*Candidate, error) {
	g, err := s.Member(committer)
	if err != nil {
		return nil, err
	}
	return s.commit(ctx, now, g, &commitPlan{CommitOptions: options, byValue: proposals})
}

// commit lets a view of a member commit, which it destroys.
func (s *Simulation) commit(ctx context.Context, now time.Time, g *Group, plan *commitPlan) (*Candidate, error) {
	defer g.Destroy()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c, err := g.commitPlanned(ctx, now, plan)
	if err != nil {
		return nil, err
	}
	c.leaveGroup()
	s.secrets.Destroy()
	s.public, s.secrets = c.next.public, c.next.secrets.Clone()
	if err := s.follow(c); err != nil {
		c.Discard()
		return nil, err
	}
	return c, nil
}

// follow keeps what the members know after a commit.
func (s *Simulation) follow(c *Candidate) error {
	for _, p := range c.proposals {
		if removed, ok := p.removes(); ok {
			m := s.member(removed)
			m.leafKey.release()
			*m = simulated{}
		}
	}
	added := c.added
	for _, p := range c.proposals {
		add, ok := p.Proposal.(message.Add)
		if !ok {
			continue
		}
		leaf := added[0]
		added = added[1:]
		ref, err := check.KeyPackageRef(s.suite, add.KeyPackage)
		if err != nil {
			return err
		}
		if k := s.joining[string(ref)]; k != nil {
			own := k.cfg
			*s.member(leaf) = s.keepMember(&own, k.leafKey.Share())
			delete(s.joining, string(ref))
		}
	}
	self := c.next.self
	committer := s.member(self.leaf)
	committer.leafKey.release()
	*committer = s.keepMember(c.cfg, self.leafKey.Share())
	for n, key := range self.pathKeys {
		k := s.keyOf(n)
		k.release()
		*k = keepKey(key.Share())
	}
	return nil
}
