package policy_test

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
)

// A digest lets in the text that it is of, and refuses any other: the error names both.
func TestPins(t *testing.T) {
	text := []byte("profile: house\ntitle: house\nextends: [nist-curves]\n")
	wanted, parent := digestOf(string(text)), load(t, "nist-curves").Profiles()[0].Digest
	for _, pins := range [][]policy.Pin{
		nil, {policy.WithDigest(wanted)},
		{policy.WithDigest(wanted), policy.WithDigestOf("nist-curves", parent), policy.WithDigestOf("house", wanted)},
	} {
		_, err := policy.Parse("house.yaml", text, pins...)
		require.NoError(t, err)
	}
	tampered := bytes.Replace(text, []byte("title: house"), []byte("title: House"), 1)
	for _, c := range []struct {
		text  []byte
		pin   policy.Pin
		error policy.DigestError
	}{
		{tampered, policy.WithDigest(wanted), policy.DigestError{Profile: "house", Found: digestOf(string(tampered)), Wanted: wanted}},
		{append(text, '\n'), policy.WithDigest(wanted), policy.DigestError{Profile: "house", Found: digestOf(string(text) + "\n"), Wanted: wanted}},
		{text, policy.WithDigest(""), policy.DigestError{Profile: "house", Found: wanted}},
		{text, policy.WithDigest(wanted[len("sha256:"):]), policy.DigestError{Profile: "house", Found: wanted, Wanted: wanted[len("sha256:"):]}},
		{text, policy.WithDigest(parent), policy.DigestError{Profile: "house", Found: wanted, Wanted: parent}},
		{text, policy.WithDigestOf("nist-curves", wanted), policy.DigestError{Profile: "nist-curves", Found: parent, Wanted: wanted}},
	} {
		_, err := policy.Parse("house.yaml", c.text, policy.WithDigestOf("nist-curves", parent), c.pin)
		var refused *policy.DigestError
		require.ErrorAs(t, err, &refused)
		require.Empty(t, cmp.Diff(&c.error, refused))
		require.ErrorContains(t, err, refused.Found)
		require.ErrorContains(t, err, refused.Wanted)
	}
	_, err := policy.Parse("house.yaml", text, policy.WithDigestOf("cnsa-2.0", wanted))
	require.EqualError(t, err, "policy: house does not extend cnsa-2.0, whose digest is demanded")
	_, err = policy.Load("nist-curves", policy.WithDigest(parent))
	require.NoError(t, err)
	_, err = policy.Load("nist-curves", policy.WithDigest(wanted))
	require.ErrorAs(t, err, new(*policy.DigestError))
}

// The files of a policy are those that its digests are of, and a caller's changes reach
// neither.
func TestFiles(t *testing.T) {
	text := []byte("profile: house\ntitle: house\nextends: [us-eo-14412]\n")
	want := string(text)
	p, err := policy.Parse("house.yaml", text)
	require.NoError(t, err)
	clear(text)
	for range 2 {
		files, profiles := p.Files(), p.Profiles()
		require.Len(t, files, len(profiles))
		for i, file := range files {
			require.Equal(t, profiles[i].Digest, digestOf(string(file.Data)), file.Name)
			require.Equal(t, profiles[i].Name+".yaml", file.Name)
		}
		last := files[len(files)-1]
		require.Equal(t, want, string(last.Data))
		for _, file := range files {
			clear(file.Data)
		}
	}
}
