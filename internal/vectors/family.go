package vectors

import (
	"path/filepath"
	"strings"
	"testing"
)

// Official checks every case of an official MLS family, such as "tree-math".
func Official[C any](t *testing.T, family string, check func(*testing.T, *C)) {
	t.Run("official", func(t *testing.T) {
		each(t, family, Path(t, "mls/"+family+".json"), check)
	})
}

// OfficialAndOwn checks every case of an official MLS family and of this project's
// own file of the same format.
func OfficialAndOwn[C any](t *testing.T, family string, check func(*testing.T, *C)) {
	Official(t, family, check)
	t.Run("own", func(t *testing.T) { each(t, family, OwnPath(family), check) })
}

// WithPeers is OfficialAndOwn for a family in which the derivation of key pairs shows,
// of which this project has a file for suites of peers too.
func WithPeers[C any](t *testing.T, family string, check func(*testing.T, *C)) {
	OfficialAndOwn(t, family, check)
	t.Run("peers", func(t *testing.T) { each(t, family, PeersPath(family), check) })
}

// WithExperimental is OfficialAndOwn for a family in which signatures show, of which this
// project has a file for suites with composite signatures too.
func WithExperimental[C any](t *testing.T, family string, check func(*testing.T, *C)) {
	OfficialAndOwn(t, family, check)
	experimental(t, family, check)
}

// WithPeersAndExperimental is [WithPeers] and [WithExperimental].
func WithPeersAndExperimental[C any](t *testing.T, family string, check func(*testing.T, *C)) {
	WithPeers(t, family, check)
	experimental(t, family, check)
}

// Own checks every case of a family of which only this project has a file, at path.
func Own[C any](t *testing.T, path string, check func(*testing.T, *C)) {
	each(t, strings.TrimSuffix(filepath.Base(path), ".json"), path, check)
}

func experimental[C any](t *testing.T, family string, check func(*testing.T, *C)) {
	t.Run("experimental", func(t *testing.T) { each(t, family, ExperimentalPath(family), check) })
}

func each[C any](t *testing.T, family, path string, check func(*testing.T, *C)) {
	var cases []*C
	load(t, path, &cases)
	if len(cases) == 0 {
		t.Fatalf("vectors: %s has no cases", path)
	}
	i := 0
	defer func() { // a check that fails ends the goroutine
		if t.Failed() {
			t.Logf("%s: case %d, counted from 0, fails", family, i)
		}
	}()
	for i = range cases {
		check(t, cases[i])
	}
	t.Logf("%s: %d cases", family, len(cases))
}
