package bench

import (
	"context"
	"time"

	"github.com/mlsuite/mlsuite/bench/limit"
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
}

func (t tree) String() string { return t.shape }

func trees() []tree {
	return []tree{
		{"steady", "every parent is populated", func(n int) limit.Tree { return limit.Steady(n, 0) }},
		{"blank", "every parent is blank: the group was just filled by one commit", func(n int) limit.Tree { return limit.Blank(n, 0) }},
		{"unmerged", "steady, then every second member replaced without a path", func(n int) limit.Tree { return limit.Unmerged(n, 0) }},
		{"sparse", "steady at twice the size, then every second member removed", limit.Sparse},
	}
}

// scenario is a group in which operations are measured.
type scenario struct {
	now    time.Time
	client mls.Config // of somebody outside the group
	sim    *mls.Simulation
	group  limit.Group
}

// newScenario makes a group by real commits, and tells progress how many clients and
// commits there are. Its clients have only the one suite.
func newScenario(ctx context.Context, suites mls.Suites, s suite.Suite, t tree, size int, progress func(clients, commits int)) (*scenario, error) {
	now := time.Now()
	signer, err := s.GenerateSigner()
	if err != nil {
		return nil, err
	}
	sim, err := mls.NewSimulation(ctx, now, mls.SimulationConfig{
		Suites: suites, Suite: s.Info().ID, Members: size, Shape: t.shape, Progress: progress,
	})
	if err != nil {
		return nil, err
	}
	return &scenario{
		now: now,
		client: mls.Config{
			Suites: suites, Suite: s.Info().ID, Signer: signer, Credential: message.BasicCredential([]byte("newcomer")),
		},
		sim:   sim,
		group: limit.Group{Suite: s.Info(), Tree: t.limit(size)},
	}, nil
}

// views returns n views of a member, each of which can make or process the first
// handshake message of the epoch.
func (s *scenario) views(leaf uint32, n int) ([]*mls.Group, error) {
	views := make([]*mls.Group, n)
	for i := range views {
		var err error
		if views[i], err = s.sim.Member(message.LeafIndex(leaf)); err != nil {
			return nil, err
		}
	}
	return views, nil
}

// joiner is a client with the Welcome of a commit in which leaf 0 adds it.
type joiner struct {
	keyPackage *mls.OwnKeyPackage
	welcome    []byte
}

func (s *scenario) newJoiner(ctx context.Context) (joiner, error) {
	kp, err := mls.NewKeyPackage(ctx, s.now, s.client, mls.KeyPackageOptions{})
	if err != nil {
		return joiner{}, err
	}
	committer, err := s.sim.Member(0)
	if err != nil {
		return joiner{}, err
	}
	c, err := committer.Commit(ctx, s.now, mls.CommitOptions{}, message.Add{KeyPackage: kp.KeyPackage})
	if err != nil {
		return joiner{}, err
	}
	return joiner{kp, c.Welcome}, nil
}
