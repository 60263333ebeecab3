package audit

import (
	"crypto/fips140"
	"fmt"
	"iter"
	"log/slog"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/suite"
)

// Started writes the record "policy in force": the profiles of the policy with their
// parameters and digests, the suites, the Go Cryptographic Module and the build of the
// running program. A program calls Started when it starts, and again if it changes its
// policy or its suites.
//
// The policy is that of the clients' Config, with or without [Policy], and may be nil. The
// suites are those of their registry (Registry.All of package registry), which the program
// names as it likes.
//
//	audit.Started(l, p, "registry/all", all.Registry().All())
func Started(l *slog.Logger, p suite.Policy, registry string, suites iter.Seq[suite.Info]) {
	build, ok := debug.ReadBuildInfo()
	if !ok {
		build = &debug.BuildInfo{}
	}
	started(l, p, registry, suites, fipsMode(), fips140.Version(), build)
}

func started(l *slog.Logger, p suite.Policy, registry string, suites iter.Seq[suite.Info], mode, module string, build *debug.BuildInfo) {
	attrs := inForce(p)
	attrs = append(attrs, slog.Group("registry", slog.String("name", registry), slog.Any("suites", provided(suites))))
	settings := map[string]string{}
	for _, s := range build.Settings {
		settings[s.Key] = s.Value
	}
	used := []any{slog.String("version", module), slog.String("mode", mode)}
	if frozen := settings["GOFIPS140"]; frozen != "" {
		used = append(used, slog.String("build", frozen))
	}
	attrs = append(attrs, slog.Group("module", used...))
	write(l, slog.LevelInfo, "policy in force", append(attrs, ofBuild(build, settings))...)
}

// fipsMode returns the mode of the Go Cryptographic Module, as GODEBUG=fips140 names it.
func fipsMode() string {
	switch {
	case fips140.Enforced():
		return "only"
	case fips140.Enabled():
		return "on"
	}
	return "off"
}

// policyProfile is a profile in a record.
type policyProfile struct {
	Profile    string             `json:"profile"`
	Version    string             `json:"version,omitempty"`
	Date       string             `json:"date,omitempty"`
	Digest     string             `json:"digest"`
	Parameters []profileParameter `json:"parameters,omitempty"`
}

type profileParameter struct {
	Parameter string `json:"parameter"`
	Value     string `json:"value"`
	Set       bool   `json:"set,omitempty"`
}

// inForce describes a policy by what it is made of, or by its type if it does not say.
func inForce(p suite.Policy) []slog.Attr {
	if p == nil {
		return []slog.Attr{slog.String("policy_type", "none")}
	}
	if d, ok := p.(decisions); ok {
		return inForce(d.policy)
	}
	named, ok := p.(suite.InForce)
	if !ok {
		return []slog.Attr{slog.String("policy_type", fmt.Sprintf("%T", p))}
	}
	info := named.InForce()
	all := make([]policyProfile, len(info.Profiles))
	for i, q := range info.Profiles {
		all[i] = policyProfile{Profile: q.Name, Version: q.Version, Date: q.Date, Digest: q.Digest}
		for _, d := range q.Parameters {
			all[i].Parameters = append(all[i].Parameters, profileParameter{d.Name, d.Value, d.Set})
		}
	}
	attrs := []slog.Attr{profiles(info), slog.Any("in_force", all)}
	if info.Module != "" {
		attrs = append(attrs, slog.String("for_module", info.Module))
	}
	return attrs
}

// digestDigits is how much of the digest of a profile stands in each decision: the first
// eight bytes, in hexadecimal.
const digestDigits = 16

// profiles names the profiles of a policy in few bytes, with what no file says: the
// parameters that the program has set.
func profiles(info suite.PolicyInfo) slog.Attr {
	all := make([]string, len(info.Profiles))
	for i, q := range info.Profiles {
		digest := strings.TrimPrefix(q.Digest, "sha256:")
		all[i] = q.Name + " " + digest[:min(digestDigits, len(digest))]
		for _, d := range q.Parameters {
			if d.Set {
				all[i] += " " + d.Name + "=" + d.Value
			}
		}
	}
	return slog.Any("profiles", all)
}

// providedSuite is a suite of a registry in a record.
type providedSuite struct {
	Suite     string   `json:"suite"`
	Name      string   `json:"suite_name"`
	Providers []string `json:"providers"`
}

// provided describes suites by who provides their primitives.
func provided(suites iter.Seq[suite.Info]) []providedSuite {
	all := []providedSuite{}
	for info := range suites {
		one := providedSuite{Suite: info.ID.String(), Name: info.Name, Providers: []string{}}
		for p := range info.Providers().All() {
			text := p.Primitive + " " + p.Package
			if p.SelfDeclared {
				text += " (self-declared)"
			}
			one.Providers = append(one.Providers, text)
		}
		all = append(all, one)
	}
	return all
}

// thisModule is the path of the module that this package is of.
const thisModule = "github.com/mlsuite/mlsuite"

// ofBuild describes a program: its package and version, the version of this module, the
// toolchain, and the revision of the program's source if the toolchain has recorded it.
func ofBuild(build *debug.BuildInfo, settings map[string]string) slog.Attr {
	var attrs []slog.Attr
	add := func(key, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(key, value))
		}
	}
	add("program", build.Path)
	add("main", build.Main.Path)
	add("version", build.Main.Version)
	for _, m := range slices.Concat(build.Deps, []*debug.Module{&build.Main}) {
		if m.Path != thisModule {
			continue
		}
		if m.Replace != nil {
			m = m.Replace
			add("mlsuite_replaced", m.Path)
		}
		add("mlsuite", m.Version)
	}
	add("go", build.GoVersion)
	add("revision", settings["vcs.revision"])
	add("revision_time", settings["vcs.time"])
	if modified, ok := settings["vcs.modified"]; ok {
		attrs = append(attrs, slog.Bool("modified", modified == "true"))
	}
	return slog.Attr{Key: "build", Value: slog.GroupValue(attrs...)}
}
