package wiretest

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/mls/message"
)

// each runs a test of each kind.
func each(t *testing.T, kinds []Kind, test func(t *testing.T, k Kind)) {
	for _, k := range kinds {
		t.Run(k.name, func(t *testing.T) { test(t, k) })
	}
}

// RoundTrip writes random structures, reads them and writes them again.
func RoundTrip(t *testing.T, kinds []Kind) {
	rounds := 200
	if vectors.Full() {
		rounds = 20000
	}
	each(t, kinds, func(t *testing.T, k Kind) {
		for seed := range rounds {
			x, y := k.random(NewGenerator(uint64(seed))), k.fresh()
			encoded := Encoded(t, x.marshal)
			require.NoError(t, wire.Parse(encoded, k.name, y.unmarshal))
			require.Equal(t, x.pointer, y.pointer, "seed %d", seed)
			require.Equal(t, encoded, Encoded(t, y.marshal), "seed %d", seed)
		}
	})
}

// Truncated cuts structures at every byte, and adds one.
func Truncated(t *testing.T, kinds []Kind) {
	each(t, kinds, func(t *testing.T, k Kind) {
		for seed := range uint64(5) {
			x := k.random(NewGenerator(seed))
			encoded := Encoded(t, x.marshal)
			missing, more := 0, false
			if k.Tail != nil {
				missing, more = k.Tail(x.pointer)
			}
			for n := range encoded {
				if n >= len(encoded)-missing {
					k.Check(t, encoded[:n])
					continue
				}
				var err error
				mlstest.CheckAllocation(t, n, func() { err = k.parse(encoded[:n]) })
				require.ErrorIs(t, err, message.ErrMalformed, "seed %d, %d of %d bytes", seed, n, len(encoded))
			}
			longer := append(slices.Clone(encoded), 1)
			if more {
				k.Check(t, longer)
				continue
			}
			require.ErrorIs(t, k.parse(longer), message.ErrMalformed)
		}
	})
}

// Flipped changes every byte of structures.
func Flipped(t *testing.T, kinds []Kind) {
	each(t, kinds, func(t *testing.T, k Kind) {
		for seed := range uint64(5) {
			encoded := k.encoded(t, seed)
			for i := range encoded {
				for _, mask := range []byte{0x01, 0x40, 0x80, 0xff} {
					flipped := slices.Clone(encoded)
					flipped[i] ^= mask
					k.Check(t, flipped)
				}
			}
		}
	})
}

// AnnouncedLength announces 1 GiB in 4 bytes at every place of a structure, and so
// wherever it has a vector.
func AnnouncedLength(t *testing.T, kinds []Kind) {
	header := []byte{0xbf, 0xff, 0xff, 0xff}
	each(t, kinds, func(t *testing.T, k Kind) {
		encoded := k.encoded(t, 1)
		for n := range encoded {
			in := slices.Concat(encoded[:n], header)
			var err error
			mlstest.CheckAllocation(t, 0, func() { err = k.parse(in) })
			if err == nil { // it ended an opaque field
				k.Check(t, in)
			}
		}
	})
}

// Fuzz fuzzes kinds: the first argument chooses one. What parses gives the same bytes
// again, what does not has an error of one class, and neither allocates out of proportion.
func Fuzz(f *testing.F, kinds []Kind) {
	for i, k := range kinds {
		for _, b := range k.Seeds(f) {
			f.Add(uint8(i), b)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, in []byte) {
		kinds[int(kind)%len(kinds)].Check(t, in)
	})
}

// Skipped shows that skip passes over what marshal writes: who counts the elements of a
// vector by it makes room for as many as there are.
func Skipped(t *testing.T, marshal func(w *wire.Writer), skip func(r *wire.Reader)) {
	t.Helper()
	encoded := Encoded(t, marshal)
	r := wire.NewReader(append(encoded, 0xff))
	skip(r)
	require.NoError(t, r.Err())
	require.Equal(t, 1, r.Len(), "%x", encoded)
}
