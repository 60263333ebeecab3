package policy

// work bounds what a check of rules may cost. It counts conditions that are looked at.
type work struct {
	left int // negative once there was no room
}

// The work that the search for what satisfies rules takes at most, so that a file costs
// no more than its size says.
const (
	workForAll       = 200_000 // for each profile
	workForCondition = 1_000   // for each condition of it and of what it extends, in addition
)

func newWork(conditions int) *work { return &work{left: workForAll + workForCondition*conditions} }

// do counts n conditions. It reports whether there was room for them.
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

// gaveUp reports whether there was no room for something.
func (w *work) gaveUp() bool { return w.left < 0 }

// size is how many conditions and alternatives a rule has: what one look at it costs.
func (r *rule) size() int {
	n := 1 + len(r.when)
	for i := range r.allow {
		n += 1 + len(r.allow[i].conditions)
	}
	return n
}
