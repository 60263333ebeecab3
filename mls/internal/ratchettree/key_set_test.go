package ratchettree

import (
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestKeySet makes snapshots of a key set at random, from the last one and from any
// other, some amid the edit of another and some abandoned, and compares each with a
// map, again and again and in any order.
func TestKeySet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	type model map[keyHash][]NodeIndex
	type snapshot struct {
		set  KeySet
		want model
	}
	type edit struct {
		keyEdit
		want model
	}
	change := func(e edit) {
		key := keyHash{byte(r.IntN(60))}
		holders := e.want[key]
		if len(holders) > 0 && r.IntN(3) > 0 {
			k := r.IntN(len(holders))
			e.remove(key, holders[k])
			holders = append(append([]NodeIndex{}, holders[:k]...), holders[k+1:]...)
		} else {
			index := NodeIndex(r.Uint32())
			holders = append(append([]NodeIndex{}, holders...), index)
			require.EqualValues(t, len(holders), e.Add(key, index))
		}
		e.want[key] = holders
		require.Equal(t, holdersOf(holders), e.find(key))
	}
	check := func(s snapshot) {
		for _, k := range r.Perm(61) { // the last is in none
			key := keyHash{byte(k)}
			require.Equal(t, holdersOf(s.want[key]), s.set.find(key))
		}
	}
	all := []snapshot{{want: model{}}}
	begin := func() edit {
		from := all[len(all)-1]
		if r.IntN(3) == 0 {
			from = all[r.IntN(len(all))]
		}
		e := edit{from.set.edit(), maps.Clone(from.want)}
		e.reserve(r.IntN(3))
		return e
	}
	for range 200 {
		a, b := begin(), begin()
		for range r.IntN(20) {
			change(a)
			if r.IntN(4) == 0 {
				change(b)
			}
			if r.IntN(10) == 0 {
				check(all[r.IntN(len(all))])
			}
		}
		all = append(all, snapshot{a.Freeze(), a.want})
		if r.IntN(2) == 0 {
			all = append(all, snapshot{b.Freeze(), b.want})
		}
		check(all[len(all)-1])
	}
	for _, k := range r.Perm(len(all)) {
		check(all[k])
	}
}

func holdersOf(indices []NodeIndex) (h keyHolders) {
	for _, i := range indices {
		h.count++
		h.indices += uint32(i)
	}
	return h
}

// TestKeySetRemovesTheUnknown shows that to remove what is not there does nothing.
func TestKeySetRemovesTheUnknown(t *testing.T) {
	e := NewKeyEdit(1)
	e.Add(keyHash{1}, 7)
	e.remove(keyHash{2}, 7)
	require.Equal(t, map[keyHash]NodeIndex{{1}: 7}, keysOf(t, e.Freeze()))
	require.Zero(t, KeySet{}.find(keyHash{1}))
}

// TestKeySetAtOnce asks and edits snapshots of one table on several goroutines.
func TestKeySetAtOnce(t *testing.T) {
	first := NewKeyEdit(0)
	for i := range 100 {
		first.Add(keyHash{byte(i)}, NodeIndex(i))
	}
	base := first.Freeze()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			set := base
			for i := range 100 {
				e := set.edit()
				e.remove(keyHash{byte(i)}, NodeIndex(i))
				e.Add(keyHash{byte(i), byte(g + 1)}, NodeIndex(i))
				set = e.Freeze()
			}
			for i := range 100 {
				if set.find(keyHash{byte(i)}).count != 0 || set.find(keyHash{byte(i), byte(g + 1)}).indices != uint32(i) {
					t.Errorf("goroutine %d sees keys of another", g)
					return
				}
			}
		})
	}
	wg.Wait()
	require.Len(t, keysOf(t, base), 100)
}

// keysOf returns the content of a key set in which each key has one holder.
func keysOf(t *testing.T, s KeySet) map[keyHash]NodeIndex {
	t.Helper()
	keys := make(map[keyHash]NodeIndex)
	s.find(keyHash{}) // makes it the one that the table holds
	for key, holders := range s.version.table.keys {
		require.EqualValues(t, 1, holders.count)
		keys[key] = NodeIndex(holders.indices)
	}
	return keys
}
