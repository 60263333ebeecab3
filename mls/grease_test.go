package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry/all"
)

// greaseIn returns the values of a list that RFC 9420, Section 13.5, does not reserve,
// and how many it leaves out.
func greaseIn[T ~uint16](list []T) ([]T, int) {
	rest := slices.DeleteFunc(slices.Clone(list), reserved)
	return rest, len(list) - len(rest)
}

func types(extensions Extensions) []ExtensionType {
	var all []ExtensionType
	for _, x := range extensions {
		all = append(all, x.Type)
	}
	return all
}

// Own capabilities list what is supported and is no default of RFC 9420, Section
// 7.2, and in between them reserved values where Section 13.5 has them. The leaf
// lists the extensions that it and its key package hold (Sections 7.2 and 10).
func TestOwnCapabilities(t *testing.T) {
	custom := Extension{Type: strangeExtension, Data: []byte{1}}
	supports := func(cfg *Config) {
		strange(cfg)
		cfg.LeafExtensions = Extensions{custom}
	}
	for _, noGrease := range []bool{true, false} {
		want := 1
		if noGrease {
			want = 0
		}
		for range 20 { // the values are random
			kp := ownKeyPackage(t, 0x0001, "client", supports, func(cfg *Config) { cfg.NoGREASE = noGrease }).KeyPackage
			c := kp.LeafNode.Capabilities
			require.Equal(t, []ProtocolVersion{VersionMLS10}, c.Versions)
			suites, n := greaseIn(c.CipherSuites)
			require.Equal(t, all.Registry().IDs(), suites)
			require.Equal(t, want, n)
			extensions, n := greaseIn(c.Extensions)
			require.Equal(t, []ExtensionType{strangeExtension, strangeExtension + 0x100}, extensions)
			require.Equal(t, want, n)
			proposals, n := greaseIn(c.Proposals)
			require.Equal(t, []ProposalType{strangeProposal}, proposals)
			require.Equal(t, want, n)
			credentials, n := greaseIn(c.Credentials)
			require.Equal(t, []CredentialType{CredentialBasic, CredentialX509, strangeCredential}, credentials)
			require.Equal(t, want, n)

			require.Subset(t, c.Extensions, types(kp.LeafNode.Extensions))
			require.Subset(t, c.Extensions, types(kp.Extensions))
			inLeaf, n := greaseIn(types(kp.LeafNode.Extensions))
			require.Equal(t, []ExtensionType{strangeExtension}, inLeaf)
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
	m, err := Parse[Message](b)
	require.NoError(t, err)
	_, n := greaseIn(types(m.GroupInfo.GroupContext.Extensions))
	require.Zero(t, n)
	own, n := greaseIn(types(m.GroupInfo.Extensions))
	require.Equal(t, 1, n)
	require.ElementsMatch(t, []ExtensionType{ExtensionRatchetTree, ExtensionExternalPub}, own)
}

// reserved reports whether a code point is in the table of RFC 9420, Section 13.5.
func reserved[T ~uint16](v T) bool {
	return slices.Contains([]uint16{
		0x0A0A, 0x1A1A, 0x2A2A, 0x3A3A, 0x4A4A, 0x5A5A, 0x6A6A, 0x7A7A,
		0x8A8A, 0x9A9A, 0xAAAA, 0xBABA, 0xCACA, 0xDADA, 0xEAEA,
	}, uint16(v))
}

func TestGreaseValues(t *testing.T) {
	var all, others []ExtensionType
	for v := range 1 << 16 {
		require.Equal(t, reserved(uint16(v)), isGrease(uint16(v)), "%#04x", v)
		all = append(all, ExtensionType(v))
		if !reserved(uint16(v)) {
			others = append(others, ExtensionType(v))
		}
	}
	require.Equal(t, others, withoutGrease(all))
	require.Equal(t, ExtensionType(0x0A0B), all[0x0A0B], "the list stays as it was")
	require.Equal(t, others, withoutGrease(others))
	require.Empty(t, withoutGrease([]ExtensionType{0x0A0A}))
}

// listEverywhere gives each member a leaf that lists a value in all places, as addGrease
// may and no Config that is checked does.
func listEverywhere(t *testing.T, groups []*Group, value uint16) {
	t.Helper()
	for i, g := range groups {
		g.cfg.Extensions = []ExtensionType{ExtensionType(value)}
		g.cfg.Proposals = []CustomProposalType{{Type: ProposalType(value)}}
		g.cfg.Credentials = []CredentialType{CredentialType(value)}
		c, err := g.Commit(t.Context(), insiderTime, CommitOptions{})
		require.NoError(t, err)
		follow(t, groups, i, c)
	}
	for _, leaf := range groups[0].Members() {
		require.Contains(t, leaf.Capabilities.Extensions, ExtensionType(value))
		require.Contains(t, leaf.Capabilities.Proposals, ProposalType(value))
		require.Contains(t, leaf.Capabilities.Credentials, CredentialType(value))
	}
}

// A reserved value that members list is nothing that they support: a group takes no
// extension, required capability or credential of one, whoever brings it (RFC 9420,
// Section 13.5).
func TestGreaseIsNoSupport(t *testing.T) {
	const value = 0x3A3A
	required := func(r RequiredCapabilities) Extension {
		data, err := Marshal(&r)
		require.NoError(t, err)
		return Extension{Type: ExtensionRequiredCapabilities, Data: data}
	}
	groups := clique(t, 0x0001, 4, publicHandshake)
	listEverywhere(t, groups, value)
	m, g := insider{t, groups[1]}, groups[2]
	for name, c := range map[string]struct {
		extension     Extension
		inLeaf, after *violated
	}{
		"extension": {Extension{Type: value},
			violation("13.4", "capabilities list the group's extension 0x3A3A"),
			violation("13.4", "every member supports the group's extension 0x3A3A")},
		"required extension": {required(RequiredCapabilities{Extensions: []ExtensionType{value}}),
			violation("7.3", "capabilities list the required extension 0x3A3A"),
			violation("11.1", "every member supports the required extension 0x3A3A")},
		"required proposal": {required(RequiredCapabilities{Proposals: []ProposalType{value}}),
			violation("7.3", "capabilities list the required proposal 0x3A3A"),
			violation("11.1", "every member supports the required proposal 0x3A3A")},
		"required credential": {required(RequiredCapabilities{Credentials: []CredentialType{value}}),
			violation("7.3", "capabilities list the required credential 0x3A3A"),
			violation("11.1", "every member supports the required credential 0x3A3A")},
	} {
		t.Run(name, func(t *testing.T) {
			requireRefused(t, c.after, checkTree(g.public.tree, readExtensions(t, c.extension)))
			replace := GroupContextExtensions{Extensions: Extensions{c.extension}}
			requireUnmoved(t, g, c.inLeaf, func() error {
				_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, replace)
				return err
			})
			requireUnprocessed(t, g, c.inLeaf.atLeaf(1), m.commit(forgery{proposals: m.byValue(replace), withPath: true}).message)
			_, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "creator"), nil, c.extension)
			requireRefused(t, c.after, err)
		})
	}
	t.Run("credential", func(t *testing.T) {
		of := func(cfg *Config) { cfg.Credential = Credential{Type: value, Content: []byte("name")} }
		kp := ownKeyPackage(t, 0x0001, "joiner", of).KeyPackage
		want := violation("7.3", "every member supports the credential type 0x3A3A").atLeaf(4).atProposal(0)
		requireUnmoved(t, g, want, func() error {
			_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, Add{KeyPackage: kp})
			return err
		})
		requireUnprocessed(t, g, want, m.commit(forgery{proposals: m.byValue(Add{KeyPackage: kp})}).message)
	})
}

// What does not parse is refused by those who judge nothing of it too: members with
// and without an Authenticator stay together.
func TestMalformedExtensionsOfAGroup(t *testing.T) {
	groups := clique(t, 0x0001, 4, publicHandshake)
	m, g := insider{t, groups[1]}, groups[2]
	for _, x := range []Extension{
		{Type: ExtensionExternalSenders, Data: []byte{0xff, 1, 2}},
		{Type: ExtensionExternalSenders},
		{Type: ExtensionRequiredCapabilities, Data: []byte{9}},
	} {
		replace := GroupContextExtensions{Extensions: Extensions{x}}
		_, err := CreateGroup(t.Context(), insiderTime, client(t, 0x0001, "creator"), nil, x)
		require.ErrorIs(t, err, ErrMalformed)
		requireUnmoved(t, g, ErrMalformed, func() error {
			_, err := g.Commit(t.Context(), insiderTime, CommitOptions{}, replace)
			return err
		})
		requireUnprocessed(t, g, ErrMalformed, m.commit(forgery{proposals: m.byValue(replace), withPath: true}).message)
		message, _ := m.propose(replace)
		requireUnprocessed(t, g, ErrMalformed, message)
	}
}
