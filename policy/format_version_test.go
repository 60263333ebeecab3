package policy

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v4"
)

// firstVersion is the version of the format in which each key, fact and word came, apart from
// what the first one had. A later version that adds one adds it here.
var firstVersion = map[string]int{
	"format": 2, "audience": 2, "classification": 2, "zone": 2, "ends": 2, "since": 2, "otherwise": 2, "given": 2, "in": 2,
	"kem.kdf": 2, "kem.hash": 2, "kem.combiner": 2, "signature.hash": 2,
	"certificate.position": 2, "certificate.key": 2, "certificate.key-bits": 2, "certificate.signature": 2, "certificate.hash": 2,
	"sender.message": 2, "sender.lapse": 2, "token.name": 2, "token.certificate": 2,

	"legs": 3, "pair.mode": 3, "member.view": 3, "member.leaves": 3,

	"component.id": 4, "component.proposal": 4, "psk.type: application": 4,
}

// firstOnes are the facts and keys of the first version.
var firstOnes = strings.Fields(`
	profile title text version date extends existing set sources parameters rules notes moves
	document section checked certainty kind default latest id source force wanted when allow
	from until with without to reason profile
	suite.set suite.name suite.code-point suite.level kem.kind kem.classical kem.post-quantum kem.level kem.derivation
	signature.kind signature.classical signature.post-quantum signature.level aead aead.key-bits hash hash.bits kdf
	provenance provenance.self-declared module.version credential.type key-package.lifetime psk.type psk.bytes wire-format`)

// versionOf returns the version in which a key or fact came.
func versionOf(name string) int {
	if _, _, ok := legPart(name); ok {
		return max(3, versionOf(name[strings.IndexByte(name, '.')+1:]))
	}
	return max(1, firstVersion[name])
}

// needs returns the least version of the format that has all keys, facts and words below n.
// Keys of the mappings in named are names that the file chooses.
func needs(n *yaml.Node, named bool) int {
	least := 1
	for i, child := range n.Content {
		under := ""
		if n.Kind == yaml.MappingNode && i%2 == 0 {
			if !named {
				least = max(least, versionOf(child.Value))
			}
			continue
		}
		if n.Kind == yaml.MappingNode {
			under = n.Content[i-1].Value
			for _, word := range scalars(child) {
				least = max(least, firstVersion[under+": "+word])
			}
		}
		own := !named && (under == "sources" || under == "parameters" || under == "set" || under == "given")
		least = max(least, needs(child, own))
	}
	return least
}

// scalars returns all scalars of a value.
func scalars(n *yaml.Node) []string {
	all := []string{n.Value}
	for _, child := range n.Content {
		all = append(all, scalars(child)...)
	}
	return all
}

// The version of the format is the one in which its last key came, and the page is of that
// version. Every key and fact has one.
func TestFormatVersionIsOfTheLastKey(t *testing.T) {
	require.Equal(t, formatVersion, slices.Max(slices.Collect(maps.Values(firstVersion))))
	page, err := os.ReadFile("FORMAT.md")
	require.NoError(t, err)
	require.Contains(t, string(page), fmt.Sprintf("This page is version %d;", formatVersion))
	var names []string
	for _, keys := range [][]string{topKeys, sourceKeys, parameterKeys, ruleKeys, alternativeKeys, extendsKeys, noteKeys, moveKeys} {
		names = append(names, keys...)
	}
	for _, f := range newVocabulary().facts {
		if _, _, ok := legPart(f.name); !ok {
			names = append(names, f.name)
		}
	}
	for _, name := range names {
		_, later := firstVersion[name]
		require.NotEqual(t, later, slices.Contains(firstOnes, name), "%s has one version", name)
	}
}

// A built-in profile that needs a later version of the format than the second, which brought
// the key for it, says so: an older program that is given the file then says that it is too
// old. None says more than it needs.
func TestProfilesSayTheirFormat(t *testing.T) {
	for _, file := range builtinFiles() {
		var document yaml.Node
		require.NoError(t, yaml.Unmarshal(file.Data, &document), file.Name)
		top := document.Content[0]
		said := 2
		for i := 0; i < len(top.Content); i += 2 {
			if top.Content[i].Value == "format" {
				var err error
				said, err = strconv.Atoi(top.Content[i+1].Value)
				require.NoError(t, err, file.Name)
				require.Greater(t, said, 2, "%s: need not say it", file.Name)
			}
		}
		require.Equal(t, max(2, needs(top, false)), said, file.Name)
	}
}

// The least version is found wherever a file has what is new in it.
func TestNeededFormat(t *testing.T) {
	for text, want := range map[string]int{
		"profile: p\nrules: [{id: legs, allow: [{hash: SHA-256}]}]":           1,
		"profile: p\nset: {legs: on}\nsources: {legs: {document: D}}":         1,
		"profile: p\nparameters: {zone: {kind: switch}}":                      1,
		"profile: p\nrules: [{allow: [{given: {legs: {max: 2026}}}]}]":        2,
		"profile: p\nextends: [{profile: any, since: 2026}]":                  2,
		"profile: p\nrules: [{legs: none}]":                                   3,
		"profile: p\nrules: [{when: {pq.kem.kind: hybrid}}]":                  3,
		"profile: p\nnotes: [{when: [{hash: SHA-256}, {t.hash: SHA-256}]}]":   3,
		"profile: p\nrules: [{allow: [{psk.type: external}]}]":                1,
		"profile: p\nrules: [{allow: [{psk.type: [external, application]}]}]": 4,
		"profile: p\nrules: [{allow: [{psk.type: {not: [application]}}]}]":    4,
		"profile: p\nrules: [{allow: [{component.id: 0x8001}]}]":              4,
	} {
		var document yaml.Node
		require.NoError(t, yaml.Unmarshal([]byte(text), &document), text)
		require.Equal(t, want, needs(document.Content[0], false), text)
	}
}
