package trial

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/mlsuite/mlsuite/bench/result"
)

// tracker follows messages from the call of Send until all have them, and moves until all
// have moved. It forgets what has arrived.
type tracker struct {
	mu      sync.Mutex
	waiting map[flight]*flown
	changed chan struct{} // closed when something has arrived, or is on its way
	arrived int           // at all
}

// flight is a message of a group by its number, or the move of the group, or that it was
// made, or that a member has left it: then Group is leaver's.
type flight struct {
	Group  string
	Number int
}

const moveOf, makingOf, leavingOf = 0, -1, -2 // numbers of flights; those of messages begin at 1

// leaver names a group together with who leaves it.
func leaver(group, name string) string { return group + " " + name }

// flown says who has a message.
type flown struct {
	missing map[string]bool // names of members
	last    int64           // when the last one got it
	sent    int64
	unsure  bool       // nobody knows whether it was sent
	seen    bool       // by anybody
	times   *histogram // to which the time is added, or nil
}

func newTracker() *tracker {
	return &tracker{waiting: map[flight]*flown{}, changed: make(chan struct{})}
}

// expect says that something is about to be sent, to members of the given names. The time
// until all have it is added to a histogram, if that is not nil.
func (t *tracker) expect(f flight, names []string, times *histogram) {
	missing := make(map[string]bool, len(names))
	for _, name := range names {
		missing[name] = true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.waiting[f] = &flown{missing: missing, sent: time.Now().UnixNano(), times: times}
}

// forget says that something was not sent.
func (t *tracker) forget(f flight) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.waiting, f)
	t.news()
}

// doubt says that nobody knows whether something was sent.
func (t *tracker) doubt(f flight) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.waiting[f]; w != nil {
		w.unsure = true
	}
}

// got says that a member has something. Saying it again changes nothing.
func (t *tracker) got(name string, r record) {
	f := flight{r.Group, r.Number}
	switch r.Kind {
	case gotMoved:
		f.Number = moveOf
	case gotJoined:
		f.Number = makingOf
	case gotLeft:
		f = flight{leaver(r.Group, name), leavingOf}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	w := t.waiting[f]
	if w == nil || !w.missing[name] {
		return
	}
	delete(w.missing, name)
	w.seen, w.last = true, max(w.last, r.At)
	if r.Sent != 0 {
		w.sent = r.Sent
	}
	if len(w.missing) > 0 {
		t.news()
		return
	}
	delete(t.waiting, f)
	t.arrived++
	if w.times != nil {
		w.times.add(float64(w.last - w.sent))
	}
	t.news()
}

func (t *tracker) news() {
	close(t.changed)
	t.changed = make(chan struct{})
}

// open returns how many things are on their way, without those that may never have been
// sent, or that only a member that is away has not got.
func (t *tracker) open(away string) (n int, changed <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, w := range t.waiting {
		switch {
		case w.unsure && !w.seen:
		case away != "" && len(w.missing) == 1 && w.missing[away]:
		default:
			n++
		}
	}
	return n, t.changed
}

// times returns the times of a histogram that flights were added to.
func (t *tracker) times(h *histogram) result.Times {
	t.mu.Lock()
	defer t.mu.Unlock()
	return h.times()
}

// done returns how many have arrived at all.
func (t *tracker) done() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.arrived
}

// histogram counts values in buckets that are 1 % wide, so that it does not grow.
type histogram struct {
	buckets map[int]int
	n       int
	most    float64
}

const bucketWidth = 1.01

func (h *histogram) add(x float64) {
	if h.buckets == nil {
		h.buckets = map[int]int{}
	}
	h.n++
	h.most = max(h.most, x)
	h.buckets[int(math.Floor(math.Log(max(x, 1))/math.Log(bucketWidth)))]++
}

// quantile returns the value that a part q of the values does not exceed, to 1 %.
func (h *histogram) quantile(q float64) float64 {
	if h == nil || h.n == 0 {
		return 0
	}
	rank, seen := int(math.Ceil(q*float64(h.n))), 0
	for b := 0; ; b++ {
		if seen += h.buckets[b]; seen >= rank {
			return min(math.Pow(bucketWidth, float64(b+1)), h.most)
		}
	}
}

func (h *histogram) times() result.Times {
	return result.Times{Count: h.n, P50: h.quantile(0.5), P99: h.quantile(0.99), Max: h.most}
}

// stopwatch measures durations into a histogram. It is safe for concurrent use.
type stopwatch struct {
	mu sync.Mutex
	of histogram
}

func (s *stopwatch) since(begun time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of.add(float64(time.Since(begun)))
}

// giveUp forgets what is on its way.
func (t *tracker) giveUp(away string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for f, w := range t.waiting {
		if f.Number == makingOf {
			return fmt.Errorf("trial: group %s was made, and %d members did not join", f.Group, len(w.missing))
		}
		if away == "" || len(w.missing) > 1 || !w.missing[away] {
			delete(t.waiting, f)
		}
	}
	return nil
}
