package policy

import (
	"cmp"
	"embed"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"sync"

	"github.com/mlsuite/mlsuite/suite"
)

//go:embed profiles/*.yaml
var builtin embed.FS

// File is the text of a profile, and the name under which problems report it.
type File struct {
	Name string
	Data []byte
}

// Library is a set of profiles that can extend each other. It is immutable and safe
// for concurrent use.
type Library struct {
	names    []string // in order
	profiles map[string]*profile
	known    map[string]known // suites

	vocabulary *vocabulary // of files that are added; nil is that of no suites from elsewhere
}

// builtinNames returns the names of the profiles that come with the package, in the order
// in which they are listed.
func builtinNames() []string {
	return []string{
		"cnsa-1.0", "cnsa-2.0", "cnsa-2.0-transition", "us-eo-14412",
		"fips-140-3-algorithms", "fips-140-3-module", "nist-curves",
		"bsi-tr-02102-1", "anssi", "anssi-restreint", "nl-pqc-handbook",
		"eu-roadmap", "eccg-acm-2", "ncsc-uk", "ca-itsm-40-001",
		"asd-ism-protected", "asd-ism", "asd-ism-top-secret",
		"pq-confidential", "pq-authentic", "rfc9420", "any",
	}
}

// Builtin returns the profiles that come with the package. It reads them once.
func Builtin() *Library { return readBuiltin() }

var readBuiltin = sync.OnceValue(func() *Library {
	l, err := new(Library).Add(builtinFiles()...)
	if err != nil {
		panic(err) // the profiles of this package contradict each other
	}
	return l
})

func builtinFiles() []File {
	var files []File
	for _, name := range builtinNames() {
		data, err := fs.ReadFile(builtin, "profiles/"+name+".yaml")
		if err != nil {
			panic(err) // a profile of this package is missing
		}
		files = append(files, File{name + ".yaml", data})
	}
	return files
}

// Add returns a library that also has the profiles of files. The error is [Problems]:
// everything that is wrong with any of the files.
func (l *Library) Add(files ...File) (*Library, error) {
	more, wrong, _ := l.add(files)
	if len(wrong) > 0 {
		return nil, wrong
	}
	return more, nil
}

// add returns, with the library, what is wrong with the files and what it gave up
// checking.
func (l *Library) add(files []File) (more *Library, found, unchecked Problems) {
	v := l.words()
	more = &Library{names: slices.Clone(l.names), profiles: map[string]*profile{}, known: map[string]known{}, vocabulary: v}
	for name, p := range l.profiles {
		more.profiles[name] = p
	}
	for _, k := range v.suites {
		more.known[k.Name] = k
	}
	var wrong problems
	var added []*profile
	for _, file := range files {
		p := parseProfile(file, v, &wrong)
		if p == nil {
			continue
		}
		if len(more.profiles) >= maxProfiles {
			wrong.add(p.at, "a library has at most %d profiles", maxProfiles)
			break
		}
		if other, ok := more.profiles[p.name]; ok {
			wrong.add(p.at, "there is a profile %s already, in %s", p.name, other.at.File)
			continue
		}
		more.names = append(more.names, p.name)
		more.profiles[p.name] = p
		added = append(added, p)
	}
	broken := len(wrong.found) > 0
	var linked []*profile
	for _, p := range added {
		for _, q := range more.closure(p) { // what it extends first
			if slices.Contains(added, q) && !slices.Contains(linked, q) {
				linked = append(linked, q)
				more.link(q, &wrong)
			}
		}
	}
	if !broken && len(wrong.found) == 0 {
		broken := map[string]bool{}
		for _, p := range linked { // what it extends first
			before := len(wrong.found)
			unchecked = append(unchecked, v.checkOwn(p, &wrong)...)
			// What has been reported may be why the rules contradict each other.
			broken[p.name] = len(wrong.found) > before ||
				slices.ContainsFunc(p.extends, func(r extended) bool { return broken[r.name] })
			if !broken[p.name] {
				unchecked = append(unchecked, v.checkTogether(p, more.closure(p), &wrong)...)
				broken[p.name] = len(wrong.found) > before
			}
		}
	}
	return more, wrong.sorted(files), unchecked
}

// Knowing returns the library with a larger vocabulary: files that are added to it can
// also name the given suites and their algorithms, in the words in which a suite
// describes itself ([suite.Info]). These are usually the suites of a registry
// ([registry.Registry.All]). It does not change what the built-in profiles say of
// algorithms.
func (l *Library) Knowing(suites iter.Seq[suite.Info]) *Library {
	more := *l
	more.vocabulary = l.words().with(suites)
	return &more
}

func (l *Library) words() *vocabulary {
	if l.vocabulary == nil {
		return newVocabulary()
	}
	return l.vocabulary
}

// Names returns the names of the profiles, the built-in ones first.
func (l *Library) Names() []string { return slices.Clone(l.names) }

// Policy returns the policy of a profile and of those that it extends. It returns an
// error if the library has no such profile, and a [*DigestError] if a pin demands another
// text.
func (l *Library) Policy(name string, pins ...Pin) (*Policy, error) {
	p, ok := l.profiles[name]
	if !ok {
		return nil, fmt.Errorf("policy: there is no profile %q", name)
	}
	if err := checkPins(l.closure(p), pins); err != nil {
		return nil, err
	}
	return newPolicy(l, p), nil
}

// Load returns the policy of a built-in profile. Its errors are those of [Library.Policy].
func Load(name string, pins ...Pin) (*Policy, error) { return Builtin().Policy(name, pins...) }

// Parse returns the policy of an organisation's own profile, which may extend the
// built-in ones. The error is [Problems], or that of a pin.
func Parse(file string, data []byte, pins ...Pin) (*Policy, error) {
	l, err := Builtin().Add(File{file, data})
	if err != nil {
		return nil, err
	}
	return l.Policy(l.names[len(l.names)-1], pins...)
}

// Lint is [Library.Lint] of the built-in profiles.
func Lint(files ...File) Linted { return Builtin().Lint(files...) }

// Linted is what [Lint] found in files.
type Linted struct {
	Wrong     Problems // everything that is wrong, or nil
	Unchecked Problems // what it gave up checking

	// Warnings are days after which the rules leave no suite, under the values that
	// parameters have in the files.
	Warnings Problems
}

// Lint returns everything that is wrong with files, which may extend the profiles of the
// library. It also returns what it gave up checking, because the rules of a profile are too
// many to be tried together: the size of the files bounds the work. It warns of files that
// are right and leave no suite after a day.
func (l *Library) Lint(files ...File) Linted {
	more, wrong, unchecked := l.add(files)
	found := Linted{Wrong: wrong, Unchecked: unchecked}
	if len(wrong) > 0 {
		return found
	}
	var warnings problems
	for _, name := range more.names[len(l.names):] {
		p := more.profiles[name]
		found.Unchecked = append(found.Unchecked, l.words().checkCliff(p, more.closure(p), &warnings)...)
	}
	found.Warnings = warnings.sorted(files)
	return found
}

// Bounds on a library. Each profile is checked together with all that it extends.
const (
	maxProfiles = 1000
	maxExtended = 64 // by one profile, directly or not
)

// closure returns p after everything that it extends, directly or not, each once and
// after what it extends in turn. It leaves out profiles that do not exist or extend
// themselves, and all beyond maxExtended + 1.
func (l *Library) closure(p *profile) []*profile {
	var all []*profile
	seen := map[*profile]bool{}
	var visit func(p *profile)
	visit = func(p *profile) {
		if seen[p] || len(seen) > maxExtended+1 {
			return
		}
		seen[p] = true
		for _, r := range p.extends {
			if parent, ok := l.profiles[r.name]; ok {
				visit(parent)
			}
		}
		all = append(all, p)
	}
	visit(p)
	return all
}

// cyclic reports whether p extends itself.
func (l *Library) cyclic(p *profile) bool {
	return slices.ContainsFunc(p.extends, func(r extended) bool {
		parent, ok := l.profiles[r.name]
		return ok && slices.Contains(l.closure(parent), p)
	})
}

// link resolves the names in p: of profiles and of parameters.
func (l *Library) link(p *profile, wrong *problems) {
	missing := false
	for i, r := range p.extends {
		switch _, ok := l.profiles[r.name]; {
		case !ok:
			missing = true
			wrong.add(r.at, "there is no profile %s to extend", r.name)
		case slices.ContainsFunc(p.extends[:i], func(o extended) bool { return o.name == r.name }):
			wrong.add(r.at, "%s is extended twice", r.name)
		default:
			if date := l.profiles[r.name].date; date < r.since {
				wrong.add(r.at, "%s is of %s, and since wants %s or later", r.name, cmp.Or(date, "no date"), r.since)
			}
		}
	}
	if l.cyclic(p) {
		wrong.add(p.rulesAt, "%s extends itself", p.name)
		return
	}
	if missing {
		return // what it would inherit is not known
	}
	closure := l.closure(p)
	if len(closure) > maxExtended+1 {
		wrong.add(p.rulesAt, "%s extends more than %d profiles", p.name, maxExtended)
		return
	}
	l.linkExisting(p, closure, wrong)
	used := map[parameterKey]bool{}
	unresolved := false
	resolve := func(r *reference, want ParameterKind) {
		if !r.used() {
			return
		}
		declared, key, reason := findParameter(closure, r.name)
		switch {
		case reason != "":
			unresolved = true // perhaps one that is declared by another name
			wrong.add(r.at, "%s", reason)
		case declared.kind != want && declared.kind != "": // or its fault has been reported
			wrong.add(r.at, "parameter %s is a %s, not a %s", r.name, declared.kind, want)
		default:
			r.key = key
		}
		used[key] = true
	}
	for i := range p.rules {
		for j := range p.rules[i].allow {
			a := &p.rules[i].allow[j]
			resolve(&a.from.parameter, DateParameter)
			resolve(&a.until.parameter, DateParameter)
			resolve(&a.with, SwitchParameter)
			resolve(&a.without, SwitchParameter)
			for k := range a.given {
				resolve(&a.given[k].parameter, DateParameter)
			}
			for k := range a.conditions {
				resolve(&a.conditions[k].in, ListParameter)
			}
			if a.with.key.name != "" && a.with.key == a.without.key {
				wrong.add(a.at, "no suite satisfies what is with and without %s", a.with.name)
			}
		}
	}
	for _, declared := range p.parameters {
		if !p.unread && !unresolved && !used[parameterKey{p.name, declared.name}] {
			wrong.add(declared.at, "no rule of the profile uses the parameter")
		}
	}
	l.linkSettings(p, closure, wrong)
	l.linkDates(p, closure, wrong)
}

// linkExisting makes p at least as strict as the profiles that it extends.
func (l *Library) linkExisting(p *profile, closure []*profile, wrong *problems) {
	for _, parent := range closure[:len(closure)-1] {
		if p.says && parent.existing > p.existing {
			wrong.add(p.saysAt, "%s extends %s, whose %s it cannot loosen", p.name, parent.name, parent.existing)
			return
		}
		p.existing = max(p.existing, parent.existing)
	}
}

// linkSettings resolves what p sets for good among the parameters that it inherits.
func (l *Library) linkSettings(p *profile, closure []*profile, wrong *problems) {
	for i := range p.set {
		s := &p.set[i]
		declared, key, reason := findParameter(closure, s.name)
		if reason != "" {
			wrong.add(s.at, "%s", reason)
			continue
		}
		s.key = key
		if s.listing && declared.kind != ListParameter {
			wrong.add(s.at, "parameter %s is a %s, not a list", s.name, declared.kind)
			continue
		}
		if s.value, reason = declared.parse(s.text); reason != "" {
			wrong.add(s.at, "%s", reason)
			continue
		}
		for _, other := range closure {
			for _, o := range other.set {
				if o.key == key && (other != p || o.at != s.at) && o.value != s.value {
					wrong.add(s.at, "%s sets it to %s for good (%s:%d)", other.name, o.text, o.at.File, o.at.Line)
				}
			}
		}
	}
	type setBy struct {
		value value
		name  string
	}
	first := map[parameterKey]setBy{}
	for _, one := range closure[:len(closure)-1] {
		for _, s := range one.set {
			other, ok := first[s.key]
			switch {
			case !ok:
				first[s.key] = setBy{s.value, one.name}
			case other.value != s.value:
				wrong.add(p.rulesAt, "%s and %s set %s to different values", other.name, one.name, s.key)
			}
		}
	}
}

// linkDates refuses times that end before they begin under the present values of the
// parameters.
func (l *Library) linkDates(p *profile, closure []*profile, wrong *problems) {
	values, _ := initialSettings(closure)
	for _, q := range closure {
		for i := range q.rules {
			r := &q.rules[i]
			for _, a := range r.allow {
				from, until := a.from.day(values), a.until.day(values)
				if from.IsZero() || until.IsZero() || until.Compare(from) >= 0 {
					continue
				}
				if q == p {
					wrong.add(a.at, "until %s is before from %s", until, from)
				}
				for _, s := range p.set {
					if s.key == a.from.parameter.key || s.key == a.until.parameter.key {
						wrong.add(s.at, "until %s is before from %s in %s/%s", until, from, q.name, r.ID)
					}
				}
			}
		}
	}
}

// findParameter finds a parameter among profiles: by "name", or by "profile:name" if
// several declare it.
func findParameter(profiles []*profile, name string) (p *parameter, key parameterKey, reason string) {
	for _, owner := range profiles {
		for i := range owner.parameters {
			declared := &owner.parameters[i]
			this := parameterKey{owner.name, declared.name}
			if name != declared.name && name != this.String() {
				continue
			}
			if p != nil && key != this {
				return nil, parameterKey{}, fmt.Sprintf("several profiles have a parameter %s: write %s or %s", name, key, this)
			}
			p, key = declared, this
		}
	}
	if p == nil {
		return nil, parameterKey{}, "there is no parameter " + name
	}
	return p, key, ""
}

// initialSettings returns the values that profiles give to their parameters, and which of
// them a file has set for good.
func initialSettings(profiles []*profile) (values settings, fixed map[parameterKey]bool) {
	values, fixed = settings{}, map[parameterKey]bool{}
	for _, p := range profiles {
		for _, declared := range p.parameters {
			values[parameterKey{p.name, declared.name}] = declared.value
		}
	}
	for _, p := range profiles {
		for _, s := range p.set {
			values[s.key] = s.value
			fixed[s.key] = true
		}
	}
	return values, fixed
}
