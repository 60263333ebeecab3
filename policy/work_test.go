package policy

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// contradictions are files whose rules nothing satisfies, or nearly, in ways that take a
// search: the longer, the more there is to try.
func contradictions(n int) map[string]string {
	const head = "profile: own\ntitle: t\nsources: {s: {document: d, date: 2026, checked: 2026}}\n"
	rule := func(id, allow string) string {
		return fmt.Sprintf("  - {id: %s, source: s, force: law, wanted: w, allow: [%s]}\n", id, allow)
	}
	files := map[string]*strings.Builder{}
	for _, name := range []string{"values", "pairs", "dates", "switches", "together", "PSKs"} {
		files[name] = new(strings.Builder)
		files[name].WriteString(head)
	}
	files["switches"].WriteString("parameters:\n")
	for i := range min(n, 8) {
		fmt.Fprintf(files["switches"], "  p%d: {kind: switch, default: off, text: t}\n", i)
	}
	for _, b := range files {
		b.WriteString("rules:\n")
	}
	for i := range n {
		files["values"].WriteString(rule(fmt.Sprintf("r%d", i), fmt.Sprintf(
			"{suite.code-point: 0x%04X}, {suite.level: %d}, {kem.level: %d, aead.key-bits: %d}, {signature.level: %d, hash.bits: %d}",
			0xF000+i, i, 128+64*(i%3), 128+128*(i%2), 128+64*((i+1)%3), 256+128*(i%3))))
		files["pairs"].WriteString(rule(fmt.Sprintf("r%d", i), fmt.Sprintf(
			"{suite.code-point: 0x%04X, suite.level: {min: %d}}, {suite.level: {max: %d}, aead.key-bits: {min: %d}}, {hash.bits: {max: %d}, kem.level: %d}", 0xF000+i, i, i, min(i, 256), 256+i, 128+64*(i%3))))
		files["dates"].WriteString(rule(fmt.Sprintf("r%d", i), fmt.Sprintf(
			"{suite.level: {min: %d}, from: %d-01-01, until: %d-06-01}, {suite.level: {max: %d}, from: %d-07-01, until: %d-08-01}", i%2, 2001+i, 2001+i, i, 3001+i, 3001+i)))
		files["switches"].WriteString(rule(fmt.Sprintf("r%d", i), fmt.Sprintf(
			"{suite.level: {min: %d}, with: p%d, until: %d-06-01}, {suite.level: {max: %d}, without: p%d, from: %d-07-01}", i%7, i%min(n, 8), 2001+i, i, (i+1)%min(n, 8), 3001+i)))
		files["PSKs"].WriteString(rule(fmt.Sprintf("r%d", i), fmt.Sprintf(
			"{psk.bytes: {min: %d, max: %d}, psk.type: external}, {psk.bytes: {min: %d}, psk.type: resumption}", 10*i, 10*i+5, 60000-i)))
	}
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("{suite.code-point: 0x%04X, suite.level: %d}", 0xF000+i, i)
	}
	files["together"].WriteString(rule("r", strings.Join(all, ", ")))
	texts := map[string]string{}
	// What contradicts in the end does so in the part that is looked at last.
	for _, name := range []string{"values", "pairs"} {
		files[name].WriteString(rule("last", "{hash: SHA-256, aead: AES-128-GCM}, {hash: SHA-384, aead: AES-256-GCM}"))
		files[name].WriteString(rule("very-last", "{hash: SHA-256, aead: AES-256-GCM}, {hash: SHA-512}"))
	}
	for name, b := range files {
		texts[name] = b.String()
	}
	return texts
}

// looks lets all conditions of a profile count how often they look at something.
func looks(p *profile, n *int) {
	counted := func(list []condition) {
		for i := range list {
			f := &list[i].fact
			if word := f.word; word != nil {
				f.word = func(facts *facts) string { *n++; return word(facts) }
			}
			if number := f.number; number != nil {
				f.number = func(facts *facts) int64 { *n++; return number(facts) }
			}
		}
	}
	for i := range p.rules {
		counted(p.rules[i].when)
		for j := range p.rules[i].allow {
			counted(p.rules[i].allow[j].conditions)
		}
	}
}

// What lint tries is bounded by the size of a file, whatever its rules say: so many looks
// at something for each condition, and where that does not do, it says so.
func TestLintIsBounded(t *testing.T) {
	type found struct{ wrong, unchecked int }
	got := map[string][]found{}
	for _, n := range []int{4, 16, 64, 256} {
		for name, text := range contradictions(n) {
			require.LessOrEqual(t, len(text), maxFile, "%s %d", name, n)
			var wrong problems
			p := parseProfile(File{"own.yaml", []byte(text)}, newVocabulary(), &wrong)
			require.NotNil(t, p, "%s %d: %v", name, n, wrong.found)
			require.Empty(t, wrong.found, "%s %d", name, n)
			l := *Builtin()
			l.profiles = maps.Clone(l.profiles)
			l.profiles["own"] = p
			l.link(p, &wrong)
			require.Empty(t, wrong.found, "%s %d", name, n)
			count, size := 0, 0
			looks(p, &count)
			for i := range p.rules {
				size += p.rules[i].size()
			}
			unchecked := l.vocabulary.checkOwn(p, &wrong)
			if len(wrong.found) == 0 {
				unchecked = append(unchecked, l.vocabulary.checkTogether(p, l.closure(p), &wrong)...)
			}
			got[name] = append(got[name], found{len(wrong.found), len(unchecked)})
			subjects, rules := 5, len(p.rules)
			require.LessOrEqual(t, count, (subjects+rules)*workForAll+(1+subjects)*workForCondition*size+300*size, "%s %d", name, n)
			require.Less(t, count, 10*len(text)+2000, "%s %d", name, n) // far less, of these
		}
	}
	one, none := found{wrong: 1}, found{}
	require.Equal(t, map[string][]found{
		"values":   {one, one, one, one},
		"pairs":    {one, one, one, one},
		"dates":    {one, one, {unchecked: 1}, {unchecked: 1}},
		"switches": {none, none, none, none},
		"together": {none, none, none, none},
		"PSKs":     {none, none, none, none},
	}, got)
}

// The search for a day after which no suite is left is bounded too, and says so.
func TestSearchForACliffIsBounded(t *testing.T) {
	day, err := ParseDate("2027-01-01")
	require.NoError(t, err)
	text := "profile: own\ntitle: t\nsources: {s: {document: d, date: 2026, checked: 2026}}\nrules:\n"
	for i := range 3 {
		ways := make([]string, 500)
		for j := range ways {
			ways[j] = fmt.Sprintf("{hash: SHA-256, until: %s}", day)
			day.n++
		}
		text += fmt.Sprintf("  - {id: r%d, source: s, force: law, wanted: w, allow: [%s]}\n", i, strings.Join(ways, ", "))
	}
	text += "  - {id: last, source: s, force: law, wanted: w, allow: [{until: 2000-01-01}]}\n"
	var wrong, warnings problems
	p := parseProfile(File{"own.yaml", []byte(text)}, newVocabulary(), &wrong)
	require.Empty(t, wrong.found)
	count, size := 0, sizeOf([]*profile{p})
	looks(p, &count)
	unchecked := newVocabulary().checkCliff(p, []*profile{p}, &warnings)
	require.Equal(t, Problems{{p.rulesAt, "too many days to check whether a suite is left after each"}}, unchecked)
	require.Empty(t, warnings.found)
	require.LessOrEqual(t, count, workForAll+workForCondition*size)
	require.Contains(t, Lint(File{"own.yaml", []byte(text)}).Unchecked, unchecked[0])
}

// Lint says what it gave up, beside what is wrong with another file too.
func TestLintTellsWhatIsUnchecked(t *testing.T) {
	wide := File{"own.yaml", []byte(contradictions(64)["dates"])}
	idle := File{"idle.yaml", []byte("profile: idle\ntitle: t\nsources: {s: {document: d, date: 2026, checked: 2026}}\n")}
	for wrong, files := range map[int][]File{0: {wide}, 1: {wide, idle}} {
		found := Lint(files...)
		require.Len(t, found.Wrong, wrong)
		require.NotEmpty(t, found.Unchecked)
		require.Contains(t, found.Unchecked[0].String(), "own.yaml:")
		require.Contains(t, found.Unchecked[0].Text, "too many")
	}
	for _, p := range Builtin().Names() {
		unchecked := Lint(File{"own.yaml", []byte("profile: own\ntitle: t\nextends: [" + p + "]\n")}).Unchecked
		require.Empty(t, unchecked, p)
	}
}

// Work ends where there is no room, and stays at an end; work that fits is done.
func TestWorkEnds(t *testing.T) {
	w := &work{left: 5}
	require.True(t, w.do(3))
	require.True(t, w.do(2))
	require.False(t, w.gaveUp(), "it fitted")
	require.False(t, w.do(1))
	require.True(t, w.gaveUp())
	require.False(t, w.do(1))
}

func lint(files ...File) Problems {
	return Lint(files...).Wrong
}

// A file cannot name so much, and a library not hold so much, that reading it takes more
// than its size says.
func TestFilesAndLibrariesAreBounded(t *testing.T) {
	const head = "profile: own\ntitle: t\nsources: {s: {document: d, date: 2026, checked: 2026}}\n"
	list := "[" + strings.Repeat("MLS_256_DHKEMP384_AES256GCM_SHA384_P384, ", 30) + "MLS_256_DHKEMP384_AES256GCM_SHA384_P384]"
	for text, want := range map[string]string{
		head + "moves: [{from: " + list + ", to: " + list + ", reason: r}]\n":                                             "at most 512 moves",
		head + "notes: [" + strings.Repeat("{text: t}, ", 600) + "{text: t}]\n":                                           "at most 512 are read",
		head + "a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nnotes: [*c,*c,*c,*c]\n":                        "anchors and aliases",
		head + strings.Repeat("[", 100) + strings.Repeat("]", 100) + "\n":                                                 "depth",
		"profile: own\ntitle: t\nextends: [" + strings.Repeat("any, ", 600) + "any]\n":                                    "at most 512 are read",
		head + "rules: [{id: r, source: s, force: law, wanted: w, allow: [{suite.code-point: [" + points(600) + "]}]}]\n": "at most 512 are read",
	} {
		problems := lint(File{"own.yaml", []byte(text)})
		require.NotEmpty(t, problems, want)
		require.ErrorContains(t, problems, want)
	}
	var chain []File
	for i := range maxExtended + 3 {
		extends := ""
		if i > 0 {
			extends = fmt.Sprintf("extends: p%d\n", i-1)
		}
		chain = append(chain, File{fmt.Sprintf("p%d.yaml", i), []byte(fmt.Sprintf("profile: p%d\ntitle: t\n%s", i, extends))})
	}
	require.Empty(t, lint(chain[:maxExtended+1]...))
	require.ErrorContains(t, lint(chain...), "p65 extends more than 64 profiles")
	var many []File
	for i := range maxProfiles {
		many = append(many, File{"p.yaml", []byte(fmt.Sprintf("profile: p%d\ntitle: t\n", i))})
	}
	require.ErrorContains(t, lint(many...), "at most 1000 profiles")
}

func points(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("0x%04X", 0xF000+i)
	}
	return strings.Join(all, ", ")
}
