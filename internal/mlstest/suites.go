// Package mlstest holds what the tests of package mls and of the packages below it
// share: the suites that they run over, and faults that they plant.
package mlstest

import (
	"bytes"
	"os"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/experimental"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/suite"
)

// Suite returns the suite with the code point id, of all eighteen, [Peers] and
// registry/experimental.
func Suite(t testing.TB, id suite.ID) suite.Suite {
	t.Helper()
	s, err := SuitesWith(t, id).Suite(id)
	require.NoError(t, err)
	return s
}

// SuitesWith returns a registry that has the suite with the code point id.
func SuitesWith(t testing.TB, id suite.ID) *registry.Registry {
	t.Helper()
	for _, p := range Peers() {
		if slices.Contains(p.IDs, id) {
			r, err := parts().Registry(registry.WithPeerSet(p.Set))
			require.NoError(t, err)
			return r
		}
	}
	if slices.ContainsFunc(ExperimentalDefinitions(), func(d registry.Definition) bool { return d.ID == id }) {
		set, err := experimental.Build(parts(), experimental.PrivateUse())
		require.NoError(t, err)
		r, err := AllSuites().With(set...)
		require.NoError(t, err)
		return r
	}
	return AllSuites()
}

// ExperimentalDefinitions returns the suites of registry/experimental.
func ExperimentalDefinitions() []registry.Definition {
	all, err := experimental.Definitions(experimental.PrivateUse())
	if err != nil {
		panic(err)
	}
	return all
}

// AllSuites returns the registry of the eighteen suites, which is made once.
var AllSuites = sync.OnceValue(func() *registry.Registry { return registry.Must(parts().Registry()) })

// parts returns the parts of registry/all, or those of registry/fast where the environment
// says MLSUITE_REGISTRY=fast.
func parts() registry.Parts {
	switch name := os.Getenv("MLSUITE_REGISTRY"); name {
	case "", "all":
		return all.Parts()
	case "fast":
		return fast.Parts()
	default:
		panic("MLSUITE_REGISTRY is " + name + ", which is neither all nor fast")
	}
}

// Suites is the interface by which the engine looks up suites.
type Suites interface {
	Suite(id suite.ID) (suite.Suite, error)
	IDs() []suite.ID
}

// wrapped is suites with something around each.
type wrapped struct {
	Suites
	wrap func(s suite.Suite) suite.Suite
}

func (w wrapped) Suite(id suite.ID) (suite.Suite, error) {
	s, err := w.Suites.Suite(id)
	if err != nil {
		return nil, err
	}
	return w.wrap(s), nil
}

// Around returns suites with what wrap puts around each.
func Around(suites Suites, wrap func(suite.Suite) suite.Suite) Suites { return wrapped{suites, wrap} }

// Refusing returns a policy that refuses suites, with err, for some uses, or for all if
// none is given. It allows all else.
func Refusing(err error, uses ...suite.Use) suite.Policy {
	return suite.PolicyFunc(func(q suite.Question) error {
		if _, ok := q.Subject.(suite.Info); ok && (len(uses) == 0 || slices.Contains(uses, q.Use)) {
			return err
		}
		return nil
	})
}

// PeerSuites is suites of a peer.
type PeerSuites struct {
	Set registry.PeerSet
	IDs []suite.ID // of those in the set, the ones that tests run over
}

// Peers returns suites that derive key pairs as no draft does, one for each KEM, hash
// and derivation, at code points that none of the eighteen has.
func Peers() []PeerSuites {
	return []PeerSuites{
		{registry.OpenMLS09(), []suite.ID{0x004F, 0x0042}},
		{registry.TSMLS2(), []suite.ID{0xF00C, 0xF00D}},
	}
}

// PeerDefinitions returns the definitions of the suites of [Peers].
func PeerDefinitions() []registry.Definition {
	var all []registry.Definition
	for _, p := range Peers() {
		for _, d := range p.Set.Definitions {
			if slices.Contains(p.IDs, d.ID) {
				all = append(all, d)
			}
		}
	}
	return all
}

// Flipped returns b with one bit of the octet at i changed.
func Flipped(b []byte, i int) []byte {
	c := bytes.Clone(b)
	c[i] ^= 1
	return c
}

// MLSPlusPlus returns the suites of RFC 9420 and those of MLS++, at its code points.
var MLSPlusPlus = sync.OnceValue(func() *registry.Registry {
	return registry.Must(parts().Registry(registry.WithPeerSet(registry.MLSPlusPlus())))
})
