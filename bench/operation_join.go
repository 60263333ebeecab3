package bench

import (
	"context"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// joinOperations are those of clients who enter a group.
func joinOperations() []operation {
	entering := func(s setting) limit.Change { return s.group.Entering(s.shape()) }
	return []operation{
		{name: "join", about: "the one added joins; bytes of the Welcome, which carries the tree", limit: of(limit.Group.Join), start: startJoin},
		{name: "join-tree-outside", about: "the same with the tree beside the Welcome; bytes of the Welcome alone", limit: of(limit.Group.JoinTreeOutside), start: startJoinTreeOutside},
		{name: "keypackage", about: "a client makes a KeyPackage; bytes of it", limit: of(limit.Group.KeyPackage), start: startKeyPackage},
		{
			name: "external-join", about: "a client joins by a commit of its own; bytes of the Commit",
			limit: func(s setting) limit.Cost { return entering(s).Enter() }, start: startExternalJoin,
		},
		{
			name: "process-external", about: "the members process it, in the mean; bytes of the Commit",
			limit: func(s setting) limit.Cost { return entering(s).MeanProcessEnter() }, start: startProcessExternalJoin,
		},
	}
}

func startJoin(ctx context.Context, s *scenario) (*task, error) { return s.join(ctx, false) }

func startJoinTreeOutside(ctx context.Context, s *scenario) (*task, error) { return s.join(ctx, true) }

// join measures a client that leaf 0 adds, up to the candidate: a KeyPackage joins once.
func (s *scenario) join(ctx context.Context, outside bool) (*task, error) {
	kp, err := s.newClient(ctx)
	if err != nil {
		return nil, err
	}
	committer, err := s.view(0)
	if err != nil {
		return nil, err
	}
	c, err := committer.Commit(ctx, s.now, mls.CommitOptions{WithoutTree: outside}, message.Add{KeyPackage: kp.KeyPackage})
	if err != nil {
		return nil, err
	}
	var options mls.JoinOptions
	if outside {
		if options.RatchetTree, err = c.RatchetTree(); err != nil {
			return nil, err
		}
	}
	return joining(ctx, s, kp, c.Welcome, options), nil
}

// joining measures how the owner of a key package joins by a Welcome.
func joining(ctx context.Context, s *scenario, kp *mls.OwnKeyPackage, welcome []byte, options mls.JoinOptions) *task {
	return single(measure.Operation{
		Do: func(int) error {
			c, err := kp.Join(ctx, s.now, welcome, options)
			if err == nil {
				c.Discard()
			}
			return err
		},
	}, lengthOf(welcome))
}

func startKeyPackage(ctx context.Context, s *scenario) (*task, error) {
	var kp *mls.OwnKeyPackage
	return single(measure.Operation{
		Do: func(int) (err error) {
			kp, err = s.newClient(ctx)
			return err
		},
	}, func() (int, error) {
		message, err := message.Marshal(kp.KeyPackage)
		return len(message), err
	}), nil
}

func startExternalJoin(ctx context.Context, s *scenario) (*task, error) {
	info, err := s.groupInfo(ctx)
	if err != nil {
		return nil, err
	}
	return made(func() ([]byte, error) {
		c, err := mls.ExternalJoin(ctx, s.now, s.client, info, mls.ExternalJoinOptions{})
		if err != nil {
			return nil, err
		}
		return c.Message, nil
	}), nil
}

// made measures how a message is made.
func made(do func() ([]byte, error)) *task {
	var message []byte
	return single(measure.Operation{
		Do: func(int) (err error) {
			message, err = do()
			return err
		},
	}, func() (int, error) { return len(message), nil })
}

// groupInfo returns the GroupInfo by which clients join from outside.
func (s *scenario) groupInfo(ctx context.Context) ([]byte, error) {
	member, err := s.view(0)
	if err != nil {
		return nil, err
	}
	return member.GroupInfo(ctx, s.now, true)
}

func startProcessExternalJoin(ctx context.Context, s *scenario) (*task, error) {
	info, err := s.groupInfo(ctx)
	if err != nil {
		return nil, err
	}
	c, err := mls.ExternalJoin(ctx, s.now, s.client, info, mls.ExternalJoinOptions{})
	if err != nil {
		return nil, err
	}
	return s.received(ctx, s.group.Entering(s.shape()).After, c.Message), nil
}
