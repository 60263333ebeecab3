package fips

import (
	"crypto/fips140"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
)

// Module is the Go Cryptographic Module of the running program.
type Module struct {
	Enabled  bool   // FIPS 140-3 mode: GODEBUG fips140 is on or only
	Enforced bool   // GODEBUG fips140=only
	Version  string // such as "v1.0.0", or "latest" for source that is not a frozen module
	Build    string // GOFIPS140 as the program was built, such as "v1.0.0-c2097c7c"; may be empty
}

// Running returns the module of the running program. It panics if FIPS 140-3 mode is
// on and the module failed its integrity check, as Go's runtime does at start.
func Running() Module {
	m := Module{Enabled: fips140.Enabled(), Enforced: fips140.Enforced(), Version: fips140.Version()}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "GOFIPS140" {
				m.Build = s.Value
			}
		}
	}
	return m
}

// frozen returns the modules of Go 1.26 and of Go 1.27, which have the same: by version, the
// name that GOFIPS140 of the build gives them.
func frozen() map[string]string {
	return map[string]string{"v1.0.0": "v1.0.0-c2097c7c", "v1.26.0": "v1.26.0"}
}

// ModuleError says that the program does not run on a wanted Go Cryptographic Module.
type ModuleError struct {
	Found  Module
	Wanted []string // the accepted versions
	Rule   string   // the broken rule, such as "FIPS 140-3 mode is off"
}

func (e *ModuleError) Error() string {
	return fmt.Sprintf("fips: %s; wanted is the Go Cryptographic Module %s in FIPS 140-3 mode",
		e.Rule, strings.Join(e.Wanted, " or "))
}

// Check returns a [*ModuleError] unless the program runs in FIPS 140-3 mode on a frozen
// Go Cryptographic Module of one of the versions; the default is "v1.0.0" and "v1.26.0",
// the versions of FIPS.md. A program calls Check at start, before it first uses a key,
// and stops if it fails. [New] calls it too.
//
// "latest" is never accepted: it is the module's source in the toolchain, which changes
// with the toolchain.
func Check(versions ...string) error { return Running().check(versions) }

func (m Module) check(versions []string) error {
	if !m.Enabled {
		return &ModuleError{Found: m, Wanted: accepted(versions), Rule: "FIPS 140-3 mode is off"}
	}
	return m.checkBuild(versions)
}

// accepted returns the versions, or those of FIPS.md if there are none.
func accepted(versions []string) []string {
	if len(versions) == 0 {
		return []string{"v1.0.0", "v1.26.0"}
	}
	return versions
}

// checkBuild is check in whatever mode.
func (m Module) checkBuild(versions []string) error {
	versions = accepted(versions)
	fail := func(format string, args ...any) error {
		return &ModuleError{Found: m, Wanted: versions, Rule: fmt.Sprintf(format, args...)}
	}
	if m.Version == "latest" {
		return fail("the program is not built with a frozen module (GOFIPS140)")
	}
	if !slices.Contains(versions, m.Version) {
		return fail("the module is %s", m.Version)
	}
	if build, ok := frozen()[m.Version]; ok && m.Build != "" && m.Build != build {
		return fail("the module is %s, not %s", m.Build, build)
	}
	return nil
}

// checkStandardHPKE refuses modules before v1.26.0, where crypto/hpke encrypts with
// AES-GCM by a service that is not approved, and anything that is no version.
func (m Module) checkStandardHPKE() error {
	if m.Version != "latest" && m.since("v1.26.0") {
		return nil
	}
	return &ModuleError{
		Found: m, Wanted: []string{"v1.26.0"},
		Rule: "with module " + m.Version + " crypto/hpke encrypts by a service that is not approved",
	}
}

// since reports whether the module is of this version or a later one, as "latest" is. Nothing
// is of a version that is none.
func (m Module) since(version string) bool {
	first, ok := parseVersion(version)
	if !ok || m.Version == "latest" {
		return ok
	}
	found, ok := parseVersion(m.Version)
	return ok && slices.Compare(found[:], first[:]) >= 0
}

// parseVersion returns the numbers of a version such as "v1.26.0".
func parseVersion(version string) (numbers [3]int, ok bool) {
	n, _ := fmt.Sscanf(version, "v%d.%d.%d", &numbers[0], &numbers[1], &numbers[2])
	return numbers, n == len(numbers)
}
