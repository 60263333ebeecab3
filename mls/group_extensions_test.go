package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/mls/internal/check"
	"github.com/mlsuite/mlsuite/mls/message"
)

func readExtensions(t testing.TB, all ...message.Extension) *check.GroupExtensions {
	t.Helper()
	e, err := check.ReadGroupExtensions(message.Extensions(all), message.CodePoints{}.Complete())
	require.NoError(t, err)
	return e
}

// What every leaf and every message asks about is read once: the next epoch has what
// this one has read, unless a commit brings others, which are read when they come.
func TestGroupExtensionsAreReadOnce(t *testing.T) {
	a := clique(t, 0x0001, 2)[0]
	many := make([]string, 20)
	for i := range many {
		many[i] = string(rune('a' + i))
	}
	require.Empty(t, a.public.extensions.Credentials)
	c, err := a.Commit(t.Context(), insiderTime, CommitOptions{}, message.GroupContextExtensions{Extensions: message.Extensions{sendersExtension(t, many...)}})
	require.NoError(t, err)
	require.Same(t, c.Proposals()[0].extensions, c.next.public.extensions)
	b, err := c.Adopt()
	require.NoError(t, err)
	require.Equal(t, []message.CredentialType{message.CredentialBasic}, b.public.extensions.Credentials)
	require.Len(t, b.public.extensions.Senders, len(many))
	c, err = b.Commit(t.Context(), insiderTime, CommitOptions{})
	require.NoError(t, err)
	require.Same(t, b.public.extensions, c.next.public.extensions)

	p := CommittedProposal{Proposal: message.GroupContextExtensions{Extensions: message.Extensions{sendersExtension(t, many...)}}}
	require.NoError(t, p.readExtensions(message.CodePoints{}.Complete()))
	first := p.extensions
	require.NoError(t, p.readExtensions(message.CodePoints{}.Complete()))
	require.Same(t, first, p.extensions)
}
