package client

import (
	"maps"
	"slices"

	"github.com/mlsuite/mlsuite/internal/grouprecords"
	"github.com/mlsuite/mlsuite/mls"
	"github.com/mlsuite/mlsuite/store"
)

// groupDelta is what a transaction stores of the engine's state of a group: of a pair, that
// of both of its groups. A part is nil if there is no such group.
type groupDelta struct {
	t, pq  *mls.Delta
	halves map[*half]*mls.Delta
}

// delta returns what is new of the engine's state of the group.
func (g *liveGroup) delta() (d groupDelta, err error) {
	if g.mls != nil {
		if d.t, err = g.mls.Delta(); err != nil {
			return d, err
		}
	}
	if g.partial != nil {
		if d.t, err = g.partial.Delta(); err != nil {
			return d, err
		}
	}
	switch pq := g.pq(); {
	case pq == nil:
	case g.newPQ:
		d.pq, err = pq.Save()
	default:
		d.pq, err = pq.Delta()
	}
	d.halves = map[*half]*mls.Delta{}
	for _, h := range g.halves {
		if err == nil {
			d.halves[h], err = h.mls.Delta()
		}
	}
	return d, err
}

// store writes the delta into the records of g.
func (d groupDelta) store(w store.Writer, g *liveGroup) error {
	if err := g.storePart(w, spaceGroup, d.t); err != nil {
		return err
	}
	for h, delta := range d.halves {
		if err := grouprecords.Apply(w, halfKey(g.id, h.id, partState), delta); err != nil {
			return err
		}
	}
	if d.pq == nil && g.replaces {
		return w.Delete(key(spacePQ, g.id)) // of a pair that is none any more
	}
	return g.storePart(w, spacePQ, d.pq)
}

func (g *liveGroup) storePart(w store.Writer, space string, d *mls.Delta) error {
	switch prefix := key(space, g.id); {
	case d == nil:
		return nil
	case g.replaces, g.newPQ && space == spacePQ:
		return grouprecords.Put(w, prefix, d.Put)
	default:
		return grouprecords.Apply(w, prefix, d)
	}
}

// stored says that the delta is durable.
func (d groupDelta) stored() { d.each((*mls.Delta).Stored) }

func (d groupDelta) destroy() { d.each((*mls.Delta).Destroy) }

func (d groupDelta) each(f func(*mls.Delta)) {
	for _, part := range append(slices.Collect(maps.Values(d.halves)), d.t, d.pq) {
		if part != nil {
			f(part)
		}
	}
}
