package result

import "fmt"

// Pair is what renewing a member's keys costs in a pair of groups under the amortized combiner
// (draft-ietf-mls-combiner), of which one renewal in so many is FULL: by what a run measured in
// steady groups of the two suites, and what a FULL commit takes beside two commits, which is
// priced by its primitives. Bytes are those of the formats.
type Pair struct {
	T         string         `json:"t"`
	TID       Code           `json:"t_id"`
	PQ        string         `json:"pq"`
	PQID      Code           `json:"pq_id"`
	GroupSize int            `json:"group_size"`
	Intervals []PairInterval `json:"intervals"`
}

// PairInterval is the mean of the renewals, of which one in Every is FULL.
type PairInterval struct {
	Every   int     `json:"every"`
	Commit  Figure  `json:"commit_cpu_ns"`
	Process Figure  `json:"process_cpu_ns"`
	Bytes   float64 `json:"bytes"`
	Times   float64 `json:"times"` // the bytes in the T group alone
}

// check returns an error that says what no pair can have.
func (p Pair) check() error {
	if p.T == "" || p.PQ == "" || p.GroupSize < 2 || len(p.Intervals) == 0 {
		return fmt.Errorf("pair of %s and %s: there is no suite, group or interval", p.TID, p.PQID)
	}
	for _, i := range p.Intervals {
		if i.Every < 1 {
			return fmt.Errorf("pair of %s and %s: interval %d is out of range", p.TID, p.PQID, i.Every)
		}
		for _, f := range []Figure{i.Commit, i.Process, {Value: i.Bytes}, {Value: i.Times}} {
			if err := f.Check(); err != nil {
				return fmt.Errorf("pair of %s and %s, interval %d: %w", p.TID, p.PQID, i.Every, err)
			}
		}
	}
	return nil
}
