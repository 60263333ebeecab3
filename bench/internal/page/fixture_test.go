package page

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/bench/internal/page/pagetest"
	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// today is the day of the verdicts in tests.
func today() time.Time { return time.Date(2026, 11, 29, 0, 0, 0, 0, time.UTC) }

func infos() []suite.Info { return slices.Collect(all.Registry().All()) }

// made returns results of all suites.
func made(seed uint64, sizes []int, ops ...string) *result.Results {
	return pagetest.Results(infos(), seed, sizes, ops...)
}

// builtin are the verdicts of the built-in profiles, computed once.
var builtin = sync.OnceValues(func() (Verdicts, error) {
	library := policy.Builtin()
	v := Verdicts{At: policy.DateOf(today()), Policies: library.Names()}
	var policies []*policy.Policy
	for _, name := range v.Policies {
		p, err := library.Policy(name)
		if err != nil {
			return v, err
		}
		policies = append(policies, p)
	}
	v.Matrix = policy.NewMatrix(policies, all.Registry().All(), today())
	return v, nil
})

func verdicts(t *testing.T) Verdicts {
	t.Helper()
	v, err := builtin()
	require.NoError(t, err)
	v.Policies = slices.Clone(v.Policies)
	return v
}

func wholeInput(t *testing.T, files ...File) Input {
	return Input{
		Files: files, Suites: infos(), Verdicts: verdicts(t),
		Operations: []Operation{{"commit", "leaf 0 makes a commit that renews its keys; bytes of the Commit"}, {"process", "the others process it"}},
	}
}
