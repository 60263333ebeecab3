package bench

import (
	"context"
	"fmt"
	"strings"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// payload is the size in bytes of the application messages.
const payload = 1024

// operation is something to measure in a group.
type operation struct {
	name, about string
	limit       func(limit.Group) limit.Cost
	start       func(context.Context, *scenario) (*task, error)
}

// task is an operation that is ready to be measured in one group. Its cost is the sum of
// its parts, each with its weight.
type task struct {
	parts []part
	bytes func() (int, error) // of the message that the operation made or read last
}

type part struct {
	weight float64
	measure.Operation
}

// single returns a task of one part.
func single(op measure.Operation, bytes func() (int, error)) *task {
	return &task{parts: []part{{1, op}}, bytes: bytes}
}

func (o operation) String() string { return o.name }

func operations() []operation {
	return []operation{
		{"commit", "leaf 0 makes a commit that renews its keys; bytes of the Commit", limit.Group.Commit, startCommit},
		{"process", "the others process it, in the mean; bytes of the Commit", limit.Group.MeanProcess, startProcess},
		{"add", "leaf 0 makes a commit without a path that adds one; bytes of Commit and Welcome", limit.Group.Add, startAdd},
		{"join", "the one added joins; bytes of the Welcome, which carries the tree", limit.Group.Join, startJoin},
		{"keypackage", "a client makes a KeyPackage; bytes of it", limit.Group.KeyPackage, startKeyPackage},
		{"encrypt", fmt.Sprintf("leaf 0 encrypts %d bytes to the group; bytes of the message", payload), func(g limit.Group) limit.Cost { return g.Encrypt(payload) }, startEncrypt},
		{"decrypt", "a member decrypts them; bytes of the message", func(g limit.Group) limit.Cost { return g.Decrypt(payload) }, startDecrypt},
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

func startCommit(ctx context.Context, s *scenario) (*task, error) {
	return s.commit(ctx, func(c *mls.Candidate) int { return len(c.Message) }), nil
}

func startAdd(ctx context.Context, s *scenario) (*task, error) {
	kp, err := mls.NewKeyPackage(ctx, s.now, s.client, mls.KeyPackageOptions{})
	if err != nil {
		return nil, err
	}
	return s.commit(ctx, func(c *mls.Candidate) int { return len(c.Message) + len(c.Welcome) }, message.Add{KeyPackage: kp.KeyPackage}), nil
}

// commit measures commits of leaf 0, each as its first message of the epoch.
func (s *scenario) commit(ctx context.Context, size func(*mls.Candidate) int, proposals ...message.Proposal) *task {
	var views []*mls.Group
	var bytes int
	return single(measure.Operation{
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
	}, func() (int, error) { return bytes, nil })
}

// startProcess measures one receiver at each level of leaf 0's path, because the
// receivers of a level do the same work, and weights the results by the number of
// receivers.
func startProcess(ctx context.Context, s *scenario) (*task, error) {
	committer, err := s.sim.Member(0)
	if err != nil {
		return nil, err
	}
	c, err := committer.Commit(ctx, s.now, mls.CommitOptions{})
	if err != nil {
		return nil, err
	}
	t := &task{bytes: func() (int, error) { return len(c.Message), nil }}
	for _, level := range s.group.Tree.Path {
		weight := float64(level.Receivers) / float64(s.group.Tree.Members-1)
		t.parts = append(t.parts, part{weight, s.process(ctx, level.First, c.Message)})
	}
	return t, nil
}

// process measures a member that processes a commit.
func (s *scenario) process(ctx context.Context, leaf uint32, commit []byte) measure.Operation {
	var views []*mls.Group
	return measure.Operation{
		Prepare: func(n int) (err error) {
			views, err = s.views(leaf, n)
			return err
		},
		Do: func(i int) error {
			_, err := views[i].Process(ctx, s.now, commit)
			return err
		},
	}
}

func startJoin(ctx context.Context, s *scenario) (*task, error) {
	var joiners []joiner
	return single(measure.Operation{
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
	}, func() (int, error) { return len(joiners[0].welcome), nil }), nil
}

func startKeyPackage(ctx context.Context, s *scenario) (*task, error) {
	var kp *mls.OwnKeyPackage
	return single(measure.Operation{
		Do: func(int) (err error) {
			kp, err = mls.NewKeyPackage(ctx, s.now, s.client, mls.KeyPackageOptions{})
			return err
		},
	}, func() (int, error) {
		message, err := message.Marshal(kp.KeyPackage)
		return len(message), err
	}), nil
}

func startEncrypt(ctx context.Context, s *scenario) (*task, error) {
	sender, err := s.sim.Member(0)
	if err != nil {
		return nil, err
	}
	var message []byte
	data := make([]byte, payload)
	return single(measure.Operation{
		Do: func(int) (err error) {
			message, err = sender.Encrypt(ctx, s.now, data, nil)
			return err
		},
	}, func() (int, error) { return len(message), nil }), nil
}

func startDecrypt(ctx context.Context, s *scenario) (*task, error) {
	sender, err := s.sim.Member(0)
	if err != nil {
		return nil, err
	}
	path := s.group.Tree.Path
	receiver, err := s.sim.Member(message.LeafIndex(path[len(path)-1].First))
	if err != nil {
		return nil, err
	}
	var messages [][]byte
	data := make([]byte, payload)
	return single(measure.Operation{
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
	}, func() (int, error) { return len(messages[0]), nil }), nil
}
