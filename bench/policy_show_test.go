package bench

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
)

// What show --format yaml prints is what the digest is of, for every built-in profile,
// whatever shows the digest.
func TestShowPrintsTheFileOfTheDigest(t *testing.T) {
	type profile struct{ Name, Digest string }
	digest := func(all []profile) string { return all[len(all)-1].Digest }
	out, stderr, code := call(t, "policy", "matrix", "--format", "json")
	require.Zero(t, code, stderr)
	var matrix struct {
		Policies map[string]struct{ Profiles []profile }
	}
	require.NoError(t, json.Unmarshal([]byte(out), &matrix))
	library := policy.Builtin()
	names := library.Names()
	require.Len(t, names, 22)
	for _, name := range names {
		file, stderr, code := call(t, "policy", "show", name, "--format", "yaml")
		require.Zero(t, code, stderr)
		sum := fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(file)))
		require.Equal(t, sum, digest(matrix.Policies[name].Profiles), name)
		_, err := library.Policy(name, policy.WithDigest(sum))
		require.NoError(t, err)
	}
	name := names[len(names)-1]
	want := digest(matrix.Policies[name].Profiles)
	text, _, _ := call(t, "policy", "show", name)
	require.Contains(t, text, "\n  digest    "+want+"\n", name)
	out, _, _ = call(t, "policy", "show", name, "--format", "json")
	var shown struct{ Profiles []profile }
	require.NoError(t, json.Unmarshal([]byte(out), &shown))
	require.Equal(t, want, digest(shown.Profiles))
}
