package mls

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	gotypes "go/types"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// nothing is an importer without packages: the types of this package do without.
type nothing struct{}

func (nothing) Import(path string) (*gotypes.Package, error) { return nil, errors.New(path) }

// A public state is made in one place, and nothing sets a field of it.
func TestPublicStateIsMadeInOnePlace(t *testing.T) {
	set := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	var files []*ast.File
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	info := &gotypes.Info{
		Types:      make(map[ast.Expr]gotypes.TypeAndValue),
		Selections: make(map[*ast.SelectorExpr]*gotypes.Selection),
	}
	cfg := gotypes.Config{Importer: nothing{}, Error: func(error) {}}
	pkg, err := cfg.Check("mls", set, files, info)
	require.Error(t, err) // what is imported is missing
	state := pkg.Scope().Lookup("publicState").Type()

	isState := func(x gotypes.Type) bool {
		if p, ok := x.(*gotypes.Pointer); ok {
			x = p.Elem()
		}
		return gotypes.Identical(x, state)
	}
	// inState reports whether x is a field of a public state, or part of one.
	inState := func(x ast.Expr) bool {
		for {
			switch e := x.(type) {
			case *ast.SelectorExpr:
				if s := info.Selections[e]; s != nil && isState(s.Recv()) {
					return true
				}
				x = e.X
			case *ast.IndexExpr:
				x = e.X
			case *ast.StarExpr:
				return info.Types[e.X].Type != nil && isState(info.Types[e.X].Type)
			default:
				return false
			}
		}
	}
	made, read := 0, 0
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if x := info.Types[n].Type; x != nil && isState(x) {
					made++
					require.Equal(t, "public_state.go", set.Position(n.Pos()).Filename, set.Position(n.Pos()))
				}
			case *ast.AssignStmt:
				for _, x := range n.Lhs {
					require.False(t, inState(x), set.Position(n.Pos()))
				}
			case *ast.IncDecStmt:
				require.False(t, inState(n.X), set.Position(n.Pos()))
			case *ast.SelectorExpr:
				if inState(n) {
					read++
				}
			}
			return true
		})
	}
	require.Equal(t, 1, made)
	require.Greater(t, read, 100) // so types are known
}
