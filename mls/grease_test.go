package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/internal/fault"
	"github.com/mlsuite/mlsuite/mls/message"
)

// greaseIn returns the values of a list that RFC 9420, Section 13.5, does not reserve,
// and how many it leaves out.
func greaseIn[T ~uint16](list []T) ([]T, int) {
	rest := slices.DeleteFunc(slices.Clone(list), reserved)
	return rest, len(list) - len(rest)
}

func types(extensions message.Extensions) []message.ExtensionType {
	var all []message.ExtensionType
	for _, x := range extensions {
		all = append(all, x.Type)
	}
	return all
}

// Own capabilities list what is supported and is no default of RFC 9420, Section
// 7.2, and in between them reserved values where Section 13.5 has them. The leaf
// lists the extensions that it and its key package hold (Sections 7.2 and 10).
func TestOwnCapabilities(t *testing.T) {
	custom := message.Extension{Type: strangeExtension, Data: []byte{1}}
	supports := func(cfg *Config) {
		strange(cfg)
		cfg.LeafExtensions = message.Extensions{custom}
	}
	for _, noGrease := range []bool{true, false} {
		want := 1
		if noGrease {
			want = 0
		}
		for range 20 { // the values are random
			kp := ownKeyPackage(t, 0x0001, "client", supports, func(cfg *Config) { cfg.NoGREASE = noGrease }).KeyPackage
			c := kp.LeafNode.Capabilities
			require.Equal(t, []uint16{codepoint.VersionMLS10}, c.Versions)
			suites, n := greaseIn(c.CipherSuites)
			require.Equal(t, mlstest.AllSuites().IDs(), suites)
			require.Equal(t, want, n)
			extensions, n := greaseIn(c.Extensions)
			require.Equal(t, []message.ExtensionType{strangeExtension, strangeExtension + 0x100}, extensions)
			require.Equal(t, want, n)
			proposals, n := greaseIn(c.Proposals)
			require.Equal(t, []message.ProposalType{strangeProposal}, proposals)
			require.Equal(t, want, n)
			credentials, n := greaseIn(c.Credentials)
			require.Equal(t, []message.CredentialType{message.CredentialBasic, message.CredentialX509, strangeCredential}, credentials)
			require.Equal(t, want, n)

			require.Subset(t, c.Extensions, types(kp.LeafNode.Extensions))
			require.Subset(t, c.Extensions, types(kp.Extensions))
			inLeaf, n := greaseIn(types(kp.LeafNode.Extensions))
			require.Equal(t, []message.ExtensionType{strangeExtension}, inLeaf)
			require.Equal(t, want, n)
			inPackage, n := greaseIn(types(kp.Extensions))
			require.Empty(t, inPackage)
			require.Equal(t, want, n)
			require.False(t, reserved(kp.Version) || reserved(kp.CipherSuite) || reserved(kp.LeafNode.Credential.Type))
		}
	}
}

// Reserved values are in no GroupContext, and in a GroupInfo's own extensions only
// (RFC 9420, Section 13.5).
func TestGreaseIsWhereItIsIgnored(t *testing.T) {
	g, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "creator", func(cfg *Config) { cfg.NoGREASE = false }), nil)
	require.NoError(t, err)
	b, err := g.GroupInfo(t.Context(), insiderTime, true)
	require.NoError(t, err)
	m, err := message.Parse[message.Message](b)
	require.NoError(t, err)
	_, n := greaseIn(types(m.GroupInfo.GroupContext.Extensions))
	require.Zero(t, n)
	own, n := greaseIn(types(m.GroupInfo.Extensions))
	require.Equal(t, 1, n)
	require.ElementsMatch(t, []message.ExtensionType{codepoint.ExtensionRatchetTree, codepoint.ExtensionExternalPub}, own)
}

// reserved reports whether a code point is in the table of RFC 9420, Section 13.5.
func reserved[T ~uint16](v T) bool {
	return slices.Contains([]uint16{
		0x0A0A, 0x1A1A, 0x2A2A, 0x3A3A, 0x4A4A, 0x5A5A, 0x6A6A, 0x7A7A,
		0x8A8A, 0x9A9A, 0xAAAA, 0xBABA, 0xCACA, 0xDADA, 0xEAEA,
	}, uint16(v))
}

func TestGreaseValues(t *testing.T) {
	var all, others []message.ExtensionType
	for v := range 1 << 16 {
		require.Equal(t, reserved(uint16(v)), check.IsGrease(uint16(v)), "%#04x", v)
		all = append(all, message.ExtensionType(v))
		if !reserved(uint16(v)) {
			others = append(others, message.ExtensionType(v))
		}
	}
	require.Equal(t, others, check.WithoutGrease(all))
	require.Equal(t, message.ExtensionType(0x0A0B), all[0x0A0B], "the list stays as it was")
	require.Equal(t, others, check.WithoutGrease(others))
	require.Empty(t, check.WithoutGrease([]message.ExtensionType{0x0A0A}))
}

// listEverywhere gives each member a leaf that lists a value in all places, as check.AddGrease
// may and no Config that is checked does.
func listEverywhere(t *testing.T, groups []*Group, value uint16) {
	t.Helper()
	for i, g := range groups {
		g.cfg.Extensions = []message.ExtensionType{message.ExtensionType(value)}
		g.cfg.Proposals = []CustomProposalType{{Type: message.ProposalType(value)}}
		g.cfg.Credentials = []message.CredentialType{message.CredentialType(value)}
		c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		follow(t, groups, i, c)
	}
	for _, leaf := range groups[0].Members() {
		require.Contains(t, leaf.Capabilities.Extensions, message.ExtensionType(value))
		require.Contains(t, leaf.Capabilities.Proposals, message.ProposalType(value))
		require.Contains(t, leaf.Capabilities.Credentials, message.CredentialType(value))
	}
}

// A reserved value that members list is nothing that they support: a group takes no
// extension, required capability or credential of one, whoever brings it (RFC 9420,
// Section 13.5).
func TestGreaseIsNoSupport(t *testing.T) {
	const value = 0x3A3A
	required := func(r message.RequiredCapabilities) message.Extension {
		data, err := message.Marshal(&r)
		require.NoError(t, err)
		return message.Extension{Type: message.ExtensionRequiredCapabilities, Data: data}
	}
	groups := clique(t, 0x0001, 4, publicHandshake)
	listEverywhere(t, groups, value)
	m, g := insider{t, groups[1]}, groups[2]
	for name, c := range map[string]struct {
		extension     message.Extension
		inLeaf, after *fault.Violated
	}{
		"extension": {message.Extension{Type: value},
			fault.Violation("13.4", "capabilities do not list the group's extension 0x3A3A"),
			fault.Violation("13.4", "member does not support the group's extension 0x3A3A")},
		"required extension": {required(message.RequiredCapabilities{Extensions: []message.ExtensionType{value}}),
			fault.Violation("7.3", "capabilities do not list the required extension 0x3A3A"),
			fault.Violation("11.1", "member does not support the required extension 0x3A3A")},
		"required proposal": {required(message.RequiredCapabilities{Proposals: []message.ProposalType{value}}),
			fault.Violation("7.3", "capabilities do not list the required proposal 0x3A3A"),
			fault.Violation("11.1", "member does not support the required proposal 0x3A3A")},
		"required credential": {required(message.RequiredCapabilities{Credentials: []message.CredentialType{value}}),
			fault.Violation("7.3", "capabilities do not list the required credential 0x3A3A"),
			fault.Violation("11.1", "member does not support the required credential 0x3A3A")},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, c.after, checkTree(g.public.tree, readExtensions(t, c.extension)))
			replace := message.GroupContextExtensions{Extensions: message.Extensions{c.extension}}
			requireUnmoved(t, g, c.inLeaf, func() error {
				_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, replace)
				return err
			})
			requireUnprocessed(t, g, c.inLeaf.AtLeaf(1), m.commit(forgery{proposals: m.byValue(replace), withPath: true}).message)
			_, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "creator"), nil, c.extension)
			requireRefused(t, c.after, err)
		})
	}
	t.Run("credential", func(t *testing.T) {
		of := func(cfg *Config) { cfg.Credential = message.Credential{Type: value, Content: []byte("name")} }
		kp := ownKeyPackage(t, 0x0001, "joiner", of).KeyPackage
		want := fault.Violation("7.3", "not every member supports the credential type 0x3A3A").AtLeaf(4).AtProposal(0)
		requireUnmoved(t, g, want, func() error {
			_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, message.Add{KeyPackage: kp})
			return err
		})
		requireUnprocessed(t, g, want, m.commit(forgery{proposals: m.byValue(message.Add{KeyPackage: kp})}).message)
	})
}

// What does not parse is refused by those who judge nothing of it too: members with
// and without an Authenticator stay together.
func TestMalformedExtensionsOfAGroup(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	m, g := insider{t, groups[1]}, groups[2]
	for _, x := range []message.Extension{
		{Type: message.ExtensionExternalSenders, Data: []byte{0xff, 1, 2}},
		{Type: message.ExtensionExternalSenders},
		{Type: message.ExtensionRequiredCapabilities, Data: []byte{9}},
	} {
		replace := message.GroupContextExtensions{Extensions: message.Extensions{x}}
		_, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "creator"), nil, x)
		require.ErrorIs(t, err, message.ErrMalformed)
		requireUnmoved(t, g, message.ErrMalformed, func() error {
			_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, replace)
			return err
		})
		requireUnprocessed(t, g, message.ErrMalformed, m.commit(forgery{proposals: m.byValue(replace), withPath: true}).message)
		msg, _ := m.propose(replace)
		requireUnprocessed(t, g, message.ErrMalformed, msg)
	}
}
