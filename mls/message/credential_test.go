package message

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCredential(t *testing.T) {
	basic := BasicCredential([]byte("alice"))
	identity, ok := basic.Identity()
	require.True(t, ok)
	require.Equal(t, []byte("alice"), identity)
	_, err := basic.Certificates()
	require.ErrorIs(t, err, ErrUnsupported)

	chain := [][]byte{{0x30, 1}, {0x30, 2, 3}, make([]byte, 70)}
	x509, err := X509Credential(chain)
	require.NoError(t, err)
	require.Equal(t, CredentialX509, x509.Type)
	again, err := x509.Certificates()
	require.NoError(t, err)
	require.Equal(t, chain, again)
	_, ok = x509.Identity()
	require.False(t, ok)

	x509.Content = x509.Content[:4]
	_, err = x509.Certificates()
	require.ErrorIs(t, err, ErrMalformed)
}
