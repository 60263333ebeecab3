package mls

// ratchetID names a ratchet of a secret tree.
type ratchetID struct {
	leaf LeafIndex
	kind ratchetKind
}

// aheadSecrets are ratchet secrets of generations that messages named which were not
// authentic, some of them: who names one again and again makes a member derive them
// once. They give away nothing, as each follows from a secret that the tree holds, and
// they go with it. The zero value has none.
type aheadSecrets struct {
	of map[ratchetID][]aheadSecret // in increasing order of generations
}

type aheadSecret struct {
	generation uint64 // a multiple of aheadStride
	secret     []byte
}

const (
	aheadStride     = 16  // one secret in so many generations is kept
	aheadRatchets   = 256 // of so many ratchets at most
	aheadPerRatchet = 1024
)

// latest returns the secret of the last generation up to one, which is the caller's to
// read, or nil.
func (a *aheadSecrets) latest(n ratchetID, upTo uint32) ([]byte, uint64) {
	all := a.of[n]
	for i := len(all) - 1; i >= 0; i-- {
		if all[i].generation <= uint64(upTo) {
			return all[i].secret, all[i].generation
		}
	}
	return nil, 0
}

// keep keeps a copy of the secret of a generation, if it is one to keep and not there.
func (a *aheadSecrets) keep(n ratchetID, generation uint64, secret []byte) {
	all := a.of[n]
	last := len(all) - 1
	if generation%aheadStride != 0 || last >= 0 && all[last].generation >= generation || len(all) == aheadPerRatchet {
		return
	}
	if last < 0 && len(a.of) >= aheadRatchets {
		for other := range a.of {
			a.forget(other)
			break
		}
	}
	if a.of == nil {
		a.of = make(map[ratchetID][]aheadSecret)
	}
	a.of[n] = append(all, aheadSecret{generation, append([]byte(nil), secret...)})
}

// drop deletes the secrets of generations before the one that is next.
func (a *aheadSecrets) drop(n ratchetID, next uint64) {
	all := a.of[n]
	for len(all) > 0 && all[0].generation < next {
		clear(all[0].secret)
		all = all[1:]
	}
	if len(all) == 0 {
		delete(a.of, n)
		return
	}
	a.of[n] = all
}

// forget deletes the secrets of a ratchet.
func (a *aheadSecrets) forget(n ratchetID) {
	for _, s := range a.of[n] {
		clear(s.secret)
	}
	delete(a.of, n)
}

func (a *aheadSecrets) destroy() {
	for n := range a.of {
		a.forget(n)
	}
}
