package mlsuite_test

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A program on registry/fips and mls links the standard library, this module, and a
// parser of bytes: no cryptography from elsewhere, which GODEBUG=fips140=only would
// not see.
func TestFIPSDependencies(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", "-json=ImportPath,Imports,Standard", "./registry/fips", "./mls").Output()
	require.NoError(t, err)
	var others, ours []string
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath string
			Imports    []string
			Standard   bool
		}
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		switch name, isOurs := strings.CutPrefix(p.ImportPath, module+"/"); {
		case isOurs:
			ours = append(ours, name)
			for _, denied := range []string{"math/rand", "math/rand/v2", "crypto/mlkem/mlkemtest", "crypto/md5", "crypto/sha1"} {
				require.NotContains(t, p.Imports, denied, name)
			}
		case !p.Standard:
			others = append(others, p.ImportPath)
		}
	}
	require.ElementsMatch(t, []string{"golang.org/x/crypto/cryptobyte", "golang.org/x/crypto/cryptobyte/asn1"}, others)
	require.Contains(t, ours, "registry/fips")
	for _, name := range ours {
		require.True(t, matchesAny([]string{"registry/fips", "registry", "hpke", "hybrid", "suite", "suite/mldsa", "mls", "mls/message", "mls/event", "mls/internal/*", "internal/*"}, name), name)
	}
}

// One function alone leaves the enforcement of GODEBUG=fips140=only.
func TestOneFunctionIsNotApproved(t *testing.T) {
	var found []string
	for _, p := range listPackages(t) {
		for _, name := range p.GoFiles {
			functions, err := withoutEnforcement(filepath.Join(p.Dir, name), nil)
			require.NoError(t, err)
			for _, f := range functions {
				found = append(found, strings.TrimPrefix(p.ImportPath, module+"/")+"."+f)
			}
		}
	}
	require.Equal(t, []string{"suite.sealNotApproved"}, found)
}

// withoutEnforcement returns the functions of a file that name
// fips140.WithoutEnforcement, by whatever name the file imports it.
func withoutEnforcement(name string, src any) ([]string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	var found []string
	for _, decl := range file.Decls {
		ast.Inspect(decl, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && id.Name == "WithoutEnforcement" {
				where := "a declaration"
				if f, ok := decl.(*ast.FuncDecl); ok {
					where = f.Name.Name
				}
				found = append(found, where)
			}
			return true
		})
	}
	return slices.Compact(found), nil
}

func TestWithoutEnforcementIsFound(t *testing.T) {
	found, err := withoutEnforcement("a.go", `package a

import f "crypto/fips140"

var x = f.WithoutEnforcement

func direct() { f.WithoutEnforcement(func() {}) }

func none() { f.Enabled() }
`)
	require.NoError(t, err)
	require.Equal(t, []string{"a declaration", "direct"}, found)
}
