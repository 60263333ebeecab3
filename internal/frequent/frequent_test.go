package frequent

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/allocated"
)

// named returns Keys whose value of a key is its text, and which have none for "".
func named(slots, after int, built *int) *Keys[string] {
	return New(slots, after, func(key []byte) *string {
		*built++
		if len(key) == 0 {
			return nil
		}
		of := string(key)
		return &of
	})
}

func TestAValueIsKeptFromTheGivenUseOn(t *testing.T) {
	var built int
	keys := named(8, 3, &built)
	key := []byte("a")
	for range 2 {
		require.Nil(t, keys.Use(key))
	}
	first := keys.Use(key)
	require.Equal(t, "a", *first)
	key[0] = 'b' // which nobody keeps
	require.Nil(t, keys.Use(key))
	require.Same(t, first, keys.Use([]byte("a")))
	require.Equal(t, 1, built)
}

func TestAKeyWithoutAValueIsAskedForAgain(t *testing.T) {
	var built int
	keys := named(1, 2, &built)
	for range 4 {
		require.Nil(t, keys.Use(nil))
	}
	require.Equal(t, 3, built)
}

// Keys that come once each, more than there are slots, drive out no key that is used often;
// and another key that is used more often gets its slot.
func TestTheMostUsedKeysStay(t *testing.T) {
	var built int
	keys := named(1, 3, &built)
	often := []byte("often")
	for range most {
		keys.Use(often)
	}
	for i := range most - 1 {
		require.Nil(t, keys.Use(binary.BigEndian.AppendUint32(nil, uint32(i))))
	}
	require.NotNil(t, keys.Use(often))
	require.Equal(t, 1, built)

	next := []byte("next")
	var got *string
	for i := 0; got == nil && i < 2*most; i++ {
		got = keys.Use(next)
	}
	require.Equal(t, "next", *got)
	require.Nil(t, keys.Use(often), "one slot holds one value")
}

// As many keys as a set has slots have their values, in whatever order they are used, and a
// fifth one that is used as often drives none of them out.
func TestKeysThatShareASetKeepTheirValues(t *testing.T) {
	var built int
	keys := named(together, 3, &built)
	all := []string{"a", "b", "c", "d", "e"}
	for range 2 * most {
		for _, key := range all[:together] {
			keys.Use([]byte(key))
		}
	}
	require.Equal(t, together, built)
	for range 2 * most {
		for _, key := range all {
			keys.Use([]byte(key))
		}
	}
	require.Equal(t, together, built)
	for _, key := range all[:together] {
		require.Equal(t, key, *keys.Peek([]byte(key)))
	}
	require.Nil(t, keys.Peek([]byte("e")))
}

// Keys that nobody uses any more leave all their slots to others that are used in turn.
func TestKeysOutOfUseMakeRoom(t *testing.T) {
	var built int
	keys := named(together, 3, &built)
	for i := range together * most {
		keys.Use([]byte{byte(i % together)})
	}
	require.Equal(t, together, built)
	next := []string{"a", "b", "c", "d"}
	for range 4 * most {
		for _, key := range next {
			keys.Use([]byte(key))
		}
	}
	for _, key := range next {
		require.Equal(t, key, *keys.Use([]byte(key)))
	}
	require.Equal(t, 2*together, built)
}

// Two keys of one hash cannot be made, so the slot is told that they have it.
func TestAValueIsOfItsKeyAlone(t *testing.T) {
	s := set[string]{slots: make([]slot[string], 1)}
	of := "a"
	for range 3 {
		s.use(1, []byte("a"), 3)
	}
	s.keep(1, []byte("a"), &of)
	s.keep(2, []byte("b"), new(string)) // too late
	got, wanted := s.use(1, []byte("a"), 3)
	require.Same(t, &of, got)
	require.False(t, wanted)
	got, wanted = s.use(1, []byte("other"), 3)
	require.Nil(t, got)
	require.True(t, wanted)
}

func TestAKeyUsedOnceCostsNoMemory(t *testing.T) {
	var built int
	keys := named(8, 3, &built)
	key := make([]byte, 32)
	round := uint32(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		round++
		binary.BigEndian.PutUint32(key, round)
		keys.Use(key)
	}))
	require.Zero(t, built)
	require.Less(t, allocated.By(func() { keys.Use(key) }), uint64(1<<10))
}

func TestConcurrentUse(t *testing.T) {
	keys := New(2, 2, func(key []byte) *string { of := string(key); return &of })
	var group sync.WaitGroup
	for i := range 4 {
		group.Go(func() {
			for j := range 1000 {
				key := []byte{byte('a' + (i+j)%3)}
				if of := keys.Use(key); of != nil && *of != string(key) {
					t.Errorf("%s for %s", *of, key)
				}
			}
		})
	}
	group.Wait()
}
