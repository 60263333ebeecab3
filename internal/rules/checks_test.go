package main

import (
	"go/format"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Each kind of refusal, and what it becomes.
func TestChecksAreTakenOut(t *testing.T) {
	source := func(body string) string { return "package p\n\nfunc f() error {\n" + body + "\nreturn nil\n}\n" }
	for _, c := range []struct{ name, body, want, id string }{
		{"if", `if a || b { return violation("7.1", "x %d", 1).atLeaf(2) }`,
			`if (a || b) && checkIsOn("1") { return violation("7.1", "x %d", 1).atLeaf(2) }`, "mls/p.go f: 7.1 x %d"},
		{"if with a statement", `if err := g(); err != nil { return violation("7.1", "x").because(err) }`,
			`if err := g(); (err != nil) && checkIsOn("1") { return violation("7.1", "x").because(err) }`, "mls/p.go f: 7.1 x"},
		{"else", `if a { b() } else { return ErrDecrypt }`,
			`if (a) || !checkIsOn("1") { b() } else { return ErrDecrypt }`, "mls/p.go f: ErrDecrypt"},
		{"case", "switch {\ncase a:\nreturn ErrDecrypt\n}", "switch {\ncase (a) && checkIsOn(\"1\"):\nreturn ErrDecrypt\n}", "mls/p.go f: ErrDecrypt"},
		{"reader", `if a { r.Fail(g()) }`, `if (a) && checkIsOn("1") { r.Fail(g()) }`, "mls/p.go f: malformed"},
		{"deferred verdict", `if a { v = violation("7.1", "x") }`, `if (a) && checkIsOn("1") { v = violation("7.1", "x") }`, "mls/p.go f: 7.1 x"},
		{"call", `if err := x.g(); err != nil { return err }`,
			`if err := x.g(); (err != nil) && checkIsOn("1") { return err }`, "mls/p.go f: result of g"},
		{"no condition", `b()
return fmt.Errorf("%w: x", ErrDecrypt)`,
			`b()
if !checkIsOn("1") { return nil }; return fmt.Errorf("%w: x", ErrDecrypt)`, "mls/p.go f: ErrDecrypt"},
	} {
		t.Run(c.name, func(t *testing.T) {
			src := source(c.body)
			checks, err := checksOf(engine, "p.go", []byte(src), []string{"ErrDecrypt"})
			require.NoError(t, err)
			require.Len(t, checks, 1)
			require.Equal(t, c.id, checks[0].id)
			for i := range checks[0].edits {
				checks[0].edits[i].text = strings.ReplaceAll(checks[0].edits[i].text, checkNumber, `"1"`)
			}
			got, err := format.Source([]byte(apply([]byte(src), checks[0].edits)))
			require.NoError(t, err)
			want, err := format.Source([]byte(source(c.want)))
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		})
	}
	for _, none := range []string{
		`if errors.Is(err, ErrDecrypt) { b() }`,
		`if a { x := errors.Is(err, ErrDecrypt); b(x) }`,
		`if a { return errOther }`,
		`if err := g(); a { return err }`,
		`if a, err := g(); err != nil { return err }`,
		`b(func() error { return nil })`,
	} {
		checks, err := checksOf(engine, "p.go", []byte(source(none)), []string{"ErrDecrypt"})
		require.NoError(t, err)
		require.Empty(t, checks, none)
	}
}

func TestRulesOfACheck(t *testing.T) {
	of := func(section, item string) *rule { return &rule{section: section, item: item} }
	c := &check{folder: engine, section: "7.1"}
	require.True(t, c.matches(of("7.1", "2")))
	require.False(t, c.matches(of("7.2", "2")))
	require.False(t, c.matches(of(groupErrors, "ErrDecrypt")))
	c = &check{folder: engine, class: "ErrDecrypt"}
	require.True(t, c.matches(of(groupErrors, "ErrDecrypt")))
	require.False(t, c.matches(of(groupErrors, "ErrRetired")))
	require.False(t, c.matches(of("", "")))

	c = &check{folder: "hpke"}
	require.True(t, c.matches(&rule{section: groupKeys, tests: []string{"mls.TestX", "hpke.TestY"}}))
	require.False(t, c.matches(&rule{section: groupKeys, tests: []string{"mls.TestX", "hpke/sub.TestY"}}))
}

// Below package mls, every error of a block's own making is a check.
func TestOwnErrorsAreChecks(t *testing.T) {
	for body, want := range map[string]string{
		`if a { return nil, suite.ErrDecrypt }`:             "hpke/p.go f: ErrDecrypt",
		`if a { return ErrMessageLimit }`:                   "hpke/p.go f: ErrMessageLimit",
		`if a { return nil, fmt.Errorf("length %d", n) }`:   "hpke/p.go f: length %d",
		`if a { return errors.New("no key") }`:              "hpke/p.go f: no key",
		`if a { return fmt.Errorf("generating: %w", err) }`: "",
		`if a { return s.wrap(b) }`:                         "",
		`if a { return nil }`:                               "",
	} {
		checks, err := checksOf("hpke", "p.go", []byte("package p\n\nfunc f() error {\n"+body+"\nreturn nil\n}\n"), []string{"ErrMessageLimit"})
		require.NoError(t, err)
		if want == "" {
			require.Empty(t, checks, body)
			continue
		}
		require.Len(t, checks, 1, body)
		require.Equal(t, want, checks[0].id)
		require.NotEmpty(t, checks[0].edits, body)
	}
}
