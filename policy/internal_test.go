package policy

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/registry/all"
	"github.com/mlsuite/mlsuite/suite"
)

// What lint believes of the documents' suites is what they are.
func TestDescribe(t *testing.T) {
	real := map[string]*facts{}
	for i := range all.Registry().All() {
		real[i.Name] = &facts{suite: i}
	}
	require.Len(t, knownSuites(), len(real))
	byName := map[string]known{}
	for _, k := range knownSuites() {
		byName[k.Name] = k
	}
	for _, k := range knownSuites() {
		f := &facts{suite: k.Info()}
		require.Equal(t, k.set, setOf(byName, &real[k.Name].suite))
		for _, fact := range newVocabulary().facts {
			if fact.about != aboutSuite || isProvision(fact.part) || fact.name == "suite.code-point" || fact.name == "suite.set" {
				continue
			}
			switch fact.kind {
			case word:
				require.Equal(t, fact.word(real[k.Name]), fact.word(f), "%s: %s", k.Name, fact.name)
				require.Contains(t, fact.words, fact.word(f), "%s: %s", k.Name, fact.name)
			case number:
				require.Equal(t, fact.number(real[k.Name]), fact.number(f), "%s: %s", k.Name, fact.name)
			}
		}
	}
}

// Lint judges what can be satisfied by samples; every suite that exists has to be
// among the kinds that they describe.
func TestSamplesHaveEverySuite(t *testing.T) {
	for i := range all.Registry().All() {
		f := &facts{suite: i, set: "other", module: latest}
		for _, fact := range newVocabulary().facts {
			if fact.about != aboutSuite || fact.kind != word || fact.name == "suite.name" || fact.part == "module" {
				continue
			}
			c := condition{fact: fact, words: []string{fact.word(f)}}
			require.True(t, newVocabulary().satisfiable(aboutSuite, []condition{c}), "%s: %s", i.Name, c.String())
		}
	}
}

func TestVersions(t *testing.T) {
	ascending := []string{"", "v0.0.0", "v1.0.0", "v1.0.1", "v1.26.0", "v2.0.0", latest}
	for i, a := range ascending {
		for j, b := range ascending {
			require.Equal(t, i < j, compareVersions(a, b) < 0, "%s, %s", a, b)
			require.Equal(t, i == j, compareVersions(a, b) == 0, "%s, %s", a, b)
		}
	}
	require.Zero(t, compareVersions("v1.0.0-c2097c7c", "v1.0.0"))
	for _, v := range []string{"", "1.0.0", "v1", "v1.0", "v1.0.0.0", "v1.x.0", "v-1.0.0", "v1.0.99999999999", "latest"} {
		_, ok := parseVersion(v)
		require.False(t, ok, v)
	}
}

func TestDurations(t *testing.T) {
	for s, want := range map[string]int64{"0s": 0, "10s": 10, "30m": 1800, "12h": 43200, "90d": 7776000} {
		n, err := parseDuration(s)
		require.NoError(t, err)
		require.Equal(t, want, n)
		require.Equal(t, s, seconds(n))
	}
	for _, s := range []string{"", "d", "90", "-1d", "1w", "1.5h", "1d12h", "9223372036854775807d"} {
		_, err := parseDuration(s)
		require.Error(t, err, s)
	}
}

func TestPackages(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"crypto/aes", "crypto/aes", true},
		{"crypto/aes", "crypto/aes/internal", false},
		{"crypto/...", "crypto", true},
		{"crypto/...", "crypto/aes", true},
		{"crypto/...", "cryptography", false},
	} {
		require.NoError(t, checkPattern(c.pattern))
		require.Equal(t, c.want, matchesPackage([]string{c.pattern}, c.path), "%s, %s", c.pattern, c.path)
	}
	for _, p := range []string{"", "/...", "...", "/crypto", "crypto/", "crypto/../hash", "./crypto", "crypto/*", "a b"} {
		require.Error(t, checkPattern(p), p)
	}
}

func TestNames(t *testing.T) {
	for _, s := range []string{"a", "azAZ09._-", "1.0", strings.Repeat("a", 64)} {
		require.True(t, isName(s), s)
	}
	for _, s := range []string{"", "a b", "a:b", "a/b", "é", "a\n", "`", "{", "@", "[", strings.Repeat("a", 65)} {
		require.False(t, isName(s), s)
	}
}

// A refusal by provenance names what is not of the list.
func TestFoundPackages(t *testing.T) {
	by := func(primitive, pkg string) suite.Providers {
		return suite.ProvidedBy(suite.Provided{Primitive: primitive, Package: pkg})
	}
	x448, p256 := by("X448", "example.com/x448"), by("P-256", "crypto/ecdh")
	f := &facts{suite: suite.Info{
		KEM:  suite.KEMInfo{Provenance: p256.With(x448)},
		KDF:  suite.KDFInfo{Provenance: p256},
		AEAD: suite.AEADInfo{Provenance: x448}, Hash: suite.HashInfo{Provenance: p256}, Signature: suite.SignatureInfo{Provenance: p256},
	}}
	found := func(c condition, f *facts) string {
		c.fact = fact{kind: packages}
		require.Equal(t, strings.HasPrefix(c.found(f), "primitives from "), len(c.some) > 0 || c.holds(f, nil))
		return c.found(f)
	}
	require.Equal(t, "X448 from example.com/x448", found(condition{only: []string{"crypto/..."}}, f))
	require.Equal(t, "primitives from crypto/ecdh, example.com/x448", found(condition{some: []string{"crypto/mlkem"}}, f))
	require.Equal(t, "primitives from crypto/ecdh, example.com/x448", found(condition{only: []string{"crypto/...", "example.com/..."}}, f))
	f.suite.Hash.Provenance = f.suite.Hash.Provenance.SelfDeclared("SHA-256")
	require.Equal(t, "P-256 from crypto/ecdh by its own word", found(condition{only: []string{"crypto/...", "example.com/..."}}, f))
	require.Equal(t, "primitives from crypto/ecdh, example.com/x448", found(condition{declared: []string{"crypto/ecdh"}}, f))
	f.suite.Hash.Provenance = suite.Providers{}
	require.Equal(t, "no provenance of the hash", found(condition{only: []string{"crypto/...", "example.com/..."}}, f))
	require.Equal(t, "no provenance", found(condition{only: []string{"crypto/mlkem"}}, &facts{}))
}

func TestReach(t *testing.T) {
	d := func(n int) Date { return Date{n} }
	for _, c := range []struct {
		spans []span
		day   int
		last  int // 0 is without end, -1 is not allowed
	}{
		{nil, 5, -1},
		{[]span{{}}, 5, 0},
		{[]span{{d(5), d(5)}}, 5, 5},
		{[]span{{d(5), d(5)}}, 4, -1},
		{[]span{{d(5), d(5)}}, 6, -1},
		{[]span{{d(0), d(3)}, {d(5), d(9)}}, 2, 3},
		{[]span{{d(0), d(3)}, {d(5), d(9)}}, 4, -1},
		{[]span{{d(4), d(9)}, {d(0), d(3)}}, 2, 9}, // the next day is no break
		{[]span{{d(8), d(0)}, {d(3), d(9)}, {d(0), d(3)}}, 2, 0},
		{[]span{{d(0), d(3)}, {d(0), d(7)}}, 2, 7},
	} {
		last, ok := reach(c.spans, d(c.day))
		if c.last < 0 {
			require.False(t, ok, "%v", c)
			continue
		}
		require.True(t, ok, "%v", c)
		require.Equal(t, d(c.last), last, "%v", c)
	}
}

// The page on the format lists every fact as the vocabulary has it, and every key.
func TestFormatPage(t *testing.T) {
	page, err := os.ReadFile("FORMAT.md")
	require.NoError(t, err)
	require.Contains(t, string(page), factTable())
	for _, keys := range [][]string{topKeys, sourceKeys, parameterKeys, ruleKeys, alternativeKeys, extendsKeys, noteKeys, moveKeys} {
		for _, key := range keys {
			require.Contains(t, string(page), "`"+key+"`")
		}
	}
}

func factTable() string {
	var b strings.Builder
	b.WriteString("| Fact | About a | What it is | Values |\n|---|---|---|---|\n")
	for _, f := range newVocabulary().facts {
		if _, _, ok := legPart(f.part); ok {
			continue // the page says which these are
		}
		var values string
		switch f.kind {
		case word:
			words := make([]string, len(f.words))
			for i, w := range f.words {
				words[i] = "`" + w + "`"
			}
			if f.code {
				words = append(words, "a code point as `0xF001`")
			}
			if f.free {
				words = append(words, "a text", "`{in: PARAMETER}`")
			}
			values = strings.Join(words, ", ")
			if f.name == "suite.name" {
				values = "the names of RFC 9420 and of the draft"
			}
		case number:
			values = "a number"
		case duration:
			values = "`90d`, `12h`, `30m`, `10s`"
		case version:
			values = "`v1.26.0`, `latest`"
		case packages:
			values = "import paths"
		case flag:
			values = "`true`, `false`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, f.about, f.text, values)
	}
	return b.String()
}

// The worked example of the page is a profile, and does what the page says.
func TestFormatExample(t *testing.T) {
	page, err := os.ReadFile("FORMAT.md")
	require.NoError(t, err)
	example := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindSubmatch(page)
	require.NotNil(t, example)
	p, err := Parse("ministry.yaml", example[1])
	require.NoError(t, err)
	testMinistry(t, p)
}
