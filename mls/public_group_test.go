package mls_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// inPublic lets a public group follow from here.
func (w *world) inPublic(by string) {
	w.t.Helper()
	info, err := w.groups[by].GroupInfo(w.t.Context(), testTime, true)
	require.NoError(w.t, err)
	w.public, err = mls.NewPublicGroup(w.t.Context(), testTime, mls.Config{Suites: mlstest.AllSuites()}, info, nil)
	require.NoError(w.t, err)
	w.publicState = nil
	w.restartPublic()
	w.samePublicState()
}

// samePublicState checks that the public group sees what members see.
func (w *world) samePublicState() {
	w.t.Helper()
	for name, g := range w.groups {
		want, got := g.GroupContext(), w.public.GroupContext()
		require.Empty(w.t, cmp.Diff(want, got, cmpopts.EquateEmpty()), name)
		tree, err := g.RatchetTree()
		require.NoError(w.t, err)
		served, err := w.public.RatchetTree()
		require.NoError(w.t, err)
		require.Equal(w.t, tree, served, name)
		require.Equal(w.t, g.Size(), w.public.Size())
	}
}

func (w *world) proposeInPublic(m []byte) {
	w.t.Helper()
	r, err := w.public.Process(w.t.Context(), testTime, m)
	require.NoError(w.t, err)
	require.NotNil(w.t, r.Proposal)
	kept := w.public.Proposals()
	require.Equal(w.t, *r.Proposal, kept[len(kept)-1])
	w.restartPublic()
}

// restartPublic replaces the public group by one that is restored from its saved
// state, which is the sum of its deltas.
func (w *world) restartPublic() {
	w.t.Helper()
	g := w.public
	_, err := g.Delta() // which is lost
	require.NoError(w.t, err)
	delta, err := storeDelta(g)
	require.NoError(w.t, err)
	w.publicState = w.publicState.Apply(delta)
	whole, err := storeAll(g)
	require.NoError(w.t, err)
	requireSame(w.t, whole, w.publicState, "a state is the sum of its deltas")
	again, err := storeDelta(g)
	require.NoError(w.t, err)
	require.Empty(w.t, again.Put)

	w.public, err = mls.RestorePublicGroup(testTime, mls.Config{Suites: mlstest.AllSuites()}, parsedState(w.t, bytesOf(w.t, whole)))
	require.NoError(w.t, err)
	require.Empty(w.t, cmp.Diff(g.GroupContext(), w.public.GroupContext(), cmpopts.EquateEmpty()))
	require.Empty(w.t, cmp.Diff(g.Proposals(), w.public.Proposals(), cmpopts.IgnoreUnexported(mls.CommittedProposal{}), cmpopts.EquateEmpty()))
	require.Equal(w.t, g.GroupInfo(), w.public.GroupInfo())
	restored, err := storeDelta(w.public)
	require.NoError(w.t, err)
	require.Empty(w.t, restored.Put, "it is as it was saved")
	whole, err = storeAll(w.public)
	require.NoError(w.t, err)
	requireSame(w.t, whole, w.publicState, "a restored group saves the same")
}

func (w *world) adoptInPublic(c *mls.Candidate) {
	w.t.Helper()
	before := w.public.GroupContext()
	r, err := w.public.Process(w.t.Context(), testTime, c.Message)
	require.NoError(w.t, err)
	require.Equal(w.t, c.Committer(), r.Commit.Committer())
	require.Equal(w.t, c.Added(), r.Commit.Added())
	require.Len(w.t, r.Commit.Proposals(), len(c.Proposals()))
	require.Empty(w.t, cmp.Diff(c.GroupContext(), r.Commit.GroupContext(), cmpopts.EquateEmpty()))
	require.Equal(w.t, before, w.public.GroupContext(), "not adopted yet")
	w.public = r.Commit.Adopt()
	require.Empty(w.t, w.public.Proposals())
	require.Nil(w.t, w.public.GroupInfo())
	w.restartPublic()
}

func TestPublicGroupFollows(t *testing.T) {
	t.Parallel()
	for _, id := range []suite.ID{0x0001, 0x0007, 0xF001, 0xF00A} {
		t.Run(id.String(), func(t *testing.T) {
			const custom = message.ExtensionType(0xF100)
			w := newWorld(t, id, func(c *mls.Config) {
				c.PublicHandshake = true
				c.Extensions = []message.ExtensionType{custom}
				c.PSKs = &store{external: map[string][]byte{"psk": []byte("of members")}}
			}, "a", "b", "c")
			w.inPublic("b")
			w.add("a", "d", "e")
			w.commit("e")
			w.samePublicState()

			// By reference, with an Update.
			m, err := w.groups["d"].ProposeUpdate(t.Context(), testTime, mls.LeafOptions{}, nil)
			require.NoError(t, err)
			w.propose("d", m)
			m, err = w.groups["a"].Propose(t.Context(), testTime, message.Remove{Removed: w.groups["b"].OwnLeaf()}, []byte("why"))
			require.NoError(t, err)
			w.propose("a", m)
			w.commit("c")
			require.NotContains(t, w.groups, "b")
			w.samePublicState()

			// From outside.
			s := w.public.Suite()
			authority, err := s.GenerateSigner()
			require.NoError(t, err)
			senders, err := message.Marshal(&message.ExternalSenders{{
				SignatureKey: authority.PublicKey(),
				Credential:   message.BasicCredential([]byte("authority")),
			}})
			require.NoError(t, err)
			w.commit("a", message.GroupContextExtensions{
				Extensions: message.Extensions{{Type: custom, Data: []byte("hello")},
					{Type: message.ExtensionExternalSenders, Data: senders}}})
			w.samePublicState()
			outside := mls.ExternalProposer{Suite: s, GroupID: w.public.GroupID(), Epoch: w.public.Epoch()}
			m, err = outside.Propose(t.Context(), authority, 0, message.Remove{Removed: w.groups["e"].OwnLeaf()})
			require.NoError(t, err)
			w.propose("authority", m)
			kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("f"), mls.KeyPackageOptions{})
			require.NoError(t, err)
			m, err = outside.ProposeJoin(t.Context(), kp)
			require.NoError(t, err)
			w.propose("f", m)
			c := w.commit("a", externalPSK("psk"))
			w.groups["f"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
			require.NoError(t, err)
			require.NotContains(t, w.groups, "e")
			w.samePublicState()

			// A client joins by what the public group serves, and comes back.
			joiner := w.config("g")
			for _, name := range []string{"g", "g again"} {
				info, err := w.groups["a"].GroupInfo(t.Context(), testTime, name == "g")
				require.NoError(t, err)
				require.NoError(t, w.public.SetGroupInfo(info))
				w.restartPublic()
				tree, err := w.public.RatchetTree()
				require.NoError(t, err)
				options := mls.ExternalJoinOptions{RatchetTree: tree}
				if old, ok := w.groups["g"]; ok {
					options.Remove = new(old.OwnLeaf())
				}
				c, err := mls.ExternalJoin(t.Context(), testTime, joiner, w.public.GroupInfo(), options)
				require.NoError(t, err)
				w.adopt(name, c)
				w.groups[name] = w.joined(c)
				w.agree()
				w.samePublicState()
			}

			w.commit("a", message.ReInit{GroupID: []byte("next"), CipherSuite: id})
			w.samePublicState()
			m, err = outside.Propose(t.Context(), authority, 0, message.Remove{Removed: 0})
			require.NoError(t, err)
			_, err = w.public.Process(t.Context(), testTime, m)
			require.ErrorIs(t, err, fault.ErrWrongEpoch)
			outside.Epoch = w.public.Epoch()
			m, err = outside.Propose(t.Context(), authority, 0, message.Remove{Removed: 0})
			require.NoError(t, err)
			_, err = w.public.Process(t.Context(), testTime, m)
			require.ErrorIs(t, err, mls.ErrReInit)
		})
	}
}

// Without secrets, both of two commits of an epoch can be followed.
func TestPublicGroupFollowsAFork(t *testing.T) {
	w := newWorld(t, 0x0001, func(c *mls.Config) { c.PublicHandshake = true }, "a", "b")
	w.inPublic("a")
	for _, name := range []string{"a", "b"} {
		c, err := w.groups[name].Commit(t.Context(), testTime, mls.CommitOptions{})
		require.NoError(t, err)
		r, err := w.public.Process(t.Context(), testTime, c.Message)
		require.NoError(t, err)
		require.Empty(t, cmp.Diff(c.GroupContext(), r.Commit.Adopt().GroupContext(), cmpopts.EquateEmpty()))
	}
}

func TestPublicGroupRefuses(t *testing.T) {
	w := newWorld(t, 0x0001, nil, "a", "b")
	w.inPublic("a")
	c, err := w.groups["a"].Commit(t.Context(), testTime, mls.CommitOptions{})
	require.NoError(t, err)
	_, err = w.public.Process(t.Context(), testTime, c.Message)
	require.ErrorIs(t, err, message.ErrUnsupported, "a PrivateMessage")
	_, err = w.public.Process(t.Context(), testTime, nil)
	require.ErrorIs(t, err, message.ErrMalformed)
	info := w.public.GroupInfo()
	_, err = mls.NewPublicGroup(t.Context(), testTime, mls.Config{}, info, nil)
	require.ErrorContains(t, err, "Config.Suites")
	_, err = mls.NewPublicGroup(t.Context(), testTime, mls.Config{Suites: mlstest.AllSuites()}, c.Message, nil)
	require.ErrorIs(t, err, message.ErrUnsupported, "no GroupInfo")
	info, err = w.groups["a"].GroupInfo(t.Context(), testTime, false)
	require.NoError(t, err)
	_, err = mls.NewPublicGroup(t.Context(), testTime, mls.Config{Suites: mlstest.AllSuites()}, info, nil)
	require.ErrorIs(t, err, message.ErrUnsupported, "no tree")
	tree, err := w.groups["a"].RatchetTree()
	require.NoError(t, err)
	_, err = mls.NewPublicGroup(t.Context(), testTime, mls.Config{Suites: mlstest.AllSuites()}, info, tree)
	require.NoError(t, err)
}
