package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Elements beyond those that were counted are malformed and take no room.
func TestElementsBeyondTheCountedAreRefused(t *testing.T) {
	skipAll := func(_ *byte, r *Reader) { r.SkipRaw(r.Len()) }
	readOne := func(b *byte, r *Reader) { *b = r.Uint8() }
	r := NewReader([]byte{1, 7})
	require.Equal(t, []byte{7}, ReadAll(r, skipAll, readOne))
	require.NoError(t, r.Err())
	r = NewReader([]byte{2, 7, 8})
	require.Len(t, ReadAll(r, skipAll, readOne), 1)
	require.ErrorIs(t, r.Err(), ErrMalformed)
	require.ErrorContains(t, r.Err(), "vector of more than 1 elements")
}

func TestElements(t *testing.T) {
	all := []uint16{1, 2, 300}
	b, err := Marshal(func(w *Writer) {
		WriteAll(w, all, func(v *uint16, w *Writer) { w.Uint16(*v) })
		WriteCodePoints(w, all)
		WriteEnum(w, "kind", uint8(2), 3)
	})
	require.NoError(t, err)
	r := NewReader(b)
	require.Equal(t, all, ReadAll(r, func(_ *uint16, r *Reader) { r.SkipRaw(2) }, func(v *uint16, r *Reader) { *v = r.Uint16() }))
	require.Equal(t, all, ReadCodePoints[uint16](r, nil))
	require.Equal(t, uint8(2), ReadEnum[uint8](r, "kind", 3))
	require.NoError(t, r.Finish())

	for _, v := range []uint8{0, 4} {
		_, err := Marshal(func(w *Writer) { WriteEnum(w, "kind", v, 3) })
		require.ErrorIs(t, err, ErrMalformed)
		r := NewReader([]byte{v})
		ReadEnum[uint8](r, "kind", 3)
		require.ErrorIs(t, r.Err(), ErrMalformed)
	}
	r = NewReader([]byte{9, 0})
	require.Equal(t, new(uint16), ReadNew(r, func(v *uint16, r *Reader) { *v = 0; r.Fail(errTruncated) }))
	require.ErrorIs(t, r.Err(), ErrMalformed)
}
