package mls

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// What every message asks about is read once in an epoch, and anew in the next.
func TestNamedCredentialsAreReadOnce(t *testing.T) {
	a := clique(t, 0x0001, 2)[0]
	many := make([]string, 20)
	for i := range many {
		many[i] = string(rune('a' + i))
	}
	c, err := a.Commit(t.Context(), insiderTime, ReplaceExtensions(sendersExtension(t, many...)))
	require.NoError(t, err)
	none, err := a.public.namedCredentials()
	require.NoError(t, err)
	require.Empty(t, none)
	next, err := c.Adopt()
	require.NoError(t, err)
	named, err := next.public.namedCredentials()
	require.NoError(t, err)
	require.Equal(t, []CredentialType{CredentialBasic}, named)
	require.Zero(t, testing.AllocsPerRun(10, func() { _, _ = next.public.namedCredentials() }))
}
