package erase

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMoved(t *testing.T) {
	buffer := []byte("secret and what it was made with")
	own := Moved(buffer[:6:20])
	require.Equal(t, "secret", string(own))
	require.Equal(t, len(own), cap(own))
	require.Equal(t, make([]byte, 20), buffer[:20])
	require.Equal(t, " was made with"[2:], string(buffer[20:]), "what lies behind the capacity")
	require.Empty(t, Moved(nil))
}
