package mls

import (
	"flag"
	"strconv"
	"testing"
	"testing/cryptotest"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mlsuite/mlsuite/internal/mlstest"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/suite"
)

// A failure of these tests ends with the actions of the shortest run that fails,
// and with two ways to repeat it: -rapid.failfile=FILE, for exactly that run, and
// -rapid.seed=N, for the search that found it; -rapid.v logs all. Set
// -rapid.checks and -rapid.steps to search for longer, and MLSUITE_FULL=1 for all
// suites:
//
//	go test ./mls -run 'GroupModel/.*Ed25519' -rapid.checks=1000 -rapid.steps=200

// TestGroupModel lets clients do all that MLS has, in any order, and compares every
// step with the model.
func TestGroupModel(t *testing.T) {
	checkRuns(t, 30, 100, func(rt *rapid.T, id suite.ID) {
		m := newModel(rt, []suite.ID{id, 0x0001, 0x0002}, rapid.IntRange(3, 12).Draw(rt, "clients"))
		rt.Repeat(map[string]func(*rapid.T){
			"":                     func(*rapid.T) { m.checkInvariants() },
			"advance":              func(*rapid.T) { m.advance() },
			"advance all":          func(*rapid.T) { m.advanceAll() },
			"branch":               func(*rapid.T) { m.branch() },
			"catch up":             func(*rapid.T) { m.catchUp() },
			"commit":               func(*rapid.T) { m.commit() },
			"commit again":         func(*rapid.T) { m.commit() },
			"decide":               func(*rapid.T) { m.decide() },
			"decide again":         func(*rapid.T) { m.decide() },
			"deliver":              func(*rapid.T) { m.deliver() },
			"eavesdrop":            func(*rapid.T) { m.eavesdrop() },
			"join":                 func(*rapid.T) { m.join() },
			"join externally":      func(*rapid.T) { m.joinExternally() },
			"propose":              func(*rapid.T) { m.propose() },
			"propose from outside": func(*rapid.T) { m.proposeFromOutside() },
			"refuse":               func(*rapid.T) { m.refuse() },
			"reinitialize":         func(*rapid.T) { m.reinitialize() },
			"restart":              func(*rapid.T) { m.restart() },
			"talk":                 func(*rapid.T) { m.talk() },
			"tamper":               func(*rapid.T) { m.tamper() },
		})
	})
}

// checkRuns makes random runs of about as many actions as steps, for a few suites or
// all. Unless the command line says how many, there are as many as checks for each in the
// wide form, and a third of that in the quick one.
func checkRuns(t *testing.T, checks, steps int, run func(rt *rapid.T, id suite.ID)) {
	suites := []suite.ID{0x0001, 0x0002, 0xF001}
	if vectors.Full() {
		suites = mlstest.AllSuites().IDs()
		checks *= 2
	} else if !vectors.Wide() {
		checks = checks/3 + 1
	}
	for name, n := range map[string]int{"rapid.checks": checks, "rapid.steps": steps} {
		f := flag.Lookup(name)
		if f.Value.String() != f.DefValue {
			continue
		}
		require.NoError(t, flag.Set(name, strconv.Itoa(n)))
		t.Cleanup(func() { require.NoError(t, flag.Set(name, f.DefValue)) })
	}
	for _, id := range suites {
		t.Run(mlstest.Suite(t, id).Info().Name, func(t *testing.T) {
			rapid.Check(t, func(rt *rapid.T) {
				cryptotest.SetGlobalRandom(t, rapid.Uint64().Draw(rt, "randomness"))
				run(rt, id)
			})
		})
	}
}
