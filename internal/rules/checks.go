package main

import (
	_ "embed"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// A check is a place that refuses something: a block, most often of an if statement,
// that makes a violation, returns an error of a class, hands on a policy's refusal, or
// fails a reader or writer; or a call whose only result is an error, which is returned.
// In the packages that the engine stands on, whose errors have few classes, a block that returns an
// error of its own making is a check too.
type check struct {
	id       string // "folder/file.go function: what it refuses", with "#2" for the second of that name
	folder   string // of the module, such as "mls"
	position string // folder/file.go:12
	section  string // of the violation, or empty
	class    string // the sentinel, such as "ErrDecrypt", or empty
	isCall   bool   // the check is elsewhere, and this is a place that heeds its verdict
	edits    []edit // take the check out; none where that leaves no Go program
}

// matches reports whether a rule is about the check: by section or class in the engine;
// elsewhere, where checks have neither, by a test in the folder of the check.
func (c *check) matches(r *rule) bool {
	if !ofEngine(c.folder) {
		return slices.ContainsFunc(r.tests, func(s string) bool {
			n, err := parseTestName(s)
			return err == nil && n.folder == c.folder
		})
	}
	if item, ok := strings.CutPrefix(c.section, groupExtensions+" "); ok {
		return r.section == groupExtensions && strings.HasPrefix(r.item, item+"-")
	}
	return c.section != "" && r.section == c.section ||
		c.class != "" && r.section == groupErrors && r.item == c.class
}

// An edit puts text into a file in front of an offset. In its text, checkNumber
// stands for the number of the check.
type edit struct {
	offset int
	text   string
}

const checkNumber = "$N"

// sourceFile is a file with its checks.
type sourceFile struct {
	path   string
	src    []byte
	checks []*check
}

// engine is the folder of the engine. Its checks, and those of the packages in it, are of
// sections of the RFC.
const engine = "mls"

// ofEngine reports whether a folder is one of [engineFolders].
func ofEngine(folder string) bool { return slices.Contains(engineFolders(), folder) }

// engineFolders are the folders of the engine that have checks.
func engineFolders() []string {
	return []string{
		engine, "mls/message", "mls/internal/check", "mls/internal/fault", "mls/internal/framing", "mls/internal/label",
		"mls/internal/ratchettree", "mls/internal/schedule", "mls/internal/secrettree",
	}
}

// mutated are the folders whose checks are taken out.
func mutated() []string {
	return append(engineFolders(), "suite", "suite/circl", "suite/curve25519", "suite/mldsa", "hpke", "hybrid", "registry", "internal/hkdf", "apq")
}

// allChecks returns the files of all mutated folders that have checks.
func allChecks(root string) ([]*sourceFile, error) {
	var all []*sourceFile
	for _, folder := range mutated() {
		files, err := findChecks(root, folder)
		if err != nil {
			return nil, err
		}
		all = append(all, files...)
	}
	return all, nil
}

// findChecks returns the Go files of a folder that have checks, without tests, and
// without the file that defines the errors.
func findChecks(root, folder string) ([]*sourceFile, error) {
	names, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
	if err != nil {
		return nil, err
	}
	classes, err := classesOf(root, folder)
	if err != nil {
		return nil, err
	}
	var files []*sourceFile
	for _, name := range names {
		base := filepath.Base(name)
		if strings.HasSuffix(base, "_test.go") || base == "errors.go" {
			continue
		}
		src, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		checks, err := checksOf(folder, base, src, classes)
		if err != nil {
			return nil, err
		}
		if len(checks) > 0 {
			files = append(files, &sourceFile{name, src, checks})
		}
	}
	return files, nil
}

// classesOf returns the classes that checks in a folder may be of: the engine's packages
// share theirs.
func classesOf(root, folder string) ([]string, error) {
	folders := []string{folder}
	if ofEngine(folder) {
		folders = engineFolders()
	}
	var all []string
	for _, f := range folders {
		some, err := sentinels(filepath.Join(root, f))
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// sentinels returns the names of the exported error variables of a package.
func sentinels(folder string) ([]string, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.go"))
	if err != nil {
		return nil, err
	}
	var all []string
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		for _, d := range file.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.VAR {
				continue
			}
			for _, s := range g.Specs {
				for _, n := range s.(*ast.ValueSpec).Names {
					if strings.HasPrefix(n.Name, "Err") {
						all = append(all, n.Name)
					}
				}
			}
		}
	}
	return all, nil
}

// checksOf returns the checks of one file of a folder.
func checksOf(folder, name string, src []byte, classes []string) ([]*check, error) {
	set := token.NewFileSet()
	name = folder + "/" + name
	file, err := parser.ParseFile(set, name, src, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	find := func(s ast.Stmt) *refusal { return refusalOf(s, classes) }
	if !ofEngine(folder) {
		find = func(s ast.Stmt) *refusal { return ownError(s, classes) }
	}
	var all []*check
	count := map[string]int{}
	var stack []ast.Node
	add := func(s ast.Stmt, r *refusal, isCall bool) {
		where := set.Position(s.Pos())
		id := fmt.Sprintf("%s %s: %s", name, functionName(stack), r.text)
		if count[id]++; count[id] > 1 {
			id += " #" + strconv.Itoa(count[id])
		}
		edits := disabling(stack, s, func(p token.Pos) int { return set.Position(p).Offset })
		all = append(all, &check{id, folder, fmt.Sprintf("%s:%d", name, where.Line), r.section, r.class, isCall, edits})
	}
	ast.Inspect(file, func(n ast.Node) bool {
		if n == nil {
			stack = stack[:len(stack)-1]
			return true
		}
		stack = append(stack, n)
		var body []ast.Stmt
		switch n := n.(type) {
		case *ast.BlockStmt:
			body = n.List
		case *ast.CaseClause:
			body = n.Body
		}
		for _, s := range body {
			if r := find(s); r != nil {
				add(s, r, false)
				return true // one check for each block
			}
		}
		if len(body) > 0 {
			if call := heededCall(stack); call != "" {
				add(body[0], &refusal{text: "result of " + call}, true)
			}
		}
		return true
	})
	return all, nil
}

// refusal is what a statement refuses with.
type refusal struct{ text, section, class string }

// refusalOf returns the refusal that a statement itself makes, not one in a block
// inside it.
func refusalOf(s ast.Stmt, classes []string) *refusal {
	_, returns := s.(*ast.ReturnStmt)
	switch s.(type) {
	case *ast.ReturnStmt, *ast.ExprStmt, *ast.AssignStmt:
	default:
		return nil
	}
	var found *refusal
	ast.Inspect(s, func(n ast.Node) bool {
		if found != nil {
			return false
		}
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.CallExpr:
			switch f := n.Fun.(type) {
			case *ast.Ident:
				found = made(f.Name, n.Args)
			case *ast.SelectorExpr:
				switch found = made(f.Sel.Name, n.Args); {
				case found != nil:
				case f.Sel.Name == "Is" || f.Sel.Name == "As": // errors.Is compares with a class
					return false
				case f.Sel.Name == "denied": // questions.denied
					found = &refusal{text: "policy on " + literal(n.Args[1]), section: groupPolicy}
				case f.Sel.Name == "Fail":
					found = &refusal{text: "malformed", class: "ErrMalformed"}
				}
			}
		case *ast.Ident:
			if returns && slices.Contains(classes, n.Name) {
				found = &refusal{text: n.Name, class: n.Name}
			}
		}
		return found == nil
	})
	return found
}

// made returns the refusal that a call of a function of a name makes, or nil.
func made(name string, args []ast.Expr) *refusal {
	switch name {
	case "violation", "Violation":
		section, rule := literal(args[0]), literal(args[1])
		return &refusal{text: section + " " + rule, section: section}
	case "Extensions": // of draft-ietf-mls-extensions
		section, rule := literal(args[0]), literal(args[1])
		return &refusal{text: section + " " + rule, section: groupExtensions + " " + section}
	case "unsupported", "Unsupported":
		return &refusal{text: "ErrUnsupported", class: "ErrUnsupported"}
	}
	return nil
}

// ownError returns the refusal of a statement that returns an error of its own
// making: a class of this package or of package suite, or a text that wraps none.
func ownError(s ast.Stmt, classes []string) *refusal {
	r, ok := s.(*ast.ReturnStmt)
	if !ok || len(r.Results) == 0 {
		return nil
	}
	switch e := r.Results[len(r.Results)-1].(type) {
	case *ast.Ident:
		if slices.Contains(classes, e.Name) {
			return &refusal{text: e.Name}
		}
	case *ast.SelectorExpr:
		if x, ok := e.X.(*ast.Ident); ok && x.Name == "suite" && strings.HasPrefix(e.Sel.Name, "Err") {
			return &refusal{text: e.Sel.Name}
		}
	case *ast.CallExpr:
		f, ok := e.Fun.(*ast.SelectorExpr)
		if !ok {
			return nil
		}
		x, ok := f.X.(*ast.Ident)
		if !ok || x.Name+"."+f.Sel.Name != "errors.New" && x.Name+"."+f.Sel.Name != "fmt.Errorf" {
			return nil
		}
		if last, ok := e.Args[len(e.Args)-1].(*ast.Ident); ok && last.Name == "err" {
			return nil // hands on what another found
		}
		return &refusal{text: literal(e.Args[0])}
	}
	return nil
}

// heededCall returns the name of f where the block on top of the stack is that of
// "if err := f(); err != nil".
func heededCall(stack []ast.Node) string {
	if len(stack) < 2 {
		return ""
	}
	s, ok := stack[len(stack)-2].(*ast.IfStmt)
	if !ok || s.Body != stack[len(stack)-1] {
		return ""
	}
	init, ok := s.Init.(*ast.AssignStmt)
	cond, isBinary := s.Cond.(*ast.BinaryExpr)
	if !ok || !isBinary || cond.Op != token.NEQ || len(init.Lhs) != 1 || len(init.Rhs) != 1 {
		return ""
	}
	err, ok := init.Lhs[0].(*ast.Ident)
	call, isCall := init.Rhs[0].(*ast.CallExpr)
	if x, isIdent := cond.X.(*ast.Ident); !ok || !isCall || !isIdent || x.Name != err.Name {
		return ""
	}
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok {
		if s, err := strconv.Unquote(l.Value); err == nil {
			return s
		}
	}
	return ""
}

// disabling returns the edits that keep a refusing statement in the block on top
// of the stack from running. A condition is evaluated all the same.
func disabling(stack []ast.Node, s ast.Stmt, offset func(token.Pos) int) []edit {
	and := func(e ast.Expr) []edit {
		return []edit{{offset(e.Pos()), "("}, {offset(e.End()), ") && checkIsOn(" + checkNumber + ")"}}
	}
	parent := stack[len(stack)-2]
	switch block := stack[len(stack)-1].(type) {
	case *ast.BlockStmt:
		if p, ok := parent.(*ast.IfStmt); ok {
			if p.Body == block {
				return and(p.Cond)
			}
			return []edit{{offset(p.Cond.Pos()), "("}, {offset(p.Cond.End()), ") || !checkIsOn(" + checkNumber + ")"}}
		}
	case *ast.CaseClause:
		// The switch is above its block; only one without a tag has conditions.
		if p, ok := stack[len(stack)-3].(*ast.SwitchStmt); ok && p.Tag == nil && len(block.List) > 0 {
			var edits []edit
			for _, e := range block.List {
				edits = append(edits, and(e)...)
			}
			return edits
		}
	}
	if _, ok := s.(*ast.ReturnStmt); ok && returnsError(stack) {
		return []edit{{offset(s.Pos()), "if !checkIsOn(" + checkNumber + ") { return nil }; "}}
	}
	return nil
}

// returnsError reports whether the innermost function returns an error and nothing
// else.
func returnsError(stack []ast.Node) bool {
	for _, n := range slices.Backward(stack) {
		var t *ast.FuncType
		switch n := n.(type) {
		case *ast.FuncLit:
			t = n.Type
		case *ast.FuncDecl:
			t = n.Type
		default:
			continue
		}
		if t.Results.NumFields() != 1 {
			return false
		}
		id, ok := t.Results.List[0].Type.(*ast.Ident)
		return ok && id.Name == "error"
	}
	return false
}

// functionName returns the name of the outermost function, with its receiver.
func functionName(stack []ast.Node) string {
	for _, n := range stack {
		f, ok := n.(*ast.FuncDecl)
		if !ok {
			continue
		}
		if f.Recv == nil {
			return f.Name.Name
		}
		t := f.Recv.List[0].Type
		if p, ok := t.(*ast.StarExpr); ok {
			t = p.X
		}
		if x, ok := t.(*ast.IndexExpr); ok {
			t = x.X
		}
		if id, ok := t.(*ast.Ident); ok {
			return id.Name + "." + f.Name.Name
		}
	}
	return "?"
}

//go:embed redundant.tsv
var redundantTSV string

// A redundantCheck is one without which no test can fail, and why.
type redundantCheck struct{ check, reason string }

func loadRedundant() ([]redundantCheck, error) {
	var all []redundantCheck
	for i, line := range strings.Split(strings.TrimSuffix(redundantTSV, "\n"), "\n") {
		if i == 0 || line == "" {
			continue // the heading
		}
		id, reason, ok := strings.Cut(line, "\t")
		if !ok || reason == "" {
			return nil, fmt.Errorf("redundant.tsv, line %d: no reason", i+1)
		}
		all = append(all, redundantCheck{id, reason})
	}
	return all, nil
}
