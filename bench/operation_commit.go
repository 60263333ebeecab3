package bench

import (
	"context"
	"fmt"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// commitOperations are those of members who commit, and of those who follow.
func commitOperations() []operation {
	removing := func(s setting) limit.Change { return s.group.Removing(s.shape(), s.someLeaves(1)...) }
	return []operation{
		{name: "commit", about: "leaf 0 makes a commit that renews its keys; bytes of the Commit", limit: of(limit.Group.Commit), start: startCommit},
		{name: "process", about: "the others process it, in the mean; bytes of the Commit", limit: of(limit.Group.MeanProcess), start: startProcess},
		{name: "process-best", about: "a member farthest from leaf 0 processes it: fewest keys to derive", limit: of(bestProcess), start: startBestProcess},
		{name: "process-worst", about: "a member nearest to leaf 0 processes it: most keys to derive", limit: of(worstProcess), start: startWorstProcess},
		{name: "add", about: "leaf 0 makes a commit without a path that adds one; Commit and Welcome", limit: of(limit.Group.Add), start: startAdd},
		{name: "process-add", about: "a member processes it; bytes of the Commit", limit: of(limit.Group.ProcessAdd), start: startProcessAdd},
		{
			name: "remove", about: "leaf 0 makes a commit that removes one halfway; bytes of the Commit",
			limit: func(s setting) limit.Cost { return removing(s).Make() }, start: startRemove,
		},
		{
			name: "process-remove", about: "the others of three or more process it, in the mean; bytes of the Commit",
			limit: func(s setting) limit.Cost { return removing(s).MeanProcess() }, start: startProcessRemove, least: 3,
		},
		addEach(defaultBatch),
		removeEach(defaultBatch),
	}
}

func bestProcess(g limit.Group) limit.Cost  { return g.Process(len(g.Tree.Path) - 1) }
func worstProcess(g limit.Group) limit.Cost { return g.Process(0) }

// addEach is the operation that adds k members at once.
func addEach(k int) operation {
	return operation{
		name: fmt.Sprintf("add-%d", k), about: fmt.Sprintf("leaf 0 adds %d at once, or as many as the name says; Commit and Welcome", k),
		limit: func(s setting) limit.Cost { return s.group.AddEach(s.shape(), k) },
		start: func(ctx context.Context, s *scenario) (*task, error) {
			adds := make([]message.Proposal, k)
			for i := range adds {
				client, err := s.newConfig(s.client.Suites, fmt.Sprintf("newcomer %d", i))
				if err != nil {
					return nil, err
				}
				kp, err := mls.NewKeyPackage(ctx, s.now, client, mls.KeyPackageOptions{})
				if err != nil {
					return nil, err
				}
				adds[i] = message.Add{KeyPackage: kp.KeyPackage}
			}
			return s.commit(ctx, commitAndWelcome, adds...), nil
		},
	}
}

// removeEach is the operation that removes k members at once, or all but leaf 0.
func removeEach(k int) operation {
	return operation{
		name: fmt.Sprintf("remove-%d", k), about: fmt.Sprintf("leaf 0 removes %d at once, or as many as the name says; bytes of the Commit", k),
		limit: func(s setting) limit.Cost { return s.group.Removing(s.shape(), s.someLeaves(k)...).Make() },
		start: func(ctx context.Context, s *scenario) (*task, error) {
			return s.commit(ctx, commitSize, s.removes(k)...), nil
		},
		within: func(members int) operation { return removeEach(min(k, members-1)) },
	}
}

func commitSize(c *mls.Candidate) int       { return len(c.Message) }
func commitAndWelcome(c *mls.Candidate) int { return len(c.Message) + len(c.Welcome) }

func startCommit(ctx context.Context, s *scenario) (*task, error) {
	return s.commit(ctx, commitSize), nil
}

func startAdd(ctx context.Context, s *scenario) (*task, error) {
	kp, err := s.newClient(ctx)
	if err != nil {
		return nil, err
	}
	return s.commit(ctx, commitAndWelcome, message.Add{KeyPackage: kp.KeyPackage}), nil
}

func startRemove(ctx context.Context, s *scenario) (*task, error) {
	return s.commit(ctx, commitSize, s.removes(1)...), nil
}

// removes are the proposals to remove some of the members beside leaf 0.
func (s *scenario) removes(k int) []message.Proposal {
	var removes []message.Proposal
	for _, leaf := range s.someLeaves(k) {
		removes = append(removes, message.Remove{Removed: message.LeafIndex(leaf)})
	}
	return removes
}

// commit measures commits of leaf 0, each as its first message of the epoch.
func (s *scenario) commit(ctx context.Context, size func(*mls.Candidate) int, proposals ...message.Proposal) *task {
	return s.commitAfter(ctx, nil, size, proposals...)
}

// commitAfter is commit by a view that ready has changed, if it is not nil.
func (s *scenario) commitAfter(ctx context.Context, ready func(*mls.Group) (*mls.Group, error), size func(*mls.Candidate) int, proposals ...message.Proposal) *task {
	var bytes int
	return single(s.each(0, ready, func(g *mls.Group) error {
		c, err := g.Commit(ctx, s.now, mls.CommitOptions{}, proposals...)
		if err != nil {
			return err
		}
		bytes = size(c)
		return nil
	}), func() (int, error) { return bytes, nil })
}

func startProcess(ctx context.Context, s *scenario) (*task, error) {
	c, err := s.commitOnce(ctx)
	if err != nil {
		return nil, err
	}
	return s.received(ctx, s.group.Tree, c.Message), nil
}

// startBestProcess measures a member of the half that leaf 0 is not in.
func startBestProcess(ctx context.Context, s *scenario) (*task, error) {
	return s.processAt(ctx, len(s.group.Tree.Path)-1)
}

// startWorstProcess measures the member beside leaf 0.
func startWorstProcess(ctx context.Context, s *scenario) (*task, error) { return s.processAt(ctx, 0) }

// processAt measures a receiver at a level of leaf 0's path.
func (s *scenario) processAt(ctx context.Context, level int) (*task, error) {
	c, err := s.commitOnce(ctx)
	if err != nil {
		return nil, err
	}
	return single(s.process(ctx, s.group.Tree.Path[level].First, c.Message), lengthOf(c.Message)), nil
}

func startProcessAdd(ctx context.Context, s *scenario) (*task, error) {
	kp, err := s.newClient(ctx)
	if err != nil {
		return nil, err
	}
	c, err := s.commitOnce(ctx, message.Add{KeyPackage: kp.KeyPackage})
	if err != nil {
		return nil, err
	}
	return single(s.process(ctx, s.farthest(), c.Message), lengthOf(c.Message)), nil
}

func startProcessRemove(ctx context.Context, s *scenario) (*task, error) {
	c, err := s.commitOnce(ctx, s.removes(1)...)
	if err != nil {
		return nil, err
	}
	return s.received(ctx, s.group.Removing(s.shape(), s.someLeaves(1)...).After, c.Message), nil
}

// received measures one receiver of a commit at each level of the committer's path, because
// the receivers of a level do the same work, and weights the results by the number of
// receivers.
func (s *scenario) received(ctx context.Context, tree limit.Tree, commit []byte) *task {
	t := &task{bytes: lengthOf(commit)}
	receivers := 0
	for _, level := range tree.Path {
		receivers += level.Receivers
	}
	for _, level := range tree.Path {
		weight := float64(level.Receivers) / float64(receivers)
		t.parts = append(t.parts, part{weight, s.process(ctx, level.First, commit)})
	}
	return t
}

// process measures a member that processes a commit.
func (s *scenario) process(ctx context.Context, leaf uint32, commit []byte) measure.Operation {
	return s.each(leaf, nil, func(g *mls.Group) error {
		_, err := g.Process(ctx, s.now, commit)
		return err
	})
}
