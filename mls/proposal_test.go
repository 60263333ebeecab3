package mls

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestProposalRegistry has the table of RFC 9420, Section 17.4.
func TestProposalRegistry(t *testing.T) {
	for _, c := range []struct {
		value          ProposalType
		name           string
		external, path bool
	}{
		{0x0001, "add", true, false},
		{0x0002, "update", false, true},
		{0x0003, "remove", true, true},
		{0x0004, "psk", true, false},
		{0x0005, "reinit", true, false},
		{0x0006, "external_init", false, true},
		{0x0007, "group_context_extensions", true, true},
	} {
		kind, ok := c.value.kind()
		require.True(t, ok, c.name)
		require.Equal(t, c.value, kind.typ)
		require.Equal(t, c.name, c.value.String())
		require.Equal(t, c.external, kind.external, c.name)
		require.Equal(t, c.path, kind.needsPath, c.name)
	}
	for _, unknown := range []ProposalType{0, 8, 0x0a0a, 0xffff} {
		_, ok := unknown.kind()
		require.False(t, ok)
	}
}
