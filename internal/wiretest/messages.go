package wiretest

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
)

// fieldsByPackage has all fields of the official family "messages", each with the package
// whose test reads it and writes it again.
func fieldsByPackage() map[string][]string {
	return map[string][]string{
		"message": {
			"mls_welcome", "mls_group_info", "mls_key_package",
			"add_proposal", "update_proposal", "remove_proposal", "pre_shared_key_proposal", "re_init_proposal",
			"external_init_proposal", "group_context_extensions_proposal",
		},
		"framing": {
			"commit", "public_message_application", "public_message_proposal", "public_message_commit", "private_message",
		},
		"ratchettree": {"ratchet_tree"},
		"mls":         {"group_secrets"},
	}
}

// VectorsMessages checks the fields of a package in every case of the official family
// "messages": each function reads its field and writes it again. No field is without a
// package, and none of the package's without a function.
func VectorsMessages(t *testing.T, pkg string, fields map[string]func(t *testing.T, b []byte) []byte) {
	all := fieldsByPackage()
	require.ElementsMatch(t, all[pkg], slices.Collect(maps.Keys(fields)))
	vectors.Official(t, "messages", func(t *testing.T, c *map[string]vectors.Hex) {
		require.ElementsMatch(t, slices.Concat(slices.Collect(maps.Values(all))...), slices.Collect(maps.Keys(*c)))
		for name, again := range fields {
			require.Equal(t, []byte((*c)[name]), again(t, (*c)[name]), name)
		}
	})
}

// Again returns a function that reads a T and writes it again.
func Again[T any](marshal func(*T, *wire.Writer), unmarshal func(*T, *wire.Reader)) func(t *testing.T, b []byte) []byte {
	return func(t *testing.T, b []byte) []byte {
		x, err := wire.ParseNew(b, "structure", unmarshal)
		require.NoError(t, err)
		return Encoded(t, func(w *wire.Writer) { marshal(x, w) })
	}
}
