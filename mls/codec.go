package mls

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// marshaler is a structure that can be written. One that would not parse makes
// the Writer fail.
type marshaler interface {
	marshal(w *wire.Writer)
}

// unmarshaler is a structure that can be read. After an error the Reader has it,
// and what was read means nothing.
type unmarshaler interface {
	unmarshal(r *wire.Reader)
}

// marshalled returns the encoding of x.
func marshalled(x marshaler) ([]byte, error) {
	return wire.Marshal(x.marshal)
}

// parse reads x from the whole of b. The error wraps ErrMalformed, or
// ErrUnsupported where b is of a kind that is not known here; what names x in it.
func parse(b []byte, what string, x unmarshaler) error {
	return parseAll(wire.NewReader(b), what, x)
}

// parseOwned is parse of what nobody else will change: x may share parts of b that
// do not outlive it.
func parseOwned(b []byte, what string, x unmarshaler) error {
	return parseAll(wire.NewOwnedReader(b), what, x)
}

func parseAll(r *wire.Reader, what string, x unmarshaler) error {
	x.unmarshal(r)
	err := r.Finish()
	if errors.Is(err, wire.ErrMalformed) {
		return fmt.Errorf("mls: %s is %w", what, err)
	}
	return err
}

// unsupported is the error of a code point that may be defined elsewhere.
func unsupported(what fmt.Stringer, kind string) error {
	return fmt.Errorf("%w %s %s", ErrUnsupported, kind, what)
}

// readable is a pointer to a T that can be read.
type readable[T any] interface {
	*T
	unmarshaler
}

// unmarshalled reads a T. After an error it may be the zero T.
func unmarshalled[T any, P readable[T]](r *wire.Reader) *T {
	r.Charge(sizeOf[T]())
	x := new(T)
	if r.Err() == nil {
		P(x).unmarshal(r)
	}
	return x
}

// boxed returns a proposal that was read, for whose memory it charges.
func boxed[T Proposal](r *wire.Reader, p T) Proposal {
	r.Charge(sizeOf[T]())
	return p
}

// sizeOf returns about how many bytes of memory a T takes by itself.
func sizeOf[T any]() int { return (int(reflect.TypeFor[T]().Size()) + 7) &^ 7 }

// element is one of a vector. Its skip reads no more of the receiver than its type,
// and passes over what unmarshal reads.
type element interface {
	unmarshaler
	skip(r *wire.Reader)
}

// elementOf is a pointer to a T that is one of a vector.
type elementOf[T any] interface {
	*T
	element
}

// writable is a pointer to a T that can be written.
type writable[T any] interface {
	*T
	marshaler
}

// marshalVector writes T<V>.
func marshalVector[T any, P writable[T]](w *wire.Writer, all []T) {
	w.Vector(func(w *wire.Writer) {
		for i := range all {
			P(&all[i]).marshal(w)
		}
	})
}

// unmarshalVector reads T<V>. It counts the elements before it makes room for them:
// who sends a few large ones between thousands of small ones gains nothing.
func unmarshalVector[T any, P elementOf[T]](r *wire.Reader) []T {
	all := []T{}
	r.Within(func() {
		count := r.Count(func(r *wire.Reader) { P(nil).skip(r) })
		if count == 0 || !r.Charge(count*sizeOf[T]()) {
			return
		}
		all = make([]T, 0, count)
		for !r.Empty() {
			if len(all) == count { // the last one, of which skip saw less, is malformed
				r.Fail(wire.Malformed("vector of %d elements has more", count))
				return
			}
			all = all[:len(all)+1]
			P(&all[len(all)-1]).unmarshal(r)
		}
	})
	return all
}

// marshalCodePoints writes a vector of two-byte code points.
func marshalCodePoints[T ~uint16](w *wire.Writer, all []T) {
	w.Vector(func(w *wire.Writer) {
		for _, v := range all {
			w.Uint16(uint16(v))
		}
	})
}

// unmarshalCodePoints reads a vector of two-byte code points.
func unmarshalCodePoints[T ~uint16](r *wire.Reader) []T {
	v := r.Vector()
	if !r.Charge(v.Len()) {
		return nil
	}
	all := make([]T, 0, v.Len()/2)
	for !v.Empty() {
		all = append(all, T(v.Uint16()))
	}
	return all
}

// marshalEnum writes a value of a closed enum, whose values are 1 to last.
func marshalEnum[T ~uint8](w *wire.Writer, kind string, v, last T) {
	if v == 0 || v > last {
		w.Fail(wire.Malformed("%s %d", kind, v))
	}
	w.Uint8(uint8(v))
}

// unmarshalEnum reads a value of a closed enum, whose values are 1 to last.
func unmarshalEnum[T ~uint8](r *wire.Reader, kind string, last T) T {
	v := T(r.Uint8())
	if v == 0 || v > last {
		r.Fail(wire.Malformed("%s %d", kind, uint8(v)))
	}
	return v
}

// marshalVersion writes the version of a structure that RFC 9420 defines with
// "version = mls10".
func marshalVersion(w *wire.Writer, v ProtocolVersion) {
	if v != VersionMLS10 {
		w.Fail(unsupported(v, "protocol version"))
	}
	w.Uint16(uint16(v))
}

// unmarshalVersion reads what marshalVersion writes.
func unmarshalVersion(r *wire.Reader) ProtocolVersion {
	v := ProtocolVersion(r.Uint16())
	if v != VersionMLS10 {
		r.Fail(unsupported(v, "protocol version"))
	}
	return v
}
