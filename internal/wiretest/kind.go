// Package wiretest tests how structures are written and read: what is read gives the same
// bytes again, other bytes are refused, and neither allocates out of proportion. The tests
// of the packages that have structures import it.
package wiretest

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Kind is a kind of structure: an empty one to read into, and a random one.
type Kind struct {
	name   string
	fresh  func() structure
	random func(g *Generator) structure

	// Tail says of a random structure, a pointer, how many bytes at its end may be missing
	// and whether more may follow it. A kind without it has an end.
	Tail func(x any) (missing int, more bool)
}

// structure is a structure that is written and read.
type structure struct {
	pointer   any
	marshal   func(w *wire.Writer)
	unmarshal func(r *wire.Reader)
}

// Of returns the kind of a T.
func Of[T any](name string, random func(*Generator) *T, marshal func(*T, *wire.Writer), unmarshal func(*T, *wire.Reader)) Kind {
	of := func(x *T) structure {
		return structure{x, func(w *wire.Writer) { marshal(x, w) }, func(r *wire.Reader) { unmarshal(x, r) }}
	}
	return Kind{
		name:   name,
		fresh:  func() structure { return of(new(T)) },
		random: func(g *Generator) structure { return of(random(g)) },
	}
}

// pointerTo is a pointer to a T that is a structure of package message.
type pointerTo[T any] interface {
	*T
	message.Structure
}

// OfMessage returns the kind of a T of package message.
func OfMessage[T any, P pointerTo[T]](name string, random func(*Generator) *T) Kind {
	return Of(name, random,
		func(x *T, w *wire.Writer) { message.Write(w, P(x)) },
		func(x *T, r *wire.Reader) { message.Read(r, P(x)) })
}

// parse reads a structure of kind k, of which it returns the error alone.
func (k Kind) parse(b []byte) error { return wire.Parse(b, k.name, k.fresh().unmarshal) }

// encoded returns the encoding of the random structure of a seed.
func (k Kind) encoded(t testing.TB, seed uint64) []byte {
	t.Helper()
	return Encoded(t, k.random(NewGenerator(seed)).marshal)
}

// Encoded returns what marshal writes.
func Encoded(t testing.TB, marshal func(w *wire.Writer)) []byte {
	t.Helper()
	b, err := wire.Marshal(marshal)
	require.NoError(t, err)
	return b
}

// Check parses what may be a structure of kind k: it is refused, or it gives the same
// bytes again.
func (k Kind) Check(t testing.TB, in []byte) {
	t.Helper()
	x := k.fresh()
	var err error
	mlstest.CheckAllocation(t, len(in), func() { err = wire.Parse(in, k.name, x.unmarshal) })
	if err != nil {
		require.True(t, errors.Is(err, message.ErrMalformed) != errors.Is(err, message.ErrUnsupported), "%v", err)
		return
	}
	out := Encoded(t, x.marshal)
	require.True(t, bytes.Equal(in, out), "%s: %x became %x", k.name, in, out)
}

// Seeds returns the encodings of random structures of kind k.
func (k Kind) Seeds(t testing.TB) [][]byte {
	t.Helper()
	var all [][]byte
	for seed := range uint64(10) {
		all = append(all, k.encoded(t, seed))
	}
	return all
}
