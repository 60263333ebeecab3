package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// isGrease reports whether a code point is one of those that RFC 9420, Section
// 13.5, reserves.
func isGrease[T ~uint16](v T) bool {
	return v&0x0F0F == 0x0A0A && v>>8 == v&0xFF && v != 0xFAFA
}

// withoutGrease returns the other values of a list, and how many it leaves out.
func withoutGrease[T ~uint16](list []T) ([]T, int) {
	rest := slices.DeleteFunc(slices.Clone(list), isGrease)
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
			suites, n := withoutGrease(c.CipherSuites)
			require.Equal(t, all.Registry().IDs(suite.Start, insiderTime), suites)
			require.Equal(t, want, n)
			extensions, n := withoutGrease(c.Extensions)
			require.Equal(t, []ExtensionType{strangeExtension, strangeExtension + 0x100}, extensions)
			require.Equal(t, want, n)
			proposals, n := withoutGrease(c.Proposals)
			require.Equal(t, []ProposalType{strangeProposal}, proposals)
			require.Equal(t, want, n)
			credentials, n := withoutGrease(c.Credentials)
			require.Equal(t, []CredentialType{CredentialBasic, CredentialX509, strangeCredential}, credentials)
			require.Equal(t, want, n)

			require.Subset(t, c.Extensions, types(kp.LeafNode.Extensions))
			require.Subset(t, c.Extensions, types(kp.Extensions))
			inLeaf, n := withoutGrease(types(kp.LeafNode.Extensions))
			require.Equal(t, []ExtensionType{strangeExtension}, inLeaf)
			require.Equal(t, want, n)
			inPackage, n := withoutGrease(types(kp.Extensions))
			require.Empty(t, inPackage)
			require.Equal(t, want, n)
			require.False(t, isGrease(kp.Version) || isGrease(kp.CipherSuite) || isGrease(kp.LeafNode.Credential.Type))
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
	m, err := ParseMessage(b)
	require.NoError(t, err)
	_, n := withoutGrease(types(m.GroupInfo.GroupContext.Extensions))
	require.Zero(t, n)
	own, n := withoutGrease(types(m.GroupInfo.Extensions))
	require.Equal(t, 1, n)
	require.ElementsMatch(t, []ExtensionType{ExtensionRatchetTree, ExtensionExternalPub}, own)
}
