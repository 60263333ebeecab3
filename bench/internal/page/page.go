// Package page writes results of suitebench as one HTML page. The page needs nothing else:
// its charts are SVG, its style and script stand in it, and its policy lets it load nothing.
package page

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/mlsuite/mlsuite/bench/result"
	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/suite"
)

// Input is what a page shows.
type Input struct {
	Files      []File
	Suites     []suite.Info // of the program; they say which suites are post-quantum
	Operations []Operation
	Verdicts   Verdicts
	Days       []Day
	Baselines  *Baselines // nil: there are none
}

// File is results under the name of their file.
type File struct {
	Name    string
	Results *result.Results
}

// Operation is an operation and what it measures.
type Operation struct{ Name, About string }

// Verdicts are those of policies, in the order of Policies, on a day.
type Verdicts struct {
	At       policy.Date
	Policies []string
	Matrix   policy.Matrix
}

var (
	//go:embed page.html
	pageHTML string
	//go:embed page.css
	pageCSS string
	//go:embed page.js
	pageJS string
)

// Write writes the page. The same input gives the same bytes.
func Write(w io.Writer, in Input) error {
	t, err := template.New("page").Parse(pageHTML)
	if err != nil {
		return err
	}
	return t.Execute(w, newView(in))
}

// view is the page as the template sees it.
type view struct {
	Security   string // the content security policy
	Style      template.CSS
	Script     template.JS
	Title      string
	Legend     []legendRow
	Files      []fileView
	Comparison *comparison
	Sections   []section // of what is not of one file
	Verdicts   *verdictView
	Operations []Operation
}

// fileView is what the page shows of one results file.
type fileView struct {
	ID, Name string
	Alone    bool // no other file is shown
	Warnings []string
	Answers  []answer
	Winners  *winners
	Sections []section
	Tables   []table
	Origin   []fact
	Provided []fact
	LeftOut  []result.Omission
}

// fact is a line of what it takes to repeat a run.
type fact struct{ Name, Text string }

func newView(in Input) view {
	c := newCast(in)
	v := view{
		Style: template.CSS(pageCSS), Script: template.JS(pageJS),
		Security: fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", sum(pageCSS), sum(pageJS)),
		Title:    "What each cipher suite costs",
		Legend:   c.legend(),
	}
	for i, f := range in.Files {
		v.Files = append(v.Files, c.file(fmt.Sprintf("f%d", i), f, len(in.Files) == 1))
	}
	if len(in.Files) > 1 {
		v.Comparison = c.compare(in.Files)
	}
	v.Sections = shownSections(append(c.days(in.Days), c.baselines(in.Baselines))...)
	if len(in.Verdicts.Policies) > 0 && len(c.members) > 0 {
		v.Verdicts = c.verdicts(in)
	}
	v.Operations = in.measured()
	return v
}

// sum is the source expression of a script or style for a content security policy.
func sum(text string) string {
	hash := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(hash[:])
}

// measured returns the operations that any of the files has.
func (in Input) measured() []Operation {
	found := map[string]bool{}
	for _, f := range in.Files {
		for _, cell := range f.Results.Cells {
			found[cell.Op] = true
		}
	}
	var all []Operation
	for _, op := range in.Operations {
		if found[op.Name] {
			all = append(all, Operation{deed(op.Name), op.About})
		}
	}
	return all
}

func (c *cast) file(id string, f File, alone bool) fileView {
	all := groups(f.Results)
	p := pictures{cast: c, prefix: id + "-", tables: map[string]string{}}
	v := fileView{ID: id, Name: f.Name, Alone: alone, Warnings: f.Results.Warnings, LeftOut: f.Results.LeftOut, Origin: origin(f.Results), Provided: providers(f.Results)}
	for i, run := range runs(all) {
		table := fmt.Sprintf("%s-table-%d", id, i)
		p.tables[run[0].op+"\x00"+run[0].tree] = table
		v.Tables = append(v.Tables, c.costs(table, run))
	}
	v.Answers = c.answers(f.Results, all)
	if len(timed(all)) > 0 {
		v.Winners = c.winners(all)
	}
	v.Sections = append(p.sections(all), shownSections(p.payers(f.Results), p.providers(f.Results), p.trials(f.Results))...)
	return v
}

// origin says how the results came about.
func origin(r *result.Results) []fact {
	program := "suitebench"
	if len(r.Trials) > 0 {
		program = "mlstrial"
	}
	facts := []fact{{"Command", command(program, r.Command)}}
	add := func(name, text string) {
		if text != "" {
			facts = append(facts, fact{name, text})
		}
	}
	m := r.Measurement
	add("Clock", m.Clock)
	if m.Rounds > 0 {
		add("Rounds", fmt.Sprintf("%d over all cells, at least %s a cell in each", m.Rounds, duration(float64(m.SampleNS))))
	}
	if m.Precision > 0 {
		add("Precision", "a cell is resolved at ±"+plain(100*m.Precision)+" %")
	}
	if m.Instructions != "" {
		add("Instructions", "not counted: "+m.Instructions)
	}
	facts = append(facts, machine(r)...)
	add("Policies", strings.Join(r.Policies, ", "))
	add("With", strings.Join(r.With, ", "))
	for _, module := range r.Modules {
		add("Module", strings.TrimSpace(module.Path+" "+module.Version))
	}
	return facts
}

// machine says where the run took place, and what else happened there.
func machine(r *result.Results) []fact {
	m, s := r.Machine, r.State
	var facts []fact
	if m.OS != "" {
		facts = append(facts,
			fact{"Machine", fmt.Sprintf("%s, %s, %s/%s", m.CPU, count(m.Cores, "core", "cores"), m.OS, m.Arch)},
			fact{"Memory", m.Memory.String()},
			fact{"Go", m.GoVersion})
	}
	if s.Elapsed > 0 {
		facts = append(facts,
			fact{"Time", duration(float64(s.Elapsed))},
			fact{"Load", fmt.Sprintf("before: %s; after: %s", s.LoadBefore, s.LoadAfter)},
			fact{"Other processes", "CPU time of all cores: " + s.Share(s.Others).String()},
			fact{"Steal", "CPU time of all cores: " + s.Share(s.Steal).String()},
			fact{"Governor", s.Governor.String()},
			fact{"Calibration loop", "spread of its CPU times: " + s.Calibration.CPUSpread().String()})
	}
	return facts
}

// providers says where the primitives of each suite came from.
func providers(r *result.Results) []fact {
	var facts []fact
	for _, s := range r.Suites {
		if len(s.Providers) > 0 {
			facts = append(facts, fact{s.Name, strings.Join(s.Providers, "; ")})
		}
	}
	return facts
}

// command writes arguments so that a shell reads them back.
func command(program string, args []string) string {
	words := []string{program}
	for _, arg := range args {
		if arg == "" || strings.ContainsFunc(arg, func(r rune) bool {
			return !strings.ContainsRune("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_=,./:@%+", r)
		}) {
			arg = "'" + strings.ReplaceAll(arg, "'", `'\''`) + "'"
		}
		words = append(words, arg)
	}
	return strings.Join(words, " ")
}
