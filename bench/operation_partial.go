package bench

import (
	"context"

	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// partialOperations are those of a partial member, who does not have the tree, and of those
// who annotate for it (draft-ietf-mls-partial).
func partialOperations() []operation {
	return []operation{
		{name: "partial-join", about: "the one added joins without the tree; bytes of the AnnotatedWelcome", limit: without, start: startPartialJoin},
		{name: "partial-process", about: "it processes a commit that renews keys; bytes of the AnnotatedCommit", limit: without, start: startPartialProcess},
		{name: "partial-save", about: "it saves the group; bytes of its records", limit: without, start: startPartialSave},
		{name: "annotate-join", about: "a service annotates the Welcome for it; bytes of the result", limit: without, start: startAnnotateJoin},
		{name: "annotate", about: "a service annotates a commit for one partial member; bytes of the result", limit: without, start: startAnnotate},
	}
}

// partly is a partial member, whom the member at leaf 0 has added, and a commit of that
// member in the epoch after.
type partly struct {
	*mls.PartialGroup
	keyPackage *mls.OwnKeyPackage
	add        *mls.Candidate // for those who have the tree
	welcome    []byte         // annotated
	commit     *mls.Candidate
	annotated  []byte
}

// partly returns a partial member of the group.
func (s *scenario) partly(ctx context.Context) (*partly, error) {
	p := &partly{}
	var err error
	if p.keyPackage, err = s.newClient(ctx); err != nil {
		return nil, err
	}
	committer, err := s.view(0)
	if err != nil {
		return nil, err
	}
	if p.add, err = committer.Commit(ctx, s.now, mls.CommitOptions{WithoutTree: true}, message.Add{KeyPackage: p.keyPackage.KeyPackage}); err != nil {
		return nil, err
	}
	if p.welcome, err = p.add.AnnotateWelcome(p.add.Welcome, 0, p.add.Added()[0]); err != nil {
		return nil, err
	}
	other, err := s.newClient(ctx) // so that the key package joins again
	if err != nil {
		return nil, err
	}
	second, err := s.view(0)
	if err != nil {
		return nil, err
	}
	add, err := second.Commit(ctx, s.now, mls.CommitOptions{WithoutTree: true}, message.Add{KeyPackage: other.KeyPackage})
	if err != nil {
		return nil, err
	}
	welcome, err := add.AnnotateWelcome(add.Welcome, 0, add.Added()[0])
	if err != nil {
		return nil, err
	}
	joined, err := other.JoinPartial(ctx, s.now, welcome, mls.JoinOptions{})
	if err != nil {
		return nil, err
	}
	if p.PartialGroup, err = joined.Adopt(); err != nil {
		return nil, err
	}
	next, err := add.Adopt()
	if err != nil {
		return nil, err
	}
	if p.commit, err = next.Commit(ctx, s.now, mls.CommitOptions{}); err != nil {
		return nil, err
	}
	p.annotated, err = p.commit.AnnotateCommit(p.commit.Message, p.OwnLeaf())
	return p, err
}

func startPartialJoin(ctx context.Context, s *scenario) (*task, error) {
	p, err := s.partly(ctx)
	if err != nil {
		return nil, err
	}
	return single(measure.Operation{
		Do: func(int) error {
			c, err := p.keyPackage.JoinPartial(ctx, s.now, p.welcome, mls.JoinOptions{})
			if err == nil {
				c.Discard()
			}
			return err
		},
	}, lengthOf(p.welcome)), nil
}

// copies returns what restores the partial member.
func (p *partly) copies(s *scenario) (func() (*mls.PartialGroup, error), error) {
	d, err := p.Save()
	if err != nil {
		return nil, err
	}
	return restorer(mls.Snapshot{}.Apply(d), func(own mls.Snapshot) (*mls.PartialGroup, error) {
		return mls.RestorePartialGroup(s.now, s.client, own)
	})
}

func startPartialProcess(ctx context.Context, s *scenario) (*task, error) {
	p, err := s.partly(ctx)
	if err != nil {
		return nil, err
	}
	restore, err := p.copies(s)
	if err != nil {
		return nil, err
	}
	var groups []*mls.PartialGroup
	return single(measure.Operation{
		Prepare: func(n int) (err error) {
			groups = make([]*mls.PartialGroup, n)
			for i := range groups {
				if groups[i], err = restore(); err != nil {
					return err
				}
			}
			return nil
		},
		Do: func(i int) error {
			_, err := groups[i].ProcessCommit(ctx, s.now, p.annotated)
			return err
		},
	}, lengthOf(p.annotated)), nil
}

func startPartialSave(ctx context.Context, s *scenario) (*task, error) {
	p, err := s.partly(ctx)
	if err != nil {
		return nil, err
	}
	return saved(p.Delta), nil
}

func startAnnotateJoin(ctx context.Context, s *scenario) (*task, error) {
	p, err := s.partly(ctx)
	if err != nil {
		return nil, err
	}
	return made(func() ([]byte, error) { return p.add.AnnotateWelcome(p.add.Welcome, 0, p.add.Added()[0]) }), nil
}

func startAnnotate(ctx context.Context, s *scenario) (*task, error) {
	p, err := s.partly(ctx)
	if err != nil {
		return nil, err
	}
	return made(func() ([]byte, error) { return p.commit.AnnotateCommit(p.commit.Message, p.OwnLeaf()) }), nil
}

// startPartialHeap is startHeap for a partial member.
func startPartialHeap(ctx context.Context, s *scenario) (*task, error) {
	p, err := s.partly(ctx)
	if err != nil {
		return nil, err
	}
	restore, err := p.copies(s)
	if err != nil {
		return nil, err
	}
	return heapOf(heapCopies, restore), nil
}
