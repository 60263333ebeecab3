package suite

import (
	"iter"
	"slices"

	"github.com/mlsuite/mlsuite/internal/provenance"
)

// Provided says which package provides a primitive.
type Provided struct {
	Primitive string // such as "ML-KEM-768"
	Package   string // import path, such as "crypto/mlkem"

	// SelfDeclared says that it is the word of a part or of a suite that is not this
	// module's, and so no evidence.
	SelfDeclared bool
}

// Providers says which packages provide a primitive and what it is made of. It is
// immutable.
type Providers struct{ list []Provided }

// ProvidedBy returns the providers of a primitive.
func ProvidedBy(list ...Provided) Providers { return Providers{slices.Clone(list)} }

// List returns the providers, in a slice of the caller's.
func (p Providers) List() []Provided { return slices.Clone(p.list) }

// All yields the providers.
func (p Providers) All() iter.Seq[Provided] { return slices.Values(p.list) }

// Len returns how many there are.
func (p Providers) Len() int { return len(p.list) }

// Equal reports whether p and q have the same providers in the same order.
func (p Providers) Equal(q Providers) bool { return slices.Equal(p.list, q.list) }

// With returns p and the providers of others, each once.
func (p Providers) With(others ...Providers) Providers {
	all := slices.Clone(p.list)
	for _, q := range others {
		for _, one := range q.list {
			if !slices.Contains(all, one) {
				all = append(all, one)
			}
		}
	}
	return Providers{all}
}

// SelfDeclared returns p marked as somebody's own word. If p is empty, it says that
// nobody tells who provides the primitive.
func (p Providers) SelfDeclared(primitive string) Providers {
	list := slices.Clone(p.list)
	if len(list) == 0 {
		list = []Provided{{Primitive: primitive}}
	}
	for i := range list {
		list[i].SelfDeclared = true
	}
	return Providers{list}
}

// SaidBy returns p as it stands if the part of a suite that says so is this module's,
// and otherwise as SelfDeclared. A part that only embeds or wraps one of this module's
// is none.
func (p Providers) SaidBy(part any, primitive string) Providers {
	if provenance.Own(part) {
		return p
	}
	return p.SelfDeclared(primitive)
}

// Providers returns the providers of all primitives, each once.
func (i Info) Providers() Providers {
	return Providers{}.With(i.KEM.Provenance, i.KDF.Provenance, i.AEAD.Provenance, i.Hash.Provenance, i.Signature.Provenance)
}

// Describe returns the description of s with a provenance that can be judged. A suite
// that [New] made derives it from its parts: what the parts of this module say stands,
// and what the parts of others say is marked [Provided.SelfDeclared]. Of any other
// Suite, one that wraps a composed suite included, all is marked so.
func Describe(s Suite) Info {
	i := s.Info()
	if _, composed := s.(*composed); composed {
		return i
	}
	i.KEM.Provenance = i.KEM.Provenance.SelfDeclared(i.KEM.Name)
	i.KDF.Provenance = i.KDF.Provenance.SelfDeclared(i.KDF.Name)
	i.AEAD.Provenance = i.AEAD.Provenance.SelfDeclared(i.AEAD.Name)
	i.Hash.Provenance = i.Hash.Provenance.SelfDeclared(i.Hash.Name)
	i.Signature.Provenance = i.Signature.Provenance.SelfDeclared(i.Signature.Name)
	return i
}

// Provenance says which package provides each primitive of s, each once, as
// [Describe] marks it.
func Provenance(s Suite) []Provided { return Describe(s).Providers().List() }
