package mlsuite_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/mlsuite/mlsuite"

// goPackage is what `go list -json` says of a package, without its tests.
type goPackage struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string // direct
	Deps       []string // all

	IgnoredGoFiles []string // of other systems or versions of Go
}

// layer says what a package may import directly. Patterns are import paths, of
// this module without its name, that path.Match knows; "p/..." is p and all
// below it.
type layer struct {
	pkg     string
	imports []string // of this module
	modules []string // of others
	denied  []string // of the standard library
}

// layers are the packages that have to keep an order. The others may import
// whatever onlyImportedBy and neverReached leave them.
func layers() []layer {
	return []layer{
		{pkg: "suite", imports: []string{"internal/provenance", "internal/hkdf"}},
		{pkg: "suite/chacha", imports: []string{"suite", "internal/provenance"}, modules: []string{"golang.org/x/crypto/chacha20poly1305"}},
		{pkg: "suite/circl", imports: []string{"suite", "hpke", "internal/avx", "internal/frequent", "internal/provenance"}, modules: []string{"github.com/cloudflare/circl/..."}},
		{pkg: "suite/curve25519", imports: []string{"suite", "hpke", "internal/frequent", "internal/provenance"}, modules: []string{"filippo.io/edwards25519", "github.com/cloudflare/circl/dh/x25519"}},
		{pkg: "suite/mldsa", imports: []string{"suite", "internal/provenance"}, modules: []string{"filippo.io/mldsa/..."}},
		{pkg: "hpke", imports: []string{"suite", "internal/provenance", "internal/erase", "internal/hkdf"}},
		{pkg: "hybrid", imports: []string{"suite", "hpke", "internal/provenance"}},
		{pkg: "registry", imports: []string{"suite", "internal/codepoint"}},
		{pkg: "registry/experimental", imports: []string{"suite", "hybrid", "registry"}},
		// Its suite/mldsa is crypto/mldsa: neverReached keeps filippo.io out.
		{pkg: "registry/fips", imports: []string{"suite", "suite/mldsa", "hpke", "hybrid", "registry", "internal/hpkeset"}},
		{
			pkg: "mls", imports: []string{"suite", "internal/...", "mls/..."},
			denied: []string{"net/...", "os/...", "database/..."},
		},
		{pkg: "mls/event", imports: []string{"suite", "mls/message"}},
		{pkg: "mls/message", imports: []string{"suite", "internal/codepoint", "internal/treemath", "internal/wire"}},
		{pkg: "mls/internal/label", imports: []string{"suite", "internal/parallel", "internal/scratch", "internal/wire"}},
		{pkg: "mls/internal/fault", imports: []string{"suite", "mls/message"}},
		{
			pkg: "mls/internal/check",
			imports: []string{
				"suite", "internal/certificate", "internal/codepoint", "internal/scratch", "internal/sortedset", "internal/wire",
				"mls/message", "mls/internal/fault", "mls/internal/label",
			},
		},
		{pkg: "mls/internal/schedule", imports: []string{"suite", "internal/wire", "mls/message", "mls/internal/fault", "mls/internal/label"}},
		{
			pkg:     "mls/internal/secrettree",
			imports: []string{"suite", "internal/treemath", "internal/wire", "mls/message", "mls/internal/fault", "mls/internal/label"},
		},
		{
			pkg: "mls/internal/ratchettree",
			imports: []string{
				"suite", "internal/codepoint", "internal/parallel", "internal/sortedset", "internal/treemath", "internal/wire",
				"mls/message", "mls/internal/fault", "mls/internal/label", "mls/internal/check",
			},
		},
		{
			pkg: "mls/internal/framing",
			imports: []string{
				"suite", "internal/codepoint", "internal/scratch", "internal/wire", "mls/message", "mls/internal/fault", "mls/internal/label", "mls/internal/schedule",
				"mls/internal/secrettree", "mls/internal/ratchettree",
			},
		},
		{pkg: "audit", imports: []string{"suite", "mls/message", "mls/event", "internal/certificate"}, denied: []string{"net/...", "os/...", "database/..."}},
		{
			pkg: "credential", imports: []string{"suite", "mls/message", "mls/event", "internal/certificate", "internal/parallel"},
			modules: []string{"golang.org/x/crypto/cryptobyte/...", "golang.org/x/crypto/ocsp"},
		},
		{pkg: "internal/fipsindicator"},
		{pkg: "policy", imports: []string{"suite", "registry", "mls/message"}, modules: []string{"go.yaml.in/yaml/v4/..."}, denied: []string{"net/...", "os/...", "database/..."}},
		{pkg: "evidence", imports: []string{"suite", "registry", "policy"}, modules: []string{"github.com/CycloneDX/cyclonedx-go"}, denied: []string{"net/...", "os/...", "database/..."}},
		{pkg: "migrate", imports: []string{"suite", "registry", "policy", "mls", "mls/message", "internal/codepoint", "bench/limit", "bench/measure"}, denied: []string{"net/...", "os/...", "database/..."}},
		{pkg: "bench/limit", imports: []string{"suite", "bench/measure"}},
		{pkg: "bench/baseline", imports: []string{"suite", "bench/limit"}},
		{pkg: "bench/device", imports: []string{"suite", "bench/host", "bench/limit", "bench/measure", "bench/result", "bench/stats"}},
		{pkg: "bench/day", imports: []string{"suite", "bench/baseline", "bench/device", "bench/limit", "bench/result", "bench/scale", "bench/stats"}, modules: []string{"go.yaml.in/yaml/v4/..."}},
		{pkg: "bench/scale", imports: []string{"suite", "bench/device", "bench/limit", "bench/result"}},
		{pkg: "bench/measure"},
		{
			pkg: "bench/internal/page", imports: []string{"suite", "policy", "bench/result"},
			modules: []string{"gonum.org/v1/plot/..."}, denied: []string{"net/...", "os/...", "database/..."},
		},
		{pkg: "bench/internal/page/pagetest", imports: []string{"suite", "bench/result"}},
		{pkg: "bench/result", imports: []string{"suite", "bench/host"}},
		{pkg: "bench/host", imports: []string{"bench/measure"}, modules: []string{"github.com/klauspost/cpuid/v2", "golang.org/x/sys/unix"}, denied: []string{"net/...", "os/exec", "database/..."}},
		{
			pkg: "bench/stats", modules: []string{"golang.org/x/perf/benchmath"},
			denied: []string{"time", "os/...", "net/...", "database/..."},
		},
		{pkg: "internal/hpkeset", imports: []string{"suite", "hpke", "registry"}},
		{
			pkg:     "client",
			imports: []string{"suite", "registry", "policy", "apq", "mls", "mls/message", "mls/event", "migrate", "store", "delivery", "internal/grouprecords", "internal/publiccommit"},
			denied:  []string{"net/...", "os/...", "database/..."},
		},
		{
			pkg:     "apq",
			imports: []string{"suite", "mls", "mls/message", "mls/event", "internal/codepoint", "internal/wire"},
			denied:  []string{"net/...", "os/...", "database/..."},
		},
		{pkg: "store"},
		{pkg: "store/bolt", imports: []string{"store"}, modules: []string{"go.etcd.io/bbolt/..."}},
		{pkg: "store/memory", imports: []string{"store"}, modules: []string{"github.com/google/btree"}},
		{pkg: "delivery", imports: []string{"suite"}, denied: []string{"net/...", "os/...", "database/..."}},
		{pkg: "delivery/guard", imports: []string{"suite", "store", "delivery", "apq", "mls", "mls/event", "mls/message", "internal/grouprecords", "internal/publiccommit"}, modules: []string{"github.com/hashicorp/golang-lru/v2/simplelru", "golang.org/x/time/rate"}, denied: []string{"net/...", "os/...", "database/..."}},
		{pkg: "internal/grouprecords", imports: []string{"store", "mls"}},
		{pkg: "internal/publiccommit", imports: []string{"internal/wire", "mls/message"}},
		{pkg: "delivery/memory", imports: []string{"suite", "delivery"}, denied: []string{"net/...", "os/...", "database/..."}},
		{pkg: "internal/certificate", modules: []string{"golang.org/x/crypto/cryptobyte/..."}},
		{pkg: "internal/wire", imports: []string{"internal/codepoint"}},
		{pkg: "internal/treemath"},
		{pkg: "internal/provenance"},
		{pkg: "internal/erase"},
		{pkg: "internal/frequent"},
		{pkg: "internal/hkdf", imports: []string{"internal/scratch"}},
		{pkg: "internal/scratch"},
		{pkg: "internal/codepoint"},
		{pkg: "internal/sortedset"},
		{pkg: "internal/parallel"},
		{pkg: "internal/vectors", imports: []string{"suite", "internal/treemath"}},
		{pkg: "internal/allocated"},
	}
}

// onlyImportedBy gives the importers of what one package, or none, stands on.
func onlyImportedBy() map[string][]string {
	helpers := []string{"suite/suitetest", "internal/vectors", "internal/wycheproof", "internal/hpkevectors", "internal/mlstest", "internal/wiretest", "internal/fipsmode", "store/storetest", "delivery/deliverytest"}
	return map[string][]string{
		"github.com/cloudflare/circl/...": {"suite/circl", "suite/curve25519"},
		"filippo.io/mldsa/...":            {"suite/mldsa"},
		"crypto/mldsa":                    {"suite/mldsa", "examples/cnsa"}, // of Go 1.27
		"filippo.io/edwards25519/...":     {"suite/curve25519"},
		"go.yaml.in/yaml/...":             {"policy", "bench/day"}, // files that people write, with comments
		"golang.org/x/sys/...":            {"bench/host", "internal/avx"},
		"testing/...":                     helpers,
		"crypto/mlkem/mlkemtest":          {"hpke/hpketest"},
		"gonum.org/v1/plot/...":           {"bench/internal/page"},
		"github.com/CycloneDX/...":        {"evidence"},
		// Of tests alone.
		"filippo.io/mlkem768/...":                nil,
		"github.com/stretchr/testify/...":        {"internal/hpkevectors", "internal/mlstest", "internal/wiretest", "internal/fipsmode", "store/storetest", "delivery/deliverytest"},
		"github.com/google/go-cmp/...":           {"store/storetest"},
		module + "/store/storetest":              nil,
		module + "/delivery/deliverytest":        nil,
		"github.com/google/btree":                {"store/memory"},
		"go.etcd.io/bbolt/...":                   {"store/bolt"},
		"github.com/santhosh-tekuri/...":         nil,
		module + "/suite/suitetest":              nil,
		module + "/internal/vectors":             {"internal/wycheproof", "internal/hpkevectors", "internal/wiretest"},
		module + "/internal/wycheproof":          {"internal/hpkevectors"},
		module + "/internal/hpkevectors":         nil,
		module + "/internal/fipsindicator":       nil,
		module + "/internal/fipsmode":            nil,
		module + "/bench/internal/page/pagetest": nil,
		module + "/internal/allocated":           {"internal/mlstest"},
		module + "/internal/mlstest":             {"internal/wiretest"},
		module + "/internal/wiretest":            nil,
		module + "/registry/all":                 {"cmd/...", "examples/...", "internal/mlstest"},
		module + "/registry/experimental":        {"cmd/...", "internal/mlstest"},
		module + "/registry/fast":                {"cmd/...", "internal/mlstest"},
		module + "/registry/fips":                {"cmd/...", "examples/..."},
		module + "/suite/circl":                  {"registry/all", "registry/fast"},
		module + "/suite/curve25519":             {"registry/fast"},
		module + "/suite/mldsa":                  {"registry/all", "registry/fips"},
		// Of the scenarios of mls alone.
		"github.com/cockroachdb/datadriven/...": nil,
		// What says of a part that it is this module's.
		module + "/internal/provenance":        {"suite", "suite/chacha", "suite/circl", "suite/curve25519", "suite/mldsa", "hpke", "hybrid"},
		module + "/internal/hpkeset":           {"registry/all", "registry/fast", "registry/fips"},
		module + "/suite/chacha":               {"registry/all", "registry/fast", "suite/suitetest", "internal/hpkevectors"},
		"golang.org/x/crypto/chacha20poly1305": {"suite/chacha"},
		"golang.org/x/crypto/ocsp":             {"credential"},
	}
}

// neverReached gives what a package may not depend on, by whatever way.
func neverReached() map[string][]string {
	providers := []string{"github.com/cloudflare/circl/...", "filippo.io/...", "golang.org/x/crypto/chacha20poly1305"}
	files := []string{"go.yaml.in/...", module + "/policy/..."}
	testOnly := []string{"testing", "github.com/stretchr/...", "github.com/google/go-cmp/...", "crypto/mlkem/mlkemtest"}
	return map[string][]string{
		"suite":                 slices.Concat(providers, testOnly),
		"hpke":                  slices.Concat(providers, testOnly),
		"hybrid":                slices.Concat(providers, testOnly),
		"registry":              slices.Concat(providers, testOnly, []string{module + "/hpke", module + "/hybrid"}),
		"registry/fips":         slices.Concat(providers, testOnly, files),
		"registry/experimental": slices.Concat(providers, testOnly, files),
		"registry/all":          testOnly,
		"registry/fast":         testOnly,
		"suite/circl":           testOnly,
		"suite/curve25519":      testOnly,
		"suite/mldsa":           testOnly,
		"credential":            slices.Concat(providers, testOnly),
		"audit":                 slices.Concat(providers, testOnly, files),
		"bench/host":            slices.Concat(providers, testOnly, files, []string{module + "/suite/..."}),
		"policy":                slices.Concat(providers, testOnly),
		"apq":                   slices.Concat(providers, testOnly),
		"client":                slices.Concat(providers, testOnly),
		"migrate":               slices.Concat(providers, testOnly),
		"evidence":              slices.Concat(providers, testOnly),
		"mls": slices.Concat(providers, testOnly, files, []string{
			module + "/registry/...", module + "/hpke/...", module + "/hybrid/...",
			module + "/suite/*", "net/...", "database/...", "crypto/x509",
		}),
	}
}

// violations returns the rules that packages break, each with its offender.
func violations(packages []goPackage) []string {
	var found []string
	for _, p := range packages {
		name := strings.TrimPrefix(p.ImportPath, module+"/")
		for _, l := range layers() {
			if l.pkg == name {
				found = append(found, l.violations(p)...)
			}
		}
		for _, imported := range p.Imports {
			for pattern, importers := range onlyImportedBy() {
				if matches(pattern, imported) && !matchesAny(importers, name) {
					found = append(found, fmt.Sprintf("%s imports %s, which is for %v", name, imported, importers))
				}
			}
		}
		for _, dep := range p.Deps {
			if matchesAny(neverReached()[name], dep) {
				found = append(found, fmt.Sprintf("%s depends on %s", name, dep))
			}
		}
	}
	slices.Sort(found)
	return found
}

func (l layer) violations(p goPackage) []string {
	var found []string
	for _, imported := range p.Imports {
		own, isOwn := strings.CutPrefix(imported, module+"/")
		switch {
		case isOwn && !matchesAny(l.imports, own),
			!isOwn && !isStandard(imported) && !matchesAny(l.modules, imported),
			isStandard(imported) && matchesAny(l.denied, imported):
			found = append(found, fmt.Sprintf("%s imports %s", l.pkg, imported))
		}
	}
	return found
}

// unused returns what layers and onlyImportedBy allow and no package needs.
func unused(packages []goPackage) []string {
	some := func(importers, imported string) bool {
		return slices.ContainsFunc(packages, func(p goPackage) bool {
			return matches(module+"/"+importers, p.ImportPath) && slices.ContainsFunc(p.Imports, func(i string) bool { return matches(imported, i) })
		})
	}
	var found []string
	for _, l := range layers() {
		for _, allowed := range l.imports {
			if !some(l.pkg, module+"/"+allowed) {
				found = append(found, fmt.Sprintf("%s may import %s and does not", l.pkg, allowed))
			}
		}
		for _, allowed := range l.modules {
			if !some(l.pkg, allowed) {
				found = append(found, fmt.Sprintf("%s may import %s and does not", l.pkg, allowed))
			}
		}
	}
	for pattern, importers := range onlyImportedBy() {
		for _, importer := range importers {
			if !some(importer, pattern) {
				found = append(found, fmt.Sprintf("%s is for %s, which does not import it", pattern, importer))
			}
		}
	}
	slices.Sort(found)
	return found
}

func isStandard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".")
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func matches(pattern, name string) bool {
	if root, ok := strings.CutSuffix(pattern, "/..."); ok {
		return name == root || strings.HasPrefix(name, root+"/")
	}
	ok, _ := path.Match(pattern, name)
	return ok
}

// initFunctions returns the positions of func init() in a file.
func initFunctions(name string, src []byte) ([]string, error) {
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
			found = append(found, files.Position(f.Pos()).String())
		}
	}
	return found, nil
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Dir,GoFiles,IgnoredGoFiles,Imports,Deps", "./...").Output()
	require.NoError(t, err)
	var ours []goPackage
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return ours
		}
		require.NoError(t, err)
		if strings.HasPrefix(p.ImportPath, module+"/") {
			ours = append(ours, p)
		}
	}
}

func TestImports(t *testing.T) {
	packages := listPackages(t)
	var names []string
	for _, p := range packages {
		names = append(names, strings.TrimPrefix(p.ImportPath, module+"/"))
	}
	for _, l := range layers() {
		require.Contains(t, names, l.pkg, "a layer names a package that is not there")
	}
	for name := range neverReached() {
		require.Contains(t, names, name)
	}
	require.Empty(t, violations(packages))
}

func TestNoInitFunctions(t *testing.T) {
	files := 0
	for _, p := range listPackages(t) {
		for _, name := range p.GoFiles {
			file := filepath.Join(p.Dir, name)
			src, err := os.ReadFile(file)
			require.NoError(t, err)
			found, err := initFunctions(file, src)
			require.NoError(t, err)
			require.Empty(t, found, "registration at start-up is not how this module works")
			files++
		}
	}
	require.Greater(t, files, 20)
}

// Each allowance is one that a package needs, in some version of Go: whoever takes an import out
// takes out what allowed it.
func TestAllowancesAreUsed(t *testing.T) {
	packages := listPackages(t)
	files := token.NewFileSet()
	for i, p := range packages {
		for _, name := range p.IgnoredGoFiles {
			file, err := parser.ParseFile(files, filepath.Join(p.Dir, name), nil, parser.ImportsOnly)
			require.NoError(t, err)
			for _, spec := range file.Imports {
				imported, err := strconv.Unquote(spec.Path.Value)
				require.NoError(t, err)
				packages[i].Imports = append(packages[i].Imports, imported)
			}
		}
	}
	require.Empty(t, unused(packages))
	for _, c := range []struct{ importer, imported, unused string }{
		{"hpke", module + "/internal/erase", "hpke may import internal/erase and does not"},
		{"credential", "golang.org/x/crypto/ocsp", "credential may import golang.org/x/crypto/ocsp and does not"},
		{"suite/chacha", "golang.org/x/crypto/chacha20poly1305", "golang.org/x/crypto/chacha20poly1305 is for suite/chacha, which does not import it"},
	} {
		without := slices.Clone(packages)
		for i, p := range without {
			if p.ImportPath == module+"/"+c.importer {
				without[i].Imports = slices.DeleteFunc(slices.Clone(p.Imports), func(imported string) bool { return imported == c.imported })
			}
		}
		require.Contains(t, unused(without), c.unused)
	}
}

// The checker itself: each rule, broken.
func TestViolations(t *testing.T) {
	pkg := func(name string, imports ...string) goPackage {
		return goPackage{ImportPath: module + "/" + name, Imports: imports}
	}
	dep := func(name string, deps ...string) goPackage {
		return goPackage{ImportPath: module + "/" + name, Deps: deps}
	}
	for _, p := range []goPackage{
		pkg("suite", module+"/internal/wire"),
		pkg("suite", module+"/suite/circl"),
		pkg("suite", "example.com/other"),
		pkg("suite", "golang.org/x/crypto/chacha20poly1305"),
		pkg("hpke", module+"/hybrid"),
		pkg("hybrid", module+"/registry"),
		pkg("registry", module+"/hpke"),
		pkg("registry/fips", module+"/suite/circl"),
		pkg("suite/mldsa", "github.com/cloudflare/circl/sign/ed448"),
		pkg("suite/circl", "filippo.io/mldsa"),
		pkg("registry/all", "github.com/cloudflare/circl/dh/x448"),
		pkg("cmd/suitebench", "filippo.io/mldsa/x509"),
		pkg("mls", module+"/registry"),
		pkg("mls", module+"/hpke"),
		pkg("mls", module+"/suite/mldsa"),
		pkg("mls", "net/http"),
		pkg("mls", "os"),
		pkg("mls", "os/exec"),
		pkg("mls", "database/sql"),
		pkg("policy", module+"/registry/all"),
		pkg("policy", module+"/hpke"),
		pkg("policy", "os"),
		pkg("policy", "go.yaml.in/yaml/v3"),
		pkg("mls", module+"/policy"),
		pkg("registry/fips", module+"/policy"),
		pkg("cmd/suitebench", "go.yaml.in/yaml/v4"),
		pkg("internal/treemath", module+"/suite"),
		pkg("internal/wire", module+"/internal/treemath"),
		pkg("internal/parallel", "golang.org/x/sync/errgroup"),
		pkg("internal/new", "testing"),
		pkg("internal/new", "github.com/stretchr/testify/require"),
		pkg("suite/suitetest", "github.com/google/go-cmp/cmp"),
		pkg("mls", module+"/internal/vectors"),
		pkg("registry/all", module+"/suite/suitetest"),
		dep("suite", "filippo.io/mldsa"),
		dep("hpke", "github.com/cloudflare/circl/sign"),
		dep("hybrid", "testing"),
		dep("registry/fips", "filippo.io/mldsa"),
		dep("registry/experimental", "filippo.io/mldsa"),
		pkg("registry/experimental", module+"/registry/all"),
		pkg("registry/all", module+"/registry/experimental"),
		dep("registry/fips", "go.yaml.in/yaml/v4"),
		dep("mls", module+"/policy"),
		dep("policy", "filippo.io/mldsa"),
		pkg("bench/host", module+"/suite"),
		pkg("bench/host", "os/exec"),
		pkg("cmd/suitebench", "golang.org/x/sys/unix"),
		pkg("migrate", module+"/registry/all"),
		pkg("migrate", "os"),
		dep("migrate", "filippo.io/mldsa"),
		dep("registry/all", "github.com/stretchr/testify/assert"),
		dep("mls", module+"/suite/circl"),
		dep("mls", module+"/hpke/hpketest"),
		dep("mls", "net"),
		dep("mls", "crypto/x509"),
		dep("mls", "crypto/mlkem/mlkemtest"),
	} {
		require.NotEmpty(t, violations([]goPackage{p}), "%v", p)
	}
	require.Empty(t, violations([]goPackage{
		pkg("suite", "crypto", "crypto/hkdf"),
		pkg("suite/chacha", module+"/suite", "golang.org/x/crypto/chacha20poly1305"),
		pkg("suite/circl", module+"/suite", module+"/hpke", "github.com/cloudflare/circl/dh/x448"),
		pkg("mls", module+"/suite", module+"/internal/wire", "context"),
		pkg("cmd/suitebench", module+"/registry/all", "os", "net/http"),
		pkg("internal/wycheproof", module+"/internal/vectors", "testing"),
		dep("mls", "os", "golang.org/x/crypto/cryptobyte", module+"/suite"),
	}))
}

func TestInitFunctionsAreFound(t *testing.T) {
	found, err := initFunctions("a.go", []byte("package a\n\nfunc init() {}\n\ntype b struct{}\n\nfunc (b) init() {}\n\nfunc initialise() {}\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"a.go:3:1"}, found)
	_, err = initFunctions("a.go", []byte("package"))
	require.Error(t, err)
}
