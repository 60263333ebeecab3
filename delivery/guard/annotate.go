package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
)

// sight is an epoch of which the guard has the tree, with the commit that began it.
type sight struct {
	public *mls.PublicGroup
	by     *mls.PublicCandidate // nil if the guard begins to follow with the epoch
	began  delivery.Position    // at which the stream begins it, or a later one that was read
}

// enter moves the group to an epoch that by begins at the group's position, or with which the
// guard begins.
func (f *followed) enter(g *Guard, next *mls.PublicGroup, by *mls.PublicCandidate) {
	f.public = next
	if by == nil {
		f.seen = nil
	}
	f.seen = append(f.seen, sight{next, by, f.position})
	if extra := len(f.seen) - 1 - orElse(g.cfg.Annotated, 64); extra > 0 {
		f.seen = slices.Delete(f.seen, 0, extra)
	}
}

// sight returns an epoch that can be annotated, or nil. The error says that nobody knows.
func (g *Guard) sight(ctx context.Context, group string, f *followed, epoch uint64) (*sight, error) {
	if len(f.seen) == 0 {
		return nil, nil
	}
	if first := &f.seen[0]; epoch <= first.public.Epoch() && first.by == nil {
		if err := g.recall(ctx, group, f); err != nil {
			return nil, err
		}
	}
	first := f.seen[0].public.Epoch()
	if epoch < first || epoch-first >= uint64(len(f.seen)) {
		return nil, nil
	}
	return &f.seen[epoch-first], nil
}

// look calls f with a group as the stream has it.
func (s *guarded) look(ctx context.Context, group string, f func(*followed) error) error {
	release, err := s.guard.take(ctx, group)
	if err != nil {
		return err
	}
	defer release()
	followed, err := s.guard.follow(ctx, group)
	if err != nil {
		return err
	}
	if followed.public == nil || followed.partner != "" {
		return fmt.Errorf("%w: handshakes are private, or the group is one of a pair or lost", delivery.ErrUnseen)
	}
	return f(followed)
}

// lookAt is look for one epoch. As far as names say, whoever was removed sees what came before
// that, and somebody else who may not join sees nothing.
func (s *guarded) lookAt(ctx context.Context, group string, epoch uint64, f func(*sight) error) error {
	return s.look(ctx, group, func(followed *followed) error {
		end, left, err := s.guard.hasLeft(ctx, group, s.Client())
		if err != nil {
			return err
		}
		if !left {
			if err := s.guard.checkJoins(ctx, followed, group, s.Client()); err != nil {
				return s.refuse(ctx, group, ruleJoins, err)
			}
		}
		switch at, err := s.guard.sight(ctx, group, followed, epoch); {
		case err != nil:
			return err
		case at == nil:
			return fmt.Errorf("%w: epoch %d, the group is in %d", delivery.ErrUnseen, epoch, followed.public.Epoch())
		case left && at.began >= end:
			return delivery.ErrNoGroup
		default:
			return f(at)
		}
	})
}

// FetchAnnotated implements [delivery.Annotator].
func (s *guarded) FetchAnnotated(ctx context.Context, of delivery.Stream, leaf uint32, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := s.readable(ctx, of, func() ([]delivery.Entry, error) { return s.fetchWithoutTrees(ctx, of, after, limit) })
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(entries, isCommit) {
		return entries, nil
	}
	done := 0
	err = s.look(ctx, of.Group, func(f *followed) error {
		for ; done < len(entries); done++ {
			if err := s.guard.annotate(ctx, f, &entries[done], message.LeafIndex(leaf)); err != nil {
				return err
			}
		}
		return nil
	})
	if done > 0 && errors.Is(err, delivery.ErrUnseen) {
		return entries[:done], nil
	}
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// treeless is what a Service has if it can return entries without loading their trees.
type treeless interface {
	FetchWithoutTrees(ctx context.Context, s delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error)
}

func (s *guarded) fetchWithoutTrees(ctx context.Context, of delivery.Stream, after delivery.Position, limit int) ([]delivery.Entry, error) {
	if inner, ok := s.Service.(treeless); ok {
		return inner.FetchWithoutTrees(ctx, of, after, limit)
	}
	entries, err := s.Service.Fetch(ctx, of, after, limit)
	for i := range entries {
		entries[i].Tree = nil
	}
	return entries, err
}

func isCommit(e delivery.Entry) bool { return e.Kind == delivery.KindCommit }

// annotate annotates an entry for the member at a leaf. A commit of before the member joined,
// or of the member itself, stays as it is.
func (g *Guard) annotate(ctx context.Context, f *followed, e *delivery.Entry, leaf message.LeafIndex) error {
	if !isCommit(*e) {
		return nil
	}
	at, err := g.sight(ctx, e.Group, f, e.Epoch+1)
	if err != nil {
		return err
	}
	if at == nil || at.by == nil {
		return fmt.Errorf("%w: commit of epoch %d", delivery.ErrUnseen, e.Epoch)
	}
	annotated, err := at.by.AnnotateCommit(e.Message, leaf)
	if errors.Is(err, message.ErrInvalid) {
		return nil
	}
	if err != nil {
		return err
	}
	annotation, whole := bytes.CutPrefix(annotated, e.Message)
	if !whole {
		return errors.New("guard: an annotated commit does not begin with the commit")
	}
	e.Annotation = annotation
	return nil
}

// AnnotateWelcome implements [delivery.Annotator].
func (s *guarded) AnnotateWelcome(ctx context.Context, group string, epoch uint64, signatureKey []byte) (annotation []byte, err error) {
	err = s.lookAt(ctx, group, epoch, func(at *sight) error {
		signer, ok := at.signer()
		if !ok {
			return fmt.Errorf("%w: who signed the Welcome of epoch %d", delivery.ErrUnseen, epoch)
		}
		joiner, ok := at.joiner(signatureKey)
		if !ok {
			return s.refuse(ctx, group, "a Welcome is annotated for one who has joined by it", nil)
		}
		for _, leaf := range []message.LeafIndex{signer, joiner} {
			proof, err := at.public.MembershipProof(leaf)
			if err != nil {
				return err
			}
			annotation = append(annotation, proof...)
		}
		return nil
	})
	return annotation, err
}

// signer returns who has signed the GroupInfo of the epoch's Welcome: the committer.
func (s *sight) signer() (message.LeafIndex, bool) {
	if s.by != nil {
		committer := s.by.Committer()
		return committer.Leaf, committer.Type == message.SenderMember
	}
	m, err := message.Parse[message.Message](s.public.GroupInfo())
	if err != nil || m.GroupInfo == nil {
		return 0, false
	}
	return m.GroupInfo.Signer, true
}

// joiner returns the leaf that has entered with a signature key.
func (s *sight) joiner(signatureKey []byte) (message.LeafIndex, bool) {
	if s.by != nil {
		for _, leaf := range s.by.Added() {
			if bytes.Equal(s.public.Leaf(leaf).SignatureKey, signatureKey) {
				return leaf, true
			}
		}
		return 0, false
	}
	for leaf, node := range s.public.Members() { // of a group that the guard begins with
		if bytes.Equal(node.SignatureKey, signatureKey) {
			return leaf, true
		}
	}
	return 0, false
}

// MembershipProof implements [delivery.Annotator].
func (s *guarded) MembershipProof(ctx context.Context, group string, epoch uint64, leaf uint32) (proof []byte, err error) {
	err = s.lookAt(ctx, group, epoch, func(at *sight) error {
		proof, err = at.public.MembershipProof(message.LeafIndex(leaf))
		if errors.Is(err, message.ErrInvalid) {
			return s.refuse(ctx, group, "a proof is of a member", err)
		}
		return err
	})
	return proof, err
}

// Tree implements [delivery.Annotator].
func (s *guarded) Tree(ctx context.Context, group string, epoch uint64) (tree []byte, err error) {
	if err := s.guard.allow(s.Client(), "group infos", s.guard.cfg.Limits.Joins, 1); err != nil {
		return nil, err
	}
	err = s.lookAt(ctx, group, epoch, func(at *sight) error {
		tree, err = at.public.RatchetTree()
		return err
	})
	return tree, err
}

// addTrees gives the Welcomes of a submission the trees that they are without, and, where the
// service keeps the trees, its commits.
func (s *guarded) addTrees(sub *delivery.Submission, commits []leg, next []*followed) error {
	trees := make([][]byte, len(next))
	treeOf := func(i int) (tree []byte, err error) { // which takes O(n)
		if trees[i] == nil {
			trees[i], err = next[i].checked.next.RatchetTree()
		}
		return trees[i], err
	}
	if s.guard.cfg.KeepTrees {
		sub.Commits = slices.Clone(sub.Commits)
		for i := range sub.Commits {
			c := &sub.Commits[i]
			if len(c.GroupInfo) == 0 || len(c.Tree) > 0 || next[i].checked.next == nil {
				continue
			}
			tree, err := treeOf(i)
			if err != nil {
				return err
			}
			if !bytes.Contains(c.GroupInfo, tree) { // else it is inside
				c.Tree = tree
			}
		}
	}
	sub.Welcomes = slices.Clone(sub.Welcomes)
	for i := range sub.Welcomes {
		w := &sub.Welcomes[i]
		for j, f := range next {
			if commits[j].Group != w.Group || len(w.Tree) > 0 || f.checked.next == nil || s.guard.isPair(w.Message) {
				continue
			}
			tree, err := treeOf(j)
			if err != nil {
				return err
			}
			if len(w.Message) < len(tree) { // else it may be inside, where nobody can see it
				w.Tree = tree
			}
		}
	}
	return nil
}
