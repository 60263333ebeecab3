// Package vectors finds test vectors: the published ones, which belong to others
// and are no part of this module, and this project's own.
package vectors

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Full reports whether tests run in their complete form (MLSUITE_FULL=1), not in
// the quick one.
func Full() bool { return os.Getenv("MLSUITE_FULL") == "1" }

// Wide reports whether tests take wide samples, as .ci/run lets them (MLSUITE_WIDE=1),
// or do without samples in their complete form. Otherwise, samples are for a minute of
// tests while one works.
func Wide() bool { return Full() || os.Getenv("MLSUITE_WIDE") == "1" }

// Path returns the path of a vector file such as "mls/tree-math.json". The files
// lie where MLS_VECTORS points, or else in ../shared/vectors beside the module;
// the test is skipped where they are absent.
func Path(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("MLS_VECTORS")
	if dir == "" {
		dir = inModule("..", "shared", "vectors")
	}
	path := filepath.Join(dir, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		t.Skipf("vectors: %s is absent; set MLS_VECTORS to a folder that has it", name)
	}
	return path
}

// OwnPath returns the path of this project's own file of an MLS family, such as
// "treekem". It need not exist.
func OwnPath(family string) string { return inModule("testdata", "mls-pq", family+".json") }

// PeersPath is OwnPath of this project's file for suites of peers that no draft has.
func PeersPath(family string) string { return inModule("testdata", "mls-peers", family+".json") }

// ExperimentalPath is OwnPath of this project's file for the suites of registry/experimental.
func ExperimentalPath(family string) string {
	return inModule("testdata", "mls-experimental", family+".json")
}

// APQPath is OwnPath of this project's file of a family of package apq.
func APQPath(family string) string { return inModule("testdata", "mls-apq", family+".json") }

// ExtensionsPath is OwnPath of this project's file of a family of draft-ietf-mls-extensions.
func ExtensionsPath(family string) string {
	return inModule("testdata", "mls-extensions", family+".json")
}

// inModule joins elem to the path of the module's root.
func inModule(elem ...string) string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(append([]string{filepath.Dir(file), "..", ".."}, elem...)...)
}

// Load unmarshals a JSON vector file into out, or skips the test.
func Load(t testing.TB, name string, out any) {
	t.Helper()
	load(t, Path(t, name), out)
}

func load(t testing.TB, path string, out any) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, out); err != nil {
		t.Fatalf("vectors: %s: %v", path, err)
	}
}
