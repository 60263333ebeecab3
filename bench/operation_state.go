package bench

import (
	"bytes"
	"context"
	"runtime"

	"github.com/mlsuite/mlsuite/bench/limit"
	"github.com/mlsuite/mlsuite/bench/measure"
	"github.com/mlsuite/mlsuite/mls"
)

// stateOperations are those on the state of a group: what a member stores, and what others
// get of it who are no members.
func stateOperations() []operation {
	return []operation{
		{name: "save", about: "leaf 0 saves the whole group; bytes of its records", limit: without, start: startSave},
		{name: "save-epoch", about: "the member nearest to leaf 0 saves what a commit changed; bytes of it", limit: without, start: startSaveEpoch},
		{name: "save-message", about: "a member saves what a message changed that it read; bytes of it", limit: without, start: startSaveMessage},
		{
			name: "restore", about: "leaf 0 restores the group from all that was saved; bytes of its records",
			limit: func(s setting) limit.Cost { return s.group.Restore(s.shape()) }, start: startRestore,
		},
		{name: "groupinfo", about: "leaf 0 makes a GroupInfo with the tree; bytes of it", limit: of(limit.Group.GroupInfo), start: startGroupInfo},
		{name: "follow-from", about: "a delivery service begins to follow from that; bytes of it", limit: of(limit.Group.FollowFrom), start: startFollowFrom},
		{name: "follow", about: "it follows a commit that renews keys; bytes of the Commit", limit: of(limit.Group.Follow), start: startFollow},
	}
}

// sizesOnly are operations of which only the bytes say anything: what somebody keeps.
func sizesOnly() []operation {
	return []operation{
		{name: "follow-save", limit: without, start: startFollowSave},
		{name: "follow-save-epoch", limit: without, start: startFollowSaveEpoch},
		{name: "heap", limit: without, start: startHeap},
		{name: "partial-heap", limit: without, start: startPartialHeap},
	}
}

// deltaSize returns the bytes of the records of a Delta.
func deltaSize(d *mls.Delta) int {
	var sum int
	for _, prefix := range d.Delete {
		sum += len(prefix)
	}
	for _, r := range d.Put {
		sum += len(r.Key) + len(r.Value)
	}
	return sum
}

// saved measures do, which makes a Delta.
func saved(do func() (*mls.Delta, error)) *task {
	var bytes int
	return single(measure.Operation{
		Do: func(int) error {
			d, err := do()
			if err != nil {
				return err
			}
			bytes = deltaSize(d)
			d.Destroy()
			return nil
		},
	}, func() (int, error) { return bytes, nil })
}

func startSave(_ context.Context, s *scenario) (*task, error) {
	member, err := s.view(0)
	if err != nil {
		return nil, err
	}
	return saved(member.Save), nil
}

// store saves a group as a whole.
func store(g *mls.Group) error {
	d, err := g.Save()
	if err != nil {
		return err
	}
	d.Stored()
	d.Destroy()
	return nil
}

// delta measures the first Delta of a group that ready has stored as a whole and then
// changed, which takes the longer the larger the group is.
func (s *scenario) delta(leaf uint32, ready func(*mls.Group) (*mls.Group, error)) *task {
	var bytes int
	op := s.each(leaf, ready, func(g *mls.Group) error {
		d, err := g.Delta()
		if err != nil {
			return err
		}
		bytes = deltaSize(d)
		d.Destroy()
		return nil
	})
	op.Most = max(1, min(op.Most, 10_000/s.group.Tree.Members))
	return single(op, func() (int, error) { return bytes, nil })
}

func startSaveEpoch(ctx context.Context, s *scenario) (*task, error) {
	c, err := s.commitOnce(ctx)
	if err != nil {
		return nil, err
	}
	return s.delta(s.group.Tree.Path[0].First, func(g *mls.Group) (*mls.Group, error) {
		if err := store(g); err != nil {
			return nil, err
		}
		return s.follow(ctx, g, c.Message)
	}), nil
}

// startSaveMessage measures the second message of a sender: the first one opens its ratchet.
func startSaveMessage(ctx context.Context, s *scenario) (*task, error) {
	sender, err := s.view(0)
	if err != nil {
		return nil, err
	}
	var messages [2][]byte
	for i := range messages {
		if messages[i], err = sender.Encrypt(ctx, s.now, make([]byte, s.message), nil); err != nil {
			return nil, err
		}
	}
	return s.delta(s.farthest(), func(g *mls.Group) (*mls.Group, error) {
		if _, err := g.Process(ctx, s.now, messages[0]); err != nil {
			return nil, err
		}
		if err := store(g); err != nil {
			return nil, err
		}
		_, err := g.Process(ctx, s.now, messages[1])
		return g, err
	}), nil
}

// stored returns the whole state of the member at leaf 0, and its size in bytes.
func (s *scenario) stored() (mls.Snapshot, int, error) {
	member, err := s.view(0)
	if err != nil {
		return nil, 0, err
	}
	d, err := member.Save()
	if err != nil {
		return nil, 0, err
	}
	return mls.Snapshot{}.Apply(d), deltaSize(d), nil
}

func startRestore(_ context.Context, s *scenario) (*task, error) {
	state, bytes, err := s.stored()
	if err != nil {
		return nil, err
	}
	return single(measure.Operation{
		Do: func(int) error {
			_, err := mls.RestoreGroup(s.now, s.founder, state)
			return err
		},
	}, func() (int, error) { return bytes, nil }), nil
}

func startGroupInfo(ctx context.Context, s *scenario) (*task, error) {
	member, err := s.view(0)
	if err != nil {
		return nil, err
	}
	return made(func() ([]byte, error) { return member.GroupInfo(ctx, s.now, true) }), nil
}

// watched is the group as a delivery service follows it, and a commit of leaf 0 in public.
type watched struct {
	*mls.PublicGroup
	info, commit []byte
}

// watched returns the group as a delivery service follows it. It makes it once. The member
// at leaf 0 is restored with handshakes in public, for which no other group is needed.
func (s *scenario) watched(ctx context.Context) (*watched, error) {
	if s.watch != nil {
		return s.watch, nil
	}
	state, _, err := s.stored()
	if err != nil {
		return nil, err
	}
	public := s.founder
	public.PublicHandshake = true
	committer, err := mls.RestoreGroup(s.now, public, state)
	if err != nil {
		return nil, err
	}
	w := &watched{}
	if w.info, err = committer.GroupInfo(ctx, s.now, true); err != nil {
		return nil, err
	}
	if w.PublicGroup, err = s.followFrom(ctx, w.info); err != nil {
		return nil, err
	}
	c, err := committer.Commit(ctx, s.now, mls.CommitOptions{})
	if err != nil {
		return nil, err
	}
	w.commit = c.Message
	s.watch = w
	return w, nil
}

func (s *scenario) followFrom(ctx context.Context, info []byte) (*mls.PublicGroup, error) {
	return mls.NewPublicGroup(ctx, s.now, mls.Config{Suites: s.client.Suites}, info, nil)
}

func startFollowFrom(ctx context.Context, s *scenario) (*task, error) {
	w, err := s.watched(ctx)
	if err != nil {
		return nil, err
	}
	return single(measure.Operation{
		Do: func(int) error {
			_, err := s.followFrom(ctx, w.info)
			return err
		},
	}, lengthOf(w.info)), nil
}

func startFollow(ctx context.Context, s *scenario) (*task, error) {
	w, err := s.watched(ctx)
	if err != nil {
		return nil, err
	}
	return single(measure.Operation{
		Do: func(int) error {
			received, err := w.Process(ctx, s.now, w.commit)
			if err == nil {
				received.Commit.Adopt()
			}
			return err
		},
	}, lengthOf(w.commit)), nil
}

func startFollowSave(ctx context.Context, s *scenario) (*task, error) {
	w, err := s.watched(ctx)
	if err != nil {
		return nil, err
	}
	return saved(w.Save), nil
}

// startFollowSaveEpoch saves the next epoch before a member has sent a GroupInfo of it.
func startFollowSaveEpoch(ctx context.Context, s *scenario) (*task, error) {
	w, err := s.watched(ctx)
	if err != nil {
		return nil, err
	}
	d, err := w.Save()
	if err != nil {
		return nil, err
	}
	d.Stored()
	received, err := w.Process(ctx, s.now, w.commit)
	if err != nil {
		return nil, err
	}
	return saved(received.Commit.Adopt().Delta), nil
}

// The groups that the heap of one is measured by: as many as heapRoom bytes of saved states,
// so that what else comes and goes in the heap does not count, but no more than heapCopies.
const (
	heapRoom   = 4 << 20
	heapCopies = 256
)

// startHeap measures how much memory a member's group holds.
func startHeap(_ context.Context, s *scenario) (*task, error) {
	state, size, err := s.stored()
	if err != nil {
		return nil, err
	}
	restore, err := restorer(state, func(own mls.Snapshot) (*mls.Group, error) {
		return mls.RestoreGroup(s.now, s.founder, own)
	})
	return heapOf(min(heapCopies, max(2, heapRoom/size)), restore), err
}

// restorer returns what restores a group from a copy of its saved state.
func restorer[G any](state mls.Snapshot, restore func(mls.Snapshot) (G, error)) (func() (G, error), error) {
	encoded, err := state.Marshal()
	return func() (G, error) {
		own, err := mls.ParseSnapshot(bytes.Clone(encoded))
		if err != nil {
			return *new(G), err
		}
		return restore(own)
	}, err
}

// heapOf measures how much memory a group holds: by the heap that so many of them take,
// restored from a saved state each, which share nothing with each other or with the
// simulation. The keys that all groups have in common, such as tables of a curve, are in
// memory before.
func heapOf[G any](copies int, restore func() (G, error)) *task {
	return &task{bytes: func() (int, error) {
		groups := make([]G, copies)
		if _, err := restore(); err != nil {
			return 0, err
		}
		before := heap()
		for i := range groups {
			var err error
			if groups[i], err = restore(); err != nil {
				return 0, err
			}
		}
		after := heap()
		runtime.KeepAlive(groups)
		return int(max(0, after-before)) / len(groups), nil
	}}
}

// heap returns the bytes of all objects that are in use.
func heap() int64 {
	runtime.GC() // finalizers and cleanups
	runtime.GC() // what they gave up
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
