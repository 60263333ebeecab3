package wiretest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
)

// Encodings in hexadecimal, in which every vector is empty that may be.
const (
	HexZero8         = "0000000000000000"
	HexCapabilities  = "00 00 00 00 00"
	HexCredential    = "0001 00"
	HexLeafFront     = "00 00" + HexCredential + HexCapabilities // up to the source
	HexLeaf          = HexLeafFront + "02 00 00"                 // of an update
	HexNewLeaf       = HexLeafFront + "01" + HexZero8 + HexZero8 + "00 00"
	HexKeyPackage    = "0001" + HexKeyPackageEnd
	HexKeyPackageEnd = "0001 00" + HexNewLeaf + "00 00" // after the version
	HexContext       = "0001 0001 00" + HexZero8 + "00 00 00"
	HexGroupInfo     = HexContext + "00 00 00000000 00"
)

// Into reads a T of package message.
func Into[T any, P pointerTo[T]](b []byte) error {
	_, err := message.Parse[T, P](b)
	return err
}

// Reading returns a function that reads with unmarshal.
func Reading[T any](unmarshal func(*T, *wire.Reader)) func(b []byte) error {
	return func(b []byte) error {
		_, err := wire.ParseNew(b, "structure", unmarshal)
		return err
	}
}

// Malformed has bytes that the wire format forbids, beside valid ones that differ in the
// one thing, both in hexadecimal. The error contains text.
func Malformed(t *testing.T, name string, read func(b []byte) error, valid, malformed, text string) {
	t.Run(name, func(t *testing.T) {
		require.NoError(t, read(mlstest.Unhex(t, valid)))
		err := read(mlstest.Unhex(t, malformed))
		require.ErrorIs(t, err, message.ErrMalformed)
		require.NotErrorIs(t, err, message.ErrUnsupported)
		require.ErrorContains(t, err, text)
	})
}

// Unwritable has a value that would not parse: it is not written, with an error that
// contains text.
func Unwritable(t *testing.T, name string, marshal func(w *wire.Writer), text string) {
	t.Run(name, func(t *testing.T) {
		b, err := wire.Marshal(marshal)
		require.ErrorIs(t, err, message.ErrMalformed)
		require.ErrorContains(t, err, text)
		require.Nil(t, b)
	})
}
