package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// framing.AuthorOf is a client in an epoch.
func authorOf(cfg mls.Config, epoch uint64) message.Author {
	return message.Author{Epoch: epoch, Credential: cfg.Credential, SignatureKey: cfg.Signer.PublicKey()}
}

// A late message names its author, whosever the leaf is by then.
func TestLateMessageNamesItsAuthor(t *testing.T) {
	forStateSuites(t, func(t *testing.T, id suite.ID) {
		w := newStateWorld(t, id, nil, "alice", "bob")
		epoch, leaf := w.groups["bob"].Epoch(), w.groups["bob"].OwnLeaf()
		var late [][]byte
		for range 3 {
			m, err := w.groups["bob"].Encrypt(t.Context(), testTime, []byte("held back"), nil)
			require.NoError(t, err)
			late = append(late, m)
		}
		kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("carol"), mls.KeyPackageOptions{})
		require.NoError(t, err)
		c, err := w.groups["alice"].Commit(t.Context(), testTime, mls.CommitOptions{}, message.Remove{Removed: leaf}, message.Add{KeyPackage: kp.KeyPackage})
		require.NoError(t, err)
		w.groups["alice"] = w.joined(c)
		delete(w.groups, "bob")
		w.groups["carol"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
		require.NoError(t, err)
		require.Equal(t, leaf, w.groups["carol"].OwnLeaf())

		shown := func(generation uint32) {
			r, err := w.groups["alice"].Process(t.Context(), testTime, late[generation])
			require.NoError(t, err)
			require.Equal(t, &mls.ApplicationMessage{
				Author: authorOf(w.configs["bob"], epoch), Sender: leaf, Generation: generation, Data: []byte("held back"), AuthenticatedData: []byte{},
			}, r.Application)
		}
		shown(0)
		w.restart()
		shown(1)
		w.save()
		w.commit("carol")
		w.restart()
		shown(2)
		_, err = w.groups["carol"].Encrypt(t.Context(), testTime, nil, nil)
		require.ErrorIs(t, err, mls.ErrUnsaved)
		w.save()
		m, err := w.groups["carol"].Encrypt(t.Context(), testTime, nil, nil)
		require.NoError(t, err)
		r, err := w.groups["alice"].Process(t.Context(), testTime, m)
		require.NoError(t, err)
		require.Equal(t, authorOf(w.configs["carol"], w.groups["carol"].Epoch()), r.Application.Author)
	})
}

// Each proposal and commit names its author, of whichever kind: to members and to a
// public group, at once and after a restart.
func TestHandshakeNamesItsAuthor(t *testing.T) {
	s, err := mlstest.AllSuites().Suite(0x0001)
	require.NoError(t, err)
	authority := config(t, 0x0001, "authority")
	senders, err := message.Marshal(&message.ExternalSenders{{SignatureKey: authority.Signer.PublicKey(), Credential: authority.Credential}})
	require.NoError(t, err)
	w := newStateWorld(t, 0x0001, func(cfg *mls.Config) { cfg.PublicHandshake = true }, "alice", "bob")
	w.commit("alice", message.GroupContextExtensions{Extensions: message.Extensions{{Type: message.ExtensionExternalSenders, Data: senders}}})
	w.inPublic("alice")
	epoch := w.groups["alice"].Epoch()

	kp, err := mls.NewKeyPackage(t.Context(), testTime, w.config("carol"), mls.KeyPackageOptions{})
	require.NoError(t, err)
	outside := mls.ExternalProposer{Suite: s, GroupID: w.groups["alice"].GroupID(), Epoch: epoch}
	external, err := outside.Propose(t.Context(), authority.Signer, 0, externalPSK("psk"))
	require.NoError(t, err)
	joins, err := outside.ProposeJoin(t.Context(), kp)
	require.NoError(t, err)
	update, err := w.groups["bob"].ProposeUpdate(t.Context(), testTime, mls.LeafOptions{}, nil)
	require.NoError(t, err)
	want := []message.Author{authorOf(authority, epoch), authorOf(w.configs["carol"], epoch), authorOf(w.configs["bob"], epoch)}

	for i, m := range [][]byte{external, joins, update} {
		r, err := w.groups["alice"].Process(t.Context(), testTime, m)
		require.NoError(t, err)
		require.Equal(t, want[i], r.Proposal.Author)
		public, err := w.public.Process(t.Context(), testTime, m)
		require.NoError(t, err)
		require.Equal(t, want[i], public.Proposal.Author)
		if i < 2 {
			_, err = w.groups["bob"].Process(t.Context(), testTime, m)
			require.NoError(t, err)
		}
	}
	authors := func(list []mls.CommittedProposal) (a []message.Author) {
		for _, p := range list {
			a = append(a, p.Author)
		}
		return a
	}
	own := []message.Author{want[2], want[0], want[1]} // in the order of arrival
	require.Equal(t, own, authors(w.groups["bob"].Proposals()))
	w.restart()
	w.restartPublic()
	require.Equal(t, want, authors(w.groups["alice"].Proposals()))
	require.Equal(t, own, authors(w.groups["bob"].Proposals()))
	require.Equal(t, want, authors(w.public.Proposals()))

	// A commit under a new key is by the old one, in the epoch that it ends.
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	c, err := w.groups["alice"].Commit(t.Context(), testTime, mls.CommitOptions{Leaf: mls.LeafOptions{Signer: signer}}, message.GroupContextExtensions{})
	require.NoError(t, err)
	by := authorOf(w.configs["alice"], epoch)
	check := func(c interface {
		Author() message.Author
		Proposals() []mls.CommittedProposal
	}, want ...message.Author) {
		require.Equal(t, by, c.Author())
		require.Equal(t, want, authors(c.Proposals()))
	}
	want = []message.Author{want[1], want[2], by} // nobody knows the pre-shared key
	check(c, want...)
	state, err := c.Save()
	require.NoError(t, err)
	again, err := w.groups["alice"].RestoreCandidate(testTime, state, signer)
	require.NoError(t, err)
	check(again, want...)
	public, err := w.public.Process(t.Context(), testTime, c.Message)
	require.NoError(t, err)
	check(public.Commit, want...)
	r, err := w.groups["bob"].Process(t.Context(), testTime, c.Message)
	require.NoError(t, err)
	check(r.Commit, want...)
	state, err = r.Commit.Save()
	require.NoError(t, err)
	again, err = w.groups["bob"].RestoreCandidate(testTime, state)
	require.NoError(t, err)
	check(again, want...)
	w.adopt("alice", c)
	w.groups["carol"], err = adopted(kp.Join(t.Context(), testTime, c.Welcome, mls.JoinOptions{}))
	require.NoError(t, err)

	// An external commit is by the leaf that it brings.
	info, err := w.groups["carol"].GroupInfo(t.Context(), testTime, true)
	require.NoError(t, err)
	c, err = mls.ExternalJoin(t.Context(), testTime, w.config("dave"), info, mls.ExternalJoinOptions{})
	require.NoError(t, err)
	by = authorOf(w.configs["dave"], epoch+1)
	check(c, by)
	state, err = c.Save()
	require.NoError(t, err)
	again, err = mls.RestoreCandidate(testTime, w.configs["dave"], state)
	require.NoError(t, err)
	check(again, by)
	public, err = w.public.Process(t.Context(), testTime, c.Message)
	require.NoError(t, err)
	check(public.Commit, by)
	r, err = w.groups["bob"].Process(t.Context(), testTime, c.Message)
	require.NoError(t, err)
	check(r.Commit, by)
	state, err = r.Commit.Save()
	require.NoError(t, err)
	again, err = w.groups["bob"].RestoreCandidate(testTime, state)
	require.NoError(t, err)
	check(again, by)
	require.Equal(t, r.Commit.Changes(), again.Changes())
}
