package check

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/internal/label"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// client makes leaves and key packages that are right, but for what a test changes before
// they are signed.
type client struct {
	testing.TB
	suite  suite.Suite
	signer suite.Signer
	at     LeafPlace
}

func newClient(t testing.TB) *client {
	s := mlstest.Suite(t, 0x0001)
	signer, err := s.GenerateSigner()
	require.NoError(t, err)
	return &client{t, s, signer, LeafPlace{GroupID: []byte("group"), Leaf: 3}}
}

func (c *client) publicKey() []byte {
	key, err := c.suite.GenerateKey()
	require.NoError(c, err)
	return key.PublicKey()
}

func (c *client) leaf(source uint8, change func(*message.LeafNode)) *message.LeafNode {
	n := &message.LeafNode{
		EncryptionKey: c.publicKey(),
		SignatureKey:  c.signer.PublicKey(),
		Credential:    message.BasicCredential([]byte("client")),
		Capabilities: message.Capabilities{
			Versions:     []uint16{codepoint.VersionMLS10},
			CipherSuites: []suite.ID{c.suite.Info().ID},
			Extensions:   []message.ExtensionType{0xF000},
			Credentials:  []message.CredentialType{message.CredentialBasic},
		},
		Source:     source,
		Lifetime:   message.Lifetime{NotBefore: 1, NotAfter: 2},
		Extensions: message.Extensions{{Type: 0xF000}, {Type: codepoint.ExtensionApplicationID}},
	}
	change(n)
	tbs, err := LeafNodeTBS(n, c.at)
	require.NoError(c, err)
	n.Signature, err = label.Sign(c.Context(), c.signer, label.LeafNodeTBS, tbs)
	require.NoError(c, err)
	return n
}

func (c *client) keyPackage(change func(*message.KeyPackage)) *message.KeyPackage {
	kp := &message.KeyPackage{
		Version:     codepoint.VersionMLS10,
		CipherSuite: c.suite.Info().ID,
		InitKey:     c.publicKey(),
		LeafNode:    *c.leaf(codepoint.LeafNodeKeyPackage, func(*message.LeafNode) {}),
	}
	change(kp)
	tbs, err := KeyPackageTBS(kp)
	require.NoError(c, err)
	kp.Signature, err = label.Sign(c.Context(), c.signer, label.KeyPackageTBS, tbs)
	require.NoError(c, err)
	return kp
}

// refused checks that err breaks a rule of a section.
func refused(t *testing.T, err error, section, words string) {
	t.Helper()
	v, ok := errors.AsType[*message.ValidationError](err)
	require.True(t, ok, "%v", err)
	require.Equal(t, section, v.Section, "%v", err)
	require.Contains(t, v.Fault, words)
}

// twice has two extensions of one type, which no encoding of a list can have.
func twice() message.Extensions { return message.Extensions{{Type: 0xF000}, {Type: 0xF000}} }

func TestLeafNode(t *testing.T) {
	c := newClient(t)
	const source = codepoint.LeafNodeUpdate
	require.NoError(t, LeafNode(c.leaf(source, func(*message.LeafNode) {}), c.suite, source, c.at))
	for name, x := range map[string]struct {
		change         func(*message.LeafNode)
		section, words string
	}{
		"source":          {func(n *message.LeafNode) { n.Source = codepoint.LeafNodeCommit }, "7.3", "leaf_node_source is not update but commit"},
		"encryption key":  {func(n *message.LeafNode) { n.EncryptionKey = n.EncryptionKey[1:] }, "7.1", "encryption_key"},
		"signature key":   {func(n *message.LeafNode) { n.SignatureKey = n.SignatureKey[1:] }, "5.1.2", "signature_key"},
		"credential type": {func(n *message.LeafNode) { n.Capabilities.Credentials = nil }, "7.2", "credential type basic"},
		"version":         {func(n *message.LeafNode) { n.Capabilities.Versions = []uint16{2} }, "7.2", "protocol version"},
		"cipher suite":    {func(n *message.LeafNode) { n.Capabilities.CipherSuites = []suite.ID{2} }, "7.2", "cipher suite"},
		"extension type":  {func(n *message.LeafNode) { n.Capabilities.Extensions = nil }, "7.3", "extension 0xF000"},
		"certificate":     {x509(nil), "5.3", "end-entity"},
		"no X.509 at all": {x509([]byte{1}), "5.3", "end-entity"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, LeafNode(c.leaf(source, x.change), c.suite, source, c.at), x.section, x.words)
		})
	}

	n := c.leaf(source, func(*message.LeafNode) {})
	refused(t, LeafNode(n, c.suite, source, LeafPlace{GroupID: c.at.GroupID, Leaf: 4}), "7.3", "signature")
	refused(t, LeafNode(n, c.suite, source, LeafPlace{GroupID: []byte("other"), Leaf: c.at.Leaf}), "7.3", "signature")
	n.Extensions = twice()
	refused(t, LeafCovers(n, c.suite), "13.4", "LeafNode has more than one extension of type 0xF000")

	n = c.leaf(codepoint.LeafNodeKeyPackage, func(*message.LeafNode) {})
	require.NoError(t, LeafNode(n, c.suite, codepoint.LeafNodeKeyPackage, LeafPlace{}), "a leaf of a key package has no place")
}

// x509 gives a leaf a credential of one certificate.
func x509(der []byte) func(*message.LeafNode) {
	return func(n *message.LeafNode) {
		n.Credential, _ = message.X509Credential([][]byte{der})
		n.Capabilities.Credentials = []message.CredentialType{message.CredentialX509}
	}
}

func TestKeyPackage(t *testing.T) {
	c := newClient(t)
	kp := c.keyPackage(func(*message.KeyPackage) {})
	require.NoError(t, KeyPackage(kp, c.suite))
	require.NoError(t, KeyPackageCovers(kp))
	for name, x := range map[string]struct {
		change         func(*message.KeyPackage)
		section, words string
	}{
		"version":      {func(kp *message.KeyPackage) { kp.Version = 2 }, "10.1", "version is 2"},
		"cipher suite": {func(kp *message.KeyPackage) { kp.CipherSuite = 2 }, "10.1", "cipher suite"},
		"init key":     {func(kp *message.KeyPackage) { kp.InitKey = nil }, "10", "init_key"},
		"one key":      {func(kp *message.KeyPackage) { kp.InitKey = kp.LeafNode.EncryptionKey }, "10.1", "equals"},
		"leaf": {func(kp *message.KeyPackage) {
			kp.LeafNode = *c.leaf(codepoint.LeafNodeUpdate, func(*message.LeafNode) {})
		}, "7.3", "leaf_node_source"},
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, KeyPackage(c.keyPackage(x.change), c.suite), x.section, x.words)
		})
	}
	kp.Signature = mlstest.Flipped(kp.Signature, 0)
	refused(t, KeyPackage(kp, c.suite), "10.1", "KeyPackage signature does not verify")
	kp.Extensions = twice()
	refused(t, KeyPackage(kp, c.suite), "13.4", "KeyPackage has more than one")
	refused(t, KeyPackageCovers(kp), "13.4", "KeyPackage has more than one")
	kp.Extensions = message.Extensions{{Type: 0xF001}}
	refused(t, KeyPackageCovers(kp), "10", "extension 0xF001")

	one, err := KeyPackageRef(c.suite, kp)
	require.NoError(t, err)
	require.Len(t, one, c.suite.Info().Hash.Size)
	kp.Extensions = nil
	other, err := KeyPackageRef(c.suite, kp)
	require.NoError(t, err)
	require.NotEqual(t, one, other)
}

func TestGroupInfo(t *testing.T) {
	c := newClient(t)
	size := c.suite.Info().Hash.Size
	info := &message.GroupInfo{ConfirmationTag: make([]byte, size)}
	require.NoError(t, Hashes(info, c.suite), "no transcript in epoch 0")
	info.GroupContext.Epoch = 1
	refused(t, Hashes(info, c.suite), "8.2", "epoch 1")
	info.GroupContext.ConfirmedTranscriptHash = make([]byte, size)
	require.NoError(t, Hashes(info, c.suite))
	info.ConfirmationTag = info.ConfirmationTag[1:]
	refused(t, Hashes(info, c.suite), "6.1", "confirmation_tag")

	_, err := ReadExternalPub(info, c.suite)
	refused(t, err, "12.4.3.2", "no external_pub")
	pub := ExternalPub{Key: c.publicKey()}
	data, err := wire.Marshal(pub.Marshal)
	require.NoError(t, err)
	info.Extensions = message.Extensions{{Type: codepoint.ExtensionExternalPub, Data: data}}
	got, err := ReadExternalPub(info, c.suite)
	require.NoError(t, err)
	require.Equal(t, pub.Key, got)
	info.Extensions[0].Data = data[:len(data)-1]
	_, err = ReadExternalPub(info, c.suite)
	require.ErrorIs(t, err, message.ErrMalformed)
	info.Extensions[0].Data = []byte{1, 0}
	_, err = ReadExternalPub(info, c.suite)
	refused(t, err, "12.4.3.2", "not a public key")
}

func TestComplete(t *testing.T) {
	c := newClient(t)
	leaf := c.leaf(codepoint.LeafNodeUpdate, func(*message.LeafNode) {})
	for _, p := range []message.Proposal{
		message.Add{KeyPackage: c.keyPackage(func(*message.KeyPackage) {})}, message.Update{LeafNode: leaf}, message.Remove{},
		message.PreSharedKey{}, message.ReInit{}, message.ExternalInit{}, message.GroupContextExtensions{}, message.Custom{ProposalType: 0xF000},
		message.AppDataUpdate{}, message.AppEphemeral{},
	} {
		require.NoError(t, Complete(p), "%T", p)
	}
	for _, p := range []message.Proposal{message.Add{}, message.Update{}, message.Custom{ProposalType: codepoint.ProposalAdd},
		message.AppDataUpdate{Remove: true, Update: []byte{1}}, nil} {
		require.ErrorIs(t, Complete(p), message.ErrMalformed, "%T", p)
	}
	require.ErrorIs(t, Complete(&message.Remove{}), message.ErrUnsupported, "a pointer")
}

// Extensions are looked for in short lists and in long ones, in any order.
func TestUnlisted(t *testing.T) {
	for _, n := range []int{0, 1, 31, 32, 33, 300} {
		var list []message.ExtensionType
		var e message.Extensions
		for i := range n {
			x := message.ExtensionType(0xF000 + i*7%n)
			list, e = append(list, x), append(e, message.Extension{Type: x})
		}
		e = append(e, message.Extension{Type: codepoint.ExtensionApplicationID})
		_, ok := unlisted(e, list)
		require.False(t, ok, "%d are listed", n)
		e = append(e, message.Extension{Type: 0xFE00}, message.Extension{Type: 0xFE01})
		first, ok := unlisted(e, list)
		require.True(t, ok)
		require.EqualValues(t, 0xFE00, first)
	}
}
