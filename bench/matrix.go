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

// matrix is the verdicts of policies on suites or on pairs of groups, in the order in which they
// are shown.
type matrix struct {
	at       policy.Date
	policies []*policy.Policy
	columns  []column
	verdicts policy.Matrix // by the names of columns
}

// column is what policies judge: a suite or a pair of groups.
type column struct {
	label string // 1 to 7, T1 to T11, or of a pair 7+T11, with :1 in mode 1
	id    string
	name  string
}

// newMatrix returns the verdicts on all suites of r, or on pairs if there are any.
func newMatrix(r *registry.Registry, pairs []suite.PairInfo, policies []*policy.Policy, now time.Time) (matrix, error) {
	drafts, err := draftNumbers()
	if err != nil {
		return matrix{}, err
	}
	label := func(info suite.Info) string {
		if draft, ok := drafts[info.Name]; ok {
			return shortDraft(draft)
		}
		if info.ID <= 7 { // of RFC 9420
			return strconv.Itoa(int(info.ID))
		}
		return info.ID.String()
	}
	m := matrix{at: policy.DateOf(now), policies: policies}
	if len(pairs) == 0 {
		m.verdicts = policy.NewMatrix(policies, r.All(), now)
		for info := range r.All() {
			m.columns = append(m.columns, column{label(info), info.ID.String(), info.Name})
		}
		return m, nil
	}
	m.verdicts = policy.Matrix{}
	for _, p := range policies {
		m.verdicts[p.Name()] = map[string]policy.Verdict{}
	}
	for _, pair := range pairs {
		mode := ""
		if pair.Mode != 0 {
			mode = fmt.Sprintf(":%d", pair.Mode)
		}
		one := column{
			label(pair.T) + "+" + label(pair.PQ) + mode, pair.T.ID.String() + "+" + pair.PQ.ID.String() + mode,
			pair.T.Name + "+" + pair.PQ.Name + mode,
		}
		m.columns = append(m.columns, one)
		for _, p := range policies {
			m.verdicts[p.Name()][one.name] = p.VerdictOfPair(pair, now)
		}
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
		for _, c := range m.columns {
			v := m.verdicts[name][c.name]
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

// commonNotes returns how many notes a policy has on everything that is shown.
func (m matrix) commonNotes(name string) (n int) {
	for _, note := range m.verdicts[name][m.columns[0].name].Notes {
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
	for _, c := range m.columns {
		verdicts.titles = append(verdicts.titles, fmt.Sprintf("%-2s", c.label)) // room for a star
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
	width, ids := 3, 0
	for _, c := range m.columns {
		width, ids = max(width, len(c.label)), max(ids, len(c.id))
	}
	for _, c := range m.columns {
		fmt.Fprintf(&b, "%-*s  %-*s  %s\n", width, c.label, ids, c.id, c.name)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeMatrixMarkdown(w io.Writer, m matrix) error {
	rows, l := m.marks()
	var b strings.Builder
	line := func(cells ...string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	labels := make([]string, len(m.columns))
	for i, c := range m.columns {
		labels[i] = c.label
	}
	line(append([]string{"At " + m.at.String()}, labels...)...)
	line(append([]string{"---"}, slices.Repeat([]string{":-:"}, len(labels))...)...)
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
	for _, c := range m.columns {
		line(c.label, c.id, "`"+c.name+"`")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
