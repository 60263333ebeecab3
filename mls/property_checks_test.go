package mls

import (
	"maps"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

// facts are compared between members.
type facts struct {
	context, treeHash, authenticator, exported string
}

func factsOf(t require.TestingT, g *Group) facts {
	authenticator, err := g.EpochAuthenticator()
	require.NoError(t, err)
	exported, err := g.Export("property", []byte("context"), 32)
	require.NoError(t, err)
	return facts{string(g.public.contextBytes), string(g.public.tree.Hash()), string(authenticator), string(exported)}
}

func factsOfCandidate(t require.TestingT, c *Candidate) facts {
	authenticator, err := c.EpochAuthenticator()
	require.NoError(t, err)
	exported, err := c.Export("property", []byte("context"), 32)
	require.NoError(t, err)
	p := c.next.public
	return facts{string(p.contextBytes), string(p.tree.Hash()), string(authenticator), string(exported)}
}

// refused runs what must fail with an error of the class want, or any if that is
// nil, and leave the group as it was.
func (m *model) refused(s *seat, want error, run func() error) {
	before := fingerprint(s.group)
	err := run()
	require.Error(m, err)
	if want != nil {
		require.ErrorIs(m, err, want)
	}
	require.Equal(m, before, fingerprint(s.group), "%s has changed by what it refused: %v", s.actor.name, err)
}

// checkInvariants compares every live group with what the model says of its epoch.
func (m *model) checkInvariants() {
	for _, s := range m.seats(func(*seat) bool { return true }) {
		e := s.room.epoch(s.epoch)
		require.Equal(m, e.facts, factsOf(m, s.group), "%s in epoch %d", s.actor.name, s.epoch)
		require.Equal(m, len(s.held), len(s.group.inbox.cache.proposals))
		checkKeys(m, s.group)
		require.NoError(m, s.group.public.tree.CheckIndex())
	}
}

// checkKeys checks that a member has the private keys that the tree invariant gives
// it (RFC 9420, Section 4.2), and no others, and that they fit.
func checkKeys(t require.TestingT, g *Group) {
	require.Equal(t, g.Leaf(g.leaf).EncryptionKey, g.self.leafKey.PublicKey())
	keys := map[ratchettree.NodeIndex]string{}
	for _, step := range g.public.tree.DirectPath(g.leaf) {
		if p := step.Node.Parent; p != nil && !slices.Contains(p.UnmergedLeaves, g.leaf) {
			keys[step.Index] = string(p.EncryptionKey)
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(keys)), slices.Collect(maps.Keys(g.self.pathKeys)),
		"leaf %d knows the private keys above it", g.leaf)
	for n, key := range g.self.pathKeys {
		require.Equal(t, keys[n], string(key.PublicKey()))
	}
}

// checkEpoch checks the tree of a new epoch, and that it holds no key of those who
// are not in it.
func (m *model) checkEpoch(r *room, p *publicState) {
	e := r.head()
	require.EqualValues(m, len(e.occupants), p.tree.Width)
	for i, s := range e.occupants {
		leaf := p.tree.Leaf(message.LeafIndex(i))
		if s == nil {
			require.Nil(m, leaf)
			continue
		}
		require.NotNil(m, leaf, "leaf %d of %s", i, s.actor.name)
		require.Equal(m, s.actor.name, string(leaf.Credential().Content))
	}
	encoded, err := wire.Marshal(p.tree.Marshal)
	require.NoError(m, err)
	nodes, err := ratchettree.ParseRatchetTree(encoded)
	require.NoError(m, err)
	again, err := ratchettree.TreeFromNodes(r.suite, nodes)
	require.NoError(m, err)
	require.Equal(m, p.tree.Hash(), again.Hash())
	require.NoError(m, again.Validate())
	for _, s := range r.seats {
		if !s.live() || slices.Contains(e.occupants, s) {
			continue
		}
		require.False(m, p.tree.HasEncryptionKey(s.group.self.leafKey.PublicKey()), "leaf key of %s, who is out", s.actor.name)
		for n, key := range s.group.self.pathKeys {
			require.False(m, p.tree.HasEncryptionKey(key.PublicKey()), "key of node %d, which %s has, who is out", n, s.actor.name)
		}
	}
}
