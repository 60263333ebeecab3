package storetest

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/mlsuite/mlsuite/store"
)

// testModel does the same to a Store and to a map, with restarts, and compares.
func testModel(t *testing.T, f Fixture) {
	s, err := f.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	key := rapid.StringOfN(rapid.RuneFrom([]rune("ab")), 1, 4, -1)
	rapid.Check(t, func(rt *rapid.T) {
		if err := s.Update(t.Context(), func(w store.Writer) error { return w.Delete(nil) }); err != nil {
			rt.Fatal(err)
		}
		model := map[string]string{}
		for range rapid.IntRange(1, 6).Draw(rt, "updates") {
			next, fails := maps.Clone(model), rapid.IntRange(0, 3).Draw(rt, "fails") == 0
			err := s.Update(t.Context(), func(w store.Writer) error {
				for range rapid.IntRange(0, 6).Draw(rt, "writes") {
					if err := write(rt, w, key, next); err != nil {
						return err
					}
				}
				if fails {
					return errFails
				}
				return nil
			})
			switch {
			case err == nil && !fails:
				model = next
			case !errors.Is(err, errFails):
				rt.Fatal(err)
			}
			if rapid.IntRange(0, 9).Draw(rt, "restart") == 0 {
				f.Kill()
				if s, err = f.Open(); err != nil {
					rt.Fatal(err)
				}
			}
			var want []string
			for _, k := range slices.Sorted(maps.Keys(model)) {
				want = append(want, k, model[k])
			}
			if got := content(t, s); !slices.Equal(want, got) {
				rt.Fatalf("store has %q, want %q", got, want)
			}
		}
	})
}

var errFails = errors.New("the update fails")

// write puts or deletes something in w and in model alike.
func write(rt *rapid.T, w store.Writer, key *rapid.Generator[string], model map[string]string) error {
	k := key.Draw(rt, "key")
	if rapid.Bool().Draw(rt, "delete") {
		maps.DeleteFunc(model, func(m, _ string) bool { return strings.HasPrefix(m, k) })
		return w.Delete([]byte(k))
	}
	value := rapid.String().Draw(rt, "value")
	model[k] = value
	return w.Put([]byte(k), []byte(value))
}
