package mlsuite_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever learns the engine and its structures learns at most 200 names: what the packages
// declare, and the methods of it, those of interfaces among them.
func TestTheEngineHasFewNames(t *testing.T) {
	names := append(exportedNames(t, "mls"), exportedNames(t, "mls/message")...)
	require.LessOrEqual(t, len(names), 200, "%v", names)
	require.Contains(t, names, "Group.Commit")
	require.Contains(t, names, "Suites.IDs")
	require.Contains(t, names, "ErrRetired")
}

// exportedNames returns the exported identifiers of a package at package level, and the
// exported methods of its exported types.
func exportedNames(t *testing.T, folder string) []string {
	var names []string
	add := func(receiver string, id *ast.Ident) {
		switch {
		case !id.IsExported():
		case receiver == "":
			names = append(names, id.Name)
		case ast.IsExported(receiver):
			names = append(names, receiver+"."+id.Name)
		}
	}
	for _, p := range listPackages(t) {
		if p.ImportPath != module+"/"+folder {
			continue
		}
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), p.Dir+"/"+name, nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, d := range file.Decls {
				switch d := d.(type) {
				case *ast.FuncDecl:
					add(receiverOf(d), d.Name)
				case *ast.GenDecl:
					for _, s := range d.Specs {
						switch s := s.(type) {
						case *ast.ValueSpec:
							for _, id := range s.Names {
								add("", id)
							}
						case *ast.TypeSpec:
							add("", s.Name)
							if i, ok := s.Type.(*ast.InterfaceType); ok {
								for _, m := range i.Methods.List {
									for _, id := range m.Names {
										add(s.Name.Name, id)
									}
								}
							}
						}
					}
				}
			}
		}
	}
	require.NotEmpty(t, names, folder)
	return names
}

// receiverOf returns the name of the type that a function is a method of, or "".
func receiverOf(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	x := f.Recv.List[0].Type
	if p, ok := x.(*ast.StarExpr); ok {
		x = p.X
	}
	if g, ok := x.(*ast.IndexExpr); ok {
		x = g.X
	}
	return x.(*ast.Ident).Name
}
