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

	// SelfDeclared says that somebody else's part or suite claims this itself, so that it
	// is no evidence.
	SelfDeclared bool
}

// Providers lists the packages that provide a primitive and the primitives that it is
// made of. It is immutable.
type Providers struct{ list []Provided }

// ProvidedBy returns the providers of a primitive.
func ProvidedBy(list ...Provided) Providers { return Providers{slices.Clone(list)} }

// List returns the providers in a new slice.
func (p Providers) List() []Provided { return slices.Clone(p.list) }

// All yields the providers.
func (p Providers) All() iter.Seq[Provided] { return slices.Values(p.list) }

// Len returns the number of providers.
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

// SelfDeclared returns p marked as self-declared. If p is empty, it says that nobody
// tells who provides the primitive.
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

// SaidBy returns p unchanged if part is a part of this module, and SelfDeclared
// otherwise. A part that only embeds or wraps one of this module is not one.
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
// that [New] made derives it from its parts: what parts of this module say is kept, and
// what other parts say is marked [Provided.SelfDeclared]. For any other Suite, even one
// that wraps a composed suite, everything is marked.
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
