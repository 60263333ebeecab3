package bench

import (
	"context"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/bench/scale"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// tree is a tree shape to measure in. Leaf 0 is a member in every shape, and the path in
// the limit is that of leaf 0.
type tree struct {
	shape string
	about string
	limit func(members int) limit.Tree
	nodes func(members int) *limit.Shape
}

func (t tree) String() string { return t.shape }

func trees() []tree {
	return []tree{
		{"steady", "every parent is populated", func(n int) limit.Tree { return limit.Steady(n, 0) }, limit.SteadyShape},
		{"blank", "every parent is blank: the group was just filled by one commit", func(n int) limit.Tree { return limit.Blank(n, 0) }, limit.BlankShape},
		{"unmerged", "steady, then every second member replaced without a path", func(n int) limit.Tree { return limit.Unmerged(n, 0) }, limit.UnmergedShape},
		{"sparse", "steady at twice the size, then every second member removed", limit.Sparse, limit.SparseShape},
	}
}

// setting is the kind of group in which operations are measured.
type setting struct {
	group   limit.Group
	tree    tree
	message int // size in bytes of application messages

	// reachable are the suites that leaves list beside that of the group. If it is nil,
	// they list all that the clients have.
	reachable []suite.ID
}

func newSetting(s suite.Info, t tree, size, message int, reachable []suite.ID) setting {
	group := limit.Group{Suite: s, Tree: t.limit(size), Contents: scale.Contents(s, 1+len(reachable))}
	return setting{group: group, tree: t, message: message, reachable: reachable}
}

// clientSuites are the suites of clients.
type clientSuites struct{ members, outside mls.Suites }

// shape returns the tree of the group node by node, a new one.
func (s setting) shape() *limit.Shape { return s.tree.nodes(s.group.Tree.Members) }

// someLeaves returns the leaves of k members beside leaf 0, or of all if there are fewer,
// spread over the group.
func (s setting) someLeaves(k int) []int {
	others := s.shape().Leaves()[1:]
	k = min(k, len(others))
	leaves := make([]int, k)
	for i := range leaves {
		leaves[i] = others[(2*i+1)*len(others)/(2*k)]
	}
	return leaves
}

// farthest returns the leaf of a member in the half that leaf 0 is not in.
func (s setting) farthest() uint32 {
	path := s.group.Tree.Path
	return path[len(path)-1].First
}

// scenario is a group in which operations are measured.
type scenario struct {
	setting
	now     time.Time
	suite   suite.Suite
	client  mls.Config // of somebody outside the group
	founder mls.Config // of the member at leaf 0
	sim     *mls.Simulation

	// Made when the first operation needs them, and shared.
	end   *ended
	watch *watched
}

// newScenario makes a group by real commits, and tells progress how many clients and
// commits there are.
func newScenario(ctx context.Context, suites clientSuites, s suite.Suite, in setting, progress func(clients, commits int)) (*scenario, error) {
	x := &scenario{setting: in, now: time.Now(), suite: s}
	var err error
	if x.client, err = x.newConfig(suites.outside, "newcomer"); err != nil {
		return nil, err
	}
	var first sync.Once // the founder's is made before all others
	x.sim, err = mls.NewSimulation(ctx, x.now, mls.SimulationConfig{
		Suites: suites.members, Suite: s.Info().ID, Members: in.group.Tree.Members, Shape: in.tree.shape, Progress: progress,
		Adjust: func(c *mls.Config) {
			c.Reachable = in.reachable
			first.Do(func() { x.founder = *c })
		},
	})
	return x, err
}

// newConfig returns the configuration of a client with a signature key of its own.
func (s *scenario) newConfig(suites mls.Suites, name string) (mls.Config, error) {
	signer, err := s.suite.GenerateSigner()
	return mls.Config{
		Suites: suites, Suite: s.suite.Info().ID, Reachable: s.reachable, Signer: signer, Credential: message.BasicCredential([]byte(name)),
	}, err
}

// view returns a view of a member, which can make or process the first handshake message of
// the epoch.
func (s *scenario) view(leaf uint32) (*mls.Group, error) {
	return s.sim.Member(message.LeafIndex(leaf))
}

// each measures what do does to a view of a member, another view each time. ready, if it is
// not nil, changes the view before.
func (s *scenario) each(leaf uint32, ready func(*mls.Group) (*mls.Group, error), do func(*mls.Group) error) measure.Operation {
	var views []*mls.Group
	op := measure.Operation{
		Prepare: func(n int) (err error) {
			views = make([]*mls.Group, n)
			for i := range views {
				if views[i], err = s.view(leaf); err == nil && ready != nil {
					views[i], err = ready(views[i])
				}
				if err != nil {
					return err
				}
			}
			return nil
		},
		Do: func(i int) error { return do(views[i]) },
	}
	if ready != nil {
		op.Most = 64
	}
	return op
}

// commitOnce returns a commit of leaf 0.
func (s *scenario) commitOnce(ctx context.Context, proposals ...message.Proposal) (*mls.Candidate, error) {
	committer, err := s.view(0)
	if err != nil {
		return nil, err
	}
	return committer.Commit(ctx, s.now, mls.CommitOptions{}, proposals...)
}

// newClient returns a key package of the client outside the group.
func (s *scenario) newClient(ctx context.Context) (*mls.OwnKeyPackage, error) {
	return mls.NewKeyPackage(ctx, s.now, s.client, mls.KeyPackageOptions{})
}
