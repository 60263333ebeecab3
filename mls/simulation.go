package mls

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/mlsuite/mlsuite/internal/parallel"
	"github.com/mlsuite/mlsuite/suite"
)

// TreeShape names a state of the ratchet tree. The cost of a commit depends on it.
type TreeShape int

const (
	// TreeBlank is a group that one commit of Adds has just filled: every parent is
	// blank.
	TreeBlank TreeShape = iota
	// TreeSteady has every parent populated.
	TreeSteady
	// TreeUnmerged is a steady tree in which half of the members were removed and others
	// added in their place, without a path.
	TreeUnmerged
	// TreeSparse is a tree that was twice as large and steady, until every other leaf was
	// removed.
	TreeSparse
)

// TreeShapes returns all shapes.
func TreeShapes() []TreeShape { return []TreeShape{TreeBlank, TreeSteady, TreeUnmerged, TreeSparse} }

func (s TreeShape) String() string {
	if names := [...]string{"blank", "steady", "unmerged", "sparse"}; 0 <= s && int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("TreeShape(%d)", int(s))
}

// SimulationConfig says which group to simulate.
type SimulationConfig struct {
	Suites  Suites
	Suite   suite.ID
	Members int // at least 1, once the tree has its shape
	Shape   TreeShape

	// Adjust, if not nil, changes the Config of a member before it is used. It is called
	// on several goroutines.
	Adjust func(*Config)
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
	secrets *epochSecrets
	members map[LeafIndex]simulated
	joining map[string]*OwnKeyPackage // by KeyPackageRef
	keys    map[NodeIndex]*privateKey // of parents; some may be of earlier epochs
	made    uint32                    // members so far
}

// simulated is what a simulation keeps for one member.
type simulated struct {
	cfg     *Config
	leafKey *privateKey
}

// NewSimulation makes a group of the given size and shape by real commits. Its errors are
// those of the calls that make the group.
func NewSimulation(ctx context.Context, now time.Time, cfg SimulationConfig) (*Simulation, error) {
	if cfg.Members < 1 {
		return nil, fmt.Errorf("mls: a simulation of %d members", cfg.Members)
	}
	s, err := cfg.Suites.Suite(cfg.Suite)
	if err != nil {
		return nil, err
	}
	sim := &Simulation{
		cfg: cfg, suite: s,
		members: make(map[LeafIndex]simulated),
		joining: make(map[string]*OwnKeyPackage),
		keys:    make(map[NodeIndex]*privateKey),
	}
	creator, err := sim.newConfig()
	if err != nil {
		return nil, err
	}
	g, err := CreateGroup(ctx, now, *creator, nil)
	if err != nil {
		return nil, err
	}
	defer g.Destroy()
	sim.public, sim.secrets = g.public, g.secrets.clone()
	sim.secrets.encryption = make([]byte, s.Info().KDF.Nh) // epoch 0 sends no message
	sim.members[0] = simulated{creator, g.self.leafKey.share()}
	if err := sim.shape(ctx, now); err != nil {
		sim.Destroy()
		return nil, err
	}
	return sim, nil
}

// Destroy deletes the secrets and private keys that the simulation holds. Groups that
// [Simulation.Member] returned keep theirs.
func (s *Simulation) Destroy() {
	s.secrets.destroy()
	for _, m := range s.members {
		m.leafKey.release()
	}
	for _, key := range s.keys {
		key.release()
	}
	clear(s.members)
	clear(s.keys)
	clear(s.joining)
}

// shape brings the tree to the configured size and shape.
func (s *Simulation) shape(ctx context.Context, now time.Time) error {
	n := s.cfg.Members
	if s.cfg.Shape == TreeSparse {
		n *= 2
	}
	if err := s.grow(ctx, now, n-1); err != nil || s.cfg.Shape == TreeBlank {
		return err
	}
	if err := s.populate(ctx, now); err != nil || s.cfg.Shape == TreeSteady {
		return err
	}
	var odd []Proposal
	for leaf := LeafIndex(1); int(leaf) < n; leaf += 2 {
		odd = append(odd, Remove{Removed: leaf})
	}
	if len(odd) == 0 {
		return nil
	}
	if err := s.advance(ctx, now, 0, &commitPlan{byValue: odd}); err != nil || s.cfg.Shape == TreeSparse {
		return err
	}
	if err := s.populate(ctx, now); err != nil {
		return err
	}
	return s.grow(ctx, now, len(odd))
}

// grow adds members in one commit without a path.
func (s *Simulation) grow(ctx context.Context, now time.Time, n int) error {
	if n == 0 {
		return nil
	}
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
	plan := &commitPlan{noWelcome: true}
	for _, kp := range joiners {
		plan.byValue = append(plan.byValue, Add{KeyPackage: kp.KeyPackage})
	}
	return s.advance(ctx, now, 0, plan)
}

// advance is Commit without its candidate.
func (s *Simulation) advance(ctx context.Context, now time.Time, committer LeafIndex, plan *commitPlan) error {
	c, err := s.commit(ctx, now, committer, plan)
	if err == nil {
		c.Discard()
	}
	return err
}

// populate lets members commit until no parent with members on both sides is
// blank. It goes from the root down, so that each commit encrypts to few.
func (s *Simulation) populate(ctx context.Context, now time.Time) error {
	for step := s.public.tree.width; step >= 2; step /= 2 {
		for first := uint32(0); first < s.public.tree.width; first += step {
			for leaf := first; leaf < first+step; leaf++ {
				if _, ok := s.members[LeafIndex(leaf)]; !ok {
					continue
				}
				if !s.populated(LeafIndex(leaf)) {
					if err := s.advance(ctx, now, LeafIndex(leaf), new(commitPlan)); err != nil {
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
func (s *Simulation) populated(leaf LeafIndex) bool {
	path := s.public.tree.filteredPath(leaf)
	return !slices.ContainsFunc(path, func(s pathStep) bool { return s.node.parent == nil })
}

// NewMembers makes key packages of n new clients. They become members of the simulation
// when a commit adds them. On error it returns the key packages that it has made, with
// nil for the others.
func (s *Simulation) NewMembers(ctx context.Context, now time.Time, n int) ([]*OwnKeyPackage, error) {
	configs := make([]*Config, n)
	for i := range configs {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var err error
		if configs[i], err = s.newConfig(); err != nil {
			return nil, err
		}
	}
	joiners := make([]*OwnKeyPackage, n)
	err := parallel.For(n, func(i int) (err error) {
		if err := ctx.Err(); err != nil {
			return err
		}
		joiners[i], err = NewKeyPackage(ctx, now, *configs[i], KeyPackageOptions{})
		return err
	})
	for _, k := range joiners {
		if k != nil {
			s.joining[string(k.Ref)] = k
		}
	}
	return joiners, err
}

func (s *Simulation) newConfig() (*Config, error) {
	signer, err := s.suite.GenerateSigner()
	if err != nil {
		return nil, fmt.Errorf("mls: generate signer: %w", err)
	}
	cfg := &Config{
		Suites:     s.cfg.Suites,
		Suite:      s.cfg.Suite,
		Signer:     signer,
		Credential: BasicCredential(binary.BigEndian.AppendUint32([]byte("member "), s.made)),
	}
	s.made++
	if s.cfg.Adjust != nil {
		s.cfg.Adjust(cfg)
	}
	return cfg, nil
}

// Size returns the number of members.
func (s *Simulation) Size() int { return len(s.members) }

// Width returns the number of leaves of the tree, including blank ones: a power of two.
func (s *Simulation) Width() int { return int(s.public.tree.width) }

// Leaves returns the members' leaf indices, from left to right.
func (s *Simulation) Leaves() []LeafIndex {
	leaves := make([]LeafIndex, 0, len(s.members))
	for leaf := range s.members {
		leaves = append(leaves, leaf)
	}
	slices.Sort(leaves)
	return leaves
}

// Member returns a member's view of the current epoch: a Group of its own, with fresh
// message ratchets. It is O(log n). Two views of one member would send with the same keys
// and nonces, so at most one of them may send. The error says that the leaf is no member.
func (s *Simulation) Member(leaf LeafIndex) (*Group, error) {
	m, ok := s.members[leaf]
	if !ok {
		return nil, fmt.Errorf("mls: leaf %d is not a member of the simulation", leaf)
	}
	self := &memberView{
		leaf:     leaf,
		leafKey:  m.leafKey.lend(),
		pathKeys: make(map[NodeIndex]*privateKey),
	}
	for step := range s.public.tree.above(leaf) {
		key := s.keys[step.index]
		if key == nil || !key.isOf(step.node) {
			continue
		}
		if _, unmerged := slices.BinarySearch(step.node.parent.unmergedLeaves, leaf); !unmerged {
			self.pathKeys[step.index] = key.lend()
		}
	}
	return newGroup(m.cfg, epoch{s.public, s.secrets.clone(), self}), nil
}

// Commit lets a member commit, and moves the simulation to the next epoch. Its errors are
// those of [Group.Commit].
func (s *Simulation) Commit(ctx context.Context, now time.Time, committer LeafIndex, options CommitOptions, proposals ...Proposal) (*Candidate, error) {
	return s.commit(ctx, now, committer, &commitPlan{CommitOptions: options, byValue: proposals})
}

func (s *Simulation) commit(ctx context.Context, now time.Time, committer LeafIndex, plan *commitPlan) (*Candidate, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	g, err := s.Member(committer)
	if err != nil {
		return nil, err
	}
	defer g.Destroy()
	c, err := g.commitPlanned(ctx, now, plan)
	if err != nil {
		return nil, err
	}
	c.leaveGroup()
	s.secrets.destroy()
	s.public, s.secrets = c.next.public, c.next.secrets.clone()
	for _, p := range c.proposals {
		if r, ok := p.Proposal.(Remove); ok {
			s.members[r.Removed].leafKey.release()
			delete(s.members, r.Removed)
		}
	}
	added := c.added
	for _, p := range c.proposals {
		add, ok := p.Proposal.(Add)
		if !ok {
			continue
		}
		leaf := added[0]
		added = added[1:]
		ref, err := keyPackageRef(s.suite, add.KeyPackage)
		if err != nil {
			return nil, err
		}
		if k := s.joining[string(ref)]; k != nil {
			s.members[leaf] = simulated{&k.cfg, k.leafKey.share()}
			delete(s.joining, string(ref))
		}
	}
	s.members[committer].leafKey.release()
	s.members[committer] = simulated{c.cfg, c.next.self.leafKey.share()}
	for n, key := range c.next.self.pathKeys {
		s.keys[n].release()
		s.keys[n] = key.share()
	}
	return c, nil
}
