package mlsuite_test

import (
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever learns the engine and its structures learns at most 275 names: what the packages
// declare, and the methods of it, those of interfaces and those seen through an alias
// among them. What candidates and groups answer alike, by embedding one view, comes to no
// more than 21 on top.
func TestTheEngineHasFewNames(t *testing.T) {
	var declared, promoted []string
	for _, folder := range []string{"mls", "mls/message"} {
		d, p := exportedNames(t, folder)
		declared, promoted = append(declared, d...), append(promoted, p...)
	}
	require.LessOrEqual(t, len(declared), 275, "%v", declared)
	require.LessOrEqual(t, len(promoted), 21, "%v", promoted)
	for _, name := range []string{"Group.Commit", "Suites.IDs", "ErrRetired", "ValidationError.Unwrap"} {
		require.Contains(t, declared, name)
	}
	require.Contains(t, promoted, "Epoch")
}

// A Group or a Candidate is not to be copied, so nothing of it takes a copy.
func TestWhatMustNotBeCopiedHasNoValueReceivers(t *testing.T) {
	scope := checkedPackage(t, "mls").Scope()
	for _, name := range []string{"Group", "Candidate", "PartialGroup", "PartialCandidate", "PublicGroup", "PublicCandidate", "OwnKeyPackage", "Delta", "Simulation"} {
		object := scope.Lookup(name)
		require.NotNil(t, object, name)
		methods := types.NewMethodSet(object.Type())
		for i := range methods.Len() {
			require.False(t, methods.At(i).Obj().Exported(), "%s.%s", name, methods.At(i).Obj().Name())
		}
	}
}

// exportedNames returns the exported identifiers of a package: those at package level and
// the methods that their types declare, and then the methods that its types have from
// embedded ones, each once.
func exportedNames(t *testing.T, folder string) (declared, promoted []string) {
	scope := checkedPackage(t, folder).Scope()
	shared := make(map[string]bool)
	for _, name := range scope.Names() {
		object := scope.Lookup(name)
		if !object.Exported() {
			continue
		}
		declared = append(declared, name)
		if _, ok := object.(*types.TypeName); !ok {
			continue
		}
		of := types.Unalias(object.Type())
		if !types.IsInterface(of) {
			of = types.NewPointer(of)
		}
		methods := types.NewMethodSet(of)
		for i := range methods.Len() {
			method := methods.At(i)
			switch {
			case !method.Obj().Exported():
			case len(method.Index()) == 1:
				declared = append(declared, name+"."+method.Obj().Name())
			default:
				shared[method.Obj().Name()] = true
			}
		}
	}
	for name := range shared {
		promoted = append(promoted, name)
	}
	slices.Sort(promoted)
	return declared, promoted
}

// checkedPackage returns what the compiler exports of a package of this module.
func checkedPackage(t *testing.T, folder string) *types.Package {
	t.Helper()
	path := module + "/" + folder
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}\t{{.Export}}", path).Output()
	require.NoError(t, err)
	export := make(map[string]string)
	for line := range strings.Lines(string(out)) {
		imported, file, _ := strings.Cut(strings.TrimSpace(line), "\t")
		export[imported] = file
	}
	open := func(path string) (io.ReadCloser, error) { return os.Open(export[path]) }
	p, err := importer.ForCompiler(token.NewFileSet(), "gc", open).Import(path)
	require.NoError(t, err)
	return p
}
