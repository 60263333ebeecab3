package bench

import (
	"bytes"
	"context"
	"fmt"
	"go/ast"
	"go/doc"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/registry/experimental"
	"github.com/mlsuite/mlsuite/registry/fast"
	"github.com/mlsuite/mlsuite/registry/fips"
	"github.com/mlsuite/mlsuite/suite/mldsa"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"suitebench": func() {
		Main(all.Registry(), WithPeerSets(ofPeers, experimental.PeerSet()), WithProviders(providerSetsOfTests()...))
	}})
}

// suites is suitebench over all suites.
func suites() program {
	return program{registry: all.Registry(), peers: ofPeers, morePeers: []registry.PeerSet{experimental.PeerSet()}, providers: providerSetsOfTests()}
}

// providerSetsOfTests are those of cmd/suitebench and one that wants FIPS 140-3 mode of any
// module.
func providerSetsOfTests() []registry.ProviderSet {
	module := fips.ProviderSets()
	mode := registry.ProviderSet{Name: "mode", About: "FIPS 140-3 mode of any module", Parts: module[0].Parts, FIPS140: "on"}
	sets, err := experimental.ProviderSets(slices.Concat([]registry.ProviderSet{fast.ProviderSet()}, all.ProviderSets(), module, []registry.ProviderSet{mode})...)
	if err != nil {
		panic(err)
	}
	return sets
}

func ofPeers(s registry.PeerSet) (*registry.Registry, error) {
	parts, err := experimental.Parts(all.Parts())
	if err != nil {
		return nil, err
	}
	return parts.Registry(registry.WithPeerSet(s))
}

// mlDSAOnModule reports whether the Go Cryptographic Module of this build has ML-DSA, as with
// Go 1.27. It then has TBD10 and TBD11.
const mlDSAOnModule = mldsa.Library == "crypto/mldsa"

// TestScripts runs testdata/script, which reads as a manual. With UPDATE_SCRIPTS set it
// writes what the program prints into the scripts. Condition mldsa is mlDSAOnModule, $MLDSA the
// verdict of fips-140-3-module on a suite of ML-DSA, and $MODULE the number of suites that it
// allows.
func TestScripts(t *testing.T) {
	verdict, allowed := "-", " 9"
	if mlDSAOnModule {
		verdict, allowed = "+", "11"
	}
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"), RequireExplicitExec: true, UpdateScripts: os.Getenv("UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			env.Setenv("MLDSA", verdict)
			env.Setenv("MODULE", allowed)
			return nil
		},
		Condition: func(condition string) (bool, error) {
			if condition != "mldsa" {
				return false, fmt.Errorf("unknown condition %s", condition)
			}
			return mlDSAOnModule, nil
		},
	})
}

// call runs the program in this process.
func call(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, err bytes.Buffer
	code = suites().execute(t.Context(), args, &out, &err)
	return out.String(), err.String(), code
}

// An interrupted run leaves no file, neither whole nor in part.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	var out, stderr bytes.Buffer
	require.Equal(t, 1, suites().execute(ctx, []string{"run", "-o", filepath.Join(dir, "costs.csv")}, &out, &stderr))
	require.Equal(t, "suitebench: interrupted before the first round ended: nothing was measured\n", stderr.String())
	require.Empty(t, out.String())
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// The examples of the command's documentation print what it says.
func TestDocumentation(t *testing.T) {
	source, err := os.ReadFile("../cmd/suitebench/main.go")
	require.NoError(t, err)
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, "main.go", source, parser.ParseComments)
	require.NoError(t, err)
	pkg, err := doc.NewFromFiles(files, []*ast.File{file}, "main")
	require.NoError(t, err)

	examples := regexp.MustCompile(`(?m)^\t\$ suitebench (.*)\n((?:\t.*\n)+)`).FindAllStringSubmatch(pkg.Doc, -1)
	require.NotEmpty(t, examples)
	for _, example := range examples {
		out, stderr, code := call(t, strings.Fields(example[1])...)
		require.Zero(t, code, stderr)
		require.Empty(t, stderr)
		want := strings.ReplaceAll(example[2][1:], "\n\t", "\n")
		if mlDSAOnModule {
			want = strings.NewReplacer(
				"fips-140-3-module       9 of 18", "fips-140-3-module      11 of 18", "filippo.io/mldsa", mldsa.Library,
			).Replace(want)
		}
		require.Equal(t, want, out, example[1])
	}
}
