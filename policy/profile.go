package policy

import "time"

// profile is the content of one file.
type profile struct {
	at       Position
	data     []byte // the file
	digest   string // of data
	name     string
	title    string
	text     string
	version  string
	date     string
	extends  []extended
	existing Existing
	says     bool     // whether the file sets existing
	saysAt   Position // where

	audience       string
	classification string
	zone           *time.Location // of dates; nil is UTC
	ends           Date           // the last day of the whole file, or zero
	endsAt         Position

	sources    []namedSource
	parameters []parameter
	set        []setting
	rules      []rule
	notes      []note
	moves      []move

	unread  bool     // whether there is something in rules that could not be read
	rulesAt Position // of the key rules, or of what else could be to blame
}

// extended is a profile that another extends.
type extended struct {
	reference
	since string // the earliest date that it may have, or ""
}

type namedSource struct {
	name string
	at   Position
	Source
	certainty Certainty
	cited     bool // by a rule
}

// note is a remark on suites that satisfy one of when, or on all suites if when is empty.
type note struct {
	at        Position
	text      string
	certainty Certainty
	when      [][]condition
}

// Move is a step to a weaker suite that a profile allows by name.
type Move struct {
	From, To string // names of suites
	Reason   string
}

type move struct {
	Move
	at Position
}
