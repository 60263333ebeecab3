package policy

// work bounds the cost of a check of rules. It counts the conditions that are looked at.
type work struct {
	left int // negative once there was no room
}

// The largest work of the search for something that satisfies rules. It makes the size of a
// file bound its cost.
const (
	workForAll       = 200_000 // for each profile
	workForCondition = 1_000   // for each condition of it and of what it extends, in addition
)

func newWork(conditions int) *work { return &work{left: workForAll + workForCondition*conditions} }

// do counts n conditions, and reports whether there was room for them.
func (w *work) do(n int) bool {
	if w.left < n {
		w.giveUp()
		return false
	}
	w.left -= n
	return true
}

// giveUp leaves no room for anything.
func (w *work) giveUp() { w.left = -1 }

// gaveUp reports whether the room was too small for something.
func (w *work) gaveUp() bool { return w.left < 0 }

// sizeOf returns the size of all rules of profiles.
func sizeOf(profiles []*profile) int {
	n := 0
	for _, p := range profiles {
		for i := range p.rules {
			n += p.rules[i].size()
		}
	}
	return n
}

// size returns the number of conditions and alternatives of a rule: the cost of one look
// at it.
func (r *rule) size() int {
	n := 1 + len(r.when)
	for i := range r.allow {
		n += 1 + len(r.allow[i].conditions)
	}
	return n
}
