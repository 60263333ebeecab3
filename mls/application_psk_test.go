package mls

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// componentPSKs is an ApplicationPSKStore of secrets by component and id.
type componentPSKs map[message.ComponentID]map[string][]byte

func (componentPSKs) ExternalPSK(context.Context, []byte) ([]byte, error) {
	return []byte("of no component, of 32 bytes too"), nil
}

func (componentPSKs) Group([]byte) *Group { return nil }

func (s componentPSKs) ApplicationPSK(_ context.Context, component message.ComponentID, id []byte) ([]byte, error) {
	return s[component][string(id)], nil
}

func applicationPSK(component message.ComponentID, id string) message.PreSharedKey {
	return message.PreSharedKey{PSK: message.PreSharedKeyID{Component: component, ID: []byte(id)}}
}

func handed(component message.ComponentID, id, secret string) []ApplicationPSK {
	return []ApplicationPSK{{Component: component, ID: []byte(id), Secret: []byte(secret)}}
}

const (
	componentSecret = "a secret of component 6, 32 byte"
	anotherSecret   = "a secret of component 7, 32 byte"
)

func withPSKs(store PSKStore) func(*Config) { return func(cfg *Config) { cfg.PSKs = store } }

func storeOfSix() componentPSKs {
	return componentPSKs{6: {"x": []byte(componentSecret)}, 7: {"x": []byte(anotherSecret)}}
}

// PSKs of components come into a group by value and by reference, with a Welcome and from
// outside. All members end with the same secrets, of which others know nothing.
func TestApplicationPSKsAreInjected(t *testing.T) {
	for _, id := range []suite.ID{0x0001, 0x0007} {
		t.Run(id.String(), func(t *testing.T) {
			adjust := withPSKs(storeOfSix())
			groups := clique(t, id, 3, adjust)
			c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, applicationPSK(6, "x"), applicationPSK(7, "x"), externalPSK("x"))
			require.NoError(t, err)
			require.Len(t, c.Proposals(), 3)
			follow(t, groups, 0, c)

			m, err := groups[1].Propose(t.Context(), insiderTime, applicationPSK(6, "x"), nil)
			require.NoError(t, err)
			for _, i := range []int{0, 2} {
				r, err := groups[i].Process(t.Context(), insiderTime, m)
				require.NoError(t, err)
				psk := r.Proposal.Proposal.(message.PreSharedKey).PSK
				require.Equal(t, message.ComponentID(6), psk.Component)
				require.Equal(t, []byte("x"), psk.ID)
			}
			k := ownKeyPackage(t, id, "joiner", adjust)
			c, err = groups[2].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
			require.NoError(t, err)
			require.Len(t, c.Proposals(), 2)
			follow(t, groups, 2, c)
			joined, err := adopted(k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
			require.NoError(t, err)
			requireSameEpoch(t, groups[0], joined)

			info, err := groups[1].GroupInfo(t.Context(), insiderTime, true)
			require.NoError(t, err)
			c, err = ExternalJoin(t.Context(), insiderTime, client(t, id, "outside", adjust), info,
				ExternalJoinOptions{PSKs: []message.PreSharedKeyID{applicationPSK(7, "x").PSK}})
			require.NoError(t, err)
			follow(t, append(groups, joined), -1, c)
		})
	}
}

func requireSameEpoch(t testing.TB, a, b *Group) {
	t.Helper()
	want, err := a.EpochAuthenticator()
	require.NoError(t, err)
	got, err := b.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// A call can be handed PSKs that no store has. It keeps nothing of them, and they go before
// those of the store.
func TestApplicationPSKsAreHandedOver(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	g := groups[0]
	psk := handed(6, "x", componentSecret)
	k := ownKeyPackage(t, 0x0001, "joiner")
	proposals := []message.Proposal{applicationPSK(6, "x"), message.Add{KeyPackage: k.KeyPackage}}
	for _, missing := range [][]ApplicationPSK{nil, handed(7, "x", componentSecret), handed(6, "y", componentSecret)} {
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{ApplicationPSKs: missing}, proposals...)
		require.ErrorIs(t, err, ErrUnknownPSK)
	}
	c, err := g.Commit(t.Context(), insiderTime, CommitOptions{ApplicationPSKs: psk}, proposals...)
	require.NoError(t, err)
	require.Equal(t, componentSecret, string(psk[0].Secret), "it is the caller's")
	_, err = g.Commit(t.Context(), insiderTime, CommitOptions{}, proposals...)
	require.ErrorIs(t, err, ErrUnknownPSK, "the group has forgotten it")

	requireUnprocessed(t, groups[1], ErrUnknownPSK, c.Message)
	_, err = groups[1].ProcessWithPSKs(t.Context(), insiderTime, handed(6, "x", anotherSecret), c.Message)
	require.ErrorIs(t, err, message.ErrInvalid, "confirmation tag")
	r, err := groups[1].ProcessWithPSKs(t.Context(), insiderTime, psk, c.Message)
	require.NoError(t, err)
	groups[0], err = c.Adopt()
	require.NoError(t, err)
	groups[1], err = r.Commit.Adopt()
	require.NoError(t, err)
	requireSameEpoch(t, groups[0], groups[1])

	_, err = k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{})
	require.ErrorIs(t, err, ErrUnknownPSK)
	_, err = k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{ApplicationPSKs: handed(6, "x", anotherSecret)})
	require.ErrorIs(t, err, ErrDecrypt)
	joined, err := adopted(k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{ApplicationPSKs: psk}))
	require.NoError(t, err)
	requireSameEpoch(t, groups[0], joined)

	info, err := groups[1].GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	options := ExternalJoinOptions{PSKs: []message.PreSharedKeyID{applicationPSK(6, "x").PSK}}
	cfg := client(t, 0x0001, "outside", withPSKs(storeOfSix()))
	_, err = ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "poor"), info, options)
	require.ErrorIs(t, err, ErrUnknownPSK)
	options.ApplicationPSKs = handed(6, "x", anotherSecret)
	c, err = ExternalJoin(t.Context(), insiderTime, cfg, info, options)
	require.NoError(t, err)
	r, err = joined.ProcessWithPSKs(t.Context(), insiderTime, options.ApplicationPSKs, c.Message)
	require.NoError(t, err, "the one that was handed over counts, not that of the store")
	require.NotNil(t, r.Commit)
}

// A commit that refers to a proposal of a PSK can be handed the secret when it is made and
// when it is processed. Until then the proposal holds back nobody's messages.
func TestProposedApplicationPSKs(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	m, err := groups[0].Propose(t.Context(), insiderTime, applicationPSK(6, "x"), nil)
	require.NoError(t, err)
	_, err = groups[1].Process(t.Context(), insiderTime, m)
	require.NoError(t, err)
	applicationMessage(t, groups[1])
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Empty(t, c.Proposals())
	c, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{ApplicationPSKs: handed(6, "x", componentSecret)})
	require.NoError(t, err)
	require.Len(t, c.Proposals(), 1)
	state, err := storeAll(groups[0])
	require.NoError(t, err)
	g, err := RestoreGroup(insiderTime, *groups[0].cfg, state)
	require.NoError(t, err)
	r, err := g.ProcessWithPSKs(t.Context(), insiderTime, handed(6, "x", componentSecret), c.Message)
	require.NoError(t, err)
	saved, err := r.Commit.Save()
	require.NoError(t, err)
	restored, err := g.RestoreCandidate(insiderTime, saved)
	require.NoError(t, err)
	g, err = restored.Adopt()
	require.NoError(t, err)
	other, err := c.Adopt()
	require.NoError(t, err)
	requireSameEpoch(t, g, other)
}

// One secret under two components, or as an external PSK, is two PSKs: whoever takes it for
// the other is in no epoch of the group.
func TestApplicationPSKsAreKeptApart(t *testing.T) {
	groups := clique(t, 0x0001, 2)
	authenticators := map[string]bool{}
	for _, id := range []message.PreSharedKeyID{
		{Component: 6, ID: []byte("x")}, {Component: 7, ID: []byte("x")}, {Component: 6, ID: []byte("y")}, {ID: []byte("x")},
	} {
		secret := []byte(componentSecret)
		id.Nonce = make([]byte, 32)
		q := groups[0].cfg.ask(suite.Continue, insiderTime).with([]ApplicationPSK{{6, []byte("x"), secret}, {7, []byte("x"), secret}, {6, []byte("y"), secret}})
		q.cfg.PSKs = passwordOf(secret)
		psk, err := q.resolvePSKs(t.Context(), groups[0].public.suite, []message.PreSharedKeyID{id}, groups[0])
		require.NoError(t, err)
		require.False(t, authenticators[string(psk)])
		authenticators[string(psk)] = true
	}
}

// passwordOf is a PSKStore of one external PSK, and no ApplicationPSKStore.
type passwordOf []byte

func (p passwordOf) ExternalPSK(context.Context, []byte) ([]byte, error) { return p, nil }

func (passwordOf) Group([]byte) *Group { return nil }

// The policy is asked about PSKs of components under their own type, when one is proposed
// or committed and when another's commit injects one.
func TestApplicationPSKsAreJudged(t *testing.T) {
	var asked []suite.PSKInfo
	refuse := errors.New("no such PSK")
	allow := true
	policy := suite.PolicyFunc(func(q suite.Question) error {
		if p, ok := q.Subject.(suite.PSKInfo); ok {
			asked = append(asked, p)
			if !allow {
				return refuse
			}
		}
		return nil
	})
	groups := clique(t, 0x0001, 2, withPSKs(storeOfSix()), func(cfg *Config) { cfg.Policy = policy })
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, applicationPSK(6, "x"))
	require.NoError(t, err)
	require.Equal(t, []suite.PSKInfo{{Type: "application", Length: 32}}, asked)
	allow = false
	requireUnprocessed(t, groups[1], refuse, c.Message)
	_, err = groups[1].Commit(t.Context(), insiderTime, CommitOptions{}, applicationPSK(6, "x"))
	require.ErrorIs(t, err, refuse)
	_, err = groups[1].Propose(t.Context(), insiderTime, applicationPSK(6, "x"), nil)
	require.ErrorIs(t, err, refuse)
}

// A group whose clients have another number for the type sends that number, and nobody else
// follows it.
func TestApplicationPSKsUnderAnotherNumber(t *testing.T) {
	adjust := []func(*Config){withPSKs(storeOfSix()), publicHandshake, func(cfg *Config) { cfg.CodePoints.ApplicationPSK = 0xF3 }}
	groups := clique(t, 0x0001, 2, adjust...)
	k := ownKeyPackage(t, 0x0001, "joiner", adjust...)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, applicationPSK(6, "x"), message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	require.True(t, bytes.Contains(c.Message, []byte{0xF3, 0, 6, 1, 'x', 32}))
	groups[1].public.numbers.ApplicationPSK = 3
	requireUnprocessed(t, groups[1], message.ErrMalformed, c.Message)
	groups[1].public.numbers.ApplicationPSK = 0xF3
	follow(t, groups, 0, c)
	joined, err := adopted(k.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
	require.NoError(t, err)
	requireSameEpoch(t, groups[0], joined)
	require.Equal(t, uint8(0xF3), c.Proposals()[0].Proposal.(message.PreSharedKey).PSK.PSKType)
}
