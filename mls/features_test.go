package mls_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// store is what one client has of pre-shared keys and groups.
type store struct {
	external map[string][]byte
	groups   []*mls.Group
}

func (s *store) ExternalPSK(_ context.Context, id []byte) ([]byte, error) {
	if psk, ok := s.external[string(id)]; ok {
		return psk, nil
	}
	return nil, errors.New("no such key")
}

func (s *store) Group(id []byte) *mls.Group {
	for _, g := range s.groups {
		if bytes.Equal(g.GroupID(), id) {
			return g
		}
	}
	return nil
}

func TestPreSharedKeys(t *testing.T) {
	forAllSuites(t, func(t *testing.T, id suite.ID) {
		shared := &store{external: map[string][]byte{"one": []byte("a key that everybody knows by now")}}
		w := newWorld(t, id, func(c *mls.Config) { c.PSKs = shared }, "a", "b")
		first := w.groups["a"].Epoch()
		w.commit("b")
		kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("c"), mls.KeyPackageOptions{})
		require.NoError(t, err)
		c := w.commit("a", externalPSK("one"), message.Add{KeyPackage: kp.KeyPackage})
		w.groups["c"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
		require.NoError(t, err)
		w.agree()

		// A resumption PSK of this group, which c does not have.
		c, err = w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{}, resumptionPSK(w.groups["a"].GroupID(), first))
		require.NoError(t, err)
		_, err = w.groups["b"].Process(t.Context(), testTime, c.Message)
		require.NoError(t, err)
		_, err = w.groups["c"].Process(t.Context(), testTime, c.Message)
		require.ErrorIs(t, err, mls.ErrUnknownPSK)

		_, err = w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{}, externalPSK("another"))
		require.ErrorContains(t, err, "no such key")
	})
}

func TestGroupContextExtensions(t *testing.T) {
	const custom = message.ExtensionType(0xF100)
	w := newWorld(t, 0x0001, func(c *mls.Config) { c.Extensions = []message.ExtensionType{custom} }, "a", "b")
	w.commit("a", message.GroupContextExtensions{Extensions: message.Extensions{{Type: custom, Data: []byte("hello")}}})
	w.agree()
	data, ok := w.groups["b"].GroupContext().Extensions.Find(custom)
	require.True(t, ok)
	require.Equal(t, "hello", string(data))

	kp, err := mls.NewKeyPackage(t.Context(), testTime, config(t, 0x0001, "does not know it"), mls.KeyPackageOptions{})
	require.NoError(t, err)
	_, err = w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{}, message.Add{KeyPackage: kp.KeyPackage})
	require.ErrorIs(t, err, message.ErrInvalid)

	required, err := message.Marshal(&message.RequiredCapabilities{Proposals: []message.ProposalType{0xF200}})
	require.NoError(t, err)
	_, err = w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{},
		message.GroupContextExtensions{Extensions: message.Extensions{{Type: message.ExtensionRequiredCapabilities, Data: required}}})
	require.ErrorIs(t, err, message.ErrInvalid)
}

func TestExternalJoin(t *testing.T) {
	forAllSuites(t, func(t *testing.T, id suite.ID) {
		w := newWorld(t, id, nil, "a", "b", "c")
		info, err := w.groups["b"].GroupInfo(t.Context(), testTime, true)
		require.NoError(t, err)
		joiner := w.config("d")
		c, err := mls.ExternalJoin(t.Context(), testTime, joiner, info, mls.ExternalJoinOptions{})
		require.NoError(t, err)
		w.adopt("d", c)
		w.groups["d"] = w.joined(c)
		w.agree()
		w.talk()
		w.commit("d")

		// The same client again, in the place of its earlier leaf, without the tree
		// inside.
		info, err = w.groups["a"].GroupInfo(t.Context(), testTime, false)
		require.NoError(t, err)
		tree, err := w.groups["a"].RatchetTree()
		require.NoError(t, err)
		old := w.groups["d"].OwnLeaf()
		_, err = mls.ExternalJoin(t.Context(), testTime, joiner, info, mls.ExternalJoinOptions{Remove: new(old)})
		require.ErrorIs(t, err, message.ErrUnsupported, "there is no tree")
		c, err = mls.ExternalJoin(t.Context(), testTime, joiner, info, mls.ExternalJoinOptions{RatchetTree: tree, Remove: new(old)})
		require.NoError(t, err)
		w.adopt("d again", c)
		require.NotContains(t, w.groups, "d")
		w.groups["d again"] = w.joined(c)
		w.agree()

		// Somebody else's leaf is not the joiner's to remove.
		info, err = w.groups["a"].GroupInfo(t.Context(), testTime, true)
		require.NoError(t, err)
		_, err = mls.ExternalJoin(t.Context(), testTime, w.config("e"), info, mls.ExternalJoinOptions{Remove: new(w.groups["b"].OwnLeaf())})
		require.ErrorIs(t, err, message.ErrInvalid)
	})
}

func (w *world) joined(c *mls.Candidate) *mls.Group {
	w.t.Helper()
	g, err := c.Adopt()
	require.NoError(w.t, err)
	return g
}

func TestProposalsFromOutside(t *testing.T) {
	s, err := mlstest.AllSuites().Suite(0x0002)
	require.NoError(t, err)
	authority, err := s.GenerateSigner()
	require.NoError(t, err)
	sender := message.ExternalSender{SignatureKey: authority.PublicKey(), Credential: message.BasicCredential([]byte("authority"))}
	bare, err := message.Marshal(&sender)
	require.NoError(t, err)
	parsed, err := message.Parse[message.ExternalSender](bare)
	require.NoError(t, err)
	require.Equal(t, sender, *parsed)
	senders, err := message.Marshal(&message.ExternalSenders{sender})
	require.NoError(t, err)
	w := newWorld(t, 0x0002, nil, "a", "b", "c")
	w.commit("a", message.GroupContextExtensions{Extensions: message.Extensions{{Type: message.ExtensionExternalSenders, Data: senders}}})
	outside := func() mls.ExternalProposer {
		return mls.ExternalProposer{Suite: s, GroupID: w.groups["a"].GroupID(), Epoch: w.groups["a"].Epoch()}
	}
	m, err := outside().Propose(t.Context(), authority, 0, message.Remove{Removed: w.groups["b"].OwnLeaf()})
	require.NoError(t, err)
	w.propose("nobody", m)
	kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("d"), mls.KeyPackageOptions{})
	require.NoError(t, err)
	m, err = outside().ProposeJoin(t.Context(), kp)
	require.NoError(t, err)
	w.propose("nobody", m)
	c := w.commit("c")
	require.Len(t, c.Proposals(), 2)
	require.NotContains(t, w.groups, "b")
	w.groups["d"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
	require.NoError(t, err)
	w.agree()

	m, err = outside().Propose(t.Context(), authority, 1, message.Remove{Removed: w.groups["d"].OwnLeaf()})
	require.NoError(t, err)
	_, err = w.groups["a"].Process(t.Context(), testTime, m)
	require.ErrorIs(t, err, message.ErrInvalid, "there is one external sender")
	stranger, err := s.GenerateSigner()
	require.NoError(t, err)
	m, err = outside().Propose(t.Context(), stranger, 0, message.Remove{Removed: w.groups["d"].OwnLeaf()})
	require.NoError(t, err)
	_, err = w.groups["a"].Process(t.Context(), testTime, m)
	require.ErrorIs(t, err, message.ErrInvalid, "signed by another")
}

func TestReInitAndBranch(t *testing.T) {
	for _, target := range []suite.ID{0x0001, 0x0007, 0xF002} {
		t.Run(target.String(), func(t *testing.T) {
			stores := map[string]*store{"a": {}, "b": {}, "c": {}}
			w := newWorld(t, 0x0001, nil, "a", "b", "c")
			w.commit("b", message.ReInit{GroupID: []byte("the new group"), CipherSuite: target})
			for name, g := range w.groups {
				stores[name].groups = []*mls.Group{g}
				_, err := g.Encrypt(t.Context(), testTime, []byte("too late"), nil)
				require.ErrorIs(t, err, mls.ErrReInit)
				_, err = g.Commit(t.Context(), testTime, mls.CommitOptions{})
				require.ErrorIs(t, err, mls.ErrReInit)
			}
			follow := func(by string, create func(g *mls.Group, cfg mls.Config, members []*message.KeyPackage) (*mls.Candidate, error)) *world {
				next := &world{t: t, id: target, groups: map[string]*mls.Group{}}
				own := map[string]*mls.OwnKeyPackage{}
				var members []*message.KeyPackage
				for _, name := range []string{"a", "b", "c"} {
					if name == by {
						continue
					}
					cfg := next.config(name)
					cfg.PSKs = stores[name]
					k, err := mls.NewKeyPackage(t.Context(), testTime, cfg, mls.KeyPackageOptions{})
					require.NoError(t, err)
					own[name] = k
					members = append(members, k.KeyPackage)
				}
				c, err := create(w.groups[by], next.config(by), members)
				require.NoError(t, err)
				next.groups[by] = next.joined(c)
				for name, k := range own {
					next.groups[name], err = adopted(k.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
					require.NoError(t, err)
				}
				next.agree()
				next.talk()
				return next
			}
			next := follow("c", func(g *mls.Group, cfg mls.Config, members []*message.KeyPackage) (*mls.Candidate, error) {
				_, err := g.Reinitialize(t.Context(), testTime, cfg, members[:1], mls.FollowUpOptions{})
				require.ErrorIs(t, err, message.ErrInvalid, "all members come along")
				return g.Reinitialize(t.Context(), testTime, cfg, members, mls.FollowUpOptions{})
			})
			require.Equal(t, "the new group", string(next.groups["a"].GroupID()))

			w = next
			for name, g := range w.groups {
				stores[name].groups = append(stores[name].groups, g)
			}
			follow("b", func(g *mls.Group, cfg mls.Config, members []*message.KeyPackage) (*mls.Candidate, error) {
				stranger, err := mls.NewKeyPackage(t.Context(), testTime, config(t, target, "stranger"), mls.KeyPackageOptions{})
				require.NoError(t, err)
				_, err = g.Branch(t.Context(), testTime, cfg, nil, nil, []*message.KeyPackage{stranger.KeyPackage}, mls.FollowUpOptions{})
				require.ErrorIs(t, err, message.ErrInvalid, "a branch has members of the group alone")
				return g.Branch(t.Context(), testTime, cfg, nil, nil, members, mls.FollowUpOptions{})
			})
		})
	}
}

func TestBranchWithPathAndWithoutTree(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b")
	cfg := w.config("b")
	cfg.PSKs = &store{groups: []*mls.Group{w.groups["b"]}}
	kp, err := mls.NewKeyPackage(t.Context(), testTime, cfg, mls.KeyPackageOptions{})
	require.NoError(t, err)
	c, err := w.groups["a"].Branch(t.Context(), testTime, w.config("a"), nil, nil,
		[]*message.KeyPackage{kp.KeyPackage}, mls.FollowUpOptions{ForcePath: true, WithoutTree: true})
	require.NoError(t, err)
	_, err = kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{})
	require.ErrorIs(t, err, message.ErrUnsupported, "there is no tree")
	tree, err := c.RatchetTree()
	require.NoError(t, err)
	branch := &world{t: t, id: 0x0001, groups: map[string]*mls.Group{}}
	branch.groups["b"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{RatchetTree: tree}))
	require.NoError(t, err)
	branch.groups["a"] = w.joined(c)
	require.EqualValues(t, codepoint.LeafNodeCommit, branch.groups["b"].Leaf(0).Source, "the creator's leaf is of its path")
	branch.agree()
	branch.commit("b")
}

func TestPendingProposalsOfEachKind(t *testing.T) {
	shared := &store{external: map[string][]byte{"one": []byte("a key that everybody knows by now")}}
	w := newWorld(t, 0x0001, func(c *mls.Config) { c.PSKs = shared }, "a", "b", "c")
	propose := func(by string, p message.Proposal) {
		m, err := w.groups[by].Propose(t.Context(), testTime, p, nil)
		require.NoError(t, err)
		w.propose(by, m)
	}
	custom := message.Extension{Type: message.ExtensionExternalSenders, Data: []byte{0}}
	propose("a", externalPSK("one"))
	propose("b", externalPSK("nobody has it"))
	_, err := w.groups["b"].Propose(t.Context(), testTime, message.GroupContextExtensions{Extensions: message.Extensions{{Type: 0xF123}}}, nil)
	require.ErrorIs(t, err, message.ErrInvalid, "nobody supports it")
	propose("b", message.GroupContextExtensions{Extensions: message.Extensions{custom}})
	propose("a", message.GroupContextExtensions{})
	propose("a", message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0002})
	c := w.commit("c")
	require.Len(t, c.Proposals(), 2, "one known PSK, one list of extensions that all support")
	require.Equal(t, message.Extensions{custom}, w.groups["a"].GroupContext().Extensions)
	w.agree()

	propose("a", message.ReInit{GroupID: []byte("first"), CipherSuite: 0x0002})
	propose("b", message.ReInit{GroupID: []byte("second"), CipherSuite: 0x0002})
	c = w.commit("c")
	require.Len(t, c.Proposals(), 1, "a ReInit stands alone")
	require.Equal(t, "second", string(c.Proposals()[0].Proposal.(message.ReInit).GroupID))
	_, err = w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{})
	require.ErrorIs(t, err, mls.ErrReInit)
}

func TestLastResortKeyPackage(t *testing.T) {
	kp, err := mls.NewKeyPackage(t.Context(), testTime, config(t, 0x0001, "z"), mls.KeyPackageOptions{LastResort: true})
	require.NoError(t, err)
	for range 2 {
		w := newWorld(t, 0x0001, nil, "a", "b")
		c := w.commit("a", message.Add{KeyPackage: kp.KeyPackage})
		w.groups["z"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
		require.NoError(t, err)
		w.commit("z")
		w.talk()
	}
	kp.Destroy()
	w := newWorld(t, 0x0001, nil, "a")
	c := w.commit("a", message.Add{KeyPackage: kp.KeyPackage})
	_, err = kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{})
	require.ErrorIs(t, err, mls.ErrKeyPackageUsed)
}

func TestStrictHandshake(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b")
	strict := w.config("s")
	strict.StrictHandshake = true
	w.addClient("a", "s", strict)
	public := w.config("p")
	public.PublicHandshake = true
	w.addClient("a", "p", public)
	c, err := w.groups["p"].Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	_, err = w.groups["b"].Process(t.Context(), testTime, c.Message)
	require.NoError(t, err)
	_, err = w.groups["s"].Process(t.Context(), testTime, c.Message)
	require.ErrorIs(t, err, message.ErrUnsupported)
}

func TestHandshakeFormatIsChosenAtTheJoin(t *testing.T) {
	for _, public := range []bool{false, true} {
		w := newWorld(t, 0x0001, nil, "a")
		cfg := w.config("b")
		cfg.PublicHandshake = !public
		kp, err := mls.NewKeyPackage(t.Context(), testTime, cfg, mls.KeyPackageOptions{})
		require.NoError(t, err)
		c := w.commit("a", message.Add{KeyPackage: kp.KeyPackage})
		w.groups["b"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{PublicHandshake: new(public)}))
		require.NoError(t, err)
		c = w.commit("b")
		m, err := message.Parse[message.Message](c.Message)
		require.NoError(t, err)
		want := message.WireFormatPrivateMessage
		if public {
			want = message.WireFormatPublicMessage
		}
		require.Equal(t, want, m.WireFormat())
	}
}
