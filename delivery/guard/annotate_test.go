package guard

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/store"
)

// annotator returns the service of a client as partial members use it.
func (w *world) annotator(name string) delivery.Annotator {
	return w.service(name).(delivery.Annotator)
}

// joinPartially lets m add a joiner, and the joiner enter by what the guard says of the
// Welcome.
func (m *member) joinPartially(name string) *phone {
	m.w.t.Helper()
	t := m.w.t
	joiner := m.w.member(name, m.cfg.Suite, true)
	kp, err := mls.NewKeyPackage(t.Context(), noon, joiner.cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	c, err := m.group.Commit(t.Context(), noon, mls.CommitOptions{WithoutTree: true}, message.Add{KeyPackage: kp.KeyPackage})
	require.NoError(t, err)
	s := m.submission(c, m.group.Epoch())
	s.Commits[0].Tree = nil
	group := string(m.group.GroupID())
	s.Welcomes = []delivery.Welcome{{Clients: []string{name}, Group: group, Message: c.Welcome}}
	require.NoError(t, m.submit(s))

	service := m.w.annotator(name)
	inbox, err := service.FetchAnnotated(t.Context(), delivery.Stream{Client: name}, 0, 0, 0)
	require.NoError(t, err)
	require.Len(t, inbox, 1)
	require.Empty(t, inbox[0].Tree)
	parsed, err := message.Parse[message.Message](inbox[0].Message)
	require.NoError(t, err)
	welcome, err := message.Marshal(parsed.Welcome)
	require.NoError(t, err)
	proofs, err := service.AnnotateWelcome(t.Context(), group, inbox[0].Epoch, kp.KeyPackage.LeafNode.SignatureKey)
	require.NoError(t, err)
	candidate, err := kp.JoinPartial(t.Context(), noon, append(welcome, proofs...), mls.JoinOptions{})
	require.NoError(t, err)
	p := &phone{member: joiner, service: service, id: group, at: inbox[0].Position}
	p.group, err = candidate.Adopt()
	require.NoError(t, err)
	return p
}

// phone is a partial member.
type phone struct {
	*member
	group   *mls.PartialGroup
	service delivery.Annotator
	id      string
	at      delivery.Position
}

// follow reads the stream to its end. It returns what was sent.
func (p *phone) follow() (texts []string, err error) {
	t := p.w.t
	for {
		entries, err := p.service.FetchAnnotated(t.Context(), delivery.Stream{Group: p.id}, uint32(p.group.OwnLeaf()), p.at, 2)
		if err != nil || len(entries) == 0 {
			return texts, err
		}
		for _, e := range entries {
			p.at = e.Position
			if e.Kind == delivery.KindCommit {
				next, err := p.group.ProcessCommit(t.Context(), noon, append(e.Message, e.Annotation...))
				require.NoError(t, err)
				if p.group, err = next.Adopt(); err != nil {
					return texts, err
				}
				continue
			}
			sender, err := p.group.Sender(e.Message)
			require.NoError(t, err)
			proof, err := p.service.MembershipProof(t.Context(), p.id, e.Epoch, uint32(sender))
			if err != nil {
				return texts, err
			}
			r, err := p.group.Process(t.Context(), noon, append(e.Message, proof...))
			require.NoError(t, err)
			if r.Application != nil {
				texts = append(texts, string(r.Application.Data))
			}
		}
	}
}

// A guard annotates the Welcome, the commits and the messages of a group with public
// handshakes, and hands out the tree of each epoch that it keeps. A Welcome that comes without
// the tree gets it.
func TestAnnotations(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.NameOf, c.Annotated = basicName, 2 })
	ann, bob := w.member("ann", 1, true), w.member("bob", 1, true)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	p := ann.joinPartially("phone")
	require.Equal(t, 4, p.group.Leaves())
	stored := w.server.Entries(delivery.Stream{Client: "phone"})
	tree, err := ann.group.RatchetTree()
	require.NoError(t, err)
	require.Equal(t, tree, stored[0].Tree)

	for _, text := range []string{"one", "two"} {
		require.NoError(t, ann.submit(ann.commit()))
		ann.say(text)
	}
	texts, err := p.follow()
	require.NoError(t, err)
	require.Equal(t, []string{"one", "two"}, texts)
	ours, err := ann.group.EpochAuthenticator()
	require.NoError(t, err)
	theirs, err := p.group.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, ours, theirs)

	got, err := p.service.Tree(t.Context(), "g", ann.group.Epoch())
	require.NoError(t, err)
	tree, err = ann.group.RatchetTree()
	require.NoError(t, err)
	require.Equal(t, tree, got)
	for epoch := range uint64(3) {
		_, err = p.service.Tree(t.Context(), "g", epoch)
		require.ErrorIs(t, err, delivery.ErrUnseen, "epoch %d", epoch)
	}
	_, err = p.service.Tree(t.Context(), "g", ann.group.Epoch()+1)
	require.ErrorIs(t, err, delivery.ErrUnseen)
	_, err = p.service.MembershipProof(t.Context(), "g", ann.group.Epoch(), 3)
	w.requireRefused(err, "a proof is of a member")
	_, err = p.service.AnnotateWelcome(t.Context(), "g", ann.group.Epoch(), bob.cfg.Signer.PublicKey())
	w.requireRefused(err, "a Welcome is annotated for one who has joined by it")

	behind := *p
	for range 4 {
		require.NoError(t, ann.submit(ann.commit()))
	}
	_, err = behind.follow()
	require.ErrorIs(t, err, delivery.ErrUnseen)
}

// A guard that was started again goes back to the epochs in which partial members are, as far
// as it keeps epochs and the service has what happened since.
func TestAnnotationsAfterARestart(t *testing.T) {
	for _, c := range []struct {
		name                      string
		annotated, behind, follow int
		dropped                   bool
		want                      error
	}{
		{name: "at the last epoch", annotated: 4, follow: 2},
		{name: "behind", annotated: 4, behind: 4, follow: 1},
		{name: "behind, and nothing comes", annotated: 4, behind: 3},
		{name: "too far behind", annotated: 4, behind: 9, want: delivery.ErrUnseen},
		{name: "entries are gone", annotated: 4, behind: 3, dropped: true, want: delivery.ErrUnseen},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, func(cfg *Config) { cfg.Annotated = c.annotated })
			ann := w.member("ann", 1, true)
			require.NoError(t, ann.begin("g"))
			for i := range 5 {
				ann.add(w.member(fmt.Sprint("member ", i), 1, true))
			}
			p := ann.joinPartially("phone")
			for i := range c.behind {
				ann.say(fmt.Sprint("text ", i))
				require.NoError(t, ann.submit(ann.commit(ann.replacement(message.LeafIndex(1+i%5), i)...)))
			}
			if c.dropped {
				w.server.Drop(p.at + 1)
				p.at++ // what the phone has read
			}
			w.restart()
			p.service = w.annotator("phone")
			for range c.follow {
				require.NoError(t, ann.submit(ann.commit()))
			}
			texts, err := p.follow()
			if c.want != nil {
				require.ErrorIs(t, err, c.want)
				return
			}
			require.NoError(t, err)
			require.Len(t, texts, c.behind)
			require.Equal(t, ann.group.Epoch(), p.group.GroupContext().Epoch)
			require.LessOrEqual(t, w.points("g"), maxPast*c.annotated)
		})
	}
}

// replacement is a Remove of a member and an Add of another one, which change many nodes.
func (m *member) replacement(leaf message.LeafIndex, number int) []message.Proposal {
	m.w.t.Helper()
	joiner := m.w.member(fmt.Sprint("new ", number), 1, true)
	kp, err := mls.NewKeyPackage(m.w.t.Context(), noon, joiner.cfg, mls.KeyPackageOptions{})
	require.NoError(m.w.t, err)
	return []message.Proposal{message.Remove{Removed: leaf}, message.Add{KeyPackage: kp.KeyPackage}}
}

// points returns to how many states the store can go back.
func (w *world) points(group string) (n int) {
	require.NoError(w.t, w.guard.cfg.Store.View(w.t.Context(), func(r store.Reader) error {
		f := &followed{}
		err := f.readPast(r, group)
		n = len(f.past)
		return err
	}))
	return n
}

// A partial member reads the commit that removes it, and nothing of later epochs.
func TestAnnotationsForRemovedMembers(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.NameOf = basicName })
	ann := w.member("ann", 1, true)
	require.NoError(t, ann.begin("g"))
	p := ann.joinPartially("phone")
	joined := ann.group.Epoch()
	require.NoError(t, ann.submit(ann.commit(message.Remove{Removed: p.group.OwnLeaf()})))
	_, err := p.follow()
	require.ErrorIs(t, err, mls.ErrRemoved)
	_, err = p.service.MembershipProof(t.Context(), "g", joined, 0)
	require.NoError(t, err)
	for _, epoch := range []uint64{joined + 1, joined + 2} {
		_, err = p.service.MembershipProof(t.Context(), "g", epoch, 0)
		require.Error(t, err)
	}
	_, err = p.service.Tree(t.Context(), "g", joined+1)
	require.ErrorIs(t, err, delivery.ErrNoGroup)
}

// A guard does not annotate what it does not see.
func TestPrivateHandshakesAreNotAnnotated(t *testing.T) {
	w := newWorld(t, nil)
	ann, bob := w.member("ann", 1, false), w.member("bob", 1, false)
	require.NoError(t, ann.begin("g"))
	ann.add(bob)
	require.NoError(t, ann.submit(ann.commit()))
	service := w.annotator("bob")
	_, err := service.FetchAnnotated(t.Context(), delivery.Stream{Group: "g"}, 1, 0, 0)
	require.ErrorIs(t, err, delivery.ErrUnseen)
	_, err = service.AnnotateWelcome(t.Context(), "g", 2, bob.cfg.Signer.PublicKey())
	require.ErrorIs(t, err, delivery.ErrUnseen)
	_, err = service.MembershipProof(t.Context(), "g", 2, 0)
	require.ErrorIs(t, err, delivery.ErrUnseen)
	_, err = service.Tree(t.Context(), "g", 2)
	require.ErrorIs(t, err, delivery.ErrUnseen)
}
