package mls

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/mls/message"
)

// With a digest that fits, damage may go unnoticed; but nothing panics, and what is
// restored works as a group does.
func TestEveryChangedByteOfARecord(t *testing.T) {
	for name, c := range map[string]struct {
		savedThing
		refused int // percent of the changes, at least
	}{
		"member":       {ofMember(stateOfEverything(t)), 50},
		"public group": {ofPublic(publicStateOfEverything(t)), 90},
	} {
		t.Run(name, func(t *testing.T) {
			refused, total := 0, 0
			for i := range c.state {
				step := 1
				if !vectors.Full() {
					step = 1 + len(c.state[i].Value)/40
				}
				for j := 0; j < len(c.state[i].Value); j += step {
					changed := c.state.clone()
					changed[i].Value[j] ^= 0x41
					total++
					if !c.restore.takes(t, changed) {
						refused++
					}
				}
			}
			t.Logf("%d of %d refused", refused, total)
			require.Greater(t, 100*refused, c.refused*total)
		})
	}
}

// A short state costs little to refuse, however wide the tree that it speaks of.
func TestStateAllocatesInProportion(t *testing.T) {
	cfg, state := stateOfEverything(t)
	for _, width := range []uint32{1 << 20, 1 << 31} {
		wide := edited(t, state, recordEpoch.key(), func(e *savedEpoch) { e.width = width })
		var err error
		mlstest.CheckAllocation(t, 0, func() { _, err = RestoreGroup(insiderTime, cfg, wide) })
		require.ErrorIs(t, err, message.ErrMalformed)
	}
}

// FuzzSnapshot parses records, behind the digest: what it accepts is what it was.
func FuzzSnapshot(f *testing.F) {
	for _, s := range []Snapshot{nil, {{[]byte("a"), []byte("of a")}, {[]byte("b"), nil}}} {
		b, err := s.Marshal()
		require.NoError(f, err)
		f.Add(b[len(stateMagic) : len(b)-sha256.Size])
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		s, err := parseRecords(in)
		if err != nil {
			require.Nil(t, s)
			return
		}
		b, err := s.Marshal()
		require.NoError(t, err)
		require.Equal(t, in, b[len(stateMagic):len(b)-sha256.Size])
		g, err := RestoreGroup(insiderTime, Config{}, s)
		require.Error(t, err)
		require.Nil(t, g)
	})
}

// FuzzRestore restores states of which a part of one record was replaced: nothing
// panics, and what it accepts it saves again as it was.
func FuzzRestore(f *testing.F) {
	cfg, state := stateOfEverything(f)
	g, err := RestoreGroup(insiderTime, cfg, state)
	require.NoError(f, err)
	_, err = g.Commit(f.Context(), insiderTime, CommitOptions{})
	require.ErrorIs(f, err, ErrUnsaved)
	_, err = storeDelta(g)
	require.NoError(f, err)
	c, err := g.Commit(f.Context(), insiderTime, CommitOptions{})
	require.NoError(f, err)
	candidate, err := c.Save()
	require.NoError(f, err)
	own := ownKeyPackage(f, 0x0001, "joiner")
	keyPackage, err := own.Save()
	require.NoError(f, err)
	follower, public := publicStateOfEverything(f)
	things := []savedThing{
		ofMember(cfg, state), ofPublic(follower, public),
		{candidate, restoring(func(s Snapshot) (*Candidate, error) { return g.RestoreCandidate(insiderTime, s) })},
		{keyPackage, restoring(func(s Snapshot) (*OwnKeyPackage, error) { return RestoreKeyPackage(insiderTime, own.cfg, s) })},
	}
	records := slices.Concat(state, candidate, keyPackage, public)
	for i := range records {
		f.Add(uint16(i), uint16(0), uint16(0), []byte{})
		f.Add(uint16(i), uint16(i), uint16(1), []byte{0xff})
	}
	f.Fuzz(func(t *testing.T, i, offset, length uint16, replacement []byte) {
		r := records[int(i)%len(records)]
		start := min(int(offset), len(r.Value))
		end := min(start+int(length), len(r.Value))
		r.Value = slices.Concat(r.Value[:start], replacement, r.Value[end:])
		put := &Delta{Put: []Record{r}}
		for _, thing := range things {
			thing.restore.takes(t, thing.state.Apply(put))
		}
	})
}
