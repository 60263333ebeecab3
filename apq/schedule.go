package apq

import (
	"errors"
	"iter"
	"time"

	"github.com/mlsuite/mlsuite/mls/message"
)

// Schedule says when a member makes a FULL commit (draft-ietf-mls-combiner, Section 3).
// The more often, the sooner the group heals from a quantum attacker, and the more bytes
// it costs. The zero value asks for FULL commits only where the draft demands them.
type Schedule struct {
	// Every is the longest time between two FULL commits in the group, whoever makes them;
	// 0 sets no limit.
	Every time.Duration

	// Commits is the largest number of PARTIAL commits in a row; 0 sets no limit.
	Commits uint64

	// Inactivity is the time after which the application removes a device that has made no
	// FULL commit; 0 says that it removes none. Commits of the T group alone do not count.
	Inactivity time.Duration

	// Own is the longest time between two FULL commits of this member. It is shorter than
	// Inactivity; 0 means half of Inactivity.
	Own time.Duration
}

// Validate returns an error if a time or a number is negative, or if a member that keeps
// to the schedule would count as inactive: "the frequency of FULL Commits MUST be greater
// than that threshold window" (draft-ietf-mls-combiner, Section 3).
func (s Schedule) Validate() error {
	switch {
	case s.Every < 0 || s.Inactivity < 0 || s.Own < 0:
		return errors.New("apq: Schedule has a negative time")
	case s.Inactivity > 0 && s.own() >= s.Inactivity:
		return broken("3", 0, "Schedule.Own is %v, and members are inactive after %v without a FULL commit", s.own(), s.Inactivity)
	}
	return nil
}

// own returns the longest time between two FULL commits of this member, or 0.
func (s Schedule) own() time.Duration {
	if s.Own == 0 {
		return s.Inactivity / 2
	}
	return s.Own
}

// Progress is what a [Schedule] goes by.
type Progress struct {
	Full       time.Time // when the last FULL commit was adopted, whoever made it
	Own        time.Time // when this member's last FULL commit was adopted, or when it joined
	Partial    uint64    // PARTIAL commits since the last FULL one
	Joined     bool      // this member has joined and has not made a FULL commit yet
	Membership bool      // a commit that is about to be made adds or removes members
}

// Reason says why a FULL commit is due.
type Reason uint8

// The reasons, the most urgent first.
const (
	NotDue       Reason = iota
	ByMembership        // the commit adds or removes members (Sections 3.2 and 3.3)
	ByJoin              // the member's first commit is FULL (Section 3.2)
	ByInactivity        // the member would count as inactive
	ByTime              // Schedule.Every has passed
	ByCommits           // there were Schedule.Commits PARTIAL commits
)

// String returns the reason in words.
func (r Reason) String() string {
	names := [...]string{"not due", "membership", "join", "inactivity", "time", "commits"}
	if int(r) < len(names) {
		return names[r]
	}
	return "unknown"
}

// Due returns why a FULL commit is due now, or [NotDue].
func (s Schedule) Due(now time.Time, p Progress) Reason {
	switch {
	case p.Membership:
		return ByMembership
	case p.Joined:
		return ByJoin
	case s.own() > 0 && !now.Before(p.Own.Add(s.own())):
		return ByInactivity
	case s.Every > 0 && !now.Before(p.Full.Add(s.Every)):
		return ByTime
	case s.Commits > 0 && p.Partial >= s.Commits:
		return ByCommits
	}
	return NotDue
}

// Next returns when a FULL commit will be due if nothing happens until then, or false if
// it will not. A time that has passed means that one is due.
func (s Schedule) Next(p Progress) (time.Time, bool) {
	if p.Membership || p.Joined || s.Commits > 0 && p.Partial >= s.Commits {
		return p.Full, true
	}
	var next time.Time
	var ok bool
	sooner := func(last time.Time, after time.Duration) {
		if at := last.Add(after); after > 0 && (!ok || at.Before(next)) {
			next, ok = at, true
		}
	}
	sooner(p.Own, s.own())
	sooner(p.Full, s.Every)
	return next, ok
}

// Inactive returns the members that have to be removed: those whose last FULL commit, or
// whose join, is Inactivity or longer ago (draft-ietf-mls-combiner, Section 3).
func (s Schedule) Inactive(now time.Time, last iter.Seq2[message.LeafIndex, time.Time]) []message.LeafIndex {
	var silent []message.LeafIndex
	for leaf, at := range last {
		if s.Inactivity > 0 && !now.Before(at.Add(s.Inactivity)) {
			silent = append(silent, leaf)
		}
	}
	return silent
}
