package policy_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

func digestOf(text string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(text))) }

// A policy names its profiles, those that are extended first, and what the program has set
// apart from what files set. Two of one profile with other values are both named.
func TestInForce(t *testing.T) {
	const base = "profile: base\ntitle: base\nversion: \"3\"\ndate: 2024-12\n" +
		"parameters:\n  wide: {kind: switch, default: \"off\", text: more}\n  end: {kind: date, default: 2030-12-31, text: end}\n" +
		"sources:\n  s: {document: D, date: 2024, checked: 2026}\n" +
		"rules:\n- {id: r, source: s, force: law, wanted: AES, allow: [{aead: AES-256-GCM, until: end}, {aead: AES-128-GCM, with: wide}]}\n"
	const house = "profile: house\ntitle: house\nextends: [base]\nset: {wide: \"on\"}\n"
	l, err := policy.Builtin().Add(policy.File{Name: "base.yaml", Data: []byte(base)}, policy.File{Name: "house.yaml", Data: []byte(house)})
	require.NoError(t, err)
	named := func(wide, end suite.ParameterInfo) suite.ProfileInfo {
		wide.Name, end.Name = "wide", "end"
		return suite.ProfileInfo{
			Name: "base", Version: "3", Date: "2024-12", Digest: digestOf(base), Parameters: []suite.ParameterInfo{wide, end},
		}
	}
	off, on, end := suite.ParameterInfo{Value: "off"}, suite.ParameterInfo{Value: "on"}, suite.ParameterInfo{Value: "2030-12-31"}
	plain, err := l.Policy("base")
	require.NoError(t, err)
	require.Empty(t, cmp.Diff([]suite.ProfileInfo{named(off, end)}, plain.InForce().Profiles))

	changed, err := plain.With("end=2027-01-01")
	require.NoError(t, err)
	set := suite.ParameterInfo{Value: "2027-01-01", Set: true}
	require.Empty(t, cmp.Diff([]suite.ProfileInfo{named(off, set)}, changed.InForce().Profiles))
	require.Equal(t, "v1.26.0", changed.OnModule("v1.26.0").InForce().Module)

	own, err := l.Policy("house")
	require.NoError(t, err)
	wants := []suite.ProfileInfo{named(on, end), {Name: "house", Digest: digestOf(house)}}
	require.Empty(t, cmp.Diff(wants, own.InForce().Profiles))

	together := policy.All(own, changed, own).InForce().Profiles
	require.Empty(t, cmp.Diff(append(wants, named(off, set)), together))
	require.Empty(t, policy.All().InForce().Profiles)
}
