package mls

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// A manifest tells states apart in which the same bits of two records differ, which sums of
// checksums do not.
func TestManifestSeesTheSameChangeInTwoRecords(t *testing.T) {
	digests := func(value byte) recordDigest {
		m := newManifest()
		for slot := range uint32(2) {
			r := Record{recordResumption.at(slot), []byte{0, 0, value, 9}}
			id := idOf(r.Key)
			m.put(&id, r.digest())
		}
		return m.sum
	}
	seen := map[recordDigest]bool{}
	for value := range 256 {
		seen[digests(byte(value))] = true
	}
	require.Len(t, seen, 256)
}

// A digest is that of no other record.
func TestRecordDigests(t *testing.T) {
	seen := map[recordDigest]bool{}
	for i := range uint32(1000) {
		r := Record{recordProposal.at(i), binary.BigEndian.AppendUint32(nil, i)}
		seen[r.digest()] = true
	}
	require.Len(t, seen, 1000)
}

// What is put and removed, one by one or an epoch at once, leaves the sum as it was.
func TestManifestForgetsWhatIsGone(t *testing.T) {
	m := newManifest()
	kept := recordEpoch.id(0)
	m.put(&kept, 7)
	id := func(epoch uint64, index uint32) recordID {
		id := recordSecret.id(index)
		id.epoch = epoch
		return id
	}
	for epoch := range uint64(3) {
		for index := range uint32(2 * reusable) {
			i := id(epoch, index)
			m.put(&i, recordDigest(1000*epoch)+recordDigest(index))
			m.put(&i, recordDigest(2000*epoch)+recordDigest(index))
		}
	}
	require.True(t, m.has(&drop{recordID: recordPast.ofEpoch(1)}))
	m.drop(&drop{recordID: recordPast.ofEpoch(1)})
	require.False(t, m.has(&drop{recordID: recordPast.ofEpoch(1)}))
	for _, epoch := range []uint64{0, 2, 1} {
		for index := range uint32(2 * reusable) {
			i := id(epoch, index)
			m.remove(&i)
		}
	}
	require.Empty(t, m.epochs)
	require.EqualValues(t, 7, m.sum)
}
