package mls

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Who joins sees the group before it adopts it, and may decline: the key package is as
// it was, and the observer has heard nothing.
func TestJoinIsJudgedBeforeItIsAdopted(t *testing.T) {
	i := newInvitation(t, 0x0001, true)
	k := i.joiner
	heard := &hearing{}
	k.cfg.Observer = heard
	initKey, leafKey := k.initKey, k.leafKey
	welcome := i.welcome(welcomeForgery{})
	for range 2 {
		c, err := k.Join(t.Context(), insiderTime, welcome, JoinOptions{})
		require.NoError(t, err)
		require.Equal(t, i.groups[0].GroupID(), c.GroupID())
		require.Equal(t, i.groups[0].Epoch()+1, c.Epoch())
		require.Equal(t, i.next.public.context, c.GroupContext())
		require.Equal(t, message.Sender{Type: message.SenderMember, Leaf: 1}, c.Committer())
		require.Empty(t, c.Proposals())
		require.Nil(t, c.Message)
		require.False(t, c.Removed())
		members := maps.Collect(c.Members())
		require.Len(t, members, len(i.groups)+1)
		var seen []message.LeafIndex
		for _, change := range c.Changes() {
			require.Equal(t, event.Joined, change.Reason)
			require.Equal(t, members[change.Leaf].Credential, change.Credential)
			seen = append(seen, change.Leaf)
		}
		require.Equal(t, slices.Sorted(maps.Keys(members)), seen)
		exported, err := c.Export("label", nil, 32)
		require.NoError(t, err)
		require.Len(t, exported, 32)
		_, err = c.Save()
		require.ErrorIs(t, err, message.ErrUnsupported, "the key package and the Welcome are what is kept")

		c.Discard()
		_, err = c.Adopt()
		require.ErrorIs(t, err, ErrRetired)
		_, err = c.EpochAuthenticator()
		require.ErrorIs(t, err, ErrRetired)
		require.True(t, k.initKey == initKey && k.leafKey == leafKey)
		_, err = k.Save()
		require.NoError(t, err)
		require.Empty(t, heard.entered)
	}
	g, err := adopted(k.Join(t.Context(), insiderTime, welcome, JoinOptions{}))
	require.NoError(t, err)
	require.Equal(t, i.next.secrets.Authenticator, g.secrets.Authenticator)
	require.Equal(t, []event.Entry{event.EntryWelcome}, heard.entered)
}

// hearing is an observer that notes how groups are entered.
type hearing struct{ entered []event.Entry }

func (h *hearing) Observe(e event.Event) {
	if e, ok := e.(event.GroupEntered); ok {
		h.entered = append(h.entered, e.How)
	}
}

// Of several joins by one key package, one is adopted: the others end, with their
// secrets. Those of a last resort end where they are of the same epoch.
func TestOneJoinOfAKeyPackageIsAdopted(t *testing.T) {
	for _, lastResort := range []bool{false, true} {
		i, elsewhere := newInvitation(t, 0x0001, true), clique(t, 0x0001, 2)[0]
		k := i.joiner
		k.lastResort = lastResort
		commit, err := elsewhere.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
		require.NoError(t, err)
		welcome := i.welcome(welcomeForgery{})
		join := func(welcome []byte) *Candidate {
			c, err := k.Join(t.Context(), insiderTime, welcome, JoinOptions{})
			require.NoError(t, err)
			return c
		}
		won, same, other := join(welcome), join(welcome), join(commit.Welcome)
		secrets := map[string][]byte{}
		for _, row := range same.next.secrets.Table() {
			secrets[row.Label] = slices.Clone(*row.Secret)
		}
		require.Len(t, reachable(secrets, map[string]any{"same": same}), len(secrets))
		g, err := won.Adopt()
		require.NoError(t, err)
		_, err = won.Adopt()
		require.ErrorIs(t, err, ErrRetired)
		_, err = same.Adopt()
		require.ErrorIs(t, err, ErrKeyPackageUsed)
		_, err = same.Export("label", nil, 32)
		require.ErrorIs(t, err, ErrKeyPackageUsed)
		require.Empty(t, reachable(secrets, map[string]any{"same": same, "key package": k}))
		same.Discard()
		_, err = k.Join(t.Context(), insiderTime, welcome, JoinOptions{})
		require.ErrorIs(t, err, ErrKeyPackageUsed)
		_, err = g.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err, "it has the key of its leaf")
		second, err := other.Adopt()
		if !lastResort {
			require.ErrorIs(t, err, ErrKeyPackageUsed)
			continue
		}
		require.NoError(t, err)
		_, err = second.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		declined := join(commitTo(t, k))
		k.Destroy()
		_, err = declined.Adopt()
		require.ErrorIs(t, err, ErrKeyPackageUsed)
		k.Destroy()
	}
}

// commitTo returns the Welcome of a new group for a key package.
func commitTo(t testing.TB, k *OwnKeyPackage) []byte {
	c, err := clique(t, 0x0001, 1)[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: k.KeyPackage})
	require.NoError(t, err)
	return c.Welcome
}
