package mls

import (
	"github.com/mlsuite/mlsuite/internal/mlstest"
)

// Names of package mlstest for the tests of this package.
var (
	testSuite        = mlstest.Suite
	testSuites       = mlstest.SuitesWith
	peersDefinitions = mlstest.PeerDefinitions
	AllSuites        = mlstest.AllSuites
	Around           = mlstest.Around
	Refusing         = mlstest.Refusing
)
