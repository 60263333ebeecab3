// Package provenance lets this module's parts of suites prove that they are this module's.
// What such a part says of the provider of a primitive is then evidence, and not just its
// author's word.
//
// Nobody outside the module can import this package, name [Proof] or make a [Mark]. Somebody
// else's part that embeds one of this module has its method, and so its proof; but the proof
// is of the embedded part and not of the part that embeds it.
package provenance

import "reflect"

// Proof is what a part of this module says of itself: which value it is.
type Proof struct{ part any }

// Of returns the proof of a part. A part calls it only for itself. Its type is comparable
// and has no field that others can set.
func Of(part any) Proof { return Proof{part} }

// Own reports whether a part is this module's: whether it gives a proof of itself.
func Own(part any) bool {
	p, ok := part.(interface{ Own() Proof })
	return ok && reflect.TypeOf(part).Comparable() && p.Own().part == part
}

// Mark says that this module makes a call. Its zero value does not.
type Mark struct{ own bool }

// This returns the mark of this module.
func This() Mark { return Mark{own: true} }

// Valid reports whether this module made the mark.
func (m Mark) Valid() bool { return m.own }
