package policy

import (
	"cmp"
	"iter"
	"slices"

	"github.com/mlsuite/mlsuite/suite"
)

// vocabulary is what the conditions of a file can name: the suites of RFC 9420 and of the
// draft, the algorithms of the tables of package suite, and what suites from elsewhere say
// of themselves. It is immutable.
type vocabulary struct {
	facts       []fact
	suites      []known  // of documents
	names       []string // of these suites and of those from elsewhere
	kems        *parts
	signatures  *parts
	derivations []string
	kdfs        []string // inside of KEMs
	combiners   []string
	aeads       []suite.AEADInfo
	hashes      []hashAndKDF
	elsewhere   []suite.Info

	signatureHashes []string

	allKEMs       []suite.KEMInfo // of every kind
	allSignatures []suite.SignatureInfo
}

// hashAndKDF are one choice: the KDF of a suite is HKDF with its hash.
type hashAndKDF struct {
	hash suite.HashInfo
	kdf  suite.KDFInfo
}

// newVocabulary returns the vocabulary together with what suites from elsewhere bring.
func newVocabulary(elsewhere ...suite.Info) *vocabulary {
	v := &vocabulary{
		suites:      knownSuites(),
		derivations: []string{suite.DerivationLabelled, suite.DerivationUnlabelled, suite.DerivationRaw},
		combiners:   []string{suite.CombinerC2PRI, suite.CombinerCatKDF, suite.CombinerCasKDF, suite.CombinerKeyCombine},
		elsewhere:   elsewhere,
	}
	for _, row := range suite.KEMs() {
		add(&v.kdfs, row.Info.KDF)
	}
	for _, row := range suite.SignatureSchemes() {
		add(&v.signatureHashes, row.Info.Hash)
	}
	v.kems, v.signatures = standardParts()
	for _, row := range suite.AEADs() {
		v.aeads = append(v.aeads, row.Info)
	}
	for _, k := range v.suites {
		v.addSuite(k.info)
	}
	slices.SortStableFunc(v.hashes, func(a, b hashAndKDF) int { return cmp.Compare(a.hash.Size, b.hash.Size) })
	// A primitive with one part says the level of that part, so it goes first.
	for _, hybrid := range []bool{false, true} {
		for _, i := range elsewhere {
			if i.KEM.Hybrid() == hybrid {
				v.kems.add(i.KEM.Classical, i.KEM.PostQuantum, i.KEM.Level)
			}
			if i.Signature.Hybrid() == hybrid {
				v.signatures.add(i.Signature.Classical, i.Signature.PostQuantum, i.Signature.Level)
			}
		}
	}
	for _, i := range elsewhere {
		v.addSuite(i)
	}
	v.allKEMs, v.allSignatures, v.facts = v.kemKinds(), v.signatureKinds(), v.allFacts()
	return v
}

// addSuite adds what a suite has apart from its KEM and its signature scheme.
func (v *vocabulary) addSuite(i suite.Info) {
	add(&v.names, i.Name)
	add(&v.derivations, i.KEM.Derivation)
	add(&v.kdfs, i.KEM.KDF)
	add(&v.combiners, i.KEM.Combiner)
	add(&v.signatureHashes, i.Signature.Hash)
	if a := i.AEAD; a.Name != "" && !slices.ContainsFunc(v.aeads, func(b suite.AEADInfo) bool { return b.Name == a.Name && b.Nk == a.Nk }) {
		v.aeads = append(v.aeads, a)
	}
	h := hashAndKDF{i.Hash, i.KDF}
	if h.hash.Name != "" && !slices.ContainsFunc(v.hashes, func(o hashAndKDF) bool {
		return o.hash.Name == h.hash.Name && o.hash.Size == h.hash.Size && o.kdf.Name == h.kdf.Name
	}) {
		v.hashes = append(v.hashes, h)
	}
}

// add adds a word to a list, once.
func add(list *[]string, w string) {
	if w != "" && !slices.Contains(*list, w) {
		*list = append(*list, w)
	}
}

// with returns the vocabulary together with what more suites bring.
func (v *vocabulary) with(suites iter.Seq[suite.Info]) *vocabulary {
	return newVocabulary(slices.AppendSeq(slices.Clip(v.elsewhere), suites)...)
}

// namesOf returns the words for primitives, each once.
func namesOf[T any](list []T, name func(T) string) []string {
	var all []string
	for _, one := range list {
		if n := name(one); !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return all
}

// kemKinds returns a KEM of every kind that conditions can tell apart.
func (v *vocabulary) kemKinds() []suite.KEMInfo {
	var all []suite.KEMInfo
	addKind := func(p pair, derivation string) {
		if !slices.ContainsFunc(all, func(i suite.KEMInfo) bool {
			return pair{i.Classical, i.PostQuantum, i.Level} == p && i.Derivation == derivation
		}) {
			all = append(all, suite.KEMInfo{Classical: p.classical, PostQuantum: p.postQuantum, Level: p.level, Derivation: derivation})
		}
	}
	for _, p := range v.kems.pairs() {
		if p.postQuantum == "" {
			addKind(p, "") // as RFC 9180 says
			continue
		}
		for _, d := range v.derivations {
			addKind(p, d)
		}
	}
	for _, i := range v.elsewhere {
		if p := (pair{i.KEM.Classical, i.KEM.PostQuantum, i.KEM.Level}); p.declared() {
			addKind(p, i.KEM.Derivation)
		}
	}
	return all
}

// signatureKinds returns a signature scheme of every kind that conditions can tell apart.
func (v *vocabulary) signatureKinds() []suite.SignatureInfo {
	kinds := v.signatures.pairs()
	for _, i := range v.elsewhere {
		if p := (pair{i.Signature.Classical, i.Signature.PostQuantum, i.Signature.Level}); p.declared() && !slices.Contains(kinds, p) {
			kinds = append(kinds, p)
		}
	}
	var all []suite.SignatureInfo
	for _, p := range kinds {
		all = append(all, suite.SignatureInfo{Classical: p.classical, PostQuantum: p.postQuantum, Level: p.level})
	}
	return all
}
