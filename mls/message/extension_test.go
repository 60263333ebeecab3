package message

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExtensionsFind(t *testing.T) {
	e := Extensions{{Type: 7, Data: []byte{1}}, {Type: 9, Data: []byte{}}}
	data, ok := e.Find(9)
	require.True(t, ok)
	require.Empty(t, data)
	_, ok = e.Find(8)
	require.False(t, ok)
}
