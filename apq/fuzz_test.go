package apq

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzProcess hands a member, and a client that joins, what may be a message. Whatever is
// refused changes nothing.
func FuzzProcess(f *testing.F) {
	w := newWorld(f, small, []string{"ann", "bob"}, publicHandshake)
	k := w.keyPackage("cid")
	c := w.make("ann", CommitOptions{Add: []KeyPackages{w.published(k)}})
	removed, err := w.groups["ann"].ProposeRemove(f.Context(), noon, w.groups["bob"].T().OwnLeaf())
	require.NoError(f, err)
	info := w.groupInfo("ann")
	pair := w.pairOf(c.Message)
	for _, seed := range [][]byte{c.Message, c.Welcome, removed, info, k.Message, pair.T, pair.PQ} {
		f.Add(seed)
	}
	cfg := w.config("dan")
	f.Fuzz(func(t *testing.T, in []byte) {
		w := &world{TB: t, groups: w.groups}
		before := w.state("bob")
		if r, err := w.groups["bob"].Process(t.Context(), noon, in); err != nil {
			require.Nil(t, r)
		} else if r.Commit != nil {
			require.True(t, bytes.Equal(in, c.Message), "a commit that nobody made")
			r.Commit.Discard()
		}
		require.Equal(t, before, w.state("bob"))
		if joined, err := k.Join(t.Context(), noon, in, JoinOptions{}); err == nil {
			require.True(t, bytes.Equal(in, c.Welcome), "a Welcome that nobody made")
			joined.Discard()
		} else {
			require.Nil(t, joined)
		}
		if joined, err := ExternalJoin(t.Context(), noon, cfg, in, ExternalJoinOptions{}); err == nil {
			joined.Discard()
		}
		_, _ = ParseKeyPackages(in, cfg.numbers())
	})
}
