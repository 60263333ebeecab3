package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// compiler type-checks packages of the module with one of their files replaced.
type compiler struct {
	fset     *token.FileSet
	imports  types.Importer
	language string
	packages map[string]map[string]*ast.File // by folder and path of the file, both within the module
}

// newCompiler reads the packages of folders. What they import it has from the go command.
func newCompiler(t *testing.T, root string, folders []string) *compiler {
	t.Helper()
	c := &compiler{fset: token.NewFileSet(), packages: make(map[string]map[string]*ast.File)}
	list := exec.Command("go", "list", "-export", "-deps", "-json=ImportPath,Dir,Export,GoFiles,Module")
	for _, folder := range folders {
		list.Args = append(list.Args, "./"+folder)
	}
	list.Dir = root
	out, err := list.Output()
	require.NoError(t, err)
	exports := make(map[string]string)
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath, Dir, Export string
			GoFiles                 []string
			Module                  *struct{ GoVersion string }
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		exports[p.ImportPath] = p.Export
		folder, err := filepath.Rel(root, p.Dir)
		require.NoError(t, err)
		if folder = filepath.ToSlash(folder); !slices.Contains(folders, folder) {
			continue
		}
		c.language = "go" + p.Module.GoVersion
		files := make(map[string]*ast.File)
		for _, name := range p.GoFiles {
			files[path.Join(folder, name)], err = c.parse(filepath.Join(p.Dir, name), nil)
			require.NoError(t, err)
		}
		c.packages[folder] = files
	}
	c.imports = importer.ForCompiler(c.fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	return c
}

func (c *compiler) parse(name string, src any) (*ast.File, error) {
	return parser.ParseFile(c.fset, name, src, parser.SkipObjectResolution)
}

// check returns why a package does not compile with texts in place of some of its files.
func (c *compiler) check(folder string, texts map[string]string) (faults []error) {
	var files []*ast.File
	for name, f := range c.packages[folder] {
		if _, changed := texts[name]; !changed {
			files = append(files, f)
		}
	}
	for name, text := range texts {
		f, err := c.parse(name, text)
		if err != nil {
			return []error{err}
		}
		files = append(files, f)
	}
	config := types.Config{Importer: c.imports, GoVersion: c.language, Error: func(err error) { faults = append(faults, err) }}
	_, err := config.Check(folder, c.fset, files, nil)
	if err != nil && len(faults) == 0 {
		faults = []error{err}
	}
	return faults
}

// Every package compiles with each of its planted faults: one that does not is found by the
// compiler, whatever the tests find. Faults of different files are checked together.
func TestPlantedFaultsCompile(t *testing.T) {
	root, err := moduleRoot()
	require.NoError(t, err)
	planted, err := loadPlanted()
	require.NoError(t, err)
	type texts = map[string]string
	rounds := make(map[string][]texts) // by folder
	for i := range planted {
		p := &planted[i]
		text, err := p.overlay(root)
		require.NoError(t, err)
		of := rounds[p.folder()]
		round := slices.IndexFunc(of, func(t texts) bool { return t[p.file] == "" })
		if round < 0 {
			round, of = len(of), append(of, texts{})
		}
		of[round][p.file] = text
		rounds[p.folder()] = of
	}
	c := newCompiler(t, root, slices.Sorted(maps.Keys(rounds)))
	for folder, of := range rounds {
		for i, round := range of {
			for file := range round {
				require.Contains(t, c.packages[folder], file)
			}
			for _, err := range c.check(folder, round) {
				t.Errorf("planted.tsv: fault %d of the file: %v", i+1, err)
			}
		}
	}
	for text, want := range map[string]int{
		"package main\nfunc f() {}":                         0,
		"package main\nfunc f() { x := 1; y := 2 }":         2,
		"package main\nimport \"os\"":                       1,
		"package main\nvar x int = undefined":               1,
		"package main\nfunc f() int { for false {} }":       1,
		"package main\nfunc f(":                             1,
		"package main\nimport \"os\"\nvar x = os.Getenv(1)": 1,
	} {
		require.Len(t, c.check("", texts{"main.go": text}), want, text)
	}
}
