package bench

import (
	"crypto/fips140"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// matrix is the verdicts of policies on suites, in the order in which they are shown.
type matrix struct {
	at       policy.Date
	policies []*policy.Policy
	suites   []suite.Info
	labels   []string // of suites: 1 to 7, T1 to T11
	verdicts policy.Matrix
}

func newMatrix(r *registry.Registry, policies []*policy.Policy, now time.Time) (matrix, error) {
	drafts, err := draftNumbers()
	if err != nil {
		return matrix{}, err
	}
	m := matrix{at: policy.DateOf(now), policies: policies, verdicts: policy.NewMatrix(policies, r.All(), now)}
	for info := range r.All() {
		label := info.ID.String()
		if info.ID <= 7 { // of RFC 9420
			label = strconv.Itoa(int(info.ID))
		}
		if draft, ok := drafts[info.Name]; ok {
			label = shortDraft(draft)
		}
		m.suites = append(m.suites, info)
		m.labels = append(m.labels, label)
	}
	return m, nil
}

func matrixFormats() []writer[matrix] {
	return []writer[matrix]{
		{"text", writeMatrix}, {"markdown", writeMatrixMarkdown}, {"json", writeMatrixJSON},
	}
}

// writeMatrixJSON writes the verdicts by policy and suite, and what they depend on: the day,
// the module, and of each policy its profiles and its parameters. The form is a contract.
func writeMatrixJSON(w io.Writer, m matrix) error {
	type profile struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
		Date    string `json:"date,omitempty"`
		Digest  string `json:"digest"`
	}
	type row struct {
		Profiles   []profile                 `json:"profiles"`
		Parameters map[string]string         `json:"parameters,omitempty"`
		Verdicts   map[string]policy.Verdict `json:"verdicts"`
	}
	out := struct {
		At       policy.Date    `json:"at"`
		Module   string         `json:"module"`
		Policies map[string]row `json:"policies"`
	}{m.at, fips140.Version(), map[string]row{}}
	for _, p := range m.policies {
		one := row{Parameters: map[string]string{}, Verdicts: m.verdicts[p.Name()]}
		for _, q := range p.Profiles() {
			one.Profiles = append(one.Profiles, profile{q.Name, q.Version, q.Date, q.Digest})
		}
		for _, q := range p.Parameters() {
			one.Parameters[q.Profile+":"+q.Name] = q.Value
		}
		out.Policies[p.Name()] = one
	}
	return writeJSON(w, out)
}

// legend gives a mark to each kind of verdict: + and - to those without more to
// say, letters to the others, in the order in which they are asked for.
type legend struct {
	meanings []string
	stars    bool // whether there are stars too
}

func (l *legend) mark(v policy.Verdict) string {
	meaning := v.String()
	switch meaning {
	case "allow":
		return "+"
	case "deny":
		return "-"
	}
	i := slices.Index(l.meanings, meaning)
	if i < 0 {
		i = len(l.meanings)
		l.meanings = append(l.meanings, meaning)
	}
	return letters(i)
}

// letters returns a to z for 0 to 25, then aa and so on.
func letters(i int) string {
	last := string(rune('a' + i%26))
	if i < 26 {
		return last
	}
	return letters(i/26-1) + last
}

// lines returns each mark and what it means.
func (l *legend) lines() [][2]string {
	lines := [][2]string{{"+", "allow"}, {"-", "deny"}}
	for i, meaning := range l.meanings {
		lines = append(lines, [2]string{letters(i), meaning})
	}
	if l.stars {
		lines = append(lines, [2]string{"*", "with notes, see suitebench policy explain"})
	}
	return lines
}

// marks returns a row of marks for each policy. A star is on a verdict with notes,
// unless all verdicts of the policy have them.
func (m matrix) marks() (rows [][]string, l legend) {
	for _, p := range m.policies {
		name := p.Name()
		row := []string{name}
		common := m.commonNotes(name)
		for _, info := range m.suites {
			v := m.verdicts[name][info.Name]
			mark := l.mark(v)
			if len(v.Notes) > common {
				mark += "*"
				l.stars = true
			}
			row = append(row, mark)
		}
		if common > 0 {
			row[0] += "*"
			l.stars = true
		}
		rows = append(rows, row)
	}
	return rows, l
}

// commonNotes returns how many notes a policy has on every suite.
func (m matrix) commonNotes(name string) (n int) {
	for _, note := range m.verdicts[name][m.suites[0].Name].Notes {
		onAll := true
		for _, v := range m.verdicts[name] {
			onAll = onAll && slices.Contains(v.Notes, note)
		}
		if onAll {
			n++
		}
	}
	return n
}

func writeMatrix(w io.Writer, m matrix) error {
	rows, l := m.marks()
	verdicts := table{titles: []string{"AT " + m.at.String()}, rows: rows, dense: true}
	for _, label := range m.labels {
		verdicts.titles = append(verdicts.titles, fmt.Sprintf("%-2s", label)) // room for a star
	}
	if err := verdicts.write(w); err != nil {
		return err
	}
	var b strings.Builder
	b.WriteByte('\n')
	for _, line := range l.lines() {
		fmt.Fprintf(&b, "%-2s  %s\n", line[0], line[1])
	}
	b.WriteByte('\n')
	for i, info := range m.suites {
		fmt.Fprintf(&b, "%-3s  %s  %s\n", m.labels[i], info.ID, info.Name)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeMatrixMarkdown(w io.Writer, m matrix) error {
	rows, l := m.marks()
	var b strings.Builder
	line := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(append([]string{"At " + m.at.String()}, m.labels...)...)
	line(append([]string{"---"}, slices.Repeat([]string{":-:"}, len(m.labels))...)...)
	for _, row := range rows {
		line(row...)
	}
	b.WriteByte('\n')
	line("", "Verdict")
	line(":-:", "---")
	for _, mark := range l.lines() {
		line(mark[:]...)
	}
	b.WriteByte('\n')
	line("", "ID", "Suite")
	line("---", "---", "---")
	for i, info := range m.suites {
		line(m.labels[i], info.ID.String(), "`"+info.Name+"`")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
