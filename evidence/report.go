package evidence

import (
	"fmt"
	"iter"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// Suite is a suite with the verdict of the policy on a new group.
type Suite struct {
	suite.Info
	Draft   string // number in draft-ietf-mls-pq-ciphersuites, such as "TBD11", or ""
	Verdict policy.Verdict
}

// title names the suite in one line.
func (s Suite) title() string {
	name := s.ID.String() + " " + s.Name
	if s.Draft != "" {
		name += " (" + s.Draft + ")"
	}
	return name
}

// Report is what a policy leaves of suites at a date in a program.
type Report struct {
	policy  *policy.Policy
	at      policy.Date
	program Program
	suites  []Suite // all, in order
	tokens  []tokenVerdict
	pairs   []pairVerdict

	*inventory // of those that are left
}

// New judges suites for new groups on the day of a time, in UTC. The suites are as
// suite.Describe has them (Registry.All of package registry).
func New(p *policy.Policy, suites iter.Seq[suite.Info], at time.Time, program Program) (*Report, error) {
	drafts, err := registry.PQDraft(registry.PrivateUse())
	if err != nil {
		return nil, err
	}
	r := &Report{policy: p, at: policy.DateOf(at), program: program}
	if r.at.IsZero() {
		return nil, fmt.Errorf("evidence: %v is no day of the years 1 to 9999", at)
	}
	for info := range suites {
		s := Suite{Info: info, Verdict: p.Verdict(info, at)}
		if n := slices.IndexFunc(drafts, func(d registry.Definition) bool { return d.Name == info.Name }); n >= 0 {
			s.Draft = fmt.Sprint("TBD", n+1)
		}
		r.suites = append(r.suites, s)
	}
	for _, t := range program.Tokens {
		e, err := p.Explain(suite.Question{Use: suite.Start, Time: at, Subject: t}, func(func(suite.Info) bool) {})
		if err != nil {
			return nil, err
		}
		r.tokens = append(r.tokens, tokenVerdict{t, e.Rules})
	}
	for _, pair := range program.Pairs {
		r.pairs = append(r.pairs, pairVerdict{pair, p.VerdictOfPair(pair, at)})
	}
	r.inventory = newInventory(r.Left())
	return r, nil
}

// pairVerdict is what the policy says of a pair of groups.
type pairVerdict struct {
	suite.PairInfo
	verdict policy.Verdict
}

// tokenVerdict is what the policy says of a token.
type tokenVerdict struct {
	suite.Token
	verdict policy.Verdict
}

// Left returns the suites that the policy leaves.
func (r *Report) Left() []Suite {
	var left []Suite
	for _, s := range r.suites {
		if s.Verdict.Allow {
			left = append(left, s)
		}
	}
	return left
}

// inside reports whether an asset runs inside of the Go Cryptographic Module of the program:
// each of its providers is of the standard library, and the module has it. What is made of
// other assets runs outside, on them.
func (r *Report) inside(a *asset) bool {
	packages := a.packages()
	return len(a.parts) == 0 && len(packages) > 0 && !a.selfDeclared() && r.program.hasVersion(a.module) &&
		!slices.ContainsFunc(packages, func(p string) bool { return !isStandard(p) })
}

// isStandard reports whether a package is of the standard library.
func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

// where says where an asset runs.
func (r *Report) where(a *asset) string {
	switch {
	case r.inside(a):
		return "inside"
	case len(a.parts) > 0:
		return "outside, on its parts"
	}
	return "outside"
}

// The certification levels.
const (
	levelNone = "none"
	levelFIPS = "fips140-3-l1"
)

// level returns the certification level of an asset.
func (r *Report) level(a *asset) string {
	if _, _, ok := r.program.certified(r.at); ok && r.inside(a) {
		return levelFIPS
	}
	return levelNone
}

// ownNonce says of AES-GCM what no certificate covers.
const ownNonce = "Encryption under the nonces of MLS is no approved service of the module (SP 800-38D); decryption is."

// calledFromOutside says of the functions of key schedules, derivations and combiners what no
// certificate covers.
const calledFromOutside = "The function is the module's. What calls it runs outside: key schedules, the derivation of key pairs, the combiner of hybrids."

// remarks returns what else there is to say of an asset.
func (r *Report) remarks(a *asset) []string {
	var all []string
	if a.selfDeclared() {
		all = append(all, "Who provides it is the provider's own word.")
	}
	if a.family == familyAES && r.inside(a) {
		all = append(all, ownNonce)
	}
	if (a.family == familyHKDF || a.family == familySHA3) && r.inside(a) {
		all = append(all, calledFromOutside)
	}
	return all
}

// library is a package that provides assets.
type library struct {
	pkg string
	origin
	provides []*asset
}

// origin is the module that a package was built from, as far as the build says that.
type origin struct {
	module, version string // of a folder in place of a module: its path, and no version
	below           string // the path of the package in the module
	local           bool   // whether it is a folder, which no package URL names
}

// libraries returns the packages that provide assets, by name.
func (r *Report) libraries() []library {
	var all []library
	for _, a := range r.assets {
		for _, pkg := range a.packages() {
			i := slices.IndexFunc(all, func(l library) bool { return l.pkg == pkg })
			if i < 0 {
				i = len(all)
				all = append(all, library{pkg: pkg, origin: r.program.originOf(pkg)})
			}
			all[i].provides = append(all[i].provides, a)
		}
	}
	slices.SortFunc(all, func(a, b library) int { return strings.Compare(a.pkg, b.pkg) })
	return all
}

// originOf returns the module of a package, or what the build has in its place: of the standard
// library "std" with the version of Go.
func (p Program) originOf(pkg string) origin {
	if p.Build == nil {
		return origin{}
	}
	if isStandard(pkg) {
		return origin{module: "std", version: strings.TrimPrefix(p.Build.GoVersion, "go"), below: pkg}
	}
	var found *debug.Module
	for _, m := range slices.Concat(p.Build.Deps, []*debug.Module{&p.Build.Main}) {
		if (pkg == m.Path || strings.HasPrefix(pkg, m.Path+"/")) && (found == nil || len(m.Path) > len(found.Path)) {
			found = m
		}
	}
	if found == nil {
		return origin{}
	}
	o := origin{module: found.Path, version: found.Version, below: strings.TrimPrefix(strings.TrimPrefix(pkg, found.Path), "/")}
	if r := found.Replace; r != nil {
		o.module, o.version, o.local = r.Path, r.Version, r.Version == ""
	}
	return o
}
