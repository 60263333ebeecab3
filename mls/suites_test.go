package mls

import (
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// testSuite returns the suite with the code point id, of all eighteen and peersSuites.
func testSuite(t testing.TB, id suite.ID) suite.Suite {
	t.Helper()
	s, err := testSuites(t, id).Suite(id)
	require.NoError(t, err)
	return s
}

// testSuites returns a registry that has the suite with the code point id.
func testSuites(t testing.TB, id suite.ID) *registry.Registry {
	t.Helper()
	for _, p := range peersSuites() {
		if slices.Contains(p.some, id) {
			r, err := all.New(all.WithPeerSet(p.set))
			require.NoError(t, err)
			return r
		}
	}
	return AllSuites()
}

// AllSuites returns the registry of the eighteen suites, which is made once. It is exported
// for the tests outside the package.
var AllSuites = sync.OnceValue(all.Registry)

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

// Around makes suites with something around each. It is exported for the tests outside
// the package, as is Refusing.
func Around(suites Suites, wrap func(suite.Suite) suite.Suite) Suites { return wrapped{suites, wrap} }

// Refusing is a policy that refuses suites, with err, for some uses, or for all if none is
// given. It allows all else.
func Refusing(err error, uses ...suite.Use) suite.Policy {
	return suite.PolicyFunc(func(q suite.Question) error {
		if _, ok := q.Subject.(suite.Info); ok && (len(uses) == 0 || slices.Contains(uses, q.Use)) {
			return err
		}
		return nil
	})
}

// somePeers is suites of a peer.
type somePeers struct {
	set  registry.PeerSet
	some []suite.ID
}

// peersSuites are suites that derive key pairs as no draft does, one for each KEM, hash and
// derivation, at code points that none of the eighteen has.
func peersSuites() []somePeers {
	return []somePeers{
		{registry.OpenMLS09(), []suite.ID{0x004F, 0x0042}},
		{registry.TSMLS2(), []suite.ID{0xF00C, 0xF00D}},
	}
}

// peersDefinitions are those of peersSuites.
func peersDefinitions() []registry.Definition {
	var all []registry.Definition
	for _, p := range peersSuites() {
		for _, d := range p.set.Definitions {
			if slices.Contains(p.some, d.ID) {
				all = append(all, d)
			}
		}
	}
	return all
}
