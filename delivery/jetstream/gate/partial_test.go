package gate

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/client"
	"github.com/mlsuite/mlsuite/delivery"
	"github.com/mlsuite/mlsuite/delivery/guard"
	service "github.com/mlsuite/mlsuite/delivery/jetstream"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/registry/all"
	storememory "github.com/mlsuite/mlsuite/store/memory"
)

// guarded puts a guard before the service behind the gates.
func (d *deployment) guarded(change ...func(*guard.Config)) {
	for _, g := range d.gates {
		require.NoError(d.t, g.Close())
	}
	nc := d.conn("gate")
	own, err := service.Connect(d.t.Context(), nc, "guard")
	require.NoError(d.t, err)
	disk, err := storememory.NewDisk().Open()
	require.NoError(d.t, err)
	cfg := guard.Config{
		MLS: mls.Config{Suites: all.Registry()}, Service: own, Store: disk,
		NameOf: func(c message.Credential) (string, error) {
			name, _ := c.Identity()
			return string(name), nil
		},
	}
	for _, f := range change {
		f(&cfg)
	}
	watching, err := guard.New(cfg)
	require.NoError(d.t, err)
	d.gates = []*Gate{d.gate(Config{Service: func(ctx context.Context, name string) (delivery.Service, error) {
		s, err := service.Connect(ctx, nc, name)
		if err != nil {
			return nil, err
		}
		return watching.Service(s), nil
	}})}
}

// member opens a client behind a gate.
func (d *deployment) member(name string, partial *client.Partial) *client.Client {
	s, err := all.Registry().Suite(1)
	require.NoError(d.t, err)
	signer, err := s.GenerateSigner()
	require.NoError(d.t, err)
	disk, err := storememory.NewDisk().Open()
	require.NoError(d.t, err)
	c, err := client.Open(d.t.Context(), client.Config{
		MLS: mls.Config{
			Suites: all.Registry(), Suite: 1, Signer: signer, Credential: message.BasicCredential([]byte(name)), PublicHandshake: true,
		},
		Store: disk, Delivery: d.Client(name), TreeAtService: true, Partial: partial,
		KeyPackages: client.KeyPackages{Count: 2},
		Schedule:    client.Schedule{Renew: -1, RenewMessages: -1, Commit: time.Nanosecond, Check: -1, TakeOver: -1, Backoff: time.Millisecond, MaxBackoff: time.Millisecond},
	})
	require.NoError(d.t, err)
	require.NoError(d.t, c.Sync(d.t.Context()))
	return c
}

// A partial member behind a gate joins, talks, follows, and becomes a full member. Without a
// guard, nothing is annotated.
func TestPartialMembers(t *testing.T) {
	d := deploy(t, "ann", "bob", "phone")
	unguarded := d.Client("phone").(delivery.Annotator)
	_, err := unguarded.FetchAnnotated(t.Context(), delivery.Stream{Client: "phone"}, 0, 0, 0)
	require.ErrorIs(t, err, delivery.ErrUnseen)
	_, err = unguarded.Tree(t.Context(), "group", 1)
	require.ErrorIs(t, err, delivery.ErrUnseen)

	d.guarded()
	ann, bob, phone := d.member("ann", nil), d.member("bob", nil), d.member("phone", &client.Partial{})
	sync := func(clients ...*client.Client) {
		for range 2 {
			for _, c := range clients {
				require.NoError(t, c.Sync(t.Context()), c.Name())
			}
		}
	}
	g, err := ann.CreateGroup(t.Context(), "", []string{"bob", "phone"})
	require.NoError(t, err)
	sync(bob, phone)
	info, err := phone.Group(g)
	require.NoError(t, err)
	require.True(t, info.Partial)
	_, err = phone.Send(t.Context(), g, []byte("from the street"))
	require.NoError(t, err)
	require.NoError(t, bob.Update(t.Context(), g))
	_, err = bob.Send(t.Context(), g, []byte("hello"))
	require.NoError(t, err)
	sync(phone, bob, ann, phone)
	texts := func(c *client.Client) (texts []string) {
		events, err := c.Unconfirmed(t.Context(), 0)
		require.NoError(t, err)
		for _, e := range events {
			if m, ok := e.What.(*client.Message); ok {
				texts = append(texts, m.From.Name+": "+string(m.Data))
			}
		}
		return texts
	}
	require.Equal(t, []string{"bob: hello"}, texts(phone))
	require.Equal(t, []string{"phone: from the street", "bob: hello"}, texts(ann))
	require.NoError(t, phone.Upgrade(t.Context(), g))
	require.NoError(t, phone.Remove(t.Context(), g, "bob"))
	sync(ann, phone)
	members, err := phone.Members(t.Context(), g)
	require.NoError(t, err)
	require.Len(t, members, 2)

	_, err = d.Client("bob").(delivery.Annotator).MembershipProof(t.Context(), "another", 1, 0)
	require.ErrorIs(t, err, delivery.ErrNoGroup)
}

// A guard that has lost its state follows a group again with the next commit, for which a client
// brings the tree, or at once where the service keeps the trees.
func TestGuardLosesItsState(t *testing.T) {
	d := deploy(t, "ann", "bob", "phone")
	keeps := func(cfg *guard.Config) { cfg.KeepTrees = true }
	d.guarded()
	ann, phone := d.member("ann", nil), d.member("phone", &client.Partial{})
	g, err := ann.CreateGroup(t.Context(), "", []string{"phone"})
	require.NoError(t, err)
	require.NoError(t, phone.Sync(t.Context()))
	require.NoError(t, ann.Update(t.Context(), g))
	require.NoError(t, phone.Sync(t.Context()))
	d.guarded(keeps)
	require.NoError(t, ann.Update(t.Context(), g))
	require.NoError(t, ann.Update(t.Context(), g))
	tree := func(epoch uint64) error {
		_, err := d.Client("phone").(delivery.Annotator).Tree(t.Context(), g, epoch)
		return err
	}
	epoch := func() uint64 {
		info, err := ann.Group(g)
		require.NoError(t, err)
		return info.Epoch
	}
	require.NoError(t, tree(epoch()))
	d.guarded(keeps)
	require.NoError(t, tree(epoch()))
	require.NoError(t, ann.Update(t.Context(), g))
	require.NoError(t, tree(epoch()-1))
}
