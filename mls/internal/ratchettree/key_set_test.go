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
	type model map[string][]NodeIndex
	type snapshot struct {
		set  KeySet
		want model
	}
	type edit struct {
		keyEdit
		want model
	}
	change := func(e edit) {
		key := string([]byte{byte(r.IntN(60))})
		holders := e.want[key]
		if len(holders) > 0 && r.IntN(3) > 0 {
			k := r.IntN(len(holders))
			e.remove(SignatureKey, []byte(key), holders[k])
			holders = append(append([]NodeIndex{}, holders[:k]...), holders[k+1:]...)
		} else {
			index := NodeIndex(r.Uint32())
			holders = append(append([]NodeIndex{}, holders...), index)
			require.EqualValues(t, len(holders), e.Add(SignatureKey, []byte(key), index))
		}
		e.want[key] = holders
		require.Equal(t, holdersOf(holders), e.find(SignatureKey, []byte(key)))
	}
	check := func(s snapshot) {
		for _, k := range r.Perm(61) { // the last is in none
			key := []byte{byte(k)}
			require.Equal(t, holdersOf(s.want[string(key)]), s.set.find(SignatureKey, key))
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
	e.Add(SignatureKey, []byte{1}, 7)
	e.remove(SignatureKey, []byte{2}, 7)
	e.remove(SignatureKey, []byte{1}, 8)
	e.remove(EncryptionKey, []byte{1}, 7)
	set := e.Freeze()
	require.Equal(t, map[keyName]NodeIndex{set.version.table.name(SignatureKey, []byte{1}): 7}, keysOf(t, set))
	require.Zero(t, KeySet{}.find(SignatureKey, []byte{1}))
}

// TestKeySetAtOnce asks and edits snapshots of one table on several goroutines.
func TestKeySetAtOnce(t *testing.T) {
	first := NewKeyEdit(0)
	for i := range 100 {
		first.Add(SignatureKey, []byte{byte(i)}, NodeIndex(i))
	}
	base := first.Freeze()
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			set := base
			for i := range 100 {
				e := set.edit()
				e.remove(SignatureKey, []byte{byte(i)}, NodeIndex(i))
				e.Add(SignatureKey, []byte{byte(i), byte(g + 1)}, NodeIndex(i))
				set = e.Freeze()
			}
			for i := range 100 {
				if set.find(SignatureKey, []byte{byte(i)}).count != 0 || set.find(SignatureKey, []byte{byte(i), byte(g + 1)}).indices != uint32(i) {
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
func keysOf(t *testing.T, s KeySet) map[keyName]NodeIndex {
	t.Helper()
	keys := make(map[keyName]NodeIndex)
	s.rest() // makes it the one that the table holds
	for _, e := range s.version.table.slots {
		if e.index != noNode {
			keys[e.name] = e.index
		}
	}
	require.Len(t, keys, s.version.table.used)
	return keys
}

// TestKeyTable puts entries into a small table and takes them out at random, with names
// that demand few slots, so that entries stand far from their places and around the end.
func TestKeyTable(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	table := newKeyTable(0)
	held := map[keyEntry]int{}
	for range 20_000 {
		e := keyEntry{keyName{r.Uint32N(4) * (1<<30 + 1<<29), r.Uint32N(8)}, NodeIndex(r.Uint32N(2))}
		if r.IntN(2) == 0 {
			table.insert(e)
			held[e]++
		} else {
			require.Equal(t, held[e] > 0, table.delete(e))
			held[e] = max(0, held[e]-1)
		}
		var want keyHolders
		used := 0
		for other, n := range held {
			used += n
			if other.name == e.name {
				want.count += uint32(n)
				want.indices += uint32(n) * uint32(other.index)
			}
		}
		require.Equal(t, want, table.find(e.name))
		require.Equal(t, used, table.used)
		if r.IntN(50) == 0 {
			table.shrink()
		}
	}
}
