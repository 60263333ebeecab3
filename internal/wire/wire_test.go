package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
)

// TestExamples has the lengths that RFC 9420, Section 2.1.2, gives.
func TestExamples(t *testing.T) {
	for text, length := range map[string]int{"9d7f3e7d": 494878333, "7bbd": 15293, "25": 37} {
		b, err := hex.DecodeString(text)
		require.NoError(t, err)
		r := NewReader(b)
		require.Equal(t, length, r.Length())
		require.NoError(t, r.Finish())
	}
}

func TestEncoding(t *testing.T) {
	b, err := Marshal(func(w *Writer) {
		w.Uint8(1)
		w.Uint16(0x0203)
		w.Uint32(0x04050607)
		w.Uint64(0x08090a0b0c0d0e0f)
		w.Raw([]byte{0x10, 0x11})
		w.Bytes([]byte("abc"))
		w.Bytes(nil)
		if w.Optional(true) {
			w.Uint8(9)
		}
		w.Optional(false)
		w.Vector(func(w *Writer) {
			w.Bytes([]byte{7})
			w.Vector(func(w *Writer) { w.Uint16(8) })
		})
		w.Padding(3)
	})
	require.NoError(t, err)
	require.Equal(t, "0102030405060708090a0b0c0d0e0f1011"+"03616263"+"00"+"0109"+"00"+"050107020008"+"000000",
		hex.EncodeToString(b))

	r := NewReader(b)
	require.Equal(t, uint8(1), r.Uint8())
	require.Equal(t, uint16(0x0203), r.Uint16())
	require.Equal(t, uint32(0x04050607), r.Uint32())
	require.Equal(t, uint64(0x08090a0b0c0d0e0f), r.Uint64())
	require.Equal(t, []byte{0x10, 0x11}, r.Raw(2))
	require.Equal(t, []byte("abc"), r.Bytes())
	require.Equal(t, []byte{}, r.Bytes())
	require.True(t, r.Optional())
	require.Equal(t, uint8(9), r.Uint8())
	require.False(t, r.Optional())
	v := r.Vector()
	require.Equal(t, []byte{7}, v.Bytes())
	inner := v.Vector()
	require.Equal(t, uint16(8), inner.Uint16())
	require.True(t, inner.Empty())
	require.True(t, v.Empty())
	require.Equal(t, 3, r.Padding())
	require.NoError(t, r.Finish())
}

// TestHeaderBoundaries writes vectors around each length at which the header
// grows, alone and in one another, and reads them again.
func TestHeaderBoundaries(t *testing.T) {
	for _, n := range []int{0, 1, 62, 63, 64, 65, 16381, 16382, 16383, 16384, 16385, 70000} {
		content := bytes.Repeat([]byte{0xa5}, n)
		opaque, err := Marshal(func(w *Writer) { w.Bytes(content) })
		require.NoError(t, err)
		require.Len(t, opaque, headerSize(n)+n)
		vector, err := Marshal(func(w *Writer) { w.Vector(func(w *Writer) { w.Raw(content) }) })
		require.NoError(t, err)
		require.True(t, bytes.Equal(opaque, vector))

		nested, err := Marshal(func(w *Writer) {
			w.Uint8(1)
			w.Vector(func(w *Writer) { w.Vector(func(w *Writer) { w.Bytes(content) }) })
			w.Uint8(2)
		})
		require.NoError(t, err)
		r := NewReader(nested)
		require.Equal(t, uint8(1), r.Uint8())
		outer := r.Vector()
		inner := outer.Vector()
		require.True(t, bytes.Equal(content, inner.Bytes()))
		require.True(t, inner.Empty() && outer.Empty())
		require.Equal(t, uint8(2), r.Uint8())
		require.NoError(t, r.Finish())
	}
}

func TestMalformed(t *testing.T) {
	opaque := func(r *Reader) { r.Bytes() }
	vector := func(r *Reader) {
		for v := r.Vector(); !v.Empty(); {
			v.Bytes()
		}
	}
	for _, c := range []struct {
		name, in string
		read     func(r *Reader)
		err      error
	}{
		{"nothing", "", opaque, errTruncated},
		{"header of 2 bytes ends", "40", opaque, errTruncated},
		{"header of 4 bytes ends", "80ffff", opaque, errTruncated},
		{"content ends", "0301", opaque, errTruncated},
		{"vector ends", "0301", vector, errTruncated},
		{"element crosses the end of its vector", "020201ff", vector, errTruncated},
		{"prefix 11", "c000000000000000", opaque, errPrefix},
		{"prefix 11 alone", "ff", vector, errPrefix},
		{"2 bytes where 1 is enough", "4001aa", opaque, errMinimal},
		{"2 bytes for 63", "403f" + hex.EncodeToString(make([]byte, 63)), opaque, errMinimal},
		{"4 bytes where 1 is enough", "80000001aa", opaque, errMinimal},
		{"4 bytes for 16383", "80003fff" + hex.EncodeToString(make([]byte, 16383)), opaque, errMinimal},
		{"not minimal in a vector", "034001aa", vector, errMinimal},
		{"presence octet 2", "02", func(r *Reader) { r.Optional() }, errPresence},
		{"presence octet 255", "ff", func(r *Reader) { r.Optional() }, errPresence},
		{"presence octet missing", "", func(r *Reader) { r.Optional() }, errTruncated},
		{"uint8 missing", "", func(r *Reader) { r.Uint8() }, errTruncated},
		{"uint16 short", "00", func(r *Reader) { r.Uint16() }, errTruncated},
		{"uint32 short", "000000", func(r *Reader) { r.Uint32() }, errTruncated},
		{"uint64 short", "00000000000000", func(r *Reader) { r.Uint64() }, errTruncated},
		{"raw short", "0000", func(r *Reader) { r.Raw(3) }, errTruncated},
		{"padding", "000100", func(r *Reader) { r.Padding() }, errPadding},
		{"bytes left over", "0000", opaque, errTrailing},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, err := hex.DecodeString(c.in)
			require.NoError(t, err)
			r := NewReader(in)
			c.read(r)
			err = r.Finish()
			require.Equal(t, c.err, err)
			require.ErrorIs(t, err, ErrMalformed)
		})
	}
}

// TestStickyError shows that the first error stays, reaches the outermost Reader,
// and leaves nothing to read at any level.
func TestStickyError(t *testing.T) {
	first := errors.New("first")
	r := NewReader([]byte{4, 3, 0, 1, 2, 9})
	outer := r.Vector()
	inner := outer.Vector()
	inner.Fail(first)
	r.Fail(errors.New("second"))
	for _, r := range []*Reader{r, outer, inner} {
		require.Equal(t, first, r.Err())
		require.True(t, r.Empty())
		require.Zero(t, r.Uint8())
		require.Zero(t, r.Uint64())
		require.Empty(t, r.Bytes())
		require.Empty(t, r.Raw(1))
		require.False(t, r.Optional())
		require.Zero(t, r.Padding())
		require.True(t, r.Vector().Empty())
		require.Equal(t, first, r.Finish())
	}

	var w Writer
	w.Fail(first)
	w.Fail(errors.New("second"))
	w.Bytes([]byte("abc"))
	b, err := w.Finish()
	require.Equal(t, first, err)
	require.Nil(t, b)
}

func TestReset(t *testing.T) {
	var w Writer
	w.Uint16(7)
	w.Fail(ErrTooLong)
	w.Reset()
	w.Uint8(1)
	b, err := w.Finish()
	require.NoError(t, err)
	require.Equal(t, []byte{1}, b)
}

func TestNothing(t *testing.T) {
	r := NewReader(nil)
	require.Empty(t, r.Raw(0))
	require.Zero(t, r.Padding())
	require.NoError(t, r.Finish())
}

// TestCopies shows that what is read shares no memory with the input.
func TestCopies(t *testing.T) {
	in := []byte{2, 5, 6, 7}
	r := NewReader(in)
	opaque, raw := r.Bytes(), r.Raw(1)
	require.NoError(t, r.Finish())
	clear(in)
	require.Equal(t, []byte{5, 6}, opaque)
	require.Equal(t, []byte{7}, raw)
}

func TestTooLong(t *testing.T) {
	var w Writer
	require.True(t, w.fits(MaxLength))
	require.False(t, w.fits(MaxLength+1))
	_, err := w.Finish()
	require.ErrorIs(t, err, ErrTooLong)
	require.NotErrorIs(t, err, ErrMalformed)
}

// TestAnnouncedLength shows that a length alone makes nobody allocate: 4 bytes
// announce 1 GiB.
func TestAnnouncedLength(t *testing.T) {
	in := []byte{0xbf, 0xff, 0xff, 0xff}
	for name, read := range map[string]func(r *Reader){
		"opaque": func(r *Reader) { r.Bytes() },
		"vector": func(r *Reader) { r.Vector() },
	} {
		t.Run(name, func(t *testing.T) {
			var r *Reader
			require.Zero(t, allocated.Beyond(1<<20, func() {
				r = NewReader(in)
				read(r)
			}, nil))
			require.ErrorIs(t, r.Finish(), ErrMalformed)
		})
	}
}

// TestAllocations keeps the number of allocations on the paths of messages.
func TestAllocations(t *testing.T) {
	content := make([]byte, 100)
	var encoded []byte
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		encoded, _ = Marshal(func(w *Writer) {
			w.Bytes(content)
			w.Vector(func(w *Writer) { w.Uint16(1) })
		})
	}), 2.0, "a Writer and its buffer")
	require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
		r := NewReader(encoded)
		r.Bytes()
		for v := r.Vector(); !v.Empty(); {
			v.Uint16()
		}
	}), 2.0, "one copy, perhaps a Reader")
}

// FuzzReader reads the same bytes as many kinds of value and writes what it read:
// the bytes are the same, or were refused.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{"", "0003616263", "0102616200", "02020102", "0380000001", "04c1", "02024100"} {
		b, err := hex.DecodeString(seed)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		r := NewReader(in)
		var w Writer
		for !r.Empty() {
			kind := r.Uint8()
			w.Uint8(kind)
			switch kind % 8 {
			case 0:
				w.Bytes(r.Bytes())
			case 1:
				if w.Optional(r.Optional()) {
					w.Uint8(r.Uint8())
				}
			case 2:
				v := r.Vector()
				w.Vector(func(w *Writer) {
					for !v.Empty() {
						w.Bytes(v.Bytes())
					}
				})
			case 3:
				w.Uint16(r.Uint16())
			case 4:
				w.Uint32(r.Uint32())
			case 5:
				w.Uint64(r.Uint64())
			case 6:
				w.Raw(r.Raw(3))
			case 7:
				w.Padding(r.Padding())
			}
		}
		err := r.Finish()
		if err != nil {
			require.ErrorIs(t, err, ErrMalformed)
			return
		}
		out, err := w.Finish()
		require.NoError(t, err)
		require.True(t, bytes.Equal(in, out))
	})
}

// A lasting Reader shares its input, of which Since is a part, and charges for none of it;
// any Reader is one while it is lent, an owned one while it shares, and copies again afterwards.
func TestLastingReader(t *testing.T) {
	in := []byte{2, 'a', 'b', 1, 'c', 3, 'd', 'e', 'f'}
	var r Reader
	r.Last(in)
	before := r.Left()
	first := r.Bytes()
	v := r.Vector()
	second := v.Raw(1)
	require.Equal(t, in[:5], r.Since(before))
	require.Len(t, r.Left(), 4)
	in[1], in[4] = 'x', 'y'
	require.Equal(t, []string{"xb", "y"}, []string{string(first), string(second)})
	_ = append(first, 0)
	require.EqualValues(t, 1, in[3])

	for _, owned := range []bool{false, true} {
		in := []byte{1, 'a', 1, 'b'}
		r := &Reader{in: in, owned: owned, room: FreeBytes}
		var shared []byte
		r.Share(func() { shared = r.Bytes() })
		kept := r.Bytes()
		in[1], in[3] = 'x', 'y'
		require.Equal(t, owned, string(shared) == "x", "Share")
		require.Equal(t, "b", string(kept))
	}

	other := NewReader(in)
	var lent []byte
	other.Lend(func() { lent = other.Bytes() })
	kept := other.Bytes()
	in[1], in[4] = 'a', 'c'
	require.Equal(t, []string{"ab", "y"}, []string{string(lent), string(kept)})
	other.SkipRaw(9)
	require.Error(t, other.Err())
	require.Nil(t, other.Since(in))
}

// What is read in one piece shares a copy of its own, and nothing of the input.
func TestReaderReadsInOnePiece(t *testing.T) {
	in := []byte("\x01a\x01b\x01c")
	var first, second []byte
	skip := func(r *Reader) { r.Skip(); r.Skip() }
	read := func(r *Reader) {
		require.Equal(t, 4, r.Len())
		first, second = r.Bytes(), r.Bytes()
	}
	r := NewReader(in)
	piece := r.InOnePiece(skip, read)
	require.Equal(t, in[:4], piece)
	require.Equal(t, "c", string(r.Bytes()), "what follows is copied as before")
	require.NoError(t, r.Finish())
	in[1] = 'x'
	require.Equal(t, []string{"a", "b"}, []string{string(first), string(second)})
	require.Same(t, &piece[1], &first[0])
	require.Same(t, &piece[3], &second[0])

	for name, of := range map[string]struct {
		in   string
		read func(*Reader)
	}{
		"truncated":    {"\x01a\x02b", read},
		"not all read": {"\x01a\x01b", func(r *Reader) { r.Skip() }},
		"overread":     {"\x01a\x01b\x01c", func(r *Reader) { skip(r); r.Skip() }},
	} {
		r := NewReader([]byte(of.in))
		require.Nil(t, r.InOnePiece(skip, of.read), name)
		require.ErrorIs(t, r.Err(), ErrMalformed, name)
	}
	r = NewReader(in)
	r.Charge(r.room - 7)
	require.Nil(t, r.InOnePiece(skip, func(*Reader) { t.Error("read") }), "the copy is charged for")
	require.Error(t, r.Err())
}
