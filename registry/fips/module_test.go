package fips

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestModuleCheck(t *testing.T) {
	certified := Module{Enabled: true, Version: "v1.0.0", Build: "v1.0.0-c2097c7c"}
	inProcess := Module{Enabled: true, Enforced: true, Version: "v1.26.0", Build: "v1.26.0"}
	for _, c := range []struct {
		name   string
		module Module
		accept []string
		rule   string // empty: it passes
	}{
		{"v1.0.0", certified, nil, ""},
		{"v1.26.0, enforced", inProcess, nil, ""},
		{"the pinned one", certified, []string{"v1.0.0"}, ""},
		{"one of two", inProcess, []string{"v1.0.0", "v1.26.0"}, ""},
		{"a later one, by name", Module{Enabled: true, Version: "v1.27.0", Build: "v1.27.0"}, []string{"v1.27.0"}, ""},
		{"a build that does not say", Module{Enabled: true, Version: "v1.0.0"}, nil, ""},

		{"no FIPS build", Module{Version: "latest"}, nil, "FIPS 140-3 mode is off"},
		{"turned off at run time", Module{Version: "v1.0.0", Build: "v1.0.0-c2097c7c"}, nil, "FIPS 140-3 mode is off"},
		{"latest", Module{Enabled: true, Version: "latest", Build: "latest"}, nil, "the program is not built with a frozen module (GOFIPS140)"},
		{"latest, by name", Module{Enabled: true, Version: "latest"}, []string{"latest"}, "the program is not built with a frozen module (GOFIPS140)"},
		{"not the pinned one", inProcess, []string{"v1.0.0"}, "the module is v1.26.0"},
		{"a later one", Module{Enabled: true, Version: "v1.27.0"}, nil, "the module is v1.27.0"},
		{"another v1.0.0", Module{Enabled: true, Version: "v1.0.0", Build: "v1.0.0-00000000"}, nil, "the module is v1.0.0-00000000, not v1.0.0-c2097c7c"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.module.check(c.accept)
			if c.rule == "" {
				require.NoError(t, err)
				return
			}
			var refused *ModuleError
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.rule, refused.Rule)
			require.Equal(t, c.module, refused.Found)
			require.NotEmpty(t, refused.Wanted)
		})
	}
	require.EqualError(t, Module{Version: "latest"}.check(nil),
		"fips: FIPS 140-3 mode is off; wanted is the Go Cryptographic Module v1.0.0 or v1.26.0 in FIPS 140-3 mode")
	for version, approved := range map[string]bool{
		"v1.0.0": false, "v1.0.1": false, "v1.25.9": false, "v0.27.0": false, "": false, "v1": false, "latest": false,
		"v1.26.0": true, "v1.26.1": true, "v1.27.0": true, "v2.0.0": true,
	} {
		require.Equal(t, approved, Module{Version: version}.checkStandardHPKE() == nil, version)
	}
}

// A version is compared by its numbers, and only "latest" has none.
func TestModuleSince(t *testing.T) {
	for _, c := range []struct {
		module, version string
		since           bool
	}{
		{"v1.26.0", "v1.26.0", true}, {"v1.26.1", "v1.26.0", true}, {"v1.100.0", "v1.26.0", true}, {"v2.0.0", "v1.26.0", true}, {"latest", "v1.26.0", true},
		{"v1.25.9", "v1.26.0", false}, {"v1.0.0", "v1.26.0", false}, {"v0.27.0", "v1.26.0", false},
		{"v1.26.0", "", false}, {"latest", "", false}, {"latest", "latest", false}, {"", "v1.0.0", false}, {"v1", "v1.0.0", false},
	} {
		require.Equal(t, c.since, Module{Version: c.module}.since(c.version), "%q since %q", c.module, c.version)
	}
}
