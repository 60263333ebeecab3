package wire

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
)

func TestVectorsDeserialization(t *testing.T) {
	type header struct {
		Header vectors.Hex `json:"vlbytes_header"`
		Length int         `json:"length"`
	}
	vectors.Official(t, "deserialization", func(t *testing.T, c *header) {
		r := NewReader(c.Header)
		require.Equal(t, c.Length, r.Length())
		require.NoError(t, r.Finish())

		if c.Length > 1<<16 {
			return
		}
		encoded, err := Marshal(func(w *Writer) { w.Bytes(make([]byte, c.Length)) })
		require.NoError(t, err)
		require.Equal(t, []byte(c.Header), encoded[:len(encoded)-c.Length])
	})
}
