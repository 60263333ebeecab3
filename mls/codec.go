package mls

import (
	"errors"
	"fmt"

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

// boxed returns a proposal that was read, for whose memory it charges.
func boxed[T Proposal](r *wire.Reader, p T) Proposal {
	r.Charge(wire.SizeOf[T]())
	return p
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
