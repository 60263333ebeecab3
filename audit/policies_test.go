package audit_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/audit"
	"github.com/mlsuite/mlsuite/internal/codepoint"
	"github.com/mlsuite/mlsuite/mls/message"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// judging returns the types of a file that judge a suite.Question.
func judging(file *ast.File) []string {
	var types []string
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil || f.Name.Name != "Judge" || len(f.Type.Params.List) != 1 {
			continue
		}
		parameter := f.Type.Params.List[0].Type
		if qualified, ok := parameter.(*ast.SelectorExpr); ok {
			parameter = qualified.Sel
		}
		if name, ok := parameter.(*ast.Ident); !ok || name.Name != "Question" {
			continue
		}
		receiver := f.Recv.List[0].Type
		if star, ok := receiver.(*ast.StarExpr); ok {
			receiver = star.X
		}
		types = append(types, file.Name.Name+"."+receiver.(*ast.Ident).Name)
	}
	return types
}

// policies returns policies by the type that implements them: all of this module.
func policies(t *testing.T) map[string][]suite.Policy {
	library := policy.Builtin()
	profiles := []suite.Policy{policy.All()}
	for _, name := range library.Names() {
		p, err := library.Policy(name)
		require.NoError(t, err)
		profiles = append(profiles, p, policy.All(p, p), p.OnModule("v1.0.0"))
	}
	logged := make([]suite.Policy, len(profiles))
	functions := make([]suite.Policy, len(profiles))
	for i, p := range profiles {
		logged[i] = audit.Policy(p, slog.New(slog.DiscardHandler))
		functions[i] = suite.PolicyFunc(p.Judge)
	}
	return map[string][]suite.Policy{"policy.Policy": profiles, "audit.decisions": logged, "suite.PolicyFunc": functions}
}

// Whatever judges in this module is tested here.
func TestPoliciesAreListed(t *testing.T) {
	var found []string
	require.NoError(t, filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err == nil {
			found = append(found, judging(file)...)
		}
		return err
	}))
	require.ElementsMatch(t, slices.Collect(maps.Keys(policies(t))), found)
}

// A policy refuses what it does not know, for every use, and knows what the engine asks.
func TestPoliciesRefuseWhatTheyDoNotKnow(t *testing.T) {
	known := []any{
		suite.Info{ID: 1, Name: "a"}, suite.Move{From: suite.Info{ID: 1}, To: suite.Info{ID: 2}},
		message.CredentialBasic, message.Lifetime{NotBefore: 1, NotAfter: 2}, suite.PSKInfo{Type: "external", Length: 32},
		message.WireFormatPrivateMessage, suite.PairInfo{T: suite.Info{ID: 1}, PQ: suite.Info{ID: 2}},
		suite.MemberInfo{View: suite.ViewPartial},
	}
	unknown := []any{
		nil, "credential", 1, suite.ID(1), &suite.Info{ID: 1}, &suite.Move{}, uint16(1), codepoint.ProposalRemove,
		struct{ message.Lifetime }{}, []suite.Info{{ID: 1}},
	}
	for name, all := range policies(t) {
		for _, p := range all {
			for _, listing := range []bool{false, true} {
				for _, use := range []suite.Use{0, suite.Start, suite.Continue, suite.Receive, suite.Leave} {
					q := suite.Question{Use: use, Time: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC), Listing: listing}
					var refusal *suite.UnknownSubjectError
					for _, q.Subject = range unknown {
						require.ErrorAs(t, p.Judge(q), &refusal, "%s: %T", name, q.Subject)
						require.Equal(t, q.Subject, refusal.Subject)
					}
					for _, q.Subject = range known {
						if err := p.Judge(q); err != nil {
							require.NotErrorAs(t, err, &refusal, "%s: %T", name, q.Subject)
						}
					}
				}
			}
		}
	}
}
