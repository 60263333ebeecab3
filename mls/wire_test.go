package mls

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
)

// allWireKinds returns all kinds of structure.
func allWireKinds() []wireKind {
	return slices.Concat(nodeFamily, keyPackageFamily, extensionFamily, proposalFamily, framingFamily,
		welcomeFamily, messageFamily)
}

// TestWireRoundTrip writes random structures, reads them and writes them again.
func TestWireRoundTrip(t *testing.T) {
	rounds := 200
	if vectors.Full() {
		rounds = 20000
	}
	for _, kind := range allWireKinds() {
		t.Run(kind.name, func(t *testing.T) {
			for seed := range rounds {
				x := kind.random(newWireGenerator(uint64(seed)))
				encoded, err := wire.Marshal(x.marshal)
				require.NoError(t, err)
				y := kind.fresh()
				require.NoError(t, wire.Parse(encoded, kind.name, y.unmarshal))
				require.Equal(t, x, y, "seed %d", seed)
				again, err := wire.Marshal(y.marshal)
				require.NoError(t, err)
				require.Equal(t, encoded, again, "seed %d", seed)
			}
		})
	}
}

// TestWireTruncated cuts every kind of structure at every byte, and adds one.
func TestWireTruncated(t *testing.T) {
	for _, kind := range allWireKinds() {
		t.Run(kind.name, func(t *testing.T) {
			for seed := range uint64(5) {
				x := kind.random(newWireGenerator(seed))
				encoded, err := wire.Marshal(x.marshal)
				require.NoError(t, err)
				end := len(encoded)
				if m, ok := x.(*Message); ok && (m.PublicMessage != nil || m.PrivateMessage != nil) {
					const header = 2 + 2 + 1 + 8 + 1 // version, format, empty group, epoch, content type
					for n := range end {
						if checkParse(t, kind, encoded[:n]); n < header {
							require.ErrorIs(t, wire.Parse(encoded[:n], kind.name, kind.fresh().unmarshal), ErrMalformed)
						}
					}
					continue // what follows the header is for those who open it
				}
				if c, ok := x.(*privateMessageContent); ok {
					end -= c.padding // less padding parses
				}
				for n := range end {
					checkAllocation(t, n, func() { err = wire.Parse(encoded[:n], kind.name, kind.fresh().unmarshal) })
					require.ErrorIs(t, err, ErrMalformed, "seed %d, %d of %d bytes", seed, n, len(encoded))
				}
				err = wire.Parse(append(slices.Clone(encoded), 1), kind.name, kind.fresh().unmarshal)
				require.ErrorIs(t, err, ErrMalformed)
			}
		})
	}
}

// TestWireFlipped changes every byte of every kind of structure.
func TestWireFlipped(t *testing.T) {
	for _, kind := range allWireKinds() {
		t.Run(kind.name, func(t *testing.T) {
			for seed := range uint64(5) {
				encoded, err := wire.Marshal(kind.random(newWireGenerator(seed)).marshal)
				require.NoError(t, err)
				for i := range encoded {
					for _, mask := range []byte{0x01, 0x40, 0x80, 0xff} {
						flipped := slices.Clone(encoded)
						flipped[i] ^= mask
						checkParse(t, kind, flipped)
					}
				}
			}
		})
	}
}

// checkParse parses what may be a structure of a kind: it is refused, or it gives
// the same bytes again.
func checkParse(t *testing.T, kind wireKind, in []byte) {
	t.Helper()
	x := kind.fresh()
	var err error
	checkAllocation(t, len(in), func() { err = wire.Parse(in, kind.name, x.unmarshal) })
	if err != nil {
		require.True(t, errors.Is(err, ErrMalformed) != errors.Is(err, ErrUnsupported), "%v", err)
		return
	}
	out, err := wire.Marshal(x.marshal)
	require.NoError(t, err)
	require.True(t, bytes.Equal(in, out), "%s: %x became %x", kind.name, in, out)
}

// TestWireAnnouncedLength announces 1 GiB in 4 bytes at every place of a structure,
// and so wherever it has a vector.
func TestWireAnnouncedLength(t *testing.T) {
	header := []byte{0xbf, 0xff, 0xff, 0xff}
	for _, kind := range allWireKinds() {
		t.Run(kind.name, func(t *testing.T) {
			encoded, err := wire.Marshal(kind.random(newWireGenerator(1)).marshal)
			require.NoError(t, err)
			for n := range len(encoded) {
				in := slices.Concat(encoded[:n], header)
				var err error
				checkAllocation(t, 0, func() { err = wire.Parse(in, kind.name, kind.fresh().unmarshal) })
				if err == nil { // it ended an opaque field
					checkParse(t, kind, in)
				}
			}
		})
	}
}
