package mls

import (
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/vectors"
)

// With a digest that fits, damage may go unnoticed; but nothing panics, and what is
// restored works as a group does.
func TestEveryChangedByteOfARecord(t *testing.T) {
	cfg, state := stateOfEverything(t)
	refused, total := 0, 0
	for i := range state {
		step := 1
		if !vectors.Full() {
			step = 1 + len(state[i].Value)/40
		}
		for j := 0; j < len(state[i].Value); j += step {
			c := state.clone()
			c[i].Value[j] ^= 0x41
			total++
			g, err := RestoreGroup(insiderTime, cfg, c)
			if err != nil {
				refused++
				continue
			}
			again, err := g.Save()
			require.NoError(t, err)
			require.Equal(t, c, again)
		}
	}
	t.Logf("%d of %d refused", refused, total)
	require.Greater(t, refused, total/2)
}

// A short state costs little to refuse, however wide the tree that it speaks of.
func TestStateAllocatesInProportion(t *testing.T) {
	cfg, state := stateOfEverything(t)
	for _, width := range []uint32{1 << 20, 1 << 31} {
		wide := edited(t, state, recordEpoch.key(), func(e *savedEpoch) { e.width = width })
		var err error
		checkAllocation(t, 0, func() { _, err = RestoreGroup(insiderTime, cfg, wide) })
		require.ErrorIs(t, err, ErrMalformed)
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
	_, err = g.Commit(f.Context(), insiderTime)
	require.ErrorIs(f, err, ErrUnsaved)
	_, err = g.MessageDelta()
	require.NoError(f, err)
	c, err := g.Commit(f.Context(), insiderTime)
	require.NoError(f, err)
	candidate, err := c.Save()
	require.NoError(f, err)
	own := ownKeyPackage(f, 0x0001, "joiner")
	keyPackage, err := own.Save()
	require.NoError(f, err)
	follower, public := publicStateOfEverything(f)
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
		{
			s := state.Apply(put)
			if g, err := RestoreGroup(insiderTime, cfg, s); err == nil {
				again, err := g.Save()
				require.NoError(t, err)
				require.Equal(t, s, again)
			}
		}
		{
			s := candidate.Apply(put)
			if c, err := g.RestoreCandidate(insiderTime, s); err == nil {
				again, err := c.Save()
				require.NoError(t, err)
				require.Equal(t, s, again)
			}
		}
		{
			s := public.Apply(put)
			if g, err := RestorePublicGroup(insiderTime, follower, s); err == nil {
				again, err := g.Save()
				require.NoError(t, err)
				require.Equal(t, s, again)
			}
		}
		{
			s := keyPackage.Apply(put)
			if k, err := RestoreKeyPackage(insiderTime, own.cfg, s); err == nil {
				again, err := k.Save()
				require.NoError(t, err)
				require.Equal(t, s, again)
			}
		}
	})
}
