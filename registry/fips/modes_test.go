package fips_test

import (
	"log"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/internal/fipsmode"
	"github.com/mlsuite/mlsuite/internal/vectors"
	"github.com/mlsuite/mlsuite/registry/fips"
)

// TestModes runs the tests that depend on GODEBUG=fips140 in the modes other than this
// process's, in processes of their own: in the strictest alone, unless samples are wide.
// They run on the module that the test binary was built with: .ci/run builds it with each
// frozen one.
func TestModes(t *testing.T) {
	for _, mode := range []string{"off", "on", "only"} {
		if mode == current(fips.Running()) || mode != "only" && !vectors.Wide() {
			continue
		}
		t.Run(mode, func(t *testing.T) {
			fipsmode.Run(t, mode, "TestMode", "TestNew", "TestOperations", "TestGroupLives")
		})
	}
}

func current(m fips.Module) string {
	switch {
	case m.Enforced:
		return "only"
	case m.Enabled:
		return "on"
	}
	return "off"
}

// TestMode checks that a process of TestModes is in its mode.
func TestMode(t *testing.T) {
	if mode := fipsmode.Wanted(); mode != "" {
		require.Equal(t, mode, current(fips.Running()))
	}
}

func TestNew(t *testing.T) {
	module := fips.Running()
	versions := []string{"v1.0.0", "v1.26.0"}
	var refused *fips.ModuleError
	if !module.Enabled || !slices.Contains(versions, module.Version) {
		require.ErrorAs(t, fips.Check(), &refused)
		require.Equal(t, module, refused.Found)
		_, err := fips.New()
		require.ErrorAs(t, err, &refused)
		for _, option := range []fips.Option{fips.StandardHPKE(), fips.AuxiliaryX25519()} {
			_, err = fips.New(option)
			require.ErrorAs(t, err, &refused)
		}
		return
	}

	require.NoError(t, fips.Check())
	require.NotEmpty(t, module.Build)
	r, err := fips.New()
	require.NoError(t, err)
	require.Equal(t, ids(), r.IDs())
	for _, version := range versions {
		_, err := fips.New(fips.WithModule(version))
		if version == module.Version {
			require.NoError(t, fips.Check(version))
			require.NoError(t, err)
			continue
		}
		require.ErrorAs(t, fips.Check(version), &refused)
		require.ErrorAs(t, err, &refused)
		require.Equal(t, []string{version}, refused.Wanted)
	}
	for _, option := range []fips.Option{fips.StandardHPKE(), fips.AuxiliaryX25519()} {
		_, err = fips.New(option)
		if module.Version == "v1.0.0" {
			require.ErrorAs(t, err, &refused)
			require.Equal(t, []string{"v1.26.0"}, refused.Wanted)
			require.Equal(t, "with module v1.0.0 crypto/hpke encrypts by a service that is not approved", refused.Rule)
			continue
		}
		require.NoError(t, err)
	}
}

// A program stops before its first use of a key unless it runs on the certified
// module.
func ExampleCheck() {
	if err := fips.Check("v1.0.0"); err != nil {
		log.Fatal(err)
	}
}
