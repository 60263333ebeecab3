package policy

import (
	"slices"
	"sync"

	"github.com/mlsuite/mlsuite/registry"
	"github.com/mlsuite/mlsuite/suite"
)

// known is a suite that a document defines.
type known struct {
	registry.Definition
	set  string
	info suite.Info // of the Definition
}

// knownSuites returns the suites of RFC 9420 and of the draft, in that order. The
// draft's have no code points of their own. The slice is shared and not to be changed.
var knownSuites = sync.OnceValue(func() []known {
	draft, err := registry.PQDraft(registry.PrivateUse())
	if err != nil {
		panic(err) // the registry's tables contradict each other
	}
	var all []known
	for _, d := range registry.RFC9420() {
		all = append(all, known{d, sets[0], d.Info()})
	}
	for _, d := range draft {
		d.ID = 0
		all = append(all, known{d, sets[1], d.Info()})
	}
	return all
})

// setOf returns the set that a suite belongs to. A suite that only takes another's name
// belongs to no document's set.
func setOf(all map[string]known, i *suite.Info) string {
	k, ok := all[i.Name]
	if !ok || i.Level != k.Level || i.KEM.ID != k.KEM || i.KEM.Derivation != k.Derivation || i.KDF.ID != k.KDF || i.AEAD.ID != k.AEAD ||
		i.Hash.Hash != k.Hash || i.Signature.Scheme != k.Signature || k.ID != 0 && i.ID != k.ID {
		return "other"
	}
	return k.set
}

// standardParts returns the parts of the KEMs and of the signature schemes in the tables.
func standardParts() (kems, signatures *parts) {
	kems, signatures = &parts{level: map[string]int{}}, &parts{level: map[string]int{}}
	for _, row := range suite.KEMs() {
		kems.add(row.Info.Classical, row.Info.PostQuantum, row.Info.Level)
	}
	for _, row := range suite.SignatureSchemes() {
		signatures.add(row.Info.Classical, row.Info.PostQuantum, row.Info.Level)
	}
	return kems, signatures
}

// parts are the parts of which KEMs or signature schemes are made.
type parts struct {
	classical, postQuantum []string
	level                  map[string]int
}

// add adds the parts of a primitive. A new part gets the level of the whole.
func (p *parts) add(classical, postQuantum string, level int) {
	for _, one := range []struct {
		list *[]string
		name string
	}{{&p.classical, classical}, {&p.postQuantum, postQuantum}} {
		if one.name == "" || slices.Contains(*one.list, one.name) {
			continue
		}
		*one.list = append(*one.list, one.name)
		p.level[one.name] = level
	}
}

// pair is a primitive with a classical part, a post-quantum part or both.
type pair struct {
	classical, postQuantum string
	level                  int
}

// declared reports whether the primitive says what it is made of. No rule allows a
// primitive that does not.
func (p pair) declared() bool { return p.classical != "" || p.postQuantum != "" }

// pairs returns every part alone and combined with each part of the other kind.
func (p *parts) pairs() []pair {
	var all []pair
	for _, c := range append([]string{""}, p.classical...) {
		for _, q := range append([]string{""}, p.postQuantum...) {
			if one := (pair{c, q, max(p.level[c], p.level[q])}); one.declared() {
				all = append(all, one)
			}
		}
	}
	return all
}
