package suitetest_test

import (
	"testing"

	"github.com/mlsuite/mlsuite/suite/suitetest"
)

// The KEM of the example.
func TestOutsideKEM(t *testing.T) { suitetest.TestKEM(t, outsideKEM{}) }
