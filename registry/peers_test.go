package registry_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

func TestPeerSets(t *testing.T) {
	count := map[string]int{}
	for _, p := range registry.PeerSets() {
		t.Run(p.Name, func(t *testing.T) {
			found, err := registry.FindPeerSet(p.Name)
			require.NoError(t, err)
			require.Equal(t, p, found)
			require.NotEmpty(t, p.Of)
			seen := map[suite.ID]bool{}
			for _, d := range p.Definitions {
				require.Contains(t, p.Derivations(), d.Derivation, d.Name)
				require.Equal(t, d.Derivation == suite.DerivationUnlabelled, strings.HasSuffix(d.Name, "_UNLABELLED"), d.Name)
				require.Equal(t, d.Derivation == suite.DerivationRaw, strings.HasSuffix(d.Name, "_RAW"), d.Name)
				require.False(t, seen[d.ID], d.ID)
				seen[d.ID] = true
			}
			draft, err := registry.PQDraft(p.DraftCodePoints())
			require.NoError(t, err)
			if !slices.Contains(p.Derivations(), suite.DerivationLabelled) {
				require.Contains(t, p.Of, "no draft's")
				require.Empty(t, draft)
			}
			for _, d := range draft {
				require.Contains(t, p.Definitions, d)
			}
			count[p.Name] = len(p.Definitions)
		})
	}
	require.Equal(t, map[string]int{
		"private": 11, "mlspp": 3, "openmls": 13, "openmls-0.9": 10, "ts-mls-1": 8, "ts-mls-2": 8,
	}, count)
	require.Equal(t, registry.PrivateUse(), registry.Private().DraftCodePoints())
	_, err := registry.FindPeerSet("openmls-1.0")
	require.ErrorContains(t, err, `"openmls-1.0": choose from private, mlspp`)
}

func TestPeerSetsAreTheCallers(t *testing.T) {
	registry.OpenMLS09().Definitions[0].Derivation = suite.DerivationLabelled
	require.Equal(t, suite.DerivationUnlabelled, registry.OpenMLS09().Definitions[0].Derivation)
	require.Equal(t, []string{suite.DerivationRaw, suite.DerivationUnlabelled}, registry.TSMLS1().Derivations())
}

// What has one name in all sets is one suite; its code point differs.
func TestNamesMeanOneSuite(t *testing.T) {
	named := map[string]registry.Definition{}
	for _, p := range registry.PeerSets() {
		for _, d := range p.Definitions {
			d.ID = 0
			if other, ok := named[d.Name]; ok {
				require.Equal(t, other, d)
			}
			named[d.Name] = d
		}
	}
}

// The table of what live peers have: code points of their sources.
func TestPeerCodePoints(t *testing.T) {
	for name, want := range map[string][]suite.ID{
		"mlspp":       {0x0008, 0x0009, 0x000A},
		"openmls-0.9": {0x0042, 0x004D, 0x004E, 0x004F, 0x0050, 0x0051, 0x0052, 0x0906, 0x0907, 0xF042},
		"ts-mls-1":    {0x0051, 0x0052, 0x0053, 0x0054, 0x0055, 0x0056, 0x0057, 0x0058},
		"ts-mls-2":    {0xF00B, 0xF00C, 0xF00D, 0xF00E, 0xF00F, 0xF010, 0xF011, 0xF012},
	} {
		p, err := registry.FindPeerSet(name)
		require.NoError(t, err)
		var got []suite.ID
		for _, d := range p.Definitions {
			got = append(got, d.ID)
		}
		slices.Sort(got)
		require.Equal(t, want, got, name)
	}
}
