package jetstream

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A gate says who is welcomed, in one batch, or one after the other where Setup of an earlier
// version has made the bucket.
func TestInvitations(t *testing.T) {
	n := newNetwork(t)
	s := n.Client("ann").(*Service)
	members, err := s.js.KeyValue(t.Context(), MembersBucket)
	require.NoError(t, err)
	for group, atomic := range map[string]bool{"g": true, "h": false} {
		stream, err := s.js.Stream(t.Context(), bucketStream(MembersBucket))
		require.NoError(t, err)
		cfg := stream.CachedInfo().Config
		require.True(t, cfg.AllowAtomicPublish)
		cfg.AllowAtomicPublish = atomic
		_, err = s.js.UpdateStream(t.Context(), cfg)
		require.NoError(t, err)
		names := []string{"bob", "carl", "bob", "dan"}
		require.NoError(t, Invite(t.Context(), s.js, group, names))
		require.NoError(t, Invite(t.Context(), s.js, group, names[:1]))
		for _, name := range names {
			_, err := members.Get(t.Context(), MemberKey(group, name))
			require.NoError(t, err, name)
		}
		require.NoError(t, Setup(t.Context(), n.conn(), 1, Limits{}))
	}
	_, err = s.Submit(t.Context(), welcoming("1", "i", 2, 10))
	require.NoError(t, err)
	for group, want := range map[string]bool{"g": false, "i": true} {
		found, err := Invited(t.Context(), s.js, group, "i-1")
		require.NoError(t, err)
		require.Equal(t, want, found)
	}
	found, err := Invited(t.Context(), s.js, "i", "i-2")
	require.NoError(t, err)
	require.False(t, found)
}
