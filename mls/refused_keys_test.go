package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// What is refused, of others or of the own, leaves nothing in the table of keys, nor the
// memory that the table took meanwhile.
func TestRefusedCommitsLeaveNoKeys(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake)
	g, public := groups[0], inPublic(t, groups[0])
	unmoved := func(s ratchettree.KeySet, keys int) {
		t.Helper()
		got := s.Stats()
		require.True(t, got.Alone, "the table holds another snapshot")
		require.Equal(t, keys, got.Keys)
		require.LessOrEqual(t, got.Room, 2*keys+ratchettree.LeastRoom)
	}
	require.NoError(t, g.public.tree.CheckIndex()) // after which the table holds this tree's keys
	keys := g.public.tree.Keys.Stats().Keys

	// A leaf each, and at last one whose signature key is there twice.
	kp := ownKeyPackage(t, 0x0001, "newcomer").KeyPackage
	adds := make([]message.Proposal, 2*ratchettree.LeastRoom)
	for i := range adds {
		next := *kp
		next.LeafNode.EncryptionKey = g.public.suite.Hash([]byte{byte(i), byte(i >> 8)})
		next.LeafNode.SignatureKey = next.LeafNode.EncryptionKey
		adds[i] = message.Add{KeyPackage: &next}
	}
	list := insider{t, g}.byValue(append(adds, adds[0])...)
	for i := range list {
		list[i].checked = true
	}
	refuse := func(p *publicState) {
		var err error
		defer p.tree.ForgetRefused(&err)
		a, err := p.apply(list, listRules{committer: g.sender()})
		require.NoError(t, err)
		_, err = p.next(a)
		require.Error(t, err)
	}
	refuse(g.public)
	unmoved(g.public.tree.Keys, keys)

	msg := insider{t, groups[1]}.commit(forgery{proposals: insider{t, groups[1]}.byValue(message.Add{KeyPackage: kp}), withPath: true, tag: func(tag []byte) []byte {
		tag[0]++
		return tag
	}}).message
	_, err := g.Process(t.Context(), insiderTime, msg)
	require.Error(t, err)
	unmoved(g.public.tree.Keys, keys)
	twice := message.Add{KeyPackage: kp}
	_, err = g.Commit(t.Context(), insiderTime, CommitOptions{}, twice, twice)
	require.Error(t, err)
	unmoved(g.public.tree.Keys, keys)

	msg = insider{t, groups[1]}.commit(forgery{proposals: insider{t, groups[1]}.byValue(twice, twice), withPath: true}).message
	_, err = public.Process(t.Context(), insiderTime, msg)
	require.Error(t, err)
	unmoved(public.public.tree.Keys, keys)
}
