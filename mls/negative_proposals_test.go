package mls

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/event"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/internal/ratchettree"
	"github.com/mlsuite/mlsuite/mls/message"
)

func TestUpdateKeepsNoKey(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	m := insider{t, groups[1]}
	old := m.public.tree.Leaf(1).EncryptionKey()
	message, _ := m.propose(m.update(func(n *message.LeafNode) { n.EncryptionKey = old }))
	requireUnprocessed(t, groups[2], fault.Violation("7.3", "encryption_key of the Update is not new").AtLeaf(1), message)
}

func TestRemoveIsOfAMember(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 3})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	for _, leaf := range []message.LeafIndex{3, 4, 1 << 20, 1 << 30, 1<<31 + 2, ratchettree.NoLeaf} {
		refuseProposal(t, groups, message.Remove{Removed: leaf}, fault.Violation("12.1.3", "removed leaf is not a member").AtLeaf(leaf))
	}
}

func TestExternalInitIsOfAnExternalCommit(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	refuseProposal(t, groups, message.ExternalInit{KEMOutput: make([]byte, 32)},
		fault.Violation("12.1.6", "ExternalInit is not in an external commit"))
}

func TestPreSharedKeyRules(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	psk := func(id message.PreSharedKeyID) message.Proposal { return message.PreSharedKey{PSK: id} }
	refuseProposal(t, groups, psk(message.PreSharedKeyID{ID: []byte("id"), Nonce: make([]byte, 31)}),
		fault.Violation("12.1.4", "psk_nonce does not have 32 bytes"))
	for _, usage := range []message.ResumptionPSKUsage{message.ResumptionPSKReInit, message.ResumptionPSKBranch} {
		refuseProposal(t, groups, psk(message.PreSharedKeyID{
			Usage: usage, GroupID: groups[0].GroupID(), Nonce: make([]byte, 32),
		}), fault.Violation("12.1.4", "resumption PSK of usage"))
	}
}

func TestReInitDoesNotGoBack(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	m, want := insider{t, groups[1]}, fault.Violation("12.1.5", "ReInit goes back")
	back := message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001} // a client here would send VersionMLS10
	message, _ := m.propose(back)
	requireUnprocessed(t, groups[2], want, message)
	requireUnprocessed(t, groups[2], want.AtProposal(0), m.commit(forgery{proposals: m.byValue(back)}).message)
}

// Lists of proposals that are each right and together wrong (RFC 9420, Section
// 12.2).
func TestProposalListFaultsAreRefused(t *testing.T) {
	t.Parallel()
	type list = []CommittedProposal
	for _, c := range []struct {
		name string
		list func(*attack) list
		want *fault.Violated
	}{
		{"committer's own Update by reference", func(a *attack) list {
			return list{a.received(1, a.update(nil))}
		}, fault.Violation("12.2", "committer commits its own Update").AtLeaf(1).AtProposal(0)},
		{"Update by value", func(a *attack) list {
			return a.byValue(a.update(nil))
		}, fault.Violation("12.2", "committer commits its own Update").AtLeaf(1).AtProposal(0)},
		{"another's Update by value", func(a *attack) list {
			return a.byValue(a.updateOf(3, nil))
		}, fault.Violation("7.3", "LeafNode signature does not verify").AtLeaf(1).AtProposal(0)},
		{"committer's Remove of itself", func(a *attack) list {
			return a.byValue(message.Remove{Removed: 1})
		}, fault.Violation("12.2", "committer removes itself").AtLeaf(1).AtProposal(0)},
		{"another's Remove of the committer", func(a *attack) list {
			return append(a.byValue(message.Remove{Removed: 3}), a.received(3, message.Remove{Removed: 1}))
		}, fault.Violation("12.2", "committer removes itself").AtLeaf(1).AtProposal(1)},
		{"two Removes of one leaf", func(a *attack) list {
			return a.byValue(message.Remove{Removed: 3}, message.Remove{Removed: 0}, message.Remove{Removed: 3})
		}, fault.Violation("12.2", "another proposal updates or removes the same leaf").AtLeaf(3).AtProposal(2)},
		{"one Remove referred to twice", func(a *attack) list {
			p := a.received(0, message.Remove{Removed: 3})
			return list{p, p}
		}, fault.Violation("12.2", "another proposal updates or removes the same leaf").AtLeaf(3).AtProposal(1)},
		{"Update and Remove of one leaf", func(a *attack) list {
			return append(a.byValue(message.Remove{Removed: 3}), a.received(3, a.updateOf(3, nil)))
		}, fault.Violation("12.2", "another proposal updates or removes the same leaf").AtLeaf(3).AtProposal(1)},
		{"two Updates of one leaf", func(a *attack) list {
			return list{a.received(3, a.updateOf(3, nil)), a.received(3, a.updateOf(3, nil))}
		}, fault.Violation("12.2", "another proposal updates or removes the same leaf").AtLeaf(3).AtProposal(1)},
		{"one key package added twice", func(a *attack) list {
			twin := message.Add{KeyPackage: ownKeyPackage(a.t, 0x0001, "twin").KeyPackage}
			return a.byValue(twin, twin)
		}, fault.Violation("7.3", "is not unique").AtLeaf(5)},
		{"one client added twice", func(a *attack) list {
			first := ownKeyPackage(a.t, 0x0001, "client")
			second, err := NewKeyPackage(a.t.Context(), insiderTime, first.cfg, KeyPackageOptions{})
			require.NoError(a.t, err)
			return a.byValue(message.Add{KeyPackage: first.KeyPackage}, message.Add{KeyPackage: second.KeyPackage})
		}, fault.Violation("7.3", "signature_key is not unique").AtLeaf(5)},
		{"one encryption key in two Adds", func(a *attack) list {
			first := ownKeyPackage(a.t, 0x0001, "first").KeyPackage
			return a.byValue(message.Add{KeyPackage: first}, a.addWithKey(first.LeafNode.EncryptionKey))
		}, fault.Violation("7.3", "encryption_key is not unique").AtLeaf(5)},
		{"Add of a member", func(a *attack) list {
			again, err := NewKeyPackage(a.t.Context(), insiderTime, *a.cfg, KeyPackageOptions{})
			require.NoError(a.t, err)
			return a.byValue(message.Add{KeyPackage: again.KeyPackage})
		}, fault.Violation("7.3", "signature_key is not unique").AtLeaf(4)},
		{"Add with the encryption key of a member", func(a *attack) list {
			return a.byValue(a.addWithKey(a.public.tree.Leaf(0).EncryptionKey()))
		}, fault.Violation("7.3", "encryption_key is not unique").AtLeaf(4)},
		{"Add with the encryption key of a parent", func(a *attack) list {
			return a.byValue(a.addWithKey(a.public.tree.Parent(3).EncryptionKey))
		}, fault.Violation("7.3", "encryption_key is not unique").AtLeaf(4)},
		{"Update with the encryption key of another member", func(a *attack) list {
			key := a.public.tree.Leaf(0).EncryptionKey()
			return list{a.received(3, a.updateOf(3, func(n *message.LeafNode) { n.EncryptionKey = key }))}
		}, fault.Violation("7.3", "encryption_key is not unique").AtLeaf(3)},
		{"one PreSharedKey twice", func(a *attack) list {
			return a.byValue(a.psk(32), a.psk(32))
		}, fault.Violation("12.2", "another PreSharedKey has the same PreSharedKeyID").AtProposal(1)},
		{"PreSharedKey with a short nonce", func(a *attack) list {
			return a.byValue(a.psk(31))
		}, fault.Violation("12.1.4", "psk_nonce does not have 32 bytes").AtProposal(0)},
		{"resumption PSK of a ReInit", func(a *attack) list {
			p := a.psk(32)
			p.PSK.Usage = message.ResumptionPSKReInit
			return a.byValue(p)
		}, fault.Violation("12.1.4", "resumption PSK of usage").AtProposal(0)},
		{"two GroupContextExtensions", func(a *attack) list {
			return a.byValue(message.GroupContextExtensions{}, message.GroupContextExtensions{})
		}, fault.Violation("12.2", "commit has more than one GroupContextExtensions").AtProposal(1)},
		{"extension that members lack", func(a *attack) list {
			return a.byValue(message.GroupContextExtensions{Extensions: message.Extensions{{Type: strangeExtension}}})
		}, fault.Violation("13.4", "capabilities do not list the group's extension").AtLeaf(1)},
		{"ReInit and another", func(a *attack) list {
			return a.byValue(message.ReInit{GroupID: []byte("next"), Version: codepoint.VersionMLS10, CipherSuite: 0x0001}, message.Remove{Removed: 3})
		}, fault.Violation("12.2", "ReInit is not the only proposal").AtProposal(0)},
		{"ReInit to a version of the past", func(a *attack) list {
			return a.byValue(message.ReInit{GroupID: []byte("next"), CipherSuite: 0x0001})
		}, fault.Violation("12.1.5", "ReInit goes back").AtProposal(0)},
		{"ExternalInit", func(a *attack) list {
			return a.byValue(message.ExternalInit{KEMOutput: make([]byte, 32)})
		}, fault.Violation("12.1.6", "ExternalInit is not in an external commit").AtProposal(0)},
		{"two Updates with one encryption key", func(a *attack) list {
			first := a.updateOf(0, nil).(message.Update)
			second := a.updateOf(3, func(n *message.LeafNode) { n.EncryptionKey = first.LeafNode.EncryptionKey })
			return list{a.received(0, first), a.received(3, second)}
		}, fault.Violation("7.3", "encryption_key is not unique").AtLeaf(3)},
		{"Update with the signature key of another member", func(a *attack) list {
			signer := a.groups[0].cfg.Signer
			update := a.updateOf(3, nil).(message.Update)
			update.LeafNode.SignatureKey = signer.PublicKey()
			signLeaf(a.t, update.LeafNode, signer, a.public.place(3))
			return list{a.received(3, update)}
		}, fault.Violation("7.3", "signature_key is not unique").AtLeaf(3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAttack(t)
			list := c.list(a)
			withPath := slices.ContainsFunc(list, func(p CommittedProposal) bool { return message.TypeOf(p.Proposal) != codepoint.ProposalAdd })
			requireUnprocessed(t, a.victim, c.want, a.commit(forgery{proposals: list, withPath: withPath}).message)
		})
	}
}

// A client may be added in the commit that removes it (RFC 9420, Section 12.2).
func TestRemovedMemberIsAddedAgain(t *testing.T) {
	groups := clique(t, 0x0001, 4)
	again, err := NewKeyPackage(t.Context(), insiderTime, *groups[3].cfg, KeyPackageOptions{})
	require.NoError(t, err)
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 3}, message.Add{KeyPackage: again.KeyPackage})
	require.NoError(t, err)
	follow(t, groups, 1, c)
	g, err := adopted(again.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
	require.NoError(t, err)
	require.Equal(t, groups[0].secrets.Authenticator, g.secrets.Authenticator)
}

// Every member supports every credential type in use (RFC 9420, Section 7.3).
func TestCredentialTypesInUse(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	m, g := insider{t, groups[1]}, groups[2]
	stranger := func(cfg *Config) {
		cfg.Credential = message.Credential{Type: strangeCredential, Content: []byte("name")}
	}
	want := fault.Violation("7.3", "not every member supports the credential type").AtLeaf(4).AtProposal(0)

	joiner := ownKeyPackage(t, 0x0001, "stranger", stranger).KeyPackage
	only := spoiledKeyPackage(t, func(kp *message.KeyPackage) {
		kp.LeafNode.Credential = certificateOf(kp.LeafNode.SignatureKey)
		kp.LeafNode.Capabilities.Credentials = []message.CredentialType{message.CredentialX509}
	}, nil, nil)
	for name, kp := range map[string]*message.KeyPackage{"joiner's type": joiner, "others' type": only} {
		t.Run(name, func(t *testing.T) {
			requireUnmoved(t, g, want, func() error {
				_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: kp})
				return err
			})
			requireUnprocessed(t, g, want, m.commit(forgery{proposals: m.byValue(message.Add{KeyPackage: kp})}).message)
		})
	}
	change := func(n *message.LeafNode) {
		n.Credential = message.Credential{Type: strangeCredential, Content: []byte("name")}
		n.Capabilities.Credentials = append(slices.Clone(n.Capabilities.Credentials), strangeCredential)
	}
	t.Run("committer's type", func(t *testing.T) {
		want := fault.Violation("7.3", "not every member supports the credential type").AtLeaf(1)
		requireUnprocessed(t, g, want, m.commit(forgery{withPath: true, leaf: change}).message)
	})
	t.Run("type of an Update", func(t *testing.T) {
		h := insider{t, groups[3]}
		message, update := m.propose(m.update(change))
		_, err := g.Process(t.Context(), insiderTime, message)
		require.NoError(t, err)
		c := h.commit(forgery{proposals: []CommittedProposal{update}, withPath: true})
		want := fault.Violation("7.3", "not every member supports the credential type").AtLeaf(1).AtProposal(0)
		requireUnprocessed(t, g, want, c.message)
	})
}

// Who lacks what new extensions of the group need is named.
func TestMemberThatLacksAnExtensionIsNamed(t *testing.T) {
	required, err := message.Marshal(&message.RequiredCapabilities{Proposals: []message.ProposalType{strangeProposal}})
	require.NoError(t, err)
	groups := clique(t, 0x0001, 3, publicHandshake, strange)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "poor").KeyPackage})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	m, g := insider{t, groups[1]}, groups[2]
	for _, test := range []struct {
		extension message.Extension
		want      *fault.Violated
	}{
		{message.Extension{Type: strangeExtension}, fault.Violation("13.4", "member does not support the group's extension")},
		{message.Extension{Type: message.ExtensionRequiredCapabilities, Data: required}, fault.Violation("11.1", "member does not support the required proposal")},
	} {
		replace := message.GroupContextExtensions{Extensions: message.Extensions{test.extension}}
		test.want.AtLeaf(3).AtProposal(1)
		requireUnmoved(t, g, test.want, func() error {
			_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Remove{Removed: 0}, replace)
			return err
		})
		list := m.byValue(message.Remove{Removed: 0}, replace)
		requireUnprocessed(t, g, test.want, m.commit(forgery{proposals: list, withPath: true}).message)
	}
}

// judge is an authentication service that refuses one identity, and successors of
// another name.
type judge struct {
	refused string
	asked   *[]event.Change
	fails   error
}

var errRefused = errors.New("refused")

func (j judge) Authenticate(_ context.Context, _ time.Time, _ event.Occasion, changes []event.Change) ([]error, error) {
	*j.asked = append(*j.asked, changes...)
	verdicts := make([]error, len(changes))
	for i, c := range changes {
		if string(c.Credential.Content) == j.refused {
			verdicts[i] = errRefused
		}
	}
	return verdicts, j.fails
}

func (judge) SameClient(old, next message.Credential) bool {
	return string(old.Content) == string(next.Content)
}

// The authentication service is asked about every credential that enters the
// group, by whomever it is brought (RFC 9420, Section 5.3.1).
func TestAuthenticationServiceIsAsked(t *testing.T) {
	var asked []event.Change
	wary := func(cfg *Config) { cfg.Authenticator = judge{refused: "mallory", asked: &asked} }
	groups := clique(t, 0x0001, 4, publicHandshake, wary)
	m, g := insider{t, groups[1]}, groups[2]
	refused := fault.Violation("5.3.1", "authentication service refuses the credential")

	mallory := ownKeyPackage(t, 0x0001, "mallory")
	requireUnmoved(t, g, fault.Violation("5.3.1", "authentication service refuses the credential").AtProposal(0), func() error {
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: mallory.KeyPackage})
		return err
	})
	asked = nil
	c := m.commit(forgery{proposals: m.byValue(message.Add{KeyPackage: mallory.KeyPackage})})
	requireUnprocessed(t, g, refused.AtLeaf(4), c.message)
	require.Len(t, asked, 2, "by the member, and by the follower without secrets")
	require.Equal(t, event.Added, asked[0].Reason)

	asked = nil
	rename := func(n *message.LeafNode) { n.Credential = message.BasicCredential([]byte("mallory")) }
	requireUnprocessed(t, g, refused.AtLeaf(1), m.commit(forgery{withPath: true, leaf: rename}).message)
	require.Equal(t, event.Updated, asked[0].Reason)
	require.Equal(t, "member 1", string(asked[0].Old.Content))

	succeed := func(n *message.LeafNode) { n.Credential = message.BasicCredential([]byte("alice")) }
	successor := fault.Violation("5.3.1", "new credential is not an acceptable successor").AtLeaf(1)
	requireUnprocessed(t, g, successor, m.commit(forgery{withPath: true, leaf: succeed}).message)
	msg, update := m.propose(m.update(succeed))
	_, err := g.Process(t.Context(), insiderTime, msg)
	require.NoError(t, err)
	h := insider{t, groups[3]}
	c = h.commit(forgery{proposals: []CommittedProposal{update}, withPath: true})
	requireUnprocessed(t, g, successor, c.message)

	// A joiner asks about every member.
	k := ownKeyPackage(t, 0x0001, "joiner", wary)
	asked = nil
	welcome := m.commit(forgery{proposals: m.byValue(message.Add{KeyPackage: k.KeyPackage})}).welcome(welcomeForgery{})
	_, err = adopted(k.Join(t.Context(), insiderTime, welcome, JoinOptions{}))
	require.NoError(t, err)
	require.Len(t, asked, 5)

	// A service that fails is no approval.
	down := errors.New("service is down")
	g.cfg.Authenticator = judge{asked: &asked, fails: down}
	innocent := ownKeyPackage(t, 0x0001, "innocent")
	requireUnprocessed(t, g, down, m.commit(forgery{proposals: m.byValue(message.Add{KeyPackage: innocent.KeyPackage})}).message)
}

// A suite that a policy forbids is not used.
func TestPolicyIsAsked(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	forbidden := errors.New("forbidden")
	message, err := groups[1].Encrypt(t.Context(), insiderTime, []byte("hello"), nil)
	require.NoError(t, err)
	g := groups[0]
	g.cfg.Policy = mlstest.Refusing(forbidden)
	requireUnprocessed(t, g, forbidden, message)
	requireUnmoved(t, g, forbidden, func() error {
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
		return err
	})
	requireUnmoved(t, g, forbidden, func() error {
		_, err := g.Encrypt(t.Context(), insiderTime, nil, nil)
		return err
	})
	requireUnmoved(t, g, forbidden, func() error {
		_, err := g.ProposeUpdate(t.Context(), insiderTime, LeafOptions{}, nil)
		return err
	})
	i := newInvitation(t, 0x0001, true)
	i.joiner.cfg.Policy = mlstest.Refusing(forbidden)
	_, err = i.joiner.Join(t.Context(), insiderTime, i.welcome(welcomeForgery{}), JoinOptions{})
	require.ErrorIs(t, err, forbidden)
	_, err = NewKeyPackage(t.Context(), insiderTime, i.joiner.cfg, KeyPackageOptions{})
	require.ErrorIs(t, err, forbidden)
	_, err = CreateGroup(t.Context(), insiderTime, i.joiner.cfg, nil)
	require.ErrorIs(t, err, forbidden)
}

// The last epoch that a number has room for has no next one.
func TestLastEpochHasNoNext(t *testing.T) {
	g := clique(t, 0x0001, 2)[0]
	last := *g.public
	last.context.Epoch = ^uint64(0)
	_, err := last.apply(nil, listRules{committer: g.sender()})
	require.ErrorIs(t, err, message.ErrUnsupported)
}
