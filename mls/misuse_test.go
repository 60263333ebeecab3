package mls

import (
	"context"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/suite"
)

// What a caller hands over by mistake is refused with the error that says so.
func TestMisuseIsRefused(t *testing.T) {
	a := newAttack(t)
	_, err := ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "joiner"), a.commit(forgery{withPath: true}).message, ExternalJoinOptions{})
	require.ErrorIs(t, err, ErrUnsupported, "a commit is no GroupInfo")
	basic := BasicCredential([]byte("x"))
	_, err = basic.Certificates()
	require.ErrorIs(t, err, ErrUnsupported)
	outside := ExternalProposer{Suite: a.public.suite, GroupID: a.GroupID(), Epoch: a.Epoch()}
	_, err = outside.Propose(t.Context(), a.cfg.Signer, 0, a.update(nil))
	require.ErrorIs(t, err, ErrUnsupported, "only a member sends an Update")
	for _, proposal := range []Proposal{nil, Add{}} {
		_, err = a.Propose(t.Context(), insiderTime, proposal, nil)
		require.ErrorIs(t, err, ErrMalformed)
		_, err = a.Commit(t.Context(), insiderTime, CommitOptions{}, proposal)
		require.ErrorIs(t, err, ErrMalformed)
		_, err = outside.Propose(t.Context(), a.cfg.Signer, 0, proposal)
		require.ErrorIs(t, err, ErrMalformed)
	}
	_, err = a.Propose(t.Context(), insiderTime, &Remove{}, nil)
	require.ErrorIs(t, err, ErrUnsupported, "it is a pointer")
	_, err = a.Branch(t.Context(), insiderTime, *a.cfg, nil, nil, []*KeyPackage{nil}, FollowUpOptions{})
	require.ErrorIs(t, err, ErrMalformed)
	_, err = label.Open(destroyedKey(t), label.Welcome, nil, make([]byte, 32), make([]byte, 16))
	require.ErrorIs(t, err, ErrRetired)
	ratchets := newSecretTree(a.public.suite, 4, make([]byte, 32))
	ratchets.destroy()
	_, err = ratchets.find(0, ContentApplication, 0, testLimits)
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
	_, err := g.Propose(t.Context(), insiderTime, Remove{Removed: 1}, nil)
	require.NoError(t, err)
	used := g.inbox.ratchets.ratchets[g.leaf].handshake.next
	m, err := g.Propose(t.Context(), insiderTime, Remove{Removed: 2}, nil)
	require.ErrorIs(t, err, ErrUnsupported)
	require.Nil(t, m)
	require.Equal(t, used, g.inbox.ratchets.ratchets[g.leaf].handshake.next)
}

// The external_pub of a GroupInfo is a public key, whoever signed it (RFC 9420,
// Section 12.4.3.2).
func TestExternalPubIsAKey(t *testing.T) {
	a := newAttack(t)
	b, err := a.GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	m, err := Parse[Message](b)
	require.NoError(t, err)
	for i, x := range m.GroupInfo.Extensions {
		if x.Type == ExtensionExternalPub {
			m.GroupInfo.Extensions[i].Data, err = wire.Marshal((&externalPub{key: make([]byte, 32)}).marshal)
			require.NoError(t, err)
		}
	}
	tbs, err := groupInfoTBS(m.GroupInfo)
	require.NoError(t, err)
	m.GroupInfo.Signature, err = label.Sign(t.Context(), a.cfg.Signer, label.GroupInfoTBS, tbs)
	require.NoError(t, err)
	b, err = Marshal(m)
	require.NoError(t, err)
	_, err = ExternalJoin(t.Context(), insiderTime, client(t, 0x0001, "joiner"), b, ExternalJoinOptions{})
	requireRefused(t, violation("12.4.3.2", "external_pub is a public key of the suite"), err)
}

// A group that has ended takes no proposal or commit any more.
func TestEndedGroupTakesNoHandshake(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, ReInit{GroupID: []byte("next"), CipherSuite: 0x0001})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	message, _ := insider{t, groups[1]}.propose(Remove{Removed: 0})
	requireUnmoved(t, groups[2], ErrReInit, func() error {
		_, err := groups[2].Process(t.Context(), insiderTime, message)
		return err
	})
}

// Proposals of one epoch are kept up to a limit.
func TestProposalsAreLimited(t *testing.T) {
	groups := clique(t, 0x0001, 3, func(cfg *Config) { cfg.Limits.MaxProposals = 1 })
	m := insider{t, groups[1]}
	first, _ := m.propose(Remove{Removed: 0})
	_, err := groups[2].Process(t.Context(), insiderTime, first)
	require.NoError(t, err)
	second, _ := m.propose(m.update(nil))
	_, err = groups[2].Process(t.Context(), insiderTime, second)
	require.ErrorIs(t, err, ErrUnsupported)
}

// destroyedKey is a private key whose secret is gone.
func destroyedKey(t *testing.T) suite.PrivateKey {
	t.Helper()
	key, err := testSuite(t, 0x0001).GenerateKey()
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
		require.ErrorIs(t, err, ErrMalformed, keys)
	}
}

// A proposal is one of the types of RFC 9420 or a custom one, by value, with its content.
func TestProposalsAreComplete(t *testing.T) {
	type other struct{ Remove }
	for _, p := range []Proposal{nil, Add{}, Update{}, Custom{ProposalType: ProposalRemove}} {
		require.ErrorIs(t, complete(p), ErrMalformed, "%T", p)
	}
	for _, p := range []Proposal{&Remove{}, other{}} {
		require.ErrorIs(t, complete(p), ErrUnsupported, "%T", p)
	}
	for _, p := range []Proposal{Add{KeyPackage: new(KeyPackage)}, Remove{Removed: 0}, Custom{ProposalType: strangeProposal}} {
		require.NoError(t, complete(p), "%T", p)
	}
}

// An Update is of a leaf that is there.
func TestUpdateOfABlankLeafIsRefused(t *testing.T) {
	a := newAttack(t)
	p := CommittedProposal{Proposal: a.update(nil), Sender: Sender{Type: SenderMember, Leaf: 77}}
	requireViolation(t, a.public.checkProposal(&p, listRules{}), "12.1.2", "Update is of a member", 77)
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
		require.ErrorIs(t, err, ErrUnsupported)
	}
	_, err := parseRecords(binary.BigEndian.AppendUint16(nil, stateVersion))
	require.NoError(t, err)
}
