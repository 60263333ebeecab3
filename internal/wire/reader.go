package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/mlsuite/mlsuite/internal/codepoint"
)

// Reader takes values off the front of a string of bytes. After an error it is
// empty and gives zero values.
type Reader struct {
	in      []byte
	owned   bool
	lasting bool
	err     error
	room    int     // bytes of memory that may yet be charged
	root    *Reader // of a vector's reader: the one that keeps the error and the room

	structures *codepoint.Structures // or nil for the suggested ones
}

// What is read takes at most MaxGrowth bytes of memory for each byte of the input, and
// FreeBytes besides. The least that a valid message has for what it makes is the 7
// bytes of a Remove in a commit, for 44 to 48 bytes.
const (
	MaxGrowth = 7
	FreeBytes = 1 << 16
)

// NewReader returns a Reader over b, of which it changes nothing.
func NewReader(b []byte) *Reader { return &Reader{in: b, room: FreeBytes + MaxGrowth*len(b)} }

// NewOwnedReader returns a Reader over b, which nobody will change: Shared does not
// copy.
func NewOwnedReader(b []byte) *Reader {
	r := OwnedReader(b)
	return &r
}

// OwnedReader is [NewOwnedReader] for a caller who keeps the Reader itself.
func OwnedReader(b []byte) Reader {
	return Reader{in: b, owned: true, room: FreeBytes + MaxGrowth*len(b)}
}

// Parsed returns the error of a Reader that was to read all of a structure, as [Parse] does.
func (r *Reader) Parsed(what string) error {
	err := r.Finish()
	if errors.Is(err, ErrMalformed) {
		return fmt.Errorf("mls: %s is %w", what, err)
	}
	return err
}

// Last makes r a Reader over b, which never changes and may live as long as anything that
// is read: no method copies.
func (r *Reader) Last(b []byte) {
	*r = Reader{in: b, owned: true, lasting: true, room: FreeBytes + MaxGrowth*len(b)}
}

// Lend calls read, for which r is a lasting Reader: for what is not kept.
func (r *Reader) Lend(read func()) {
	lasting := r.lasting
	r.lasting = true
	read()
	r.lasting = lasting
}

// Share calls read, for which an owned Reader is a lasting one: for what lives no longer than
// the rest of the input.
func (r *Reader) Share(read func()) {
	if r.owned {
		r.Lend(read)
		return
	}
	read()
}

// InOnePiece reads what skip passes over: read finds a copy of it in r, and nothing else,
// and has to read until r is empty. For read, r is a lasting Reader, so that all that is
// read shares the copy, which InOnePiece returns: nil after an error.
func (r *Reader) InOnePiece(skip, read func(*Reader)) (piece []byte) {
	before := r.in
	skip(r)
	if piece = r.copy(r.Since(before)); r.Err() != nil {
		return nil
	}
	rest, lasting := r.in, r.lasting
	r.in, r.lasting = piece, true
	read(r)
	if len(r.in) > 0 {
		r.Fail(errTrailing)
	}
	r.in, r.lasting = rest, lasting
	if r.Err() != nil {
		return nil
	}
	return piece
}

// Since returns the part of the input itself that was read since r had rest left, as
// Left returned it: nil after an error.
func (r *Reader) Since(rest []byte) []byte {
	if r.Err() != nil {
		return nil
	}
	n := len(rest) - len(r.in)
	return rest[:n:n]
}

// Left returns what is left to read, of the input itself.
func (r *Reader) Left() []byte { return r.in }

// Count returns how often skip can be called until nothing is left, and leaves r as it
// is: to count the elements of a vector before room is made for them. A call that fails
// is the last, and counts.
func (r *Reader) Count(skip func(r *Reader)) (n int) {
	if r.Err() != nil {
		return 0
	}
	in := r.in
	for ; !r.Empty(); n++ {
		skip(r)
	}
	r.in, r.top().err = in, nil
	return n
}

// Charge counts n bytes of memory that somebody who reads from r is about to take for
// what was read, and reports whether they may be taken. If not, it fails: of a few
// bytes that make much there are too many.
func (r *Reader) Charge(n int) bool {
	top := r.top()
	if top.err != nil {
		return false
	}
	if n > top.room {
		r.Fail(errGrowth)
		return false
	}
	top.room -= n
	return true
}

// Unbounded lets what is read take any memory: of what this client wrote itself.
func (r *Reader) Unbounded() { r.top().room = math.MaxInt }

// Numbered sets the code points that decide which structure follows them. Nil stands for
// those that the drafts suggest.
func (r *Reader) Numbered(s *codepoint.Structures) { r.top().structures = s }

// Structures returns the code points that decide which structure follows them.
func (r *Reader) Structures() codepoint.Structures {
	if s := r.top().structures; s != nil {
		return *s
	}
	return codepoint.Suggested()
}

// Finish returns the first error, or one if bytes are left over.
func (r *Reader) Finish() error {
	if r.Err() == nil && len(r.in) > 0 {
		r.Fail(errTrailing)
	}
	return r.Err()
}

// Fail makes err the error of r, and of the Reader that r is a part of, unless
// one came before it.
func (r *Reader) Fail(err error) {
	if top := r.top(); top.err == nil {
		top.err = err
	}
}

// Err returns the first error.
func (r *Reader) Err() error { return r.top().err }

func (r *Reader) top() *Reader {
	if r.root != nil {
		return r.root
	}
	return r
}

// Len returns how many bytes are left: 0 after an error.
func (r *Reader) Len() int {
	if r.Err() != nil {
		return 0
	}
	return len(r.in)
}

// Empty reports whether nothing is left to read. It is true after an error, which
// ends a loop over a vector.
func (r *Reader) Empty() bool { return r.Len() == 0 }

// take returns the next n bytes of the input itself, or nil and fails.
func (r *Reader) take(n int) []byte {
	if r.Err() != nil || n > len(r.in) {
		r.Fail(errTruncated)
		return nil
	}
	if n == 0 {
		return []byte{} // not nil, even of no input
	}
	b := r.in[:n]
	r.in = r.in[n:]
	return b
}

// Uint8 reads one byte.
func (r *Reader) Uint8() uint8 {
	if r.Err() != nil || len(r.in) == 0 {
		r.Fail(errTruncated)
		return 0
	}
	v := r.in[0]
	r.in = r.in[1:]
	return v
}

// Uint16 reads two bytes.
func (r *Reader) Uint16() uint16 {
	if b := r.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads four bytes.
func (r *Reader) Uint32() uint32 {
	if b := r.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads eight bytes.
func (r *Reader) Uint64() uint64 {
	if b := r.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Raw returns a copy of the next n bytes, unless the Reader is a lasting one.
func (r *Reader) Raw(n int) []byte { return r.copy(r.take(n)) }

// Fill reads as many bytes as b has.
func (r *Reader) Fill(b []byte) { copy(b, r.take(len(b))) }

// Bytes reads opaque<V> and returns a copy, unless the Reader is a lasting one. It is not
// nil unless it fails.
func (r *Reader) Bytes() []byte { return r.copy(r.content()) }

// copy returns a copy of b, for which it charges, or b itself of a lasting Reader.
func (r *Reader) copy(b []byte) []byte {
	if r.lasting {
		return b[:len(b):len(b)]
	}
	const word = 8
	if !r.Charge((len(b) + word - 1) &^ (word - 1)) {
		return nil
	}
	return bytes.Clone(b)
}

// Skip passes over opaque<V> or T<V>.
func (r *Reader) Skip() { r.content() }

// SkipRaw passes over n bytes.
func (r *Reader) SkipRaw(n int) { r.take(n) }

// Shared reads opaque<V> and returns a part of an owned Reader's input, for what
// lives no longer than the rest of it; of another Reader's, a copy.
func (r *Reader) Shared() []byte {
	b := r.content()
	if !r.owned {
		return r.copy(b)
	}
	return b[:len(b):len(b)]
}

// Rest reads all that is left. It shares the bytes of an owned Reader.
func (r *Reader) Rest() []byte {
	b := r.take(r.Len())
	if r.top().owned {
		return b
	}
	return r.copy(b)
}

// Vector reads T<V> and returns a Reader over its content, which has to be read
// until it is empty. Its errors are errors of r.
func (r *Reader) Vector() *Reader {
	v := r.vector() // apart, so that Vector is inlined and v can stay on the stack
	return &v
}

func (r *Reader) vector() Reader {
	return Reader{in: r.content(), owned: r.owned, lasting: r.lasting, root: r.top()}
}

// Within reads T<V>: read finds its content in r, and nothing else, and has to read
// until r is empty. Unlike Vector, it makes no Reader.
func (r *Reader) Within(read func()) {
	content := r.content()
	rest := r.in
	r.in = content
	read()
	if len(r.in) > 0 {
		r.Fail(errTrailing)
	}
	r.in = rest
}

// Optional reads a presence octet.
func (r *Reader) Optional() bool {
	octet := r.Uint8()
	if octet > 1 {
		r.Fail(errPresence)
	}
	return octet == 1
}

// Padding reads all that is left, which has to be zero, and returns its length.
func (r *Reader) Padding() int {
	n := r.Len()
	for _, b := range r.take(n) {
		if b != 0 {
			r.Fail(errPadding)
			return 0
		}
	}
	return n
}

// content reads opaque<V> or T<V> and returns what the header is of.
func (r *Reader) content() []byte {
	if in := r.in; len(in) > 0 && int(in[0]) < min(1<<6, len(in)) && r.Err() == nil { // a header of one byte
		n := 1 + int(in[0])
		r.in = in[n:]
		return in[1:n]
	}
	return r.take(r.Length())
}

// Length reads the header of a vector and returns its length in bytes, which are not
// yet known to be there.
func (r *Reader) Length() int {
	first := r.Uint8()
	prefix := first >> 6
	if prefix == 3 {
		r.Fail(errPrefix)
		return 0
	}
	n, size := int(first&0x3f), 1<<prefix
	for range size - 1 {
		n = n<<8 | int(r.Uint8())
	}
	if headerSize(n) < size {
		r.Fail(errMinimal)
		return 0
	}
	return n
}
