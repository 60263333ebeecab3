package bench

import (
	"crypto/fips140"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
	"github.com/mlsuite/mlsuite/registry/all"
)

// jsonVerdict is a cell of the JSON matrix, as other programs read it.
type jsonVerdict struct {
	Verdict string   `json:"verdict"`
	Until   string   `json:"until"`
	With    string   `json:"with"`
	Notes   []string `json:"notes"`
}

// verdicts is what each profile says at 2026-11-28: suites by number, of the draft
// with a T; in words of "until DATE" and "with PARAMETER". What a profile does not
// list it denies.
func verdicts() map[string]string {
	const (
		rfc9420  = "1 2 3 4 5 6 7"
		draft    = "T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11"
		fips     = "2 5 7 T3 T4 T5 T6 T7 T8"
		fipsWith = "; T1 T2 with auxiliary-x25519"
		asd      = "T11; 2 5 7 T7 T8 T10 until 2030-12-31; T3 T4 T5 with hybrid until 2030-12-31"
		roadmap  = "T9 T10 T11; 1 2 3 4 5 6 7 T1 T2 T3 T4 T5 T6 T7 T8 until 2035-12-31"
		hybrids  = "1 2 3 4 5 6 7 T1 T2 T3 T4 T5"
	)
	module := fips
	if mlDSAOnModule {
		module += " T10 T11"
	}
	if fips140.Version() != "v1.0.0" {
		module += fipsWith
	}
	return map[string]string{
		"any":                   rfc9420 + " " + draft,
		"rfc9420":               rfc9420,
		"pq-confidential":       draft,
		"pq-authentic":          "T9 T10 T11",
		"cnsa-1.0":              "7",
		"cnsa-2.0":              "T11",
		"cnsa-2.0-transition":   "T11; T8 until 2031-12-31; 7 until 2030-12-31; T5 with hybrid until 2031-12-31",
		"fips-140-3-algorithms": fips + " T10 T11" + fipsWith,
		"fips-140-3-module":     module,
		"nist-curves":           "2 5 7 T3 T4 T5 T7 T8 T10 T11",
		"bsi-tr-02102-1":        "T3 T4 T5 with cfrg-combiner until 2035-12-31; 2 5 7 until 2031-12-31",
		"anssi":                 "T2 T4 T5; " + rfc9420 + " until 2030-12-31",
		"ncsc-uk":               roadmap,
		"eu-roadmap":            roadmap,
		"us-eo-14412":           "T10 T11; 2 5 7 until 2030-12-31; T3 T4 T5 T6 T7 T8 until 2031-12-31; T1 T2 with auxiliary-x25519 until 2031-12-31",
		"anssi-restreint":       "T2 T4 T5",
		"eccg-acm-2":            hybrids,
		"nl-pqc-handbook":       hybrids,
		"ca-itsm-40-001":        "T10 T11; 1 2 4 5 7 T1 T2 T3 T4 T5 T6 T7 T8 until 2035-12-31",
		"asd-ism":               asd,
		"asd-ism-protected":     asd,
		"asd-ism-top-secret":    "T11; 5 7 T8 T10 until 2030-12-31; T5 with hybrid until 2030-12-31",
	}
}

// expand returns the verdicts of one line of the table, by name of the suite.
func expand(t *testing.T, line string) map[string]jsonVerdict {
	t.Helper()
	names := map[string]string{}
	verdicts := map[string]jsonVerdict{}
	for info := range all.Registry().All() {
		short := fmt.Sprint(uint16(info.ID))
		if info.ID > 0xF000 {
			short = fmt.Sprint("T", uint16(info.ID-0xF000))
		}
		names[short] = info.Name
		verdicts[info.Name] = jsonVerdict{Verdict: "deny"}
	}
	part := regexp.MustCompile(`^((?:T?\d+ ?)+)(with (\S+) ?)?(until (\S+))?$`)
	for _, text := range strings.Split(line, "; ") {
		found := part.FindStringSubmatch(text)
		require.NotNil(t, found, text)
		v := jsonVerdict{Verdict: "allow", With: found[3], Until: found[5]}
		if v.With != "" {
			v.Verdict = "deny"
		}
		for _, short := range strings.Fields(found[1]) {
			require.Contains(t, names, short)
			verdicts[names[short]] = v
		}
	}
	require.Len(t, verdicts, 18)
	return verdicts
}

// jsonPolicy is a row of the JSON matrix.
type jsonPolicy struct {
	Profiles []struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		Date    string `json:"date"`
		Digest  string `json:"digest"`
	} `json:"profiles"`
	Parameters map[string]string      `json:"parameters"`
	Verdicts   map[string]jsonVerdict `json:"verdicts"`
}

// jsonMatrix returns the verdicts of a matrix by policy and suite.
func jsonMatrix(t *testing.T, args ...string) map[string]map[string]jsonVerdict {
	t.Helper()
	verdicts := map[string]map[string]jsonVerdict{}
	_, _, policies := wholeMatrix(t, args...)
	for name, p := range policies {
		verdicts[name] = p.Verdicts
	}
	return verdicts
}

func wholeMatrix(t *testing.T, args ...string) (at, module string, policies map[string]jsonPolicy) {
	t.Helper()
	out, stderr, code := call(t, append([]string{"policy", "matrix", "--format", "json"}, args...)...)
	require.Zero(t, code, stderr)
	require.Empty(t, stderr)
	decoder := json.NewDecoder(strings.NewReader(out))
	decoder.DisallowUnknownFields()
	var m struct {
		At       string                `json:"at"`
		Module   string                `json:"module"`
		Policies map[string]jsonPolicy `json:"policies"`
	}
	require.NoError(t, decoder.Decode(&m))
	return m.At, m.Module, m.Policies
}

// The matrix says what it depends on: the day, the module, the text of each profile and the
// parameters.
func TestMatrixSaysWhatItDependsOn(t *testing.T) {
	at, module, policies := wholeMatrix(t, "cnsa-2.0-transition", "us-eo-14412", "--at", "2026-11-28", "--with", "acquired=2026-06-30")
	require.Equal(t, "2026-11-28", at)
	require.Equal(t, fips140.Version(), module)
	require.Len(t, policies, 2)
	require.Equal(t, map[string]string{
		"cnsa-2.0-transition:acquired": "2026-06-30", "cnsa-2.0-transition:category-date": "2030-12-31", "cnsa-2.0-transition:hybrid": "off",
	}, policies["cnsa-2.0-transition"].Parameters)
	order := policies["us-eo-14412"].Profiles
	require.Len(t, order, 2)
	require.Equal(t, "fips-140-3-algorithms", order[0].Name)
	require.Equal(t, "91 FR 38483", order[1].Version)
	require.Equal(t, "2026-11-28", order[1].Date)
	for _, p := range order {
		text, err := os.ReadFile("../policy/profiles/" + p.Name + ".yaml")
		require.NoError(t, err)
		require.Equal(t, fmt.Sprintf("sha256:%x", sha256.Sum256(text)), p.Digest)
	}
}

func withoutNotes(m map[string]jsonVerdict) map[string]jsonVerdict {
	changed := map[string]jsonVerdict{}
	for suite, v := range m {
		v.Notes = nil
		changed[suite] = v
	}
	return changed
}

// The matrix in JSON says what the table says: no profile and no suite more or less.
func TestMatrixIsTheTable(t *testing.T) {
	m := jsonMatrix(t, "--at", "2026-11-28")
	require.Len(t, verdicts(), 22)
	require.Len(t, m, 22)
	for profile, line := range verdicts() {
		require.Equal(t, expand(t, line), withoutNotes(m[profile]), profile)
	}

	// What is not verified is in the notes.
	notes := m["eccg-acm-2"]["MLS_128_MLKEM768X25519_AES256GCM_SHA384_Ed25519"].Notes
	require.NotEmpty(t, notes)
	require.Contains(t, notes[0], "[U] ")
}

// At 2031-01-01 the table's dates have come, or not: what was allowed until a day before it is
// denied, with that day, and the rest is as it was.
func TestMatrixIsTheTableLater(t *testing.T) {
	const at = "2031-01-01"
	m := jsonMatrix(t, "--at", at)
	require.Len(t, m, 22)
	ended := 0
	for profile, line := range verdicts() {
		want := expand(t, line)
		for name, v := range want {
			if v.Until == "" || v.Until >= at {
				continue
			}
			ended++
			v.Verdict, v.With = "deny", "" // no parameter helps after its date
			if want[name].With != "" {
				v.Until = ""
			}
			want[name] = v
		}
		require.Equal(t, want, withoutNotes(m[profile]), profile)
	}
	require.Equal(t, 34, ended)
}

// The date and the parameters reach the verdicts.
func TestMatrixAtDateWithParameter(t *testing.T) {
	transition := func(args ...string) map[string]jsonVerdict {
		return withoutNotes(jsonMatrix(t, append([]string{"cnsa-2.0-transition"}, args...)...)["cnsa-2.0-transition"])
	}
	require.Equal(t, expand(t, "T11; T8 until 2031-12-31; 7 until 2030-12-31; T5 with hybrid until 2031-12-31"), transition("--at", "2030-12-31"))
	after := expand(t, "T11; T8 until 2031-12-31; T5 with hybrid until 2031-12-31")
	after["MLS_256_DHKEMP384_AES256GCM_SHA384_P384"] = jsonVerdict{Verdict: "deny", Until: "2030-12-31"}
	require.Equal(t, after, transition("--at", "2031-01-01"))
	require.Equal(t, expand(t, "T11; T8 T5 until 2031-12-31; 7 until 2030-12-31"), transition("--at", "2030-12-31", "--with", "hybrid"))
	require.Equal(t, expand(t, "T11; T8 7 until 2031-12-31; T5 with hybrid until 2031-12-31"),
		transition("--at", "2030-12-31", "--with", "category-date=2033-12-31"))
}

// More kinds of verdicts than there are letters.
func TestLegend(t *testing.T) {
	var l legend
	require.Equal(t, "+", l.mark(policy.Verdict{Allow: true}))
	require.Equal(t, "-", l.mark(policy.Verdict{}))
	for i := range 30 {
		v := policy.Verdict{With: fmt.Sprint("p", i)}
		require.Equal(t, letters(i), l.mark(v))
		require.Equal(t, letters(i), l.mark(v))
	}
	require.Equal(t, []string{"a", "z", "aa", "ab", "az", "ba"}, []string{letters(0), letters(25), letters(26), letters(27), letters(51), letters(52)})
	lines := l.lines()
	require.Len(t, lines, 30+2)
	require.Equal(t, [2]string{"ad", "deny, allowed with p29"}, lines[31])
}

func TestWrap(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"short", "one two\n\n  three\n", "one two\n\n  three\n"},
		{"a line", "one two three four\n", "one two\nthree four\n"},
		{"exactly as wide", "one two 34\n", "one two 34\n"},
		{"one too wide", "one two 345\n", "one two\n345\n"},
		{"as indented", "  one two three\n", "  one two\n  three\n"},
		{"to the text after the label", "a  one two three\n", "a  one two\n   three\n"},
		{"the label is too long", "labels  one two\n", "labels\none two\n"},
		{"a word too wide", "  abcdefghijklm no\n", "  abcdefghijklm\n  no\n"},
		{"nothing but a word", "abcdefghijklm\n", "abcdefghijklm\n"},
		{"letters, not bytes", "ééé ééé éé\n", "ééé ééé éé\n"},
		{"no end of line", "one two three", "one two\nthree\n"},
	} {
		require.Equal(t, c.want, wrap(c.text, 10), c.name)
	}
}
