package mls

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/internal/secrettree"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// What a caller hands over by mistake is refused with the error that says so.
func TestMisuseIsRefused(t *testing.T) {
	a := newAttack(t)
	_, err := ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "joiner"), a.commit(forgery{withPath: true}).message, ExternalJoinOptions{})
	require.ErrorIs(t, err, message.ErrUnsupported, "a commit is not a GroupInfo")
	basic := message.BasicCredential([]byte("x"))
	_, err = basic.Certificates()
	require.ErrorIs(t, err, message.ErrUnsupported)
	outside := ExternalProposer{Suite: a.public.suite, GroupID: a.GroupID(), Epoch: a.Epoch()}
	_, err = outside.Propose(t.Context(), a.cfg.Signer, 0, a.update(nil))
	require.ErrorIs(t, err, message.ErrUnsupported, "only a member sends an Update")
	for _, proposal := range []message.Proposal{nil, message.Add{}} {
		_, err = a.Propose(t.Context(), insiderTime, proposal, nil)
		require.ErrorIs(t, err, message.ErrMalformed)
		_, err = a.Commit(t.Context(), insiderTime, CommitOptions{}, proposal)
		require.ErrorIs(t, err, message.ErrMalformed)
		_, err = outside.Propose(t.Context(), a.cfg.Signer, 0, proposal)
		require.ErrorIs(t, err, message.ErrMalformed)
	}
	_, err = a.Propose(t.Context(), insiderTime, &message.Remove{}, nil)
	require.ErrorIs(t, err, message.ErrUnsupported, "it is a pointer")
	_, err = a.Branch(t.Context(), insiderTime, *a.cfg, nil, nil, []*message.KeyPackage{nil}, FollowUpOptions{})
	require.ErrorIs(t, err, message.ErrMalformed)
	_, err = label.Open(destroyedKey(t), label.Welcome, nil, make([]byte, 32), make([]byte, 16))
	require.ErrorIs(t, err, ErrRetired)
	ratchets := secrettree.New(a.public.suite, 4, make([]byte, 32))
	ratchets.Destroy()
	err = ratchets.Find(new(secrettree.UnusedKey), 0, message.ContentApplication, 0, secrettree.RatchetLimits{MaxForward: 100, MaxKept: 100})
	require.ErrorIs(t, err, ErrRetired)
}

// silentStore is a store that answers neither a PSK nor an error.
type silentStore struct{}

func (silentStore) ExternalPSK(context.Context, []byte) ([]byte, error) { return nil, nil }
func (silentStore) Group([]byte) *Group                                 { return nil }

func TestStoreThatAnswersNothing(t *testing.T) {
	g := clique(t, 0x0001, 2)[0]
	g.cfg.PSKs = silentStore{}
	_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, externalPSK("x"))
	require.ErrorIs(t, err, ErrUnknownPSK)
	require.ErrorContains(t, err, "pre-shared key 0")
}

// A proposal for which there is no room uses no generation.
func TestProposeBeyondLimit(t *testing.T) {
	g := clique(t, 0x0001, 3)[0]
	g.cfg.Limits.MaxProposals = 1
	_, err := g.Propose(t.Context(), insiderTime, message.Remove{Removed: 1}, nil)
	require.NoError(t, err)
	used := g.inbox.ratchets.Ratchets[g.leaf].Handshake.Next
	m, err := g.Propose(t.Context(), insiderTime, message.Remove{Removed: 2}, nil)
	require.ErrorIs(t, err, message.ErrUnsupported)
	require.Nil(t, m)
	require.Equal(t, used, g.inbox.ratchets.Ratchets[g.leaf].Handshake.Next)
}

// The external_pub of a GroupInfo is a public key, whoever signed it (RFC 9420,
// Section 12.4.3.2).
func TestExternalPubIsAKey(t *testing.T) {
	a := newAttack(t)
	b, err := a.GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	m, err := message.Parse[message.Message](b)
	require.NoError(t, err)
	for i, x := range m.GroupInfo.Extensions {
		if x.Type == codepoint.ExtensionExternalPub {
			m.GroupInfo.Extensions[i].Data, err = wire.Marshal((&check.ExternalPub{Key: make([]byte, 32)}).Marshal)
			require.NoError(t, err)
		}
	}
	tbs, err := wire.Marshal(func(w *wire.Writer) { message.WriteTBS(w, m.GroupInfo) })
	require.NoError(t, err)
	m.GroupInfo.Signature, err = label.Sign(t.Context(), a.cfg.Signer, label.GroupInfoTBS, tbs)
	require.NoError(t, err)
	b, err = message.Marshal(m)
	require.NoError(t, err)
	_, err = ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "joiner"), b, ExternalJoinOptions{})
	requireRefused(t, fault.Violation("12.4.3.2", "external_pub is not a public key of the suite"), err)
}

// A group that has ended takes no proposal or commit any more.
func TestEndedGroupTakesNoHandshake(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	message, _ := insider{t, groups[1]}.propose(message.Remove{Removed: 0})
	requireUnmoved(t, groups[2], ErrReInit, func() error {
		_, err := groups[2].Process(t.Context(), insiderTime, message)
		return err
	})
}

// Proposals of one epoch are kept up to a limit.
func TestProposalsAreLimited(t *testing.T) {
	groups := clique(t, 0x0001, 3, func(cfg *Config) { cfg.Limits.MaxProposals = 1 })
	m := insider{t, groups[1]}
	first, _ := m.propose(message.Remove{Removed: 0})
	_, err := groups[2].Process(t.Context(), insiderTime, first)
	require.NoError(t, err)
	second, _ := m.propose(m.update(nil))
	_, err = groups[2].Process(t.Context(), insiderTime, second)
	require.ErrorIs(t, err, message.ErrUnsupported)
}

// destroyedKey is a private key whose secret is gone.
func destroyedKey(t *testing.T) suite.PrivateKey {
	t.Helper()
	key, err := mlstest.Suite(t, 0x0001).GenerateKey()
	require.NoError(t, err)
	suite.Destroy(key)
	return key
}

// The records of a saved state are in the order of their keys, whoever wrote them.
func TestRecordsAreInOrder(t *testing.T) {
	for _, keys := range [][2]string{{"b", "a"}, {"a", "a"}} {
		var w wire.Writer
		w.Uint16(stateVersion)
		for _, key := range keys {
			w.Bytes([]byte(key))
			w.Bytes(nil)
		}
		b, err := w.Finish()
		require.NoError(t, err)
		_, err = parseRecords(b)
		require.ErrorIs(t, err, message.ErrMalformed, keys)
	}
}

// A proposal is one of the types of RFC 9420 or a custom one, by value, with its content.
func TestProposalsAreComplete(t *testing.T) {
	type other struct{ message.Remove }
	for _, p := range []message.Proposal{nil, message.Add{}, message.Update{}, message.Custom{ProposalType: codepoint.ProposalRemove}} {
		require.ErrorIs(t, check.Complete(p), message.ErrMalformed, "%T", p)
	}
	for _, p := range []message.Proposal{&message.Remove{}, other{}} {
		require.ErrorIs(t, check.Complete(p), message.ErrUnsupported, "%T", p)
	}
	for _, p := range []message.Proposal{message.Add{KeyPackage: new(message.KeyPackage)}, message.Remove{Removed: 0}, message.Custom{ProposalType: strangeProposal}} {
		require.NoError(t, check.Complete(p), "%T", p)
	}
}

// An Update is of a leaf that is there.
func TestUpdateOfABlankLeafIsRefused(t *testing.T) {
	a := newAttack(t)
	p := CommittedProposal{Proposal: a.update(nil), Sender: message.Sender{Type: message.SenderMember, Leaf: 77}}
	requireRefused(t, fault.Violation("12.1.2", "sender of the Update is not a member").AtLeaf(77), a.public.checkProposal(&p, listRules{}))
}

// A key package that is destroyed joins nothing.
func TestDestroyedKeyPackageMayNotJoin(t *testing.T) {
	k := ownKeyPackage(t, 0x0001, "joiner")
	require.NoError(t, k.mayJoin([]byte{1}))
	k.Destroy()
	require.ErrorIs(t, k.mayJoin([]byte{1}), ErrKeyPackageUsed)
}

// A state of another version is not read as one of this.
func TestStatesOfOtherVersionsAreRefused(t *testing.T) {
	for _, version := range []uint16{0, stateVersion - 1, stateVersion + 1} {
		_, err := parseRecords(binary.BigEndian.AppendUint16(nil, version))
		require.ErrorIs(t, err, message.ErrUnsupported)
	}
	_, err := parseRecords(binary.BigEndian.AppendUint16(nil, stateVersion))
	require.NoError(t, err)
}
