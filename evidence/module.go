package evidence

import (
	"crypto/fips140"
	"fmt"
	"runtime/debug"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// Program is the program in which the suites run.
type Program struct {
	Build   *debug.BuildInfo
	Module  string // version of the Go Cryptographic Module, as of crypto/fips140.Version
	Enabled bool   // FIPS 140-3 mode

	// Tokens are the modules that keep signature keys, as the program states them.
	Tokens []suite.Token

	// Pairs are the pairs of groups that the program may have (draft-ietf-mls-combiner), with
	// suites as suite.Describe has them.
	Pairs []suite.PairInfo
}

// Running returns the running program.
func Running() Program {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = &debug.BuildInfo{}
	}
	return Program{Build: build, Module: fips140.Version(), Enabled: fips140.Enabled()}
}

// certificate is what the CMVP says of a version of the Go Cryptographic Module: FIPS.md.
type certificate struct {
	version string
	build   string // GOFIPS140 of a build with it
	number  int    // 0: in process
	from    string // first day
	sunset  string // last day
}

func certificates() []certificate {
	return []certificate{
		{version: "v1.0.0", build: "v1.0.0-c2097c7c", number: 5247, from: "2026-04-27", sunset: "2031-04-26"},
		{version: "v1.26.0", build: "v1.26.0"},
	}
}

// certified returns the certificate that covers what runs inside of the module on a day, or
// ok = false and why there is none.
func (p Program) certified(at policy.Date) (c certificate, why string, ok bool) {
	for _, known := range certificates() {
		if known.version == p.Module {
			c = known
		}
	}
	build := p.setting("GOFIPS140")
	switch {
	case p.Module == "latest":
		return c, "the source in the toolchain, which is no frozen module: no certificate", false
	case c.version == "":
		return c, "not known here: no certificate", false
	case c.number == 0:
		return c, "in process at the CMVP: no certificate", false
	case build != "" && build != c.build:
		return c, fmt.Sprintf("built as %s, not as %s: no certificate", build, c.build), false
	case at.Compare(mustDate(c.from)) < 0 || at.Compare(mustDate(c.sunset)) > 0:
		return c, fmt.Sprintf("no certificate at %s: CMVP certificate #%d is of %s to %s", at, c.number, c.from, c.sunset), false
	case !p.Enabled:
		return c, fmt.Sprintf("FIPS 140-3 mode is off, so that CMVP certificate #%d does not apply: no certificate", c.number), false
	}
	return c, "", true
}

// moduleStatus says in words whether the module has a certificate, and in which mode it runs.
func (p Program) moduleStatus(at policy.Date) string {
	c, why, ok := p.certified(at)
	if ok {
		return fmt.Sprintf("CMVP certificate #%d, FIPS 140-3 level 1, %s to %s, in the environments that it names; FIPS 140-3 mode is on", c.number, c.from, c.sunset)
	}
	mode := "off"
	if p.Enabled {
		mode = "on"
	}
	return why + "; FIPS 140-3 mode is " + mode
}

// setting returns a setting of the build, or "".
func (p Program) setting(key string) string {
	if p.Build == nil {
		return ""
	}
	for _, s := range p.Build.Settings {
		if s.Key == key {
			return s.Value
		}
	}
	return ""
}

// mustDate returns a date of this file.
func mustDate(text string) policy.Date {
	d, err := policy.ParseDate(text)
	if err != nil {
		panic(err)
	}
	return d
}

// hasVersion reports whether the module has what came with a version: "" is in none, and
// everything is in "latest".
func (p Program) hasVersion(since string) bool {
	if since == "" {
		return false
	}
	return p.Module == "latest" || !older(p.Module, since)
}

// older reports whether one version of the module is older than another. What is no version
// is older than any.
func older(one, other string) bool {
	var a, b [3]int
	if n, _ := fmt.Sscanf(one, "v%d.%d.%d", &a[0], &a[1], &a[2]); n != 3 {
		return true
	}
	if n, _ := fmt.Sscanf(other, "v%d.%d.%d", &b[0], &b[1], &b[2]); n != 3 {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return a[i] < b[i]
		}
	}
	return false
}
