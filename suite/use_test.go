package suite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/suite"
)

func TestUseString(t *testing.T) {
	for use, want := range map[suite.Use]string{
		suite.Start:     "start",
		suite.Continue:  "continue",
		suite.Receive:   "receive",
		suite.Leave:     "leave",
		0:               "Use(0)",
		suite.Leave + 1: "Use(5)",
	} {
		require.Equal(t, want, use.String())
	}
}
