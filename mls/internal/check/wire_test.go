package check

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/wire"
	"github.com/mlsuite/mlsuite/internal/wiretest"
	"github.com/mlsuite/mlsuite/mls/message"
)

// wireKinds are the kinds of structure of this package.
func wireKinds() []wiretest.Kind {
	random := func(g *wiretest.Generator) *ExternalPub { return &ExternalPub{Key: g.Bytes()} }
	return []wiretest.Kind{wiretest.Of("external_pub", random, (*ExternalPub).Marshal, (*ExternalPub).unmarshal)}
}

func TestWireRoundTrip(t *testing.T)       { wiretest.RoundTrip(t, wireKinds()) }
func TestWireTruncated(t *testing.T)       { wiretest.Truncated(t, wireKinds()) }
func TestWireFlipped(t *testing.T)         { wiretest.Flipped(t, wireKinds()) }
func TestWireAnnouncedLength(t *testing.T) { wiretest.AnnouncedLength(t, wireKinds()) }

func FuzzExternalPub(f *testing.F) { wiretest.Fuzz(f, wireKinds()) }

func TestMalformedVectors(t *testing.T) {
	read := wiretest.Reading((*ExternalPub).unmarshal)
	wiretest.Malformed(t, "header is not minimal", read, "01 aa", "4001 aa", "minimal")
	wiretest.Malformed(t, "header with prefix 11", read, "01 aa", "c001 aa", "prefix")
	wiretest.Malformed(t, "bytes are left over", read, "01 aa", "01 aa aa", "left over")
}

// TestSignedParts compares what is signed with the encodings by hand.
func TestSignedParts(t *testing.T) {
	group := []byte{0x67}
	const inGroup = "01 67 00000005"
	for source, middle := range map[uint8]string{
		codepoint.LeafNodeKeyPackage: "01" + wiretest.HexZero8 + wiretest.HexZero8,
		codepoint.LeafNodeUpdate:     "02",
		codepoint.LeafNodeCommit:     "03 01 aa",
	} {
		n := &message.LeafNode{Source: source, Credential: message.BasicCredential(nil), Signature: []byte{1}}
		if source == codepoint.LeafNodeCommit {
			n.ParentHash = []byte{0xaa}
		}
		want := wiretest.HexLeafFront + middle + "00"
		if source != codepoint.LeafNodeKeyPackage {
			want += inGroup
		}
		got, err := LeafNodeTBS(n, LeafPlace{GroupID: group, Leaf: 5})
		require.NoError(t, err)
		require.Equal(t, mlstest.Unhex(t, want), got, source)
	}

	const hexKeyPackage, hexGroupInfo = wiretest.HexKeyPackage, wiretest.HexGroupInfo
	p, err := message.Parse[message.KeyPackage](mlstest.Unhex(t, hexKeyPackage))
	require.NoError(t, err)
	p.Signature = []byte{1}
	got, err := KeyPackageTBS(p)
	require.NoError(t, err)
	require.Equal(t, mlstest.Unhex(t, hexKeyPackage[:len(hexKeyPackage)-len(" 00")]), got)

	i, err := message.Parse[message.GroupInfo](mlstest.Unhex(t, hexGroupInfo))
	require.NoError(t, err)
	i.Signature = []byte{1}
	got, err = wire.Marshal(func(w *wire.Writer) { message.WriteTBS(w, i) })
	require.NoError(t, err)
	require.Equal(t, mlstest.Unhex(t, hexGroupInfo[:len(hexGroupInfo)-len(" 00")]), got)
}
