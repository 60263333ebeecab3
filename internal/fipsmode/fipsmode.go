// Package fipsmode runs tests in the modes of GODEBUG=fips140, which a process cannot change.
package fipsmode

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const variable = "MLSUITE_FIPS_MODE"

// Run runs tests of the running test binary, by their names, in a process of its own under
// GODEBUG=fips140=mode. Each has to run there and to pass.
func Run(t *testing.T, mode string, tests ...string) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(binary, "-test.run=^("+strings.Join(tests, "|")+")$", "-test.v")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140="+mode, variable+"="+mode)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	for _, name := range tests {
		require.Contains(t, string(out), "--- PASS: "+name+" ")
	}
}

// Wanted returns the mode in which [Run] runs the calling test, or "" if Run did not start
// this process.
func Wanted() string { return os.Getenv(variable) }
