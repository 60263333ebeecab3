// Package provenance lets the parts of suites that this module has prove that they
// are this module's, so that what they say of who provides a primitive is evidence,
// and not the word of whoever wrote the part.
//
// Nobody outside the module can import it, name [Proof] or make a [Mark]. A part of
// somebody else's that embeds one of this module's has its method, and so its proof;
// but that proof is of the embedded part, and not of what embeds it.
package provenance

import "reflect"

// Proof is what a part of this module's says of itself: which value it is.
type Proof struct{ part any }

// Of returns the proof of a part. A part gives it of itself alone, whose type is
// comparable and has no field that others can set.
func Of(part any) Proof { return Proof{part} }

// Own reports whether a part is this module's: whether it gives the proof of itself.
func Own(part any) bool {
	p, ok := part.(interface{ Own() Proof })
	return ok && reflect.TypeOf(part).Comparable() && p.Own().part == part
}

// Mark says that it is this module that calls. Its zero value does not.
type Mark struct{ own bool }

// This returns the mark of this module.
func This() Mark { return Mark{own: true} }

// Valid reports whether this module made the mark.
func (m Mark) Valid() bool { return m.own }
