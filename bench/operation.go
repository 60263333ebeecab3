package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// payload is the size in bytes of the application messages.
const payload = 1024

// operation is something to measure in a group. run measures it and returns the size of
// its message.
type operation struct {
	name, about string
	limit       func(limit.Group) limit.Cost
	run         func(context.Context, *scenario, measure.Plan) ([]measure.Sample, int, error)
}

func (o operation) String() string { return o.name }

func operations() []operation {
	return []operation{
		{"commit", "leaf 0 makes a commit that renews its keys; bytes of the Commit", limit.Group.Commit, runCommit},
		{"process", "the others process it, in the mean; bytes of the Commit", limit.Group.MeanProcess, runProcess},
		{"add", "leaf 0 makes a commit without a path that adds one; bytes of Commit and Welcome", limit.Group.Add, runAdd},
		{"join", "the one added joins; bytes of the Welcome, which carries the tree", limit.Group.Join, runJoin},
		{"keypackage", "a client makes a KeyPackage; bytes of it", limit.Group.KeyPackage, runKeyPackage},
		{"encrypt", fmt.Sprintf("leaf 0 encrypts %d bytes to the group; bytes of the message", payload), func(g limit.Group) limit.Cost { return g.Encrypt(payload) }, runEncrypt},
		{"decrypt", "a member decrypts them; bytes of the message", func(g limit.Group) limit.Cost { return g.Decrypt(payload) }, runDecrypt},
	}
}

// describe returns a line of help for each operation or tree.
func describe[T interface {
	fmt.Stringer
	help() string
}](choices []T) string {
	var b strings.Builder
	for _, c := range choices {
		fmt.Fprintf(&b, "  %-10s  %s\n", c, c.help())
	}
	return b.String()
}

func (o operation) help() string { return o.about }
func (t tree) help() string      { return t.about }

func runCommit(ctx context.Context, s *scenario, plan measure.Plan) ([]measure.Sample, int, error) {
	return s.commit(ctx, plan, func(c *mls.Candidate) int { return len(c.Message) })
}

func runAdd(ctx context.Context, s *scenario, plan measure.Plan) ([]measure.Sample, int, error) {
	kp, err := mls.NewKeyPackage(ctx, s.now, s.client, mls.KeyPackageOptions{})
	if err != nil {
		return nil, 0, err
	}
	return s.commit(ctx, plan, func(c *mls.Candidate) int { return len(c.Message) + len(c.Welcome) }, message.Add{KeyPackage: kp.KeyPackage})
}

// commit measures commits of leaf 0, each as its first message of the epoch.
func (s *scenario) commit(ctx context.Context, plan measure.Plan, size func(*mls.Candidate) int, proposals ...message.Proposal) ([]measure.Sample, int, error) {
	var views []*mls.Group
	var bytes int
	samples, err := measure.Run(ctx, plan, measure.Operation{
		Prepare: func(n int) (err error) {
			views, err = s.views(0, n)
			return err
		},
		Do: func(i int) error {
			c, err := views[i].Commit(ctx, s.now, mls.CommitOptions{}, proposals...)
			if err != nil {
				return err
			}
			bytes = size(c)
			return nil
		},
	})
	return samples, bytes, err
}

// runProcess measures one receiver at each level of leaf 0's path, because the receivers
// of a level do the same work, and weights the results by the number of receivers.
func runProcess(ctx context.Context, s *scenario, plan measure.Plan) ([]measure.Sample, int, error) {
	committer, err := s.sim.Member(0)
	if err != nil {
		return nil, 0, err
	}
	c, err := committer.Commit(ctx, s.now, mls.CommitOptions{})
	if err != nil {
		return nil, 0, err
	}
	path := s.group.Tree.Path
	plan.Time /= time.Duration(len(path))
	mean := make([]measure.Sample, plan.Count)
	for _, level := range path {
		samples, err := s.processAt(ctx, plan, level.First, c.Message)
		if err != nil {
			return nil, 0, err
		}
		weight := float64(level.Receivers) / float64(s.group.Tree.Members-1)
		for i, sample := range samples {
			mean[i].CPU += weight * sample.CPU
			mean[i].Allocs += weight * sample.Allocs
			mean[i].AllocBytes += weight * sample.AllocBytes
		}
	}
	return mean, len(c.Message), nil
}

func (s *scenario) processAt(ctx context.Context, plan measure.Plan, leaf uint32, message []byte) ([]measure.Sample, error) {
	var views []*mls.Group
	return measure.Run(ctx, plan, measure.Operation{
		Prepare: func(n int) (err error) {
			views, err = s.views(leaf, n)
			return err
		},
		Do: func(i int) error {
			_, err := views[i].Process(ctx, s.now, message)
			return err
		},
	})
}

func runJoin(ctx context.Context, s *scenario, plan measure.Plan) ([]measure.Sample, int, error) {
	var joiners []joiner
	samples, err := measure.Run(ctx, plan, measure.Operation{
		Prepare: func(n int) error {
			joiners = make([]joiner, n)
			for i := range joiners {
				var err error
				if joiners[i], err = s.newJoiner(ctx); err != nil {
					return err
				}
			}
			return nil
		},
		Do: func(i int) error {
			c, err := joiners[i].keyPackage.Join(ctx, s.now, joiners[i].welcome, mls.JoinOptions{})
			if err != nil {
				return err
			}
			_, err = c.Adopt()
			return err
		},
	})
	if err != nil {
		return nil, 0, err
	}
	return samples, len(joiners[0].welcome), nil
}

func runKeyPackage(ctx context.Context, s *scenario, plan measure.Plan) ([]measure.Sample, int, error) {
	var kp *mls.OwnKeyPackage
	samples, err := measure.Run(ctx, plan, measure.Operation{
		Do: func(int) (err error) {
			kp, err = mls.NewKeyPackage(ctx, s.now, s.client, mls.KeyPackageOptions{})
			return err
		},
	})
	if err != nil {
		return nil, 0, err
	}
	message, err := message.Marshal(kp.KeyPackage)
	return samples, len(message), err
}

func runEncrypt(ctx context.Context, s *scenario, plan measure.Plan) ([]measure.Sample, int, error) {
	sender, err := s.sim.Member(0)
	if err != nil {
		return nil, 0, err
	}
	var message []byte
	data := make([]byte, payload)
	samples, err := measure.Run(ctx, plan, measure.Operation{
		Do: func(int) (err error) {
			message, err = sender.Encrypt(ctx, s.now, data, nil)
			return err
		},
	})
	return samples, len(message), err
}

func runDecrypt(ctx context.Context, s *scenario, plan measure.Plan) ([]measure.Sample, int, error) {
	sender, err := s.sim.Member(0)
	if err != nil {
		return nil, 0, err
	}
	path := s.group.Tree.Path
	receiver, err := s.sim.Member(message.LeafIndex(path[len(path)-1].First))
	if err != nil {
		return nil, 0, err
	}
	var messages [][]byte
	data := make([]byte, payload)
	samples, err := measure.Run(ctx, plan, measure.Operation{
		Prepare: func(n int) error {
			messages = make([][]byte, n)
			for i := range messages {
				var err error
				if messages[i], err = sender.Encrypt(ctx, s.now, data, nil); err != nil {
					return err
				}
			}
			return nil
		},
		Do: func(i int) error {
			_, err := receiver.Process(ctx, s.now, messages[i])
			return err
		},
	})
	if err != nil {
		return nil, 0, err
	}
	return samples, len(messages[0]), nil
}
