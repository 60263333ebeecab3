package client_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/apq"
	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/guard"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// wrongAnnotations is a service that annotates wrongly for some calls.
type wrongAnnotations struct {
	delivery.Annotator
	unreached                        int // proofs that fail first, without a verdict
	commits, proofs, welcomes, trees int // that are wrong from now on
}

// spoil changes an annotation, if it is one of the wrong ones.
func spoil(wrong *int, annotation []byte) []byte {
	if *wrong > 0 && len(annotation) > 0 {
		*wrong--
		annotation[len(annotation)-1] ^= 1
	}
	return annotation
}

func (s *wrongAnnotations) FetchAnnotated(ctx context.Context, of delivery.Stream, leaf uint32, after delivery.Position, limit int) ([]delivery.Entry, error) {
	entries, err := s.Annotator.FetchAnnotated(ctx, of, leaf, after, limit)
	for i := range entries {
		entries[i].Annotation = spoil(&s.commits, entries[i].Annotation)
	}
	return entries, err
}

func (s *wrongAnnotations) MembershipProof(ctx context.Context, group string, epoch uint64, leaf uint32) ([]byte, error) {
	if s.unreached > 0 {
		s.unreached--
		return nil, context.DeadlineExceeded
	}
	proof, err := s.Annotator.MembershipProof(ctx, group, epoch, leaf)
	return spoil(&s.proofs, proof), err
}

func (s *wrongAnnotations) AnnotateWelcome(ctx context.Context, group string, epoch uint64, signatureKey []byte) ([]byte, error) {
	proofs, err := s.Annotator.AnnotateWelcome(ctx, group, epoch, signatureKey)
	return spoil(&s.welcomes, proofs), err
}

func (s *wrongAnnotations) Tree(ctx context.Context, group string, epoch uint64) ([]byte, error) {
	tree, err := s.Annotator.Tree(ctx, group, epoch)
	return spoil(&s.trees, tree), err
}

// deceived returns a group of ann and a phone whose service annotates wrongly.
func deceived(t testing.TB, phoned ...func(*client.Config)) (ann, phone *actor, s *wrongAnnotations, group string) {
	_, ann, _, phone = mixed(t, phoned...)
	s = &wrongAnnotations{}
	phone.delivery = func(inner delivery.Service) delivery.Service {
		s.Annotator = inner.(delivery.Annotator)
		return s
	}
	phone.restart()
	group, err := ann.CreateGroup(ctx, "", []string{"phone"})
	require.NoError(t, err)
	return ann, phone, s, group
}

const always = 1 << 30

// A wrong annotation is refused and leaves the state as it was. The client asks again.
func TestWrongAnnotationsAreAskedForAgain(t *testing.T) {
	ann, phone, s, g := deceived(t)
	s.welcomes = 1
	wrong := new(client.AnnotationError)
	require.ErrorAs(t, phone.Sync(ctx), &wrong)
	require.Equal(t, g, wrong.Group)
	sync(t, phone, ann)
	before := phone.partialAuthenticator(g)

	s.commits = 1
	require.NoError(t, ann.Update(ctx, g))
	for range 2 { // the second time, from what is stored
		s.commits = 1
		err := phone.Sync(ctx)
		require.ErrorAs(t, err, &wrong)
		require.ErrorIs(t, err, message.ErrInvalid)
		require.Equal(t, before, phone.partialAuthenticator(g))
		phone.restart()
	}
	require.NoError(t, phone.Sync(ctx))
	require.Equal(t, ann.authenticator(g), phone.partialAuthenticator(g))

	s.proofs = 1
	_, err := ann.Send(ctx, g, []byte("hello"))
	require.NoError(t, err)
	require.NoError(t, ann.Sync(ctx))
	require.ErrorAs(t, phone.Sync(ctx), &wrong)
	require.Empty(t, phone.texts())
	require.NoError(t, phone.Sync(ctx))
	require.Equal(t, []string{"ann: hello"}, phone.texts())

	s.trees = 1
	require.Error(t, phone.Upgrade(ctx, g))
	require.Equal(t, ann.authenticator(g), phone.partialAuthenticator(g))
	require.NoError(t, phone.Upgrade(ctx, g))
	agree(t, g, ann, phone)
}

// If annotations stay wrong, a client gives the group up, or becomes a full member.
func TestAnnotationsThatStayWrong(t *testing.T) {
	for name, c := range map[string]struct {
		change  []func(*client.Config)
		upgrade bool
	}{
		"without upgrades": {[]func(*client.Config){func(cfg *client.Config) { cfg.Recovery = client.RecoverManually }}, false},
		"with upgrades":    {[]func(*client.Config){upgrading}, true},
	} {
		t.Run(name, func(t *testing.T) {
			ann, phone, s, g := deceived(t, c.change...)
			sync(t, phone, ann)
			s.commits = always
			require.NoError(t, ann.Update(ctx, g))
			var err error
			for range 3 {
				err = phone.Sync(ctx)
			}
			if c.upgrade {
				require.NoError(t, err)
				agree(t, g, ann, phone)
				return
			}
			trouble := new(client.TroubleError)
			require.ErrorAs(t, err, &trouble)
			require.Equal(t, client.Unreadable, trouble.Trouble)
			require.NoError(t, phone.Resync(ctx, g))
			sync(t, ann, phone)
			agree(t, g, ann, phone)
		})
	}
}

// A message whose sender the service does not prove is passed over.
func TestProofsThatStayWrong(t *testing.T) {
	ann, phone, s, g := deceived(t)
	sync(t, phone, ann)
	s.proofs = always
	_, err := ann.Send(ctx, g, []byte("hello"))
	require.NoError(t, err)
	require.NoError(t, ann.Sync(ctx))
	for range 2 {
		require.Error(t, phone.Sync(ctx))
	}
	require.NoError(t, phone.Sync(ctx))
	events := phone.events()
	require.Empty(t, of[*client.Message](events))
	require.Len(t, of[*client.Refused](events), 1)
	s.proofs = 0
	_, err = ann.Send(ctx, g, []byte("again"))
	require.NoError(t, err)
	sync(t, ann, phone)
	require.Equal(t, []string{"ann: again"}, phone.texts())
}

// A member is no stranger to a partial member because its proof could not be asked for.
func TestProofThatIsNotReached(t *testing.T) {
	ann, phone, s, g := deceived(t, func(cfg *client.Config) { cfg.Recovery = client.RecoverByAdd })
	bob := ann.w.actors["bob"]
	require.NoError(t, ann.Add(ctx, g, "bob"))
	sync(t, ann, phone, bob)
	require.NoError(t, bob.Update(ctx, g))
	entries := ann.w.server.Entries(delivery.Stream{Group: g})
	ann.w.server.Drop(entries[len(entries)-1].Position)
	trouble := new(client.TroubleError)
	require.ErrorAs(t, phone.Sync(ctx), &trouble)
	require.Equal(t, client.Gap, trouble.Trouble)
	s.unreached = 2
	require.NoError(t, bob.Replace(ctx, g, "phone")) // which has not met Bob
	settle(t, phone)
	require.Zero(t, s.unreached)
	require.Empty(t, of[*client.Refused](phone.events()))
	require.Equal(t, bob.authenticator(g), phone.partialAuthenticator(g))
}

// Where a client cannot be a partial member, it is a full one if it may.
func TestFullMembersInstead(t *testing.T) {
	forbidden := errors.New("no partial members")
	forbids := func(cfg *client.Config) {
		cfg.MLS.Policy = suite.PolicyFunc(func(q suite.Question) error {
			if m, ok := q.Subject.(suite.MemberInfo); ok && m.View == suite.ViewPartial {
				return forbidden
			}
			return nil
		})
	}
	for name, c := range map[string]struct {
		change func(*client.Config)
		wrong  bool
	}{
		"a policy":          {forbids, false},
		"a small group":     {func(cfg *client.Config) { cfg.Partial.Leaves = 4 }, false},
		"wrong annotations": {func(*client.Config) {}, true},
	} {
		t.Run(name, func(t *testing.T) {
			ann, phone, s, g := deceived(t, upgrading, c.change)
			if c.wrong {
				s.welcomes = always
			}
			for range 3 {
				_ = phone.Sync(ctx)
			}
			sync(t, phone, ann)
			agree(t, g, ann, phone)
			require.NoError(t, phone.Update(ctx, g))
		})
	}
	refuses := func(cfg *client.Config) {
		cfg.Accept = func(context.Context, *mls.Candidate, string) error { return nil }
		cfg.Partial.Accept = func(_ context.Context, group *mls.PartialCandidate, from string) error {
			require.Equal(t, uint64(1), group.GroupContext().Epoch)
			require.Equal(t, "ann", from)
			return forbidden
		}
	}
	for _, change := range []func(*client.Config){forbids, refuses} {
		ann, phone, _, g := deceived(t, change)
		requireWelcomeRefused(t, forbidden, g, phone, ann)
	}
}

func requireWelcomeRefused(t testing.TB, why error, g string, phone, ann *actor) {
	sync(t, ann, phone)
	refused := of[*client.Refused](phone.events())
	require.Len(t, refused, 1)
	require.Contains(t, refused[0].Why, why.Error())
	_, err := phone.Group(g)
	require.ErrorIs(t, err, client.ErrNoGroup)
}

// A policy that comes to forbid partial members is no longer followed as one: the client says
// so, and can join anew.
func TestPoliciesThatComeToForbidPartialMembers(t *testing.T) {
	ann, phone, _, g := deceived(t)
	sync(t, phone, ann)
	phone.cfg.MLS.Policy = suite.PolicyFunc(func(q suite.Question) error {
		if m, ok := q.Subject.(suite.MemberInfo); ok && m.View == suite.ViewPartial {
			return errors.New("no partial members")
		}
		return nil
	})
	phone.restart()
	require.NoError(t, ann.Update(ctx, g))
	trouble := new(client.TroubleError)
	require.ErrorAs(t, phone.Sync(ctx), &trouble)
	require.Equal(t, client.Refuses, trouble.Trouble)
	require.NoError(t, phone.Resync(ctx, g))
	sync(t, ann, phone)
	agree(t, g, ann, phone)
}

// A partial member that is further behind than the guard keeps epochs, or in a group whose
// handshakes are private, says so.
func TestUnannotatedGroups(t *testing.T) {
	w, ann, _, phone := mixed(t)
	w.guarded(func(cfg *guard.Config) { cfg.Annotated = 1 })
	for _, a := range []*actor{ann, phone} {
		a.restart()
	}
	g, err := ann.CreateGroup(ctx, "", []string{"phone"})
	require.NoError(t, err)
	sync(t, ann, phone)
	bob := w.actor("bob", inPublic)
	require.NoError(t, bob.Sync(ctx))
	require.NoError(t, ann.Add(ctx, g, "bob"))
	sync(t, ann, bob)
	for range 3 {
		require.NoError(t, bob.Update(ctx, g))
	}
	trouble := new(client.TroubleError)
	require.ErrorAs(t, phone.Sync(ctx), &trouble) // nothing proves who Bob is, who has signed the GroupInfo
	require.Equal(t, client.Unannotated, trouble.Trouble)
	require.NoError(t, ann.Sync(ctx))
	require.NoError(t, ann.Update(ctx, g))
	sync(t, phone, ann, bob) // Ann is known: she has welcomed the phone
	agree(t, g, ann, bob, phone)

	g, err = ann.CreateGroup(ctx, "", []string{"phone"}) // the same, without commits from outside
	require.NoError(t, err)
	phone.cfg.Recovery = client.RecoverByAdd
	phone.restart()
	sync(t, ann, phone)
	for range 3 {
		require.NoError(t, ann.Update(ctx, g))
	}
	require.ErrorAs(t, phone.Sync(ctx), &trouble)
	require.NoError(t, ann.Replace(ctx, g, "phone"))
	sync(t, phone, ann)
	require.Equal(t, ann.authenticator(g), phone.partialAuthenticator(g))
	require.Len(t, of[*client.Recovered](phone.events()), 2)

	private := w.actor("private")
	require.NoError(t, private.Sync(ctx))
	_, err = private.CreateGroup(ctx, "private", []string{"phone"})
	require.NoError(t, err)
	for range 17 {
		_ = phone.Sync(ctx)
	}
	require.NoError(t, phone.Sync(ctx))
	require.Len(t, of[*client.Refused](phone.events()), 1)
}

// A group that moves to another suite takes partial members along as full ones.
func TestPartialMembersMove(t *testing.T) {
	_, ann, _, phone := mixed(t, withHybrid, upgrading)
	withHybrid(&ann.cfg)
	ann.restart()
	g, err := ann.CreateGroup(ctx, "", []string{"phone"})
	require.NoError(t, err)
	sync(t, ann, phone)
	next, err := ann.Move(ctx, g, hybrid)
	require.NoError(t, err)
	sync(t, phone, ann)
	_, err = phone.Group(g)
	require.ErrorIs(t, err, client.ErrNoGroup)
	agree(t, next, ann, phone)
	require.NotEmpty(t, of[*client.Moved](phone.events()))

	g, err = ann.CreateGroup(ctx, "", []string{"phone"})
	require.NoError(t, err)
	sync(t, ann, phone)
	within(t, func() error { _, err := phone.Move(ctx, g, hybrid); return err }, ann)
}

// A client that is to be a partial member needs a service that annotates, and a judge of what
// it joins if it has one for full members.
func TestPartialConfig(t *testing.T) {
	w := newWorld(t)
	a := w.actor("ann")
	cfg := a.cfg
	cfg.Partial = &client.Partial{}
	_, err := client.Open(ctx, cfg)
	require.ErrorContains(t, err, "delivery.Annotator")
	w.guarded()
	cfg.Delivery = w.service("ann")
	cfg.Accept = func(context.Context, *mls.Candidate, string) error { return nil }
	_, err = client.Open(ctx, cfg)
	require.ErrorContains(t, err, "Config.Partial.Accept")
}

// provesWelcomes is a service that has proofs for a Welcome which a guard would not have.
type provesWelcomes struct {
	delivery.Annotator
	proofs []byte
}

func (s *provesWelcomes) AnnotateWelcome(context.Context, string, uint64, []byte) ([]byte, error) {
	return s.proofs, nil
}

// A pair has no partial members, whatever a service proves: a Welcome to its T group alone is
// half an invitation.
func TestHalfAnInvitationToAPartialMember(t *testing.T) {
	w, _, _, phone := mixed(t, inPairs)
	s := &provesWelcomes{}
	phone.delivery = func(inner delivery.Service) delivery.Service {
		s.Annotator = inner.(delivery.Annotator)
		return s
	}
	phone.restart()
	require.NoError(t, phone.Sync(ctx))
	mallory := w.server.Client("mallory")
	claimed, err := mallory.Claim(ctx, "phone", classic)
	require.NoError(t, err)
	m, err := message.Parse[message.Message](claimed)
	require.NoError(t, err)
	own, err := all.Registry().Suite(classic)
	require.NoError(t, err)
	signer, err := own.GenerateSigner()
	require.NoError(t, err)
	pair, err := apq.Create(ctx, now(), bothConfig(mls.Config{
		Suites: all.Registry(), Credential: message.BasicCredential([]byte("mallory")), Signer: signer,
	}), apq.CreateOptions{TGroupID: []byte("g")})
	require.NoError(t, err)
	c, err := pair.T().Commit(ctx, now(), mls.CommitOptions{WithoutTree: true}, message.Add{KeyPackage: m.KeyPackage})
	require.NoError(t, err)
	annotated, err := c.AnnotateWelcome(c.Welcome, 0, 1)
	require.NoError(t, err)
	s.proofs = annotated[len(c.Welcome)-4:] // behind the Welcome, whose MLSMessage has 4 bytes more
	_, err = mallory.Submit(ctx, delivery.Submission{
		ID:       "half",
		Commits:  []delivery.Commit{{Group: "g", Epoch: 0, Message: c.Message}},
		Welcomes: []delivery.Welcome{{Clients: []string{"phone"}, Group: "g", Message: c.Welcome}},
	})
	require.NoError(t, err)
	require.NoError(t, phone.Sync(ctx))
	refused := of[*client.Refused](phone.events())
	require.Len(t, refused, 1)
	require.Contains(t, refused[0].Why, "one group of a pair alone")
	_, err = phone.Group("g")
	require.ErrorIs(t, err, client.ErrNoGroup)
}
