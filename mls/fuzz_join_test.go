package mls

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// rehashed changes a ratchet tree as a script says. The hash is that of the tree
// that it became, or nil if it is none.
func rehashed(t testing.TB, g *Group, tree, script []byte) (changed, hash []byte) {
	t.Helper()
	changed = scripted(tree, script)
	nodes, err := ratchettree.ParseRatchetTree(changed)
	if err != nil || nodes.Check() != nil {
		return changed, nil
	}
	return changed, treeHash(t, g.public.suite, nodes.Expanded())
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
		c := m.commit(forgery{proposals: m.byValue(message.Add{KeyPackage: own.KeyPackage}), withPath: pick%2 == 0})
		var w welcomeForgery
		switch stage % 4 {
		case 1:
			w.info = func(i *message.GroupInfo) { reparseStructure(t, i, script) }
		case 2:
			tree, err := wire.Marshal(c.next.public.tree.Marshal)
			require.NoError(t, err)
			changed, hash := rehashed(t, m.Group, tree, script)
			w.treeBytes = func([]byte) []byte { return changed }
			w.context = func(gc *message.GroupContext) {
				if hash != nil {
					gc.TreeHash = hash
				}
			}
		case 3:
			w.secrets = func(s *groupSecrets) { reparse(t, s, (*groupSecrets).marshal, (*groupSecrets).unmarshal, script) }
		}
		welcome := c.welcome(w)
		if stage%4 == 0 {
			welcome = scripted(welcome, script)
		}
		initKey, leafKey := own.initKey, own.leafKey
		var joined *Candidate
		var err error
		mlstest.CheckAllocation(t, len(welcome), func() { joined, err = own.Join(t.Context(), insiderTime, welcome, JoinOptions{}) })
		g, err := adopted(joined, err)
		if err != nil {
			require.Nil(t, g)
			require.NotEmpty(t, script, "%v", err)
			require.True(t, own.initKey == initKey && own.leafKey == leafKey, "the key package has changed")
			return
		}
		x.own = nil
		checkKeys(t, g)
		require.NoError(t, g.public.tree.CheckIndex())
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
			m, err := message.Parse[message.Message](encoded)
			require.NoError(t, err)
			info := m.GroupInfo
			if stage%3 == 1 && !reparseStructure(t, info, script) {
				return
			}
			if stage%3 == 2 {
				for i := range info.Extensions {
					if x := &info.Extensions[i]; x.Type == codepoint.ExtensionRatchetTree {
						x.Data, info.GroupContext.TreeHash = rehashed(t, g, x.Data, script)
					}
				}
			}
			tbs, err := wire.Marshal(func(w *wire.Writer) { message.WriteTBS(w, info) })
			require.NoError(t, err)
			info.Signature, err = label.Sign(t.Context(), g.cfg.Signer, label.GroupInfoTBS, tbs)
			require.NoError(t, err)
			encoded, err = message.Marshal(m)
			require.NoError(t, err)
		}
		var c *Candidate
		mlstest.CheckAllocation(t, len(encoded), func() { c, err = ExternalJoin(t.Context(), insiderTime, x.cfg, encoded, ExternalJoinOptions{}) })
		if err != nil {
			require.Nil(t, c)
			require.NotEmpty(t, script, "%v", err)
			return
		}
		_, err = message.Parse[message.Message](c.Message)
		require.NoError(t, err)
		joined, err := c.Adopt()
		require.NoError(t, err)
		checkKeys(t, joined)
		require.NoError(t, joined.public.tree.CheckIndex())
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
		encoded, err := message.Marshal(kp)
		require.NoError(t, err)
		switch stage % 3 {
		case 0:
			if kp, err = message.Parse[message.KeyPackage](scripted(encoded, script)); err != nil {
				return
			}
		case 1:
			if !reparseStructure(t, kp, script) {
				return
			}
		case 2:
			if !reparseStructure(t, &kp.LeafNode, script) {
				return
			}
			signLeaf(t, &kp.LeafNode, x.cfg.Signer, check.LeafPlace{})
		}
		if stage%3 != 0 {
			signKeyPackage(t, kp, x.cfg.Signer)
		}
		g, other := member(t, x.sim, 2), member(t, x.sim, 0)
		before := fingerprint(g)
		var c *Candidate
		mlstest.CheckAllocation(t, len(encoded), func() { c, err = g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: kp}) })
		require.Equal(t, before, fingerprint(g), "the group has changed")
		if err != nil {
			require.Nil(t, c)
			require.NotEmpty(t, script, "%v", err)
			return
		}
		r, err := other.Process(t.Context(), insiderTime, c.Message)
		require.NoError(t, err)
		require.Equal(t, factsOfCandidate(t, c), factsOfCandidate(t, r.Commit))
		again, err := message.Marshal(kp)
		require.NoError(t, err)
		if bytes.Equal(again, encoded) {
			joined, err := adopted(own.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
			require.NoError(t, err)
			require.Equal(t, factsOfCandidate(t, c), factsOf(t, joined))
		}
	})
}
