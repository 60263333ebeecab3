package mls

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// leafFault is something wrong with a leaf by itself (RFC 9420, Sections 7.1 to
// 7.3), wherever the leaf comes from. That an extension is there twice (Section
// 13.4) is not among them: such a leaf does not parse.
type leafFault struct {
	name   string
	change func(*message.LeafNode) // before its signature
	spoil  func(*message.LeafNode) // after it
	want   func() *fault.Violated
}

const (
	strangeExtension  message.ExtensionType  = 0xF0F0
	strangeProposal   message.ProposalType   = 0xF0F1
	strangeCredential message.CredentialType = 0xF0F2
)

func leafFaults() []leafFault {
	rule := func(section, rule string) func() *fault.Violated {
		return func() *fault.Violated { return fault.Violation(section, "%s", rule) }
	}
	return []leafFault{
		{"encryption key of low order",
			func(n *message.LeafNode) { n.EncryptionKey = make([]byte, len(n.EncryptionKey)) }, nil,
			rule("7.1", "encryption_key is not a public key of the suite")},
		{"short encryption key",
			func(n *message.LeafNode) { n.EncryptionKey = n.EncryptionKey[1:] }, nil,
			rule("7.1", "encryption_key is not a public key of the suite")},
		{"no encryption key",
			func(n *message.LeafNode) { n.EncryptionKey = nil }, nil,
			rule("7.1", "encryption_key is not a public key of the suite")},
		{"own credential type not listed",
			func(n *message.LeafNode) {
				n.Capabilities.Credentials = []message.CredentialType{message.CredentialX509}
			}, nil,
			rule("7.2", "capabilities do not list the credential type basic")},
		{"certificate of another key",
			func(n *message.LeafNode) { n.Credential = certificateOf(mlstest.Flipped(n.SignatureKey, 0)) }, nil,
			rule("5.3", "subjectPublicKeyInfo of the end-entity certificate does not hold the signature_key")},
		{"certificate that does not parse",
			func(n *message.LeafNode) { n.Credential = certificates([]byte("certificate")) }, nil,
			rule("5.3", "X.509 credential does not begin with an end-entity certificate")},
		{"no certificate",
			func(n *message.LeafNode) { n.Credential = certificates() }, nil,
			rule("5.3", "X.509 credential does not begin with an end-entity certificate")},
		{"certificate after that of another key",
			func(n *message.LeafNode) {
				other := certificateOf(mlstest.Flipped(n.SignatureKey, 0))
				n.Credential = message.Credential{Type: message.CredentialX509,
					Content: slices.Concat(other.Content, certificateOf(n.SignatureKey).Content)}
			}, nil,
			rule("5.3", "subjectPublicKeyInfo of the end-entity certificate does not hold the signature_key")},
		{"protocol version not listed",
			func(n *message.LeafNode) { n.Capabilities.Versions = []uint16{2} }, nil,
			rule("7.2", "capabilities do not list the group's protocol version")},
		{"cipher suite not listed",
			func(n *message.LeafNode) { n.Capabilities.CipherSuites = n.Capabilities.CipherSuites[1:] }, nil,
			rule("7.2", "capabilities do not list the group's cipher suite")},
		{"extension not listed",
			func(n *message.LeafNode) { n.Extensions = message.Extensions{{Type: strangeExtension}} }, nil,
			rule("7.3", "capabilities do not list the extension")},
		{"signature changed", nil,
			func(n *message.LeafNode) { n.Signature = mlstest.Flipped(n.Signature, 3) },
			rule("7.3", "LeafNode signature does not verify")},
		{"no signature", nil,
			func(n *message.LeafNode) { n.Signature = nil },
			rule("7.3", "LeafNode signature does not verify")},
		{"signed by another key",
			func(n *message.LeafNode) { n.SignatureKey = bytes.Clone(base25519) }, nil,
			rule("7.3", "LeafNode signature does not verify")},
		{"signature key of small order",
			func(n *message.LeafNode) { n.SignatureKey = append([]byte{1}, make([]byte, 31)...) }, nil,
			rule("5.1.2", "signature_key is not a public key of the suite")},
		{"no signature key",
			func(n *message.LeafNode) { n.SignatureKey = nil }, nil,
			rule("5.1.2", "signature_key is not a public key of the suite")},
		{"signature key for which anybody can sign",
			func(n *message.LeafNode) { n.SignatureKey = anybody{}.PublicKey() },
			func(n *message.LeafNode) { n.Signature = forged25519() },
			rule("5.1.2", "signature_key is not a public key of the suite")},
		{"content changed after it was signed", nil,
			func(n *message.LeafNode) { n.Credential = message.BasicCredential([]byte("somebody else")) },
			rule("7.3", "LeafNode signature does not verify")},
	}
}

// spoiledKeyPackage returns a new client's key package with a fault of its leaf,
// signed anew.
func (f leafFault) spoiledKeyPackage(t testing.TB) *message.KeyPackage {
	return spoiledKeyPackage(t, func(kp *message.KeyPackage) {
		if f.change != nil {
			f.change(&kp.LeafNode)
		}
	}, f.spoil, nil)
}

// spoiledKeyPackage returns a new client's key package, changed before the leaf is
// signed, before the whole is, and after that.
func spoiledKeyPackage(t testing.TB, change func(*message.KeyPackage), leaf func(*message.LeafNode), spoil func(*message.KeyPackage), adjust ...func(*Config)) *message.KeyPackage {
	t.Helper()
	k := ownKeyPackage(t, 0x0001, "spoiled", adjust...)
	kp := *k.KeyPackage
	if change != nil {
		change(&kp)
	}
	signLeaf(t, &kp.LeafNode, k.cfg.Signer, check.LeafPlace{})
	if leaf != nil {
		leaf(&kp.LeafNode)
	}
	signKeyPackage(t, &kp, k.cfg.Signer)
	if spoil != nil {
		spoil(&kp)
	}
	return &kp
}

// A fault of a leaf is found in a key package, in an Update and in the path of a
// commit, whether a member sends it or receives it.
func TestLeafFaultsAreRefused(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	populate(t, groups)
	m := insider{t, groups[1]}
	for _, f := range leafFaults() {
		t.Run(f.name, func(t *testing.T) {
			refuseProposal(t, groups, message.Add{KeyPackage: f.spoiledKeyPackage(t)}, f.want())

			update := m.update(f.change)
			if f.spoil != nil {
				f.spoil(update.LeafNode)
			}
			message, _ := m.propose(update)
			requireUnprocessed(t, groups[2], f.want().AtLeaf(1), message)

			c := m.commit(forgery{withPath: true, leaf: f.change, signedLeaf: f.spoil})
			requireUnprocessed(t, groups[2], f.want().AtLeaf(1), c.message)
		})
	}
}

// refuseProposal checks that its sender finds what is wrong with a proposal by itself,
// and so does its receiver, alone or in a commit. The member at leaf 1 sends.
func refuseProposal(t *testing.T, groups []*Group, p message.Proposal, want error) {
	t.Helper()
	g, m := groups[2], insider{t, groups[1]}
	requireUnmoved(t, g, want, func() error {
		_, err := g.Propose(t.Context(), insiderTime, p, nil)
		return err
	})
	msg, _ := m.propose(p)
	requireUnprocessed(t, g, want, msg)

	// In a commit, behind a proposal that is right.
	list := m.byValue(message.Add{KeyPackage: ownKeyPackage(t, g.cfg.Suite, "innocent").KeyPackage}, p)
	if v, ok := errors.AsType[*message.ValidationError](want); ok {
		blamed := *v
		blamed.Proposal = 1
		want = &blamed
	}
	requireUnmoved(t, g, want, func() error {
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, list[0].Proposal, p)
		return err
	})
	_, withoutPath := p.(message.Add)
	c := m.commit(forgery{proposals: list, withPath: !withoutPath})
	requireUnprocessed(t, g, want, c.message)
}

func TestKeyPackageFaultsAreRefused(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake, judgeReceived)
	now := unixSeconds(insiderTime)
	lifetime := func(notBefore, notAfter uint64) func(*message.KeyPackage) {
		return func(kp *message.KeyPackage) {
			kp.LeafNode.Lifetime = message.Lifetime{NotBefore: notBefore, NotAfter: notAfter}
		}
	}
	const day = 24 * 60 * 60
	for _, c := range []struct {
		name   string
		change func(*message.KeyPackage)
		spoil  func(*message.KeyPackage)
		want   error
	}{
		{"version", func(kp *message.KeyPackage) { kp.Version = 2 }, nil, fault.Violation("10.1", "protocol version is")},
		{"cipher suite", func(kp *message.KeyPackage) { kp.CipherSuite = 0x0003 }, nil, fault.Violation("10.1", "cipher suite is not")},
		{"init key of low order", func(kp *message.KeyPackage) { kp.InitKey = make([]byte, 32) }, nil,
			fault.Violation("10", "init_key is not a public key of the suite")},
		{"short init key", func(kp *message.KeyPackage) { kp.InitKey = kp.InitKey[1:] }, nil,
			fault.Violation("10", "init_key is not a public key of the suite")},
		{"init key is the leaf's", func(kp *message.KeyPackage) { kp.InitKey = kp.LeafNode.EncryptionKey }, nil,
			fault.Violation("10.1", "init_key equals the leaf's")},
		{"leaf of an Update", func(kp *message.KeyPackage) { kp.LeafNode.Source = codepoint.LeafNodeUpdate }, nil,
			fault.Violation("7.3", "leaf_node_source is not key_package")},
		{"leaf of a commit", func(kp *message.KeyPackage) { kp.LeafNode.Source = codepoint.LeafNodeCommit }, nil,
			fault.Violation("7.3", "leaf_node_source is not key_package")},
		{"signature changed", nil, func(kp *message.KeyPackage) { kp.Signature = mlstest.Flipped(kp.Signature, 0) },
			fault.Violation("10.1", "KeyPackage signature does not verify")},
		{"no signature", nil, func(kp *message.KeyPackage) { kp.Signature = nil },
			fault.Violation("10.1", "KeyPackage signature does not verify")},
		{"init key changed after the signature", nil, func(kp *message.KeyPackage) {
			kp.InitKey = ownKeyPackage(t, 0x0001, "other").KeyPackage.InitKey
		}, fault.Violation("10.1", "KeyPackage signature does not verify")},
		{"lifetime backwards", lifetime(now+day, now-day), nil, fault.Violation("7.2", "lifetime ends before it begins")},
		{"lifetime of two years", lifetime(now-day, now+2*365*day), nil, fault.Violation("7.2", "total lifetime exceeds")},
		{"lifetime of all time", lifetime(0, ^uint64(0)), nil, fault.Violation("7.2", "total lifetime exceeds")},
		{"expired", lifetime(now-3*day, now-2*day), nil, fault.Violation("7.3", "current time is outside the lifetime")},
		{"not valid yet", lifetime(now+2*day, now+3*day), nil, fault.Violation("7.3", "current time is outside the lifetime")},
	} {
		t.Run(c.name, func(t *testing.T) {
			refuseProposal(t, groups, message.Add{KeyPackage: spoiledKeyPackage(t, c.change, nil, c.spoil)}, c.want)
		})
	}
}

func judgeReceived(cfg *Config) { cfg.Lifetimes.JudgeReceived = true }

// A clock that differs by less than the allowance makes no receiver refuse an Add,
// but who sends it has to see it valid (RFC 9420, Section 7.3).
func TestLifetimeSkewIsForReceivers(t *testing.T) {
	groups := clique(t, 0x0001, 3, publicHandshake, judgeReceived)
	g, m := groups[2], insider{t, groups[1]}
	kp := spoiledKeyPackage(t, func(kp *message.KeyPackage) {
		kp.LeafNode.Lifetime.NotAfter = unixSeconds(insiderTime.Add(-time.Minute))
	}, nil, nil)
	want := fault.Violation("7.3", "current time is outside the lifetime")
	requireUnmoved(t, g, want.AtProposal(0), func() error {
		_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: kp})
		return err
	})
	_, err := g.Process(t.Context(), insiderTime, m.commit(forgery{proposals: m.byValue(message.Add{KeyPackage: kp})}).message)
	require.NoError(t, err)
}

// The signature of a leaf made in a group is bound to the group and the place
// (RFC 9420, Section 7.2).
func TestLeafSignatureIsBoundToItsPlace(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	m := insider{t, groups[1]}
	want := fault.Violation("7.3", "LeafNode signature does not verify").AtLeaf(1)
	for name, at := range map[string]check.LeafPlace{
		"another leaf":  m.public.place(2),
		"another group": {GroupID: []byte("another"), Leaf: 1},
	} {
		t.Run(name, func(t *testing.T) {
			misplace := func(n *message.LeafNode) { signLeaf(t, n, m.cfg.Signer, at) }
			update := m.update(nil)
			misplace(update.LeafNode)
			message, _ := m.propose(update)
			requireUnprocessed(t, groups[2], want, message)
			c := m.commit(forgery{withPath: true, signedLeaf: misplace})
			requireUnprocessed(t, groups[2], want, c.message)
		})
	}
}

// leaf_node_source says how the leaf came about (RFC 9420, Section 7.3).
func TestLeafSourceIsTheExpectedOne(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	m := insider{t, groups[1]}
	for _, source := range []uint8{codepoint.LeafNodeKeyPackage, codepoint.LeafNodeUpdate, codepoint.LeafNodeCommit} {
		change := func(n *message.LeafNode) { n.Source = source }
		if source != codepoint.LeafNodeUpdate {
			message, _ := m.propose(m.update(change))
			want := fault.Violation("7.3", "leaf_node_source is not update").AtLeaf(1)
			requireUnprocessed(t, groups[2], want, message)
		}
		if source != codepoint.LeafNodeCommit {
			c := m.commit(forgery{withPath: true, leaf: change})
			want := fault.Violation("7.3", "leaf_node_source is not commit").AtLeaf(1)
			requireUnprocessed(t, groups[2], want, c.message)
		}
	}
}

// strangers makes a group that uses an extension and requires another extension, a
// proposal and a credential type, none of them RFC 9420's.
func strangers(t testing.TB) []*Group {
	required, err := message.Marshal(&message.RequiredCapabilities{
		Extensions:  []message.ExtensionType{strangeExtension + 0x100},
		Proposals:   []message.ProposalType{strangeProposal},
		Credentials: []message.CredentialType{strangeCredential},
	})
	require.NoError(t, err)
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "member 0", strange, publicHandshake), nil,
		message.Extension{Type: message.ExtensionRequiredCapabilities, Data: required}, message.Extension{Type: strangeExtension})
	require.NoError(t, err)
	return gather(t, g, 4, strange, publicHandshake)
}

// strange makes a client support what the group of strangers uses.
func strange(cfg *Config) {
	cfg.Extensions = []message.ExtensionType{strangeExtension, strangeExtension + 0x100}
	cfg.Proposals = []CustomProposalType{{Type: strangeProposal}}
	cfg.Credentials = []message.CredentialType{strangeCredential}
}

// A leaf that lacks what the group uses or requires is refused, however it comes
// (RFC 9420, Sections 7.3, 11.1 and 13.4).
func TestLeavesSupportTheGroup(t *testing.T) {
	groups := strangers(t)
	populate(t, groups)
	m, g := insider{t, groups[1]}, groups[2]
	for _, c := range []struct {
		name   string
		change func(*message.LeafNode)
		want   *fault.Violated
	}{
		{"extension", func(n *message.LeafNode) { n.Capabilities.Extensions = n.Capabilities.Extensions[1:] },
			fault.Violation("13.4", "capabilities do not list the group's extension")},
		{"required extension", func(n *message.LeafNode) { n.Capabilities.Extensions = n.Capabilities.Extensions[:1] },
			fault.Violation("7.3", "capabilities do not list the required extension")},
		{"required proposal", func(n *message.LeafNode) { n.Capabilities.Proposals = nil },
			fault.Violation("7.3", "capabilities do not list the required proposal")},
		{"required credential", func(n *message.LeafNode) {
			n.Capabilities.Credentials = slices.DeleteFunc(slices.Clone(n.Capabilities.Credentials),
				func(c message.CredentialType) bool { return c == strangeCredential })
		}, fault.Violation("7.3", "capabilities do not list the required credential")},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := ownKeyPackage(t, 0x0001, "joiner", strange)
			kp := *k.KeyPackage
			c.change(&kp.LeafNode)
			signLeaf(t, &kp.LeafNode, k.cfg.Signer, check.LeafPlace{})
			signKeyPackage(t, &kp, k.cfg.Signer)
			requireUnmoved(t, g, c.want.AtProposal(0), func() error {
				_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: &kp})
				return err
			})
			forged := m.commit(forgery{proposals: m.byValue(message.Add{KeyPackage: &kp})})
			requireUnprocessed(t, g, c.want.AtProposal(0), forged.message)

			msg, update := m.propose(m.update(c.change))
			h := insider{t, groups[3]}
			list := append(h.byValue(message.Add{KeyPackage: ownKeyPackage(t, 0x0001, "innocent", strange).KeyPackage}), update)
			forged = h.commit(forgery{proposals: list, withPath: true})
			_, err := g.Process(t.Context(), insiderTime, msg)
			require.NoError(t, err, "what a leaf lacks shows when it is committed")
			requireUnprocessed(t, g, c.want.AtProposal(1).AtLeaf(1), forged.message)

			forged = m.commit(forgery{withPath: true, leaf: c.change})
			requireUnprocessed(t, g, c.want.AtProposal(-1), forged.message)
		})
	}
}
