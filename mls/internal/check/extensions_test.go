package check

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/message"
)

// What the extensions of a group demand is read once, and is what they say.
func TestGroupExtensions(t *testing.T) {
	c := newClient(t)
	senders := message.ExternalSenders{
		{SignatureKey: c.signer.PublicKey(), Credential: message.BasicCredential([]byte("gate"))},
		{SignatureKey: c.signer.PublicKey(), Credential: message.Credential{Type: 0xF001, Content: []byte{1}}},
	}
	required := message.RequiredCapabilities{Credentials: []message.CredentialType{0xF002}, Proposals: []message.ProposalType{8}}
	encoded := func(x message.Structure) []byte {
		b, err := message.Marshal(x)
		require.NoError(t, err)
		return b
	}
	list := message.Extensions{
		{Type: message.ExtensionExternalSenders, Data: encoded(&senders)},
		{Type: message.ExtensionRequiredCapabilities, Data: encoded(&required)},
		{Type: 0xF000},
	}
	e, err := ReadGroupExtensions(list, message.CodePoints{}.Complete())
	require.NoError(t, err)
	require.Equal(t, []message.ExtensionType{message.ExtensionExternalSenders, message.ExtensionRequiredCapabilities, 0xF000}, e.Types)
	require.Equal(t, required.Proposals, e.Required.Proposals)
	require.Equal(t, senders, e.Senders)
	require.Equal(t, []message.CredentialType{message.CredentialBasic, 0xF001, 0xF002}, e.Credentials)
	require.NoError(t, e.CheckSenders(c.suite))

	e.Senders = slices.Clone(senders)
	e.Senders[1].SignatureKey = nil
	refused(t, e.CheckSenders(c.suite), "12.1.8.1", "external sender 1")

	_, err = ReadGroupExtensions(append(list, message.Extension{Type: 0xF000}), message.CodePoints{}.Complete())
	refused(t, err, "13.4", "GroupContext has more than one extension of type 0xF000")
	for i := range 2 {
		broken := slices.Clone(list)
		broken[i].Data = broken[i].Data[1:]
		_, err = ReadGroupExtensions(broken, message.CodePoints{}.Complete())
		require.ErrorIs(t, err, message.ErrMalformed)
	}
}

// Default types are those of RFC 9420, and no others.
func TestDefaultTypes(t *testing.T) {
	for i := range uint16(20) {
		require.Equal(t, 1 <= i && i <= 5, IsDefaultExtension(message.ExtensionType(i)), i)
		require.Equal(t, 1 <= i && i <= 7, IsDefaultProposal(message.ProposalType(i)), i)
	}
}

// GREASE goes into every list of a leaf, once, and nobody else's list sees it.
func TestAddGrease(t *testing.T) {
	c := newClient(t)
	plain := c.leaf(codepoint.LeafNodeUpdate, func(*message.LeafNode) {})
	greased := *plain
	AddGrease(&greased)
	require.NotZero(t, LastGrease(greased.Capabilities.Proposals))
	require.NotZero(t, LastGrease(greased.Capabilities.Credentials))
	require.NotZero(t, LastGrease(greased.Capabilities.CipherSuites))
	x := greased.Extensions[len(greased.Extensions)-1]
	require.Equal(t, LastGrease(greased.Capabilities.Extensions), x.Type)
	require.NoError(t, LeafCovers(&greased, c.suite))
	require.Equal(t, plain.Capabilities.Extensions, WithoutGrease(greased.Capabilities.Extensions))
	require.Zero(t, LastGrease(plain.Capabilities.Extensions))

	all := []message.ProposalType(nil)
	for i := range byte(codepoint.Greases + 3) {
		all = WithGrease(all, 100*i)
	}
	require.Len(t, all, codepoint.Greases, "each value once")
	require.Empty(t, WithoutGrease(all))
	require.True(t, IsGrease(Grease[message.ProposalType]()))
}
