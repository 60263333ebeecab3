package evidence

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mlsuite/mlsuite/policy"
)

// WriteMarkdown writes the report as a page for people.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Cryptography of MLS under %s\n\n", r.policy.Name())
	fmt.Fprintf(&b, "At %s, the policy leaves %d of %d cipher suites for new groups. The verdicts are this project's\nreading of the documents that the profiles cite. None is an approval.\n\n", r.at, len(r.Left()), len(r.suites))
	r.writeProgram(&b)
	r.writePolicy(&b)
	r.writeSuites(&b)
	r.writeAlgorithms(&b)
	r.writeControls(&b)
	r.writeDenied(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// writeTable writes a table, unless it has no rows.
func writeTable(b *strings.Builder, title string, header []string, rows [][]string) {
	if title != "" {
		fmt.Fprintf(b, "## %s\n\n", title)
	}
	if len(rows) == 0 {
		b.WriteString("None.\n\n")
		return
	}
	line := func(cells []string) {
		for _, cell := range cells {
			b.WriteString("| " + strings.ReplaceAll(strings.ReplaceAll(cell, "|", `\|`), "\n", " ") + " ")
		}
		b.WriteString("|\n")
	}
	line(header)
	line(slices.Repeat([]string{"---"}, len(header)))
	for _, row := range rows {
		line(row)
	}
	b.WriteByte('\n')
}

func (r *Report) writeProgram(b *strings.Builder) {
	rows := [][]string{{"program", strings.TrimSpace(r.program.name() + " " + r.program.version())}}
	facts := r.program.buildFacts()
	for i := 0; i < len(facts); i += 2 {
		rows = append(rows, facts[i:i+2])
	}
	rows = append(rows, []string{"Go Cryptographic Module", r.program.Module + ": " + r.program.moduleStatus(r.at)})
	for _, t := range r.tokens {
		rows = append(rows, []string{"Signature keys", t.String() + ": " + t.verdict.String()})
	}
	writeTable(b, "Program", []string{"", ""}, rows)
}

func (r *Report) writePolicy(b *strings.Builder) {
	var rows [][]string
	for _, p := range r.policy.Profiles() {
		var parameters []string
		for _, q := range r.policy.Parameters() {
			if q.Profile == p.Name {
				parameters = append(parameters, q.Name+"="+q.Value)
			}
		}
		rows = append(rows, []string{p.Name, p.Title, p.Version, strings.Join(parameters, ", "), "`" + p.Digest + "`"})
	}
	writeTable(b, "Policy", []string{"Profile", "Title", "Version", "Parameters", "Digest of its file"}, rows)
}

func (r *Report) writeSuites(b *strings.Builder) {
	var rows [][]string
	var notes []string
	marks := func(of policy.Verdict) string {
		var marks []string
		for _, note := range of.Notes {
			i := slices.Index(notes, note)
			if i < 0 {
				i = len(notes)
				notes = append(notes, note)
			}
			marks = append(marks, fmt.Sprint(i+1))
		}
		return strings.Join(marks, ", ")
	}
	for _, s := range r.Left() {
		rows = append(rows, []string{s.title(), s.Verdict.String(), marks(s.Verdict)})
	}
	writeTable(b, "Suites", []string{"Suite", "Verdict", "Notes"}, rows)
	if len(r.pairs) > 0 {
		rows = nil
		for _, p := range r.pairs {
			rows = append(rows, []string{p.String(), p.verdict.String(), marks(p.verdict)})
		}
		writeTable(b, "Pairs of groups", []string{"Pair", "Verdict", "Notes"}, rows)
	}
	for i, note := range notes {
		fmt.Fprintf(b, "%d. %s\n", i+1, note)
	}
	if len(notes) > 0 {
		b.WriteByte('\n')
	}
}

func (r *Report) writeAlgorithms(b *strings.Builder) {
	var rows [][]string
	var remarks []string
	for _, a := range r.assets {
		rows = append(rows, []string{a.name, a.use, a.standard, strings.TrimPrefix(r.providedBy(a), "provider: "), r.where(a), r.level(a)})
		for _, remark := range r.remarks(a) {
			remarks = append(remarks, a.name+": "+remark)
		}
	}
	writeTable(b, "Algorithms", []string{"Algorithm", "Use", "Standard", "Provider", "Module", "Certification"}, rows)
	for _, remark := range remarks {
		fmt.Fprintf(b, "- %s\n", remark)
	}
	if len(remarks) > 0 {
		b.WriteByte('\n')
	}
	var used [][]string
	for _, l := range r.libraries() {
		used = append(used, []string{l.pkg, l.module, l.version})
	}
	writeTable(b, "Packages", []string{"Package", "Module", "Version"}, used)
}

func (r *Report) writeControls(b *strings.Builder) {
	for _, c := range r.catalogs() {
		var rows [][]string
		for _, control := range c.controls {
			rows = append(rows, []string{control.id, string(control.is), strings.TrimSpace(control.text)})
		}
		writeTable(b, "Controls of "+c.title, []string{"Control", "Status", ""}, rows)
	}
}

func (r *Report) writeDenied(b *strings.Builder) {
	var rows [][]string
	for _, s := range r.suites {
		if !s.Verdict.Allow {
			rows = append(rows, []string{s.title(), s.Verdict.String(), strings.Join(denials(s), "; ")})
		}
	}
	writeTable(b, "Denied", []string{"Suite", "Verdict", "Rules"}, rows)
}
