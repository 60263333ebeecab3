package mls

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestUpdateKeepsNoKey(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	m := insider{t, groups[1]}
	old := m.public.tree.leaf(1).EncryptionKey
	message, _ := m.propose(m.update(func(n *LeafNode) { n.EncryptionKey = old }))
	requireUnprocessed(t, groups[2], violation("7.3", "encryption_key of an Update is new").atLeaf(1), message)
}

func TestRemoveIsOfAMember(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, Remove{Removed: 3})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	for _, leaf := range []LeafIndex{3, 4, 1 << 20, 1 << 30, 1<<31 + 2, noLeaf} {
		refuseProposal(t, groups, Remove{Removed: leaf}, violation("12.1.3", "Remove is of a member").atLeaf(leaf))
	}
}

func TestExternalInitIsOfAnExternalCommit(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	refuseProposal(t, groups, ExternalInit{KEMOutput: make([]byte, 32)},
		violation("12.1.6", "ExternalInit is of an external commit"))
}

func TestPreSharedKeyRules(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	psk := func(id PreSharedKeyID) Proposal { return PreSharedKey{PSK: id} }
	refuseProposal(t, groups, psk(PreSharedKeyID{Type: PSKExternal, ID: []byte("id"), Nonce: make([]byte, 31)}),
		violation("12.1.4", "psk_nonce is of 32 bytes"))
	for _, usage := range []ResumptionPSKUsage{ResumptionPSKReInit, ResumptionPSKBranch} {
		refuseProposal(t, groups, psk(PreSharedKeyID{
			Type: PSKResumption, Usage: usage, GroupID: groups[0].GroupID(), Nonce: make([]byte, 32),
		}), violation("12.1.4", "resumption PSK of usage"))
	}
}

func TestReInitDoesNotGoBack(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	m, want := insider{t, groups[1]}, violation("12.1.5", "ReInit does not go back")
	back := ReInit{GroupID: []byte("next"), CipherSuite: 0x0001} // a client here would send VersionMLS10
	message, _ := m.propose(back)
	requireUnprocessed(t, groups[2], want, message)
	requireUnprocessed(t, groups[2], want.atProposal(0), m.commit(forgery{proposals: m.byValue(back)}).message)
}

// Lists of proposals that are each right and together wrong (RFC 9420, Section
// 12.2).
func TestProposalListFaultsAreRefused(t *testing.T) {
	t.Parallel()
	type list = []CommittedProposal
	for _, c := range []struct {
		name string
		list func(*attack) list
		want *violated
	}{
		{"committer's own Update by reference", func(a *attack) list {
			return list{a.received(1, a.update(nil))}
		}, violation("12.2", "committer does not commit its own Update").atLeaf(1).atProposal(0)},
		{"Update by value", func(a *attack) list {
			return a.byValue(a.update(nil))
		}, violation("12.2", "committer does not commit its own Update").atLeaf(1).atProposal(0)},
		{"another's Update by value", func(a *attack) list {
			return a.byValue(a.updateOf(3, nil))
		}, violation("7.3", "LeafNode signature is valid").atLeaf(1).atProposal(0)},
		{"committer's Remove of itself", func(a *attack) list {
			return a.byValue(Remove{Removed: 1})
		}, violation("12.2", "committer does not remove itself").atLeaf(1).atProposal(0)},
		{"another's Remove of the committer", func(a *attack) list {
			return append(a.byValue(Remove{Removed: 3}), a.received(3, Remove{Removed: 1}))
		}, violation("12.2", "committer does not remove itself").atLeaf(1).atProposal(1)},
		{"two Removes of one leaf", func(a *attack) list {
			return a.byValue(Remove{Removed: 3}, Remove{Removed: 0}, Remove{Removed: 3})
		}, violation("12.2", "one Update or Remove for each leaf").atLeaf(3).atProposal(2)},
		{"one Remove referred to twice", func(a *attack) list {
			p := a.received(0, Remove{Removed: 3})
			return list{p, p}
		}, violation("12.2", "one Update or Remove for each leaf").atLeaf(3).atProposal(1)},
		{"Update and Remove of one leaf", func(a *attack) list {
			return append(a.byValue(Remove{Removed: 3}), a.received(3, a.updateOf(3, nil)))
		}, violation("12.2", "one Update or Remove for each leaf").atLeaf(3).atProposal(1)},
		{"two Updates of one leaf", func(a *attack) list {
			return list{a.received(3, a.updateOf(3, nil)), a.received(3, a.updateOf(3, nil))}
		}, violation("12.2", "one Update or Remove for each leaf").atLeaf(3).atProposal(1)},
		{"one key package added twice", func(a *attack) list {
			twin := Add{KeyPackage: ownKeyPackage(a.t, 0x0001, "twin").KeyPackage}
			return a.byValue(twin, twin)
		}, violation("7.3", "is unique").atLeaf(5)},
		{"one client added twice", func(a *attack) list {
			first := ownKeyPackage(a.t, 0x0001, "client")
			second, err := NewKeyPackage(a.t.Context(), insiderTime, first.cfg, KeyPackageOptions{})
			require.NoError(a.t, err)
			return a.byValue(Add{KeyPackage: first.KeyPackage}, Add{KeyPackage: second.KeyPackage})
		}, violation("7.3", "signature_key is unique").atLeaf(5)},
		{"one encryption key in two Adds", func(a *attack) list {
			first := ownKeyPackage(a.t, 0x0001, "first").KeyPackage
			return a.byValue(Add{KeyPackage: first}, a.addWithKey(first.LeafNode.EncryptionKey))
		}, violation("7.3", "encryption_key is unique").atLeaf(5)},
		{"Add of a member", func(a *attack) list {
			again, err := NewKeyPackage(a.t.Context(), insiderTime, *a.cfg, KeyPackageOptions{})
			require.NoError(a.t, err)
			return a.byValue(Add{KeyPackage: again.KeyPackage})
		}, violation("7.3", "signature_key is unique").atLeaf(4)},
		{"Add with the encryption key of a member", func(a *attack) list {
			return a.byValue(a.addWithKey(a.public.tree.leaf(0).EncryptionKey))
		}, violation("7.3", "encryption_key is unique").atLeaf(4)},
		{"Add with the encryption key of a parent", func(a *attack) list {
			return a.byValue(a.addWithKey(a.public.tree.parent(3).encryptionKey))
		}, violation("7.3", "encryption_key is unique").atLeaf(4)},
		{"Update with the encryption key of another member", func(a *attack) list {
			key := a.public.tree.leaf(0).EncryptionKey
			return list{a.received(3, a.updateOf(3, func(n *LeafNode) { n.EncryptionKey = key }))}
		}, violation("7.3", "encryption_key is unique").atLeaf(3)},
		{"one PreSharedKey twice", func(a *attack) list {
			return a.byValue(a.psk(32), a.psk(32))
		}, violation("12.2", "one PreSharedKey for each PreSharedKeyID").atProposal(1)},
		{"PreSharedKey with a short nonce", func(a *attack) list {
			return a.byValue(a.psk(31))
		}, violation("12.1.4", "psk_nonce is of 32 bytes").atProposal(0)},
		{"resumption PSK of a ReInit", func(a *attack) list {
			p := a.psk(32)
			p.PSK.Type, p.PSK.Usage = PSKResumption, ResumptionPSKReInit
			return a.byValue(p)
		}, violation("12.1.4", "resumption PSK of usage").atProposal(0)},
		{"two GroupContextExtensions", func(a *attack) list {
			return a.byValue(GroupContextExtensions{}, GroupContextExtensions{})
		}, violation("12.2", "one GroupContextExtensions").atProposal(1)},
		{"extension that members lack", func(a *attack) list {
			return a.byValue(GroupContextExtensions{Extensions: Extensions{{Type: strangeExtension}}})
		}, violation("13.4", "capabilities list the group's extension").atLeaf(1)},
		{"ReInit and another", func(a *attack) list {
			return a.byValue(ReInit{GroupID: []byte("next"), Version: VersionMLS10, CipherSuite: 0x0001}, Remove{Removed: 3})
		}, violation("12.2", "ReInit is the only proposal").atProposal(0)},
		{"ReInit to a version of the past", func(a *attack) list {
			return a.byValue(ReInit{GroupID: []byte("next"), CipherSuite: 0x0001})
		}, violation("12.1.5", "ReInit does not go back").atProposal(0)},
		{"ExternalInit", func(a *attack) list {
			return a.byValue(ExternalInit{KEMOutput: make([]byte, 32)})
		}, violation("12.1.6", "ExternalInit is of an external commit").atProposal(0)},
		{"two Updates with one encryption key", func(a *attack) list {
			first := a.updateOf(0, nil).(Update)
			second := a.updateOf(3, func(n *LeafNode) { n.EncryptionKey = first.LeafNode.EncryptionKey })
			return list{a.received(0, first), a.received(3, second)}
		}, violation("7.3", "encryption_key is unique").atLeaf(3)},
		{"Update with the signature key of another member", func(a *attack) list {
			signer := a.groups[0].cfg.Signer
			update := a.updateOf(3, nil).(Update)
			update.LeafNode.SignatureKey = signer.PublicKey()
			signLeaf(a.t, update.LeafNode, signer, a.public.place(3))
			return list{a.received(3, update)}
		}, violation("7.3", "signature_key is unique").atLeaf(3)},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := newAttack(t)
			list := c.list(a)
			withPath := slices.ContainsFunc(list, func(p CommittedProposal) bool { return p.Proposal.Type() != ProposalAdd })
			requireUnprocessed(t, a.victim, c.want, a.commit(forgery{proposals: list, withPath: withPath}).message)
		})
	}
}

// A client may be added in the commit that removes it (RFC 9420, Section 12.2).
func TestRemovedMemberIsAddedAgain(t *testing.T) {
	groups := clique(t, 0x0001, 4)
	again, err := NewKeyPackage(t.Context(), insiderTime, *groups[3].cfg, KeyPackageOptions{})
	require.NoError(t, err)
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{}, Remove{Removed: 3}, Add{KeyPackage: again.KeyPackage})
	require.NoError(t, err)
	follow(t, groups, 1, c)
	g, err := adopted(again.Join(t.Context(), insiderTime, c.Welcome, JoinOptions{}))
	require.NoError(t, err)
	require.Equal(t, groups[0].secrets.authenticator, g.secrets.authenticator)
}

// Every member supports every credential type in use (RFC 9420, Section 7.3).
func TestCredentialTypesInUse(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	m, g := insider{t, groups[1]}, groups[2]
	stranger := func(cfg *Config) { cfg.Credential = Credential{Type: strangeCredential, Content: []byte("name")} }
	want := violation("7.3", "every member supports the credential type").atLeaf(4).atProposal(0)

	joiner := ownKeyPackage(t, 0x0001, "stranger", stranger).KeyPackage
	only := spoiledKeyPackage(t, func(kp *KeyPackage) {
		kp.LeafNode.Credential = certificateOf(kp.LeafNode.SignatureKey)
		kp.LeafNode.Capabilities.Credentials = []CredentialType{CredentialX509}
	}, nil, nil)
	for name, kp := range map[string]*KeyPackage{"joiner's type": joiner, "others' type": only} {
		t.Run(name, func(t *testing.T) {
			requireUnmoved(t, g, want, func() error {
				_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, Add{KeyPackage: kp})
				return err
			})
			requireUnprocessed(t, g, want, m.commit(forgery{proposals: m.byValue(Add{KeyPackage: kp})}).message)
		})
	}
	change := func(n *LeafNode) {
		n.Credential = Credential{Type: strangeCredential, Content: []byte("name")}
		n.Capabilities.Credentials = append(slices.Clone(n.Capabilities.Credentials), strangeCredential)
	}
	t.Run("committer's type", func(t *testing.T) {
		want := violation("7.3", "every member supports the credential type").atLeaf(1)
		requireUnprocessed(t, g, want, m.commit(forgery{withPath: true, leaf: change}).message)
	})
	t.Run("type of an Update", func(t *testing.T) {
		h := insider{t, groups[3]}
		message, update := m.propose(m.update(change))
		_, err := g.Process(t.Context(), insiderTime, message)
		require.NoError(t, err)
		c := h.commit(forgery{proposals: []CommittedProposal{update}, withPath: true})
		want := violation("7.3", "every member supports the credential type").atLeaf(1).atProposal(0)
		requireUnprocessed(t, g, want, c.message)
	})
}

// Who lacks what new extensions of the group need is named.
func TestMemberThatLacksAnExtensionIsNamed(t *testing.T) {
	required, err := Marshal(&RequiredCapabilities{Proposals: []ProposalType{strangeProposal}})
	require.NoError(t, err)
	groups := clique(t, 0x0001, 3, publicHandshake, strange)
	c, err := groups[0].Commit(t.Context(), insiderTime, CommitOptions{}, Add{KeyPackage: ownKeyPackage(t, 0x0001, "poor").KeyPackage})
	require.NoError(t, err)
	follow(t, groups, 0, c)
	m, g := insider{t, groups[1]}, groups[2]
	for _, test := range []struct {
		extension Extension
		want      *violated
	}{
		{Extension{Type: strangeExtension}, violation("13.4", "every member supports the group's extension")},
		{Extension{Type: ExtensionRequiredCapabilities, Data: required}, violation("11.1", "every member supports the required proposal")},
	} {
		replace := GroupContextExtensions{Extensions: Extensions{test.extension}}
		test.want.atLeaf(3).atProposal(1)
		requireUnmoved(t, g, test.want, func() error {
			_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, Remove{Removed: 0}, replace)
			return err
		})
		list := m.byValue(Remove{Removed: 0}, replace)
		requireUnprocessed(t, g, test.want, m.commit(forgery{proposals: list, withPath: true}).message)
	}
}

// judge is an authentication service that refuses one identity, and successors of
// another name.
type judge struct {
	refused string
	asked   *[]Change
	fails   error
}

var errRefused = errors.New("refused")

func (j judge) Authenticate(_ context.Context, _ time.Time, changes []Change) ([]error, error) {
	*j.asked = append(*j.asked, changes...)
	verdicts := make([]error, len(changes))
	for i, c := range changes {
		if string(c.Credential.Content) == j.refused {
			verdicts[i] = errRefused
		}
	}
	return verdicts, j.fails
}

func (judge) SameClient(old, next Credential) bool {
	return string(old.Content) == string(next.Content)
}

// The authentication service is asked about every credential that enters the
// group, by whomever it is brought (RFC 9420, Section 5.3.1).
func TestAuthenticationServiceIsAsked(t *testing.T) {
	var asked []Change
	wary := func(cfg *Config) { cfg.Authenticator = judge{refused: "mallory", asked: &asked} }
	groups := clique(t, 0x0001, 4, publicHandshake, wary)
	m, g := insider{t, groups[1]}, groups[2]
	refused := violation("5.3.1", "credential is valid")

	mallory := ownKeyPackage(t, 0x0001, "mallory")
	requireUnmoved(t, g, violation("5.3.1", "credential is valid").atProposal(0), func() error {
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, Add{KeyPackage: mallory.KeyPackage})
		return err
	})
	asked = nil
	c := m.commit(forgery{proposals: m.byValue(Add{KeyPackage: mallory.KeyPackage})})
	requireUnprocessed(t, g, refused.atLeaf(4), c.message)
	require.Len(t, asked, 2, "by the member, and by who follows in public")
	require.Equal(t, ChangeAdded, asked[0].Reason)

	asked = nil
	rename := func(n *LeafNode) { n.Credential = BasicCredential([]byte("mallory")) }
	requireUnprocessed(t, g, refused.atLeaf(1), m.commit(forgery{withPath: true, leaf: rename}).message)
	require.Equal(t, ChangeUpdated, asked[0].Reason)
	require.Equal(t, "member 1", string(asked[0].Old.Content))

	succeed := func(n *LeafNode) { n.Credential = BasicCredential([]byte("alice")) }
	successor := violation("5.3.1", "new credential is an acceptable successor").atLeaf(1)
	requireUnprocessed(t, g, successor, m.commit(forgery{withPath: true, leaf: succeed}).message)
	message, update := m.propose(m.update(succeed))
	_, err := g.Process(t.Context(), insiderTime, message)
	require.NoError(t, err)
	h := insider{t, groups[3]}
	c = h.commit(forgery{proposals: []CommittedProposal{update}, withPath: true})
	requireUnprocessed(t, g, successor, c.message)

	// A joiner asks about every member.
	k := ownKeyPackage(t, 0x0001, "joiner", wary)
	asked = nil
	welcome := m.commit(forgery{proposals: m.byValue(Add{KeyPackage: k.KeyPackage})}).welcome(welcomeForgery{})
	_, err = adopted(k.Join(t.Context(), insiderTime, welcome, JoinOptions{}))
	require.NoError(t, err)
	require.Len(t, asked, 5)

	// A service that fails is no approval.
	down := errors.New("service is down")
	g.cfg.Authenticator = judge{asked: &asked, fails: down}
	innocent := ownKeyPackage(t, 0x0001, "innocent")
	requireUnprocessed(t, g, down, m.commit(forgery{proposals: m.byValue(Add{KeyPackage: innocent.KeyPackage})}).message)
}

// A suite that a policy forbids is not used.
func TestPolicyIsAsked(t *testing.T) {
	groups := clique(t, 0x0001, 3)
	forbidden := errors.New("forbidden")
	message, err := groups[1].Encrypt(t.Context(), insiderTime, []byte("hello"), nil)
	require.NoError(t, err)
	g := groups[0]
	g.cfg.Policy = Refusing(forbidden)
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
	i.joiner.cfg.Policy = Refusing(forbidden)
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
	require.ErrorIs(t, err, ErrUnsupported)
}
