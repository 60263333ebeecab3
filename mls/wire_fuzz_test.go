package mls

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/wire"
)

// The property of all targets: what parses gives the same bytes again, what does
// not has an error of one class, and neither allocates out of proportion.

func FuzzParseMessage(f *testing.F) {
	seedWire(f, messageFamily, func(_ uint8, b []byte) { f.Add(b) })
	f.Fuzz(func(t *testing.T, in []byte) {
		checkParse(t, messageFamily[0], in)
		m, err := Parse[Message](in)
		if err != nil {
			require.Nil(t, m)
			return
		}
		require.NotZero(t, m.WireFormat())
		require.Equal(t, m.IsHandshake(), m.ContentType() > ContentApplication)
		m.GroupID()
		m.Epoch()
	})
}

func FuzzNodes(f *testing.F)      { fuzzWire(f, nodeFamily) }
func FuzzKeyPackage(f *testing.F) { fuzzWire(f, keyPackageFamily) }
func FuzzExtensions(f *testing.F) { fuzzWire(f, extensionFamily) }
func FuzzProposals(f *testing.F)  { fuzzWire(f, proposalFamily) }
func FuzzFraming(f *testing.F)    { fuzzWire(f, framingFamily) }
func FuzzWelcome(f *testing.F)    { fuzzWire(f, welcomeFamily) }

// fuzzWire fuzzes a family: the first argument chooses the kind.
func fuzzWire(f *testing.F, kinds []wireKind) {
	seedWire(f, kinds, func(kind uint8, b []byte) { f.Add(kind, b) })
	f.Fuzz(func(t *testing.T, kind uint8, in []byte) {
		checkParse(t, kinds[int(kind)%len(kinds)], in)
	})
}

// seedWire adds random structures of each kind.
func seedWire(f *testing.F, kinds []wireKind, add func(kind uint8, b []byte)) {
	for i, kind := range kinds {
		for seed := range uint64(10) {
			b, err := wire.Marshal(kind.random(newWireGenerator(seed)).marshal)
			require.NoError(f, err)
			add(uint8(i), b)
		}
	}
}
