package mls

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// rehashed changes a ratchet tree as a script says. The hash is that of the tree
// that it became, or nil if it is none.
func rehashed(t testing.TB, g *Group, tree, script []byte) (changed, hash []byte) {
	t.Helper()
	changed = scripted(tree, script)
	nodes, err := parseRatchetTree(changed)
	if err != nil || nodes.check() != nil {
		return changed, nil
	}
	return changed, treeHash(t, g.public.suite, nodes.expanded())
}

// fuzzedJoiner is a group and a client who is not in it.
type fuzzedJoiner struct {
	sim   *Simulation
	cfg   Config
	state Snapshot       // of a key package
	own   *OwnKeyPackage // nil if it has to be made anew
}

func newFuzzedJoiner(t testing.TB, id suite.ID) *fuzzedJoiner {
	t.Helper()
	x := &fuzzedJoiner{sim: newFuzzed(t, id), cfg: client(t, id, "joiner")}
	k, err := NewKeyPackage(t.Context(), insiderTime, x.cfg, KeyPackageOptions{})
	require.NoError(t, err)
	x.state, err = k.Save()
	require.NoError(t, err)
	return x
}

// FuzzJoin hands a client Welcomes with changes: in their encoding, in the GroupInfo
// before it is signed, in the ratchet tree before it is hashed, or in the
// GroupSecrets before they are encrypted.
func FuzzJoin(f *testing.F) {
	seedEdits(f, 2, 4)
	joiners := ofSuites(newFuzzedJoiner)
	f.Fuzz(func(t *testing.T, of, pick, stage uint8, script []byte) {
		x := joiners(t, suiteAt(of))
		if x.own == nil {
			var err error
			x.own, err = RestoreKeyPackage(insiderTime, x.cfg, x.state)
			require.NoError(t, err)
		}
		own := x.own
		m := insider{t, member(t, x.sim, 1)}
		c := m.commit(forgery{proposals: m.byValue(Add{KeyPackage: own.KeyPackage}), withPath: pick%2 == 0})
		var w welcomeForgery
		switch stage % 4 {
		case 1:
			w.info = func(i *GroupInfo) { reparse(t, i, script) }
		case 2:
			tree, err := wire.Marshal(c.next.public.tree.nodes().marshal)
			require.NoError(t, err)
			changed, hash := rehashed(t, m.Group, tree, script)
			w.treeBytes = func([]byte) []byte { return changed }
			w.context = func(gc *GroupContext) {
				if hash != nil {
					gc.TreeHash = hash
				}
			}
		case 3:
			w.secrets = func(s *groupSecrets) { reparse(t, s, script) }
		}
		welcome := c.welcome(w)
		if stage%4 == 0 {
			welcome = scripted(welcome, script)
		}
		initKey, leafKey := own.initKey, own.leafKey
		var joined *Candidate
		var err error
		checkAllocation(t, len(welcome), func() { joined, err = own.Join(t.Context(), insiderTime, welcome, JoinOptions{}) })
		g, err := adopted(joined, err)
		if err != nil {
			require.Nil(t, g)
			require.NotEmpty(t, script, "%v", err)
			require.True(t, own.initKey == initKey && own.leafKey == leafKey, "the key package has changed")
			return
		}
		x.own = nil
		checkKeys(t, g)
		checkIndex(t, g.public.tree)
	})
}

// FuzzExternalJoin hands a client GroupInfos with changes: in their encoding, in
// what is signed, or in the ratchet tree before it is hashed. What it sends to join
// by them is a message.
func FuzzExternalJoin(f *testing.F) {
	seedEdits(f, 1, 3)
	joiners := ofSuites(newFuzzedJoiner)
	f.Fuzz(func(t *testing.T, of, _, stage uint8, script []byte) {
		x := joiners(t, suiteAt(of))
		g := member(t, x.sim, 1)
		encoded, err := g.GroupInfo(t.Context(), insiderTime, true)
		require.NoError(t, err)
		if stage%3 == 0 {
			encoded = scripted(encoded, script)
		} else {
			m, err := Parse[Message](encoded)
			require.NoError(t, err)
			info := m.GroupInfo
			if stage%3 == 1 && !reparse(t, info, script) {
				return
			}
			if stage%3 == 2 {
				for i := range info.Extensions {
					if x := &info.Extensions[i]; x.Type == ExtensionRatchetTree {
						x.Data, info.GroupContext.TreeHash = rehashed(t, g, x.Data, script)
					}
				}
			}
			tbs, err := groupInfoTBS(info)
			require.NoError(t, err)
			info.Signature, err = label.Sign(t.Context(), g.cfg.Signer, label.GroupInfoTBS, tbs)
			require.NoError(t, err)
			encoded, err = Marshal(m)
			require.NoError(t, err)
		}
		var c *Candidate
		checkAllocation(t, len(encoded), func() { c, err = ExternalJoin(t.Context(), insiderTime, x.cfg, encoded, ExternalJoinOptions{}) })
		if err != nil {
			require.Nil(t, c)
			require.NotEmpty(t, script, "%v", err)
			return
		}
		_, err = Parse[Message](c.Message)
		require.NoError(t, err)
		joined, err := c.Adopt()
		require.NoError(t, err)
		checkKeys(t, joined)
		checkIndex(t, joined.public.tree)
		if len(script) == 0 {
			r, err := g.Process(t.Context(), insiderTime, c.Message)
			require.NoError(t, err)
			require.Equal(t, factsOf(t, joined), factsOfCandidate(t, r.Commit))
		}
	})
}

// FuzzCommitAdd lets a member add the clients of key packages with changes: in their
// encoding, or before they are signed. What one member commits, another accepts.
func FuzzCommitAdd(f *testing.F) {
	seedEdits(f, 1, 3)
	joiners := ofSuites(newFuzzedJoiner)
	f.Fuzz(func(t *testing.T, of, _, stage uint8, script []byte) {
		x := joiners(t, suiteAt(of))
		own, err := NewKeyPackage(t.Context(), insiderTime, x.cfg, KeyPackageOptions{})
		require.NoError(t, err)
		kp := own.KeyPackage
		encoded, err := Marshal(kp)
		require.NoError(t, err)
		switch stage % 3 {
		case 0:
			if kp, err = Parse[KeyPackage](scripted(encoded, script)); err != nil {
				return
			}
		case 1:
			if !reparse(t, kp, script) {
				return
			}
		case 2:
			if !reparse(t, &kp.LeafNode, script) {
				return
			}
			signLeaf(t, &kp.LeafNode, x.cfg.Signer, leafPlace{})
		}
		if stage%3 != 0 {
			signKeyPackage(t, kp, x.cfg.Signer)
		}
		g, other := member(t, x.sim, 2), member(t, x.sim, 0)
		before := fingerprint(g)
		var c *Candidate
		checkAllocation(t, len(encoded), func() { c, err = g.Commit(t.Context(), insiderTime, CommitOptions{}, Add{KeyPackage: kp}) })
		require.Equal(t, before, fingerprint(g), "the group has changed")
		if err != nil {
			require.Nil(t, c)
			require.NotEmpty(t, script, "%v", err)
			return
		}
		r, err := other.Process(t.Context(), insiderTime, c.Message)
		require.NoError(t, err)
		require.Equal(t, factsOfCandidate(t, c), factsOfCandidate(t, r.Commit))
		again, err := Marshal(kp)
		require.NoError(t, err)
		if bytes.Equal(again, encoded) {
			joined, err := adopted(own.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
			require.NoError(t, err)
			require.Equal(t, factsOfCandidate(t, c), factsOf(t, joined))
		}
	})
}
