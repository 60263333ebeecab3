package policy_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mlsuite/mlsuite/policy"
)

const head = `profile: own
title: Own
sources:
  s: {document: D, date: 2026, checked: 2026-11-21}
`

// rule returns a profile of one rule, which stands on lines 6 and on: the keys of
// lines, separated by "|".
func rule(lines string) string {
	return head + "rules:\n  - id: r\n    source: s\n    force: law\n    wanted: something\n    " +
		strings.Join(strings.Split(lines, "|"), "\n    ") + "\n"
}

// lint returns what is wrong with files.
func lint(files ...policy.File) policy.Problems {
	return policy.Builtin().Lint(files...).Wrong
}

func TestLint(t *testing.T) {
	for name, c := range map[string]struct {
		file string
		want []string // of lines "line:column: key: text", in order
	}{
		"empty":       {"", []string{"1:1: the file is empty"}},
		"comment":     {"# nothing\n", []string{"1:1: the file is empty"}},
		"no mapping":  {"- a\n", []string{"1:1: want a mapping of keys to values, not a list", "1:1: a profile needs the key profile, its name", "1:1: a profile needs a title"}},
		"syntax":      {"profile: a\ntitle: [b\n", []string{"3:1: did not find expected ',' or ']'"}},
		"two":         {head + "---\nprofile: b\n", []string{"5:1: a file holds one profile, not several documents"}},
		"no name":     {"title: a\n", []string{"1:1: a profile needs the key profile, its name"}},
		"no title":    {"profile: a\n", []string{"1:1: a profile needs a title"}},
		"bad name":    {"profile: a b\ntitle: c\n", []string{`1:1: profile: "a b" is no name: letters, digits, '.', '_' and '-', at most 64`}},
		"unknown key": {head + "rule: []\n", []string{"5:1: rule: unknown key; known here: format, profile, title, text, version, date, audience, classification, zone, ends, extends, existing, sources, parameters, set, rules, notes, moves"}},
		"key twice":   {head + "title: again\n", []string{"5:1: title: stands twice"}},
		"null":        {head + "text:\n", []string{"5:1: text: want a value, not nothing"}},
		"list":        {head + "text: [a]\n", []string{"5:1: text: want a value, not a list"}},
		"anchor":      {head + "text: &a b\n", []string{"5:1: text: anchors and aliases are not for profiles"}},
		"alias":       {head + "text: &a b\nversion: *a\n", []string{"5:1: text: anchors and aliases are not for profiles", "6:1: version: anchors and aliases are not for profiles"}},
		"tag":         {head + "text: !!str b\n", []string{"5:1: text: tags are not for profiles"}},
		"merge":       {head + "<<: {text: a}\n", []string{"5:1: <<: unknown key"}},
		"deep":        {head + "text: " + strings.Repeat("[", 40) + strings.Repeat("]", 40) + "\n", []string{"5:23: exceeded max depth of 16"}},

		"list as key":   {head + "? [a]\n: b\n", []string{"5:3: a key has to be a plain name"}},
		"list anchor":   {head + "extends: &a [any]\n", []string{"5:1: extends: anchors and aliases are not for profiles"}},
		"list of alias": {head + "version: &a any\nextends: [*a]\n", []string{"5:1: version: anchors and aliases are not for profiles", "6:11: extends[0]: anchors and aliases are not for profiles"}},
		"alias list":    {head + "rules: *a\n", []string{"5:8: unknown anchor 'a' referenced"}},
		"second broken": {head + "---\n[\n", []string{"7:1: did not find expected node content"}},

		"existing":      {head + "existing: ignore\n", []string{`5:1: existing: "ignore" is not one of: report, receive-only, refuse`}},
		"date":          {head + "date: soon\n", []string{`5:1: date: "soon" is no date, such as 2024, 2024-12 or 2024-12-31`}},
		"source keys":   {"profile: a\ntitle: b\nsources:\n  s: {document: d, page: 3}\n", []string{"4:3: sources.s: a source needs document, date and checked", "4:20: sources.s.page: unknown key; known here: document, version, section, date, checked, certainty"}},
		"certainty":     {"profile: a\ntitle: b\nsources:\n  s: {document: d, date: 2026, checked: 2026, certainty: X}\n", []string{`4:47: sources.s.certainty: "X" is not one of: P, S, U`}},
		"extends":       {head + "extends: [any, none-such, any]\n", []string{"5:16: extends[1]: there is no profile none-such to extend", "5:27: extends[2]: any is extended twice"}},
		"extends self":  {head + "extends: own\n", []string{"5:1: extends: own extends itself"}},
		"built-in name": {"profile: any\ntitle: b\n", []string{"1:1: profile: there is a profile any already, in any.yaml"}},

		"rule keys":       {head + "rules:\n  - {id: r, level: 3}\n", []string{"6:5: rules[0]: a rule needs source", "6:5: rules[0]: a rule needs force", "6:5: rules[0]: a rule needs wanted", "6:5: rules[0]: a rule needs allow", "6:13: rules[0].level: unknown key; known here: id, source, section, force, certainty, wanted, otherwise, legs, when, allow"}},
		"rules no list":   {head + "rules: {}\n", []string{"5:1: rules: want a list, not a mapping"}},
		"source":          {strings.Replace(rule("allow: [{hash: SHA-256}]"), "source: s", "source: t", 1), []string{`7:5: rules[0].source: the profile has no source "t"`}},
		"force":           {strings.Replace(rule("allow: [{hash: SHA-256}]"), "law", "wish", 1), []string{`8:5: rules[0].force: "wish" is not one of: law, guidance, mapping`}},
		"unknown fact":    {rule("allow: [{hashes: SHA-256}]"), []string{"10:14: rules[0].allow[0].hashes: unknown key; known here: from, until, with, without, given, suite.set"}},
		"unknown word":    {rule("allow: [{hash: SHA-255}]"), []string{`10:14: rules[0].allow[0].hash: unknown hash "SHA-255"; known: SHA-256, SHA-384, SHA-512`}},
		"unknown curve":   {rule("allow:|  - kem.classical: [P-256, P-255]"), []string{`11:32: rules[0].allow[0].kem.classical[1]: unknown kem.classical "P-255"; known: none, P-256, P-384, P-521, X25519, X448`}},
		"unknown suite":   {rule("allow: [{suite.name: MLS_128}]"), []string{`10:14: rules[0].allow[0].suite.name: unknown suite.name "MLS_128"; known: MLS_128_DHKEMX25519`}},
		"word twice":      {rule("allow: [{hash: [SHA-256, SHA-256]}]"), []string{"10:30: rules[0].allow[0].hash[1]: SHA-256 stands twice"}},
		"code point":      {rule("allow: [{suite.code-point: 0x10000}]"), []string{`10:14: rules[0].allow[0].suite.code-point: unknown suite.code-point "0x10000"; known: a code point such as 0xF001`}},
		"not a number":    {rule("allow: [{kem.level: high}]"), []string{`10:14: rules[0].allow[0].kem.level: "high" is no whole number from 0`}},
		"negative":        {rule("allow: [{kem.level: {min: -1}}]"), []string{`10:26: rules[0].allow[0].kem.level.min: "-1" is no whole number from 0`}},
		"no bound":        {rule("allow: [{kem.level: {}}]"), []string{"10:14: rules[0].allow[0].kem.level: want a value, or {min: ..., max: ...}"}},
		"range":           {rule("allow: [{psk.bytes: {min: 64, max: 32}}]"), []string{"10:14: rules[0].allow[0].psk.bytes: min is above max, so nothing satisfies it"}},
		"duration":        {rule("allow: [{key-package.lifetime: {max: 90}}]"), []string{`10:37: rules[0].allow[0].key-package.lifetime.max: "90" is no duration, such as 90d, 12h, 30m or 10s`}},
		"version":         {rule("allow: [{module.version: {min: 1.26}}]"), []string{`10:31: rules[0].allow[0].module.version.min: "1.26" is no version, such as v1.26.0 or latest`}},
		"versions":        {rule("allow: [{module.version: {min: latest, max: v1.0.0}}]"), []string{"10:14: rules[0].allow[0].module.version: min is above max, so nothing satisfies it"}},
		"flag":            {rule("allow: [{provenance.self-declared: maybe}]"), []string{`10:14: rules[0].allow[0].provenance.self-declared: "maybe" is not one of: true, false`}},
		"packages":        {rule("allow: [{provenance: crypto/aes}]"), []string{`10:14: rules[0].allow[0].provenance: want a mapping of keys to values, not "crypto/aes"`}},
		"packages key":    {rule("allow: [{provenance: {none: [crypto/aes]}}]"), []string{"10:27: rules[0].allow[0].provenance.none: unknown key; known here: only, some"}},
		"no packages":     {rule("allow: [{provenance: {only: []}}]"), []string{"10:27: rules[0].allow[0].provenance.only: the list is empty, so nothing satisfies it"}},
		"packages of":     {rule("allow: [{provenance: {}}]"), []string{"10:14: rules[0].allow[0].provenance: want {only: [...]}, {some: [...]}, {declared: [...]} or several of them"}},
		"bounds key":      {rule("allow: [{kem.level: {least: 3}}]"), []string{"10:26: rules[0].allow[0].kem.level.least: unknown key; known here: min, max"}},
		"until nothing":   {rule("allow: [{hash: SHA-256, until: }]"), []string{"10:29: rules[0].allow[0].until: want a value, not nothing"}},
		"with nothing":    {rule("allow: [{hash: SHA-256, with: [a]}]"), []string{"10:29: rules[0].allow[0].with: want a value, not a list"}},
		"pattern":         {rule("allow: [{provenance: {only: [crypto/*]}}]"), []string{`10:34: rules[0].allow[0].provenance.only[0]: "crypto/*" is no import path`}},
		"some of none":    {rule("allow: [{provenance: {only: [crypto/aes], some: [crypto/ecdh]}}]"), []string{"10:14: rules[0].allow[0].provenance: some wants crypto/ecdh, which only does not have"}},
		"not nothing":     {rule("allow: [{hash: {not: []}}]"), []string{"10:21: rules[0].allow[0].hash.not: the list is empty, so nothing satisfies it"}},
		"not what":        {rule("allow: [{hash: {no: SHA-256}}]"), []string{"10:14: rules[0].allow[0].hash: want a word, a list of words, or {not: ...}"}},
		"two subjects":    {rule("allow: [{hash: SHA-256, wire-format: public}]"), []string{"10:29: rules[0].allow[0].wire-format: a rule about a cipher suite cannot ask for wire-format"}},
		"day":             {rule("allow: [{hash: SHA-256, until: 2030-02-30}]"), []string{`10:29: rules[0].allow[0].until: "2030-02-30" is neither a date, such as 2030-12-31, nor a parameter`}},
		"until":           {rule("allow: [{hash: SHA-256, from: 2031-01-01, until: 2030-12-31}]"), []string{"10:13: rules[0].allow[0]: until 2030-12-31 is before from 2031-01-01"}},
		"no parameter":    {rule("allow: [{hash: SHA-256, until: the-end}]"), []string{"10:29: rules[0].allow[0].until: there is no parameter the-end"}},
		"no switch":       {rule("allow: [{hash: SHA-256, with: luck}]"), []string{"10:29: rules[0].allow[0].with: there is no parameter luck"}},
		"allows nothing":  {rule("allow: []"), []string{"6:5: rules[0]: the rule allows nothing, so no suite of any kind satisfies it"}},
		"allows all":      {rule("allow:|  - hash: SHA-256|  - {}"), []string{"12:9: rules[0].allow[1]: it allows everything, so the rule demands nothing"}},
		"rule id twice":   {rule("allow: [{hash: SHA-256}]") + "  - {id: r, source: s, force: law, wanted: w, allow: [{hash: SHA-384}]}\n", []string{"11:6: rules[1].id: two rules have the id r"}},
		"impossible KEM":  {rule("allow: [{kem.kind: classical, kem.post-quantum: ML-KEM-768}]"), []string{"10:13: rules[0].allow[0]: no cipher suite of any kind satisfies it"}},
		"impossible sig":  {rule("allow: [{signature.classical: Ed25519, signature.level: {min: 256}, signature.post-quantum: none}]"), []string{"10:13: rules[0].allow[0]: no cipher suite of any kind satisfies it"}},
		"impossible hash": {rule("allow: [{hash: SHA-256, kdf: HKDF-SHA384}]"), []string{"10:13: rules[0].allow[0]: no cipher suite of any kind satisfies it"}},
		"impossible set":  {rule("allow: [{suite.set: rfc9420, kem.kind: hybrid}]"), []string{"10:13: rules[0].allow[0]: no cipher suite of any kind satisfies it"}},
		"impossible when": {rule("when: {aead: AES-128-GCM, aead.key-bits: 256}|allow: [{hash: SHA-256}]"), []string{"6:5: rules[0]: no cipher suite of any kind is as when says"}},
		"empty when":      {rule("when: {}|allow: [{hash: SHA-256}]"), []string{"10:5: rules[0].when: when has no condition"}},
		"when and allow":  {rule("when: {kem.kind: hybrid}|allow: [{kem.classical: none}]"), []string{"11:13: rules[0].allow[0]: no cipher suite of any kind satisfies it"}},
		"contradiction":   {rule("allow: [{hash: SHA-256}]") + "  - {id: q, source: s, force: law, wanted: w, allow: [{kdf: HKDF-SHA512}]}\n", []string{"5:1: rules: the rules contradict each other: no cipher suite of any kind satisfies them all"}},
		"PSKs":            {rule("allow: [{psk.bytes: {min: 64}}]") + "  - {id: q, source: s, force: law, wanted: w, allow: [{psk.bytes: {max: 32}}]}\n", []string{"5:1: rules: the rules contradict each other: no pre-shared key of any kind satisfies them all"}},
		"days apart":      {rule("allow: [{kem.kind: hybrid, until: 2026-01-01}]") + "  - {id: q, source: s, force: law, wanted: w, allow: [{kem.kind: hybrid, from: 2027-01-01}]}\n", []string{"5:1: rules: the rules contradict each other: no cipher suite of any kind satisfies them all on one day under the same parameters"}},
		"three days":      {rule("allow: [{until: 2027-01-01}, {from: 2029-01-01}]") + "  - {id: q, source: s, force: law, wanted: w, allow: [{from: 2026-01-01, until: 2026-12-31}, {from: 2028-01-01}]}\n  - {id: p, source: s, force: law, wanted: w, allow: [{from: 2027-01-01, until: 2028-12-31}]}\n", []string{"5:1: rules: the rules contradict each other: no cipher suite of any kind satisfies them all on one day under the same parameters"}},
		"switch both ways": {
			head + "parameters:\n  x: {kind: switch, default: off, text: x}\nrules:\n  - {id: a, source: s, force: law, wanted: w, allow: [{kem.kind: hybrid, with: x}]}\n  - {id: b, source: s, force: law, wanted: w, allow: [{kem.kind: hybrid, without: x}]}\n",
			[]string{"7:1: rules: the rules contradict each other: no cipher suite of any kind satisfies them all on one day under the same parameters"},
		},
		"switch set": {
			head + "extends: asd-ism\nset: {hybrid: off}\nrules:\n  - {id: a, source: s, force: law, wanted: w, allow: [{aead: AES-256-GCM, with: hybrid}]}\n",
			[]string{"7:1: rules: the rules contradict each other: no cipher suite of any kind satisfies them all on one day under the same parameters"},
		},
		"latest": {
			head + "parameters:\n  end: {kind: date, default: 2027-12-31, latest: 2028-12-31, text: x}\nrules:\n  - {id: a, source: s, force: law, wanted: w, allow: [{kem.kind: hybrid, until: end}]}\n  - {id: b, source: s, force: law, wanted: w, allow: [{kem.kind: hybrid, from: 2029-01-01}]}\n",
			[]string{"7:1: rules: the rules contradict each other: no cipher suite of any kind satisfies them all on one day under the same parameters"},
		},
		"all kinds":        {rule("allow: [{kem.kind: [classical, post-quantum, hybrid]}]"), []string{"6:5: rules[0]: together its ways allow everything, so the rule demands nothing"}},
		"all kinds, split": {rule("allow: [{kem.kind: [classical, post-quantum]}, {kem.kind: hybrid, until: 2030-12-31}, {kem.kind: hybrid, from: 2031-01-01}]"), []string{"6:5: rules[0]: together its ways allow everything, so the rule demands nothing"}},
		"all sets":         {rule("allow: [{suite.set: [rfc9420, draft-ietf-mls-pq-ciphersuites-06, other]}]"), []string{"6:5: rules[0]: together its ways allow everything, so the rule demands nothing"}},
		"all days":         {rule("allow: [{until: 2026-01-01}, {from: 2026-01-02}]"), []string{"6:5: rules[0]: together its ways allow everything, so the rule demands nothing"}},
		"all PSK types":    {rule("allow: [{psk.type: [external, resumption, application]}]"), []string{"6:5: rules[0]: together its ways allow everything, so the rule demands nothing"}},
		"all formats":      {rule("allow: [{wire-format: public}, {wire-format: private}]"), []string{"6:5: rules[0]: together its ways allow everything, so the rule demands nothing"}},
		"all lengths":      {rule("allow: [{psk.bytes: {max: 31}}, {psk.bytes: {min: 32}}]"), []string{"6:5: rules[0]: together its ways allow everything, so the rule demands nothing"}},
		"any length":       {rule("allow: [{psk.bytes: {max: 70000}}]"), []string{"6:5: rules[0]: together its ways allow everything, so the rule demands nothing"}},
		"what when says":   {rule("when: {kem.kind: hybrid}|allow: [{kem.kind: [hybrid, classical]}]"), []string{"6:5: rules[0]: together its ways allow everything, so the rule demands nothing"}},
		"no such level":    {rule("allow: [{suite.level: {min: 4096}}]"), []string{"10:13: rules[0].allow[0]: no cipher suite of any kind satisfies it"}},
		"no such PSK":      {rule("allow: [{psk.bytes: {min: 70000}}]"), []string{"10:13: rules[0].allow[0]: no pre-shared key of any kind satisfies it"}},
		"two mandates":     {"profile: own\ntitle: Own\nextends: [bsi-tr-02102-1, cnsa-2.0]\n", []string{"3:1: extends: the rules contradict each other: no cipher suite of any kind satisfies them all"}},

		"parameter kind":    {head + "parameters:\n  p: {kind: number, default: 3, text: t}\n", []string{"6:3: parameters.p: no rule of the profile uses the parameter", `6:7: parameters.p.kind: "number" is not one of: switch, date`}},
		"parameter default": {head + "parameters:\n  p: {kind: date, default: off, text: t}\n", []string{"6:3: parameters.p: no rule of the profile uses the parameter", "6:19: parameters.p.default: parameter p is a date, such as 2030-12-31, not off"}},
		"parameter empty":   {head + "parameters:\n  p: {kind: switch}\n", []string{"6:3: parameters.p: a parameter needs a default", "6:3: parameters.p: a parameter needs a text that says what it means", "6:3: parameters.p: no rule of the profile uses the parameter"}},
		"parameter latest":  {head + "parameters:\n  p: {kind: switch, default: off, latest: 2030-12-31, text: t}\n", []string{"6:3: parameters.p: latest is for dates", "6:3: parameters.p: no rule of the profile uses the parameter"}},
		"parameter too late": {
			head + "parameters:\n  p: {kind: date, default: 2031-01-01, latest: 2030-12-31, text: t}\n",
			[]string{"6:3: parameters.p: no rule of the profile uses the parameter", "6:19: parameters.p.default: parameter p can be at most 2030-12-31"},
		},
		"names": {
			"profile: own\ntitle: Own\nsources:\n  a b: {document: D, date: 2026, checked: 2026, certainty: P}\nparameters:\n  c d: {kind: date, default: 2030-12-31, latest: soon, text: t, unit: day}\n",
			[]string{
				`4:3: sources.a b: "a b" is no name`,
				`6:3: parameters.c d: "c d" is no name`, "6:3: parameters.c d: no rule of the profile uses the parameter",
				`6:42: parameters.c d.latest: "soon" is no date, such as 2030-12-31`,
				"6:65: parameters.c d.unit: unknown key; known here: kind, default, latest, text",
			},
		},
		"declared twice": {
			head + "parameters:\n  p: {kind: switch, default: off, text: t}\n  p: {kind: switch, default: off, text: t}\n",
			[]string{"6:3: parameters.p: no rule of the profile uses the parameter", "7:3: parameters.p: stands twice"},
		},
		"switch as date": {
			head + "parameters:\n  p: {kind: switch, default: off, text: t}\nrules:\n  - {id: r, source: s, force: law, wanted: w, allow: [{hash: SHA-256, until: p}]}\n",
			[]string{"8:71: rules[0].allow[0].until: parameter p is a switch, not a date"},
		},
		"date as switch": {
			head + "extends: anssi\nrules:\n  - {id: r, source: s, force: law, wanted: w, allow: [{hash: SHA-256, with: classical-end}]}\n",
			[]string{"7:71: rules[0].allow[0].with: parameter classical-end is a date, not a switch"},
		},
		"with and without": {
			head + "extends: asd-ism\nrules:\n  - {id: r, source: s, force: law, wanted: w, allow: [{hash: SHA-256, with: hybrid, without: hybrid}]}\n",
			[]string{"7:55: rules[0].allow[0]: no suite satisfies what is with and without hybrid"},
		},
		"with both names": {
			head + "extends: asd-ism\nrules:\n  - {id: r, source: s, force: law, wanted: w, allow: [{hash: SHA-256, with: hybrid, without: asd-ism:hybrid}]}\n",
			[]string{"7:55: rules[0].allow[0]: no suite satisfies what is with and without hybrid"},
		},
		"list of lists": {rule("allow: [{hash: [[SHA-256], SHA-384]}]"), []string{"10:21: rules[0].allow[0].hash[0]: want a value, not a list"}},
		"until of a parameter": {
			head + "extends: anssi\nset: {classical-end: 2028-12-31}\nrules:\n  - {id: r, source: s, force: law, wanted: w, allow: [{from: 2029-01-01, until: classical-end}]}\n",
			[]string{"6:7: set.classical-end: until 2028-12-31 is before from 2029-01-01 in own/r", "8:55: rules[0].allow[0]: until 2028-12-31 is before from 2029-01-01"},
		},
		"set nothing":   {head + "set: {hybrid: on}\n", []string{"5:7: set.hybrid: there is no parameter hybrid"}},
		"set wrongly":   {head + "extends: asd-ism\nset: {hybrid: 2030-12-31}\n", []string{"6:7: set.hybrid: parameter hybrid is a switch: true or false, not 2030-12-31"}},
		"set ambiguous": {head + "extends: [asd-ism, cnsa-2.0-transition]\nset: {hybrid: on}\n", []string{"6:7: set.hybrid: several profiles have a parameter hybrid: write asd-ism:hybrid or cnsa-2.0-transition:hybrid"}},

		"note":          {head + "notes:\n  - {when: {hash: SHA-256}}\n", []string{"6:5: notes[0]: a note needs a text"}},
		"note key":      {head + "notes:\n  - {text: t, colour: red}\n", []string{"6:15: notes[0].colour: unknown key; known here: text, certainty, when"}},
		"note on PSKs":  {head + "notes:\n  - {text: t, when: {psk.bytes: 3}}\n", []string{"6:22: notes[0].when.psk.bytes: a note is on suites or pairs of groups, and cannot ask for psk.bytes"}},
		"note on none":  {head + "notes:\n  - {text: t, when: [{kem.kind: hybrid}, {kem.kind: hybrid, kem.classical: none}]}\n", []string{"4:3: sources.s: no rule comes from this source", "6:5: notes[0]: no cipher suite of any kind is as when says"}},
		"move":          {head + "moves:\n  - {from: a, too: b}\n", []string{"6:5: moves[0]: a move needs from, to and reason", "6:15: moves[0].too: unknown key; known here: from, to, reason"}},
		"move of where": {head + "moves:\n  - {from: MLS_256_DHKEMP521_AES256GCM_SHA512_P521, to: b, reason: c}\n", []string{"4:3: sources.s: no rule comes from this source", `6:5: moves[0]: unknown suite "b"; known: MLS_128`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := policy.Builtin().Add(policy.File{Name: "own.yaml", Data: []byte(c.file)})
			var problems policy.Problems
			require.ErrorAs(t, err, &problems)
			var got []string
			for _, p := range problems {
				require.Equal(t, "own.yaml", p.File)
				got = append(got, strings.TrimPrefix(p.String(), "own.yaml:"))
			}
			require.Len(t, got, len(c.want), "%q", got)
			for i := range got {
				require.True(t, strings.HasPrefix(got[i], c.want[i]), "got %q, want %q", got[i], c.want[i])
			}
		})
	}
}

// What looks much like it demands something, or can be satisfied.
func TestLintPasses(t *testing.T) {
	for name, file := range map[string]string{
		"all known hashes": rule("allow: [{hash: [SHA-256, SHA-384, SHA-512]}]"),
		"all known KEMs":   rule("allow: [{kem.post-quantum: [ML-KEM-512, ML-KEM-768, ML-KEM-1024]}, {kem.classical: [X25519, X448, P-256, P-384, P-521]}]"),
		"a day between":    rule("allow: [{until: 2026-01-01}, {from: 2026-01-03}]"),
		"a byte between":   rule("allow: [{psk.bytes: {max: 30}}, {psk.bytes: {min: 32}}]"),
		"a longer life":    rule("allow: [{key-package.lifetime: {max: 90d}}]"),
		"an old module":    rule("allow: [{module.version: {min: v1.26.0}}]"),
		"on one day":       rule("allow: [{until: 2026-01-01}]") + "  - {id: q, source: s, force: law, wanted: w, allow: [{from: 2026-01-01}]}\n",
		"a later end":      head + "parameters:\n  end: {kind: date, default: 2027-12-31, text: x}\nrules:\n  - {id: a, source: s, force: law, wanted: w, allow: [{until: end}]}\n  - {id: b, source: s, force: law, wanted: w, allow: [{from: 2029-01-01}]}\n",
		"a switch on":      head + "extends: asd-ism\nrules:\n  - {id: a, source: s, force: law, wanted: w, allow: [{aead: AES-256-GCM, with: hybrid}]}\n",
	} {
		require.Nil(t, lint(policy.File{Name: "own.yaml", Data: []byte(file)}), name)
	}
}

// Everything that is wrong is reported at once, file by file and line by line.
func TestLintReportsAll(t *testing.T) {
	problems := lint(
		policy.File{Name: "b.yaml", Data: []byte("profile: b\nextends: [c, none-such]\ncolour: red\n")},
		policy.File{Name: "a.yaml", Data: []byte("profile: c\ntitle: t\nexisting: maybe\nrules: 3\n")},
	)
	require.EqualError(t, problems, `policy: b.yaml:1:1: a profile needs a title
b.yaml:2:14: extends[1]: there is no profile none-such to extend
b.yaml:3:1: colour: unknown key; known here: format, profile, title, text, version, date, audience, classification, zone, ends, extends, existing, sources, parameters, set, rules, notes, moves
a.yaml:3:1: existing: "maybe" is not one of: report, receive-only, refuse
a.yaml:4:1: rules: want a list, not "3"`)
	require.Equal(t, policy.Position{File: "b.yaml", Line: 2, Column: 14, Key: "extends[1]"}, problems[1].Position)

	_, err := policy.Parse("a.yaml", []byte("profile: c\n"))
	require.Equal(t, lint(policy.File{Name: "a.yaml", Data: []byte("profile: c\n")}), err)
	require.Nil(t, lint(policy.File{Name: "a.yaml", Data: []byte("profile: c\ntitle: t\n")}))
	wide := head + "rules: [" + strings.Repeat("{}, ", 500) + "{}]\n"
	require.Len(t, lint(policy.File{Name: "a.yaml", Data: []byte(wide)}), 100)
	require.Len(t, lint(policy.File{Name: "a.yaml", Data: make([]byte, 1<<20)}), 1)
}

func TestCycles(t *testing.T) {
	file := func(name, extends string) policy.File {
		return policy.File{Name: name + ".yaml", Data: []byte("profile: " + name + "\ntitle: t\nextends: [" + extends + "]\n")}
	}
	var got []string
	for _, p := range lint(file("a", "b"), file("b", "any, c"), file("c", "a"), file("d", "c"), file("e", "any")) {
		got = append(got, p.String())
	}
	require.Equal(t, []string{
		"a.yaml:3:1: extends: a extends itself",
		"b.yaml:3:1: extends: b extends itself",
		"c.yaml:3:1: extends: c extends itself",
	}, got)
	// Two ways to one profile are no cycle, in whatever order the files are.
	l, err := policy.Builtin().Add(file("d", "b, c"), file("b", "a"), file("c", "a"), file("a", "anssi"))
	require.NoError(t, err)
	p, err := l.Policy("d")
	require.NoError(t, err)
	var order []string
	for _, q := range p.Profiles() {
		order = append(order, q.Name)
	}
	require.Equal(t, []string{"anssi", "a", "b", "c", "d"}, order)
	require.Len(t, p.Rules(), 5)
}

// A value that a file sets has to make sense in the rules that it inherits.
func TestSetIsCheckedInInheritedRules(t *testing.T) {
	parent := policy.File{Name: "parent.yaml", Data: []byte(head + `parameters:
  end: {kind: date, default: 2030-12-31, text: t}
rules:
  - {id: r, source: s, force: law, wanted: w, allow: [{hash: SHA-256, from: 2028-01-01, until: end}]}
`)}
	child := func(end string) policy.File {
		return policy.File{Name: "child.yaml", Data: []byte("profile: child\ntitle: t\nextends: own\nset: {end: " + end + "}\n")}
	}
	require.Nil(t, lint(parent, child("2028-01-01")))
	require.EqualError(t, lint(parent, child("2027-12-31")),
		"policy: child.yaml:4:7: set.end: until 2027-12-31 is before from 2028-01-01 in own/r")
}

// One mistake is one problem, also where it has consequences.
func TestOneMistakeIsOneProblem(t *testing.T) {
	good := map[string]string{
		"id": "r", "source": "s", "force": "law", "wanted": "w", "allow": "[{hash: SHA-256, with: p}]",
	}
	file := func(change map[string]string, rename map[string]string) policy.File {
		text := head + "parameters:\n  p: {kind: switch, default: off, text: t}\nrules:\n  -\n"
		for _, key := range []string{"id", "source", "force", "wanted", "allow"} {
			value := good[key]
			if v, ok := change[key]; ok {
				value = v
			}
			if k, ok := rename[key]; ok {
				key = k
			}
			text += "    " + key + ": " + value + "\n"
		}
		return policy.File{Name: "own.yaml", Data: []byte(text)}
	}
	require.Nil(t, lint(file(nil, nil)))
	for key, wrong := range map[string][]string{
		"id": {"a b", "", "[a]"}, "source": {"t", "", "[a]"}, "force": {"lax", "", "[law]"}, "wanted": {"", "[a]"},
		"allow": {"", "a", "[]", "[{hash: SHA-255, with: p}]", "[{hash: SHA-256, with: q}]", "[{hash: SHA-256, until: p}]", "[{hsh: SHA-256, with: p}]", "[{hash: [], with: p}]"},
	} {
		for _, v := range wrong {
			require.Len(t, lint(file(map[string]string{key: v}, nil)), 1, "%s: %s", key, v)
		}
		for _, slip := range []string{key + "x", key[1:], "x" + key[1:], key[1:2] + key[:1] + key[2:]} {
			require.Len(t, lint(file(nil, map[string]string{key: slip})), 1, "%s for %s", slip, key)
		}
		require.Len(t, lint(file(nil, map[string]string{key: "colour"})), 2, "%s is missing, and colour is unknown", key)
	}
	for name, text := range map[string]string{
		"profile":   "profile: a b\ntitle: t\n",
		"title":     "profile: a\ntitel: t\n",
		"extends":   "profile: a\ntitle: t\nextends: b\nset: {hybrid: on}\n",
		"parameter": head + "parameters:\n  p: {kind: swich, default: off, text: t}\nrules: [{id: r, source: s, force: law, wanted: w, allow: [{hash: SHA-256, with: p}]}]\n",
		"source":    "profile: a\ntitle: t\nsources: {s: {document: d, date: 20, checked: 2026}}\nrules: [{id: r, source: s, force: law, wanted: w, allow: [{hash: SHA-256}]}]\n",
		"note":      head + "notes: [{txet: t}]\n",
		"move":      head + "moves: [{from: a, too: b, reason: r}]\n",
		"when":      head + "rules: [{id: r, source: s, force: law, wanted: w, when: {hash: SHA-255}, allow: [{hash: SHA-256}]}]\n",
		"packages":  head + "rules: [{id: r, source: s, force: law, wanted: w, allow: [{provenance: {only: [a, /b], some: [b]}}]}]\n",
	} {
		require.Len(t, lint(policy.File{Name: "own.yaml", Data: []byte(text)}), 1, name)
	}
	// A contradiction of a profile is not that of those who extend it.
	parent := policy.File{Name: "parent.yaml", Data: []byte(head + "rules:\n" +
		"  - {id: a, source: s, force: law, wanted: w, allow: [{hash: SHA-256}]}\n" +
		"  - {id: b, source: s, force: law, wanted: w, allow: [{hash: SHA-384}]}\n")}
	child := policy.File{Name: "child.yaml", Data: []byte("profile: child\ntitle: t\nextends: own\n")}
	require.Len(t, lint(child, parent), 1)
}

// What is wrong with a profile by itself is reported, also where what it extends is
// wrong.
func TestBrokenParentHidesNothing(t *testing.T) {
	file := func(name, extends string) policy.File {
		return policy.File{Name: name + ".yaml", Data: []byte("profile: " + name + "\ntitle: t\n" + extends +
			"sources: {s: {document: D, date: 2026, checked: 2026-11-21}}\nrules:\n" +
			"  - {id: r, source: s, force: law, wanted: w, allow: [{hash: SHA-256, kdf: HKDF-SHA384}]}\n")}
	}
	require.EqualError(t, lint(file("a", ""), file("b", "extends: a\n"), file("c", "")),
		`policy: a.yaml:5:55: rules[0].allow[0]: no cipher suite of any kind satisfies it
b.yaml:6:55: rules[0].allow[0]: no cipher suite of any kind satisfies it
c.yaml:5:55: rules[0].allow[0]: no cipher suite of any kind satisfies it`)
}

// A file can be stricter than what it extends, and not milder.
func TestExtends(t *testing.T) {
	file := func(name, text string) policy.File {
		return policy.File{Name: name + ".yaml", Data: []byte("profile: " + name + "\ntitle: t\n" + text)}
	}
	strict := file("strict", "extends: asd-ism\nexisting: receive-only\nset: {hybrid: on}\n")
	problems := lint(strict, file("mild", "extends: strict\nexisting: report\n"), file("other", "extends: strict\nset: {hybrid: off}\n"))
	require.EqualError(t, problems, `policy: mild.yaml:4:1: existing: mild extends strict, whose receive-only it cannot loosen
other.yaml:4:7: set.hybrid: strict sets it to on for good (strict.yaml:5)`)
	problems = lint(strict, file("off", "extends: asd-ism\nset: {hybrid: off}\n"), file("both", "extends: [strict, off]\n"))
	require.EqualError(t, problems, "policy: both.yaml:3:1: extends: strict and off set asd-ism:hybrid to different values")

	l, err := policy.Builtin().Add(strict, file("child", "extends: strict\nset: {hybrid: true}\n"))
	require.NoError(t, err)
	p, err := l.Policy("child")
	require.NoError(t, err)
	require.Equal(t, policy.ReceiveOnly, p.Existing())
	require.True(t, p.Verdict(suites()["T5"], tableDate).Allow)
	require.True(t, p.Parameters()[0].Fixed)
	_, err = p.With("hybrid=false")
	require.EqualError(t, err, "policy: child: parameter asd-ism:hybrid is set to on for good")
	same, err := p.With("hybrid")
	require.NoError(t, err)
	require.Equal(t, judge(p, tableDate), judge(same, tableDate))

	// What a file sets off for good is no way out of a denial.
	never, err := policy.Parse("never.yaml", file("never", "extends: asd-ism\nset: {hybrid: off}\n").Data)
	require.NoError(t, err)
	require.Equal(t, "deny", never.Verdict(suites()["T5"], tableDate).String())
}
