package mls

import (
	"encoding/binary"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeySet compares a key set with a map over random additions and removals,
// some of keys that begin alike, and looks at snapshots of it afterwards.
func TestKeySet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	name := func() (h keyHash) {
		binary.BigEndian.PutUint64(h[8:], uint64(r.IntN(300)))
		if r.IntN(2) == 0 {
			binary.BigEndian.PutUint64(h[:], uint64(h[15])*0x9e3779b97f4a7c15)
		}
		return h
	}
	var set keySet
	want := make(map[keyHash][]NodeIndex)
	plain := func() map[keyHash]NodeIndex {
		all := make(map[keyHash]NodeIndex)
		for h, holders := range want {
			all[h] = holders[0]
		}
		return all
	}
	type snapshot struct {
		set  keySet
		want map[keyHash]NodeIndex
	}
	var old []snapshot
	for range 60 {
		owner := new(editToken)
		for range r.IntN(40) {
			h := name()
			if holders := want[h]; len(holders) > 0 && r.IntN(5) > 0 {
				k := r.IntN(len(holders))
				set.remove(owner, h, holders[k])
				want[h] = append(append([]NodeIndex{}, holders[:k]...), holders[k+1:]...)
				if len(want[h]) == 0 {
					delete(want, h)
				}
			} else {
				index := NodeIndex(r.Uint32())
				want[h] = append(want[h], index)
				require.EqualValues(t, len(want[h]), set.add(owner, h, index))
			}
			require.EqualValues(t, len(want[h]), set.holders(h))
		}
		// Between edits every key has one holder.
		for h, holders := range maps.Clone(want) {
			for len(holders) > 1 {
				set.remove(owner, h, holders[0])
				holders = holders[1:]
				want[h] = holders
			}
		}
		require.Equal(t, plain(), keysOf(t, set.root))
		old = append(old, snapshot{set, plain()})
	}
	for _, o := range old {
		require.Equal(t, o.want, keysOf(t, o.set.root))
	}
	unknown := keyHash{1, 2, 3}
	require.Zero(t, set.holders(unknown))
	before := set
	set.remove(new(editToken), unknown, 0)
	require.Equal(t, before, set)
}
