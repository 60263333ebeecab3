package mls

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/suite"
)

// reachableBy lists suites, or none.
func reachableBy(ids ...suite.ID) func(*Config) {
	return func(cfg *Config) { cfg.Reachable = append([]suite.ID{}, ids...) }
}

// denying refuses to begin with one suite.
func denying(id suite.ID) func(*Config) {
	return func(cfg *Config) {
		cfg.Policy = suite.PolicyFunc(func(q suite.Question) error {
			if info, ok := q.Subject.(suite.Info); ok && info.ID == id && q.Use == suite.Start {
				return errors.New("denied")
			}
			return nil
		})
	}
}

// A leaf lists the suites by which its client wants to be reachable, in the client's order
// of preference, and its own in any case.
func TestReachableSuites(t *testing.T) {
	everything := mlstest.AllSuites().IDs()
	for name, c := range map[string]struct {
		adjust []func(*Config)
		want   []suite.ID
	}{
		"all by default":                     {nil, everything},
		"the own one alone":                  {[]func(*Config){reachableBy()}, []suite.ID{0x0001}},
		"some":                               {[]func(*Config){reachableBy(0xF002, 0x0001, 0x0002)}, []suite.ID{0x0001, 0x0002, 0xF002}},
		"the own one, which is not said":     {[]func(*Config){reachableBy(0xF002)}, []suite.ID{0xF002, 0x0001}},
		"none that the client does not have": {[]func(*Config){reachableBy(0x0001, 0x7777)}, []suite.ID{0x0001}},
		"none that the policy denies":        {[]func(*Config){reachableBy(0x0001, 0x0002, 0x0003), denying(0x0002)}, []suite.ID{0x0001, 0x0003}},
	} {
		t.Run(name, func(t *testing.T) {
			kp := ownKeyPackage(t, 0x0001, "client", c.adjust...).KeyPackage
			require.Equal(t, c.want, kp.LeafNode.Capabilities.CipherSuites)
		})
	}
	for fault, ids := range map[string][]suite.ID{"lists 0": {0}, "reserved": {0x0A0A}, "twice": {1, 2, 1}} {
		_, err := NewKeyPackage(t.Context(), insiderTime, client(t, 0x0001, "client", reachableBy(ids...)), KeyPackageOptions{})
		require.ErrorContains(t, err, "Config.Reachable")
		require.ErrorContains(t, err, fault)
	}
}

// A member that wants to be reachable by other suites than before says so in its next leaf,
// and nobody else's leaf changes.
func TestReachableSuitesOfALiveGroup(t *testing.T) {
	groups := clique(t, 0x0001, 3, reachableBy(0x0002))
	groups[1].cfg.Reachable = []suite.ID{0xF002}
	c, err := groups[1].Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	follow(t, groups, 1, c)
	for leaf, n := range groups[0].Members() {
		want := []suite.ID{0x0002, 0x0001}
		if leaf == 1 {
			want = []suite.ID{0xF002, 0x0001}
		}
		require.Equal(t, want, n.Capabilities.CipherSuites)
	}
}

// leafPart is a part of a leaf with its length in bytes, length headers included.
type leafPart struct {
	name  string
	bytes int
}

// leafParts returns what the leaf of a key package is made of.
func leafParts(t *testing.T, n *message.LeafNode) (parts []leafPart, total int) {
	t.Helper()
	opaque := wire.SizeOfVector
	credential, err := message.Marshal(&n.Credential)
	require.NoError(t, err)
	extensions := 0
	for _, x := range n.Extensions {
		extensions += 2 + opaque(len(x.Data))
	}
	c := &n.Capabilities
	parts = []leafPart{
		{"encryption key", opaque(len(n.EncryptionKey))},
		{"signature key", opaque(len(n.SignatureKey))},
		{"credential", len(credential)},
		{"capabilities: versions", opaque(2 * len(c.Versions))},
		{"capabilities: suites", opaque(2 * len(c.CipherSuites))},
		{"capabilities: extensions, proposals, credentials", opaque(2*len(c.Extensions)) + opaque(2*len(c.Proposals)) + opaque(2*len(c.Credentials))},
		{"source and lifetime", 1 + 16},
		{"extensions", opaque(extensions)},
		{"signature", opaque(len(n.Signature))},
	}
	encoded, err := message.Marshal(n)
	require.NoError(t, err)
	for _, p := range parts {
		total += p.bytes
	}
	require.Len(t, encoded, total)
	return parts, total
}

// The page about prices says what a leaf is made of, byte by byte, and what the choice of
// reachable suites and GREASE make of it.
func TestLeafBytes(t *testing.T) {
	page, err := os.ReadFile("../docs/price.md")
	require.NoError(t, err)
	var rows, sums []string
	grease := func(cfg *Config) { cfg.NoGREASE = false }
	for i, c := range []struct {
		name   string
		adjust []func(*Config)
	}{
		{"all suites, GREASE", []func(*Config){grease}},
		{"its own suite and another, GREASE", []func(*Config){grease, reachableBy(0x0002)}},
		{"its own suite, GREASE", []func(*Config){grease, reachableBy()}},
		{"its own suite, no GREASE", []func(*Config){reachableBy()}},
	} {
		sum := "| **leaf: " + c.name + "** |"
		for k, id := range []suite.ID{0x0001, 0xF002, 0xF00B} { // whose signatures have one length
			parts, total := leafParts(t, &ownKeyPackage(t, id, "a member's name!", c.adjust...).KeyPackage.LeafNode)
			sum += fmt.Sprintf(" %d |", total)
			for j := 0; i == 0 && j < len(parts); j++ {
				if k == 0 {
					rows = append(rows, "| "+parts[j].name+" |")
				}
				rows[j] += fmt.Sprintf(" %d |", parts[j].bytes)
			}
		}
		sums = append(sums, sum)
	}
	table := strings.Join(slices.Concat(rows, sums), "\n")
	require.True(t, strings.Contains(string(page), table), "the table is now\n%s", table)
}
