package policy

import (
	"fmt"
	"sync"

	"github.com/mlsuite/mlsuite/suite"
)

// Property is a respect in which a suite can be weaker than another.
type Property string

// The properties that [Weaker] compares.
const (
	PQConfidentiality Property = "post-quantum confidentiality"
	PQAuthenticity    Property = "post-quantum authenticity"
	KEMLevel          Property = "KEM level"
	SignatureLevel    Property = "signature level"
	HashLength        Property = "hash"
	AEADStrength      Property = "AEAD"
)

// Weakness is a property in which one suite is weaker than another.
type Weakness struct {
	Property Property
	From, To string // what the suites have, such as "SHA-512" and "SHA-384"
}

func (w Weakness) String() string {
	return fmt.Sprintf("%s falls from %s to %s", w.Property, w.From, w.To)
}

// Weaker returns the properties in which the suite to is weaker than from: lower
// post-quantum confidentiality or authenticity, a lower level of KEM or signature, a
// shorter hash, or an AEAD with a shorter key. It returns nil if to is as strong in all.
//
// Post-quantum parts are compared by their levels, and not only by whether there is one.
func Weaker(from, to suite.Info) []Weakness {
	var all []Weakness
	compare := func(p Property, from, to int, fromText, toText string) {
		if to < from {
			all = append(all, Weakness{p, fromText, toText})
		}
	}
	compare(PQConfidentiality, quantumLevel(from.KEM.PostQuantum, from.KEM.Level), quantumLevel(to.KEM.PostQuantum, to.KEM.Level),
		orNone(from.KEM.PostQuantum), orNone(to.KEM.PostQuantum))
	compare(PQAuthenticity, quantumLevel(from.Signature.PostQuantum, from.Signature.Level), quantumLevel(to.Signature.PostQuantum, to.Signature.Level),
		orNone(from.Signature.PostQuantum), orNone(to.Signature.PostQuantum))
	for _, level := range []struct {
		of       Property
		from, to int
	}{{KEMLevel, from.KEM.Level, to.KEM.Level}, {SignatureLevel, from.Signature.Level, to.Signature.Level}} {
		if level.to < level.from {
			all = append(all, Weakness{level.of, bits(level.from), bits(level.to)})
		}
	}
	compare(HashLength, from.Hash.Size, to.Hash.Size, from.Hash.Name, to.Hash.Name)
	compare(AEADStrength, from.AEAD.Nk, to.AEAD.Nk, from.AEAD.Name, to.AEAD.Name)
	return all
}

// quantumLevel returns the level of a post-quantum part, or 0 if there is none. For an
// unknown primitive, it returns the level of the whole.
func quantumLevel(primitive string, whole int) int {
	if primitive == "" {
		return 0
	}
	if level, ok := quantumLevels()[primitive]; ok {
		return level
	}
	return whole
}

// quantumLevels returns the levels of the post-quantum primitives in the tables. The map is
// shared and not to be changed.
var quantumLevels = sync.OnceValue(func() map[string]int {
	levels := map[string]int{}
	for _, row := range suite.KEMs() {
		if !row.Info.Hybrid() {
			levels[row.Info.PostQuantum] = row.Info.Level
		}
	}
	for _, row := range suite.SignatureSchemes() {
		if _, ok := levels[row.Info.PostQuantum]; !ok {
			levels[row.Info.PostQuantum] = row.Info.Level
		}
	}
	return levels
})

func bits(level int) string { return fmt.Sprintf("%d bits", level) }
