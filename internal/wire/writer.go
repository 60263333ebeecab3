package wire

import (
	"encoding/binary"
	"slices"
)

// Writer appends values to one buffer. The zero Writer is empty and ready.
type Writer struct {
	buf []byte
	err error
}

// WriterOver returns an empty Writer that writes over buf as long as it fits.
func WriterOver(buf []byte) *Writer { return &Writer{buf: buf[:0]} }

// WriterAfter returns a Writer that appends to buf.
func WriterAfter(buf []byte) *Writer { return &Writer{buf: buf} }

// Marshal returns what body writes.
func Marshal(body func(w *Writer)) ([]byte, error) {
	return MarshalIn(256, body) // most structures fit
}

// MarshalIn is [Marshal] of probably no more than size bytes.
func MarshalIn(size int, body func(w *Writer)) ([]byte, error) {
	w := Writer{buf: make([]byte, 0, size)}
	body(&w)
	return w.Finish()
}

// Finish returns all that was written, or the first error.
func (w *Writer) Finish() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	return w.buf, nil
}

// Reset makes w empty, without an error, and keeps its buffer: what Finish returned
// before is overwritten.
func (w *Writer) Reset() { *w = Writer{buf: w.buf[:0]} }

// Erase is Reset that overwrites what was written.
func (w *Writer) Erase() {
	clear(w.buf)
	w.Reset()
}

// Fail makes Finish return err, unless an error came before it.
func (w *Writer) Fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// Grow makes room for n more bytes, so that writing them leaves no partial copy
// behind in a buffer that was outgrown.
func (w *Writer) Grow(n int) { w.buf = slices.Grow(w.buf, n) }

// Uint8 writes one byte.
func (w *Writer) Uint8(v uint8) { w.buf = append(w.buf, v) }

// Uint16 writes two bytes.
func (w *Writer) Uint16(v uint16) { w.buf = binary.BigEndian.AppendUint16(w.buf, v) }

// Uint32 writes four bytes.
func (w *Writer) Uint32(v uint32) { w.buf = binary.BigEndian.AppendUint32(w.buf, v) }

// Uint64 writes eight bytes.
func (w *Writer) Uint64(v uint64) { w.buf = binary.BigEndian.AppendUint64(w.buf, v) }

// Raw writes b without a length.
func (w *Writer) Raw(b []byte) { w.buf = append(w.buf, b...) }

// Padding writes n bytes of zero.
func (w *Writer) Padding(n int) {
	w.Grow(n)
	end := len(w.buf) + n
	clear(w.buf[len(w.buf):end])
	w.buf = w.buf[:end]
}

// Bytes writes opaque<V>: a length header and b.
func (w *Writer) Bytes(b []byte) {
	if !w.fits(len(b)) {
		return
	}
	w.Header(len(b))
	w.buf = append(w.buf, b...)
}

// Header writes the length header of a vector of n bytes, which have to follow.
func (w *Writer) Header(n int) {
	if w.fits(n) {
		w.buf = AppendHeader(w.buf, n)
	}
}

// AppendHeader appends the length header of a vector of n bytes, at most MaxLength, to b.
func AppendHeader(b []byte, n int) []byte {
	switch headerSize(n) {
	case 1:
		return append(b, uint8(n))
	case 2:
		return binary.BigEndian.AppendUint16(b, 1<<14|uint16(n))
	default:
		return binary.BigEndian.AppendUint32(b, 2<<30|uint32(n))
	}
}

// Len returns the number of bytes that were written.
func (w *Writer) Len() int { return len(w.buf) }

// String writes opaque<V> of what its parts are together.
func (w *Writer) String(parts ...string) {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	w.Header(n)
	for _, p := range parts {
		w.buf = append(w.buf, p...)
	}
}

// Vector writes T<V>: what body writes, behind its length header.
func (w *Writer) Vector(body func(w *Writer)) {
	start := w.Begin()
	body(w)
	w.End(start)
}

// Begin begins a vector, which End ends: what is written between them is its content.
func (w *Writer) Begin() (start int) {
	w.Uint8(0)
	return len(w.buf) - 1
}

// End ends the vector that begins at start.
func (w *Writer) End(start int) {
	n := len(w.buf) - start - 1
	if !w.fits(n) {
		return
	}
	if size := headerSize(n); size > 1 {
		w.Padding(size - 1)
		copy(w.buf[start+size:], w.buf[start+1:start+1+n])
	}
	putHeader(w.buf[start:], n)
}

// Optional writes the presence octet of an optional value, and returns present:
// whether the value has to follow.
func (w *Writer) Optional(present bool) bool {
	var octet uint8
	if present {
		octet = 1
	}
	w.Uint8(octet)
	return present
}

// fits reports whether n bytes fit in a vector, and fails if not.
func (w *Writer) fits(n int) bool {
	if n > MaxLength {
		w.Fail(ErrTooLong)
	}
	return n <= MaxLength
}

// putHeader writes the minimal header of a vector of n bytes to the front of b.
func putHeader(b []byte, n int) {
	switch headerSize(n) {
	case 1:
		b[0] = uint8(n)
	case 2:
		binary.BigEndian.PutUint16(b, 1<<14|uint16(n))
	default:
		binary.BigEndian.PutUint32(b, 2<<30|uint32(n))
	}
}
