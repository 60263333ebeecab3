package vectors

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/cryptotest"
)

// Seed is the seed of all randomness in this project's own vectors.
const Seed = 9420

// Keep keeps this project's own file of a family at path: cases makes it, each case a line
// of JSON. With MLSUITE_GENERATE=1, Keep writes the file. In the complete form it makes the
// cases again, and they have to be the same. Otherwise the file only has to be there.
func Keep[C any](t *testing.T, path string, cases func() []C) {
	t.Helper()
	generate := os.Getenv("MLSUITE_GENERATE") == "1"
	if !generate && (!Full() || !strings.HasPrefix(runtime.Version(), "go1.26")) { // another Go may draw otherwise
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
		return
	}
	cryptotest.SetGlobalRandom(t, Seed)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that randomness is drawn in one order
	var lines []string
	for _, c := range cases() {
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(line))
	}
	made := "[\n" + strings.Join(lines, ",\n") + "\n]\n"
	if generate {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(made), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if made != string(kept) {
		t.Fatalf("vectors: %s is not what the code makes: run go generate ./mls ./apq", path)
	}
}
