package store

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"
)

// A path's key begins with another's exactly if the path does.
func TestKeysOfPaths(t *testing.T) {
	path := rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom([]byte{0, 1, 2, 255}), 0, 3), 0, 4)
	rapid.Check(t, func(t *rapid.T) {
		a, b := path.Draw(t, "a"), path.Draw(t, "b")
		below := len(a) <= len(b)
		for i := 0; below && i < len(a); i++ {
			below = bytes.Equal(a[i], b[i])
		}
		if bytes.HasPrefix(Key(b...), Key(a...)) != below {
			t.Fatalf("%x and %x", a, b)
		}
	})
}

func TestNumbersAreInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Uint64().Draw(t, "a"), rapid.Uint64().Draw(t, "b")
		if (bytes.Compare(Number(a), Number(b)) < 0) != (a < b) {
			t.Fatalf("%d and %d", a, b)
		}
	})
}
